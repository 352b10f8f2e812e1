#include "table.h"

#include "arena.h"
#include "match.h"

const struct table *const *
table_match(
    const struct table_list *list, const struct tree *alert, struct arena *a)
{
	static const struct table *const none[] = { NULL };
	const struct table **found;
	struct option_value names;
	size_t n = 0;

	if (list == NULL || list->n == 0)
		return none;
	names = match_tables(alert, a);
	if (names.n == 0)
		return none;
	found = arena_alloc(a, (list->n + 1) * sizeof(*found));
	for (size_t i = 0; i < list->n; i++)
		for (size_t j = 0; j < names.n; j++)
			if (match_one(list->items[i].pattern, names.items[j])) {
				found[n++] = &list->items[i];
				break;
			}
	found[n] = NULL;
	return found;
}

const struct table *
table_severity(const struct table *const *matching)
{
	for (; *matching != NULL; matching++)
		if ((*matching)->severity != NULL)
			return *matching;
	return NULL;
}
