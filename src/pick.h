/*
 * Which alert a person means by ALERT: [DESTINATION/]ID, where ID is an id,
 * the beginning of one, or the deduplication key itself.
 */
#ifndef PICK_H
#define PICK_H

#include <stddef.h>

#include "spool.h"

struct catalog;
struct catalog_box;

enum { PICK_MAX = 20, PICK_DIGITS = 4 };

struct pick {
	const struct catalog_box *at;
	char id[SPOOL_ID + 1];
};

/*
 * All that it can mean, up to PICK_MAX, each once.  More than one id: it is
 * not clear; one id several times: the alert at each of its destinations.
 */
size_t pick_all(
    const struct catalog *c, const char *text, struct pick out[PICK_MAX]);

/*
 * The same for a command: EX_OK with at least one, all of one id, else says
 * why not and returns the exit status.
 */
int pick_alert(const struct catalog *c, const char *text,
    struct pick out[PICK_MAX], size_t *n);

#endif
