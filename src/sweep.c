#include "sweep.h"

#include "fail.h"
#include "hush.h"
#include "keep.h"
#include "pending.h"
#include "setup.h"

enum {
	SWEEPS = 16, /* in one batch */
	CALM = 250,  /* ms without a webhook, before what it left is swept */
};

/* Whether there is something to sweep. */
static bool
is_ripe(const struct pending_entry *e, int64_t now)
{
	return e->empty && !e->gone && (!e->muted || !pending_waits(e, now));
}

/* It stays in pending, and was read under its locks. */
static void
know(struct pending *l, struct pending_entry *e, const struct ticket *t)
{
	const struct ticket_event *head = ticket_head(t);

	e->gone = e->unread = false;
	e->empty = head == NULL;
	e->muted = head == NULL && t->muted.by != NULL;
	e->mark = (struct spool_mark){ 0 };
	pending_shuffle(l);
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
wake(struct pending *l, struct pending_entry *e, struct keep *k, int64_t now,
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
	struct pending_entry *entry;
	uint64_t generation; /* that was linked */
};

/* Under claim and edit: whether it owes nothing, by its file. */
static bool
owes_nothing(struct pending *l, struct pending_entry *e, bool *settled,
    int64_t now, struct arena *a, struct fail *f)
{
	struct keep k;

	arena_reset(a);
	if (!keep_load(&l->to->box, e->id, &k, now, a, f) || !k.pending)
		return false;
	*settled = k.settled;
	if (ticket_head(&k.ticket) == NULL && k.ticket.muted.by == NULL)
		return true;
	if (ticket_head(&k.ticket) == NULL)
		(void)wake(l, e, &k, now, a, f);
	else
		know(l, e, &k.ticket);
	return false;
}

/* Under claim and edit: link it to settled.  A power cut can leave a newer
 * copy settled than pending, which then stays. */
static bool
link_locked(struct pending *l, struct leaving *x, int64_t now, struct arena *a,
    struct fail *f)
{
	const struct spool_box *b = &l->to->box;
	bool settled = false;

	x->generation = spool_generation(b, x->entry->id);
	return x->generation != 0 &&
	    owes_nothing(l, x->entry, &settled, now, a, f) &&
	    (settled || spool_link(b, x->entry->id, f));
}

/* It owes something since now, and that is due, whatever it was. */
static void
revive(struct pending *l, struct pending_entry *e, int64_t now)
{
	e->gone = e->empty = e->muted = e->patient = false;
	e->mark = (struct spool_mark){ 0 };
	e->since = e->set = e->until = now;
	pending_shuffle(l);
}

/* The claim is kept if it is on its way.  Any error leaves it in pending,
 * which is lawful. */
static bool
begin(struct pending *l, struct leaving *x, int64_t now, struct arena *a)
{
	const struct lock_hand *h = &l->to->hands[POST_DRAIN];
	const char *id = x->entry->id;
	struct fail f = { 0 };
	bool did = false;

	x->entry->gone = true;
	if (lock_try(h, LOCK_CLAIM, id, &f) != LOCK_GOT)
		return false;
	if (lock_wait(h, LOCK_EDIT, id, &f)) {
		did = link_locked(l, x, now, a, &f);
		lock_drop(h, LOCK_EDIT, id);
	}
	if (!did)
		lock_drop(h, LOCK_CLAIM, id);
	/* What could not be seen to is looked for again, and soon. */
	if (f.kind != FAIL_NONE)
		l->missed = true;
	return did;
}

/*
 * What was written since it was linked stays where it is.  Its writer has met
 * our claim and relies on us.
 */
static void
end(struct pending *l, const struct leaving *x, bool durable, int64_t now)
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
sweep(struct pending *l, struct leaving *x, size_t n, int64_t now,
    struct arena *a)
{
	bool durable[SWEEPS];
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (begin(l, &x[i], now, a))
			x[kept++] = x[i];
	for (size_t i = 0; i < kept; i++) {
		struct fail f = { 0 };

		durable[i] =
		    spool_sync_settled(&l->to->box, x[i].entry->id, &f);
	}
	for (size_t i = 0; i < kept; i++)
		end(l, &x[i], durable[i], now);
}

/* Whether there is more to sweep. */
static bool
sweep_some(struct sweep *s, struct pending *l, int64_t now, struct arena *a)
{
	struct leaving found[SWEEPS];
	size_t n = 0;
	size_t i = s->at;

	s->unswept = 0;
	if (i == 0)
		s->gone = 0;
	for (; i < pending_count(l) && n < SWEEPS; i++) {
		struct pending_entry *e = &pending_entries(l)[i];

		if (is_ripe(e, now))
			found[n++] = (struct leaving){ .entry = e };
		s->gone += e->gone;
	}
	sweep(l, found, n, now, a);
	s->gone += n;
	s->at = i < pending_count(l) ? i : 0;
	if (s->at != 0)
		return true;
	/* Half of them at a time, so that it costs little. */
	if (s->gone > pending_count(l) / 2)
		pending_drop_gone(l);
	return false;
}

void
sweep_disturb(struct sweep *s, int64_t now)
{
	s->calm = now + CALM;
}

static bool
is_calm(const struct sweep *s, int64_t now)
{
	return s->unswept >= SWEEPS || now >= s->calm || now < s->calm - CALM;
}

bool
sweep_calmly(struct sweep *s, struct pending *l, int64_t now, struct arena *a)
{
	return is_calm(s, now) && sweep_some(s, l, now, a);
}

void
sweep_batch(struct sweep *s, struct pending *l, int64_t now, struct arena *a)
{
	if (s->unswept >= SWEEPS)
		(void)sweep_some(s, l, now, a);
}

int64_t
sweep_wait(const struct sweep *s, int64_t wait, int64_t now)
{
	return s->unswept > 0 && s->calm > now && s->calm - now < wait
	    ? s->calm - now
	    : wait;
}
