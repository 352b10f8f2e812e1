/*
 * Which of some names was meant by a wrong one.
 */
#ifndef NEAR_H
#define NEAR_H

#include <stddef.h>

#include "buf.h"

struct near {
	const char *wrong;
	const char *best; /* the likely one, or NULL */
	size_t slips;     /* of the pen, from wrong to best */
	struct buf all;
};

struct near near_new(const char *wrong);
void near_add(struct near *n, const char *name);

/* What was wanted: the likely name, else all of them; good until the free. */
const char *near_wanted(struct near *n);
void near_free(struct near *n);

#endif
