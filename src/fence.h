/*
 * A fence around this process (landlock(7)): what lies beyond it can be
 * neither read nor changed, no program is run, no port is bound.
 *
 * Best effort: there is none where the kernel has no Landlock, or one that
 * lets no file move between directories (before 5.19), as the spool's do.  It
 * cannot be taken down, and children have it too.
 */
#ifndef FENCE_H
#define FENCE_H

#include <stdbool.h>

#include "arena.h"

enum fence_right { FENCE_READ, FENCE_CHANGE };

struct fence_place;

struct fence {
	struct arena arena;
	struct fence_place *places;
	bool up;
};

/* Leave a file, or a directory and all below it, inside.  What is not there is
 * passed over.  Before fence_up. */
void fence_allow(struct fence *f, const char *path, enum fence_right right);

/* Put it up; no_new_privs must be set.  Whether it is. */
bool fence_up(struct fence *f);

/* Whether path may be used so: without a fence all may. */
bool fence_holds(
    const struct fence *f, const char *path, enum fence_right right);

#endif
