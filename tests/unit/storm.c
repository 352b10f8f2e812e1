/*
 * A storm, without disk or clock: 1,000 alerts in ten minutes, 20 updates
 * each, at a destination that takes 120 events a minute.  How many calls are
 * made and when the last new alert rings, beside first-in-first-out.
 */
#include "arena.h"
#include "buf.h"
#include "event.h"
#include "fail.h"
#include "pace.h"
#include "ticket.h"
#include "tree.h"

#include "tap.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	ALERTS = 1000,
	UPDATES = 20,
	EVENTS = ALERTS * (UPDATES + 1),
	SPAN = 600 * 1000, /* ms in which they come */
	STEP = 50,         /* ms between looks */
	RATE = 120,
	MINUTE = 60 * 1000,
	LATEST = 4 * 3600 * 1000,
};

static const int64_t start = (int64_t)1700000000 * 1000;

/* What comes: sorted by time. */
struct arrival {
	int64_t at;
	int alert;
	int nth; /* 0: new; the last: resolved */
};

struct storm {
	struct arrival arrivals[EVENTS];
	struct ticket tickets[ALERTS];
	int64_t first[ALERTS]; /* when the alert came */
	int64_t rang[ALERTS];  /* when it left first; 0: not yet */
	int64_t calls[EVENTS]; /* when each call was made */
	size_t made;
	struct pace pace;
	struct arena arena;
};

static struct storm s;

static int
by_time(const void *a, const void *b)
{
	const struct arrival *x = a;
	const struct arrival *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->nth - y->nth;
}

static void
gather(void)
{
	unsigned long seed = 1;
	size_t n = 0;

	for (int i = 0; i < ALERTS; i++) {
		int64_t at = start + (int64_t)i * SPAN / 2 / ALERTS;

		for (int u = 0; u <= UPDATES; u++) {
			s.arrivals[n++] = (struct arrival){ at, i, u };
			seed = seed * 6364136223846793005u + 1;
			at += (int64_t)(seed >> 33) % (SPAN / UPDATES);
		}
	}
	qsort(s.arrivals, n, sizeof(s.arrivals[0]), by_time);
}

static void
put(const struct arrival *e, int64_t now)
{
	struct ticket *t = &s.tickets[e->alert];
	struct arena *a = &s.arena;
	struct tree *alert = tree_new(a, TREE_OBJECT);
	struct tree *metadata = tree_new(a, TREE_OBJECT);
	struct ticket_change c = {
		.alert = alert, .target = "url", .updates = true
	};

	if (e->nth == 0) {
		ticket_new(t, arena_printf(a, "%d", e->alert), "s", now, a);
		s.first[e->alert] = now;
	}
	tree_set(a, alert, "title", tree_str(a, "t"));
	tree_set(a, alert, "status",
	    tree_str(a, e->nth == UPDATES ? "resolved" : "firing"));
	tree_set(a, metadata, "n", tree_num(a, e->nth));
	tree_set(a, alert, "metadata", metadata);
	c.body = event_body(alert, t->key, a);
	(void)ticket_enqueue(t, &c, now, a);
}

/* The drain's choice: urgent ones first, then the oldest. */
static int
pick(void)
{
	int best = -1;

	for (int i = 0; i < ALERTS; i++) {
		const struct ticket_event *e = ticket_head(&s.tickets[i]);
		const struct ticket_event *b =
		    best < 0 ? NULL : ticket_head(&s.tickets[best]);

		if (e == NULL)
			continue;
		if (b == NULL || e->urgent > b->urgent ||
		    (e->urgent == b->urgent && e->since < b->since))
			best = i;
	}
	return best;
}

/* Send what may be sent now. */
static void
drain(int64_t now)
{
	int i;

	while ((i = pick()) >= 0) {
		struct ticket *t = &s.tickets[i];
		struct ticket_event e = *ticket_head(t);
		struct pace_call call = {
			.target = "t", .ticket = t->key, .urgent = e.urgent
		};
		int64_t until;

		if (pace_ask(&s.pace, RATE, &call, now, &until) != PACE_GO)
			return;
		pace_tell(&s.pace, PACE_ACCEPTED, &call, -1, now);
		ticket_accepted(t, &e, "url", now, &s.arena);
		s.calls[s.made++] = now;
		if (s.rang[i] == 0)
			s.rang[i] = now;
	}
}

static int64_t
rage(void)
{
	size_t next = 0;
	int64_t now = start;

	for (; now < start + LATEST; now += STEP) {
		while (next < EVENTS && s.arrivals[next].at <= now)
			put(&s.arrivals[next++], now);
		drain(now);
		if (next == EVENTS && pick() < 0)
			break;
	}
	return now;
}

static size_t
most_in_a_minute(void)
{
	size_t most = 0;
	size_t first = 0;

	for (size_t i = 0; i < s.made; i++) {
		while (s.calls[i] - s.calls[first] >= MINUTE)
			first++;
		if (i - first + 1 > most)
			most = i - first + 1;
	}
	return most;
}

int
main(void)
{
	int64_t slowest = 0;
	int64_t last = 0;
	int64_t fifo = 0;
	int unresolved = 0;
	int64_t end;

	gather();
	end = rage();
	for (int i = 0; i < ALERTS; i++) {
		if (s.rang[i] - s.first[i] > slowest)
			slowest = s.rang[i] - s.first[i];
		if (s.rang[i] > last)
			last = s.rang[i];
		unresolved += !s.tickets[i].sent.resolved;
	}
	/* One after the other, at the same rate: the last new alert's turn. */
	for (int64_t i = 0; i < EVENTS; i++)
		if (s.arrivals[i].nth == 0)
			fifo = i * MINUTE / RATE;

	printf("# %d events came; %zu calls were made\n", EVENTS, s.made);
	printf("# the last new alert rang after %" PRId64
	       " s, first-in-first-out after %" PRId64 " s at the least\n",
	    (last - start) / 1000, fifo / 1000);
	printf("# the slowest new alert waited %" PRId64 " s; all was over "
	       "after %" PRId64 " s\n",
	    slowest / 1000, (end - start) / 1000);
	ok(most_in_a_minute() <= RATE, "never more than the rate in any 60 s");
	ok(s.made < EVENTS / 4, "most updates are merged away while they wait");
	ok(s.made >= 2 * ALERTS, "but each alert rings and is resolved");
	ok(unresolved == 0, "what was sent last is the newest state");
	ok(last - start < fifo / 2,
	    "new alerts ring in less than half of the time of a plain queue");
	arena_free(&s.arena);
	return tap_done();
}
