/*
 * Patterns of the configuration against what an alert says: fnmatch's
 * (fnmatch(3)), without regard to case.
 */
#ifndef MATCH_H
#define MATCH_H

#include <stdbool.h>

#include "option.h"

struct arena;
struct tree;

bool match_one(const char *pattern, const char *text);
bool match_any(const struct option_value *patterns, const char *text);

/* The same for a member of the alert's metadata: a text, or any of a list. */
bool match_member(const struct option_value *patterns, const struct tree *alert,
    const char *name, struct arena *a);

/*
 * The names of the alert's tables: each as it was sent, and if the alert has a
 * group, as <group_id with : as .>.<table>.
 */
struct option_value match_tables(const struct tree *alert, struct arena *a);

#endif
