#include "orphan.h"

#include "buf.h"
#include "catalog.h"
#include "fail.h"
#include "lock.h"
#include "summary.h"
#include "when.h"

enum {
	COUNT_EVERY = 600 * WHEN_SECOND,
	TICK = 20, /* ms: a clock of files may stand so long */
	MS_NS = 1000 * 1000,
	READ_MOST = 256, /* of more than so many only the names are counted */
};

void
orphan_look(const struct catalog_box *b, struct summary *out, struct arena *a)
{
	struct buf text = BUF_MAX(SPOOL_STATE + 1);

	spool_record_get(&b->box, "summary.json", &text);
	summary_parse(text.data, text.len, out, a);
	buf_free(&text);
}

static bool
is_fresh(const struct catalog_box *b, const struct summary *s, int64_t now)
{
	return now >= s->at && now < s->at + COUNT_EVERY &&
	    spool_changed(&b->box) < (s->at - TICK) * MS_NS;
}

static size_t
count_names(const struct spool_box *b, enum spool_where where)
{
	struct spool_walk w;
	struct spool_name name;
	size_t n = 0;

	spool_walk_open(b, where, &w);
	while (spool_walk_next(&w, &name))
		n += !name.superseded;
	spool_walk_close(&w);
	return n;
}

/* Nothing is swept any more: some of the names may owe nothing. */
static size_t
count_owed(const struct spool_box *b)
{
	size_t n = count_names(b, SPOOL_PENDING);

	return n > READ_MOST ? n : catalog_owed(b);
}

void
orphan_now(const struct catalog_box *b, struct summary *out, int64_t now)
{
	*out = (struct summary){ .at = now,
		.owed = (int64_t)count_owed(&b->box),
		.dead = (int64_t)count_names(&b->box, SPOOL_DEAD) };
}

static void
count(const struct catalog_box *b, int64_t now, struct arena *a)
{
	struct buf text = BUF_MAX(SPOOL_STATE);
	struct summary s;

	orphan_now(b, &s, now);
	summary_write(&s, a, &text);
	spool_record_put(&b->box, "summary.json", &text);
	buf_free(&text);
}

/* One process at a time, as for any summary. */
static void
count_alone(const struct catalog_box *b, int64_t now, struct arena *a)
{
	struct fail ignored = { 0 };
	struct lock_hand h;

	if (!lock_open(b->box.dir, &h, &ignored))
		return;
	if (lock_try(&h, LOCK_DRAIN, NULL, &ignored) == LOCK_GOT)
		count(b, now, a);
	lock_close(&h);
}

void
orphan_count(const struct conf *conf, int64_t now)
{
	struct fail ignored = { 0 };
	struct arena a = { 0 };
	struct catalog c;

	if (!catalog_open(&c, conf, &ignored))
		return;
	for (size_t i = 0; i < c.n; i++) {
		struct summary s;

		if (!c.boxes[i].orphan)
			continue;
		orphan_look(&c.boxes[i], &s, &a);
		if (!is_fresh(&c.boxes[i], &s, now))
			count_alone(&c.boxes[i], now, &a);
		arena_reset(&a);
	}
	catalog_close(&c);
	arena_free(&a);
}
