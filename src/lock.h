/*
 * Locks of a destination: bytes of the file `lock` in its directory, which is
 * never renamed, replaced or unlinked (SPOOL.md, LOCKS).  The spool's own
 * `lock` has edit alone, which comes before all locks of destinations: it is
 * held while a webhook chooses where an alert goes and stores it there.
 *
 * Locks belong to a hand (open file description locks, fcntl(2)) and die with
 * it or with the process.  Two flows of work in one process need a hand each.
 * Order: claim, edit, state; at most one edit of a destination at a time.
 * Claims are never waited for but by a person's command: a sweep tries for
 * several, and a new alert for one under its edit.  Claim may be held over a
 * network call, edit and state never.
 */
#ifndef LOCK_H
#define LOCK_H

#include <stdbool.h>
#include <sys/types.h>

struct fail;

struct lock_hand {
	int dir;   /* borrowed: the directory of `lock` */
	int fd;    /* -1: not open */
	dev_t dev; /* which file fd is */
	ino_t ino;
};

enum lock_kind {
	LOCK_DRAIN, /* who drains this destination */
	LOCK_STATE, /* state.json */
	LOCK_EDIT,  /* one ticket: one read-change-rename */
	LOCK_CLAIM, /* one ticket: its event is being sent */
};

enum lock_got { LOCK_GOT, LOCK_BUSY, LOCK_FAILED };

/* Open the lock file in dir, which must be there. */
bool lock_open(int dir, struct lock_hand *h, struct fail *f);
void lock_close(struct lock_hand *h);

/* Whether its name still leads to it: another keeps nobody out. */
bool lock_is_at(const struct lock_hand *h);

/* Try once.  id is a ticket's id for edit and claim, else NULL. */
enum lock_got lock_try(const struct lock_hand *h, enum lock_kind kind,
    const char *id, struct fail *f);

/* Try for at most 2 s; then it is FAIL_RETRY. */
bool lock_wait(const struct lock_hand *h, enum lock_kind kind, const char *id,
    struct fail *f);

void lock_drop(const struct lock_hand *h, enum lock_kind kind, const char *id);

#endif
