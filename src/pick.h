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
 * EX_OK with one pick or more, all of one id: the alert at each destination
 * that has it.  Else says why not and returns the exit status.
 */
int pick_alert(const struct catalog *c, const char *text,
    struct pick out[PICK_MAX], size_t *n);

#endif
