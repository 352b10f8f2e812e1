/*
 * FORWARD of SPOOL.md: one ticket's next event to its destination, in two
 * halves around the call, so that a process can do other things meanwhile.
 *
 * From forward_begin to the end of its result being on disk the ticket is
 * claimed.  A result that cannot be written is kept, and with it the claim;
 * forward_settle tries again, and until then this flow sends nothing.
 *
 * What an acceptance makes of the ticket is written before the call, so that
 * there is room for it, and synced while the call is under way; then all that
 * it takes is a rename.  Whatever else comes of the call, or came for the
 * ticket meanwhile, is loaded, changed and written as ever.  A ticket that was
 * torn meanwhile, or removed by hand, is written again.
 *
 * A firing event that leaves before it is on disk is marked in the record of
 * the pace (pace.h), which is written in place and so needs no room.  Where a
 * file system has none for that either, the record is emptied and marks every
 * alert; a power cut can take a mark along that was not on disk yet.
 */
#ifndef FORWARD_H
#define FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"
#include "keep.h"
#include "pace.h"
#include "post.h"
#include "spool.h"
#include "ticket.h"

struct counters;
struct fail;
struct setup_box;

/* What is asked for. */
struct forward_ask {
	struct setup_box *to;
	const char *id;
	long timeout_ms;
	bool probe; /* a drain's call: may probe a resting destination */
	bool force; /* by a person's order: the ticket's wait is not kept */
	bool now;   /* by a person's order: probe at once */
	/* Whose turn to probe comes next, as in struct pace_call. */
	const char *after;
	/* The generation after which pending was synced; 0: not known. */
	uint64_t synced;

	/* An event that has no ticket, for want of room; else NULL. */
	const struct tree *body;
	bool resolved;
	/* Or one that is just being stored: the caller holds edit, and has
	 * seen that there is no ticket. */
	bool fresh;
};

enum forward_start {
	FORWARD_STARTED,
	FORWARD_NOTHING, /* it owes nothing: see ticket */
	FORWARD_BUSY,    /* another is sending it, or this flow is stuck */
	FORWARD_WAIT,    /* its own wait, until *until */
	FORWARD_PACE,    /* the rate allows none until *until */
	FORWARD_REST,    /* the destination rests or is held until *until */
	FORWARD_OTHER,   /* a probe is due, of the ticket whose turn it is */
	FORWARD_FAILED,  /* the spool; see the failure */
};

enum forward_result {
	FORWARD_DELIVERED,
	FORWARD_LATER, /* it stays queued */
	FORWARD_DEAD,  /* refused for good, now a dead letter */
	FORWARD_RESULTS,
};

struct forward {
	enum post_slot slot;
	struct post *post;
	struct counters *counters;
	struct setup_box *to; /* NULL: idle */
	bool direct;          /* an event without a ticket */
	bool marked;          /* for as long as it has none: see pace_mark */
	bool answered;        /* the call is over, its result not yet on disk */
	char id[SPOOL_ID + 1];
	struct arena arena;   /* of the event that is sent */
	struct arena scratch; /* of one attempt to record its result */
	struct arena *a;      /* the one in use */
	struct ticket_event event;
	struct pace_call call;
	struct keep before;       /* the ticket that was read for the call */
	struct spool_draft draft; /* the ticket as an acceptance makes it */
	struct ticket ticket;     /* likewise */
	uint64_t generation; /* of the file it was made from; 0: not alone */
	int64_t drafted;     /* when; 0: something else will be written */
	int64_t foreseen;    /* the same, once the draft is synced */
	struct buf body;
	struct post_answer answer;
	int64_t success; /* when the destination had last accepted anything */
	enum forward_result result;
	bool more;     /* the ticket owes another event that is due */
	bool owes;     /* it stays pending with something in its queue */
	int64_t until; /* and waits for this time */
};

void forward_open(struct forward *fw, struct post *post, enum post_slot slot,
    struct counters *counters);
void forward_close(struct forward *fw);

/*
 * Under edit: what was begun as fresh has its ticket now, and its result will
 * go there, for which room is set aside if there is any.  False if the ticket
 * could not be read: it knows nothing of the call, and will be sent again.
 */
bool forward_adopt(struct forward *fw, int64_t now, struct fail *f);

/* Sync what was written ahead, while the call is under way; forward_begin does
 * it by itself, forward_adopt leaves it to its caller, who holds edit. */
void forward_harden(struct forward *fw);

/* Whether a call is in flight or a result still to be written. */
bool forward_busy(const struct forward *fw);

enum forward_start forward_begin(struct forward *fw,
    const struct forward_ask *ask, int64_t now, int64_t *until, struct fail *f);

/*
 * Take the answer, if the call is over, and write the result.  False while
 * the call goes on or if the result could not be written; the claim is then
 * kept.  When true, result, more, owes and until tell how it went.
 */
bool forward_settle(struct forward *fw, int64_t now, struct fail *f);

/* The pace of a destination as this process keeps it: where the record cannot
 * be written each has its own, at the price of that many times the rate. */
void forward_pace(
    const struct setup_box *to, struct pace *out, struct arena *a);

/* Log a failure of either, if there is one. */
void forward_complain(
    const struct forward *fw, const struct fail *f, int64_t now);

#endif
