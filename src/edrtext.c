#include "edrtext.h"

#include "arena.h"
#include "fail.h"
#include "tree.h"

#include <string.h>

enum {
	DEPTH = 64,
	CLIP_MAX = 1 << 16, /* bytes; Slack's limit is 3000 characters */
};

static const char ticks[] = "```";

/* JSON that broke off: where it can end, and what must follow there. */
struct broken {
	char closers[DEPTH]; /* of what is open now, outermost first */
	size_t depth;
	size_t end; /* the last byte that can be kept is before this */
	char last[DEPTH];
	size_t last_depth;
};

static void
mark(struct broken *b, size_t end)
{
	b->end = end;
	b->last_depth = b->depth;
	memcpy(b->last, b->closers, b->depth);
}

/* Step over the string that begins at i; its end, or n. */
static size_t
skip_string(const char *s, size_t n, size_t i)
{
	for (i++; i < n && s[i] != '"'; i++)
		if (s[i] == '\\')
			i++;
	return i < n ? i : n;
}

/* False if it is nested too deep or closes what is not open. */
static bool
walk(struct broken *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (c == '"') {
			i = skip_string(s, n, i);
		} else if (c == '{' || c == '[') {
			if (b->depth == DEPTH)
				return false;
			b->closers[b->depth++] = c == '{' ? '}' : ']';
			mark(b, i + 1);
		} else if (c == '}' || c == ']') {
			if (b->depth == 0 || b->closers[--b->depth] != c)
				return false;
			mark(b, i + 1);
		} else if (c == ',') {
			mark(b, i);
		}
	}
	return b->end > 0;
}

/* What is whole of it; NULL if nothing is. */
static struct tree *
mend(const char *s, size_t n, struct arena *a)
{
	struct broken b = { .depth = 0 };
	struct fail ignored = { 0 };
	struct tree *t;
	char *text;

	if (n > CLIP_MAX || !walk(&b, s, n))
		return NULL;
	text = arena_alloc(a, b.end + b.last_depth);
	memcpy(text, s, b.end);
	for (size_t i = 0; i < b.last_depth; i++)
		text[b.end + i] = b.last[b.last_depth - 1 - i];
	return tree_parse(text, b.end + b.last_depth, a, &t, &ignored) ? t
								       : NULL;
}

/* Nobody promises that it is UTF-8. */
const char *
edrtext_ascii(const char *body, size_t n, struct arena *a)
{
	char *text = arena_copy(a, body, n < CLIP_MAX ? n : CLIP_MAX);

	for (size_t i = 0; i < n && i < CLIP_MAX; i++)
		if (text[i] == '\t')
			text[i] = ' ';
		else if ((text[i] < ' ' && text[i] != '\n') || text[i] > '~')
			text[i] = '?';
	return text;
}

const struct tree *
edrtext_read(const char *body, size_t n, bool *cut, struct arena *a)
{
	size_t len = sizeof(ticks) - 1;
	const char *from = n == 0 ? NULL : memmem(body, n, ticks, len);
	const char *end = body + n;
	struct fail ignored = { 0 };
	struct tree *t = NULL;

	*cut = false;
	if (from == NULL)
		return NULL;
	from += len;
	for (const char *p = end - len; p >= from; p--)
		if (memcmp(p, ticks, len) == 0) {
			end = p;
			break;
		}
	if (tree_parse(from, (size_t)(end - from), a, &t, &ignored))
		return t;
	*cut = true;
	t = mend(from, (size_t)(end - from), a);
	return t != NULL && t->type >= TREE_LIST && t->first != NULL ? t : NULL;
}
