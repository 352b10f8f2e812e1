#include "replay.h"

#include "aim.h"
#include "arena.h"
#include "array.h"
#include "buf.h"
#include "command.h"
#include "conf.h"
#include "display.h"
#include "event.h"
#include "fail.h"
#include "hush.h"
#include "journal.h"
#include "json.h"
#include "keep.h"
#include "lock.h"
#include "relay.h"
#include "setup.h"
#include "sign.h"
#include "source.h"
#include "tree.h"
#include "when.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 1 << 29,
	ALERT_MAX = 1 << 29,
	DAYS_MAX = 1 << 16,
	CHUNK = 1 << 16,
	SHELF_DIGITS = 4, /* of an id: they name its shelf */
	SHELVES = 1 << 4 * SHELF_DIGITS,
};

/* An alert at a destination, as the span's webhooks make it today. */
struct replayed {
	struct replayed *next;  /* in the order of their first webhooks */
	struct replayed *below; /* on its shelf */
	struct setup_box *to;
	const struct conf_source *source;
	char id[SPOOL_ID + 1];
	const char *key;
	int64_t first;    /* when the span first speaks of it, */
	int64_t last;     /* and when last */
	struct buf alert; /* as JSON; the trees of a line die with it */
};

struct replay {
	struct setup setup;
	const char *only; /* a source, or NULL: all */
	int64_t since;
	int64_t until;
	bool send;
	struct arena keep;  /* of the run */
	struct arena arena; /* of a line, or of an alert */
	struct replayed *first, **end;
	struct replayed **shelves;
	size_t lines, bodies, foreign, alerts, differ, queued, newer;
	struct fail fail; /* the first of the spool */
	int64_t now;
};

/* ---- alerts ---- */

static struct replayed **
shelf(const struct replay *r, const char *id)
{
	char digits[SHELF_DIGITS + 1] = { 0 };

	memcpy(digits, id, SHELF_DIGITS);
	return &r->shelves[strtoul(digits, NULL, 16)];
}

/* to may be NULL: at whatever destination. */
static struct replayed *
find(const struct replay *r, const struct setup_box *to, const char *id)
{
	struct replayed *p = *shelf(r, id);

	while (p != NULL &&
	    ((to != NULL && p->to != to) || strcmp(p->id, id) != 0))
		p = p->below;
	return p;
}

static struct replayed *
add(struct replay *r, struct setup_box *to, const struct conf_source *cs,
    const char *key, int64_t when)
{
	struct replayed *p = arena_alloc(&r->keep, sizeof(*p));
	struct replayed **top;

	*p = (struct replayed){ .to = to,
		.source = cs,
		.key = arena_str(&r->keep, key),
		.first = when,
		.alert = BUF_MAX(ALERT_MAX) };
	spool_id(key, p->id);
	top = shelf(r, p->id);
	p->below = *top;
	*top = p;
	*r->end = p;
	r->end = &p->next;
	r->alerts++;
	return p;
}

static struct tree *
alert_of(const struct replayed *p, struct arena *a)
{
	struct tree *t = NULL;
	struct fail ignored = { 0 };

	if (p->alert.len > 0)
		(void)tree_parse(p->alert.data, p->alert.len, a, &t, &ignored);
	return t;
}

/* What the span has made of the alert so far, at whatever destination. */
static const struct tree *
known_of(struct replay *r, const char *key)
{
	char id[SPOOL_ID + 1];
	const struct replayed *p;

	spool_id(key, id);
	p = find(r, NULL, id);
	return p == NULL ? NULL : alert_of(p, &r->arena);
}

/* ---- what is known of it already ---- */

static bool
load(struct replay *r, const struct setup_box *to, const char *id,
    struct keep *k, struct fail *f)
{
	const struct lock_hand *h = &to->hands[POST_WEBHOOK];
	bool did;

	if (!lock_wait(h, LOCK_EDIT, id, f))
		return false;
	did = keep_load(&to->box, id, k, r->now, &r->arena, f);
	lock_drop(h, LOCK_EDIT, id);
	return did;
}

/*
 * What is known, if it was first received before a webhook; else that is the
 * first, and begins with nothing.  The time is the alert's own, for a ticket
 * may be younger than its alert.
 */
static const struct tree *
older(const struct tree *alert, int64_t when, struct arena *a)
{
	const char *text = alert == NULL
	    ? NULL
	    : tree_cstr(tree_at(alert, "/metadata/received_at"), a);
	int64_t first;

	return text != NULL && when_parse(text, &first) && when <= first
	    ? NULL
	    : alert;
}

/* How an alert that the span has not spoken of yet begins there. */
static bool
begin(struct replay *r, const struct setup_box *to, const char *id,
    int64_t when, const struct tree **known)
{
	struct keep k;

	if (!load(r, to, id, &k, &r->fail))
		return false;
	*known = k.there ? older(k.ticket.alert, when, &r->arena) : NULL;
	return true;
}

/* ---- a webhook of the journal ---- */

/* elsewhere: what other destinations know, where this one knows nothing. */
static bool
apply_at(struct replay *r, struct setup_box *to, const struct conf_source *cs,
    const struct source_item *item, const struct tree *elsewhere, int64_t when)
{
	struct buf text = BUF_MAX(ALERT_MAX);
	char id[SPOOL_ID + 1];
	struct replayed *p;
	const struct tree *known = NULL;

	spool_id(item->key, id);
	p = find(r, to, id);
	if (p != NULL)
		known = alert_of(p, &r->arena);
	else if (!begin(r, to, id, when, &known))
		return false;
	if (!source_speaks(item, known))
		return true;
	if (p == NULL)
		p = add(r, to, cs, item->key, when);
	json_write(event_merge(&cs->source, known != NULL ? known : elsewhere,
		       item->change, item->whole, when, &r->arena),
	    JSON_PLAIN, &text);
	/* The text that was read is in use until here. */
	buf_free(&p->alert);
	p->alert = text;
	p->last = when;
	return true;
}

static bool
is_aimed(const struct aim *aim, const struct setup_box *to)
{
	for (size_t i = 0; i < aim->n; i++)
		if (aim->to[i] == to)
			return true;
	return false;
}

/* Where today's routes send it, and where the span has sent it already. */
static bool
apply(struct replay *r, const struct conf_source *cs,
    const struct source_item *item, int64_t when)
{
	const struct tree *known = known_of(r, item->key);
	struct aim_ask ask = {
		.from = cs, .item = item, .known = known, .now = when
	};
	bool did = true;
	struct aim aim;

	if (!aim_begin(&r->setup, &ask, &r->arena, &aim, &r->fail))
		return false;
	aim_end(&r->setup, &aim);
	if (known == NULL)
		known = older(aim.known, when, &r->arena);
	for (size_t i = 0; did && i < r->setup.conf.n_destinations; i++) {
		struct setup_box *to = &r->setup.boxes[i];

		if (is_aimed(&aim, to) || find(r, to, aim.id) != NULL)
			did = apply_at(r, to, cs, item, known, when);
	}
	return did;
}

static const char *
no_header(const void *from, const char *name)
{
	(void)from;
	(void)name;
	return NULL;
}

/* The body of a line of the journal, which is JSON if *tree is not NULL. */
static bool
get_body(const struct tree *line, const struct source_kind *kind,
    const struct tree **tree, struct buf *text)
{
	const struct tree *body = tree_get(line, "text");

	*tree = tree_get(line, "body");
	if (*tree != NULL) {
		json_write(*tree, JSON_PLAIN, text);
		return true;
	}
	if (tree_is(body, TREE_STR)) {
		buf_add(text, body->text, body->len);
		return kind->any_text;
	}
	body = tree_get(line, "base64");
	return tree_is(body, TREE_STR) && kind->any_text &&
	    sign_unbase64(body->text, body->len, text);
}

static void
take_webhook(struct replay *r, const struct conf_source *cs,
    const struct tree *line, int64_t when)
{
	struct buf text = BUF_MAX(LINE_MAX_BYTES);
	struct source_request sr = {
		.header = no_header, .now = when, .proven = true
	};
	struct source_reading reading = { 0 };

	if (!get_body(line, cs->source.kind, &sr.tree, &text)) {
		buf_free(&text);
		return;
	}
	r->bodies++;
	sr.body = text.data;
	sr.body_len = text.len;
	source_read(&cs->source, &sr, &r->arena, &reading);
	for (const struct source_item *i = reading.items;
	     i != NULL && apply(r, cs, i, when); i = i->next)
		;
	buf_free(&text);
}

static void
take_line(struct replay *r, const char *line, size_t n)
{
	struct tree *t = NULL;
	struct fail ignored = { 0 };
	const struct conf_source *cs;
	const char *when;
	const char *name;
	int64_t time;

	if (r->fail.kind != FAIL_NONE)
		return;
	arena_reset(&r->arena);
	if (!tree_parse(line, n, &r->arena, &t, &ignored))
		return;
	when = tree_cstr(tree_get(t, "at"), &r->arena);
	name = tree_cstr(tree_get(t, "source"), &r->arena);
	if (when == NULL || name == NULL || !when_parse(when, &time) ||
	    time < r->since || time > r->until ||
	    (r->only != NULL && strcmp(r->only, name) != 0))
		return;
	r->lines++;
	cs = conf_source(&r->setup.conf, name);
	r->foreign += cs == NULL;
	if (cs != NULL)
		take_webhook(r, cs, t, time);
}

/* ---- the journal ---- */

static void
take_lines(struct replay *r, struct buf *text)
{
	char *line = text->data;
	char *end;

	while ((end = memchr(line, '\n',
		    text->len - (size_t)(line - text->data))) != NULL) {
		take_line(r, line, (size_t)(end - line));
		line = end + 1;
	}
	/* The rest of a line waits for its end. */
	text->len -= (size_t)(line - text->data);
	memmove(text->data, line, text->len);
	if (text->size > 0)
		text->data[text->len] = '\0';
}

static void
take_day(struct replay *r, const char *day)
{
	struct buf text = BUF_MAX(LINE_MAX_BYTES);
	int fd = journal_open(r->setup.spool.dir, day);
	ssize_t n = 1;

	while (fd != -1 && n > 0) {
		char *room = buf_room(&text, CHUNK);

		n = room == NULL ? 0 : read(fd, room, CHUNK);
		if (n > 0) {
			buf_grew(&text, (size_t)n);
			take_lines(r, &text);
		}
	}
	if (fd != -1)
		(void)close(fd);
	buf_free(&text);
}

static void
take_journal(struct replay *r)
{
	struct buf days = BUF_MAX(DAYS_MAX);
	char first[WHEN_SIZE];
	char last[WHEN_SIZE];

	when_day(r->since, first);
	when_day(r->until, last);
	journal_days(r->setup.spool.dir, &days);
	for (size_t i = 0; i + JOURNAL_DAY <= days.len; i += JOURNAL_DAY) {
		char day[JOURNAL_DAY + 1] = { 0 };

		memcpy(day, days.data + i, JOURNAL_DAY);
		if (memcmp(day, first, JOURNAL_DAY) >= 0 &&
		    memcmp(day, last, JOURNAL_DAY) <= 0)
			take_day(r, day);
	}
	buf_free(&days);
}

/* ---- what would differ ---- */

enum { SHOWN = 120 };

/* A value, from a little before where it differs. */
static void
put_value(struct buf *line, const struct tree *t, const struct buf *text,
    size_t common, struct arena *a)
{
	size_t from = common < SHOWN / 2 ? 0 : common - SHOWN / 4;

	/* At the begin of a character. */
	while (from > 0 && ((unsigned char)text->data[from] & 0xc0) == 0x80)
		from--;
	if (t == NULL) {
		buf_puts(line, "(nothing)");
		return;
	}
	if (from > 0)
		buf_puts(line, "\u2026");
	display_puts(line, event_cut(a, text->data + from, SHOWN));
}

static void
print_value(const char *name, const struct tree *was, const struct tree *is,
    struct arena *a)
{
	struct buf line = BUF_MAX(ALERT_MAX);
	struct buf before = BUF_MAX(ALERT_MAX);
	struct buf after = BUF_MAX(ALERT_MAX);
	size_t common = 0;

	if (was != NULL)
		json_write(was, JSON_PLAIN, &before);
	if (is != NULL)
		json_write(is, JSON_PLAIN, &after);
	while (common < before.len && before.data[common] == after.data[common])
		common++;
	buf_puts(&line, "    ");
	display_puts(&line, name);
	buf_printf(&line, "%*s ",
	    strlen(name) < 12 ? (int)(12 - strlen(name)) : 0, "");
	put_value(&line, was, &before, common, a);
	buf_puts(&line, "  ->  ");
	put_value(&line, is, &after, common, a);
	buf_puts(&line, "\n");
	command_print(&line);
	buf_free(&before);
	buf_free(&after);
	buf_free(&line);
}

static bool
same_text(const struct tree *x, const struct tree *y)
{
	struct buf a = BUF_MAX(ALERT_MAX);
	struct buf b = BUF_MAX(ALERT_MAX);
	bool equal;

	json_write(x, JSON_PLAIN, &a);
	json_write(y, JSON_PLAIN, &b);
	equal = strcmp(a.data, b.data) == 0;
	buf_free(&a);
	buf_free(&b);
	return equal;
}

/* Members in another order are the same. */
static bool
same(const struct tree *x, const struct tree *y)
{
	if (x == NULL || y == NULL)
		return x == y;
	if (!tree_is(x, TREE_OBJECT) || !tree_is(y, TREE_OBJECT))
		return same_text(x, y);
	for (const struct tree *m = x->first; m != NULL; m = m->next)
		if (!same(m, tree_member(y, m->key, m->key_len)))
			return false;
	return tree_count(x) == tree_count(y);
}

/* Of objects, member by member: what is the same would hide what is not. */
static void
print_difference(const char *name, const struct tree *was,
    const struct tree *is, struct arena *a)
{
	const struct tree *both;

	if (same(was, is))
		return;
	if (!tree_is(was, TREE_OBJECT) || !tree_is(is, TREE_OBJECT)) {
		print_value(name, was, is, a);
		return;
	}
	both = tree_merge(a, was, is);
	for (const struct tree *m = both->first; m != NULL; m = m->next)
		print_difference(
		    arena_printf(a, "%s.%.*s", name, (int)m->key_len, m->key),
		    tree_member(was, m->key, m->key_len),
		    tree_member(is, m->key, m->key_len), a);
}

static void
print_head(const struct replayed *p, const char *word)
{
	struct buf line = BUF_MAX(4096);

	buf_printf(&line, "%s/%s  %-8s ", p->to->to->name, p->id, word);
	display_puts(&line, p->key);
	buf_puts(&line, "\n");
	command_print(&line);
	buf_free(&line);
}

static bool
compare(struct replay *r, const struct replayed *p, const struct keep *k)
{
	static const char *const members[] = { "title", "status", "description",
		"source_url", "metadata" };
	const struct tree *was = NULL;
	const struct tree *is =
	    event_body(alert_of(p, &r->arena), p->key, &r->arena);
	bool differs = false;

	if (k->there)
		was = event_body(k->ticket.alert, p->key, &r->arena);
	differs = !same(was, is);
	print_head(p, !k->there ? "unknown" : differs ? "differs" : "same");
	for (size_t i = 0; differs && k->there && i < COUNT(members); i++)
		print_difference(members[i], tree_get(was, members[i]),
		    tree_get(is, members[i]), &r->arena);
	return differs;
}

/* ---- sending ---- */

static const char note[] = "replayed";

/* When a sender last spoke of it; what an earlier replay queued is no word of
 * theirs. */
static int64_t
heard(const struct ticket *t)
{
	int64_t last = t->first, before = t->first;

	for (const struct tree *m = t->history->first; m != NULL; m = m->next) {
		const struct tree *what = tree_get(m, "what");

		if (tree_says(what, note)) {
			last = before;
		} else if (tree_says(what, "firing") ||
		    tree_says(what, "resolved")) {
			before = last;
			last = tree_get_num(m, "at");
		}
	}
	return last;
}

/* Under edit. */
static bool
queue_locked(
    struct replay *r, const struct replayed *p, bool *queued, struct fail *f)
{
	struct ticket_change c;
	enum ticket_result did;
	struct keep k;

	if (!keep_load(&p->to->box, p->id, &k, r->now, &r->arena, f))
		return false;
	/* What came after the span, or is not in the journal, is newer than
	 * anything in it. */
	if (k.there && heard(&k.ticket) > p->last) {
		r->newer++;
		return true;
	}
	if (!k.there)
		ticket_new(&k.ticket, p->key, p->source->source.name, p->first,
		    &r->arena);
	c = hush_change(p->to, p->source->source.name, alert_of(p, &r->arena),
	    &k.ticket, r->now, &r->arena);
	did = ticket_enqueue(&k.ticket, &c, r->now, &r->arena);
	if (did != TICKET_QUEUED && did != TICKET_MUTED)
		return true;
	ticket_note(&k.ticket, note, 0, NULL, r->now, &r->arena);
	*queued = did == TICKET_QUEUED;
	return keep_store(&p->to->box, p->id, &k, NULL, &r->arena, f) &&
	    spool_sync(&p->to->box, f);
}

static bool
queue(struct replay *r, const struct replayed *p, struct fail *f)
{
	const struct lock_hand *h = &p->to->hands[POST_WEBHOOK];
	bool queued = false;
	bool did;

	if (!lock_wait(h, LOCK_EDIT, p->id, f))
		return false;
	did = queue_locked(r, p, &queued, f);
	lock_drop(h, LOCK_EDIT, p->id);
	if (did && queued) {
		spool_ring(&p->to->box, p->id);
		r->queued++;
	}
	return did;
}

static int
settle(struct replay *r)
{
	for (const struct replayed *p = r->first; p != NULL; p = p->next) {
		struct fail f = { 0 };
		struct keep k;

		arena_reset(&r->arena);
		if (!load(r, p->to, p->id, &k, &f))
			return command_failed(&f, EX_IOERR);
		r->differ += compare(r, p, &k);
		if (r->send && !queue(r, p, &f))
			return command_failed(&f, EX_IOERR);
	}
	return EX_OK;
}

/* ---- the command ---- */

static int
read_time(const struct command_call *call, const char *name, int64_t *out)
{
	const char *text = command_option(call, name);

	if (text == NULL || when_parse(text, out))
		return EX_OK;
	command_say("%s: wanted a time such as 2026-11-21 or "
		    "2026-11-21T10:18:00Z",
	    name);
	return EX_USAGE;
}

static int
read_span(const struct command_call *call, struct replay *r)
{
	int code = read_time(call, "--since", &r->since);

	if (code == EX_OK)
		code = read_time(call, "--until", &r->until);
	if (code == EX_OK && r->until <= r->since) {
		command_say("--until, or now, is not after --since; a day "
			    "begins at 00:00 UTC");
		code = EX_USAGE;
	}
	return code;
}

/* Why there was nothing to replay, and what to do about it. */
static void
say_nothing(const struct replay *r)
{
	static const char *const words[] = {
		[CONF_JOURNAL_OFF] =
		    "the journal is off: bodies are kept with journal = full, "
		    "from then on",
		[CONF_JOURNAL_OUTCOMES] =
		    "the journal holds outcomes alone: bodies are kept with "
		    "journal = full, from then on",
		[CONF_JOURNAL_FULL] =
		    "the journal is full, and holds no body of that span and "
		    "source; see --since, --until and --source, and "
		    "journal_days and journal_max for how long it keeps them",
	};

	command_say("%s", words[r->setup.conf.journal]);
}

static void
summary(const struct replay *r)
{
	command_say("%zu webhook%s in the span, %zu with a body; %zu alert%s, "
		    "%zu differ%s",
	    r->lines, r->lines == 1 ? "" : "s", r->bodies, r->alerts,
	    r->alerts == 1 ? "" : "s", r->differ, r->differ == 1 ? "s" : "");
	if (r->foreign > 0)
		command_say(
		    "%zu of sources that are no longer configured", r->foreign);
	if (r->only != NULL)
		(void)command_source(&r->setup.conf, r->only);
	if (r->bodies == 0 && r->foreign == 0)
		say_nothing(r);
	else if (r->setup.conf.journal != CONF_JOURNAL_FULL)
		command_say(
		    "bodies are kept with journal = full, from then on");
	if (r->send)
		command_say("%zu queued; the responder or bellrelay drain "
			    "sends them",
		    r->queued);
	if (r->newer > 0)
		command_say("%zu not queued: something came later that the "
			    "span or the journal does not have",
		    r->newer);
}

static int
run(struct replay *r)
{
	struct fail f = { 0 };
	int code = command_owner(&r->setup.conf);

	if (code != EX_OK)
		return code;
	if (!setup_spool(&r->setup, &f))
		return command_failed(&f, EX_CANTCREAT);
	take_journal(r);
	if (r->fail.kind != FAIL_NONE)
		return command_failed(&r->fail, EX_IOERR);
	code = settle(r);
	summary(r);
	return code;
}

static int
replay(const struct command_call *call)
{
	struct replay r = { .now = relay_now() };
	int code;

	r.end = &r.first;
	r.until = r.now;
	r.only = command_option(call, "--source");
	r.send = command_option(call, "--send") != NULL;
	if ((code = read_span(call, &r)) != EX_OK ||
	    (code = command_conf(call, &r.setup)) != EX_OK)
		return code;
	r.shelves = arena_alloc(&r.keep, SHELVES * sizeof(*r.shelves));
	for (size_t i = 0; i < SHELVES; i++)
		r.shelves[i] = NULL;
	code = run(&r);
	for (struct replayed *p = r.first; p != NULL; p = p->next)
		buf_free(&p->alert);
	arena_free(&r.keep);
	arena_free(&r.arena);
	setup_close(&r.setup);
	return code;
}

const struct command replay_command = {
	.name = "replay",
	.summary = "run the journal through today's configuration",
	.usage = "--since T [--until T] [--source S] [--send]",
	.text =
	    "  Reads the webhooks that journal = full has kept, maps them as "
	    "the\n"
	    "  configuration is now, and prints for each alert what would "
	    "differ.\n"
	    "  An alert that is older than the span begins as it is known.  "
	    "With\n"
	    "  --send the last state of each is queued, but none for an alert "
	    "that\n"
	    "  received anything later than the span tells; what a mute keeps "
	    "quiet\n"
	    "  now rings when it is over.\n",
	.codes = "  0   done\n"
		 "  64  wrong usage\n"
		 "  73  the spool cannot be used\n"
		 "  74  an error of the disk\n"
		 "  77  the spool belongs to somebody else\n"
		 "  78  the configuration is broken\n",
	.options = { { "--since", "T", "a day, or a time of RFC 3339", true },
	    { "--until", "T", "likewise; else now", false },
	    { "--source", "S", "webhooks of this source alone", false },
	    { "--send", NULL, "queue what came out", false } },
	.run = replay,
};
