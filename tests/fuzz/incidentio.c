/*
 * Any bytes at all under a right token: what is taken becomes an alert event
 * with a title, a key and a status, under the limit; what is refused says why.
 */
#include "incidentio.h"

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

static const char *
header(const void *from, const char *name)
{
	(void)from;
	return strcmp(name, "HTTP_AUTHORIZATION") == 0 ? "Bearer secret" : NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *secrets[] = { "secret" };
	static struct option_value values[] = { { secrets, 1 } };
	const struct source source = { .name = "io",
		.kind = &source_incidentio,
		.namespace = "io",
		.namespaced = n % 2 != 0,
		.values = values };
	struct source_request r = {
		.header = header, .body = (const char *)data, .body_len = n
	};
	struct source_reading reading = { NULL };
	struct arena a = { 0 };
	struct fail f = { 0 };
	struct tree *t, *known = NULL;

	if (tree_parse(data, n, &a, &t, &f))
		r.tree = t;
	f = (struct fail){ 0 };
	if (source_incidentio.prove(&source, &r, &a, &f)) {
		source_incidentio.read(&source, &r, &a, &reading);
		want(reading.items != NULL && reading.items->next == NULL);
		known = play(&source, NULL, reading.items, &a);
		(void)play(&source, known, reading.items, &a);
	} else {
		want(f.text[0] != '\0' &&
		    f.kind == (r.tree == NULL ? FAIL_INPUT : FAIL_REFUSED));
	}
	arena_free(&a);
	return 0;
}
