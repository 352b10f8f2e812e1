#include "diary.h"

#include "buf.h"
#include "journal.h"
#include "json.h"
#include "setup.h"
#include "tree.h"
#include "when.h"

#include <string.h>

enum {
	LINE_BYTES = 64 << 20,
	DAY = 24 * 60 * 60,
	MEGABYTE = 1 << 20,
};

/* Rows of the customer's own tables (facts/elementary.md, 1.3). */
static const char sample[] = "test_rows_sample";

/* Recursion is bounded by TREE_DEPTH. */
static void
drop_samples(struct tree *t)
{
	if (t->type != TREE_LIST && t->type != TREE_OBJECT)
		return;
	for (struct tree *m = t->first; m != NULL; m = m->next) {
		if (m->key != NULL && m->key_len == strlen(sample) &&
		    memcmp(m->key, sample, m->key_len) == 0)
			m->type = TREE_NULL;
		drop_samples(m);
	}
}

/* A copy of the body without what must not be kept. */
static struct tree *
redacted(const struct conf *c, const struct tree *body, struct arena *a)
{
	struct tree *copy = tree_merge(a, body, NULL);

	drop_samples(copy);
	for (size_t i = 0; i < c->journal_redact.n; i++) {
		struct tree *t = tree_at(copy, c->journal_redact.items[i]);

		if (t != NULL)
			t->type = TREE_NULL;
	}
	return copy;
}

static struct tree *
entry_tree(const struct conf *c, const struct diary_entry *e, struct arena *a)
{
	struct tree *to = tree_new(a, TREE_OBJECT);
	char when[WHEN_SIZE];

	when_write(e->at, when);
	tree_set_str(a, to, "at", arena_str(a, when));
	tree_set_str(a, to, "source", e->source);
	tree_set_str(a, to, "outcome", e->outcome);
	if (e->alert != NULL)
		tree_set_str(a, to, "alert", e->alert);
	tree_set_num(a, to, "ms", e->ms);
	if (c->journal == CONF_JOURNAL_FULL && e->body != NULL)
		tree_set(a, to, "body", redacted(c, e->body, a));
	return to;
}

void
diary_write(const struct setup *s, const struct diary_entry *e, struct arena *a)
{
	const struct conf *c = &s->conf;
	struct buf line = BUF_MAX(LINE_BYTES);
	char day[WHEN_SIZE];
	char oldest[WHEN_SIZE];
	int64_t keep = (int64_t)c->journal_days * DAY * WHEN_SECOND;

	if (c->journal == CONF_JOURNAL_OFF)
		return;
	when_day(e->at, day);
	when_day(e->at > keep ? e->at - keep : 0, oldest);
	json_write(entry_tree(c, e, a), JSON_PLAIN, &line);
	buf_puts(&line, "\n");
	if (!line.full)
		journal_append(s->spool.dir, day, oldest,
		    (uint64_t)c->journal_max * MEGABYTE, &line);
	buf_free(&line);
}
