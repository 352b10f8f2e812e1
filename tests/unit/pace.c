#include "arena.h"
#include "buf.h"
#include "pace.h"
#include "spool.h"

#include "tap.h"

#include <limits.h>
#include <stdlib.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, START = 1700000000 };

static const int64_t start = (int64_t)START * SECOND;

static struct pace_call
call(const char *ticket)
{
	return (struct pace_call){ .target = "t1",
		.ticket = ticket,
		.urgent = true,
		.timeout_ms = 8000 };
}

/* ---- the rate ---- */

/* Ask every 10 ms for ten minutes; the most that left in any 60 s. */
static size_t
most_in_a_minute(unsigned rate, bool urgent, size_t *total)
{
	static int64_t left[200000];
	struct pace p = { 0 };
	struct pace_call c = call("a");
	size_t n = 0;
	size_t most = 0;
	size_t first = 0;

	c.urgent = urgent;
	for (int64_t t = start; t < start + 10 * MINUTE; t += 10) {
		int64_t until;

		if (pace_ask(&p, rate, &c, t, &until) == PACE_GO)
			left[n++] = t;
	}
	for (size_t i = 0; i < n; i++) {
		while (left[i] - left[first] >= MINUTE)
			first++;
		if (i - first + 1 > most)
			most = i - first + 1;
	}
	*total = n;
	return most;
}

static void
rates(void)
{
	static const unsigned tried[] = { 1, 2, 3, 4, 5, 10, 60, 120, 1200 };

	for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
		unsigned rate = tried[i];
		size_t total;
		size_t most = most_in_a_minute(rate, true, &total);

		ok(most <= rate, "rate %u: never more than that in 60 s (%zu)",
		    rate, most);
		ok(total >= rate * 7, "rate %u: and most of it is used (%zu)",
		    rate, total);
	}
}

static void
reserve(void)
{
	struct pace p = { 0 };
	struct pace_call update = call("u");
	struct pace_call alert = call("a");
	int64_t until;
	int updates = 0;
	int alerts = 0;

	update.urgent = false;
	while (pace_ask(&p, 120, &update, start, &until) == PACE_GO)
		updates++;
	ok(until > start && until < start + MINUTE,
	    "without a token it says when to ask again");
	while (pace_ask(&p, 120, &alert, start, &until) == PACE_GO)
		alerts++;
	ok(updates >= 15, "updates have a burst of their own (%d)", updates);
	ok(alerts >= 9, "a third of the burst is left for alerts (%d)", alerts);
	ok(updates + alerts == 30, "burst is a quarter of the rate");
	ok(pace_room(&p, 120, start) == until,
	    "the time when there is room for the next is known beforehand");
	ok(pace_room(&p, 120, until) == until &&
		pace_ask(&p, 120, &alert, until, &until) == PACE_GO,
	    "and then there is");
}

static void
clocks(void)
{
	struct pace p = { 0 };
	struct pace_call c = call("a");
	int64_t until = 0;
	int64_t back = start - 1000 * (int64_t)MINUTE;

	while (pace_ask(&p, 120, &c, start, &until) == PACE_GO)
		;
	ok(pace_ask(&p, 120, &c, back, &until) == PACE_WAIT,
	    "a clock that went back finds no token at once");
	ok(until <= back + MINUTE, "but waits no longer than for a burst");

	struct pace rest = { .mode = PACE_RESTING,
		.target = "t1",
		.set = start,
		.until = start + 5 * SECOND };

	c.probe = true;
	c.after = "";
	ok(pace_ask(&rest, 120, &c, back, &until) == PACE_GO,
	    "a clock before the span of a wait ends it");
}

/* ---- ready, resting, held ---- */

static void
resting(void)
{
	struct pace p = { 0 };
	struct pace_call a = call("a");
	struct pace_call b = call("b");
	int64_t until;

	pace_tell(&p, PACE_TRANSIENT, &a, -1, start);
	pace_tell(&p, PACE_TRANSIENT, &a, -1, start);
	ok(p.mode == PACE_READY,
	    "one ticket that fails twice is its own trouble");
	pace_tell(&p, PACE_TRANSIENT, &b, -1, start);
	ok(p.mode == PACE_RESTING,
	    "two in a row from different tickets rest it");
	ok(pace_ask(&p, 120, &a, start + 6 * SECOND, &until) == PACE_WAIT,
	    "a webhook does not probe");
	a.probe = b.probe = true;
	ok(pace_ask(&p, 120, &a, start + 4 * SECOND, &until) == PACE_WAIT &&
		until == start + 5 * SECOND,
	    "the first probe is after 5 s");
	ok(pace_ask(&p, 120, &a, start + 5 * SECOND, &until) == PACE_OTHER,
	    "but with the ticket whose turn it is");
	a.after = "a";
	ok(pace_ask(&p, 120, &a, start + 5 * SECOND, &until) == PACE_OTHER,
	    "which is told by the one that failed last");
	a.now = true;
	ok(pace_ask(&p, 120, &a, start + 5 * SECOND, &until) == PACE_OTHER,
	    "by a person's order too");
	b.after = "b";
	ok(pace_ask(&p, 120, &b, start + 5 * SECOND, &until) == PACE_GO,
	    "where there is no other it is that one again");
	a.now = false;
	ok(pace_ask(&p, 120, &a, start + 6 * SECOND, &until) == PACE_WAIT,
	    "while one probes the others wait");
	pace_tell(&p, PACE_TRANSIENT, &b, -1, start + 6 * SECOND);
	ok(p.until == start + 21 * SECOND, "the second probe is 15 s later");
	pace_tell(&p, PACE_ACCEPTED, &a, -1, start + 22 * SECOND);
	ok(p.mode == PACE_READY && p.success == start + 22 * SECOND,
	    "the first 2xx makes it ready");
	pace_tell(&p, PACE_TRANSIENT, &b, -1, start + 23 * SECOND);
	ok(p.mode == PACE_READY, "and what failed before is forgotten");
}

static void
steps(void)
{
	static const int64_t seconds[] = { 5, 15, 30, 60, 60, 60 };
	struct pace p = { 0 };
	struct pace_call a = call("a");
	struct pace_call b = call("b");
	int64_t now = start;
	int64_t until;

	a.probe = true;
	a.after = p.last;
	pace_tell(&p, PACE_TRANSIENT, &b, -1, now);
	pace_tell(&p, PACE_TRANSIENT, &a, -1, now);
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		ok(p.until - now == seconds[i] * SECOND, "probe %zu waits %d s",
		    i + 1, (int)seconds[i]);
		now = p.until;
		ok(pace_ask(&p, 120, &a, now, &until) == PACE_GO, "and goes");
		pace_tell(&p, PACE_TRANSIENT, &a, -1, now);
	}
}

static void
limited(void)
{
	struct pace p = { 0 };
	struct pace_call a = call("a");

	pace_tell(&p, PACE_LIMITED, &a, 7 * SECOND, start);
	ok(p.mode == PACE_RESTING && p.until == start + 7 * SECOND,
	    "a 429 rests it for as long as Retry-After says");
	pace_tell(&p, PACE_LIMITED, &a, 90 * (int64_t)MINUTE, start);
	ok(p.until == start + 60 * (int64_t)MINUTE, "at most an hour");

	struct pace q = { 0 };

	pace_tell(&q, PACE_LIMITED, &a, -1, start);
	ok(q.until == start + 5 * SECOND,
	    "without Retry-After by the schedule");
	q = (struct pace){ 0 };
	pace_tell(&q, PACE_LIMITED, &a, 0, start);
	ok(q.until == start + 5 * SECOND,
	    "a Retry-After that is over is none: no hot loop");
	q.probes = 2;
	pace_tell(&q, PACE_LIMITED, &a, 0, start);
	ok(q.until == start + 30 * SECOND, "at no step of the schedule");
}

/* What was begun before a 429 and ends after it. */
static void
overtaken(void)
{
	static const enum pace_outcome late[] = { PACE_ACCEPTED, PACE_REFUSED,
		PACE_TRANSIENT };
	struct pace_call a = call("a");
	struct pace_call b = call("b");
	int64_t until;

	b.probe = true;
	for (size_t i = 0; i < sizeof(late) / sizeof(late[0]); i++) {
		struct pace p = { 0 };

		pace_tell(&p, PACE_LIMITED, &a, MINUTE, start);
		pace_tell(&p, late[i], &b, -1, start + SECOND);
		ok(pace_ask(&p, 120, &b, start + MINUTE - 1, &until) ==
			PACE_WAIT,
		    "outcome %d of an older call ends no Retry-After",
		    (int)late[i]);
		ok(pace_ask(&p, 120, &b, start + MINUTE, &until) != PACE_WAIT,
		    "its end does");
	}

	struct pace p = { 0 };

	b.after = "a";
	pace_tell(&p, PACE_LIMITED, &a, MINUTE, start);
	ok(pace_ask(&p, 120, &b, start + MINUTE, &until) == PACE_GO,
	    "then it is probed");
	pace_tell(&p, PACE_ACCEPTED, &b, -1, start + MINUTE);
	ok(p.mode == PACE_READY, "a probe that is accepted makes it ready");
}

static void
unstored(void)
{
	struct pace p = { .mode = PACE_RESTING,
		.target = "t1",
		.last = "a",
		.set = start,
		.until = start + MINUTE };
	struct pace_call a = call("a");
	int64_t until;
	unsigned n = 0;

	a.unstored = true;
	while (pace_ask(&p, 120, &a, start, &until) == PACE_GO)
		n++;
	ok(n == 30, "what has no ticket goes though it rests, by the rate");
	p = (struct pace){ 0 };
	pace_tell(&p, PACE_LIMITED, &a, MINUTE, start);
	ok(pace_ask(&p, 120, &a, start + SECOND, &until) == PACE_WAIT,
	    "but not before Retry-After says");
	ok(pace_ask(&p, 120, &a, start + MINUTE, &until) == PACE_GO,
	    "then it is the probe, as there may be no other");
	p = (struct pace){ 0 };
	pace_tell(&p, PACE_DENIED, &a, -1, start);
	ok(pace_ask(&p, 120, &a, start + SECOND, &until) == PACE_WAIT,
	    "nor while it is held");
	ok(pace_ask(&p, 120, &a, start + 5 * MINUTE, &until) == PACE_GO,
	    "until its probe is due");
}

static void
held(void)
{
	struct pace p = { 0 };
	struct pace_call a = call("a");
	int64_t until;

	pace_tell(&p, PACE_DENIED, &a, -1, start);
	ok(p.mode == PACE_HELD, "401, 403 or 404 holds it");
	a.probe = true;
	a.after = "a";
	ok(pace_ask(&p, 120, &a, start + 4 * MINUTE, &until) == PACE_WAIT,
	    "no probe within 5 minutes");
	a.now = true;
	ok(pace_ask(&p, 120, &a, start + 4 * MINUTE, &until) == PACE_GO,
	    "but at once by a person's order");
	a.now = false;
	pace_tell(&p, PACE_DENIED, &a, -1, start + 4 * MINUTE);
	ok(p.until == start + 9 * MINUTE, "and then again 5 minutes");
	a.probe = false;
	a.after = NULL;
	a.target = "t2";
	ok(pace_ask(&p, 120, &a, start + 4 * MINUTE, &until) == PACE_GO,
	    "another URL or token is probed at once, by a webhook too");
	ok(pace_ask(&p, 120, &a, start + 4 * MINUTE, &until) == PACE_WAIT,
	    "by one");
	pace_tell(&p, PACE_REFUSED, &a, -1, start + 4 * MINUTE);
	ok(p.mode == PACE_HELD, "a refusal of one event does not open it");
	a.probe = true;
	a.after = "a";
	ok(pace_ask(&p, 120, &a, start + 4 * MINUTE, &until) == PACE_GO,
	    "but the next is tried at once");
}

/* ---- whose turn it is ---- */

enum { TURNS = 50 };

static char ids[TURNS][3];

/* The drain's choice among those that are due. */
static int
in_turn(const struct pace *p, const bool due[TURNS])
{
	int best = -1;

	for (int i = 0; i < TURNS; i++)
		if (due[i] &&
		    (best < 0 || pace_before(p->last, ids[i], ids[best])))
			best = i;
	return best;
}

/* Probes that end as told until it is the turn of one that stays due, while
 * others come and go; negative: never. */
static int
probes_until(int wanted, enum pace_outcome outcome, unsigned seed)
{
	struct pace p = { .mode = PACE_RESTING, .target = "t1" };
	bool due[TURNS] = { false };
	int64_t now = start;
	int64_t until;

	(void)snprintf(p.last, sizeof(p.last), "%s", ids[seed % TURNS]);
	for (int n = 1; n <= 10 * TURNS; n++) {
		struct pace_call c = call("");
		int i;

		for (int j = 0; j < TURNS; j++) {
			seed = seed * 1664525u + 1013904223u;
			due[j] = j == wanted || seed >> 31 == 0;
		}
		i = in_turn(&p, due);
		c.ticket = ids[i];
		c.after = p.last;
		c.probe = true;
		now = p.until > now ? p.until : now + SECOND;
		if (pace_ask(&p, 120, &c, now, &until) != PACE_GO)
			return -n;
		if (i == wanted)
			return n;
		pace_tell(&p, outcome, &c, -1, now);
	}
	return -10 * TURNS;
}

static void
turns(void)
{
	static const enum pace_outcome outcomes[] = { PACE_TRANSIENT,
		PACE_LIMITED, PACE_DENIED, PACE_REFUSED };
	bool in_time = true;

	for (int i = 0; i < TURNS; i++)
		(void)snprintf(ids[i], sizeof(ids[i]), "%02x", i * 5);
	ok(pace_before("b", "c", "d") && !pace_before("b", "d", "c"),
	    "probes go up in order of ids");
	ok(pace_before("b", "c", "a") && !pace_before("b", "a", "c"),
	    "then round to the lowest");
	ok(pace_before("b", "a", "b") && !pace_before("b", "b", "a"),
	    "the one that failed last comes last");
	ok(pace_before("", "a", "b"), "from the lowest where there is none");
	for (size_t k = 0; k < sizeof(outcomes) / sizeof(outcomes[0]); k++)
		for (unsigned seed = 0; seed < 10 * TURNS; seed++) {
			int n =
			    probes_until((int)seed % TURNS, outcomes[k], seed);

			in_time = in_time && n > 0 && n <= TURNS;
		}
	ok(in_time,
	    "each that is due is reached within as many probes as there are");
}

/* Ids that begin alike, and one that does not. */
#define ID "a1000000000000000000000000000000"
#define LIKE "a1ffffffffffffffffffffffffffffff"
#define OTHER "a2000000000000000000000000000000"

static void
marks(void)
{
	struct pace p = { 0 };

	ok(!pace_marked(&p, ID), "at first nothing is marked");
	ok(!pace_mark(&p, ID, false), "what has no ticket is marked for good");
	ok(pace_marked(&p, ID) && !pace_marked(&p, OTHER), "it, and no other");
	ok(pace_tells(&p), "so the marks tell one from another");
	ok(pace_marked(&p, LIKE), "but those whose id begins alike");
	pace_unmark(&p, ID);
	ok(pace_marked(&p, ID), "it stays");

	p = (struct pace){ 0 };
	ok(pace_mark(&p, ID, true), "what is being stored is marked meanwhile");
	ok(pace_marked(&p, ID), "as it may ring at once");
	ok(!pace_mark(&p, LIKE, true),
	    "of two that begin alike one takes away");
	pace_unmark(&p, ID);
	ok(!pace_marked(&p, ID), "what is stored is marked no longer");

	(void)pace_mark(&p, ID, true);
	(void)pace_mark(&p, LIKE, false);
	pace_unmark(&p, ID);
	ok(pace_marked(&p, LIKE), "another that was not stored is still");
	ok(!pace_mark(&p, ID, true) && pace_marked(&p, ID),
	    "also when one that begins alike is stored later");
}

static void
marks_joined(void)
{
	struct pace p = { 0 };
	struct pace q = { 0 };

	ok(!pace_join(&p, &q) && p.marks[0] == '\0',
	    "no marks are joined to none");
	(void)pace_mark(&q, ID, true);
	(void)pace_mark(&p, OTHER, true);
	ok(pace_join(&p, &q), "marks are joined");
	ok(pace_marked(&p, ID) && pace_marked(&p, OTHER), "to those there are");
	pace_unmark(&p, ID);
	pace_unmark(&p, OTHER);
	ok(pace_marked(&p, ID) && !pace_marked(&p, OTHER),
	    "for good, as who is storing it does not take it away here");
	ok(!pace_join(&p, &q), "once");
}

static void
marks_on_disk(void)
{
	static const char *const rubbish[] = { "", "null", "{\"mode\"",
		"{\"unstored\": \"x\"}", "{\"unstored\": 7}",
		"{\"unstored\": {}}" };
	struct pace p = { 0 };
	struct pace q;
	struct arena a = { 0 };
	struct buf text = BUF_MAX(4096);

	pace_write(&p, &a, &text);
	ok(strstr(text.data, "unstored") == NULL,
	    "where nothing is marked the record does not say so");
	pace_parse(text.data, text.len, &q, &a);
	ok(!pace_marked(&q, ID), "and reads as nothing");
	(void)pace_mark(&p, ID, false);
	buf_reset(&text);
	pace_write(&p, &a, &text);
	pace_parse(text.data, text.len, &q, &a);
	ok(pace_marked(&q, ID) && !pace_marked(&q, OTHER),
	    "a mark reads as it was written");
	(void)pace_mark(&p, OTHER, true);
	pace_unmark(&p, OTHER);
	buf_reset(&text);
	pace_write(&p, &a, &text);
	pace_parse(text.data, text.len, &q, &a);
	ok(!pace_marked(&q, OTHER), "nor what was taken away again");
	for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++) {
		pace_parse(rubbish[i], strlen(rubbish[i]), &q, &a);
		ok(pace_marked(&q, ID) && pace_marked(&q, OTHER),
		    "\"%s\" may have held any mark", rubbish[i]);
		ok(!pace_tells(&q), "and tells nothing");
	}
	pace_parse("{}", 2, &q, &a);
	ok(!pace_marked(&q, ID), "a new record holds none");
	buf_free(&text);
	arena_free(&a);
}

/* The largest there is. */
static void
room(void)
{
	struct pace p = { .mode = PACE_RESTING,
		.since = INT64_MIN,
		.set = INT64_MIN,
		.until = INT64_MIN,
		.probes = UINT_MAX,
		.limited = true,
		.arrival = INT64_MIN,
		.success = INT64_MIN };
	struct arena a = { 0 };
	struct buf text = BUF_MAX(4096);

	memset(p.target, '"', sizeof(p.target) - 1);
	memset(p.last, '"', sizeof(p.last) - 1);
	(void)pace_mark(&p, ID, false);
	pace_write(&p, &a, &text);
	ok(text.len < SPOOL_STATE, "a record finds room, whatever it holds");
	buf_free(&text);
	arena_free(&a);
}

static void
records(void)
{
	struct pace p = { .mode = PACE_HELD,
		.target = "t1",
		.since = start,
		.set = start,
		.until = start + 1,
		.probes = 3,
		.limited = true,
		.last = "abc",
		.arrival = start + 9,
		.success = start - 5 };
	struct pace q;
	struct arena a = { 0 };
	struct buf text = BUF_MAX(4096);
	struct buf again = BUF_MAX(4096);
	struct pace_call c = call("a");
	int64_t until;

	pace_write(&p, &a, &text);
	pace_parse(text.data, text.len, &q, &a);
	pace_write(&q, &a, &again);
	is(again.data, text.data, "a record reads as it was written");
	ok(q.mode == PACE_HELD && q.probes == 3 && q.limited,
	    "each member of it");
	pace_parse("{\"mode\"", 7, &q, &a);
	ok(q.mode == PACE_READY, "what cannot be read is not held");
	ok(pace_ask(&q, 120, &c, start, &until) == PACE_WAIT,
	    "and its bucket is empty");
	buf_free(&text);
	buf_free(&again);
	arena_free(&a);
}

int
main(void)
{
	rates();
	reserve();
	clocks();
	resting();
	steps();
	limited();
	overtaken();
	unstored();
	held();
	turns();
	marks();
	marks_joined();
	marks_on_disk();
	room();
	records();
	return tap_done();
}
