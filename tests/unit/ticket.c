#include "arena.h"
#include "buf.h"
#include "event.h"
#include "fail.h"
#include "ticket.h"
#include "tree.h"

#include "tap.h"

#include <stdlib.h>

enum { SECOND = 1000, HOUR = 3600 * SECOND };

static struct arena arena;
static const int64_t start = (int64_t)1700000000 * SECOND;

static struct tree *
json(const char *text)
{
	struct tree *t = NULL;
	struct fail f = { 0 };

	/* A tree borrows from its text. */
	text = arena_str(&arena, text);
	if (!tree_parse(text, strlen(text), &arena, &t, &f))
		abort();
	return t;
}

/* An alert: f firing, r resolved; what tells it from others; its severity. */
static struct ticket_change
change(char status, const char *what, const char *severity)
{
	struct ticket_change c = {
		.target = "url", .resend_after = 600 * SECOND, .updates = true
	};
	char text[300];

	(void)snprintf(text, sizeof(text),
	    "{\"title\":\"t\",\"status\":\"%s\",\"metadata\":{\"what\":\"%s\","
	    "\"severity\":\"%s\"}}",
	    status == 'f' ? "firing" : "resolved", what, severity);
	c.alert = json(text);
	c.body = event_body(c.alert, "key", &arena);
	return c;
}

static enum ticket_result
put(struct ticket *t, char status, const char *what, int64_t now)
{
	struct ticket_change c = change(status, what, "minor");

	return ticket_enqueue(t, &c, now, &arena);
}

static struct ticket
fresh(void)
{
	struct ticket t;

	ticket_new(&t, "key", "montecarlo", start, &arena);
	return t;
}

/* The queue as text: f or r and what, the head first. */
static const char *
queue(const struct ticket *t)
{
	char *s = arena_str(&arena, "");

	for (size_t i = 0; i < t->queued; i++)
		s = arena_printf(&arena, "%s%s%c:%s", s, i > 0 ? " " : "",
		    t->queue[i].resolved ? 'r' : 'f',
		    tree_cstr(
			tree_at(t->queue[i].body, "/metadata/what"), &arena));
	return s;
}

/* The head is sent and accepted. */
static void
accept(struct ticket *t, int64_t now)
{
	struct ticket_event e = *ticket_head(t);

	ticket_accepted(t, &e, "url", now, &arena);
}

static const struct {
	const char *puts; /* status and what, one after the other */
	const char *want;
	const char *why;
} queues[] = {
	{ "f1", "f:1", "a first event is queued" },
	{ "f1 f1", "f:1", "the same again is not" },
	{ "f1 f2", "f:2", "an update takes the place of what waits" },
	{ "f1 r1", "f:1 r:1", "a resolve comes after it" },
	{ "f1 r1 r2", "f:1 r:2", "a changed resolve takes its place" },
	{ "f1 r1 f2", "f:1 r:1 f:2", "three entries alternate in status" },
	{ "f1 r1 f2 f3", "f:1 r:1 f:3", "the last is kept up to date" },
	{ "f1 r1 f2 r2", "f:1 r:2", "a flap in the middle is merged away" },
	{ "f1 r1 f2 r2 f3", "f:1 r:2 f:3", "and again there is room" },
	{ "r1", "r:1", "a resolve alone is sent too" },
};

static void
queueing(void)
{
	for (size_t i = 0; i < sizeof(queues) / sizeof(queues[0]); i++) {
		struct ticket t = fresh();

		for (const char *p = queues[i].puts; *p != '\0';
		     p += p[2] == ' ' ? 3 : 2) {
			char what[2] = { p[1], '\0' };

			(void)put(&t, p[0], what, start);
		}
		is(queue(&t), queues[i].want, queues[i].why);
	}
}

static void
serials(void)
{
	struct ticket t = fresh();
	struct ticket_event sent;

	(void)put(&t, 'f', "1", start);
	sent = *ticket_head(&t);
	(void)put(&t, 'f', "2", start + 1);
	ticket_accepted(&t, &sent, "url", start + 2, &arena);
	is(queue(&t), "f:2",
	    "what was replaced during its call takes nothing away");
	ok(t.queue[0].since == start,
	    "and keeps the age of what it stands for");
	accept(&t, start + 3);
	is(queue(&t), "", "the head with the same serial leaves");
	(void)put(&t, 'f', "3", start + 4);
	sent = *ticket_head(&t);
	(void)put(&t, 'r', "3", start + 5);
	ticket_accepted(&t, &sent, "url", start + 6, &arena);
	is(queue(&t), "r:3", "a resolve that came during the call stays");
}

static void
unchanged(void)
{
	struct ticket t = fresh();
	struct ticket_change other;

	(void)put(&t, 'f', "1", start);
	ok(put(&t, 'f', "1", start) == TICKET_SAME,
	    "what waits already is the same");
	accept(&t, start);
	ok(put(&t, 'f', "1", start + SECOND) == TICKET_UNCHANGED,
	    "what was accepted just now is unchanged");
	ok(put(&t, 'f', "1", start + 601 * SECOND) == TICKET_QUEUED,
	    "after resend_after it is sent again");
	accept(&t, start + 601 * SECOND);
	ok(put(&t, 'f', "1", start + 600 * SECOND) == TICKET_QUEUED,
	    "a clock that went back does not make it unchanged");
	accept(&t, start);
	other = change('f', "1", "minor");
	other.target = "another url";
	ok(ticket_enqueue(&t, &other, start, &arena) == TICKET_QUEUED,
	    "another URL has not had it");
}

static void
updates(void)
{
	struct ticket t = fresh();
	struct ticket_change c = change('f', "1", "minor");

	c.updates = false;
	(void)ticket_enqueue(&t, &c, start, &arena);
	accept(&t, start);
	c = change('f', "2", "minor");
	c.updates = false;
	ok(ticket_enqueue(&t, &c, start, &arena) == TICKET_MERGED,
	    "with updates = none an update is kept and not sent");
	is(tree_cstr(tree_at(t.alert, "/metadata/what"), &arena), "2",
	    "but known");
	c = change('r', "2", "minor");
	c.updates = false;
	ok(ticket_enqueue(&t, &c, start, &arena) == TICKET_QUEUED,
	    "a resolve is sent");
}

static struct tree *
dead(struct ticket *t)
{
	struct buf text = BUF_MAX(1 << 20);
	struct ticket_event e = *ticket_head(t);
	struct tree *letter;

	ticket_epitaph(t, &e, 422, "no", 2, start, &arena, &text);
	ticket_refused(t, &e, "HTTP 422", start, &arena);
	letter = json(text.data);
	buf_free(&text);
	return letter;
}

static void
said_again(void)
{
	struct ticket t = fresh();
	struct ticket_change c = change('f', "1", "minor");
	struct tree *letter;

	c.updates = false;
	(void)ticket_enqueue(&t, &c, start, &arena);
	accept(&t, start);
	c.alert = change('f', "2", "minor").alert;
	c.body = change('f', "2", "minor").body;
	(void)ticket_enqueue(&t, &c, start, &arena);
	c = change('f', "1", "minor");
	c.updates = false;
	ok(ticket_enqueue(&t, &c, start, &arena) == TICKET_MERGED &&
		t.queued == 0,
	    "what was accepted takes the place of what was only merged");
	is(tree_cstr(tree_at(t.alert, "/metadata/what"), &arena), "1",
	    "and is what the next is merged on");
	ok(ticket_enqueue(&t, &c, start, &arena) == TICKET_UNCHANGED,
	    "once more it changes nothing");

	t = fresh();
	(void)put(&t, 'r', "1", start);
	accept(&t, start);
	(void)put(&t, 'f', "1", start);
	letter = dead(&t);
	ok(put(&t, 'r', "1", start) == TICKET_MERGED && t.queued == 0,
	    "what was accepted before a refusal is not sent once more");
	is(tree_cstr(tree_get(t.alert, "status"), &arena), "resolved",
	    "but holds again");
	ok(!ticket_revive(&t, letter, start, &arena) && t.queued == 0,
	    "and what was refused is older than it");
	ok(put(&t, 'r', "1", start) == TICKET_UNCHANGED,
	    "which need be said but once");
}

static void
lost_and_followed(void)
{
	struct ticket t = fresh(), later = fresh();
	struct ticket_event sent;

	(void)put(&t, 'f', "1", start);
	sent = *ticket_head(&t);
	(void)put(&later, 'r', "2", start);
	ticket_accepted(&later, &sent, "url", start, &arena);
	is(queue(&later), "r:2", "another event of the same serial stays");

	later = fresh();
	(void)put(&later, 'f', "2", start);
	(void)put(&later, 'r', "2", start);
	ticket_follow(&t, &later);
	is(queue(&t), "f:2 r:2", "what came to a lost ticket follows");
	is(tree_cstr(tree_get(t.alert, "status"), &arena), "resolved",
	    "and is what the next is merged on");
	ticket_accepted(&t, &sent, "url", start, &arena);
	is(queue(&t), "f:2 r:2", "under serials that nothing has yet");
	accept(&t, start);
	is(queue(&t), "r:2", "one after the other");
}

static void
refires(void)
{
	struct ticket t = fresh();
	struct ticket_change c = change('f', "1", "minor");

	(void)ticket_enqueue(&t, &c, start, &arena);
	accept(&t, start);
	c = change('f', "2", "critical");
	(void)ticket_enqueue(&t, &c, start, &arena);
	is(queue(&t), "f:2", "a raised severity is an update");
	ok(ticket_urgent(&t), "that goes ahead of mere updates");
	accept(&t, start);
	c = change('f', "3", "minor");
	(void)ticket_enqueue(&t, &c, start, &arena);
	ok(!ticket_urgent(&t), "a lowered one does not");
	accept(&t, start);
	c = change('f', "4", "critical");
	c.refire = true;
	(void)ticket_enqueue(&t, &c, start, &arena);
	is(queue(&t), "r:4 f:4",
	    "with refire = severity it is resolved, then fires anew");
	ok(tree_says(tree_get(t.queue[0].body, "status"), "resolved"),
	    "and the resolve says so");
}

static void
schedule(void)
{
	static const int64_t seconds[] = { 5, 15, 30, 60, 120, 300 };
	struct ticket t = fresh();
	int64_t now = start;

	(void)put(&t, 'f', "1", now);
	ok(ticket_due(&t, now), "a new event is due at once");
	for (size_t i = 0; i < 6; i++) {
		struct ticket_event e = *ticket_head(&t);

		ticket_failed(&t, &e, false, "HTTP 500", 7, now, &arena);
		ok(!ticket_due(&t, now + seconds[i] * SECOND - 1) &&
			ticket_due(&t, now + seconds[i] * SECOND),
		    "failed try %zu waits %d s", i + 1, (int)seconds[i]);
		now += seconds[i] * SECOND;
	}
	for (uint64_t random = 0; random < 1000000; random += 99991) {
		struct ticket_event e = *ticket_head(&t);

		ticket_failed(&t, &e, false, "HTTP 500", random, now, &arena);
		ok(t.until > now && t.until <= now + 301 * SECOND,
		    "then within 5 minutes, by chance");
	}
	ok(ticket_due(&t, t.set - 1), "a clock before the wait ends it");
	accept(&t, now);
	ok(t.tries == 0 && t.error == NULL, "an acceptance forgets them");
}

/* The head fails so many ms after its wait was over, or before. */
static void
fail_again(struct ticket *t, int64_t late, uint64_t random)
{
	struct ticket_event e = *ticket_head(t);

	ticket_failed(
	    t, &e, false, "HTTP 500", random, t->until + late, &arena);
}

/* How long it is tried, as soon as it is due, until it is spent. */
static int64_t
life(unsigned hours, uint64_t random)
{
	struct ticket t = fresh();
	struct ticket_event e;
	uint64_t seed = random;

	(void)put(&t, 'f', "1", start);
	e = *ticket_head(&t);
	ticket_failed(&t, &e, false, "HTTP 500", seed, start, &arena);
	while (!ticket_spent(&t, hours) && t.tries < 10000) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		fail_again(&t, 0, seed >> 33);
	}
	return t.set - start;
}

static void
spending(void)
{
	static const unsigned hours[] = { 1, 6, 72 };
	struct ticket t = fresh();
	struct ticket back;
	struct buf text = BUF_MAX(1 << 20);
	struct fail f = { 0 };
	int64_t booked;

	for (size_t i = 0; i < sizeof(hours) / sizeof(hours[0]); i++) {
		int64_t whole = (int64_t)hours[i] * 3600 * SECOND;
		int64_t tried = life(hours[i], i);

		ok(tried >= whole && tried <= whole + 300 * SECOND,
		    "tried for %u hours it is spent after %d s", hours[i],
		    (int)(tried / SECOND));
	}

	(void)put(&t, 'f', "1", start);
	t.until = start;
	fail_again(&t, 100 * 3600 * (int64_t)SECOND, 0);
	ok(t.waited == 0 && !ticket_spent(&t, 1),
	    "before the first try nothing was waited for");
	fail_again(&t, 0, 0);
	ok(t.waited == 5 * SECOND, "a failed try fills the wait before it");
	fail_again(&t, 100 * 3600 * (int64_t)SECOND, 0);
	ok(t.waited == 20 * SECOND,
	    "also where the machine was off for days meanwhile");
	fail_again(&t, -20 * SECOND, 0);
	ok(t.waited == 30 * SECOND,
	    "tried before its time it is what was waited");
	booked = t.waited;
	fail_again(&t, -1000 * 3600 * (int64_t)SECOND, 0);
	ok(t.waited == booked, "a clock that went back fills nothing");

	ticket_write(&t, &arena, &text);
	ok(ticket_parse(text.data, text.len, &back, &arena, &f) &&
		back.waited == booked && back.tries == t.tries,
	    "it is kept with the ticket");
	t.waited = 0;
	buf_reset(&text);
	ticket_write(&t, &arena, &text);
	ok(strstr(text.data, "waited") == NULL &&
		ticket_parse(text.data, text.len, &back, &arena, &f) &&
		back.waited == 0 && back.tries == t.tries,
	    "one that does not say so has waited for nothing yet");
	t.waited = booked;
	accept(&t, start);
	(void)put(&t, 'r', "1", start);
	fail_again(&t, 0, 0);
	ok(t.waited == 0, "after an acceptance it counts anew");
	buf_free(&text);
}

static void
repeats(void)
{
	struct ticket t = fresh();
	struct ticket_event e;

	(void)put(&t, 'f', "1", start);
	e = *ticket_head(&t);
	ticket_failed(&t, &e, true, "time-out", 0, start, &arena);
	accept(&t, start + 5 * SECOND);
	is(queue(&t), "f:1", "after an unknown outcome it is sent once more");
	ok(!ticket_due(&t, start + 64 * SECOND) &&
		ticket_due(&t, start + 65 * SECOND),
	    "60 s after it was accepted");
	ok(put(&t, 'f', "1", start + 6 * SECOND) == TICKET_SAME,
	    "what the repeat says already need not be queued");
	(void)put(&t, 'r', "1", start + 7 * SECOND);
	is(queue(&t), "r:1", "what is newer takes the repeat's place");
	ok(ticket_due(&t, start + 7 * SECOND), "and does not wait for it");
	accept(&t, start + 8 * SECOND);
	is(queue(&t), "r:1", "then the newest state is repeated");
	accept(&t, start + 70 * SECOND);
	is(queue(&t), "", "once");
}

/* A firing that timed out and may land late, behind its resolve. */
static void
repeats_without_updates(void)
{
	struct ticket t = fresh();
	struct ticket_change c = change('r', "2", "minor");
	struct ticket_event e;
	int64_t until;

	(void)put(&t, 'f', "1", start);
	e = *ticket_head(&t);
	ticket_failed(&t, &e, true, "time-out", 0, start, &arena);
	(void)put(&t, 'r', "1", start + SECOND);
	accept(&t, start + 6 * SECOND);
	accept(&t, start + 7 * SECOND);
	is(queue(&t), "r:1", "the resolve is to be repeated");
	until = t.until;
	c.updates = false;
	ok(ticket_enqueue(&t, &c, start + 20 * SECOND, &arena) == TICKET_MERGED,
	    "an update that is not wanted is merged");
	is(queue(&t), "r:1", "and leaves the repeat where it is");
	ok(t.queued == 1 && t.queue[0].repeat && t.until == until,
	    "due when it was");
	is(tree_cstr(tree_at(t.alert, "/metadata/what"), &arena), "2",
	    "the update is known");
	c = change('f', "3", "minor");
	c.updates = false;
	(void)ticket_enqueue(&t, &c, start + 21 * SECOND, &arena);
	is(queue(&t), "f:3", "what is wanted takes its place");
	accept(&t, start + 22 * SECOND);
	ok(t.queued == 1 && t.queue[0].repeat, "and is repeated in its turn");
}

static void
refusals(void)
{
	struct ticket t = fresh();
	struct ticket_event e;

	(void)put(&t, 'f', "1", start);
	(void)put(&t, 'r', "1", start);
	e = *ticket_head(&t);
	ok(ticket_shrink(&t, &e, &arena), "what is too large is made smaller");
	ok(tree_at(t.queue[0].body, "/metadata/what") == NULL &&
		t.queue[0].n != e.n,
	    "as a new event");
	ok(tree_says(tree_at(t.queue[0].body, "/metadata/severity"), "minor"),
	    "which keeps what it is routed by");
	e = *ticket_head(&t);
	ok(!ticket_shrink(&t, &e, &arena), "once");
	ticket_refused(&t, &e, "HTTP 422", start, &arena);
	is(queue(&t), "r:1", "a refused event leaves, the next stays");
}

static void
files(void)
{
	struct ticket t = fresh();
	struct ticket back;
	struct buf text = BUF_MAX(4 << 20);
	struct buf again = BUF_MAX(4 << 20);
	struct fail f = { 0 };

	(void)put(&t, 'f', "1", start);
	accept(&t, start + 1);
	(void)put(&t, 'r', "2", start + 2);
	t.rest = json("{\"later\":{\"x\":[1]}}");
	t.limited = 5;
	ticket_write(&t, &arena, &text);
	ok(ticket_parse(text.data, text.len, &back, &arena, &f),
	    "a ticket reads as it was written %s", f.text);
	ticket_write(&back, &arena, &again);
	is(again.data, text.data, "member for member");
	ok(strstr(again.data, "\"later\"") != NULL,
	    "what a later version wrote is kept");
	ok(!ticket_parse("{}", 2, &back, &arena, &f) && f.kind == FAIL_BROKEN,
	    "another object is no ticket");
	f = (struct fail){ 0 };
	ok(!ticket_parse("{", 1, &back, &arena, &f) && f.kind == FAIL_BROKEN,
	    "what is no JSON is our fault, not a sender's: %s", f.text);
	buf_free(&text);
	buf_free(&again);
}

static void
giants(void)
{
	struct ticket t = fresh();
	struct buf big = BUF_MAX(4 << 20);
	struct buf text = BUF_MAX(8 << 20);
	struct ticket_change c = change('f', "1", "minor");
	struct ticket back;
	struct fail f = { 0 };

	while (big.len < 450000)
		buf_puts(&big, "caf\xc3\xa9 ");
	for (int i = 0; i < 3; i++) {
		struct tree *alert = tree_merge(&arena, c.alert, NULL);

		tree_set(&arena, alert, "status",
		    tree_str(&arena, i == 1 ? "resolved" : "firing"));
		tree_set(&arena, alert, "description",
		    tree_strn(&arena, big.data + i * 6, big.len - 60));
		c.alert = alert;
		c.body = event_body(alert, "key", &arena);
		(void)ticket_enqueue(&t, &c, start, &arena);
	}
	ok(t.queued == 3, "three giants are queued");
	ticket_write(&t, &arena, &text);
	ok(text.len <= TICKET_MAX, "the ticket stays within its size (%zu)",
	    text.len);
	ok(ticket_parse(text.data, text.len, &back, &arena, &f) &&
		back.queued == 3,
	    "and is whole: single values are cut, at a character %s", f.text);
	is(tree_cstr(tree_get(back.queue[2].body, "title"), &arena), "t",
	    "titles are not");
	ok(tree_get(back.queue[2].body, "description")->len <
		tree_get(c.body, "description")->len,
	    "also those of what waits");
	ok(ticket_enqueue(&back, &c, start, &arena) == TICKET_SAME,
	    "which is the same as it was before");
	for (int i = 0; i < 3; i++)
		accept(&back, start);
	ok(ticket_enqueue(&back, &c, start, &arena) == TICKET_UNCHANGED,
	    "and unchanged once it was accepted");
	buf_free(&big);
	buf_free(&text);
}

/* Values just longer than a title, which has 200 characters at most. */
static void
long_titles(void)
{
	struct ticket t = fresh();
	struct ticket_change c = change('f', "1", "minor");
	struct tree *list = tree_new(&arena, TREE_LIST);
	struct buf text = BUF_MAX(4 << 20);
	struct buf title = BUF_MAX(1000);
	char value[1101] = "";
	struct ticket back;
	struct fail f = { 0 };

	memset(value, 'x', sizeof(value) - 1);
	for (int i = 0; i < 200; i++)
		buf_puts(&title, "\xf0\x9f\x94\x94");
	for (int i = 0; i < 430; i++)
		(void)tree_push(list, tree_str(&arena, value));
	tree_set_str(&arena, c.alert, "title", title.data);
	tree_set(&arena, tree_get(c.alert, "metadata"), "list", list);
	for (int i = 0; i < 3; i++) {
		tree_set_str(
		    &arena, c.alert, "status", i == 1 ? "resolved" : "firing");
		c.alert = tree_merge(&arena, c.alert, NULL);
		c.body = event_body(c.alert, "key", &arena);
		(void)ticket_enqueue(&t, &c, start, &arena);
	}
	ticket_write(&t, &arena, &text);
	ok(ticket_parse(text.data, text.len, &back, &arena, &f) &&
		back.queued == 3,
	    "three that are large by many values %s", f.text);
	is(tree_cstr(tree_get(back.queue[0].body, "title"), &arena), title.data,
	    "keep their titles whole");
	buf_free(&text);
	buf_free(&title);
}

/* As many members with short names and values as fit in so many bytes. */
static struct tree *
crowd(size_t bytes)
{
	struct tree *all = tree_new(&arena, TREE_OBJECT);

	for (size_t i = 0; i < bytes / 12; i++) {
		struct tree *one = tree_push(all, tree_num(&arena, 1));

		one->key = arena_printf(&arena, "x%07zu", i);
		one->key_len = (uint32_t)strlen(one->key);
	}
	return all;
}

static const struct {
	const char *where;
	size_t bytes;
	const char *why;
} crowds[] = {
	{ "extra", 3 << 19, "of fields that we have no use for" },
	{ "extra", 4 << 20, "of more than a file may hold" },
	{ "crowd", 3 << 19, "of fields that do not give way" },
	{ "crowd", 4 << 20, "of more of them than a file may hold" },
};

static void
multitudes(void)
{
	for (size_t i = 0; i < sizeof(crowds) / sizeof(crowds[0]); i++) {
		struct ticket t = fresh();
		struct buf text = BUF_MAX(4 << 20);
		struct ticket_change c = change('f', "1", "minor");
		struct ticket back;
		struct fail f = { 0 };

		tree_set(&arena, tree_get(c.alert, "metadata"), crowds[i].where,
		    crowd(crowds[i].bytes));
		c.body = event_body(c.alert, "key", &arena);
		(void)ticket_enqueue(&t, &c, start, &arena);
		ticket_write(&t, &arena, &text);
		ok(text.len < 4 << 20 && text.len > 2 &&
			strcmp(text.data + text.len - 2, "\n}") == 0 &&
			ticket_parse(text.data, text.len, &back, &arena, &f) &&
			back.queued == 1,
		    "a multitude %s is kept in a file that can be read: %zu %s",
		    crowds[i].why, text.len, f.text);
		buf_free(&text);
	}
}

static void
histories(void)
{
	struct ticket t = fresh();
	int64_t oldest = 0;

	for (int i = 0; i < 100; i++)
		ticket_note(&t, "x", (uint64_t)i, NULL, start + i, &arena);
	ok(tree_count(t.history) == TICKET_HISTORY, "history is bounded");
	ok(tree_int(tree_get(t.history->first, "n"), &oldest) && oldest == 50,
	    "and its oldest lines go first");
}

/* The dead letter of the head, which was refused. */
static void
revivals(void)
{
	struct ticket t = fresh();
	struct ticket gone = fresh();
	struct tree *first, *second;

	(void)put(&t, 'f', "a", start);
	first = dead(&t);
	ok(ticket_revive(&t, first, start + 1, &arena) &&
		strcmp(queue(&t), "f:a") == 0,
	    "a dead letter's event waits again");
	ok(ticket_head(&t)->n == 2 && ticket_head(&t)->urgent &&
		ticket_due(&t, start + 1) && ticket_last(&t) == start + 1,
	    "under a new serial, due at once, and its history says so");
	ok(!ticket_revive(&t, first, start, &arena) && t.queued == 1,
	    "not while something newer waits");
	second = dead(&t);
	(void)put(&t, 'f', "b", start);
	ticket_accepted(&t, ticket_head(&t), "url", start, &arena);
	ok(!ticket_revive(&t, first, start, &arena) &&
		!ticket_revive(&t, second, start, &arena) && t.queued == 0,
	    "nor once something newer was accepted");
	ok(ticket_revive(&gone, second, start, &arena) &&
		ticket_head(&gone)->n == 3,
	    "a ticket that is gone goes on behind its dead letter");
}

/*
 * f firing, r resolved, F firing under a mute, D the same of what may have rung
 * before it had a ticket, each with what tells it from others; A the head is
 * accepted, H what waits comes under a mute, W no mute is over it any more.
 */
static void
play(struct ticket *t, const char *steps)
{
	for (const char *p = steps; *p != '\0'; p++) {
		char what[2] = { p[1], '\0' };
		struct ticket_change c;

		if (*p == ' ')
			continue;
		if (*p == 'A')
			accept(t, start);
		if (*p == 'H')
			(void)ticket_hush(t, "night", start, &arena);
		if (*p == 'W') {
			c = change('f', "", "minor");
			c.alert = tree_merge(&arena, t->alert, NULL);
			c.body = event_body(c.alert, "key", &arena);
			(void)ticket_wake(t, &c, start, &arena);
		}
		if (strchr("AHW", *p) != NULL)
			continue;
		c = change(*p == 'r' ? 'r' : 'f', what, "minor");
		c.muted = strchr("DF", *p) != NULL ? "night" : NULL;
		c.doubt = *p == 'D';
		(void)ticket_enqueue(t, &c, start, &arena);
		p++;
	}
}

static const struct {
	const char *steps;
	const char *queue;
	bool muted;
	const char *why;
} mutes[] = {
	{ "F1", "", true, "a muted alert has no queue" },
	{ "F1 F2", "", true, "nor has its update" },
	{ "F1 W", "f:1", false, "it rings when the mute is over" },
	{ "F1 F2 W", "f:2", false, "as it is by then" },
	{ "F1 W A W", "", false, "once" },
	{ "F1 r1", "", false, "resolved before it rang nothing is sent" },
	{ "F1 r1 W", "", false, "nor later" },
	{ "F1 r1 F2", "", true, "it can come under it again" },
	{ "F1 r1 f2", "f:2", false, "and ring when there is none" },
	{ "F1 f2", "f:2", false, "what the mute does not take rings at once" },
	{ "F1 f1", "f:1", false, "also when the mute was over just now" },
	{ "D1", "", true, "what may have rung is muted as any other" },
	{ "D1 r1", "r:1", false, "but its resolve is sent" },
	{ "D1 F2 r2", "r:2", false, "also after an update" },
	{ "D1 r1 A F2 r2", "", false, "once" },
	{ "D1 W", "f:1", false, "and it rings when the mute is over" },
	{ "f1 A F1", "", false, "what was accepted last is not muted" },
	{ "f1 A F2", "", true, "an update of what rang is" },
	{ "f1 A F2 W", "f:2", false, "and goes when it is over" },
	{ "f1 A F2 F1", "", false, "unless it is what was accepted again" },
	{ "f1 A F2 f1", "", false, "also if no mute is over it any more" },
	{ "f1 A F2 f3", "f:3", false, "anything else is sent" },
	{ "f1 A r1 A F2 f1", "f:1", false, "also what was accepted before" },
	{ "f1 A f2 H f1", "f:1", false, "or if the update may have landed" },
	{ "f1 A f2 H F1", "", true, "which it may under the mute, too" },
	{ "f1 A f2 H F1 W", "f:1", false, "so that it is sent when that ends" },
	{ "f1 A F2 r2", "r:2", false, "the resolve of what rang goes at once" },
	{ "f1 A F2 r2 A", "", false, "and that is all" },
	{ "f1 A r1 A F2", "", true, "reopened it is muted" },
	{ "f1 A r1 A F2 W", "f:2", false, "and rings when it is over" },
	{ "f1 A r1 A F2 r2", "", false, "or never, if it is over before" },
	{ "f1 F2", "f:2", false, "what waits is not taken away by a webhook" },
	{ "f1 H", "", true, "but before it leaves" },
	{ "f1 H W", "f:1", false, "to ring when the mute is over" },
	{ "f1 H r1", "r:1", false, "its resolve is sent: it may have rung" },
	{ "f1 H F2 r2", "r:2", false, "also after an update" },
	{ "f1 H F2 r2 A F3 r3", "", false, "but that of the next does not" },
	{ "r1 H", "r:1", false, "a resolve that waits stays" },
	{ "f1 r1 H", "r:1", false, "also behind what did not ring" },
	{ "f1 A f2 r2 H", "r:2", false, "also behind an update" },
	{ "f1 r1 f2 H", "r:1", true, "what fires again after it does not" },
	{ "f1 r1 f2 H A", "", true, "and is muted when it was sent" },
	{ "f1 r1 f2 H A W", "f:2", false, "until it may ring" },
	{ "f1 r1 f2 H f3", "r:1 f:3", false,
	    "or something comes that no mute takes" },
};

static void
muting(void)
{
	for (size_t i = 0; i < sizeof(mutes) / sizeof(mutes[0]); i++) {
		struct ticket t = fresh();

		play(&t, mutes[i].steps);
		ok(strcmp(queue(&t), mutes[i].queue) == 0 &&
			(t.muted.by != NULL) == mutes[i].muted,
		    "%s: %s (%s)", mutes[i].steps, mutes[i].why, queue(&t));
	}
}

static void
mutes_and_results(void)
{
	struct ticket t = fresh();
	struct ticket_change c = change('f', "1", "minor");
	struct ticket_event sent;

	c.muted = "night";
	ok(ticket_enqueue(&t, &c, start, &arena) == TICKET_MUTED,
	    "what is muted is to be written");
	ok(ticket_enqueue(&t, &c, start + 1, &arena) == TICKET_SAME,
	    "the same again is not");
	ok(t.muted.since == start, "it is known since when");
	ok(ticket_received(&t) == start, "and counts as received");
	c.muted = "weekend";
	ok(ticket_enqueue(&t, &c, start + 2, &arena) == TICKET_MUTED,
	    "another mute is written down");
	is(t.muted.by, "weekend", "by its name");
	ok(t.muted.since == start, "quiet since the first");
	c = change('r', "1", "minor");
	ok(ticket_enqueue(&t, &c, start + 3, &arena) == TICKET_MERGED,
	    "a resolve of what never rang is merged");
	ok(event_resolved(t.alert), "and known");

	t = fresh();
	play(&t, "f1 A");
	c = change('f', "1", "minor");
	c.muted = "night";
	ok(ticket_enqueue(&t, &c, start + 601 * SECOND, &arena) ==
		TICKET_UNCHANGED,
	    "under a mute nothing is sent again after resend_after");
	c.target = "another url";
	ok(ticket_enqueue(&t, &c, start, &arena) == TICKET_MUTED,
	    "what another URL has not had rings there later");

	t = fresh();
	play(&t, "f1 A F2");
	ok(put(&t, 'f', "1", start + SECOND) == TICKET_MERGED,
	    "what is again as it was accepted is to be written, not sent");
	play(&t, "F2");
	ok(put(&t, 'f', "1", start + 601 * SECOND) == TICKET_QUEUED,
	    "after resend_after it is sent again");

	t = fresh();
	play(&t, "f1 A F2");
	c = change('f', "1", "minor");
	c.target = "another url";
	ok(ticket_enqueue(&t, &c, start, &arena) == TICKET_QUEUED,
	    "and to another URL at once");

	t = fresh();
	play(&t, "f1 A");
	c = change('f', "2", "minor");
	c.muted = "night";
	c.updates = false;
	ok(ticket_enqueue(&t, &c, start, &arena) == TICKET_MERGED &&
		t.muted.by == NULL,
	    "an update that is never sent is not muted");

	t = fresh();
	play(&t, "f1 A r1 A f2 H");
	c = change('r', "2", "minor");
	c.updates = false;
	ok(ticket_enqueue(&t, &c, start, &arena) == TICKET_QUEUED,
	    "the resolve of what may have rung again is no mere update");

	t = fresh();
	play(&t, "f1");
	sent = *ticket_head(&t);
	ticket_failed(&t, &sent, true, "time-out", 0, start, &arena);
	play(&t, "A F2");
	is(queue(&t), "f:1", "a repeat is not taken away by a muted update");
	ok(t.muted.by != NULL, "which is kept");
	(void)ticket_hush(&t, "night", start, &arena);
	play(&t, "A");
	is(queue(&t), "", "it is sent");
	play(&t, "W");
	is(queue(&t), "f:2", "and the update after the mute");
}

static void
mutes_and_severities(void)
{
	struct ticket t = fresh();
	struct ticket_change c = change('f', "2", "critical");

	play(&t, "f1 A");
	c.refire = true;
	(void)ticket_enqueue(&t, &c, start, &arena);
	is(queue(&t), "r:2 f:2", "a raised severity is to ring again");
	(void)ticket_hush(&t, "night", start, &arena);
	is(queue(&t), "", "under a mute it does not, nor is it resolved");
	ok(t.muted.by != NULL, "it is muted");
	(void)ticket_wake(&t, &c, start, &arena);
	is(queue(&t), "r:2 f:2", "it rings again when the mute is over");
	ok(ticket_urgent(&t), "ahead of mere updates");
}

/* What is written can be read, and by which source it was muted. */
static void
muted_files(void)
{
	struct ticket t = fresh();
	struct ticket_change c = change('f', "1", "minor");
	struct buf text = BUF_MAX(1 << 20);
	struct ticket back;
	struct fail f = { 0 };

	c.muted = "night";
	c.source = "dbt";
	(void)ticket_enqueue(&t, &c, start, &arena);
	ticket_write(&t, &arena, &text);
	ok(ticket_parse(text.data, text.len, &back, &arena, &f) &&
		back.muted.since == start && !back.muted.doubt,
	    "a muted ticket reads back");
	is(back.muted.by, "night", "with its mute");
	is(ticket_speaker(&back), "dbt", "and the source that spoke last");
	is(back.source, "montecarlo", "which is not the one that opened it");
	c.source = "montecarlo";
	c.muted = NULL;
	(void)ticket_enqueue(&back, &c, start, &arena);
	is(ticket_speaker(&back), "montecarlo", "who may be the same again");
	ok(back.spoke == NULL, "and then is not written twice");
	buf_reset(&text);
	ticket_write(&back, &arena, &text);
	ok(strstr(text.data, "\"muted\"") == NULL,
	    "a ticket that is not muted does not say so");
	buf_free(&text);
}

static const struct {
	const char *steps; /* as for play */
	bool want;
	const char *why;
} ranks[] = {
	{ "f1", true, "a new alert goes ahead of mere updates" },
	{ "f1 f2", true, "and its update with it, until it has rung" },
	{ "f1 A f2", false, "then an update is one" },
	{ "f1 A r1", true, "its resolve goes ahead" },
	{ "f1 r1", true, "also where it may be ringing just now" },
	{ "f1 A r1 A f2", true, "and so it does when it fires again" },
	{ "r1", false, "the resolve of what nobody was told of can wait" },
	{ "r1 r2", false, "as can an update of that" },
	{ "r1 f1", true, "until it fires" },
	{ "D1 r1", true, "the end of what may have rung all the same" },
	{ "D1 r1 r2", true, "and its update" },
	{ "r1 A r2", false, "nobody is told twice in haste" },
	{ "f1 A r1 A r2", false, "nor of what rang before" },
	{ "f1 A r1 A f2 r2", true, "unless it may be ringing once more" },
	{ "f1 A r1 A f2 r2 r3", true, "up to the newest of its resolves" },
	{ "f1 A r1 A D2 r2", true, "or may have rung before it was muted" },
};

/* Of the newest event. */
static void
ranking(void)
{
	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++) {
		struct ticket t = fresh();

		play(&t, ranks[i].steps);
		ok(t.queue[t.queued - 1].urgent == ranks[i].want, "%s",
		    ranks[i].why);
	}
}

int
main(void)
{
	queueing();
	ranking();
	muting();
	mutes_and_results();
	mutes_and_severities();
	muted_files();
	serials();
	unchanged();
	updates();
	refires();
	schedule();
	said_again();
	lost_and_followed();
	spending();
	repeats();
	repeats_without_updates();
	refusals();
	files();
	giants();
	long_titles();
	multitudes();
	histories();
	revivals();
	arena_free(&arena);
	return tap_done();
}
