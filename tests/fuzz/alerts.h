/*
 * Any webhook that an adapter reads becomes alert events with a title, a key
 * and a status, under the limit, whatever it holds and whatever was known.
 */
#ifndef ALERTS_H
#define ALERTS_H

#include "arena.h"
#include "buf.h"
#include "event.h"
#include "fail.h"
#include "json.h"
#include "source.h"
#include "tree.h"

#include <stdlib.h>
#include <string.h>

enum { ALERTS_KNOWN = 64 };

static inline void
want(bool holds)
{
	if (!holds)
		abort();
}

static inline size_t
characters(const struct tree *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->len; i++)
		n += ((unsigned char)t->text[i] & 0xc0) != 0x80;
	return n;
}

/* What was written, read back: as a ticket's alert is, and as incident.io
 * reads an event. */
static inline struct tree *
again(const struct tree *t, size_t max, struct arena *a)
{
	struct buf b = BUF_MAX(1 << 28);
	struct fail f = { 0 };
	struct tree *back = NULL;

	json_write(t, JSON_PLAIN, &b);
	want(!b.full && b.len < max);
	want(tree_parse(arena_copy(a, b.data, b.len), b.len, a, &back, &f));
	buf_free(&b);
	return back;
}

static inline struct tree *
play(const struct source *s, const struct tree *known,
    const struct source_item *item, struct arena *a)
{
	struct tree *alert =
	    event_merge(s, known, item->change, item->whole, 0, a);
	const struct tree *body =
	    again(event_body(alert, item->key, a), EVENT_MAX, a);
	const struct tree *title = tree_get(body, "title");

	want(*item->key != '\0' && strlen(item->key) <= EVENT_KEY_MAX);
	want(tree_is(title, TREE_STR) && title->len > 0);
	want(characters(title) <= EVENT_TITLE_MAX);
	want(tree_says(tree_get(body, "deduplication_key"), item->key));
	want(tree_says(tree_get(body, "status"), "firing") ||
	    tree_says(tree_get(body, "status"), "resolved"));
	want(event_severity(alert) <= 5);
	return again(alert, 1 << 28, a);
}

/* The alerts of one webhook, onto what was known under their keys. */
struct world {
	const char *keys[ALERTS_KNOWN];
	struct tree *alerts[ALERTS_KNOWN];
	size_t n;
};

static inline void
receive(struct world *w, const struct source *s, const struct source_item *i,
    struct arena *a)
{
	size_t at = 0;

	while (at < w->n && strcmp(w->keys[at], i->key) != 0)
		at++;
	if (at == ALERTS_KNOWN)
		return;
	if (at == w->n) {
		w->keys[w->n] = i->key;
		w->alerts[w->n++] = NULL;
	}
	if (!i->only_known ||
	    (w->alerts[at] != NULL && !event_resolved(w->alerts[at])))
		w->alerts[at] = play(s, w->alerts[at], i, a);
}

/* All of the input, or its parts around a line of "--" as a sequence. */
static inline void
live(const struct source *s, const uint8_t *data, size_t n)
{
	const uint8_t *cut = n == 0 ? NULL : memmem(data, n, "\n--\n", 4);
	const struct {
		const uint8_t *at;
		size_t n;
	} parts[] = { { data, cut == NULL ? n : (size_t)(cut - data) },
		{ cut == NULL ? data : cut + 4,
		    cut == NULL ? n : (size_t)(data + n - cut - 4) } };
	struct arena a = { 0 };
	struct world w = { .n = 0 };

	for (size_t i = 0; i < 2; i++) {
		struct source_request r = { .body = arena_copy(
						&a, parts[i].at, parts[i].n),
			.body_len = parts[i].n };
		struct source_reading reading = { NULL };
		struct fail f = { 0 };
		struct tree *t = NULL;

		if (tree_parse(r.body, r.body_len, &a, &t, &f))
			r.tree = t;
		else if (!s->kind->any_text || r.body_len == 0)
			continue;
		if (r.tree != NULL && s->kind->looks_known != NULL)
			(void)s->kind->looks_known(r.tree);
		s->kind->read(s, &r, &a, &reading);
		for (struct source_item *x = reading.items; x != NULL;
		     x = x->next)
			receive(&w, s, x, &a);
	}
	arena_free(&a);
}

#endif
