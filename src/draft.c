#include "draft.h"

#include "arena.h"
#include "event.h"
#include "fail.h"
#include "json.h"
#include "source.h"
#include "tree.h"

#include <stdlib.h>
#include <string.h>

enum {
	SAY_MAX = 2000,     /* characters of a paragraph */
	SHOW_MAX = 8000,    /* characters of a text shown as it is */
	ITEM_MAX = 500,     /* characters of an item */
	TEXT_MAX = 1 << 18, /* bytes of a description; above all that fits */
	LIST_MAX = 200,     /* strings of a list */
	LIST_DEPTH = 8,     /* lists in lists */
	JSON_MAX = 1 << 30, /* bytes of a value's JSON */
};

static const char spaces[] = " \t\r\n";

const char *
draft_text(const struct tree *t, struct arena *a)
{
	const char *text;

	if (tree_is(t, TREE_TRUE))
		return "true";
	if (tree_is(t, TREE_FALSE))
		return "false";
	text = tree_cstr(t, a);
	return text == NULL || text[strspn(text, spaces)] == '\0' ? NULL : text;
}

const char *
draft_json(const struct tree *t, struct arena *a)
{
	struct buf b = BUF_MAX(JSON_MAX);
	const char *text;

	if (t == NULL)
		return "null";
	json_write(t, JSON_PLAIN, &b);
	text = arena_copy(a, b.data, b.len);
	buf_free(&b);
	return text;
}

/* Members named so hold rows (facts/elementary.md, 1.3).  Recursion is
 * bounded by the depth of a tree. */
static void
drop_rows(struct tree *t)
{
	static const char name[] = "test_rows_sample";
	struct tree **at = &t->first;

	if (t->type != TREE_LIST && t->type != TREE_OBJECT)
		return;
	t->last = NULL;
	while (*at != NULL) {
		struct tree *m = *at;

		if (m->key != NULL && tree_named(m, name, strlen(name))) {
			*at = m->next;
			continue;
		}
		drop_rows(m);
		t->last = m;
		at = &m->next;
	}
}

struct tree *
draft_without_rows(const struct tree *t, struct arena *a)
{
	struct tree *copy = tree_merge(a, t, NULL);

	drop_rows(copy);
	return copy;
}

const char *
draft_lower(const char *text, struct arena *a)
{
	char *low = text == NULL ? NULL : arena_str(a, text);

	for (char *p = low; p != NULL && *p != '\0'; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
	return low;
}

/* ---- lists ---- */

static int
by_text(const void *x, const void *y)
{
	const char *const *u = x, *const *v = y;

	return strcmp(*u, *v);
}

static char *
trim(char *text)
{
	char *end;

	text += strspn(text, spaces);
	end = text + strlen(text);
	while (end > text && strchr(spaces, end[-1]) != NULL)
		*--end = '\0';
	return text;
}

/* What is gathered of a list. */
struct words {
	struct arena *arena;
	const char *all[LIST_MAX];
	size_t n;
};

static void
add_word(struct words *w, const char *word)
{
	if (*word != '\0' && w->n < LIST_MAX)
		w->all[w->n++] = word;
}

static void
add_pieces(struct words *w, char *text)
{
	for (char *comma; text != NULL; text = comma) {
		comma = strchr(text, ',');
		if (comma != NULL)
			*comma++ = '\0';
		add_word(w, trim(text));
	}
}

/* The list that a text writes out; NULL if it does not. */
static const struct tree *
written_list(const char *text, struct arena *a)
{
	struct fail ignored = { 0 };
	struct tree *t = NULL;

	if (*text != '[' || !tree_parse(text, strlen(text), a, &t, &ignored))
		return NULL;
	return tree_is(t, TREE_LIST) ? t : NULL;
}

static void collect(struct words *w, const struct tree *t, size_t depth);

static void
collect_list(struct words *w, const struct tree *list, size_t depth)
{
	if (depth == LIST_DEPTH)
		return;
	for (const struct tree *m = list->first; m != NULL && w->n < LIST_MAX;
	     m = m->next)
		collect(w, m, depth + 1);
}

static void
collect(struct words *w, const struct tree *t, size_t depth)
{
	const char *given = draft_text(t, w->arena);
	const struct tree *list;
	char *text;

	if (tree_is(t, TREE_LIST))
		collect_list(w, t, depth);
	if (given == NULL)
		return;
	text = trim(arena_str(w->arena, given));
	list = written_list(text, w->arena);
	if (list != NULL)
		collect_list(w, list, depth);
	else if (depth > 0)
		add_word(w, text);
	else
		add_pieces(w, text);
}

struct tree *
draft_sorted(const struct tree *t, struct arena *a)
{
	struct words w = { .arena = a };
	struct tree *list = tree_new(a, TREE_LIST);

	collect(&w, t, 0);
	if (w.n == 0)
		return NULL;
	qsort(w.all, w.n, sizeof(*w.all), by_text);
	for (size_t i = 0; i < w.n; i++)
		if (i == 0 || strcmp(w.all[i], w.all[i - 1]) != 0)
			(void)tree_push(list, tree_str(a, w.all[i]));
	return list;
}

/* ---- the draft ---- */

struct draft
draft_new(const char *from, struct arena *a)
{
	struct draft d = { .arena = a,
		.change = tree_new(a, TREE_OBJECT),
		.metadata = tree_new(a, TREE_OBJECT),
		.text = BUF_MAX(TEXT_MAX) };

	draft_put(&d, "source", from);
	return d;
}

static void
set(struct draft *d, struct tree *object, const char *name, const char *text)
{
	if (text != NULL && *text != '\0')
		tree_set(d->arena, object, name, tree_str(d->arena, text));
}

void
draft_title(struct draft *d, const char *title)
{
	set(d, d->change, "title", title);
}

void
draft_link(struct draft *d, const char *url)
{
	set(d, d->change, "source_url", url);
}

void
draft_put(struct draft *d, const char *name, const char *text)
{
	set(d, d->metadata, name, text);
}

void
draft_put_tree(struct draft *d, const char *name, const struct tree *value)
{
	if (value != NULL)
		tree_set(d->arena, d->metadata, name, value);
}

/* ---- its description ---- */

/* A piece that is no item ends a list; items follow each other. */
static void
begin_piece(struct draft *d, bool item)
{
	if (d->text.len > 0)
		buf_puts(&d->text, d->listing && item ? "\n" : "\n\n");
	d->listing = item;
}

static bool
empty(const char *text)
{
	return text == NULL || text[strspn(text, spaces)] == '\0';
}

void
draft_say(struct draft *d, const char *text)
{
	if (empty(text))
		return;
	begin_piece(d, false);
	event_markdown(&d->text, event_cut(d->arena, text, SAY_MAX));
}

/* One more than the longest run of backticks, and at least three: no line of
 * the text can end the block (CommonMark 0.30, 4.5). */
static size_t
fence(const char *text)
{
	size_t most = 2;

	for (size_t n; *text != '\0'; text += n > 0 ? n : 1) {
		n = strspn(text, "`");
		most = n > most ? n : most;
	}
	return most + 1;
}

static void
put_fence(struct draft *d, size_t n)
{
	while (n-- > 0)
		buf_puts(&d->text, "`");
}

static void
put_block(struct draft *d, const char *text)
{
	size_t n;

	text = event_cut(d->arena, text, SHOW_MAX);
	n = fence(text);
	begin_piece(d, false);
	put_fence(d, n);
	buf_puts(&d->text, "\n");
	for (const char *p = text; *p != '\0'; p++)
		if (*p == '\n' || *p == '\t' || (unsigned char)*p >= ' ')
			buf_add(&d->text, p, 1);
	while (strchr(spaces, d->text.data[d->text.len - 1]) != NULL)
		buf_cut(&d->text, d->text.len - 1);
	buf_puts(&d->text, "\n");
	put_fence(d, n);
}

void
draft_show(struct draft *d, const char *text)
{
	size_t end;

	if (empty(text))
		return;
	text += strspn(text, "\r\n");
	end = strcspn(text, "\r\n");
	if (text[end + strspn(text + end, spaces)] == '\0')
		draft_say(d, text);
	else
		put_block(d, text);
}

void
draft_show_tree(struct draft *d, const struct tree *t)
{
	if (t != NULL)
		put_block(
		    d, draft_json(draft_without_rows(t, d->arena), d->arena));
}

void
draft_item(struct draft *d, const char *label, const char *text)
{
	if (empty(text))
		return;
	begin_piece(d, true);
	buf_puts(&d->text, "- **");
	event_markdown(&d->text, label);
	buf_puts(&d->text, ":** ");
	event_markdown(&d->text, event_cut(d->arena, text, ITEM_MAX));
}

/* ---- its end ---- */

static struct source_item *
new_item(const char *key, struct tree *change, struct arena *a)
{
	struct source_item *i = arena_alloc(a, sizeof(*i));

	*i = (struct source_item){ .key = key, .change = change };
	return i;
}

struct source_item *
draft_end(struct draft *d, const char *key, const char *status)
{
	struct source_item *item = new_item(key, d->change, d->arena);

	item->whole = true;
	set(d, d->change, "status", status);
	set(d, d->change, "description",
	    arena_copy(d->arena, d->text.data, d->text.len));
	tree_set(d->arena, d->change, "metadata", d->metadata);
	buf_free(&d->text);
	return item;
}

struct source_item *
draft_over(const char *key, struct arena *a)
{
	struct tree *change = tree_new(a, TREE_OBJECT);
	struct source_item *item = new_item(key, change, a);

	item->only_known = true;
	tree_set(a, change, "status", tree_str(a, "resolved"));
	return item;
}

void
draft_add(struct draft_list *list, struct source_item *item)
{
	if (list->first == NULL)
		list->first = item;
	else
		list->last->next = item;
	list->last = item;
}

const char *
draft_key(const struct source *s, const char *id, const struct tree *value,
    struct arena *a)
{
	const char *original;

	if (id == NULL) {
		id = draft_json(value, a);
		id = source_digest(a, id, strlen(id));
	}
	return source_key(
	    a, arena_printf(a, "%s/", s->namespace), id, strlen(id), &original);
}
