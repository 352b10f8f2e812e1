#include "draft.h"

#include "arena.h"
#include "event.h"
#include "json.h"
#include "sign.h"
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
draft_lower(const char *text, struct arena *a)
{
	char *low = text == NULL ? NULL : arena_str(a, text);

	for (char *p = low; p != NULL && *p != '\0'; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
	return low;
}

/* ---- lists -----------------------------------------------------------------
 */

static int
by_text(const void *x, const void *y)
{
	const char *const *u = x, *const *v = y;

	return strcmp(*u, *v);
}

/* The next piece between commas, trimmed, cut out of text; NULL at the end. */
static char *
next_piece(char **text)
{
	char *piece = *text, *end;

	if (piece == NULL)
		return NULL;
	*text = strchr(piece, ',');
	if (*text != NULL)
		*(*text)++ = '\0';
	piece += strspn(piece, spaces);
	for (end = piece + strlen(piece);
	     end > piece && strchr(spaces, end[-1]) != NULL; end--)
		end[-1] = '\0';
	return piece;
}

static size_t
collect(const struct tree *t, const char **all, struct arena *a)
{
	size_t n = 0;

	if (tree_is(t, TREE_LIST)) {
		for (const struct tree *m = t->first; m != NULL; m = m->next)
			if (n < LIST_MAX && (all[n] = draft_text(m, a)) != NULL)
				n++;
	} else if (draft_text(t, a) != NULL) {
		char *rest = arena_str(a, draft_text(t, a));

		while (n < LIST_MAX && (all[n] = next_piece(&rest)) != NULL)
			n += *all[n] != '\0';
	}
	return n;
}

struct tree *
draft_sorted(const struct tree *t, struct arena *a)
{
	const char *all[LIST_MAX + 1];
	size_t n = collect(t, all, a);
	struct tree *list = tree_new(a, TREE_LIST);

	if (n == 0)
		return NULL;
	qsort(all, n, sizeof(*all), by_text);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(all[i], all[i - 1]) != 0)
			(void)tree_push(list, tree_str(a, all[i]));
	return list;
}

/* ---- the draft -------------------------------------------------------------
 */

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

/* ---- its description -------------------------------------------------------
 */

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

void
draft_show(struct draft *d, const char *text)
{
	size_t n, end;

	if (empty(text))
		return;
	text += strspn(text, "\r\n");
	end = strcspn(text, "\r\n");
	if (text[end + strspn(text + end, spaces)] == '\0') {
		draft_say(d, text);
		return;
	}
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
draft_show_tree(struct draft *d, const struct tree *t)
{
	struct buf b = BUF_MAX(JSON_MAX);

	if (t == NULL)
		return;
	json_write(t, JSON_PLAIN, &b);
	draft_show(d, b.data);
	buf_free(&b);
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

/* ---- its end ---------------------------------------------------------------
 */

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

static const char *
digest(const struct tree *t, struct arena *a)
{
	struct buf b = BUF_MAX(JSON_MAX);
	unsigned char sum[SIGN_MAX];
	char *hex = arena_alloc(a, 2 * SIGN_MAX + 1);

	json_write(t, JSON_PLAIN, &b);
	sign_digest(SIGN_SHA256, b.data, b.len, sum);
	sign_hex(sum, sign_size(SIGN_SHA256), hex);
	buf_free(&b);
	return hex;
}

const char *
draft_key(const struct source *s, const char *id, const struct tree *value,
    struct arena *a)
{
	const char *original;

	if (id == NULL)
		id = digest(value, a);
	return source_key(
	    a, arena_printf(a, "%s/", s->namespace), id, strlen(id), &original);
}
