/*
 * Whose turn it is: which of a destination's pending tickets is sent next.
 */
#ifndef TURN_H
#define TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pace.h"

struct arena;
struct pending;
struct pending_entry;

/* The best of a list's entries, found once for many turns. */
struct turn_hand {
	size_t at[64]; /* places in the list, best first */
	size_t n;
	size_t next;
	int64_t dealt;          /* when; 0: not yet */
	unsigned long shuffles; /* of the list by then */
};

struct turn {
	struct turn_hand hands[2]; /* by rank, and by age alone */
	unsigned taken;            /* every eighth goes to the oldest: its owner
				    * counts the calls that began */
	char last[PACE_NAME];      /* of the pace, as turn_probe read it */
};

/* The next that is due; NULL: none is.  force: as for pending_due. */
struct pending_entry *turn_next(
    struct turn *t, const struct pending *l, bool force, int64_t now);

/* The one whose turn it is to probe a destination that rests or is held, after
 * t->last; NULL: none is due.  What a is given is lost. */
struct pending_entry *turn_probe(struct turn *t, const struct pending *l,
    bool force, int64_t now, struct arena *a);

#endif
