/*
 * Any bytes at all: an object becomes an alert event with a title, a key and
 * a status, under the limit, whatever it holds and whatever was known before.
 */
#include "montecarlo.h"

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

static size_t
characters(const struct tree *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->len; i++)
		n += ((unsigned char)t->text[i] & 0xc0) != 0x80;
	return n;
}

/* What was written, read back: as a ticket's alert is, and as incident.io
 * reads an event. */
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

	want(filled(tree_get(body, "title")));
	want(characters(tree_get(body, "title")) <= EVENT_TITLE_MAX);
	want(tree_says(tree_get(body, "deduplication_key"), item->key));
	want(tree_says(tree_get(body, "status"), "firing") ||
	    tree_says(tree_get(body, "status"), "resolved"));
	want(event_severity(alert) <= 5);
	return again(alert, 1 << 28, a);
}

/* All of the input, and its two halves around a line of "--" as a sequence. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *owners[] = { "ann", "bob" };
	static const struct source source = { .name = "mc",
		.kind = &source_montecarlo,
		.severity = "minor",
		.environment = "production",
		.owners = { owners, 2 } };
	const uint8_t *cut = memmem(data, n, "\n--\n", 4);
	const struct {
		const uint8_t *at;
		size_t n;
	} parts[] = { { data, cut == NULL ? n : (size_t)(cut - data) },
		{ cut == NULL ? data : cut + 4,
		    cut == NULL ? n : (size_t)(data + n - cut - 4) } };
	struct arena a = { 0 };
	struct tree *known = NULL;

	for (size_t i = 0; i < 2; i++) {
		struct source_request r = { .body = (const char *)parts[i].at,
			.body_len = parts[i].n };
		struct source_reading reading = { NULL };
		struct fail f = { 0 };
		struct tree *t;

		if (!tree_parse(parts[i].at, parts[i].n, &a, &t, &f) ||
		    t->type != TREE_OBJECT)
			continue;
		r.tree = t;
		source_montecarlo.read(&source, &r, &a, &reading);
		for (struct source_item *x = reading.items; x != NULL;
		     x = x->next) {
			want(
			    *x->key != '\0' && strlen(x->key) <= EVENT_KEY_MAX);
			known = play(&source, known, x, &a);
		}
	}
	arena_free(&a);
	return 0;
}
