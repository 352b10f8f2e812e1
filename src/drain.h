/*
 * DRAIN of SPOOL.md: of each destination what waits is looked for, sent when
 * its turn has come, and swept, a step at a time.
 *
 * A drain never blocks: each step starts at most one call, or takes the
 * result of one, or looks through the spool for some 20 ms.  What it knows is
 * a list a destination; the spool decides.
 */
#ifndef DRAIN_H
#define DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "forward.h"
#include "look.h"
#include "pending.h"
#include "sweep.h"
#include "turn.h"

struct counters;
struct setup;
struct setup_box;

/* One destination's share. */
struct drain_list {
	struct setup_box *to;
	struct pending pending;
	struct look look;
	struct turn turn;
	struct sweep sweep;
	int64_t told;       /* when the summary was last written */
	bool mine;          /* we hold the drain lock */
	int64_t set, until; /* the pace says: not before */
	bool probed;        /* a person's drain has had a failure here */
	bool rested; /* the pace said so; nothing rang a bell meanwhile */
	bool over;   /* this run goes no further here */
};

struct drain {
	const struct setup
	    *setup; /* whose destinations the lists are; or NULL */
	struct forward forward;
	struct drain_list *lists;
	size_t n;
	size_t next; /* whose turn it is */
	bool force;  /* a person's drain: each ticket once, whatever its wait */
	bool once;   /* a run that ends when drain_over; force is one too */
	const struct setup_box *calling; /* where the call in flight goes */
	bool failed;     /* something could not be delivered in this run */
	int64_t counted; /* when orphans were last seen to */
	size_t ended[FORWARD_RESULTS]; /* how many exchanges ended how */
	struct arena lists_arena;
	struct arena arena; /* of one step */
};

void drain_open(struct drain *d, struct post *post, struct counters *counters);
void drain_close(struct drain *d);

/*
 * Work for this setup from now on; NULL: for none.  Only when no call is in
 * flight.
 */
void drain_use(struct drain *d, struct setup *s);

/* A ticket was written. */
void drain_note(struct drain *d, const struct setup_box *to, const char *id,
    const struct pending_news *news, int64_t now);

/*
 * One step.  Returns milliseconds until there may be more to do: 0 at
 * once; a call in flight does not count, post_poll wakes for it.
 */
int64_t drain_step(struct drain *d, int64_t now);

/*
 * Whether a run that is to end has nothing left to try: all was looked
 * at, and what still waits has failed in this run, is not due, or goes to a
 * destination that rests, is held, or is drained by another process.
 */
bool drain_over(const struct drain *d, int64_t now);

/* Write what waits, as it is known, for healthz and metrics: a run is over. */
void drain_tell(struct drain *d, int64_t now);

/* Let go of the drain locks, so that an idle process may take over. */
void drain_yield(struct drain *d);

/* How many tickets are known to owe something. */
size_t drain_owed(const struct drain *d);

#endif
