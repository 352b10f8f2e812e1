/*
 * Looks through a destination's directories, a slice of some 20 ms at a time,
 * for what its list of pending tickets does not know yet.
 *
 * A ticket is read only if its file has changed since.  What could not be
 * listed, asked or read stays known: only what is known to be gone is dropped.
 */
#ifndef LOOK_H
#define LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "spool.h"

struct arena;
struct pending;

struct look {
	struct spool_walk walk; /* of pending, under way */
	bool going;
	int64_t began;  /* the last look; 0: look at once */
	int64_t walked; /* when the last one began that read the directory */
	int64_t heard;  /* when the bells were last read, ns */
	int64_t dead;   /* dead letters seen by the last look */
};

/* Break off. */
void look_close(struct look *k);

/*
 * Under the drain lock, but for a person's drain: begin a look if it is time,
 * and go on with it. Whether a slice was read.  once: a run that ends, which
 * does not come again for what a webhook has just written and may be about to
 * send.  What a is given is lost.
 */
bool look_step(
    struct look *k, struct pending *l, bool once, int64_t now, struct arena *a);

/* Look at the next step. */
void look_again(struct look *k);

/* Whether all was seen, and no look is under way. */
bool look_done(const struct look *k);

/* How long until the next look, which may be over already. */
int64_t look_wait(const struct look *k, int64_t now);

/* Likewise: what rang is due, and first. */
void look_bells(struct look *k, struct pending *l, int64_t now);

#endif
