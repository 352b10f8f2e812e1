/* Any text is a template or none; one that is can be picked for and filled,
 * and {{ and }} around all of it make it the text itself. */
#include "template.h"

#include "arena.h"
#include "fail.h"
#include "tree.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char body[] =
    "{\"a\":{\"b\":[1,\"x\",null,{\"c\":2}]},\"\":true,\"m~n\":\"*_`\"}";
static const char alert[] =
    "{\"title\":\"t\",\"description\":\"# d\",\"metadata\":{\"tags\":[\"a\","
    "[],7],\"type\":null,\"severity\":{}}}";

static struct tree *
parse(const char *text, struct arena *a)
{
	struct tree *t = NULL;
	struct fail f = { 0 };

	if (!tree_parse(text, strlen(text), a, &t, &f))
		abort();
	return t;
}

/* The text with each brace and backslash twice. */
static char *
escape(const char *text, struct arena *a)
{
	char *out = arena_alloc(a, 2 * strlen(text) + 1);
	char *o = out;

	for (const char *p = text; *p != '\0'; p++) {
		if (strchr("{}\\", *p) != NULL)
			*o++ = *p;
		*o++ = *p;
	}
	*o = '\0';
	return out;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = { 0 };
	const char *text = arena_copy(&a, (const char *)data, n);
	struct tree *picked = tree_new(&a, TREE_OBJECT);
	struct tree *full = parse(alert, &a);
	struct template t;
	struct fail f = { 0 };

	if (template_parse(text, &a, &t, &f)) {
		template_pick(&t, NULL, parse(body, &a), picked, &a);
		tree_set(&a, full, "picked", picked);
		(void)template_fill(&t, full, true, &a);
		(void)template_value(&t, full, &a);
	} else if (f.kind != FAIL_BROKEN) {
		abort();
	}
	f = (struct fail){ 0 };
	if (!template_parse(escape(text, &a), &a, &t, &f) ||
	    strcmp(template_fill(&t, full, false, &a), text) != 0)
		abort();
	arena_free(&a);
	return 0;
}
