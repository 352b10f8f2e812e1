#include "story.h"

#include "arena.h"
#include "array.h"
#include "browse.h"
#include "buf.h"
#include "catalog.h"
#include "command.h"
#include "conf.h"
#include "display.h"
#include "event.h"
#include "fail.h"
#include "hush.h"
#include "pick.h"
#include "relay.h"
#include "setup.h"
#include "tree.h"
#include "when.h"
#include "window.h"

#include <inttypes.h>
#include <sysexits.h>

enum { STORY_MAX = 16 << 20, LABEL = 12, WORD = 12, SECONDS_LENGTH = 19 };

struct story {
	const struct catalog_box *at;
	const struct conf *conf;
	const char *id;
	struct arena *a;
	struct buf out;
	struct catalog_ticket ticket;
	bool there; /* there is a ticket; else only dead letters */
	int code;   /* EX_OK, or some of it cannot be read */
	int64_t now;
};

/* ---- lines ---- */

/* A label and one line of text; nothing if there is none. */
static void
put(struct story *s, const char *label, const char *text)
{
	if (text == NULL)
		return;
	display_column(&s->out, label, LABEL);
	buf_puts(&s->out, " ");
	display_puts(&s->out, text);
	buf_puts(&s->out, "\n");
}

static const char *
time_text(const struct story *s, int64_t t)
{
	char text[WHEN_SIZE];

	when_write(t, text);
	return arena_printf(s->a, "%.*sZ", SECONDS_LENGTH, text);
}

static const char *
span(const struct story *s, int64_t ms)
{
	char text[WHEN_SIZE];

	when_span(ms < 0 ? 0 : ms, text);
	return arena_str(s->a, text);
}

static const char *
ago(const struct story *s, int64_t t)
{
	return arena_printf(
	    s->a, "%s, %s ago", time_text(s, t), span(s, s->now - t));
}

static const char *
status_word(bool resolved)
{
	return resolved ? "resolved" : "firing";
}

/* ---- what it is ---- */

static void
put_alert(struct story *s)
{
	const struct ticket *t = &s->ticket.ticket;
	const struct tree *alert = t->alert;

	put(s, "key", t->key);
	put(s, "source", t->source);
	put(s, "title", tree_cstr(tree_get(alert, "title"), s->a));
	put(s, "status", status_word(event_resolved(alert)));
	put(s, "severity",
	    tree_cstr(tree_at(alert, "/metadata/severity"), s->a));
	put(s, "link", tree_cstr(tree_get(alert, "source_url"), s->a));
	put(s, "since", ago(s, t->first));
	if (t->sent.n != 0)
		put(s, "delivered",
		    arena_printf(s->a, "%s, event %" PRIu64 ", %s",
			status_word(t->sent.resolved), t->sent.n,
			ago(s, t->sent.at)));
}

static const char *
mute_end(const struct story *s)
{
	int64_t until = hush_until(s->conf, &s->ticket.ticket, s->now, s->a);

	if (s->at->orphan)
		return "never: the destination is not configured any more";
	if (until == WINDOW_NEVER)
		return "it leaves the configuration";
	if (until == s->now)
		return "now: it is about to ring";
	return arena_printf(
	    s->a, "%s, in %s", time_text(s, until), span(s, until - s->now));
}

static void
put_muted(struct story *s)
{
	const struct ticket_muted *m = &s->ticket.ticket.muted;

	if (m->by == NULL)
		return;
	put(s, "muted",
	    arena_printf(s->a, "by %s, since %s", m->by, ago(s, m->since)));
	put(s, "muted until", mute_end(s));
}

static const char *
next_try(const struct story *s)
{
	const struct ticket *t = &s->ticket.ticket;
	struct pace p;

	if (s->at->orphan)
		return "never: the destination is not configured any more";
	catalog_pace(&s->at->box, &p, s->a);
	if (p.mode != PACE_READY)
		return arena_printf(s->a, "the destination is %s since %s",
		    pace_mode_name(p.mode), time_text(s, p.since));
	if (ticket_due(t, s->now))
		return "due now";
	return arena_printf(s->a, "%s, in %s", time_text(s, t->until),
	    span(s, t->until - s->now));
}

static void
put_queue(struct story *s)
{
	const struct ticket *t = &s->ticket.ticket;

	for (size_t i = 0; i < t->queued; i++)
		put(s, i == 0 ? "waits" : "",
		    arena_printf(s->a, "%s, event %" PRIu64 ", since %s%s",
			status_word(t->queue[i].resolved), t->queue[i].n,
			ago(s, t->queue[i].since),
			t->queue[i].repeat
			    ? ": to be sent once more, an exchange had no "
			      "answer"
			    : ""));
	if (t->queued > 0)
		put(s, "next try", next_try(s));
	if (t->tries > 0)
		put(s, "failed", arena_printf(s->a, "%u in a row", t->tries));
	put(s, "last error", t->error);
}

/* ---- what happened ---- */

static void
put_moment(
    struct story *s, int64_t at, int64_t n, const char *what, const char *why)
{
	buf_printf(&s->out, "  %s  ", time_text(s, at));
	display_column(&s->out, what == NULL ? "" : what, WORD);
	if (n != 0)
		buf_printf(&s->out, "  event %" PRId64, n);
	if (why != NULL) {
		buf_puts(&s->out, "  ");
		display_puts(&s->out, why);
	}
	buf_puts(&s->out, "\n");
}

/* Whether m tells that an event began to wait. */
static bool
is_birth(const struct tree *m)
{
	static const char *const words[] = { "firing", "resolved", "retried",
		"unmuted" };

	for (size_t i = 0; i < COUNT(words); i++)
		if (tree_says(tree_get(m, "what"), words[i]))
			return tree_get_num(m, "n") != 0;
	return false;
}

/* What became of an event; NULL if it waits or ended otherwise. */
static const char *
merged(const struct ticket *t, const struct tree *birth)
{
	int64_t n = tree_get_num(birth, "n");
	const char *fate = "merged into a later one, not sent itself";

	if (!is_birth(birth))
		return NULL;
	for (size_t i = 0; i < t->queued; i++)
		if (t->queue[i].n == (uint64_t)n)
			return NULL;
	for (const struct tree *m = birth->next; m != NULL; m = m->next) {
		const struct tree *what = tree_get(m, "what");

		if (tree_get_num(m, "n") != n)
			continue;
		if (!tree_says(what, "failed") && !tree_says(what, "held"))
			return NULL;
		fate = "merged into a later one, not accepted itself";
	}
	return fate;
}

static const char *
fate(const struct story *s, const struct tree *m)
{
	const char *why = tree_cstr(tree_get(m, "why"), s->a);

	return why == NULL ? merged(&s->ticket.ticket, m) : why;
}

static void
put_history(struct story *s)
{
	const struct tree *history = s->ticket.ticket.history;

	buf_puts(&s->out, "\ntimeline\n");
	for (const struct tree *m = history->first; m != NULL; m = m->next)
		put_moment(s, tree_get_num(m, "at"), tree_get_num(m, "n"),
		    tree_cstr(tree_get(m, "what"), s->a), fate(s, m));
}

static void
unread(struct story *s, const struct fail *f)
{
	if (f->kind == FAIL_NONE)
		return;
	(void)command_spoilt(s->at->name, s->id, f);
	s->code = EX_IOERR;
}

/* What can be read of the alert's dead letters. */
static const struct catalog_letter *
letters(struct story *s, size_t *n)
{
	struct fail f = { 0 };
	struct catalog_dead d;
	const struct catalog_letter *all;

	(void)catalog_list_dead(s->at, &d);
	all = catalog_letters(&d, s->id, n, s->a, &f);
	catalog_forget_dead(&d);
	unread(s, &f);
	return all;
}

static void
put_letters(struct story *s)
{
	size_t n;
	const struct catalog_letter *all = letters(s, &n);

	if (n > 0)
		buf_puts(&s->out, "\ndead letters\n");
	for (size_t i = 0; i < n; i++) {
		put_moment(s, all[i].at, all[i].n, status_word(all[i].resolved),
		    all[i].why);
		if (!s->there)
			put(s, "  key", all[i].key);
	}
}

/* ---- both ways to tell it ---- */

static void
tell(struct story *s, bool first)
{
	s->out = BUF_MAX(STORY_MAX);
	if (!first)
		buf_puts(&s->out, "\n");
	put(s, "alert", s->id);
	put(s, "destination",
	    s->at->orphan ? arena_printf(s->a, "%s (not configured any more)",
				s->at->name)
			  : s->at->name);
	if (s->there) {
		put_alert(s);
		put_muted(s);
		put_queue(s);
		put_history(s);
	}
	put_letters(s);
	command_print(&s->out);
	buf_free(&s->out);
}

static struct tree *
as_tree(struct story *s)
{
	static const char *const places[] = {
		[SPOOL_PENDING] = "pending", [SPOOL_SETTLED] = "settled"
	};
	struct tree *to = tree_new(s->a, TREE_OBJECT);
	struct tree *dead = tree_new(s->a, TREE_LIST);
	size_t n;
	const struct catalog_letter *all = letters(s, &n);

	tree_set(s->a, to, "alert", tree_str(s->a, s->id));
	tree_set(s->a, to, "destination", tree_str(s->a, s->at->name));
	tree_set_yes(s->a, to, "orphan", s->at->orphan);
	if (s->there) {
		tree_set(
		    s->a, to, "place", tree_str(s->a, places[s->ticket.where]));
		tree_set(s->a, to, "ticket", s->ticket.whole);
	}
	for (size_t i = 0; i < n; i++)
		(void)tree_push(dead, tree_copy(s->a, all[i].whole));
	tree_set(s->a, to, "dead", dead);
	return to;
}

static int
tell_all(const struct conf *conf, const struct pick *picks, size_t n, bool json,
    struct arena *a)
{
	struct tree *all = tree_new(a, TREE_LIST);
	int64_t now = relay_now();
	int code = EX_OK;

	for (size_t i = 0; i < n; i++) {
		struct fail f = { 0 };
		struct story s = { .conf = conf,
			.at = picks[i].at,
			.id = picks[i].id,
			.a = a,
			.now = now };

		s.there = catalog_ticket(s.at, s.id, &s.ticket, a, &f);
		unread(&s, &f);
		if (json)
			(void)tree_push(all, as_tree(&s));
		else
			tell(&s, i == 0);
		code = s.code == EX_OK ? code : s.code;
	}
	if (json)
		command_print_json(n == 1 ? all->first : all);
	return code;
}

static int
show(const struct command_call *call)
{
	struct arena a = { 0 };
	struct setup setup;
	struct catalog catalog;
	struct pick picks[PICK_MAX];
	size_t n;
	int code = browse_open(call, &setup, &catalog);

	if (code == EX_OK)
		code = pick_alert(&catalog, call->operands[0], picks, &n);
	if (code == EX_OK)
		code = tell_all(&setup.conf, picks, n,
		    command_option(call, "--json") != NULL, &a);
	browse_close(&setup, &catalog);
	arena_free(&a);
	return code;
}

const struct command story_show = {
	.name = "show",
	.summary = "tell the story of an alert",
	.usage = "ALERT [--json]",
	.text =
	    "  ALERT is [DESTINATION/]ID, where ID is an id of `bellrelay "
	    "list`,\n"
	    "  at least its first four digits, or the deduplication key "
	    "itself.\n"
	    "  Tells what the alert is, what waits, what was answered, and "
	    "what\n"
	    "  happened when; at each destination, if none is named.  With\n"
	    "  --json an object, or an array if there are several "
	    "destinations.\n",
	.codes = "  0   told\n"
		 "  65  ALERT may be several\n"
		 "  66  there is no such alert\n"
		 "  73  the spool cannot be used\n"
		 "  74  a part of it could not be read\n"
		 "  77  the spool belongs to somebody else\n"
		 "  78  the configuration is broken\n",
	.least = 1,
	.most = 1,
	.options = { { "--json", NULL, "all that is known of it", false } },
	.run = show,
};
