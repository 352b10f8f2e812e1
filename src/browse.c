#include "browse.h"

#include "array.h"
#include "buf.h"
#include "catalog.h"
#include "command.h"
#include "conf.h"
#include "display.h"
#include "event.h"
#include "fail.h"
#include "hush.h"
#include "relay.h"
#include "setup.h"
#include "tree.h"
#include "when.h"
#include "window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum {
	SHORT_ID = 12, /* digits that are shown; 48 bits tell alerts apart */
	LINE_MAX_BYTES = 16 << 10,
	SEEN_MAX = 1 << 28,
	SECONDS_LENGTH = 19, /* of a time without its fraction */
	SPAN = 11,           /* of "23 h 59 min", the longest but for years */
};

/* ---- opening ---- */

int
browse_open(const struct command_call *call, struct setup *s, struct catalog *c)
{
	struct fail f = { 0 };
	int code = command_conf(call, s);

	*c = (struct catalog){ .n = 0 };
	if (code != EX_OK)
		return code;
	code = command_owner(&s->conf);
	if (code != EX_OK)
		return code;
	if (!catalog_open(c, &s->conf, &f)) {
		*c = (struct catalog){ .n = 0 };
		return command_failed(&f, EX_CANTCREAT);
	}
	return EX_OK;
}

void
browse_close(struct setup *s, struct catalog *c)
{
	if (c->boxes != NULL)
		catalog_close(c);
	setup_close(s);
}

/* ---- a view ---- */

struct view {
	const struct catalog *catalog;
	const struct conf *conf;
	struct arena arena; /* of one row */
	bool pending, muted, firing, dead, all;
	bool json;
	size_t rows;
	size_t width; /* of the names of destinations */
	int64_t now;
	bool partial;    /* something could not be listed */
	struct buf seen; /* ids of the box's pending tickets, sorted */
};

/* Texts that are NULL are not known; times that are 0 likewise. */
struct row {
	const struct catalog_box *at;
	const char *id;
	const char *key;
	const char *source;
	const char *state; /* pending, muted, settled or dead */
	const char *status;
	const char *title;
	const char *why;
	const char *next;  /* for people */
	const char *muted; /* by which mute */
	int64_t since;
	int64_t waiting; /* since when */
	int64_t until;   /* of the next try */
	int64_t unmuted; /* when it will be */
	int64_t answer;  /* status, of a dead letter */
	int64_t event;   /* serial, of a dead letter */
	bool superseded; /* likewise */
	bool repeat;     /* what waits was accepted, and is sent once more */
	size_t events;   /* that wait */
	unsigned tries;
};

/* ---- a row for people ---- */

static const char *
time_text(int64_t t, struct arena *a)
{
	char text[WHEN_SIZE];

	if (t == 0)
		return "-";
	when_write(t, text);
	return arena_printf(a, "%.*sZ", SECONDS_LENGTH, text);
}

static const char *
span_text(int64_t from, int64_t to, struct arena *a)
{
	char text[WHEN_SIZE];

	if (from == 0)
		return "-";
	when_span(to > from ? to - from : 0, text);
	return arena_str(a, text);
}

static void
print_columns(const char *const *texts, size_t width, const char *title)
{
	const size_t widths[] = { SHORT_ID, width, 8, 20, SPAN, SPAN, 5,
		sizeof("in ") - 1 + SPAN };
	struct buf line = BUF_MAX(LINE_MAX_BYTES);

	for (size_t i = 0; i < COUNT(widths); i++) {
		display_column(&line, texts[i], widths[i]);
		buf_puts(&line, "  ");
	}
	display_puts(&line, title);
	buf_puts(&line, "\n");
	command_print(&line);
	buf_free(&line);
}

static void
print_head(const struct view *v)
{
	static const char *const names[] = { "ALERT", "DESTINATION", "STATUS",
		"SINCE", "AGE", "WAITING", "TRIES", "NEXT TRY" };

	print_columns(names, v->width, "TITLE");
}

static void
print_line(struct view *v, const struct row *r)
{
	struct arena *a = &v->arena;
	const char *const texts[] = {
		arena_printf(a, "%.*s", SHORT_ID, r->id),
		r->at->name,
		strcmp(r->state, "dead") == 0 ? r->state : r->status,
		time_text(r->since, a),
		span_text(r->since, v->now, a),
		span_text(r->waiting, v->now, a),
		r->tries == 0 ? "-" : arena_printf(a, "%u", r->tries),
		r->next,
	};
	const char *title = r->title == NULL ? "" : r->title;

	if (v->rows == 0)
		print_head(v);
	if (r->why != NULL && strcmp(r->state, "dead") == 0)
		title = arena_printf(a, "%s [%s]", title, r->why);
	if (r->repeat)
		title = arena_printf(a, "%s [repeat]", title);
	print_columns(texts, v->width, title);
}

/* ---- a row as JSON ---- */

static void
put_num(struct tree *to, const char *name, int64_t n, struct arena *a)
{
	if (n != 0)
		tree_set(a, to, name, tree_num(a, n));
}

static void
put_time(struct tree *to, const char *name, int64_t t, struct arena *a)
{
	char text[WHEN_SIZE];

	if (t == 0)
		return;
	when_write(t, text);
	tree_set(a, to, name, tree_str(a, arena_str(a, text)));
}

static void
print_object(struct view *v, const struct row *r)
{
	struct arena *a = &v->arena;
	struct tree *to = tree_new(a, TREE_OBJECT);

	tree_set_str(a, to, "alert", r->id);
	tree_set_str(a, to, "destination", r->at->name);
	tree_set_yes(a, to, "orphan", r->at->orphan);
	tree_set_str(a, to, "state", r->state);
	tree_set_str(a, to, "status", r->status);
	tree_set_str(a, to, "key", r->key);
	tree_set_str(a, to, "source", r->source);
	tree_set_str(a, to, "title", r->title);
	put_time(to, "since", r->since, a);
	put_num(to, "waiting", (int64_t)r->events, a);
	put_time(to, "waiting_since", r->waiting, a);
	tree_set_yes(a, to, "repeat", r->repeat);
	put_num(to, "tries", r->tries, a);
	put_time(to, "next_try", r->until, a);
	tree_set_str(a, to, "muted", r->muted);
	put_time(to, "muted_until", r->unmuted, a);
	put_num(to, "event", r->event, a);
	tree_set_yes(a, to, "superseded", r->superseded);
	put_num(to, "answer_status", r->answer, a);
	tree_set_str(a, to, "error", r->why);
	(void)printf("%s\n", v->rows == 0 ? "[" : ",");
	command_print_json(to);
}

static void
print_row(struct view *v, const struct row *r)
{
	if (v->json)
		print_object(v, r);
	else
		print_line(v, r);
	v->rows++;
}

/* What is there and cannot be listed; what has gone meanwhile is not. */
static void
unread(struct view *v, const struct catalog_box *b, const char *id,
    const struct fail *f)
{
	if (f->kind == FAIL_NONE)
		return;
	(void)command_spoilt(b->name, id, f);
	v->partial = true;
}

/* ---- tickets ---- */

static const char *
next_text(struct view *v, const struct catalog_box *b, const struct ticket *t)
{
	struct pace p;

	if (ticket_head(t) == NULL)
		return "-";
	if (b->orphan)
		return "never";
	catalog_pace(&b->box, &p, &v->arena);
	if (p.mode != PACE_READY)
		return pace_mode_name(p.mode);
	if (ticket_due(t, v->now))
		return "now";
	return arena_printf(
	    &v->arena, "in %s", span_text(v->now, t->until, &v->arena));
}

/* Until when it is muted; the drain that ends it may be still to come. */
static void
put_muted(struct view *v, const struct catalog_box *b, const struct ticket *t,
    struct row *r)
{
	int64_t until = hush_until(v->conf, t, v->now, &v->arena);

	r->state = "muted";
	r->muted = t->muted.by;
	r->next = b->orphan ? "never" : until > v->now ? "muted" : "now";
	if (until > v->now && until != WINDOW_NEVER && !b->orphan)
		r->unmuted = until;
}

static void
ticket_row(struct view *v, const struct catalog_box *b, const char *id)
{
	struct catalog_ticket t;
	struct fail f = { 0 };
	struct row r = { .at = b, .id = id };
	const struct ticket_event *head;
	bool muted;

	if (!catalog_ticket(b, id, &t, &v->arena, &f)) {
		unread(v, b, id, &f);
		return;
	}
	head = ticket_head(&t.ticket);
	muted = head == NULL && t.ticket.muted.by != NULL;
	if ((v->pending && head == NULL) || (v->muted && !muted) ||
	    (v->firing && event_resolved(t.ticket.alert)))
		return;
	r.key = t.ticket.key;
	r.source = t.ticket.source;
	r.state = head != NULL ? "pending" : "settled";
	r.status = event_resolved(t.ticket.alert) ? "resolved" : "firing";
	r.title = tree_cstr(tree_get(t.ticket.alert, "title"), &v->arena);
	r.why = head != NULL ? t.ticket.error : NULL;
	r.since = t.ticket.first;
	r.events = t.ticket.queued;
	r.waiting = head != NULL ? head->since : 0;
	r.until = head != NULL && !b->orphan ? t.ticket.until : 0;
	r.repeat = head != NULL && head->repeat;
	r.tries = t.ticket.tries;
	r.next = next_text(v, b, &t.ticket);
	if (muted)
		put_muted(v, b, &t.ticket, &r);
	print_row(v, &r);
}

static int
by_id(const void *x, const void *y)
{
	return memcmp(x, y, SPOOL_ID + 1);
}

static bool
is_seen(const struct view *v, const char *id)
{
	return v->seen.len > 0 &&
	    bsearch(id, v->seen.data, v->seen.len / (SPOOL_ID + 1),
		SPOOL_ID + 1, by_id) != NULL;
}

/* The ids first, so that what is settled while we print is not lost. */
static void
pending_rows(struct view *v, const struct catalog_box *b)
{
	struct spool_walk w;
	struct spool_name name;

	buf_reset(&v->seen);
	spool_walk_open(&b->box, SPOOL_PENDING, &w);
	while (spool_walk_next(&w, &name))
		buf_add(&v->seen, name.id, sizeof(name.id));
	v->partial = !catalog_walked(b, &w) || v->partial;
	if (v->seen.len > 0)
		qsort(v->seen.data, v->seen.len / (SPOOL_ID + 1), SPOOL_ID + 1,
		    by_id);
	for (size_t at = 0; at < v->seen.len; at += SPOOL_ID + 1) {
		ticket_row(v, b, v->seen.data + at);
		arena_reset(&v->arena);
	}
}

static void
settled_rows(struct view *v, const struct catalog_box *b)
{
	struct spool_walk w;
	struct spool_name name;

	spool_walk_open(&b->box, SPOOL_SETTLED, &w);
	while (spool_walk_next(&w, &name)) {
		if (!is_seen(v, name.id))
			ticket_row(v, b, name.id);
		arena_reset(&v->arena);
	}
	v->partial = !catalog_walked(b, &w) || v->partial;
}

/* ---- dead letters ---- */

static void
dead_row(
    struct view *v, const struct catalog_box *b, const struct spool_name *n)
{
	struct catalog_letter l;
	struct fail f = { 0 };
	struct row r = { .at = b, .id = n->id, .state = "dead" };

	if (!catalog_letter(b, n->name, &l, &v->arena, &f)) {
		unread(v, b, n->id, &f);
		return;
	}
	r.key = l.key;
	r.source = l.source;
	r.status = l.resolved ? "resolved" : "firing";
	r.title = tree_cstr(tree_get(l.body, "title"), &v->arena);
	r.why = l.why;
	r.since = l.at;
	r.answer = l.status;
	r.event = l.n;
	r.superseded = l.superseded;
	r.next = l.superseded ? "superseded" : "retry";
	print_row(v, &r);
}

static void
dead_rows(struct view *v, const struct catalog_box *b)
{
	struct spool_walk w;
	struct spool_name name;

	spool_walk_open(&b->box, SPOOL_DEAD, &w);
	while (spool_walk_next(&w, &name)) {
		dead_row(v, b, &name);
		arena_reset(&v->arena);
	}
	v->partial = !catalog_walked(b, &w) || v->partial;
}

/* ---- the list ---- */

static void
say_orphan(const struct catalog_box *b)
{
	command_say("%s: no such destination is configured any more; its "
		    "alerts are kept, not sent: bellrelay move %s NEW",
	    b->name, b->name);
}

static void
print_all(struct view *v)
{
	for (size_t i = 0; i < v->catalog->n; i++) {
		size_t width = strlen(v->catalog->boxes[i].name);

		v->width = width > v->width ? width : v->width;
	}
	for (size_t i = 0; i < v->catalog->n; i++) {
		const struct catalog_box *b = &v->catalog->boxes[i];
		size_t before = v->rows;

		if (!v->dead)
			pending_rows(v, b);
		if (v->dead || v->all)
			dead_rows(v, b);
		if (v->firing || v->all)
			settled_rows(v, b);
		if (b->orphan && v->rows > before)
			say_orphan(b);
	}
	if (v->json)
		(void)printf("%s", v->rows == 0 ? "[]\n" : "]\n");
	else if (v->rows == 0 && !v->partial)
		command_say("there are none");
}

static int
list(const struct command_call *call)
{
	struct setup setup;
	struct catalog catalog;
	struct view v = { .catalog = &catalog,
		.conf = &setup.conf,
		.pending = command_option(call, "--pending") != NULL,
		.muted = command_option(call, "--muted") != NULL,
		.firing = command_option(call, "--firing") != NULL,
		.dead = command_option(call, "--dead") != NULL,
		.json = command_option(call, "--json") != NULL,
		.width = strlen("DESTINATION"),
		.now = relay_now(),
		.seen = BUF_MAX(SEEN_MAX) };
	int code;

	if (v.pending + v.muted + v.firing + v.dead > 1) {
		command_say("wanted one of --pending, --muted, --firing and "
			    "--dead");
		return EX_USAGE;
	}
	v.all = !v.pending && !v.muted && !v.firing && !v.dead;
	code = browse_open(call, &setup, &catalog);
	if (code == EX_OK)
		print_all(&v);
	if (v.partial)
		code = EX_IOERR;
	browse_close(&setup, &catalog);
	buf_free(&v.seen);
	arena_free(&v.arena);
	return code;
}

const struct command browse_list = {
	.name = "list",
	.summary =
	    "list alerts: all, or those that wait, fire, or were refused",
	.usage = "[--pending|--muted|--firing|--dead] [--json]",
	.text =
	    "  Prints a line for each alert at each destination, and one for\n"
	    "  each dead letter.  ALERT is the beginning of its id, which\n"
	    "  `bellrelay show` takes.  SINCE is when the alert was first\n"
	    "  received (of a dead letter: refused), WAITING how long its\n"
	    "  oldest event waits to be delivered.  NEXT TRY is `muted` where "
	    "a\n"
	    "  mute keeps an alert quiet.  [repeat] marks what was delivered "
	    "and\n"
	    "  is sent once more, because an exchange had no answer; `bellrelay"
	    "\n"
	    "  drain` does not count it.  A destination that is no\n"
	    "  longer configured is an orphan: kept, but not sent.  The\n"
	    "  lines come as they are found; `sort -k 4` orders them by "
	    "time.\n",
	.codes = "  0   listed\n"
		 "  73  the spool cannot be used\n"
		 "  74  a part of the spool could not be read\n"
		 "  77  the spool belongs to somebody else\n"
		 "  78  the configuration is broken\n",
	.options = { { "--pending", NULL, "what waits to be delivered", false },
	    { "--muted", NULL, "what a mute keeps quiet", false },
	    { "--firing", NULL, "what is not resolved", false },
	    { "--dead", NULL, "events that were refused for good", false },
	    { "--json", NULL, "an array of objects", false } },
	.run = list,
};
