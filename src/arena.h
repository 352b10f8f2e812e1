/*
 * Memory for the length of one request.
 *
 * What an arena hands out stays good until arena_free, and nothing is freed
 * singly.  Out of memory ends the process: the web server starts another and
 * the sender delivers again.
 */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

struct block;

struct arena {
	struct block *blocks;
};

/* size bytes, aligned for any type, not cleared. */
void *arena_alloc(struct arena *a, size_t size);

/* A copy of n bytes with a NUL behind them, which may hold others. */
char *arena_copy(struct arena *a, const void *bytes, size_t n);
char *arena_str(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Forget everything but keep one block of ordinary size for the next time. */
void arena_reset(struct arena *a);

/* Give everything back; a is as good as new. */
void arena_free(struct arena *a);

#endif
