/*
 * A ticket: one deduplication key at one destination, and all there is to
 * know of it (DESIGN.md, 7).  Arithmetic on values: no disk, no clock, no
 * chance; time and random numbers come in as arguments.
 *
 * The queue holds what is undelivered.  It alternates in status, three
 * entries at most; each is a complete body with a serial that is fixed when
 * it is queued.  A change to what waits is a new entry with a new serial, so
 * that a call in flight for the old one takes nothing away.
 */
#ifndef TICKET_H
#define TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;
struct fail;
struct tree;

enum {
	TICKET_QUEUE = 3,
	TICKET_MAX = 1 << 20, /* bytes of its text */
	TICKET_HISTORY = 50,  /* lines */
	TICKET_REPEAT = 60,   /* s from an acceptance to the repeat */
};

/* An undelivered event. */
struct ticket_event {
	uint64_t n;    /* serial */
	bool resolved; /* its status */
	bool urgent;   /* new alert, resolve or raised severity */
	bool repeat;   /* sent once more after an unknown outcome */
	bool small;    /* was made smaller after a 413 */
	bool closing;  /* no end of the alert: the firing behind it pages */
	int severity;  /* event_severity */
	int64_t since; /* when the oldest event it stands for came */
	const char *digest; /* of the body as it was queued (ticket_write) */
	const struct tree *body;
};

/* The last event that the destination accepted; n is 0 if there is none. */
struct ticket_sent {
	uint64_t n;
	int64_t at;
	const char *digest;
	const char *target; /* fingerprint of the URL it went to */
	bool resolved;
	int severity;
};

/*
 * A firing alert that a mute keeps quiet: its newest state is merged, and not
 * sent.  Its queue is empty, or holds the resolve or the repeat of what rang
 * before.  by is NULL if it is not muted.
 */
struct ticket_muted {
	const char *by;     /* name of the mute */
	int64_t since;      /* when its first event was kept */
	const char *digest; /* of the body that would be sent */
	bool doubt;         /* it waited, or had no ticket: it may have rung */
};

/* All pointers are borrowed from the arena of the request. */
struct ticket {
	const char *key;
	const char *source;       /* name of the source that opened it */
	const char *spoke;        /* of the one that spoke last; NULL: source */
	const struct tree *alert; /* merged; NULL in a new ticket */
	struct ticket_event queue[TICKET_QUEUE + 1];
	size_t queued;
	uint64_t next; /* serial of the next event */
	struct ticket_sent sent;
	struct ticket_muted muted;
	bool unsure;     /* an exchange since the last repeat had no answer */
	unsigned tries;  /* failed in a row */
	int64_t waited;  /* ms between them, if there are any */
	int64_t limited; /* when it last met 429; 0: not since an acceptance */
	int64_t set, until; /* the wait for the next try, ms */
	int64_t first;      /* receipt of the first event */
	const char *error;  /* the last one, or NULL */
	struct tree *history;
	struct tree *rest; /* members of a later version, kept */
};

/* A new ticket for key. */
void ticket_new(struct ticket *t, const char *key, const char *source,
    int64_t now, struct arena *a);

/* Text is borrowed.  Fails with FAIL_BROKEN if it is no ticket we know. */
bool ticket_parse(const char *text, size_t n, struct ticket *t, struct arena *a,
    struct fail *f);

/*
 * Append the ticket's text.  Over TICKET_MAX metadata.extra gives way, then
 * the longest single values are cut, in the alert and in what waits; of very
 * many small ones first the layout goes, then all of the alert but a few words.
 * What waits keeps title, key and status, and its digest, by which the same
 * event is known again; the text stays under 4 MiB.
 */
void ticket_write(const struct ticket *t, struct arena *a, struct buf *out);

/* A merged alert to be sent. */
struct ticket_change {
	struct tree *alert;
	struct tree *body;    /* event_body of it */
	const char *target;   /* fingerprint of the URL */
	int64_t resend_after; /* ms */
	bool updates;         /* false: only firing and resolved are sent */
	bool refire;          /* a raised severity rings again */
	const char *source;   /* that speaks; NULL: the one that did last */
	const char *muted;    /* the mute that the alert is under, or NULL */
	bool doubt;           /* it is, or ends, and may have rung before it
			       * had a ticket */
};

enum ticket_result {
	TICKET_UNCHANGED, /* nothing to send, nothing to write */
	TICKET_SAME,      /* what waits says it already */
	TICKET_MERGED,    /* to be written, but nothing new to send */
	TICKET_QUEUED,    /* to be written, then sent */
	TICKET_MUTED,     /* to be written, and sent when the mute is over */
};

enum ticket_result ticket_enqueue(struct ticket *t,
    const struct ticket_change *c, int64_t now, struct arena *a);

/*
 * c is what the ticket says already, and no mute is over it any more: what
 * was kept quiet is queued, if it still fires and is not what was accepted
 * last.  To be written, whatever the result.
 */
enum ticket_result ticket_wake(struct ticket *t, const struct ticket_change *c,
    int64_t now, struct arena *a);

/*
 * The alert came under a mute while something waited: what fires is kept
 * quiet.  A resolve stays, for what was tried may have rung.  Only under claim.
 * Whether there is something to be written.
 */
bool ticket_hush(
    struct ticket *t, const char *by, int64_t now, struct arena *a);

/*
 * t was lost for a while, and later begun in its place: what waits there comes
 * after what waits in t, under serials of t, and what it says is what t says.
 */
void ticket_follow(struct ticket *t, const struct ticket *later);

/* The source that spoke last. */
const char *ticket_speaker(const struct ticket *t);

/* The next event to send, or NULL. */
const struct ticket_event *ticket_head(const struct ticket *t);

/* Whether the wait is over; a clock outside its span ends it too. */
bool ticket_due(const struct ticket *t, int64_t now);

/* Whether the event is worth a bell: rank of the head. */
bool ticket_urgent(const struct ticket *t);

/* e (a copy of the head that was sent) was accepted. */
void ticket_accepted(struct ticket *t, const struct ticket_event *e,
    const char *target, int64_t now, struct arena *a);

/*
 * e was not, and trouble may pass: the wait of the schedule begins.  unknown:
 * the destination may have taken it.  random is any number.
 */
void ticket_failed(struct ticket *t, const struct ticket_event *e, bool unknown,
    const char *why, uint64_t random, int64_t now, struct arena *a);

/*
 * Whether failed tries fill so many hours.  Each fills the wait before it, as
 * far as it was waited for: a machine that was off for days, or a destination
 * that rested, burns no more than that.
 */
bool ticket_spent(const struct ticket *t, unsigned hours);

/*
 * The head was too large: a smaller one takes its place, of whose metadata what
 * is small of source, severity, owners and environment is left.  False if it
 * was made smaller before.
 */
bool ticket_shrink(
    struct ticket *t, const struct ticket_event *e, struct arena *a);

/* e was refused for good: it leaves the queue, if it still is the head. */
void ticket_refused(struct ticket *t, const struct ticket_event *e,
    const char *why, int64_t now, struct arena *a);

/* Add a line to the history. */
void ticket_note(struct ticket *t, const char *what, uint64_t n,
    const char *why, int64_t now, struct arena *a);

/*
 * The text of a dead letter: the ticket's key and source, the event and the
 * destination's answer.
 */
void ticket_epitaph(const struct ticket *t, const struct ticket_event *e,
    int status, const char *answer, size_t answer_len, int64_t now,
    struct arena *a, struct buf *out);

/*
 * The event of a dead letter, as parsed, waits again, as the newest.  False if
 * it is superseded: something newer was accepted or waits.
 */
bool ticket_revive(
    struct ticket *t, const struct tree *letter, int64_t now, struct arena *a);

/* When anything was last received for it. */
int64_t ticket_received(const struct ticket *t);

/* When anything last happened. */
int64_t ticket_last(const struct ticket *t);

#endif
