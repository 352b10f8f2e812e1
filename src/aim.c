#include "aim.h"

#include "arena.h"
#include "buf.h"
#include "catalog.h"
#include "conf.h"
#include "event.h"
#include "fail.h"
#include "json.h"
#include "keep.h"
#include "lock.h"
#include "post.h"
#include "setup.h"
#include "source.h"
#include "ticket.h"

const struct conf_route *
aim_route(const struct conf *c, const struct conf_source *from,
    const struct tree *alert, struct arena *a)
{
	for (size_t i = 0; i < c->n_routes; i++)
		if (route_takes(
			&c->routes[i].route, from->source.name, alert, a))
			return &c->routes[i];
	return NULL;
}

/* ---- what is known ---- */

/* What a destination knows of the alert. */
struct seen {
	bool there;
	bool over;
};

/* What the destinations know together. */
struct view {
	struct seen *boxes; /* as the setup's */
	bool any;
	const struct tree *fullest;
	int64_t received; /* by the fullest */
	size_t size;      /* of the fullest; 0: not measured */
	int64_t now;
	struct arena *arena;
};

/* It was resolved, and nothing of it is to be told any more. */
static bool
is_over(const struct ticket *t)
{
	return event_resolved(t->alert) && t->queued == 0 &&
	    (t->sent.n == 0 || t->sent.resolved);
}

static size_t
measure(const struct tree *alert)
{
	struct buf text = BUF_MAX(SPOOL_FILE_MAX);
	size_t size;

	json_write(alert, JSON_PLAIN, &text);
	size = text.full ? SPOOL_FILE_MAX : text.len;
	buf_free(&text);
	return size;
}

/* The one that last received anything; of equal ones the larger. */
static void
compare(struct view *v, const struct ticket *t)
{
	int64_t received = ticket_received(t);
	size_t size = 0;

	if (v->fullest != NULL && received < v->received)
		return;
	if (v->fullest != NULL && received == v->received) {
		size = measure(t->alert);
		if (v->size == 0)
			v->size = measure(v->fullest);
		if (size <= v->size)
			return;
	}
	v->fullest = t->alert;
	v->received = received;
	v->size = size;
}

static bool
look_at(struct setup_box *b, const char *id, struct seen *seen, struct view *v,
    struct fail *f)
{
	const struct lock_hand *h = &b->hands[POST_WEBHOOK];
	struct keep k;
	bool did;

	if (!lock_wait(h, LOCK_EDIT, id, f))
		return false;
	did = keep_load(&b->box, id, &k, v->now, v->arena, f);
	lock_drop(h, LOCK_EDIT, id);
	if (!did || !k.there)
		return did;
	seen->there = v->any = true;
	seen->over = is_over(&k.ticket);
	compare(v, &k.ticket);
	return true;
}

static bool
look(const struct setup *s, const char *id, struct view *v, struct fail *f)
{
	size_t n = s->conf.n_destinations;

	v->boxes = arena_alloc(v->arena, n * sizeof(*v->boxes));
	for (size_t i = 0; i < n; i++) {
		v->boxes[i] = (struct seen){ false, false };
		if (!look_at(&s->boxes[i], id, &v->boxes[i], v, f))
			return false;
	}
	return true;
}

/*
 * A destination that was renamed, say, and not yet moved: of an alert that
 * began there a change tells too little.  Nobody writes there.
 */
static void
ask_orphans(struct setup *s, const char *id, struct view *v)
{
	struct fail closed = { 0 };
	struct catalog c;

	if (s->orphans == SETUP_NO_ORPHANS ||
	    !catalog_open(&c, &s->conf, &closed))
		return;
	s->orphans = SETUP_NO_ORPHANS;
	for (size_t i = 0; i < c.n; i++) {
		struct catalog_ticket t;
		struct fail ignored = { 0 };

		if (!c.boxes[i].orphan)
			continue;
		s->orphans = SETUP_ORPHANS;
		if (catalog_ticket(&c.boxes[i], id, &t, v->arena, &ignored))
			compare(v, &t.ticket);
	}
	catalog_close(&c);
}

/* ---- the choice ---- */

static void
add(struct aim *out, struct setup_box *b)
{
	for (size_t i = 0; i < out->n; i++)
		if (out->to[i] == b)
			return;
	out->to[out->n++] = b;
}

/* alert: as merged, NULL if it is enough that the source names it. */
static void
choose(const struct setup *s, const struct conf_source *from,
    const struct tree *alert, const struct view *v, struct aim *out)
{
	const struct conf_route *route =
	    alert == NULL ? NULL : aim_route(&s->conf, from, alert, v->arena);
	const struct conf_to *to = route != NULL ? &route->to : &from->to;
	bool firing = alert == NULL || !event_resolved(alert);

	/* Nobody has to hear first of an alert that it is over. */
	for (size_t i = 0; (firing || !v->any) && i < to->n; i++)
		add(out, setup_box(s, to->items[i]));
	for (size_t i = 0; i < s->conf.n_destinations; i++)
		if (v->boxes[i].there && !(firing && v->boxes[i].over))
			add(out, &s->boxes[i]);
}

static bool
choose_seen(struct setup *s, const struct aim_ask *ask, struct view *v,
    struct aim *out, struct fail *f)
{
	const struct source_item *item = ask->item;
	const struct tree *known = ask->known;
	const struct tree *alert = NULL;

	if (!look(s, out->id, v, f))
		return false;
	if (!v->any && !item->whole)
		ask_orphans(s, out->id, v);
	out->known = v->fullest;
	if (known == NULL)
		known = v->fullest;
	if (v->any || !item->only_known)
		alert = event_merge(&ask->from->source, known, item->change,
		    item->whole, v->now, v->arena);
	choose(s, ask->from, alert, v, out);
	return true;
}

bool
aim_begin(struct setup *s, const struct aim_ask *ask, struct arena *a,
    struct aim *out, struct fail *f)
{
	size_t n = s->conf.n_destinations;
	struct view v = { .now = ask->now, .arena = a };

	*out = (struct aim){ .to = arena_alloc(a, n * sizeof(*out->to)) };
	spool_id(ask->item->key, out->id);
	if (n == 1) {
		add(out, &s->boxes[0]);
		if (!ask->item->whole)
			ask_orphans(s, out->id, &v);
		out->known = v.fullest;
		return true;
	}
	if (!lock_wait(&s->order, LOCK_EDIT, out->id, f))
		return false;
	out->locked = true;
	if (choose_seen(s, ask, &v, out, f))
		return true;
	aim_end(s, out);
	return false;
}

void
aim_end(const struct setup *s, const struct aim *aim)
{
	if (aim->locked)
		lock_drop(&s->order, LOCK_EDIT, aim->id);
}
