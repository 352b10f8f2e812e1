/*
 * What the units of the adapters share: a source with options, a request with
 * one header, and what proof and reading make of them.
 */
#ifndef SENDER_H
#define SENDER_H

#include "arena.h"
#include "buf.h"
#include "event.h"
#include "fail.h"
#include "json.h"
#include "source.h"
#include "tree.h"

#include "tap.h"

#include <stdlib.h>

static struct arena arena;

static const char *sender_secrets[] = { "secret", "edr:word" };

/* A source whose first option is its secrets; others by sender_set. */
static inline struct source
sender_source(const struct source_kind *kind)
{
	struct option_value *values = arena_alloc(&arena, 8 * sizeof(*values));

	memset(values, 0, 8 * sizeof(*values));
	values[0] = (struct option_value){ sender_secrets, 2 };
	return (struct source){ .name = kind->name,
		.kind = kind,
		.namespace = kind->name,
		.values = values };
}

static inline void
sender_set(struct source *s, size_t option, const char *value)
{
	const char **item = arena_alloc(&arena, sizeof(*item));

	*item = value;
	s->values[option] = (struct option_value){ item, 1 };
}

struct sender_header {
	const char *name;
	const char *value;
};

static inline const char *
sender_header(const void *from, const char *name)
{
	const struct sender_header *h = from;

	return h->name != NULL && strcmp(h->name, name) == 0 ? h->value : NULL;
}

static inline struct source_request
sender_request(const struct sender_header *h, const char *token,
    const char *body, size_t len)
{
	struct source_request r = { .header = sender_header,
		.from = h,
		.token = token,
		.body = body,
		.body_len = len };
	struct fail f = { 0 };
	struct tree *t;

	if (tree_parse(body, len, &arena, &t, &f))
		r.tree = t;
	return r;
}

static inline enum fail_kind
sender_proof(const struct source *s, const struct sender_header *h,
    const char *token, const char *body)
{
	struct source_request r = sender_request(h, token, body, strlen(body));
	struct fail f = { 0 };

	if (s->kind->prove(s, &r, &arena, &f) != (f.kind == FAIL_NONE))
		return FAIL_BROKEN;
	return f.kind;
}

static inline struct source_item *
sender_read(const struct source *s, const char *body, size_t len)
{
	static const struct sender_header none = { NULL, NULL };
	struct source_request r = sender_request(&none, NULL, body, len);
	struct source_reading reading = { NULL };

	s->kind->read(s, &r, &arena, &reading);
	return reading.items;
}

/* head, n times the piece with its number for each @, tail. */
static inline struct buf
sender_giant(const char *head, const char *piece, size_t n, const char *tail)
{
	struct buf b = BUF_MAX(1 << 26);

	buf_puts(&b, head);
	for (size_t i = 0; i < n; i++) {
		buf_puts(&b, i > 0 ? "," : "");
		for (const char *p = piece; *p != '\0'; p++)
			if (*p == '@')
				buf_printf(&b, "%zu", i);
			else
				buf_add(&b, p, 1);
	}
	buf_puts(&b, tail);
	return b;
}

static inline size_t
sender_count(const struct source_item *i)
{
	size_t n = 0;

	for (; i != NULL; i = i->next)
		n++;
	return n;
}

/* What of an event's top level reads so, or NULL. */
static inline const char *
sender_says(const struct source *s, const struct source_item *i,
    const struct tree *known, const char *pointer)
{
	struct tree *alert =
	    event_merge(s, known, i->change, i->whole, 0, &arena);

	return tree_cstr(
	    tree_at(event_body(alert, i->key, &arena), pointer), &arena);
}

#endif
