/*
 * Which alerts are kept quiet, and when: those that fit every sort of pattern
 * that a mute has (route.h), in its window.  A mute without patterns is for
 * all alerts, one without a window for ever.
 */
#ifndef MUTE_H
#define MUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "option.h"
#include "route.h"
#include "window.h"

struct arena;
struct fail;
struct source_fault;
struct tree;

struct mute {
	struct route match; /* its name too */
	const char *from; /* as given, NULL if it was not; likewise the next */
	const char *to;
	const char *timezone;
	struct option_value hours;
	struct window window;
};

/* What was given, into the window, whose zone is set.  A failure is
 * FAIL_BROKEN, says what was wanted, and sets *at. */
bool mute_read(struct mute *m, struct source_fault *at, struct fail *f);

/* Whether it is for all alerts, and for ever. */
bool mute_is_total(const struct mute *m);

/*
 * The first of n that keeps a firing alert of the source quiet now, or NULL.
 * *until: when none of them does any more, as far as can be told now;
 * WINDOW_NEVER if there is no such time.
 */
const struct mute *mute_find(const struct mute *all, size_t n,
    const char *source, const struct tree *alert, int64_t now, struct arena *a,
    int64_t *until);

#endif
