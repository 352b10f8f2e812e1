/*
 * Any bytes at all: tree_parse says yes or why not.  What it took keeps every
 * promise of tree.h, and reads the same once more when it is written out.
 */
#include "arena.h"
#include "buf.h"
#include "fail.h"
#include "tree.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
want(bool holds)
{
	if (!holds)
		abort();
}

static void
write_string(struct buf *b, const char *s, size_t n)
{
	buf_puts(b, "\"");
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x20 || c == '"' || c == '\\')
			buf_printf(b, "\\u%04x", c);
		else
			buf_add(b, s + i, 1);
	}
	buf_puts(b, "\"");
}

/* As JSON again, in the only way that keeps lone surrogates: raw. */
static void
write_tree(struct buf *b, const struct tree *t)
{
	static const char *const words[] = { [TREE_NULL] = "null",
		[TREE_FALSE] = "false",
		[TREE_TRUE] = "true" };
	bool object = t->type == TREE_OBJECT;
	const struct tree *last = NULL;

	if (t->type == TREE_STR) {
		write_string(b, t->text, t->len);
	} else if (t->type == TREE_INT || t->type == TREE_FLOAT) {
		buf_add(b, t->text, t->len);
	} else if (t->type == TREE_LIST || object) {
		buf_puts(b, object ? "{" : "[");
		for (const struct tree *m = t->first; m != NULL; m = m->next) {
			buf_puts(b, m == t->first ? " " : " ,\n");
			want((m->key != NULL) == object);
			if (object)
				write_string(b, m->key, m->key_len);
			buf_puts(b, object ? ":" : "");
			write_tree(b, m);
			last = m;
		}
		want(t->last == last);
		buf_puts(b, object ? "}" : "]");
	} else {
		buf_puts(b, words[t->type]);
	}
}

static bool
same_text(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

static void
compare(const struct tree *a, const struct tree *b)
{
	want(a->type == b->type);
	if (a->type == TREE_LIST || a->type == TREE_OBJECT) {
		const struct tree *y = b->first;

		for (const struct tree *x = a->first; x != NULL;
		     x = x->next, y = y->next) {
			want(y != NULL);
			want(same_text(x->key, x->key_len, y->key, y->key_len));
			compare(x, y);
		}
		want(y == NULL);
		return;
	}
	want(same_text(a->text, a->len, b->text, b->len));
}

/* No key twice, unless there are too many to look. */
static void
unique(const struct tree *t, size_t *budget)
{
	if (t->type != TREE_LIST && t->type != TREE_OBJECT)
		return;
	for (const struct tree *x = t->first; x != NULL; x = x->next) {
		const struct tree *y = x->next;

		for (; t->type == TREE_OBJECT && y != NULL && *budget > 0;
		     y = y->next, --*budget)
			want(
			    !same_text(x->key, x->key_len, y->key, y->key_len));
		unique(x, budget);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf text = BUF_MAX(1 << 26);
	struct arena a = { 0 };
	struct fail f = { 0 };
	struct tree *t, *again;
	size_t budget = 1 << 16;

	if (!tree_parse(data, n, &a, &t, &f)) {
		want(f.kind == FAIL_INPUT && f.text[0] != '\0');
		for (const char *s = f.text; *s != '\0'; s++)
			want(*s >= 0x20 && *s < 0x7f);
	} else {
		unique(t, &budget);
		write_tree(&text, t);
		want(tree_parse(text.data, text.len, &a, &again, &f));
		compare(t, again);
		/* Merging changes neither side. */
		(void)tree_merge(&a, t, t);
		compare(t, again);
		(void)tree_cstr(t, &a);
		(void)tree_at(t, "/a/0");
	}
	buf_free(&text);
	arena_free(&a);
	return 0;
}
