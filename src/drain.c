#include "drain.h"

#include "fail.h"
#include "orphan.h"
#include "setup.h"
#include "summary.h"
#include "when.h"

enum {
	ORPHANS_EVERY = 10 * WHEN_SECOND,
	TELL_EVERY = 1 * WHEN_SECOND,
	TELL_BUSY = 5 * WHEN_SECOND, /* while there is always more to send */
	OWING_SLEEP = 5 * WHEN_SECOND,
	IDLE_SLEEP = 10 * WHEN_SECOND,
	BUSY_SLEEP = 1 * WHEN_SECOND,
	FAILED_SLEEP = 60 * WHEN_SECOND,
	BUSY_MAX = 15, /* times: longer than an exchange takes */
	TOO_LARGE = 413,
};

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
		look_close(&d->lists[i].look);
		pending_close(&d->lists[i].pending);
	}
	arena_reset(&d->lists_arena);
	d->setup = s;
	d->n = s == NULL ? 0 : s->conf.n_destinations;
	d->next = 0;
	d->counted = 0;
	d->lists = arena_alloc(&d->lists_arena, d->n * sizeof(*d->lists));
	for (size_t i = 0; i < d->n; i++) {
		d->lists[i] = (struct drain_list){ .to = &s->boxes[i] };
		pending_open(&d->lists[i].pending, &s->boxes[i]);
	}
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
    const struct pending_news *news, int64_t now)
{
	struct drain_list *l = list_of(d, to);

	if (l == NULL || !pending_note(&l->pending, id, news, now))
		return;
	l->sweep.unswept += news->empty;
	sweep_disturb(&l->sweep, now);
}

size_t
drain_owed(const struct drain *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += pending_owed(&d->lists[i].pending);
	return n;
}

/* ---- delivering ---- */

static enum forward_start
try(struct drain *d, struct drain_list *l, const struct pending_entry *e,
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

/* A clock outside the span ends the wait. */
static void
pause_list(struct drain_list *l, int64_t until, int64_t now)
{
	l->set = now;
	l->until = until;
}

static bool
is_paused(const struct drain_list *l, int64_t now)
{
	return now < l->until && now >= l->set;
}

/* What is to be done with an entry whose event was not sent now. */
static void
put_off(struct drain *d, struct drain_list *l, struct pending_entry *e,
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
		pause_list(l, until, now);
		return;
	case FORWARD_FAILED:
		d->failed = true;
		e->tried = d->once;
		/* The others go on meanwhile, if it is this one alone. */
		e->until = now + FAILED_SLEEP;
		pause_list(l, d->once ? now : now + OWING_SLEEP, now);
		return;
	default:
		pause_list(l, until, now);
	}
}

/* Begin a call if one is due.  Whether something was done. */
static bool
deliver(struct drain *d, struct drain_list *l, int64_t now)
{
	struct pending_entry *e =
	    turn_next(&l->turn, &l->pending, d->force, now);
	enum forward_start did;
	int64_t until;

	if (e == NULL)
		return false;
	did = try(d, l, e, NULL, now, &until);
	if (did == FORWARD_OTHER) {
		e = turn_probe(&l->turn, &l->pending, d->force, now, &d->arena);
		did = try(d, l, e, l->turn.last, now, &until);
	}
	if (did == FORWARD_STARTED)
		l->turn.taken++;
	else
		put_off(d, l, e, did, now, until);
	return true;
}

static void
take_result(struct drain *d, int64_t now)
{
	const struct forward *fw = &d->forward;
	struct drain_list *l = list_of(d, d->calling);
	struct pending_entry *e;

	d->ended[fw->result]++;
	if (l == NULL || (e = pending_find_noted(&l->pending, fw->id)) == NULL)
		return;
	e->empty = !fw->owes;
	l->sweep.unswept += e->empty;
	e->busy = 0;
	e->unread = false;
	/* What waits behind an acceptance is its repeat. */
	e->patient = fw->result == FORWARD_DELIVERED && !fw->more;
	e->since = e->patient ? now : e->since;
	e->set = now;
	e->until = fw->more ? now : fw->until;
	if (fw->result != FORWARD_LATER) {
		if (l->rested)
			look_again(&l->look);
		l->rested = false;
		return;
	}
	d->failed = true;
	/* One that was made smaller is tried once more. */
	e->tried = d->force && (e->again || fw->answer.status != TOO_LARGE);
	e->again = true;
	l->probed = true;
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

/* What waits, for healthz and metrics: see summary.h. */
static void
tell(struct drain *d, struct drain_list *l, int64_t now)
{
	struct summary s;
	struct buf text = BUF_MAX(SPOOL_STATE);

	l->told = now;
	pending_sum(&l->pending, now, &s);
	s.dead = l->look.dead;
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

		if (!look_done(&l->look) || !hold(d, l))
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
	int64_t wait = look_wait(&l->look, now);
	bool any = false;

	for (size_t i = 0; i < pending_count(&l->pending); i++) {
		const struct pending_entry *e =
		    &pending_entries(&l->pending)[i];

		any = any || pending_owes(e);
		if (pending_due(e, d->force, now))
			wait = 0;
		else if ((pending_owes(e) ? !e->tried : e->muted && !e->gone) &&
		    e->until - now < wait)
			wait = e->until - now;
	}
	if (is_paused(l, now) && wait < l->until - now)
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

static int64_t
step_list(struct drain *d, struct drain_list *l, int64_t now)
{
	if (l->over)
		return sweep_calmly(&l->sweep, &l->pending, now, &d->arena)
		    ? 0
		    : IDLE_SLEEP;
	if (!hold(d, l)) {
		/* Another process is at it. */
		l->over = d->once;
		if (sweep_calmly(&l->sweep, &l->pending, now, &d->arena))
			return 0;
		return sweep_wait(
		    &l->sweep, at_least(BUSY_SLEEP, sleep_for(d, l, now)), now);
	}
	if (look_step(&l->look, &l->pending, d->once, now, &d->arena))
		return 0;
	/* Many together, and what is left when there is nothing to send. */
	sweep_batch(&l->sweep, &l->pending, now, &d->arena);
	look_bells(&l->look, &l->pending, now);
	tell_every(d, l, TELL_BUSY, now);
	if (!is_paused(l, now) && deliver(d, l, now))
		return 0;
	if (sweep_calmly(&l->sweep, &l->pending, now, &d->arena))
		return 0;
	tell_every(d, l, TELL_EVERY, now);
	let_go(l);
	return sweep_wait(&l->sweep, sleep_for(d, l, now), now);
}

/* What is no longer configured has no list. */
static void
see_to_orphans(struct drain *d, int64_t now)
{
	if (d->setup == NULL ||
	    (now >= d->counted && now < d->counted + ORPHANS_EVERY))
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
			/* Others may see to the other lists meanwhile. */
			drain_yield(d);
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
is_wanted(const struct drain *d, const struct pending_entry *e, int64_t now)
{
	return pending_due(e, d->force, now) ||
	    (pending_owes(e) && !e->tried && e->busy > 0);
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
		if (!look_done(&l->look))
			return false;
		for (size_t j = 0; j < pending_count(&l->pending); j++)
			if (is_wanted(d, &pending_entries(&l->pending)[j], now))
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
