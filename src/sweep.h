/*
 * SWEEP of SPOOL.md: what owes nothing leaves pending for settled, a batch at
 * a time, of which all names are made durable together.
 *
 * Any error leaves a ticket in pending, which is lawful.
 */
#ifndef SWEEP_H
#define SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct pending;

struct sweep {
	size_t at;      /* where in the list it goes on */
	size_t gone;    /* how many of those before it are gone */
	size_t unswept; /* emptied by our calls since the last sweep: its owner
			 * counts them */
	int64_t calm;   /* no sweep before, unless there are many */
};

/* A webhook was here: its like must not wait for a sweep, which can wait. */
void sweep_disturb(struct sweep *s, int64_t now);

/* In a calm: sweep one batch.  Whether there is more.  What a is given is
 * lost, here and below. */
bool sweep_calmly(
    struct sweep *s, struct pending *l, int64_t now, struct arena *a);

/* Sweep one if so many were emptied that they fill it. */
void sweep_batch(
    struct sweep *s, struct pending *l, int64_t now, struct arena *a);

/* As long as wait, but not beyond the time when what is unswept may be swept.
 */
int64_t sweep_wait(const struct sweep *s, int64_t wait, int64_t now);

#endif
