#include "tend.h"

#include "browse.h"
#include "buf.h"
#include "catalog.h"
#include "command.h"
#include "conf.h"
#include "event.h"
#include "fail.h"
#include "json.h"
#include "keep.h"
#include "lock.h"
#include "pick.h"
#include "relay.h"
#include "setup.h"
#include "tree.h"
#include "when.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum {
	CLAIM_WAITS = 8, /* of 2 s each: longer than an exchange takes */
	FIRING_DAYS = 400,
};

static const int64_t day = (int64_t)24 * 60 * 60 * WHEN_SECOND;

/* All that a command works with. */
struct tend {
	struct setup setup;
	struct catalog catalog;
	struct arena arena;              /* of one alert */
	const struct catalog_dead *dead; /* of the box at work; NULL: not listed
					  */
	int64_t now;
	size_t did, not, superseded;
	size_t letters; /* dead ones that were pruned */
	int code;       /* the first that was not EX_OK */
};

/* ---- locks ---- */

static bool
claim(const struct lock_hand *h, const char *id, bool patient, struct fail *f)
{
	int left = patient ? CLAIM_WAITS : 0;

	for (;;) {
		struct fail why = { 0 };

		if (lock_wait(h, LOCK_CLAIM, id, &why))
			return true;
		if (why.kind != FAIL_RETRY || left-- <= 0)
			return fail_set(f, why.kind,
			    "%s; it is just being sent: try again", why.text);
	}
}

bool
tend_take(const struct catalog_box *b, const char *id, bool patient,
    struct lock_hand *h, struct fail *f)
{
	if (!lock_open(b->box.dir, h, f))
		return false;
	if (claim(h, id, patient, f) && lock_wait(h, LOCK_EDIT, id, f))
		return true;
	/* What it holds goes with it. */
	lock_close(h);
	return false;
}

void
tend_release(struct lock_hand *h, const char *id)
{
	lock_drop(h, LOCK_EDIT, id);
	lock_drop(h, LOCK_CLAIM, id);
	lock_close(h);
}

/* ---- dead letters ---- */

static size_t
set_aside(const struct catalog_box *b, const char *id)
{
	struct spool_walk w;
	struct spool_name name;
	size_t n = 0;

	spool_walk_open(&b->box, SPOOL_DEAD, &w);
	while (spool_walk_next(&w, &name)) {
		struct fail ignored = { 0 };

		if (strcmp(name.id, id) != 0 ||
		    !spool_set_aside(&b->box, id, name.name, &ignored))
			continue;
		command_say("%s/%s: a dead letter is torn or altered; moved to "
			    "corrupt/",
		    b->name, id);
		n++;
	}
	spool_walk_close(&w);
	return n;
}

struct catalog_letter *
tend_letters(const struct catalog_dead *d, const char *id, size_t *n,
    size_t *torn, struct arena *a, struct fail *f)
{
	struct fail first = { 0 };
	struct catalog_letter *all = catalog_letters(d, id, n, a, &first);

	*torn = 0;
	if (first.kind == FAIL_NONE)
		return all;
	*torn = set_aside(d->at, id);
	return catalog_letters(d, id, n, a, f);
}

/* ---- the frame of each command ---- */

static void
failed(struct tend *t, const char *box, const char *id, const struct fail *f)
{
	int code = command_spoilt(box, id, f);

	t->not ++;
	if (t->code == EX_OK)
		t->code = code;
}

/* Whether everything was seen. */
static bool
seen(struct tend *t, bool all)
{
	if (!all && t->code == EX_OK)
		t->code = EX_IOERR;
	return all;
}

static int
begin(const struct command_call *call, struct tend *t)
{
	*t = (struct tend){ .now = relay_now() };
	t->code = browse_open(call, &t->setup, &t->catalog);
	return t->code;
}

static int
end(struct tend *t)
{
	browse_close(&t->setup, &t->catalog);
	arena_free(&t->arena);
	return t->code;
}

static void
say_done(const struct catalog_box *b, const char *id, const char *what)
{
	(void)printf("%s/%s: %s\n", b->name, id, what);
}

/* Do one thing to one alert, under its locks. */
static void
with_alert(struct tend *t, const struct catalog_box *b, const char *id,
    bool patient,
    bool (*act)(struct tend *t, const struct catalog_box *b, const char *id,
	struct fail *f))
{
	struct lock_hand h;
	struct fail f = { 0 };

	if (tend_take(b, id, patient, &h, &f)) {
		(void)act(t, b, id, &f);
		tend_release(&h, id);
	}
	if (f.kind != FAIL_NONE)
		failed(t, b->name, id, &f);
	arena_reset(&t->arena);
}

/* A list that is not whole is no list: what is not on it may be the newest, or
 * be left behind.  To be forgotten in any case. */
static bool
list_dead(struct tend *t, const struct catalog_box *b, struct catalog_dead *out,
    struct fail *f)
{
	return seen(t, catalog_list_dead(b, out)) ||
	    fail_set(f, FAIL_RETRY,
		"left as it is: its dead letters are not all known");
}

/* The dead letters of one alert. */
static const struct catalog_letter *
letters(struct tend *t, const struct catalog_box *b, const char *id, size_t *n,
    size_t *torn, struct fail *f)
{
	const struct catalog_letter *all = NULL;
	struct catalog_dead own;

	if (t->dead != NULL)
		return tend_letters(t->dead, id, n, torn, &t->arena, f);
	*n = *torn = 0;
	if (list_dead(t, b, &own, f))
		all = tend_letters(&own, id, n, torn, &t->arena, f);
	catalog_forget_dead(&own);
	return all;
}

/* ---- retry ---- */

static bool
mark_superseded(struct tend *t, const struct catalog_box *b, const char *id,
    const struct catalog_letter *l, struct fail *f)
{
	struct buf text = BUF_MAX(SPOOL_FILE_MAX);
	bool did;

	tree_set(&t->arena, l->whole, "superseded", tree_bool(&t->arena, true));
	json_write(l->whole, JSON_PRETTY, &text);
	did = spool_supersede(&b->box, id, (uint64_t)l->n, &text, f);
	buf_free(&text);
	if (did)
		say_done(b, id,
		    "superseded: something newer was delivered or "
		    "waits");
	t->not += did;
	return did;
}

/* The event is durable among what waits before its dead letter goes. */
static bool
revive(struct tend *t, const struct catalog_box *b, const char *id,
    const struct catalog_letter *l, struct fail *f)
{
	struct keep k;

	if (!keep_load(&b->box, id, &k, t->now, &t->arena, f))
		return false;
	if (!k.there) {
		struct tree *alert = tree_merge(&t->arena, l->body, NULL);

		tree_set(&t->arena, alert, "deduplication_key", NULL);
		ticket_new(&k.ticket, l->key, l->source, t->now, &t->arena);
		k.ticket.alert = alert;
	}
	if (!ticket_revive(&k.ticket, l->whole, t->now, &t->arena))
		return mark_superseded(t, b, id, l, f);
	if (!keep_store(&b->box, id, &k, NULL, &t->arena, f) ||
	    !spool_sync(&b->box, f) || !spool_unbury(&b->box, l->name, f))
		return false;
	spool_ring(&b->box, id);
	say_done(b, id, "waits to be sent");
	t->did++;
	return true;
}

/* The newest first: what it supersedes is not sent after it. */
static bool
retry_letters(
    struct tend *t, const struct catalog_box *b, const char *id, struct fail *f)
{
	size_t n;
	size_t torn;
	const struct catalog_letter *all = letters(t, b, id, &n, &torn, f);

	t->not += torn;
	if (torn > 0 && t->code == EX_OK)
		t->code = EX_IOERR;
	/* What cannot be read may be newer than what can. */
	while (f->kind == FAIL_NONE && n-- > 0)
		if (all[n].superseded)
			t->superseded++;
		else if (all[n].key != NULL &&
		    tree_is(all[n].body, TREE_OBJECT) &&
		    !revive(t, b, id, &all[n], f))
			return false;
	return f->kind == FAIL_NONE;
}

/* What no destination takes is not worth a retry. */
static void
say_orphan(const struct catalog_box *b)
{
	command_say("%s: no such destination is configured any more: "
		    "bellrelay move %s NEW",
	    b->name, b->name);
}

/* Why nothing waits now that did not before. */
static void
say_nothing(const struct tend *t, const char *none)
{
	if (t->superseded == 0)
		command_say("%s", none);
	else
		command_say("%zu dead %s superseded and not sent: something "
			    "newer of it was delivered or waits; bellrelay "
			    "drop forgets the alert and its dead letters, "
			    "bellrelay prune removes them after keep_days",
		    t->superseded,
		    t->superseded == 1 ? "letter is" : "letters are");
}

static void
retry_box(struct tend *t, const struct catalog_box *b)
{
	struct catalog_dead dead;
	char id[SPOOL_ID + 1];
	size_t i = 0;

	if (seen(t, catalog_list_dead(b, &dead))) {
		t->dead = &dead;
		if (!b->orphan)
			while (catalog_next_dead(&dead, &i, id))
				with_alert(t, b, id, true, retry_letters);
		else if (catalog_next_dead(&dead, &i, id))
			say_orphan(b);
		t->dead = NULL;
	}
	catalog_forget_dead(&dead);
}

static void
retry_all(struct tend *t)
{
	for (size_t i = 0; i < t->catalog.n; i++)
		retry_box(t, &t->catalog.boxes[i]);
	if (t->code == EX_OK && t->did + t->not == 0)
		say_nothing(t, "there is no dead letter to send again");
}

static void
retry_one(struct tend *t, const char *text)
{
	struct pick picks[PICK_MAX];
	size_t n = 0;

	t->code = pick_alert(&t->catalog, text, picks, &n);
	for (size_t i = 0; t->code == EX_OK && i < n; i++)
		if (picks[i].at->orphan)
			say_orphan(picks[i].at);
		else
			with_alert(
			    t, picks[i].at, picks[i].id, true, retry_letters);
	if (t->code == EX_OK && t->did + t->not == 0)
		say_nothing(t,
		    arena_printf(&t->arena,
			"%s has no dead letter; what waits is tried by "
			"bellrelay drain",
			text));
}

static int
retry(const struct command_call *call)
{
	bool all = command_option(call, "--all-dead") != NULL;
	struct tend t;

	if (all != (call->n == 0)) {
		command_say("wanted either ALERT or --all-dead");
		return EX_USAGE;
	}
	if (begin(call, &t) == EX_OK) {
		if (all)
			retry_all(&t);
		else
			retry_one(&t, call->operands[0]);
	}
	return end(&t);
}

#define ALERT_IS \
	"  ALERT is [DESTINATION/]ID, as `bellrelay show` takes it; without " \
	"a\n" \
	"  destination it is the alert at each.\n"

#define CODES_ALERT \
	"  65  ALERT may be several\n" \
	"  66  there is no such alert\n"

#define CODES \
	"  73  the spool cannot be used\n" \
	"  74  a part of the spool could not be read\n" \
	"  75  it is just being sent, or the disk is full: try again\n" \
	"  77  the spool belongs to somebody else\n" \
	"  78  the configuration is broken\n"

const struct command tend_retry = {
	.name = "retry",
	.summary = "let the event of a dead letter wait to be sent again",
	.usage = "ALERT|--all-dead",
	.text = "  Only the newest dead letter of an alert is sent again, and "
		"only\n"
		"  if nothing newer of it was delivered or waits; another is "
		"marked\n"
		"  superseded.  The responder sends it, or `bellrelay "
		"drain`.\n" ALERT_IS,
	.codes = "  0   done\n" CODES_ALERT CODES,
	.most = 1,
	.options = { { "--all-dead", NULL, "all dead letters", false } },
	.run = retry,
};

/* ---- drop ---- */

static bool
drop_alert(
    struct tend *t, const struct catalog_box *b, const char *id, struct fail *f)
{
	const struct catalog_letter *all = NULL;
	struct catalog_dead dead;
	struct fail unread = { 0 };
	bool listed = list_dead(t, b, &dead, f);
	struct keep k;
	size_t n;
	size_t torn;

	if (listed)
		all = tend_letters(&dead, id, &n, &torn, &t->arena, &unread);
	catalog_forget_dead(&dead);
	if (!listed || !keep_load(&b->box, id, &k, t->now, &t->arena, f) ||
	    !spool_remove(&b->box, id, f))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!spool_unbury(&b->box, all[i].name, f))
			return false;
	spool_unring(&b->box, id);
	say_done(b, id,
	    arena_printf(&t->arena,
		"dropped; %zu undelivered, %zu dead letters", k.ticket.queued,
		n));
	if (k.there && k.ticket.sent.n != 0 && !k.ticket.sent.resolved)
		command_say("%s/%s: it goes on firing in incident.io: resolve "
			    "it there",
		    b->name, id);
	*f = unread;
	return f->kind == FAIL_NONE;
}

static int
drop(const struct command_call *call)
{
	struct pick picks[PICK_MAX];
	size_t n = 0;
	struct tend t;

	if (begin(call, &t) == EX_OK)
		t.code = pick_alert(&t.catalog, call->operands[0], picks, &n);
	for (size_t i = 0; t.code == EX_OK && i < n; i++)
		with_alert(&t, picks[i].at, picks[i].id, true, drop_alert);
	return end(&t);
}

const struct command tend_drop = {
	.name = "drop",
	.summary = "forget an alert, what waits of it, and its dead letters",
	.usage = "ALERT",
	.text = "  Nothing more of it is sent, no resolve either.  When its "
		"sender\n"
		"  speaks of it again, it is a new alert.\n" ALERT_IS,
	.codes = "  0   done\n" CODES_ALERT CODES,
	.least = 1,
	.most = 1,
	.run = drop,
};

/* ---- prune ---- */

static bool
is_old(const struct tend *t, const struct ticket *ticket)
{
	int64_t days = event_resolved(ticket->alert)
	    ? (int64_t)t->setup.conf.keep_days
	    : FIRING_DAYS;

	return ticket_head(ticket) == NULL &&
	    ticket_last(ticket) < t->now - days * day;
}

static bool
prune_alert(
    struct tend *t, const struct catalog_box *b, const char *id, struct fail *f)
{
	struct keep k;

	if (!keep_load(&b->box, id, &k, t->now, &t->arena, f))
		return false;
	/* It may have changed since it was looked at. */
	if (!k.there || !is_old(t, &k.ticket))
		return true;
	if (!spool_remove(&b->box, id, f))
		return false;
	t->did++;
	return true;
}

/* What something newer has overtaken is for the curious, and not for ever. */
static bool
is_stale(const struct tend *t, const struct catalog_letter *l)
{
	return l->superseded &&
	    l->at < t->now - (int64_t)t->setup.conf.keep_days * day;
}

static bool
prune_letters(
    struct tend *t, const struct catalog_box *b, const char *id, struct fail *f)
{
	size_t n, torn;
	const struct catalog_letter *all = letters(t, b, id, &n, &torn, f);

	for (size_t i = 0; i < n; i++) {
		if (!is_stale(t, &all[i]))
			continue;
		if (!spool_unbury(&b->box, all[i].name, f))
			return false;
		t->letters++;
	}
	return f->kind == FAIL_NONE;
}

/* Looked at first without a lock, for most are young. */
static void
prune_dead(struct tend *t, const struct catalog_box *b)
{
	struct spool_walk w;
	struct spool_name name;

	spool_walk_open(&b->box, SPOOL_DEAD, &w);
	while (spool_walk_next(&w, &name)) {
		struct catalog_letter l;
		struct fail f = { 0 };

		if (name.superseded &&
		    catalog_letter(b, name.name, &l, &t->arena, &f) &&
		    is_stale(t, &l))
			with_alert(t, b, name.id, false, prune_letters);
		else if (f.kind != FAIL_NONE)
			failed(t, b->name, name.id, &f);
		arena_reset(&t->arena);
	}
	(void)seen(t, catalog_walked(b, &w));
}

/* Looked at first without a lock, for most are young. */
static void
prune_one(struct tend *t, const struct catalog_box *b, const char *id)
{
	struct catalog_ticket seen;
	struct fail f = { 0 };
	bool there = catalog_ticket(b, id, &seen, &t->arena, &f);

	if (there && is_old(t, &seen.ticket))
		with_alert(t, b, id, false, prune_alert);
	else if (f.kind != FAIL_NONE)
		failed(t, b->name, id, &f);
	arena_reset(&t->arena);
}

/* An alert with dead letters stays: its serials name them. */
static void
prune_box(struct tend *t, const struct catalog_box *b)
{
	struct catalog_dead dead;
	struct spool_walk w;
	struct spool_name name;

	if (seen(t, catalog_list_dead(b, &dead))) {
		t->dead = &dead;
		prune_dead(t, b);
		t->dead = NULL;
		spool_walk_open(&b->box, SPOOL_SETTLED, &w);
		while (spool_walk_next(&w, &name))
			if (!catalog_has_dead(&dead, name.id))
				prune_one(t, b, name.id);
		(void)seen(t, catalog_walked(b, &w));
	}
	catalog_forget_dead(&dead);
}

static int
prune(const struct command_call *call)
{
	struct tend t;

	if (begin(call, &t) == EX_OK) {
		for (size_t i = 0; i < t.catalog.n; i++)
			prune_box(&t, &t.catalog.boxes[i]);
		spool_tidy(&t.catalog.spool, (t.now - day) / WHEN_SECOND);
		(void)printf("%zu %s", t.did,
		    t.did == 1 ? "alert removed" : "alerts removed");
		if (t.letters > 0)
			(void)printf(
			    "; superseded dead letters: %zu", t.letters);
		(void)printf("\n");
	}
	return end(&t);
}

const struct command tend_prune = {
	.name = "prune",
	.summary = "remove alerts that are long over",
	.usage = "",
	.text =
	    "  Removes what was resolved keep_days ago, and what has been "
	    "firing\n"
	    "  for 400 days without a word, and dead letters that were "
	    "superseded,\n"
	    "  after keep_days too; never what waits to be delivered or has "
	    "another\n"
	    "  dead letter.  A cron line a day is enough:\n"
	    "\n"
	    "      17 4 * * *  /usr/local/bin/bellrelay prune >/dev/null\n",
	.codes = "  0   done\n" CODES,
	.run = prune,
};
