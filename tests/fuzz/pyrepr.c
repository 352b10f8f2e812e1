/*
 * Any bytes at all: what is read can be written, within the bound that
 * callers rely on, in characters that need no escape, and by every table alike
 * unless it says that they differ.
 */
#include "arena.h"
#include "buf.h"
#include "fail.h"
#include "pyrepr.h"
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
check_text(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++) {
		unsigned char c = (unsigned char)b->data[i];

		want((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		    (c >= 'a' && c <= 'z') || strchr("_.-~%+&=", c) != NULL);
		want(c != '\0');
	}
}

static void
every_table(const struct tree *t, size_t n)
{
	struct buf first = BUF_MAX(PYREPR_TIMES * n);
	struct buf other = BUF_MAX(PYREPR_TIMES * n);
	struct buf again = BUF_MAX(PYREPR_TIMES * n);
	struct fail f = { 0 }, g;
	bool varies = false, also;
	struct pyrepr_floats floats = PYREPR_FLOATS;
	bool did = pyrepr_urlencode_again(t, 0, &floats, &first, &varies, &f);

	want(did == (f.kind == FAIL_NONE));
	want(!first.full);
	check_text(&first);
	for (size_t i = 1; i < pyrepr_tables(); i++) {
		g = (struct fail){ 0 };
		want(pyrepr_urlencode(t, i, &other, &also, &g) == did);
		want(f.kind == g.kind);
		want(also == varies);
		g = (struct fail){ 0 };
		want(pyrepr_urlencode_again(t, i, &floats, &again, &also, &g) ==
		    did);
		want(!did || strcmp(again.data, other.data) == 0);
		buf_reset(&again);
		want(varies || strcmp(first.data, other.data) == 0);
		buf_reset(&other);
	}
	buf_free(&first);
	buf_free(&other);
	buf_free(&again);
	buf_free(&floats.worked);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = { 0 };
	struct fail f = { 0 };
	struct tree *t;

	if (tree_parse(data, n, &a, &t, &f))
		every_table(t, n);
	arena_free(&a);
	return 0;
}
