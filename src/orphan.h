/*
 * What is kept for destinations that are no longer configured.  It is never
 * sent; a drain counts it, and healthz, metrics and doctor tell of it.
 */
#ifndef ORPHAN_H
#define ORPHAN_H

#include <stdint.h>

struct arena;
struct catalog_box;
struct conf;
struct summary;

/*
 * Write anew the summary of each where something came or went since, or that
 * is ten minutes old: what waits there, and its dead letters.
 */
void orphan_count(const struct conf *conf, int64_t now);

/* The same of one, as it was counted; at is 0 if it was not. */
void orphan_look(
    const struct catalog_box *b, struct summary *out, struct arena *a);

/* The same as it is now, which takes a walk. */
void orphan_now(const struct catalog_box *b, struct summary *out, int64_t now);

#endif
