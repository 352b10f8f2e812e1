#include "turn.h"

#include "arena.h"
#include "forward.h"
#include "pending.h"
#include "when.h"

#include <string.h>

enum {
	HAND = sizeof(((struct turn_hand *)NULL)->at) / sizeof(size_t),
	DEAL_EVERY = 1 * WHEN_SECOND,
	EIGHTH = 8,
};

/* What cannot be read keeps nothing from being sent.  A person's drain tries
 * last what has failed and is not due again: two of that kind make the
 * destination rest. */
static bool
better(const struct pending_entry *x, const struct pending_entry *y,
    bool oldest, int64_t now)
{
	if (x->unread != y->unread)
		return y->unread;
	if (pending_waits(x, now) != pending_waits(y, now))
		return pending_waits(y, now);
	if (!oldest && x->urgent != y->urgent)
		return x->urgent;
	return x->since < y->since;
}

/* Put it where it belongs in the hand; of too many the last falls out. */
static void
insert(const struct pending *l, struct turn_hand *h, size_t at, bool oldest,
    int64_t now)
{
	const struct pending_entry *e = pending_entries(l);
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
deal(const struct pending *l, struct turn_hand *h, bool oldest, bool force,
    int64_t now)
{
	h->n = h->next = 0;
	h->dealt = now;
	h->shuffles = l->shuffles;
	for (size_t i = 0; i < pending_count(l); i++)
		if (pending_due(&pending_entries(l)[i], force, now))
			insert(l, h, i, oldest, now);
}

/* The next of a hand that is still due. */
static struct pending_entry *
draw(const struct pending *l, struct turn_hand *h, bool force, int64_t now)
{
	struct pending_entry *e = pending_entries(l);

	while (h->next < h->n && !pending_due(&e[h->at[h->next]], force, now))
		h->next++;
	return h->next < h->n ? &e[h->at[h->next]] : NULL;
}

struct pending_entry *
turn_next(struct turn *t, const struct pending *l, bool force, int64_t now)
{
	bool oldest = t->taken % EIGHTH == EIGHTH - 1;
	struct turn_hand *h = &t->hands[oldest];
	struct pending_entry *e = NULL;

	if (h->shuffles == l->shuffles && now >= h->dealt &&
	    now < h->dealt + DEAL_EVERY)
		e = draw(l, h, force, now);
	if (e != NULL)
		return e;
	deal(l, h, oldest, force, now);
	return draw(l, h, force, now);
}

static bool
comes_before(const struct turn *t, const struct pending_entry *x,
    const struct pending_entry *y)
{
	return x->unread != y->unread ? y->unread
				      : pace_before(t->last, x->id, y->id);
}

struct pending_entry *
turn_probe(struct turn *t, const struct pending *l, bool force, int64_t now,
    struct arena *a)
{
	struct pending_entry *best = NULL;
	struct pace p;

	arena_reset(a);
	forward_pace(l->to, &p, a);
	memcpy(t->last, p.last, sizeof(t->last));
	for (size_t i = 0; i < pending_count(l); i++) {
		struct pending_entry *e = &pending_entries(l)[i];

		if (pending_due(e, force, now) &&
		    (best == NULL || comes_before(t, e, best)))
			best = e;
	}
	return best;
}
