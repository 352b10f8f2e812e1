#include "migrate.h"

#include "browse.h"
#include "buf.h"
#include "catalog.h"
#include "command.h"
#include "conf.h"
#include "fail.h"
#include "hush.h"
#include "json.h"
#include "keep.h"
#include "lock.h"
#include "relay.h"
#include "setup.h"
#include "tend.h"
#include "tree.h"
#include "when.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum { AGAIN = 10, IDS_MAX = 1 << 28 };

struct migration {
	struct setup setup;
	struct catalog catalog;
	struct arena arena; /* of one alert */
	const struct catalog_box *from;
	const struct catalog_box *to;
	const struct setup_box *end; /* the same as to */
	int64_t now;
	size_t moved, failed;
};

/* What an alert was at its old destination. */
struct load {
	const char *id;
	struct keep keep;
	const struct catalog_letter *letters;
	size_t n;
};

/* ---- the old side ---- */

static bool
look(struct migration *m, struct load *l, struct fail *f)
{
	l->letters = catalog_letters(m->from, l->id, &l->n, &m->arena, f);
	return f->kind == FAIL_NONE &&
	    keep_load(&m->from->box, l->id, &l->keep, m->now, &m->arena, f);
}

static bool
pick_up(struct migration *m, struct load *l, struct fail *f)
{
	struct lock_hand h;
	bool did;

	if (!tend_take(m->from, l->id, true, &h, f))
		return false;
	did = look(m, l, f);
	tend_release(&h, l->id);
	return did;
}

static bool
clear(struct migration *m, const struct load *l, struct fail *f)
{
	if (!spool_remove(&m->from->box, l->id, f))
		return false;
	for (size_t i = 0; i < l->n; i++)
		if (!spool_unbury(&m->from->box, l->letters[i].name, f))
			return false;
	spool_unring(&m->from->box, l->id);
	return true;
}

/* It goes only if it is still what was brought over; else *again. */
static bool
leave(struct migration *m, const struct load *l, bool *again, struct fail *f)
{
	struct load now = { .id = l->id };
	struct lock_hand h;
	bool did;

	if (!tend_take(m->from, l->id, true, &h, f))
		return false;
	did = look(m, &now, f);
	*again =
	    did && (now.keep.generation != l->keep.generation || now.n != l->n);
	if (did && !*again)
		did = clear(m, l, f);
	tend_release(&h, l->id);
	return did;
}

/* ---- the new side ---- */

/* One alert known at both: what was said later counts, and if that is news
 * there it is sent.  What waited at the old one is older than that. */
static void
merge(struct migration *m, struct ticket *into, const struct ticket *from)
{
	bool later = ticket_last(from) > ticket_last(into);
	struct tree *alert =
	    tree_merge(&m->arena, later ? into->alert : from->alert,
		later ? from->alert : into->alert);
	struct ticket_change c =
	    hush_change(m->end, ticket_speaker(later ? from : into), alert,
		into, m->now, &m->arena);

	(void)ticket_enqueue(into, &c, m->now, &m->arena);
	into->alert = c.alert;
}

/* What the old destination made us wait for does not count at the new one. */
static void
begin(struct ticket *t, const struct ticket *from)
{
	*t = *from;
	t->tries = 0;
	t->limited = 0;
	t->set = 0;
	t->until = 0;
	t->error = NULL;
}

static bool
is_buried(
    const struct catalog_letter *all, size_t n, const struct catalog_letter *l)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].at == l->at && all[i].status == l->status)
			return true;
	return false;
}

/* Serials of the two are not of one series; a new one begins none twice. */
static bool
bury(struct migration *m, const struct load *l, struct ticket *t, bool renumber,
    struct fail *f)
{
	size_t n;
	const struct catalog_letter *there =
	    catalog_letters(m->to, l->id, &n, &m->arena, f);

	for (size_t i = 0; i < l->n && f->kind == FAIL_NONE; i++) {
		const struct catalog_letter *one = &l->letters[i];
		struct buf text = BUF_MAX(SPOOL_FILE_MAX);
		uint64_t serial = (uint64_t)one->n;

		if (renumber && is_buried(there, n, one))
			continue;
		if (renumber) {
			serial = t->next++;
			tree_set(&m->arena, tree_get(one->whole, "event"), "n",
			    tree_num(&m->arena, (int64_t)serial));
		}
		json_write(one->whole, JSON_PRETTY, &text);
		if (one->superseded)
			(void)spool_supersede(
			    &m->to->box, l->id, serial, &text, f);
		else
			(void)spool_bury(&m->to->box, l->id, serial, &text, f);
		buf_free(&text);
	}
	return f->kind == FAIL_NONE;
}

static bool
merge_in(struct migration *m, const struct load *l, struct fail *f)
{
	struct keep k;
	bool both;

	if (!keep_load(&m->to->box, l->id, &k, m->now, &m->arena, f))
		return false;
	both = k.there;
	if (!both && !l->keep.there)
		return bury(m, l, NULL, false, f);
	if (!both)
		begin(&k.ticket, &l->keep.ticket);
	else if (l->keep.there)
		merge(m, &k.ticket, &l->keep.ticket);
	ticket_note(&k.ticket, "moved", 0, m->from->name, m->now, &m->arena);
	if (!bury(m, l, &k.ticket, both, f) ||
	    !keep_store(&m->to->box, l->id, &k, NULL, &m->arena, f) ||
	    !spool_sync(&m->to->box, f))
		return false;
	if (ticket_head(&k.ticket) != NULL)
		spool_ring(&m->to->box, l->id);
	return true;
}

static bool
set_down(struct migration *m, const struct load *l, struct fail *f)
{
	struct lock_hand h;
	bool did;

	if (!tend_take(m->to, l->id, true, &h, f))
		return false;
	did = merge_in(m, l, f);
	tend_release(&h, l->id);
	return did;
}

/* ---- one alert, and all ---- */

/*
 * Never two claims or edits at a time.  A process that dies on the way leaves
 * the alert at both; moving again finds it merged.
 */
static void
move_one(struct migration *m, const char *id)
{
	struct fail f = { 0 };
	bool again = true;

	for (int i = 0; again && i < AGAIN && f.kind == FAIL_NONE; i++) {
		struct load l = { .id = id };

		again = false;
		if (pick_up(m, &l, &f) && (l.keep.there || l.n > 0) &&
		    set_down(m, &l, &f))
			(void)leave(m, &l, &again, &f);
		arena_reset(&m->arena);
	}
	if (again)
		(void)fail_set(&f, FAIL_RETRY,
		    "somebody goes on writing to it: is an old responder "
		    "running?");
	m->moved += f.kind == FAIL_NONE;
	m->failed += f.kind != FAIL_NONE;
	if (f.kind != FAIL_NONE)
		command_say("%s/%s: %s", m->from->name, id, f.text);
}

/* Whether they are all. */
static bool
gather(const struct catalog_box *b, enum spool_where where, struct buf *ids)
{
	struct spool_walk w;
	struct spool_name name;

	spool_walk_open(&b->box, where, &w);
	while (spool_walk_next(&w, &name))
		buf_add(ids, name.id, sizeof(name.id));
	return catalog_walked(b, &w);
}

static int
move_all(struct migration *m)
{
	static const enum spool_where places[] = { SPOOL_PENDING, SPOOL_DEAD,
		SPOOL_SETTLED };

	for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
		struct buf ids = BUF_MAX(IDS_MAX);

		/* What is moved goes with its dead letters, so that each is
		 * found in one place. */
		m->failed += !gather(m->from, places[p], &ids);
		for (size_t at = 0; at < ids.len; at += SPOOL_ID + 1)
			move_one(m, ids.data + at);
		buf_free(&ids);
	}
	(void)printf("%zu %s, %zu failed\n", m->moved,
	    m->moved == 1 ? "alert moved" : "alerts moved", m->failed);
	return m->failed == 0 ? EX_OK : EX_TEMPFAIL;
}

/* ---- the command ---- */

static int
find_ends(struct migration *m, const char *from, const char *to)
{
	const struct conf *conf = &m->setup.conf;
	const struct conf_destination *d = conf_destination(conf, to);

	if (d == NULL) {
		command_say("%s is not configured; wanted a destination that "
			    "is",
		    to);
		return EX_USAGE;
	}
	if (conf_destination(conf, from) != NULL) {
		command_say("%s is still configured, so that alerts go on "
			    "going there; take it out of the configuration "
			    "first",
		    from);
		return EX_USAGE;
	}
	m->from = catalog_find(&m->catalog, from);
	m->to = catalog_find(&m->catalog, to);
	m->end = setup_box(&m->setup, d);
	if (m->from != NULL && m->to != NULL)
		return EX_OK;
	command_say("%s is not in the spool: there is nothing to move", from);
	return EX_NOINPUT;
}

/* The new destination's part of the spool may have to be made first. */
static int
open_spool(struct migration *m)
{
	struct fail f = { 0 };

	catalog_close(&m->catalog);
	if (setup_spool(&m->setup, &f) &&
	    catalog_open(&m->catalog, &m->setup.conf, &f))
		return EX_OK;
	m->catalog = (struct catalog){ .n = 0 };
	return command_failed(&f, EX_CANTCREAT);
}

static int
move(const struct command_call *call)
{
	struct migration m = { .now = relay_now() };
	int code = browse_open(call, &m.setup, &m.catalog);

	if (code == EX_OK)
		code = open_spool(&m);
	if (code == EX_OK)
		code = find_ends(&m, call->operands[0], call->operands[1]);
	if (code == EX_OK)
		code = move_all(&m);
	browse_close(&m.setup, &m.catalog);
	arena_free(&m.arena);
	return code;
}

const struct command migrate_move = {
	.name = "move",
	.summary = "move the alerts of an old destination to another",
	.usage = "OLD NEW",
	.text =
	    "  OLD is a destination that is no longer configured, whose "
	    "alerts\n"
	    "  are kept in the spool; NEW is one that is.  What waits is then\n"
	    "  sent to NEW.  An alert that NEW knows too becomes one: what "
	    "was\n"
	    "  said later counts.  If it is interrupted, move again.\n",
	.codes = "  0   moved\n"
		 "  64  OLD is still configured, or NEW is not\n"
		 "  66  OLD is not in the spool\n"
		 "  73  the spool cannot be used\n"
		 "  75  some were not moved: try again\n"
		 "  77  the spool belongs to somebody else\n"
		 "  78  the configuration is broken\n",
	.least = 2,
	.most = 2,
	.run = move,
};
