/*
 * Times and their spellings.  A time is milliseconds since 1970 UTC.
 */
#ifndef WHEN_H
#define WHEN_H

#include <stdbool.h>
#include <stdint.h>

enum { WHEN_SECOND = 1000, WHEN_SIZE = 32 };

/* RFC 3339 in UTC, milliseconds: 2026-11-21T10:18:09.000Z. */
void when_write(int64_t t, char out[WHEN_SIZE]);

/* The day alone: 2026-11-21. */
void when_day(int64_t t, char out[WHEN_SIZE]);

/*
 * A time as people and programs write it: RFC 3339 with any fraction and
 * offset, a day alone (midnight UTC), or an HTTP date (RFC 9110, 5.6.7, all
 * three forms; "UTC" for "GMT" too).  False if it is none of these.
 */
bool when_parse(const char *text, int64_t *out);

/*
 * A day, or a time of RFC 3339 whose seconds and offset may be left out.
 * wall: it has no offset, and *out is what the clock on the wall shows, as if
 * it were UTC.
 */
bool when_parse_wall(const char *text, int64_t *out, bool *wall);

/* Days from 1970 to a day of the calendar; the year of a time. */
int64_t when_days(int year, int month, int day);
int when_year(int64_t t);

/*
 * Retry-After (RFC 9110, 10.2.3; facts/incidentio.md, 0.5): seconds, or a date.
 * The wait in milliseconds from now, never negative; false if it is neither.
 */
bool when_retry_after(const char *text, int64_t now, int64_t *wait);

/* How long for people: "8 s", "5 min", "2 h 5 min", "3 d 4 h".  ms >= 0. */
void when_span(int64_t ms, char out[WHEN_SIZE]);

#endif
