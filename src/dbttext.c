#include "dbttext.h"

#include "arena.h"
#include "draft.h"
#include "fail.h"
#include "tree.h"
#include "when.h"

#include <stdlib.h>
#include <string.h>

enum { HASH = 10 }; /* hex digits behind the name of a generic test */

static bool
starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

const char *
dbttext_name(const char *unique_id, struct arena *a)
{
	const char *name = unique_id;
	const char *hash;
	char *copy;

	for (int i = 0; i < 2; i++) {
		const char *dot = strchr(name, '.');

		if (dot == NULL || dot[1] == '\0')
			return unique_id;
		name = dot + 1;
	}
	copy = arena_str(a, name);
	hash = strrchr(copy, '.');
	if (starts(unique_id, "test.") && hash != NULL && hash > copy &&
	    strlen(hash + 1) == HASH &&
	    strspn(hash + 1, "0123456789abcdef") == HASH)
		copy[hash - copy] = '\0';
	return copy;
}

/* "orders" in quotes, or other words for what has no name. */
static const char *
quoted(const char *name, const char *otherwise, struct arena *a)
{
	return name == NULL ? otherwise : arena_printf(a, "\"%s\"", name);
}

const char *
dbttext_test(
    const char *name, const char *table, const char *column, struct arena *a)
{
	return arena_printf(a, "%s test failed%s%s%s%s", quoted(name, "A", a),
	    table == NULL ? "" : " on ", table == NULL ? "" : table,
	    table == NULL || column == NULL ? "" : ".",
	    table == NULL || column == NULL ? "" : column);
}

const char *
dbttext_build(const char *what, const char *name, struct arena *a)
{
	if (name == NULL)
		return arena_printf(a, "dbt failed to build a %s",
		    what == NULL ? "model" : what);
	return arena_printf(a, "dbt failed to build %s%s\"%s\"",
	    what == NULL ? "" : what, what == NULL ? "" : " ", name);
}

const char *
dbttext_freshness(const char *status, const char *source, struct arena *a)
{
	if (status != NULL && strcmp(status, "runtime error") == 0)
		return arena_printf(a,
		    "Failed to calculate the source freshness of %s",
		    quoted(source, "a source", a));
	return arena_printf(a,
	    "Freshness exceeded the acceptable times on %s%s",
	    source == NULL ? "" : "source ", quoted(source, "a source", a));
}

const char *
dbttext_severity(const char *status)
{
	if (status != NULL && strcmp(status, "partial success") == 0)
		return "warn";
	return status != NULL && strcmp(status, "runtime error") == 0 ? "error"
								      : status;
}

/* ---- age ---- */

/* "1 day", from an object or from its text. */
static const char *
span(const struct tree *t, struct arena *a)
{
	const char *period, *count;
	struct tree *read = NULL;
	struct fail ignored = { 0 };

	if (tree_is(t, TREE_STR)) {
		if (!tree_parse(t->text, t->len, a, &read, &ignored))
			return NULL;
		t = read;
	}
	count = draft_text(tree_get(t, "count"), a);
	period = draft_text(tree_get(t, "period"), a);
	if (count == NULL || period == NULL)
		return NULL;
	return arena_printf(
	    a, "%s %s%s", count, period, strcmp(count, "1") == 0 ? "" : "s");
}

static const char *
duration(const struct tree *seconds, struct arena *a)
{
	const char *text = draft_text(seconds, a);
	char *end = NULL, *out = arena_alloc(a, WHEN_SIZE);
	double s = text == NULL ? -1 : strtod(text, &end);

	if (!(s >= 0 && s < 1e12) || *end != '\0')
		return NULL;
	when_span((int64_t)(s * WHEN_SECOND), out);
	return out;
}

void
dbttext_say_age(struct draft *d, const struct dbttext_age *age)
{
	struct arena *a = d->arena;
	const char *ago = duration(age->ago, a);

	if (age->error != NULL)
		draft_show(d, age->error);
	else if (age->when != NULL && age->newest != NULL && ago != NULL)
		draft_say(d,
		    arena_printf(a,
			"When the test ran at %s, the most recent record found "
			"in the table was %s earlier (%s).",
			age->when, ago, age->newest));
	else if (age->newest != NULL)
		draft_say(d,
		    arena_printf(
			a, "The most recent record found: %s.", age->newest));
	draft_item(d, "Warn after", span(age->warn, a));
	draft_item(d, "Error after", span(age->fail, a));
	draft_item(d, "Filter", age->filter);
}
