#include "drain.h"

#include "catalog.h"
#include "fail.h"
#include "hush.h"
#include "keep.h"
#include "log.h"
#include "orphan.h"
#include "setup.h"
#include "summary.h"
#include "when.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	/* healthz wants to know within 10 s what waits. */
	LOOK_EVERY = 10 * WHEN_SECOND,
	WALK_EVERY = 600 * WHEN_SECOND, /* if nothing came or went */
	TELL_EVERY = 1 * WHEN_SECOND,
	TELL_BUSY = 5 * WHEN_SECOND, /* while there is always more to send */
	OWING_SLEEP = 5 * WHEN_SECOND,
	IDLE_SLEEP = 10 * WHEN_SECOND,
	BUSY_SLEEP = 1 * WHEN_SECOND,
	FAILED_SLEEP = 60 * WHEN_SECOND,
	FRESH = 1 * WHEN_SECOND,
	MS_NS = 1000 * 1000,
	BUSY_MAX = 15, /* times: longer than an exchange takes */
	UNTIL_MAX = 3660 * WHEN_SECOND, /* a rest is at most an hour */
	SLICE_NS = 20 * 1000 * 1000,
	SWEEPS = 16, /* in one step */
	CALM = 250,  /* ms without a webhook, before what it left is swept */
	HAND = sizeof(((struct drain_hand *)NULL)->at) / sizeof(size_t),
	DEAL_EVERY = 1 * WHEN_SECOND,
	TICK_NS = 20 * 1000 * 1000, /* a clock of files may stand so long */
	EIGHTH = 8,
	TOO_LARGE = 413,
	DAY = 24 * 60 * 60,
	ENTRIES_MAX = 1 << 28, /* bytes of a list */
};

/* ---- the list ---- */

static struct drain_entry *
entries(const struct drain_list *l)
{
	return (struct drain_entry *)(void *)l->entries.data;
}

static size_t
count(const struct drain_list *l)
{
	return l->entries.len / sizeof(struct drain_entry);
}

static int
by_id(const void *a, const void *b)
{
	const struct drain_entry *x = a;
	const struct drain_entry *y = b;
	int order = strcmp(x->id, y->id);

	/* Of two the one that was noted later comes first. */
	return order != 0 ? order : (int)y->noted - (int)x->noted;
}

/* The first part is sorted; what was added since stands behind it. */
static struct drain_entry *
find(const struct drain_list *l, const char *id)
{
	struct drain_entry *e = entries(l);
	size_t low = 0;
	size_t high = l->sorted;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(id, e[mid].id);

		if (order == 0)
			return &e[mid];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static struct drain_entry *
find_noted(const struct drain_list *l, const char *id)
{
	struct drain_entry *e = find(l, id);

	for (size_t i = l->sorted; e == NULL && i < count(l); i++)
		if (entries(l)[i].noted && strcmp(entries(l)[i].id, id) == 0)
			e = &entries(l)[i];
	return e;
}

/* What the hands know of the list is over. */
static void
shuffle(struct drain_list *l)
{
	l->hands[false].dealt = l->hands[true].dealt = 0;
}

/* NULL if the list is full: a later look finds it when there is room. */
static struct drain_entry *
add(struct drain_list *l, const char *id)
{
	struct drain_entry fresh = { 0 };

	shuffle(l);
	memcpy(fresh.id, id, sizeof(fresh.id));
	buf_add(&l->entries, &fresh, sizeof(fresh));
	if (l->entries.full)
		return NULL;
	return &entries(l)[count(l) - 1];
}

/* Sort, and keep of each id the first, without what is gone. */
static void
tidy(struct drain_list *l)
{
	struct drain_entry *e = entries(l);
	size_t kept = 0;

	qsort(e, count(l), sizeof(*e), by_id);
	for (size_t i = 0; i < count(l); i++) {
		if (!e[i].listed ||
		    (kept > 0 && strcmp(e[kept - 1].id, e[i].id) == 0))
			continue;
		e[kept] = e[i];
		e[kept].noted = false;
		kept++;
	}
	buf_cut(&l->entries, kept * sizeof(*e));
	l->sorted = kept;
	shuffle(l);
}

/* Drop what is gone; the rest keeps its order, and an empty list gives its
 * memory back. */
static void
forget(struct drain_list *l)
{
	struct drain_entry *e = entries(l);
	size_t kept = 0, sorted = 0;

	for (size_t i = 0; i < count(l); i++) {
		if (e[i].gone)
			continue;
		e[kept++] = e[i];
		if (i < l->sorted)
			sorted = kept;
	}
	l->sorted = sorted;
	shuffle(l);
	if (kept == 0)
		buf_free(&l->entries);
	else
		buf_cut(&l->entries, kept * sizeof(*e));
}

static bool
waits(const struct drain_entry *e, int64_t now)
{
	return now < e->until && now >= e->set;
}

static bool
is_due(const struct drain *d, const struct drain_entry *e, int64_t now)
{
	if (e->gone || e->empty || e->tried)
		return false;
	return (d->force && !e->patient && e->busy == 0) || !waits(e, now);
}

/* Whether there is something to sweep. */
static bool
is_ripe(const struct drain_entry *e, int64_t now)
{
	return e->empty && !e->gone && (!e->muted || !waits(e, now));
}

static bool
owes(const struct drain_entry *e)
{
	return !e->gone && !e->empty;
}

/* ---- opening ---- */

void
drain_open(struct drain *d, struct post *post, struct counters *counters)
{
	*d = (struct drain){ 0 };
	forward_open(&d->forward, post, POST_DRAIN, counters);
}

void
drain_use(struct drain *d, struct setup *s)
{
	drain_yield(d);
	for (size_t i = 0; i < d->n; i++) {
		spool_walk_close(&d->lists[i].walk);
		buf_free(&d->lists[i].entries);
	}
	arena_reset(&d->lists_arena);
	d->setup = s;
	d->n = s == NULL ? 0 : s->conf.n_destinations;
	d->next = 0;
	d->counted = 0;
	d->lists = arena_alloc(&d->lists_arena, d->n * sizeof(*d->lists));
	for (size_t i = 0; i < d->n; i++)
		d->lists[i] = (struct drain_list){ .to = &s->boxes[i],
			.entries = BUF_MAX(ENTRIES_MAX) };
}

void
drain_close(struct drain *d)
{
	forward_close(&d->forward);
	drain_use(d, NULL);
	arena_free(&d->lists_arena);
	arena_free(&d->arena);
}

static struct drain_list *
list_of(const struct drain *d, const struct setup_box *to)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->lists[i].to == to)
			return &d->lists[i];
	return NULL;
}

void
drain_note(struct drain *d, const struct setup_box *to, const char *id,
    bool urgent, bool empty, int64_t set, int64_t until, int64_t now)
{
	struct drain_list *l = list_of(d, to);
	struct drain_entry *e;

	if (l == NULL)
		return;
	e = find_noted(l, id);
	if (e == NULL)
		e = add(l, id);
	if (e == NULL)
		return;
	/* What it owed before is delivered. */
	if (e->since == 0 || !owes(e))
		e->since = now;
	e->urgent = urgent;
	e->empty = empty;
	e->muted = e->gone = e->patient = false;
	e->noted = e->listed = true;
	shuffle(l);
	e->set = set;
	e->until = until;
	e->unread = false;
	/* What is on disk by now may be another write. */
	e->mark = (struct spool_mark){ 0 };
	l->unswept += empty;
	l->calm = now + CALM;
}

size_t
drain_owed(const struct drain *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		for (size_t j = 0; j < count(&d->lists[i]); j++)
			n += owes(&entries(&d->lists[i])[j]);
	return n;
}

/* ---- looking through pending ---- */

static void
look_begin(struct drain_list *l, int64_t now)
{
	for (size_t i = 0; i < count(l); i++)
		entries(l)[i].listed = false;
	spool_tidy(l->to->box.sp, now / WHEN_SECOND - DAY);
	spool_walk_open(&l->to->box, SPOOL_PENDING, &l->walk);
	l->looking = true;
	l->looked = now;
}

/* Whether it can be read by now does not show in its directory. */
static bool
any_unread(const struct drain_list *l)
{
	for (size_t i = 0; i < count(l); i++)
		if (entries(l)[i].unread && owes(&entries(l)[i]))
			return true;
	return false;
}

/* Where many wait for long, most looks find that nothing came or went. */
static void
look(struct drain_list *l, int64_t now)
{
	bool same = now >= l->walked && now < l->walked + WALK_EVERY &&
	    spool_changed(&l->to->box) < l->walked * MS_NS - TICK_NS;

	if (same && l->looked != 0 && !any_unread(l)) {
		l->looked = now;
		return;
	}
	l->walked = now;
	look_begin(l, now);
}

/* It is as old as its file, and due, to be seen to under its lock; one that
 * was so before keeps its wait. */
static void
read_nothing(struct drain_entry *e, bool there, int64_t now)
{
	int64_t written = e->mark.mtime_ns / MS_NS;

	if (!e->unread)
		e->set = e->until = 0;
	e->unread = there;
	e->empty = e->muted = e->patient = false;
	e->since = written != 0 && written < now ? written : now;
}

/* What a ticket's file says. */
static void
read_entry(struct drain *d, struct drain_list *l, const char *name,
    struct drain_entry *e, int64_t now)
{
	struct buf text = BUF_MAX(SPOOL_FILE_MAX);
	struct fail why = { 0 };
	struct ticket t;

	arena_reset(&d->arena);
	if (spool_look(&l->to->box, SPOOL_PENDING, name, &text, &why) &&
	    ticket_parse(text.data, text.len, &t, &d->arena, &why)) {
		const struct ticket_event *head = ticket_head(&t);

		e->unread = false;
		e->empty = head == NULL;
		e->muted = head == NULL && t.muted.by != NULL;
		e->patient = head != NULL && head->repeat;
		e->urgent = head != NULL && head->urgent;
		e->since = head != NULL ? head->since : 0;
		e->set = t.set;
		e->until = t.until;
		/* Its webhook may be about to send it; a run that ends does
		 * not come again soon. */
		if (!d->once && e->until < e->mark.mtime_ns / MS_NS + FRESH)
			e->until = e->mark.mtime_ns / MS_NS + FRESH;
		if (e->muted) {
			e->set = now;
			e->until = hush_until(l->to->conf, &t, now, &d->arena);
		}
	} else {
		read_nothing(e, why.kind != FAIL_NONE, now);
	}
	buf_free(&text);
}

static void
look_at(struct drain *d, struct drain_list *l, const struct spool_name *n,
    int64_t now)
{
	struct drain_entry *e = find(l, n->id);
	struct spool_mark mark = { 0 };
	bool asked = spool_mark(&l->to->box, n->id, &mark);

	/* What cannot be asked is there; so much is known. */
	if (!asked && errno == ENOENT)
		return;
	if (e == NULL)
		e = add(l, n->id);
	if (e == NULL)
		return;
	e->listed = true;
	if (asked && spool_mark_same(&e->mark, &mark) && !e->gone && !e->unread)
		return;
	e->mark = mark;
	e->gone = false;
	read_entry(d, l, n->name, e, now);
}

static int64_t
monotonic_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t
count_dead(const struct drain_list *l)
{
	struct spool_walk w;
	struct spool_name name;
	int64_t n = 0;

	spool_walk_open(&l->to->box, SPOOL_DEAD, &w);
	while (spool_walk_next(&w, &name))
		n += !name.superseded;
	spool_walk_close(&w);
	return w.broken == 0 ? n : l->dead;
}

/* What could not be listed may be there still. */
static void
say_unlisted(struct drain_list *l, int64_t now)
{
	struct log_line line = log_begin(now, "look");

	for (size_t i = 0; i < count(l); i++)
		entries(l)[i].listed = true;
	log_str(&line, "result", "failed");
	log_str(&line, "destination", l->to->to->name);
	log_trouble(&line, strerror(l->walk.broken));
	log_end(&line);
}

static void
look_end(struct drain_list *l, int64_t now)
{
	spool_walk_close(&l->walk);
	if (l->walk.broken != 0)
		say_unlisted(l, now);
	tidy(l);
	l->dead = count_dead(l);
	l->looking = false;
}

static void
look_on(struct drain *d, struct drain_list *l, int64_t now)
{
	int64_t end = monotonic_ns() + SLICE_NS;
	struct spool_name name;

	while (monotonic_ns() < end) {
		if (!spool_walk_next(&l->walk, &name)) {
			look_end(l, now);
			return;
		}
		look_at(d, l, &name, now);
	}
}

/* What rang is due, and first. */
static void
hear_bells(struct drain_list *l, int64_t now)
{
	int64_t rang = spool_rang(&l->to->box);
	struct spool_walk w;
	struct spool_name name;

	if (rang < l->heard - TICK_NS && now * MS_NS >= l->heard)
		return;
	l->heard = now * MS_NS;
	shuffle(l);
	spool_walk_bells(&l->to->box, &w);
	while (spool_walk_next(&w, &name)) {
		struct drain_entry *e;

		spool_unring(&l->to->box, name.id);
		e = find_noted(l, name.id);
		if (e == NULL && (e = add(l, name.id)) == NULL)
			continue;
		if (e->since == 0 || !owes(e))
			e->since = now;
		e->urgent = e->noted = e->listed = true;
		e->empty = e->muted = e->gone = e->patient = false;
		e->set = e->until = 0;
	}
	spool_walk_close(&w);
}

/* ---- sweeping ---- */

/* It stays in pending, and was read under its locks. */
static void
know(struct drain_list *l, struct drain_entry *e, const struct ticket *t)
{
	const struct ticket_event *head = ticket_head(t);

	e->gone = e->unread = false;
	e->empty = head == NULL;
	e->muted = head == NULL && t->muted.by != NULL;
	e->mark = (struct spool_mark){ 0 };
	shuffle(l);
	if (head == NULL)
		return;
	e->urgent = head->urgent;
	e->patient = head->repeat;
	e->since = head->since;
	e->set = t->set;
	e->until = t->until;
}

/* Under claim and edit: it was muted. */
static bool
wake(struct drain_list *l, struct drain_entry *e, struct keep *k, int64_t now,
    struct arena *a, struct fail *f)
{
	int64_t until;

	if (!hush_wake(l->to, e->id, k, now, a, &until, f))
		return false;
	e->set = now;
	e->until = until;
	know(l, e, &k->ticket);
	return true;
}

/* One that is on its way from pending to settled. */
struct leaving {
	struct drain_entry *entry;
	uint64_t generation; /* that was linked */
};

/* Under claim and edit: whether it owes nothing, by its file. */
static bool
owes_nothing(struct drain *d, struct drain_list *l, struct drain_entry *e,
    bool *settled, int64_t now, struct fail *f)
{
	struct keep k;

	arena_reset(&d->arena);
	if (!keep_load(&l->to->box, e->id, &k, now, &d->arena, f) || !k.pending)
		return false;
	*settled = k.settled;
	if (ticket_head(&k.ticket) == NULL && k.ticket.muted.by == NULL)
		return true;
	if (ticket_head(&k.ticket) == NULL)
		(void)wake(l, e, &k, now, &d->arena, f);
	else
		know(l, e, &k.ticket);
	return false;
}

/*
 * Under claim and edit: link it to settled.  A generation that is known to
 * owe nothing need not be read again.  A power cut can leave a newer copy
 * settled than pending, which then stays.
 */
static bool
link_locked(struct drain *d, struct drain_list *l, struct leaving *x,
    int64_t now, struct fail *f)
{
	const struct spool_box *b = &l->to->box;
	bool settled = false;

	x->generation = spool_generation(b, x->entry->id);
	if (x->generation == 0)
		return false;
	if (!x->entry->muted && x->generation == x->entry->empty_at) {
		enum spool_linked did = spool_link(b, x->entry->id, false, f);

		if (did != SPOOL_IN_THE_WAY)
			return did == SPOOL_LINKED;
	}
	return owes_nothing(d, l, x->entry, &settled, now, f) &&
	    (settled || spool_link(b, x->entry->id, true, f) == SPOOL_LINKED);
}

/* It is due, whatever it was. */
static void
revive(struct drain_list *l, struct drain_entry *e, int64_t now)
{
	e->gone = e->empty = e->muted = false;
	e->mark = (struct spool_mark){ 0 };
	e->set = e->until = now;
	shuffle(l);
}

/* The claim is kept if it is on its way.  Any error leaves it in pending,
 * which is lawful. */
static bool
sweep_begin(
    struct drain *d, struct drain_list *l, struct leaving *x, int64_t now)
{
	const struct lock_hand *h = &l->to->hands[POST_DRAIN];
	const char *id = x->entry->id;
	struct fail f = { 0 };
	bool did = false;

	x->entry->gone = true;
	if (lock_try(h, LOCK_CLAIM, id, &f) != LOCK_GOT)
		return false;
	if (lock_wait(h, LOCK_EDIT, id, &f)) {
		did = link_locked(d, l, x, now, &f);
		lock_drop(h, LOCK_EDIT, id);
	}
	if (!did)
		lock_drop(h, LOCK_CLAIM, id);
	/* What could not be seen to is looked for again, and soon. */
	if (f.kind != FAIL_NONE)
		l->walked = 0;
	return did;
}

/*
 * What was written since it was linked stays where it is.  Its writer has met
 * our claim and relies on us.
 */
static void
sweep_end(
    struct drain_list *l, const struct leaving *x, bool durable, int64_t now)
{
	const struct lock_hand *h = &l->to->hands[POST_DRAIN];
	const struct spool_box *b = &l->to->box;
	const char *id = x->entry->id;
	struct fail f = { 0 };
	uint64_t written;

	if (durable && lock_wait(h, LOCK_EDIT, id, &f)) {
		if (spool_generation(b, id) == x->generation)
			(void)spool_unlink(b, id, &f);
		lock_drop(h, LOCK_EDIT, id);
	}
	lock_drop(h, LOCK_CLAIM, id);
	written = spool_generation(b, id);
	if (written != 0 && written != x->generation)
		revive(l, x->entry, now);
}

/* All names are linked, then all made durable, which is one journal's commit
 * for all of them, then all go. */
static void
sweep(struct drain *d, struct drain_list *l, struct leaving *x, size_t n,
    int64_t now)
{
	bool durable[SWEEPS];
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (sweep_begin(d, l, &x[i], now))
			x[kept++] = x[i];
	for (size_t i = 0; i < kept; i++) {
		struct fail f = { 0 };

		durable[i] =
		    spool_sync_settled(&l->to->box, x[i].entry->id, &f);
	}
	for (size_t i = 0; i < kept; i++)
		sweep_end(l, &x[i], durable[i], now);
}

/* Whether there is more to sweep. */
static bool
sweep_some(struct drain *d, struct drain_list *l, int64_t now)
{
	struct leaving found[SWEEPS];
	size_t n = 0;
	size_t i = l->swept;

	l->unswept = 0;
	if (i == 0)
		l->gone = 0;
	for (; i < count(l) && n < SWEEPS; i++) {
		struct drain_entry *e = &entries(l)[i];

		if (is_ripe(e, now))
			found[n++] = (struct leaving){ .entry = e };
		l->gone += e->gone;
	}
	sweep(d, l, found, n, now);
	l->gone += n;
	l->swept = i < count(l) ? i : 0;
	if (l->swept != 0)
		return true;
	/* Half of them at a time, so that it costs little. */
	if (l->gone > count(l) / 2)
		forget(l);
	return false;
}

/* ---- delivering ---- */

/* What cannot be read keeps nothing from being sent.  A person's drain tries
 * last what has failed and is not due again: two of that kind make the
 * destination rest. */
static bool
better(const struct drain_entry *x, const struct drain_entry *y, bool oldest,
    int64_t now)
{
	if (x->unread != y->unread)
		return y->unread;
	if (waits(x, now) != waits(y, now))
		return waits(y, now);
	if (!oldest && x->urgent != y->urgent)
		return x->urgent;
	return x->since < y->since;
}

/* Put it where it belongs in the hand; of too many the last falls out. */
static void
insert(const struct drain_list *l, struct drain_hand *h, size_t at, bool oldest,
    int64_t now)
{
	const struct drain_entry *e = entries(l);
	size_t i = h->n;

	while (i > 0 && better(&e[at], &e[h->at[i - 1]], oldest, now))
		i--;
	if (i == HAND)
		return;
	h->n += h->n < HAND;
	for (size_t j = h->n - 1; j > i; j--)
		h->at[j] = h->at[j - 1];
	h->at[i] = at;
}

static void
deal(const struct drain *d, struct drain_list *l, bool oldest, int64_t now)
{
	struct drain_hand *h = &l->hands[oldest];

	h->n = h->next = 0;
	h->dealt = now;
	for (size_t i = 0; i < count(l); i++)
		if (is_due(d, &entries(l)[i], now))
			insert(l, h, i, oldest, now);
}

/* The next of a hand that is still due. */
static struct drain_entry *
draw(const struct drain *d, const struct drain_list *l, struct drain_hand *h,
    int64_t now)
{
	struct drain_entry *e = entries(l);

	while (h->next < h->n && !is_due(d, &e[h->at[h->next]], now))
		h->next++;
	return h->next < h->n ? &e[h->at[h->next]] : NULL;
}

static struct drain_entry *
pick(const struct drain *d, struct drain_list *l, int64_t now)
{
	bool oldest = l->turns % EIGHTH == EIGHTH - 1;
	struct drain_hand *h = &l->hands[oldest];
	struct drain_entry *e = NULL;

	if (now >= h->dealt && now < h->dealt + DEAL_EVERY)
		e = draw(d, l, h, now);
	if (e != NULL)
		return e;
	deal(d, l, oldest, now);
	return draw(d, l, h, now);
}

static bool
comes_before(const struct drain_list *l, const struct drain_entry *x,
    const struct drain_entry *y)
{
	return x->unread != y->unread ? y->unread
				      : pace_before(l->last, x->id, y->id);
}

/* The one whose turn it is to probe. */
static struct drain_entry *
in_turn(struct drain *d, struct drain_list *l, int64_t now)
{
	struct drain_entry *best = NULL;
	struct pace p;

	arena_reset(&d->arena);
	forward_pace(l->to, &p, &d->arena);
	memcpy(l->last, p.last, sizeof(l->last));
	for (size_t i = 0; i < count(l); i++) {
		struct drain_entry *e = &entries(l)[i];

		if (is_due(d, e, now) &&
		    (best == NULL || comes_before(l, e, best)))
			best = e;
	}
	return best;
}

static enum forward_start
try(struct drain *d, struct drain_list *l, const struct drain_entry *e,
    const char *after, int64_t now, int64_t *until)
{
	struct forward_ask ask = { .to = l->to,
		.id = e->id,
		.timeout_ms = l->to->to->timeout_ms,
		.probe = true,
		.force = d->force,
		.now = d->force && !l->probed,
		.after = after };
	struct fail f = { 0 };
	enum forward_start did =
	    forward_begin(&d->forward, &ask, now, until, &f);

	forward_complain(&d->forward, &f, now);
	return did;
}

/* What is to be done with an entry whose event was not sent now. */
static void
put_off(struct drain *d, struct drain_list *l, struct drain_entry *e,
    enum forward_start did, int64_t now, int64_t until)
{
	e->set = now;
	switch (did) {
	case FORWARD_NOTHING:
		e->empty = true;
		return;
	case FORWARD_BUSY:
		e->until = now + BUSY_SLEEP;
		e->tried = ++e->busy == BUSY_MAX && d->once;
		return;
	case FORWARD_WAIT:
		e->until = until;
		return;
	case FORWARD_REST:
		d->failed = true;
		l->rested = true;
		l->over = d->once;
		l->until = until;
		return;
	case FORWARD_FAILED:
		d->failed = true;
		e->tried = d->once;
		/* The others go on meanwhile, if it is this one alone. */
		e->until = now + FAILED_SLEEP;
		l->until = d->once ? now : now + OWING_SLEEP;
		return;
	default:
		l->until = until;
	}
}

/* Begin a call if one is due.  Whether something was done. */
static bool
deliver(struct drain *d, struct drain_list *l, int64_t now)
{
	struct drain_entry *e = pick(d, l, now);
	enum forward_start did;
	int64_t until;

	if (e == NULL)
		return false;
	did = try(d, l, e, NULL, now, &until);
	if (did == FORWARD_OTHER) {
		e = in_turn(d, l, now);
		did = try(d, l, e, l->last, now, &until);
	}
	if (did == FORWARD_STARTED)
		l->turns++;
	else
		put_off(d, l, e, did, now, until);
	return true;
}

static void
take_result(struct drain *d, int64_t now)
{
	const struct forward *fw = &d->forward;
	struct drain_list *l = list_of(d, d->calling);
	struct drain_entry *e;

	d->ended[fw->result]++;
	if (l == NULL || (e = find_noted(l, fw->id)) == NULL)
		return;
	e->empty = !fw->owes;
	l->unswept += e->empty;
	e->busy = 0;
	e->unread = false;
	/* What waits behind an acceptance is its repeat. */
	e->patient = fw->result == FORWARD_DELIVERED && !fw->more;
	e->since = e->patient ? now : e->since;
	e->set = now;
	e->until = fw->more ? now : fw->until;
	e->empty_at =
	    e->empty && fw->ticket.muted.by == NULL ? fw->generation : 0;
	if (fw->result != FORWARD_LATER) {
		l->looked = l->rested ? 0 : l->looked;
		l->rested = false;
		return;
	}
	d->failed = true;
	/* One that was made smaller is tried once more. */
	e->tried = d->force && (e->again || fw->answer.status != TOO_LARGE);
	e->again = true;
	l->probed = true;
}

/* A webhook must not wait for a sweep that can wait itself. */
static bool
is_calm(const struct drain_list *l, int64_t now)
{
	return l->unswept >= SWEEPS || now >= l->calm || now < l->calm - CALM;
}

/* ---- one step ---- */

static bool
hold(struct drain *d, struct drain_list *l)
{
	struct fail f = { 0 };

	/* A person's drain goes beside others; the claims keep them apart. */
	if (!l->mine && !d->force)
		l->mine = lock_try(&l->to->hands[POST_DRAIN], LOCK_DRAIN, NULL,
			      &f) == LOCK_GOT;
	return l->mine || d->force;
}

static void
let_go(struct drain_list *l)
{
	if (l->mine)
		lock_drop(&l->to->hands[POST_DRAIN], LOCK_DRAIN, NULL);
	l->mine = false;
}

static int64_t
earlier(int64_t t, int64_t than)
{
	return than == 0 || t < than ? t : than;
}

/* When it was first due; no try that failed and no rest makes that later. */
static int64_t
first_due(const struct drain_entry *e)
{
	return e->patient ? e->since + TICKET_REPEAT * WHEN_SECOND : e->since;
}

/* What waits, for healthz and metrics: see summary.h. */
static void
tell(struct drain *d, struct drain_list *l, int64_t now)
{
	struct summary s = { .at = now, .dead = l->dead };
	struct buf text = BUF_MAX(SPOOL_STATE);

	l->told = now;
	for (size_t i = 0; i < count(l); i++) {
		const struct drain_entry *e = &entries(l)[i];

		s.muted += e->muted && !e->gone;
		if (!owes(e))
			continue;
		s.owed++;
		s.unread += e->unread;
		s.oldest = earlier(e->since, s.oldest);
		if (first_due(e) <= now)
			s.due = earlier(first_due(e), s.due);
	}
	arena_reset(&d->arena);
	summary_write(&s, &d->arena, &text);
	(void)spool_record_put(&l->to->box, "summary.json", &text);
	buf_free(&text);
}

static void
tell_every(struct drain *d, struct drain_list *l, int64_t every, int64_t now)
{
	if (now < l->told || now >= l->told + every)
		tell(d, l, now);
}

void
drain_tell(struct drain *d, int64_t now)
{
	for (size_t i = 0; i < d->n; i++) {
		struct drain_list *l = &d->lists[i];
		bool mine = l->mine;

		if (l->looked == 0 || l->looking || !hold(d, l))
			continue;
		tell(d, l, now);
		if (!mine)
			let_go(l);
	}
}

/* How long until there is something to do. */
static int64_t
sleep_for(const struct drain *d, const struct drain_list *l, int64_t now)
{
	int64_t wait = l->looked + LOOK_EVERY - now;
	bool any = false;

	for (size_t i = 0; i < count(l); i++) {
		const struct drain_entry *e = &entries(l)[i];

		any = any || owes(e);
		if (is_due(d, e, now))
			wait = 0;
		else if ((owes(e) ? !e->tried : e->muted && !e->gone) &&
		    e->until - now < wait)
			wait = e->until - now;
	}
	if (now < l->until && wait < l->until - now)
		wait = l->until - now;
	if (any && wait > OWING_SLEEP)
		wait = OWING_SLEEP;
	return wait < 0 ? 0 : wait > IDLE_SLEEP ? IDLE_SLEEP : wait;
}

static int64_t
at_least(int64_t least, int64_t wait)
{
	return wait < least ? least : wait;
}

/* Not beyond the time when what is unswept may be swept. */
static int64_t
until_calm(const struct drain_list *l, int64_t wait, int64_t now)
{
	return l->unswept > 0 && l->calm > now && l->calm - now < wait
	    ? l->calm - now
	    : wait;
}

static int64_t
step_list(struct drain *d, struct drain_list *l, int64_t now)
{
	if (l->over)
		return is_calm(l, now) && sweep_some(d, l, now) ? 0
								: IDLE_SLEEP;
	if (!hold(d, l)) {
		/* Another process is at it. */
		l->over = d->once;
		if (is_calm(l, now) && sweep_some(d, l, now))
			return 0;
		return until_calm(
		    l, at_least(BUSY_SLEEP, sleep_for(d, l, now)), now);
	}
	if (!l->looking &&
	    (l->looked == 0 || now >= l->looked + LOOK_EVERY ||
		now < l->looked))
		look(l, now);
	if (l->looking) {
		look_on(d, l, now);
		return 0;
	}
	/* Many together, and what is left when there is nothing to send. */
	if (l->unswept >= SWEEPS)
		(void)sweep_some(d, l, now);
	hear_bells(l, now);
	tell_every(d, l, TELL_BUSY, now);
	if ((now >= l->until || l->until > now + UNTIL_MAX) &&
	    deliver(d, l, now))
		return 0;
	if (is_calm(l, now) && sweep_some(d, l, now))
		return 0;
	tell_every(d, l, TELL_EVERY, now);
	let_go(l);
	return until_calm(l, sleep_for(d, l, now), now);
}

/* What is no longer configured has no list. */
static void
see_to_orphans(struct drain *d, int64_t now)
{
	if (d->setup == NULL ||
	    (now >= d->counted && now < d->counted + LOOK_EVERY))
		return;
	d->counted = now;
	orphan_count(&d->setup->conf, now);
}

int64_t
drain_step(struct drain *d, int64_t now)
{
	int64_t least = IDLE_SLEEP;

	if (forward_busy(&d->forward)) {
		struct fail f = { 0 };

		if (!forward_settle(&d->forward, now, &f)) {
			forward_complain(&d->forward, &f, now);
			return BUSY_SLEEP;
		}
		take_result(d, now);
		return 0;
	}
	see_to_orphans(d, now);
	for (size_t i = 0; i < d->n; i++) {
		struct drain_list *l = &d->lists[(d->next + i) % d->n];
		int64_t wait = step_list(d, l, now);

		if (forward_busy(&d->forward)) {
			d->calling = l->to;
			d->next = (d->next + i + 1) % d->n;
			return BUSY_SLEEP;
		}
		if (wait < least)
			least = wait;
	}
	return least;
}

/* Whether this run still has to do with it. */
static bool
is_wanted(const struct drain *d, const struct drain_entry *e, int64_t now)
{
	return is_due(d, e, now) || (owes(e) && !e->tried && e->busy > 0);
}

bool
drain_over(const struct drain *d, int64_t now)
{
	if (forward_busy(&d->forward))
		return false;
	for (size_t i = 0; i < d->n; i++) {
		const struct drain_list *l = &d->lists[i];

		if (l->over)
			continue;
		if (l->looked == 0 || l->looking)
			return false;
		for (size_t j = 0; j < count(l); j++)
			if (is_wanted(d, &entries(l)[j], now))
				return false;
	}
	return true;
}

void
drain_yield(struct drain *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (!forward_busy(&d->forward) || d->calling != d->lists[i].to)
			let_go(&d->lists[i]);
}
