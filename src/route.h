/*
 * Which alerts a route takes: those that fit every sort of pattern that it
 * has, for each of which one match is enough.  A route without patterns takes
 * all.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include <stdbool.h>

#include "option.h"

struct arena;
struct tree;

struct route {
	const char *name;
	struct option_value sources; /* of the source's name */
	struct option_value types;   /* the others of the merged alert */
	struct option_value severities;
	struct option_value tables;
	struct option_value tags;
	struct option_value owners;
};

bool route_takes(const struct route *r, const char *source,
    const struct tree *alert, struct arena *a);

/* Whether it takes all there is, so that none behind it is ever asked. */
bool route_takes_all(const struct route *r);

#endif
