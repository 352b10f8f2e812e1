#include "ticket.h"

#include "arena.h"
#include "array.h"
#include "buf.h"
#include "event.h"
#include "fail.h"
#include "json.h"
#include "sign.h"
#include "tree.h"
#include "when.h"

#include <string.h>

enum {
	VERSION_NOW = 1,
	DIGEST = 16, /* bytes of SHA-256 that tell bodies apart */
	HOUR = 3600 * WHEN_SECOND,
	TEXT_MAX = 4 * TICKET_MAX,
	ERROR_MAX = 240,
	VALUE_LEAST = 1024,         /* bytes: no value is cut to less, so that
				       titles are not */
	SMALL_MAX = 3 * TICKET_MAX, /* where no value is long */
	WRITE_MAX = 1 << 30,
	SMALL_VALUE = 512, /* bytes of what is kept when all else goes */
};

/* ---- the schedule ---- */

/* Milliseconds that the n-th failed try waits (n from 1), before jitter. */
static int64_t
delay_of(unsigned n)
{
	static const int64_t seconds[] = { 5, 15, 30, 60, 120, 300 };
	size_t last = COUNT(seconds) - 1;

	return seconds[n == 0 ? 0 : n - 1 > last ? last : n - 1] * WHEN_SECOND;
}

bool
ticket_spent(const struct ticket *t, unsigned hours)
{
	return t->waited >= (int64_t)hours * HOUR;
}

/* Of the wait before a try that ended now. */
static int64_t
waited(const struct ticket *t, int64_t now)
{
	int64_t end = now < t->until ? now : t->until;

	return end > t->set ? end - t->set : 0;
}

/* The early steps are kept, the long ones spread out in full. */
static int64_t
jittered(unsigned n, uint64_t random)
{
	int64_t delay = delay_of(n);

	if (n <= 6)
		return delay;
	return WHEN_SECOND + (int64_t)(random % (uint64_t)delay);
}

bool
ticket_due(const struct ticket *t, int64_t now)
{
	return t->queued > 0 && (now >= t->until || now < t->set);
}

static void
wait_over(struct ticket *t)
{
	t->set = 0;
	t->until = 0;
}

/* ---- reading ---- */

static const char *
text_of(const struct tree *t, const char *name, struct arena *a)
{
	const struct tree *v = tree_get(t, name);

	return tree_is(v, TREE_STR) ? tree_cstr(v, a) : NULL;
}

static bool
yes(const struct tree *t, const char *name)
{
	return tree_is(tree_get(t, name), TREE_TRUE);
}

static void
parse_event(const struct tree *from, struct ticket_event *e, struct arena *a)
{
	e->n = (uint64_t)tree_get_num(from, "n");
	e->resolved = tree_says(tree_get(from, "status"), "resolved");
	e->urgent = yes(from, "urgent");
	e->repeat = yes(from, "repeat");
	e->small = yes(from, "small");
	e->closing = yes(from, "closing");
	e->severity = (int)tree_get_num(from, "severity");
	e->since = tree_get_num(from, "since");
	e->digest = text_of(from, "digest", a);
	e->body = tree_get(from, "body");
}

static bool
parse_queue(const struct tree *queue, struct ticket *t, struct arena *a)
{
	if (!tree_is(queue, TREE_LIST) || tree_count(queue) > TICKET_QUEUE)
		return false;
	for (const struct tree *e = queue->first; e != NULL; e = e->next) {
		struct ticket_event *to = &t->queue[t->queued++];

		parse_event(e, to, a);
		if (to->n == 0 || to->digest == NULL ||
		    !tree_is(to->body, TREE_OBJECT))
			return false;
	}
	return true;
}

static void
parse_sent(const struct tree *from, struct ticket_sent *s, struct arena *a)
{
	s->n = (uint64_t)tree_get_num(from, "n");
	s->at = tree_get_num(from, "at");
	s->digest = text_of(from, "digest", a);
	s->target = text_of(from, "target", a);
	s->resolved = tree_says(tree_get(from, "status"), "resolved");
	s->severity = (int)tree_get_num(from, "severity");
	if (s->digest == NULL || s->target == NULL)
		s->n = 0;
}

static void
parse_muted(const struct tree *from, struct ticket_muted *m, struct arena *a)
{
	m->by = text_of(from, "by", a);
	m->since = tree_get_num(from, "since");
	m->digest = text_of(from, "digest", a);
	m->doubt = yes(from, "doubt");
	if (m->digest == NULL)
		m->by = NULL;
}

static const char *const known[] = { "version", "key", "source", "spoke",
	"alert", "queue", "next", "sent", "muted", "unsure", "tries", "waited",
	"limited", "wait", "first", "error", "history" };

static bool
is_known(const struct tree *member)
{
	for (size_t i = 0; i < COUNT(known); i++)
		if (member->key_len == strlen(known[i]) &&
		    memcmp(member->key, known[i], member->key_len) == 0)
			return true;
	return false;
}

static void
parse_rest(const struct tree *root, struct ticket *t, struct arena *a)
{
	t->rest = tree_new(a, TREE_OBJECT);
	for (const struct tree *m = root->first; m != NULL; m = m->next)
		if (!is_known(m))
			tree_set(
			    a, t->rest, arena_copy(a, m->key, m->key_len), m);
}

static void
parse_plain(const struct tree *root, struct ticket *t, struct arena *a)
{
	const struct tree *wait = tree_get(root, "wait");
	const struct tree *history = tree_get(root, "history");

	t->key = text_of(root, "key", a);
	t->source = text_of(root, "source", a);
	t->spoke = text_of(root, "spoke", a);
	t->alert = tree_get(root, "alert");
	t->next = (uint64_t)tree_get_num(root, "next");
	t->unsure = yes(root, "unsure");
	t->tries = (unsigned)tree_get_num(root, "tries");
	t->waited = tree_get_num(root, "waited");
	t->limited = tree_get_num(root, "limited");
	t->set = tree_get_num(wait, "set");
	t->until = tree_get_num(wait, "until");
	t->first = tree_get_num(root, "first");
	t->error = text_of(root, "error", a);
	t->history = tree_is(history, TREE_LIST) ? tree_merge(a, history, NULL)
						 : tree_new(a, TREE_LIST);
}

bool
ticket_parse(const char *text, size_t n, struct ticket *t, struct arena *a,
    struct fail *f)
{
	struct tree *root = NULL;
	struct fail why = { 0 };

	*t = (struct ticket){ 0 };
	/* It is ours: a sender who is told 400 would not come again. */
	if (!tree_parse(text, n, a, &root, &why))
		return fail_set(f, FAIL_BROKEN, "ticket: %.200s", why.text);
	if (tree_get_num(root, "version") != VERSION_NOW)
		return fail_set(f, FAIL_BROKEN,
		    "ticket: written by another version of bellrelay");
	parse_plain(root, t, a);
	parse_sent(tree_get(root, "sent"), &t->sent, a);
	parse_muted(tree_get(root, "muted"), &t->muted, a);
	parse_rest(root, t, a);
	if (t->key == NULL || !tree_is(t->alert, TREE_OBJECT) ||
	    !parse_queue(tree_get(root, "queue"), t, a))
		return fail_set(f, FAIL_BROKEN, "ticket: not as we write them");
	return true;
}

void
ticket_new(struct ticket *t, const char *key, const char *source, int64_t now,
    struct arena *a)
{
	*t = (struct ticket){ .key = key,
		.source = source,
		.next = 1,
		.first = now,
		.history = tree_new(a, TREE_LIST),
		.rest = tree_new(a, TREE_OBJECT) };
}

/* ---- writing ---- */

static const char *
status_word(bool resolved)
{
	return resolved ? "resolved" : "firing";
}

static struct tree *
event_tree(const struct ticket_event *e, struct arena *a)
{
	struct tree *to = tree_new(a, TREE_OBJECT);

	tree_set_num(a, to, "n", (int64_t)e->n);
	tree_set_str(a, to, "status", status_word(e->resolved));
	tree_set_num(a, to, "since", e->since);
	tree_set_num(a, to, "severity", e->severity);
	tree_set_yes(a, to, "urgent", e->urgent);
	tree_set_yes(a, to, "repeat", e->repeat);
	tree_set_yes(a, to, "small", e->small);
	tree_set_yes(a, to, "closing", e->closing);
	tree_set_str(a, to, "digest", e->digest);
	tree_set(a, to, "body", e->body);
	return to;
}

static struct tree *
sent_tree(const struct ticket_sent *s, struct arena *a)
{
	struct tree *to = tree_new(a, TREE_OBJECT);

	tree_set_num(a, to, "n", (int64_t)s->n);
	tree_set_str(a, to, "status", status_word(s->resolved));
	tree_set_num(a, to, "at", s->at);
	tree_set_num(a, to, "severity", s->severity);
	tree_set_str(a, to, "digest", s->digest);
	tree_set_str(a, to, "target", s->target);
	return to;
}

static struct tree *
muted_tree(const struct ticket_muted *m, struct arena *a)
{
	struct tree *to = tree_new(a, TREE_OBJECT);

	tree_set_str(a, to, "by", m->by);
	tree_set_num(a, to, "since", m->since);
	tree_set_str(a, to, "digest", m->digest);
	tree_set_yes(a, to, "doubt", m->doubt);
	return to;
}

static struct tree *
queue_tree(const struct ticket *t, struct arena *a)
{
	struct tree *to = tree_new(a, TREE_LIST);

	for (size_t i = 0; i < t->queued; i++)
		(void)tree_push(to, event_tree(&t->queue[i], a));
	return to;
}

static struct tree *
ticket_tree(const struct ticket *t, struct arena *a)
{
	struct tree *to = tree_new(a, TREE_OBJECT);
	struct tree *wait = tree_new(a, TREE_OBJECT);

	tree_set_num(a, to, "version", VERSION_NOW);
	tree_set_str(a, to, "key", t->key);
	tree_set_str(a, to, "source", t->source);
	tree_set_str(a, to, "spoke", t->spoke);
	tree_set_num(a, to, "first", t->first);
	tree_set_num(a, to, "next", (int64_t)t->next);
	tree_set_num(a, to, "tries", t->tries);
	if (t->tries > 0 && t->waited > 0)
		tree_set_num(a, to, "waited", t->waited);
	tree_set_num(a, wait, "set", t->set);
	tree_set_num(a, wait, "until", t->until);
	tree_set(a, to, "wait", wait);
	tree_set_yes(a, to, "unsure", t->unsure);
	if (t->limited != 0)
		tree_set_num(a, to, "limited", t->limited);
	tree_set_str(a, to, "error", t->error);
	if (t->sent.n != 0)
		tree_set(a, to, "sent", sent_tree(&t->sent, a));
	if (t->muted.by != NULL)
		tree_set(a, to, "muted", muted_tree(&t->muted, a));
	tree_set(a, to, "queue", queue_tree(t, a));
	tree_set(a, to, "alert", t->alert);
	tree_set(a, to, "history", t->history);
	for (const struct tree *m = t->rest->first; m != NULL; m = m->next)
		tree_set(a, to, arena_copy(a, m->key, m->key_len), m);
	return to;
}

/* A copy of an alert or event without metadata.extra. */
static struct tree *
lean(const struct tree *whole, struct arena *a)
{
	struct tree *to = tree_copy(a, whole);
	const struct tree *metadata = tree_get(whole, "metadata");

	if (tree_get(metadata, "extra") != NULL) {
		struct tree *patch = tree_new(a, TREE_OBJECT);
		struct tree *inner = tree_new(a, TREE_OBJECT);

		tree_set(a, inner, "extra", tree_new(a, TREE_NULL));
		tree_set(a, patch, "metadata", inner);
		to = tree_merge(a, whole, patch);
	}
	return to;
}

/* Cut each string below t to max bytes, at a character. */
static void
cut_longer(struct tree *t, size_t max)
{
	if (t->type == TREE_STR && t->len > max)
		for (t->len = max;
		     t->len > 0 && (t->text[t->len] & 0xc0) == 0x80; t->len--)
			;
	if (t->type == TREE_LIST || t->type == TREE_OBJECT)
		for (struct tree *m = t->first; m != NULL; m = m->next)
			cut_longer(m, max);
}

static size_t
longest(const struct tree *t)
{
	size_t most = t->type == TREE_STR ? t->len : 0;

	if (t->type == TREE_LIST || t->type == TREE_OBJECT)
		for (const struct tree *m = t->first; m != NULL; m = m->next) {
			size_t one = longest(m);

			most = one > most ? one : most;
		}
	return most;
}

static void
keep_text(
    struct arena *a, struct tree *to, const struct tree *from, const char *name)
{
	const struct tree *t = tree_get(from, name);

	if (tree_is(t, TREE_STR))
		tree_set(a, to, name, t);
}

/* What of an alert must not be lost; what waits is a body of its own. */
static struct tree *
bare(const struct tree *whole, struct arena *a)
{
	const struct tree *from = tree_get(whole, "metadata");
	struct tree *to = tree_new(a, TREE_OBJECT);
	struct tree *metadata = tree_new(a, TREE_OBJECT);

	keep_text(a, to, whole, "title");
	keep_text(a, to, whole, "status");
	keep_text(a, to, whole, "source_url");
	keep_text(a, metadata, from, "source");
	keep_text(a, metadata, from, "severity");
	keep_text(a, metadata, from, "incident_id");
	keep_text(a, metadata, from, "received_at");
	tree_set(a, to, "metadata", metadata);
	return to;
}

/*
 * For people, unless that takes much more room than what it says: a line for
 * each of very many small values, and its indentation.
 */
static void
write_tree(const struct tree *t, struct buf *out)
{
	out->full = false;
	json_write(t, JSON_PRETTY, out);
	if (out->len <= TICKET_MAX && !out->full)
		return;
	buf_reset(out);
	json_write(t, JSON_PLAIN, out);
	/* The end that a seal stands before (seal.h). */
	buf_cut(out, out->len - 1);
	buf_puts(out, "\n}");
}

static bool
fits(const struct tree *t, size_t max, struct buf *text)
{
	buf_reset(text);
	write_tree(t, text);
	return text->len <= max;
}

/* Into text, which is empty. */
static void
write_giant(const struct ticket *t, struct arena *a, struct buf *text)
{
	struct ticket thin = *t;
	struct tree *tree;

	thin.alert = lean(t->alert, a);
	for (size_t i = 0; i < t->queued; i++)
		thin.queue[i].body = lean(t->queue[i].body, a);
	tree = tree_merge(a, ticket_tree(&thin, a), NULL);
	for (size_t max = longest(tree) / 2; max >= VALUE_LEAST; max /= 2) {
		if (fits(tree, TICKET_MAX, text))
			return;
		cut_longer(tree, max);
	}
	/* Very many small values. */
	if (fits(tree, SMALL_MAX, text))
		return;
	tree_set(a, tree, "alert", bare(tree_get(tree, "alert"), a));
	(void)fits(tree, SMALL_MAX, text);
}

void
ticket_write(const struct ticket *t, struct arena *a, struct buf *out)
{
	struct buf text = BUF_MAX(WRITE_MAX);

	json_write(ticket_tree(t, a), JSON_PRETTY, &text);
	if (text.full || text.len > TICKET_MAX)
		write_giant(t, a, &text);
	buf_add(out, text.data, text.len);
	buf_free(&text);
}

/* ---- history ---- */

static void
drop_first(struct tree *list)
{
	list->first = list->first->next;
	if (list->first == NULL)
		list->last = NULL;
}

void
ticket_note(struct ticket *t, const char *what, uint64_t n, const char *why,
    int64_t now, struct arena *a)
{
	struct tree *line = tree_new(a, TREE_OBJECT);

	tree_set_num(a, line, "at", now);
	tree_set_str(a, line, "what", what);
	if (n != 0)
		tree_set_num(a, line, "n", (int64_t)n);
	tree_set_str(a, line, "why", why);
	(void)tree_push(t->history, line);
	while (tree_count(t->history) > TICKET_HISTORY)
		drop_first(t->history);
}

/* ---- the queue ---- */

static const char *
digest_of(const struct tree *body, struct arena *a)
{
	struct buf text = BUF_MAX(TEXT_MAX);
	unsigned char sum[SIGN_MAX];
	char *hex = arena_alloc(a, 2 * DIGEST + 1);

	json_write(body, JSON_PLAIN, &text);
	sign_digest(SIGN_SHA256, text.data, text.len, sum);
	sign_hex(sum, DIGEST, hex);
	buf_free(&text);
	return hex;
}

static void
pop(struct ticket *t)
{
	t->queued--;
	memmove(t->queue, t->queue + 1, t->queued * sizeof(t->queue[0]));
}

/* Whether somebody may have been told that it fires, whatever was accepted
 * last, or is told by now: a firing event is among what waits. */
static bool
may_ring(const struct ticket *t)
{
	return t->muted.doubt ||
	    (t->queued > 0 && !(t->queued == 1 && t->queue[0].resolved));
}

static bool
is_urgent(const struct ticket *t, const struct ticket_event *e)
{
	if (e->resolved && may_ring(t))
		return true;
	/* To end what nobody was told of can wait. */
	if (t->sent.n == 0)
		return !e->resolved || t->unsure;
	return t->sent.resolved != e->resolved ||
	    (!e->resolved && e->severity > t->sent.severity);
}

static void
append(struct ticket *t, struct ticket_event e)
{
	t->queue[t->queued++] = e;
	if (t->queued <= TICKET_QUEUE)
		return;
	/* A flap in the middle says nothing that the ends do not say. */
	t->queue[1] = t->queue[3];
	t->queued = 2;
}

static void
replace_tail(struct ticket *t, struct ticket_event e)
{
	struct ticket_event *tail = &t->queue[t->queued - 1];

	e.since = tail->since;
	e.urgent = e.urgent || tail->urgent;
	*tail = e;
}

/* The same alert, resolved: what must go before a firing that is to page. */
static struct ticket_event
closing(struct ticket *t, const struct ticket_event *e, struct arena *a)
{
	struct ticket_event end = *e;
	struct tree *body = tree_merge(a, e->body, NULL);

	tree_set(a, body, "status", tree_str(a, "resolved"));
	end.n = t->next++;
	end.resolved = true;
	end.urgent = true;
	end.closing = true;
	end.body = body;
	end.digest = digest_of(body, a);
	return end;
}

/* Whether this is what the destination accepted last. */
static bool
is_accepted(const struct ticket *t, const struct ticket_event *e,
    const struct ticket_change *c)
{
	const struct ticket_sent *s = &t->sent;

	return s->n != 0 && strcmp(s->digest, e->digest) == 0 &&
	    strcmp(s->target, c->target) == 0;
}

/* Whether it has that still, and nothing else that was kept quiet later. */
static bool
is_known_there(const struct ticket *t, const struct ticket_event *e,
    const struct ticket_change *c)
{
	return is_accepted(t, e, c) && !t->muted.doubt;
}

/* Whether it has just that, so that nothing need be sent. */
static bool
is_sent(const struct ticket *t, const struct ticket_event *e,
    const struct ticket_change *c, int64_t now)
{
	return is_known_there(t, e, c) && now >= t->sent.at &&
	    now - t->sent.at < c->resend_after;
}

static bool
is_ringing(const struct ticket *t)
{
	return t->sent.n != 0 && !t->sent.resolved;
}

/* Whether e raises the severity of what rings, and that is to be seen. */
static bool
is_refired(const struct ticket *t, const struct ticket_event *e,
    const struct ticket_change *c)
{
	return c->refire && is_ringing(t) && !e->resolved &&
	    e->severity > t->sent.severity;
}

/* Whether it is an update, to a destination that wants none.  The end of what
 * may have rung is none. */
static bool
is_unwanted(const struct ticket *t, const struct ticket_event *e,
    const struct ticket_change *c)
{
	return !c->updates && t->sent.n != 0 &&
	    t->sent.resolved == e->resolved && !is_refired(t, e, c) &&
	    !(e->resolved && t->muted.doubt);
}

/* Something new for an empty queue. */
static enum ticket_result
begin(struct ticket *t, struct ticket_event e, const struct ticket_change *c,
    struct arena *a)
{
	if (is_unwanted(t, &e, c))
		return TICKET_MERGED;
	wait_over(t);
	t->tries = 0;
	if (is_refired(t, &e, c))
		append(t, closing(t, &e, a));
	e.n = t->next++;
	append(t, e);
	return TICKET_QUEUED;
}

static enum ticket_result
join(struct ticket *t, struct ticket_event e)
{
	struct ticket_event *tail = &t->queue[t->queued - 1];

	if (strcmp(tail->digest, e.digest) == 0 && tail->resolved == e.resolved)
		return TICKET_SAME;
	e.n = t->next++;
	if (tail->resolved == e.resolved)
		replace_tail(t, e);
	else
		append(t, e);
	return TICKET_QUEUED;
}

static struct ticket_event
event_of(const struct ticket *t, const struct ticket_change *c, int64_t now,
    struct arena *a)
{
	struct ticket_event e = { .resolved = event_resolved(c->alert),
		.severity = event_severity(c->alert),
		.since = now,
		.digest = digest_of(c->body, a),
		.body = c->body };

	e.urgent = is_urgent(t, &e) || (e.resolved && c->doubt);
	return e;
}

static void
adopt(struct ticket *t, const struct ticket_change *c)
{
	t->alert = c->alert;
	if (c->source != NULL && t->source != NULL)
		t->spoke = strcmp(c->source, t->source) == 0 ? NULL : c->source;
}

/*
 * What was accepted last is said again.  That holds for all that came between
 * and was refused or merged: nothing of it goes into what comes next, and a
 * dead letter of it is not to be revived.
 */
static enum ticket_result
confirm(struct ticket *t, const struct ticket_event *e,
    const struct ticket_change *c, int64_t now, struct arena *a)
{
	bool passed_over = t->queued == 0 && t->sent.n + 1 < t->next;

	if (!passed_over && t->alert != NULL &&
	    strcmp(digest_of(t->alert, a), digest_of(c->alert, a)) == 0)
		return TICKET_UNCHANGED;
	adopt(t, c);
	if (passed_over) {
		t->sent.n = t->next++;
		ticket_note(t, status_word(e->resolved), t->sent.n,
		    "as accepted before", now, a);
	}
	return TICKET_MERGED;
}

const char *
ticket_speaker(const struct ticket *t)
{
	return t->spoke != NULL ? t->spoke : t->source;
}

/* ---- what a mute keeps quiet ---- */

/* Whether anything waits but what was accepted once already. */
static bool
waits(const struct ticket *t)
{
	return t->queued > 0 && !t->queue[0].repeat;
}

/* Whether nothing is sent of e: it comes under a mute, or ends what a mute
 * has kept from ringing. */
static bool
is_quiet(const struct ticket *t, const struct ticket_event *e,
    const struct ticket_change *c)
{
	if (waits(t))
		return false;
	if (!e->resolved)
		return c->muted != NULL;
	return t->muted.by != NULL && !t->muted.doubt && !is_ringing(t);
}

static void
mark(struct ticket *t, const char *by, const char *digest, bool doubt,
    int64_t now)
{
	if (t->muted.by == NULL)
		t->muted.since = now;
	t->muted.by = by;
	t->muted.digest = digest;
	t->muted.doubt = t->muted.doubt || t->unsure || doubt;
}

static void
unmark(struct ticket *t)
{
	t->muted = (struct ticket_muted){ .by = NULL };
}

static bool
is_marked(const struct ticket *t, const char *by, const char *digest)
{
	return t->muted.by != NULL && strcmp(t->muted.by, by) == 0 &&
	    strcmp(t->muted.digest, digest) == 0;
}

static enum ticket_result
keep_quiet(struct ticket *t, const struct ticket_event *e,
    const struct ticket_change *c, int64_t now, struct arena *a)
{
	const char *by = e->resolved ? t->muted.by : c->muted;
	bool over =
	    e->resolved || is_known_there(t, e, c) || is_unwanted(t, e, c);

	if (!e->resolved && is_accepted(t, e, c) && t->muted.by == NULL)
		return confirm(t, e, c, now, a);
	if (!over && is_marked(t, by, e->digest))
		return TICKET_SAME;
	adopt(t, c);
	ticket_note(t, status_word(e->resolved), 0,
	    arena_printf(a, "muted by %s", by), now, a);
	if (over)
		unmark(t);
	else
		mark(t, by, e->digest, c->doubt, now);
	return over ? TICKET_MERGED : TICKET_MUTED;
}

/* The first end of the alert that waits; NULL if none does. */
static const struct ticket_event *
first_end(const struct ticket *t)
{
	for (size_t i = 0; i < t->queued; i++)
		if (t->queue[i].resolved && !t->queue[i].closing)
			return &t->queue[i];
	return NULL;
}

bool
ticket_hush(struct ticket *t, const char *by, int64_t now, struct arena *a)
{
	const struct ticket_event *end = first_end(t);
	struct ticket_event last;

	if (!waits(t) || (end != NULL && t->queued == 1))
		return false;
	last = t->queue[t->queued - 1];
	if (end != &t->queue[0]) {
		t->tries = 0;
		t->error = NULL;
		wait_over(t);
	}
	if (end != NULL)
		t->queue[0] = *end;
	t->queued = end != NULL;
	if (!last.resolved)
		mark(t, by, last.digest, true, now);
	ticket_note(t, "muted", last.n, by, now, a);
	return true;
}

enum ticket_result
ticket_wake(struct ticket *t, const struct ticket_change *c, int64_t now,
    struct arena *a)
{
	struct ticket_event e = event_of(t, c, now, a);
	bool news = !e.resolved && !is_known_there(t, &e, c);
	enum ticket_result did = TICKET_MERGED;

	unmark(t);
	if (news && t->queued == 0)
		did = begin(t, e, c, a);
	if (did == TICKET_QUEUED)
		ticket_note(t, "unmuted", t->next - 1, NULL, now, a);
	return did;
}

/* ---- what comes ---- */

/*
 * To what waits.  A repeat says again what was accepted, which is only of use
 * while nothing newer is sent; the alert's end may hang on it until then.
 */
static enum ticket_result
add(struct ticket *t, struct ticket_event e, const struct ticket_change *c,
    struct arena *a)
{
	if (t->queued == 0)
		return begin(t, e, c, a);
	if (!t->queue[0].repeat || strcmp(t->queue[0].digest, e.digest) == 0)
		return join(t, e);
	if (is_unwanted(t, &e, c))
		return TICKET_MERGED;
	pop(t);
	t->unsure = true;
	return begin(t, e, c, a);
}

enum ticket_result
ticket_enqueue(struct ticket *t, const struct ticket_change *c, int64_t now,
    struct arena *a)
{
	struct ticket_event e = event_of(t, c, now, a);
	enum ticket_result did;

	if (is_quiet(t, &e, c))
		return keep_quiet(t, &e, c, now, a);
	did = t->queued == 0 && is_sent(t, &e, c, now)
	    ? confirm(t, &e, c, now, a)
	    : add(t, e, c, a);
	if (t->muted.by == NULL && did == TICKET_UNCHANGED)
		return did;
	adopt(t, c);
	if (t->muted.by == NULL && did == TICKET_SAME)
		return did;
	unmark(t);
	if (did == TICKET_QUEUED)
		ticket_note(
		    t, status_word(e.resolved), t->next - 1, NULL, now, a);
	return did == TICKET_QUEUED ? did : TICKET_MERGED;
}

void
ticket_follow(struct ticket *t, const struct ticket *later)
{
	for (size_t i = 0; i < later->queued; i++) {
		struct ticket_event e = later->queue[i];

		if (t->queued > 0) {
			(void)join(t, e);
		} else {
			e.n = t->next++;
			append(t, e);
		}
	}
	t->alert = later->alert;
	t->spoke = ticket_speaker(later);
	t->muted = later->muted;
}

const struct ticket_event *
ticket_head(const struct ticket *t)
{
	return t->queued > 0 ? &t->queue[0] : NULL;
}

bool
ticket_urgent(const struct ticket *t)
{
	return t->queued > 0 && t->queue[0].urgent;
}

/* ---- what became of an event ---- */

/* The digest too: a ticket that was lost and begun anew has the same serials
 * for other events. */
static bool
is_head(const struct ticket *t, const struct ticket_event *e)
{
	const struct ticket_event *head = ticket_head(t);

	return head != NULL && head->n == e->n &&
	    strcmp(head->digest, e->digest) == 0;
}

static void
plan_repeat(struct ticket *t, const struct ticket_event *e, int64_t now)
{
	struct ticket_event again = *e;

	again.n = t->next++;
	again.repeat = true;
	again.urgent = false;
	again.since = now;
	append(t, again);
	t->set = now;
	t->until = now + TICKET_REPEAT * WHEN_SECOND;
	t->unsure = false;
}

void
ticket_accepted(struct ticket *t, const struct ticket_event *e,
    const char *target, int64_t now, struct arena *a)
{
	t->sent = (struct ticket_sent){ .n = e->n,
		.at = now,
		.digest = e->digest,
		.target = target,
		.resolved = e->resolved,
		.severity = e->severity };
	ticket_note(t, "delivered", e->n, NULL, now, a);
	t->tries = 0;
	t->limited = 0;
	t->error = NULL;
	wait_over(t);
	if (is_head(t, e))
		pop(t);
	if (t->queued == 0 && t->unsure)
		plan_repeat(t, e, now);
}

void
ticket_failed(struct ticket *t, const struct ticket_event *e, bool unknown,
    const char *why, uint64_t random, int64_t now, struct arena *a)
{
	t->waited = t->tries == 0 ? 0 : t->waited + waited(t, now);
	t->tries++;
	t->unsure = t->unsure || unknown;
	t->set = now;
	t->until = now + jittered(t->tries, random);
	t->error = event_cut(a, why, ERROR_MAX);
	ticket_note(t, "failed", e->n, t->error, now, a);
}

/* By these incident.io routes and rings; long values of them go too. */
static struct tree *
essence(const struct tree *metadata, struct arena *a)
{
	static const char *const names[] = { "source", "severity", "owners",
		"environment" };
	struct tree *out = tree_new(a, TREE_OBJECT);

	for (size_t i = 0; i < COUNT(names); i++) {
		const struct tree *value = tree_get(metadata, names[i]);
		struct buf text = BUF_MAX(SMALL_VALUE);

		if (value != NULL)
			json_write(value, JSON_PLAIN, &text);
		if (value != NULL && !text.full)
			tree_set(a, out, names[i], value);
		buf_free(&text);
	}
	return out->first == NULL ? NULL : out;
}

bool
ticket_shrink(struct ticket *t, const struct ticket_event *e, struct arena *a)
{
	struct tree *body;

	if (e->small || !is_head(t, e))
		return !e->small;
	body = tree_merge(a, e->body, NULL);
	tree_set(a, body, "description", NULL);
	tree_set(
	    a, body, "metadata", essence(tree_get(e->body, "metadata"), a));
	t->queue[0].body = body;
	t->queue[0].digest = digest_of(body, a);
	t->queue[0].small = true;
	t->queue[0].n = t->next++;
	return true;
}

void
ticket_refused(struct ticket *t, const struct ticket_event *e, const char *why,
    int64_t now, struct arena *a)
{
	t->error = event_cut(a, why, ERROR_MAX);
	ticket_note(t, "refused", e->n, t->error, now, a);
	t->tries = 0;
	t->limited = 0;
	wait_over(t);
	if (is_head(t, e))
		pop(t);
}

void
ticket_epitaph(const struct ticket *t, const struct ticket_event *e, int status,
    const char *answer, size_t answer_len, int64_t now, struct arena *a,
    struct buf *out)
{
	struct tree *to = tree_new(a, TREE_OBJECT);

	tree_set_num(a, to, "version", VERSION_NOW);
	tree_set_str(a, to, "key", t->key);
	tree_set_str(a, to, "source", t->source);
	tree_set_num(a, to, "at", now);
	tree_set_num(a, to, "answer_status", status);
	tree_set_str(a, to, "why", t->error);
	tree_set(a, to, "answer", tree_strn(a, answer, answer_len));
	tree_set(a, to, "event", event_tree(e, a));
	write_tree(to, out);
}

bool
ticket_revive(
    struct ticket *t, const struct tree *letter, int64_t now, struct arena *a)
{
	struct ticket_event e = { .n = 0 };

	parse_event(tree_get(letter, "event"), &e, a);
	if (t->queued > 0 || t->sent.n > e.n)
		return false;
	/* The ticket may be younger than its dead letter. */
	if (t->next <= e.n)
		t->next = e.n + 1;
	e.n = t->next++;
	e.urgent = is_urgent(t, &e);
	append(t, e);
	t->tries = 0;
	t->limited = 0;
	t->error = NULL;
	wait_over(t);
	ticket_note(t, "retried", e.n, NULL, now, a);
	return true;
}

int64_t
ticket_received(const struct ticket *t)
{
	int64_t last = t->first;

	for (const struct tree *m = t->history->first; m != NULL; m = m->next) {
		const struct tree *what = tree_get(m, "what");

		if (tree_says(what, "firing") || tree_says(what, "resolved"))
			last = tree_get_num(m, "at");
	}
	return last;
}

int64_t
ticket_last(const struct ticket *t)
{
	int64_t last = t->first > t->sent.at ? t->first : t->sent.at;

	for (const struct tree *m = t->history->first; m != NULL; m = m->next)
		if (tree_get_num(m, "at") > last)
			last = tree_get_num(m, "at");
	return last;
}
