/*
 * What a sender does not know of its tables, and the configuration does.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>

#include "option.h"

struct arena;
struct tree;

struct table {
	const char *pattern;  /* match.h */
	const char *severity; /* NULL: it says none */
	struct option_value owners;
	struct option_value tags;
};

/* In the order in which they are asked. */
struct table_list {
	struct table *items;
	size_t n;
};

/* Those that match any table of the merged alert, NULL-terminated; list may
 * be NULL. */
const struct table *const *table_match(
    const struct table_list *list, const struct tree *alert, struct arena *a);

/* The first of them that says a severity, or NULL. */
const struct table *table_severity(const struct table *const *matching);

#endif
