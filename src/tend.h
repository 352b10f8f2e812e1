/*
 * The operator's hands on alerts: retry, drop and prune (SPOOL.md, RETRY).
 * Each alert is claimed, then edited.
 */
#ifndef TEND_H
#define TEND_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct catalog_box;
struct catalog_dead;
struct catalog_letter;
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

/*
 * Under edit: the alert's dead letters, as by catalog_letters, after those
 * that are torn were moved to corrupt/, which is said; so many are torn.
 */
struct catalog_letter *tend_letters(const struct catalog_dead *d,
    const char *id, size_t *n, size_t *torn, struct arena *a, struct fail *f);

#endif
