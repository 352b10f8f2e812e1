/*
 * What this process knows of one destination's pending tickets: a list in
 * memory, which may lag behind the spool and decides nothing.
 *
 * A pointer to an entry holds until something is added, noted, tidied or
 * dropped.
 */
#ifndef PENDING_H
#define PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "spool.h"

struct setup_box;
struct summary;

/* What is known of one ticket.  Who writes into it may do so in place. */
struct pending_entry {
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
};

struct pending {
	struct setup_box *to;   /* borrowed */
	struct buf entries;     /* of struct pending_entry */
	size_t sorted;          /* so many at its front are sorted by id */
	unsigned long shuffles; /* grows with each change of what is next */
	bool missed; /* something is not as it is known here: look again */
};

void pending_open(struct pending *l, struct setup_box *to);

/* Give the memory back. */
void pending_close(struct pending *l);

struct pending_entry *pending_entries(const struct pending *l);
size_t pending_count(const struct pending *l);

/* NULL if it is not known, or, the first, was only added since pending_tidy. */
struct pending_entry *pending_find(const struct pending *l, const char *id);
struct pending_entry *pending_find_noted(
    const struct pending *l, const char *id);

/* All zero but its id.  NULL if the list is full: a later look finds it when
 * there is room. */
struct pending_entry *pending_add(struct pending *l, const char *id);

/* What is known of a ticket by who has just written it. */
struct pending_news {
	bool urgent;
	bool empty;    /* it owes nothing */
	int64_t until; /* what it owes waits so long; 0: it is due */
};

/* A ticket was written.  False if the list is full. */
bool pending_note(struct pending *l, const char *id,
    const struct pending_news *news, int64_t now);

/* Sort, and keep of each id the first, without what is not listed. */
void pending_tidy(struct pending *l);

/* Drop what is gone; the rest keeps its order, and an empty list gives its
 * memory back. */
void pending_drop_gone(struct pending *l);

/* What was chosen of the list before is over: what is next has to be found
 * anew. */
void pending_shuffle(struct pending *l);

/* Whether something of it has still to be delivered. */
bool pending_owes(const struct pending_entry *e);

bool pending_waits(const struct pending_entry *e, int64_t now);

/* Whether it is to be tried now; force: by a person's order, whatever its
 * wait. */
bool pending_due(const struct pending_entry *e, bool force, int64_t now);

/* How many owe something. */
size_t pending_owed(const struct pending *l);

/* What waits, as of now; dead is 0. */
void pending_sum(const struct pending *l, int64_t now, struct summary *out);

#endif
