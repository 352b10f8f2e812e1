/*
 * Time zones: how far the clocks of a place are ahead of UTC, by a rule as in
 * the variable TZ (POSIX.1, 8.3) or by a file of the time zone database
 * (RFC 9636).
 *
 * Times are those of when.h.  A clock is what hangs on the wall there: the
 * time that it shows, as if it were UTC.  A zone that is all zero is UTC.
 */
#ifndef ZONE_H
#define ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* A day of each year, and a second of it: M3.5.0/2 and its like. */
struct zone_day {
	char form; /* M, J or n */
	int month, week, day;
	int second;
};

struct zone_rule {
	int standard, summer;       /* s ahead of UTC */
	bool changes;               /* else it is always standard */
	struct zone_day begin, end; /* of summer */
};

/* From a time on, in seconds. */
struct zone_change {
	int64_t at;
	int ahead;
};

struct zone {
	struct zone_change *changes; /* in the arena, by time */
	size_t n;
	int before; /* s ahead before the first */
	bool ruled; /* the rule holds after the last */
	struct zone_rule rule;
};

/* False if it is no rule, or one that does not say when summer is. */
bool zone_parse_rule(const char *text, struct zone *out);

/* False if it is not such a file, or one of version 1. */
bool zone_parse_file(
    const void *bytes, size_t n, struct arena *a, struct zone *out);

/* How far ahead of UTC it is at t, in ms. */
int64_t zone_ahead(const struct zone *z, int64_t t);

/*
 * When the clock shows this.  Of two such times the first; what it never
 * shows, because it is put forward, is as much later.
 */
int64_t zone_time(const struct zone *z, int64_t clock);

#endif
