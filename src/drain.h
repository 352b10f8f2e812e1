/*
 * SWEEP and DRAIN of SPOOL.md: what waits is delivered, what owes nothing
 * leaves pending.
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
#include "buf.h"
#include "forward.h"
#include "spool.h"

struct counters;
struct setup;
struct setup_box;

/* What is known of one pending ticket. */
struct drain_entry {
	char id[SPOOL_ID + 1];
	bool urgent;
	bool empty;    /* owes nothing: to be swept */
	bool muted;    /* is empty, and swept only when its mute is over */
	bool tried;    /* in this run, by a drain that tries each once */
	bool listed;   /* was seen by the look under way */
	bool noted;    /* by this process, since the last look ended */
	bool gone;     /* no longer in pending, or not ours to sweep */
	bool unread;   /* could not be read: since is the file's */
	bool patient;  /* a repeat: a person's drain keeps its wait too */
	unsigned busy; /* so many times another was just sending it */
	bool again;    /* has failed in this run before */
	int64_t since; /* of its oldest event */
	int64_t set, until;
	struct spool_mark mark; /* of its file, when it was last read */
	uint64_t empty_at; /* the generation that is known to be empty, or 0 */
};

/* The best of a list's entries, found once for many picks. */
struct drain_hand {
	size_t at[64]; /* places in the list, best first */
	size_t n;
	size_t next;
	int64_t dealt; /* when; 0: anew */
};

/* One destination's list. */
struct drain_list {
	struct setup_box *to;
	struct buf entries;         /* of struct drain_entry */
	size_t sorted;              /* so many at its front are sorted by id */
	struct drain_hand hands[2]; /* by rank, and by age alone */
	int64_t heard;              /* when the bells were last read, ns */
	size_t swept;               /* where the sweep goes on */
	size_t unswept;         /* emptied by our calls since the last sweep */
	int64_t calm;           /* no sweep before, unless there are many */
	size_t gone;            /* how many of those before it are gone */
	int64_t told;           /* when the summary was last written */
	struct spool_walk walk; /* a look under way */
	bool looking;
	bool mine;      /* we hold the drain lock */
	int64_t looked; /* when the last look began */
	int64_t walked; /* when the last one began that read the directory */
	int64_t until;  /* the pace says: not before */
	char last[PACE_NAME]; /* of the pace, when a probe was due */
	bool probed;          /* a person's drain has had a failure here */
	bool rested; /* the pace said so; nothing rang a bell meanwhile */
	bool over;   /* this run goes no further here */
	unsigned turns;
	int64_t dead; /* dead letters seen by the last look */
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

/* A ticket was written: what its head waits for. */
void drain_note(struct drain *d, const struct setup_box *to, const char *id,
    bool urgent, bool empty, int64_t set, int64_t until, int64_t now);

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
