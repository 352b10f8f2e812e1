/*
 * When a destination may be called: its rate, and whether it is ready,
 * resting or held.  Arithmetic on values; the spool keeps the record.
 *
 *	ready	calls go out as the rate allows
 *	resting	trouble that passes: one process at a time probes, after 5,
 *		15, 30, 60 s and then each minute, or when Retry-After says;
 *		what has no ticket does not wait, but for a 429
 *	held	401, 403 or 404, somebody must mend something: a probe every
 *		5 minutes, at once when the URL or the token has changed
 *
 * Probes go round all tickets that are due, in order of their ids: each is
 * reached within as many probes as there are, however many of them are what
 * the destination does not like.
 *
 * Never more than `rate` calls in any 60 seconds: a bucket of rate/4 calls
 * that fills with the rest, as one number, the arrival time of the generic
 * cell rate algorithm (ITU-T I.371).  A third of the bucket is kept for urgent
 * events.
 *
 * The record also marks what may have rung without a ticket.  A mark is for
 * all tickets whose id begins with the same two digits, and is never taken
 * away: as long as nothing tells that the alert is over, it may ring.  Where
 * it is wrong, a resolve is sent that nobody needs.
 */
#ifndef PACE_H
#define PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;

enum { PACE_NAME = 40, PACE_MARKS = 256 };

enum pace_mode { PACE_READY, PACE_RESTING, PACE_HELD };

struct pace {
	enum pace_mode mode;
	char target[PACE_NAME]; /* fingerprint of the URL and token it is for */
	int64_t since;          /* of the mode */
	int64_t set, until;     /* the wait for the next probe, ms */
	unsigned probes;        /* made since `since` */
	bool limited;           /* the wait is what a 429 asked for */
	char last[PACE_NAME];   /* ticket of the last exchange that failed, or
				 * of the last probe */
	int64_t arrival;        /* GCRA, ms */
	int64_t success;        /* time of the last 2xx, 0: never */
	char marks[PACE_MARKS + 1]; /* a letter each, or "": none */
};

/* One call that is asked for. */
struct pace_call {
	const char *target; /* fingerprint of the URL and token now */
	const char *ticket;
	bool urgent;       /* a new alert, a resolve, a raised severity */
	bool probe;        /* may probe: a drain's call, not a webhook's */
	bool now;          /* probe at once, by a person's order */
	bool unstored;     /* is lost if it does not go: rest is no reason */
	const char *after; /* last, if its turn is next; NULL: not known */
	long timeout_ms;   /* of the exchange */
};

enum pace_answer {
	PACE_GO,    /* call; a token was taken */
	PACE_WAIT,  /* not now: *until says when to ask again */
	PACE_OTHER, /* a probe is due, of the ticket whose turn it is */
};

/* May this call be made?  Changes p. */
enum pace_answer pace_ask(struct pace *p, unsigned rate,
    const struct pace_call *call, int64_t now, int64_t *until);

/* When the rate has room for an urgent call: now, or later. */
int64_t pace_room(const struct pace *p, unsigned rate, int64_t now);

/* Whether after last it is x's turn to probe before y's. */
bool pace_before(const char *last, const char *x, const char *y);

/* How an exchange ended, as far as the destination is concerned. */
enum pace_outcome {
	PACE_ACCEPTED,  /* 2xx */
	PACE_REFUSED,   /* this one event, for good: the destination is there */
	PACE_TRANSIENT, /* network, time-out, 408, 5xx */
	PACE_LIMITED,   /* 429 */
	PACE_DENIED,    /* 401, 403, 404 */
};

/* wait: of Retry-After in ms; 0, a time that is over, and -1: none. */
void pace_tell(struct pace *p, enum pace_outcome outcome,
    const struct pace_call *call, int64_t wait, int64_t now);

/*
 * A firing event of the ticket is called out that is nowhere on disk, or, with
 * stored, is being written there meanwhile.  Whether this is a mark that
 * pace_unmark is to take away once it is written.
 */
bool pace_mark(struct pace *p, const char *ticket, bool stored);
void pace_unmark(struct pace *p, const char *ticket);

/* Whether it may have rung without a ticket; and whether the marks tell one
 * from another, which those of a lost record do not. */
bool pace_marked(const struct pace *p, const char *ticket);
bool pace_tells(const struct pace *p);

/* Add another destination's marks, whose tickets come here.  Whether that
 * changes any. */
bool pace_join(struct pace *p, const struct pace *from);

const char *pace_mode_name(enum pace_mode mode);

/*
 * The record as JSON text, and back.  What cannot be read is ready, with an
 * empty bucket and every mark.
 */
void pace_write(const struct pace *p, struct arena *a, struct buf *out);
void pace_parse(const char *text, size_t n, struct pace *p, struct arena *a);

#endif
