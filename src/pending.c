#include "pending.h"

#include "summary.h"
#include "ticket.h"
#include "when.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAX = 1 << 28 }; /* bytes of a list */

void
pending_open(struct pending *l, struct setup_box *to)
{
	*l = (struct pending){ .to = to, .entries = BUF_MAX(ENTRIES_MAX) };
}

void
pending_close(struct pending *l)
{
	buf_free(&l->entries);
}

struct pending_entry *
pending_entries(const struct pending *l)
{
	return (struct pending_entry *)(void *)l->entries.data;
}

size_t
pending_count(const struct pending *l)
{
	return l->entries.len / sizeof(struct pending_entry);
}

static int
by_id(const void *a, const void *b)
{
	const struct pending_entry *x = a;
	const struct pending_entry *y = b;
	int order = strcmp(x->id, y->id);

	/* Of two the one that was noted later comes first. */
	return order != 0 ? order : (int)y->noted - (int)x->noted;
}

/* The first part is sorted; what was added since stands behind it. */
struct pending_entry *
pending_find(const struct pending *l, const char *id)
{
	struct pending_entry *e = pending_entries(l);
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

struct pending_entry *
pending_find_noted(const struct pending *l, const char *id)
{
	struct pending_entry *e = pending_find(l, id);

	for (size_t i = l->sorted; e == NULL && i < pending_count(l); i++)
		if (pending_entries(l)[i].noted &&
		    strcmp(pending_entries(l)[i].id, id) == 0)
			e = &pending_entries(l)[i];
	return e;
}

void
pending_shuffle(struct pending *l)
{
	l->shuffles++;
}

struct pending_entry *
pending_add(struct pending *l, const char *id)
{
	struct pending_entry fresh = { 0 };

	pending_shuffle(l);
	memcpy(fresh.id, id, sizeof(fresh.id));
	buf_add(&l->entries, &fresh, sizeof(fresh));
	if (l->entries.full)
		return NULL;
	return &pending_entries(l)[pending_count(l) - 1];
}

void
pending_tidy(struct pending *l)
{
	struct pending_entry *e = pending_entries(l);
	size_t kept = 0;

	qsort(e, pending_count(l), sizeof(*e), by_id);
	for (size_t i = 0; i < pending_count(l); i++) {
		if (!e[i].listed ||
		    (kept > 0 && strcmp(e[kept - 1].id, e[i].id) == 0))
			continue;
		e[kept] = e[i];
		e[kept].noted = false;
		kept++;
	}
	buf_cut(&l->entries, kept * sizeof(*e));
	l->sorted = kept;
	pending_shuffle(l);
}

void
pending_drop_gone(struct pending *l)
{
	struct pending_entry *e = pending_entries(l);
	size_t kept = 0, sorted = 0;

	for (size_t i = 0; i < pending_count(l); i++) {
		if (e[i].gone)
			continue;
		e[kept++] = e[i];
		if (i < l->sorted)
			sorted = kept;
	}
	l->sorted = sorted;
	pending_shuffle(l);
	if (kept == 0)
		buf_free(&l->entries);
	else
		buf_cut(&l->entries, kept * sizeof(*e));
}

bool
pending_waits(const struct pending_entry *e, int64_t now)
{
	return now < e->until && now >= e->set;
}

bool
pending_due(const struct pending_entry *e, bool force, int64_t now)
{
	if (e->gone || e->empty || e->tried)
		return false;
	return (force && !e->patient && e->busy == 0) || !pending_waits(e, now);
}

bool
pending_owes(const struct pending_entry *e)
{
	return !e->gone && !e->empty;
}

bool
pending_note(struct pending *l, const char *id, const struct pending_news *news,
    int64_t now)
{
	struct pending_entry *e = pending_find_noted(l, id);

	if (e == NULL)
		e = pending_add(l, id);
	if (e == NULL)
		return false;
	/* What it owed before is delivered. */
	if (e->since == 0 || !pending_owes(e))
		e->since = now;
	e->urgent = news->urgent;
	e->empty = news->empty;
	e->muted = e->gone = e->patient = false;
	e->noted = e->listed = true;
	pending_shuffle(l);
	e->set = 0;
	e->until = news->until;
	e->unread = false;
	/* What is on disk by now may be another write. */
	e->mark = (struct spool_mark){ 0 };
	return true;
}

size_t
pending_owed(const struct pending *l)
{
	size_t n = 0;

	for (size_t i = 0; i < pending_count(l); i++)
		n += pending_owes(&pending_entries(l)[i]);
	return n;
}

static int64_t
earlier(int64_t t, int64_t than)
{
	return than == 0 || t < than ? t : than;
}

/* When it was first due; no try that failed and no rest makes that later. */
static int64_t
first_due(const struct pending_entry *e)
{
	return e->patient ? e->since + TICKET_REPEAT * WHEN_SECOND : e->since;
}

void
pending_sum(const struct pending *l, int64_t now, struct summary *out)
{
	*out = (struct summary){ .at = now };
	for (size_t i = 0; i < pending_count(l); i++) {
		const struct pending_entry *e = &pending_entries(l)[i];

		out->muted += e->muted && !e->gone;
		if (!pending_owes(e))
			continue;
		out->owed++;
		out->unread += e->unread;
		out->oldest = earlier(e->since, out->oldest);
		if (first_due(e) <= now)
			out->due = earlier(first_due(e), out->due);
	}
}
