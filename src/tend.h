/*
 * The operator's hands on alerts: retry, drop and prune (SPOOL.md, RETRY).
 * Each alert is claimed, then edited.
 */
#ifndef TEND_H
#define TEND_H

#include <stdbool.h>

struct catalog_box;
struct command;
struct fail;
struct lock_hand;

extern const struct command tend_retry;
extern const struct command tend_drop;
extern const struct command tend_prune;

/*
 * Claim an alert, for which another's exchange is waited for if patient, and
 * begin to edit it.  tend_release is for after success alone.
 */
bool tend_take(const struct catalog_box *b, const char *id, bool patient,
    struct lock_hand *h, struct fail *f);
void tend_release(struct lock_hand *h, const char *id);

#endif
