#include "diary.h"

#include "arena.h"
#include "buf.h"
#include "fail.h"
#include "journal.h"
#include "json.h"
#include "setup.h"
#include "sign.h"
#include "tree.h"
#include "when.h"

#include <string.h>

enum {
	LINE_BYTES = 1 << 29, /* a long body, each byte escaped */
	DAY = 24 * 60 * 60,
	MEGABYTE = 1 << 20,
};

/* Rows of the customer's own tables (facts/elementary.md, 1.3). */
static const char sample[] = "test_rows_sample";

/* Recursion is bounded by TREE_DEPTH. */
static void
drop_samples(struct arena *a, struct tree *t)
{
	if (t->type != TREE_LIST && t->type != TREE_OBJECT)
		return;
	if (t->type == TREE_OBJECT)
		tree_set(a, t, sample, NULL);
	for (struct tree *m = t->first; m != NULL; m = m->next)
		drop_samples(a, m);
}

static void
drop_at(struct arena *a, struct tree *t, const char *pointer)
{
	const char *last = strrchr(pointer, '/');
	struct tree *around =
	    tree_at(t, arena_copy(a, pointer, (size_t)(last - pointer)));
	struct tree *at = tree_at(around, last);

	if (at == NULL)
		return;
	/* A null would clear what the sender did not touch. */
	if (at->key != NULL)
		tree_setn(a, around, at->key, at->key_len, NULL);
	/* What stands behind it in a list keeps its place. */
	else
		at->type = TREE_NULL;
}

/* A copy of the body without what must not be kept. */
static struct tree *
redacted(const struct conf *c, const struct tree *body, struct arena *a)
{
	struct tree *copy = tree_merge(a, body, NULL);

	drop_samples(a, copy);
	for (size_t i = 0; i < c->journal_redact.n; i++)
		drop_at(a, copy, c->journal_redact.items[i]);
	return copy;
}

/* Where the value ends that begins at i, in text that may break off. */
static size_t
value_end(const char *s, size_t n, size_t i)
{
	size_t depth = 0;

	for (; i < n; i++)
		if (s[i] == '"') {
			for (i++; i < n && s[i] != '"'; i++)
				i += s[i] == '\\';
		} else if (s[i] == '[' || s[i] == '{') {
			depth++;
		} else if (s[i] == ']' || s[i] == '}') {
			if (depth-- == 0)
				break;
		} else if (s[i] == ',' && depth == 0) {
			break;
		}
	return i < n ? i : n;
}

/* Of text that holds JSON, a null in their place; nothing is known of what
 * pointers would lead to. */
static void
redact_text(const char *s, size_t n, struct buf *out)
{
	static const char name[] = "\"test_rows_sample\":";
	const char *found;

	while ((found = n == 0 ? NULL : memmem(s, n, name, strlen(name))) !=
	    NULL) {
		size_t value = (size_t)(found - s) + strlen(name);
		size_t end = value_end(s, n, value);

		buf_add(out, s, value);
		buf_puts(out, " null");
		s += end;
		n -= end;
	}
	buf_add(out, s, n);
}

/* Whether a reader of JSON gets back what was written. */
static bool
survives(const struct buf *text, struct arena *a)
{
	struct buf json = BUF_MAX(LINE_BYTES);
	struct fail ignored = { 0 };
	struct tree *t;
	bool same;

	json_write(tree_strn(a, text->data, text->len), JSON_PLAIN, &json);
	same = tree_parse(json.data, json.len, a, &t, &ignored) &&
	    t->len == text->len && memcmp(t->text, text->data, t->len) == 0;
	buf_free(&json);
	return same;
}

static void
put_text(struct tree *to, const struct diary_entry *e, struct arena *a)
{
	struct buf text = BUF_MAX(LINE_BYTES);
	struct buf coded = BUF_MAX(LINE_BYTES);

	redact_text(e->text, e->text_len, &text);
	if (survives(&text, a)) {
		tree_set_str(a, to, "text", arena_str(a, text.data));
	} else {
		sign_base64(text.data, text.len, &coded);
		tree_set_str(a, to, "base64", arena_str(a, coded.data));
	}
	buf_free(&text);
	buf_free(&coded);
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
	else if (c->journal == CONF_JOURNAL_FULL && e->text != NULL)
		put_text(to, e, a);
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
