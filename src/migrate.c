#include "migrate.h"

#include "array.h"
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
#include "pace.h"
#include "relay.h"
#include "setup.h"
#include "tend.h"
#include "tree.h"

#include <stdio.h>
#include <sysexits.h>

enum { AGAIN = 10, IDS_MAX = 1 << 28 };

struct migration {
	struct setup setup;
	struct catalog catalog;
	struct arena arena; /* of one alert */
	const struct catalog_box *from;
	const struct catalog_box *to;
	const struct setup_box *end;     /* the same as to */
	struct catalog_dead there, dead; /* letters of to, of from */
	int64_t now;
	size_t moved, failed, torn;
	int code; /* the first that was not EX_OK */
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
	size_t torn;

	l->letters = tend_letters(&m->dead, l->id, &l->n, &torn, &m->arena, f);
	if (f->kind != FAIL_NONE ||
	    !keep_load(&m->from->box, l->id, &l->keep, m->now, &m->arena, f))
		return false;
	m->torn += torn + l->keep.corrupt;
	return true;
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

	/* What was accepted is no news, whenever and wherever that was. */
	if (into->sent.n != 0) {
		c.target = into->sent.target;
		c.resend_after = INT64_MAX;
	}
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

/*
 * In the history of the new side stands what was brought over, to be known
 * again: by its generation, and by when it last changed, should another ticket
 * of that alert have come to the same generation.
 */
static void
note(struct migration *m, struct ticket *into, const struct keep *from)
{
	/* The two may share their history. */
	int64_t last = from->there ? ticket_last(&from->ticket) : 0;
	struct tree *line;

	ticket_note(into, "moved", 0, m->from->name, m->now, &m->arena);
	if (!from->there)
		return;
	line = into->history->last;
	tree_set_num(&m->arena, line, "generation", (int64_t)from->generation);
	tree_set_num(&m->arena, line, "last", last);
}

/* Whether a process died before it took from the old side what it had brought
 * to the new one. */
static bool
is_noted(const struct migration *m, const struct ticket *into,
    const struct keep *from)
{
	for (const struct tree *line = into->history->first; line != NULL;
	     line = line->next)
		if (tree_says(tree_get(line, "what"), "moved") &&
		    tree_says(tree_get(line, "why"), m->from->name) &&
		    tree_get_num(line, "generation") ==
			(int64_t)from->generation &&
		    tree_get_num(line, "last") == ticket_last(&from->ticket))
			return true;
	return false;
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
	size_t torn;
	const struct catalog_letter *there =
	    tend_letters(&m->there, l->id, &n, &torn, &m->arena, f);

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
	if (!both || !l->keep.there || !is_noted(m, &k.ticket, &l->keep)) {
		if (both && l->keep.there)
			merge(m, &k.ticket, &l->keep.ticket);
		note(m, &k.ticket, &l->keep);
	}
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

/* ---- one alert ---- */

/*
 * Never two claims or edits at a time.  A process that dies on the way leaves
 * the alert at both; moving again knows it again.
 */
static void
move_one(struct migration *m, const char *id)
{
	struct fail f = { 0 };
	bool again = true;
	bool did = false;
	int code = EX_OK;

	for (int i = 0; again && i < AGAIN && f.kind == FAIL_NONE; i++) {
		struct load l = { .id = id };

		again = false;
		/* Its other name may have brought it over already. */
		if (pick_up(m, &l, &f) && (l.keep.there || l.n > 0) &&
		    set_down(m, &l, &f))
			did = leave(m, &l, &again, &f);
		arena_reset(&m->arena);
	}
	if (again)
		(void)fail_set(&f, FAIL_RETRY,
		    "somebody goes on writing to it: is an old responder "
		    "running?");
	if (f.kind != FAIL_NONE)
		code = command_spoilt(m->from->name, id, &f);
	m->moved += did && code == EX_OK;
	m->failed += code != EX_OK;
	m->code = m->code == EX_OK ? code : m->code;
}

/* ---- what may have rung without a ticket ---- */

static void
join_locked(struct migration *m)
{
	struct buf out = BUF_MAX(SPOOL_STATE);
	struct pace from;
	struct pace to;

	catalog_pace(&m->from->box, &from, &m->arena);
	catalog_pace(&m->to->box, &to, &m->arena);
	if (pace_join(&to, &from)) {
		pace_write(&to, &m->arena, &out);
		spool_record_put(&m->to->box, "state.json", &out);
	}
	buf_free(&out);
	arena_reset(&m->arena);
}

/* Before the alerts, for whoever asks when they have come. */
static void
move_marks(struct migration *m)
{
	struct fail f = { 0 };
	struct lock_hand h;

	if (!lock_open(m->to->box.dir, &h, &f) ||
	    !lock_wait(&h, LOCK_STATE, NULL, &f)) {
		command_say("%s: %s", m->to->name, f.text);
		m->failed++;
		m->code = m->code == EX_OK ? EX_TEMPFAIL : m->code;
	} else {
		join_locked(m);
	}
	lock_close(&h);
}

/* ---- all ---- */

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

/* What is not seen stays where it is. */
static void
unlisted(struct migration *m)
{
	m->failed++;
	m->code = EX_IOERR;
}

/* What is moved goes with its dead letters, so that each is found in one
 * place. */
static void
move_from(struct migration *m, enum spool_where where)
{
	struct buf ids = BUF_MAX(IDS_MAX);

	if (!gather(m->from, where, &ids))
		unlisted(m);
	for (size_t at = 0; at < ids.len; at += SPOOL_ID + 1)
		move_one(m, ids.data + at);
	buf_free(&ids);
}

static int
move_all(struct migration *m)
{
	static const enum spool_where places[] = { SPOOL_PENDING, SPOOL_DEAD,
		SPOOL_SETTLED };
	bool known = catalog_list_dead(m->to, &m->there);

	known = catalog_list_dead(m->from, &m->dead) && known;
	if (!known)
		unlisted(m);
	move_marks(m);
	for (size_t p = 0; known && p < COUNT(places); p++)
		move_from(m, places[p]);
	catalog_forget_dead(&m->there);
	catalog_forget_dead(&m->dead);
	(void)printf("%zu %s, %zu failed", m->moved,
	    m->moved == 1 ? "alert moved" : "alerts moved", m->failed);
	if (m->torn > 0)
		(void)printf(", %zu torn: moved to corrupt/", m->torn);
	(void)printf("\n");
	return m->torn > 0 && m->code == EX_OK ? EX_IOERR : m->code;
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
		 "  74  some could not be read, or were torn\n"
		 "  75  some were not moved: try again\n"
		 "  77  the spool belongs to somebody else\n"
		 "  78  the configuration is broken\n",
	.least = 2,
	.most = 2,
	.run = move,
};
