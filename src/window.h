/*
 * A span of time that comes again: from a moment, to a moment, in some hours
 * of the week.  What is not given sets no limit.
 *
 * Hours are what the clock on the wall shows in the window's zone: one that
 * the clock leaves out in spring is never, one that it shows twice in autumn
 * is twice.
 */
#ifndef WINDOW_H
#define WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "zone.h"

enum { WINDOW_WEEK = 7 * 24 * 60 }; /* minutes */

#define WINDOW_NEVER INT64_MAX

struct window {
	struct zone zone;
	int64_t from; /* it begins, and */
	int64_t to;   /* ends; WINDOW_NEVER: it does not */
	bool hourly;  /* only in the minutes that are set, Monday's first */
	unsigned char week[(WINDOW_WEEK + 7) / 8];
};

/* One without limits. */
#define WINDOW_OPEN ((struct window){ .to = WINDOW_NEVER })

/*
 * Add hours: "22:00-06:00", "sat,sun", "mon-fri 22:00-06:00".  What ends no
 * later than it begins ends on the day after.  False if it is none of these.
 */
bool window_add(struct window *w, const char *hours);

/* Whether there is no minute of the week in which it is not. */
bool window_is_whole_week(const struct window *w);

bool window_covers(const struct window *w, int64_t t);

/* When a window that covers t is over, after t; WINDOW_NEVER: never. */
int64_t window_end(const struct window *w, int64_t t);

#endif
