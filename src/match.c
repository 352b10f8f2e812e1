#include "match.h"

#include "arena.h"
#include "tree.h"

#include <fnmatch.h>
#include <string.h>

bool
match_one(const char *pattern, const char *text)
{
	return fnmatch(pattern, text, FNM_CASEFOLD) == 0;
}

bool
match_any(const struct option_value *patterns, const char *text)
{
	for (size_t i = 0; i < patterns->n; i++)
		if (match_one(patterns->items[i], text))
			return true;
	return false;
}

static const struct tree *
member(const struct tree *alert, const char *name)
{
	return tree_get(tree_get(alert, "metadata"), name);
}

/* The values of a list, or one alone; what is no text matches nothing. */
static const struct tree *
first(const struct tree *t)
{
	return tree_is(t, TREE_LIST) ? t->first : t;
}

static const struct tree *
next(const struct tree *t, const struct tree *of)
{
	return tree_is(of, TREE_LIST) ? t->next : NULL;
}

bool
match_member(const struct option_value *patterns, const struct tree *alert,
    const char *name, struct arena *a)
{
	const struct tree *of = member(alert, name);

	for (const struct tree *t = first(of); t != NULL; t = next(t, of)) {
		const char *text = tree_cstr(t, a);

		if (text != NULL && match_any(patterns, text))
			return true;
	}
	return false;
}

/* Monte Carlo's group is database:schema; NULL if there is none. */
static const char *
group_of(const struct tree *alert, struct arena *a)
{
	const char *text = tree_cstr(member(alert, "group_id"), a);
	char *group;

	if (text == NULL || *text == '\0')
		return NULL;
	group = arena_str(a, text);
	for (char *c = group; *c != '\0'; c++)
		if (*c == ':')
			*c = '.';
	return group;
}

struct option_value
match_tables(const struct tree *alert, struct arena *a)
{
	const struct tree *of = member(alert, "tables");
	const char *group = group_of(alert, a);
	size_t most = 2 * (tree_count(of) + 1);
	struct option_value names = { arena_alloc(a, most * sizeof(char *)),
		0 };

	for (const struct tree *t = first(of); t != NULL; t = next(t, of)) {
		const char *text = tree_cstr(t, a);

		if (text == NULL)
			continue;
		names.items[names.n++] = text;
		if (group != NULL)
			names.items[names.n++] =
			    arena_printf(a, "%s.%s", group, text);
	}
	return names;
}
