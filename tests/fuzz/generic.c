/*
 * Any bytes at all, read by pointers of every shape: each alert becomes an
 * event with a title, a key and a status, under the limit.
 */
#include "generic.h"

#include "arena.h"
#include "buf.h"
#include "event.h"
#include "fail.h"
#include "json.h"
#include "tree.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
want(bool holds)
{
	if (!holds)
		abort();
}

static bool
filled(const struct tree *t)
{
	return tree_is(t, TREE_STR) && t->len > 0;
}

/* What was written, read back, as a ticket's alert is. */
static struct tree *
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

static struct tree *
play(const struct source *s, const struct tree *known,
    const struct source_item *item, struct arena *a)
{
	struct tree *alert =
	    event_merge(s, known, item->change, item->whole, 0, a);
	const struct tree *body =
	    again(event_body(alert, item->key, a), EVENT_MAX, a);

	want(*item->key != '\0' && strlen(item->key) <= EVENT_KEY_MAX);
	want(filled(tree_get(body, "title")));
	want(tree_says(tree_get(body, "deduplication_key"), item->key));
	want(tree_says(tree_get(body, "status"), "firing") ||
	    tree_says(tree_get(body, "status"), "resolved"));
	return again(alert, 1 << 28, a);
}

/* By the names of the kind's options; what is not here is not given. */
static struct {
	const char *name;
	const char *items[4];
	size_t n;
} given[] = {
	{ "each", { "/alerts", "/*/a", "/*/*" }, 3 },
	{ "key", { "/id", "{/a}-{/b/0}" }, 2 },
	{ "title", { "/title", "{/name} on {/t/*}", "/*" }, 3 },
	{ "description", { "/text", "**{/a/*/b}**" }, 2 },
	{ "url", { "/url" }, 1 },
	{ "status", { "/status", "/r/*/ok" }, 2 },
	{ "status_map",
	    { "true=resolved", "ok=resolved", "no=ignored", "x=firing" }, 4 },
	{ "severity", { "/severity", "/level", "minor" }, 3 },
	{ "severity_map", { "1=critical" }, 1 },
	{ "owners", { "/owner", "/o/*/email", "ann" }, 3 },
	{ "tags", { "/tags", "/tags/*/name" }, 2 },
	{ "tables", { "/t/*", "{/schema}.{/table}" }, 2 },
	{ "type", { "/a~1b/~0" }, 1 },
};

static void
configure(struct source *s, struct arena *a)
{
	struct source_fault at = { NULL, 0 };
	struct fail f = { 0 };
	size_t n = 0;

	while (s->kind->options[n].name != NULL)
		n++;
	s->values = arena_alloc(a, n * sizeof(*s->values));
	for (size_t i = 0; i < n; i++) {
		s->values[i] = (struct option_value){ NULL, 0 };
		for (size_t j = 0; j < sizeof(given) / sizeof(*given); j++)
			if (strcmp(s->kind->options[i].name, given[j].name) ==
			    0)
				s->values[i] =
				    (struct option_value){ given[j].items,
					    given[j].n };
	}
	want(s->kind->check(s, a, &at, &f));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct source source = {
		.name = "any", .kind = &source_generic, .namespace = "any"
	};
	struct source_request r = { .body = (const char *)data, .body_len = n };
	struct source_reading reading = { NULL };
	struct arena a = { 0 };
	struct fail f = { 0 };
	struct tree *t, *known = NULL;

	configure(&source, &a);
	if (tree_parse(data, n, &a, &t, &f)) {
		r.tree = t;
		source_generic.read(&source, &r, &a, &reading);
	}
	for (struct source_item *x = reading.items; x != NULL; x = x->next)
		known = play(&source, known, x, &a);
	arena_free(&a);
	return 0;
}
