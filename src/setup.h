/*
 * A configuration in use: its spool, opened, and for each destination its
 * part of it, with a hand on its locks for each flow of work.
 */
#ifndef SETUP_H
#define SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "conf.h"
#include "lock.h"
#include "pace.h"
#include "post.h"
#include "spool.h"

struct fail;

struct setup_box {
	const struct conf *conf; /* of the setup */
	const struct conf_destination *to;
	struct spool_box box;
	struct lock_hand hands[POST_WATCH]; /* the webhook's, the drain's */
	char url[PACE_NAME];                /* fingerprint of the URL */
	char target[PACE_NAME];             /* of the URL and the token */
	int64_t owed; /* tickets that wait, as last counted, and ours since */
	int64_t counted; /* when that was read */
	int64_t summed;  /* and written */
	int64_t rested;  /* when it was last seen to rest or be held, or 0 */
	/* The record of the pace cannot be written: this process has its own.
	 */
	bool adrift;
	struct pace pace;
};

/* Whether the spool has alerts of destinations that are not configured. */
enum setup_orphans { SETUP_UNASKED, SETUP_NO_ORPHANS, SETUP_ORPHANS };

struct setup {
	struct conf conf;
	struct spool spool;
	struct lock_hand order; /* on the spool's own lock */
	struct setup_box
	    *boxes; /* one for each destination, or NULL: not open */
	struct setup_box *room;     /* for them, once it was needed */
	enum setup_orphans orphans; /* as far as anybody asked */
};

/* Read the configuration; the spool is opened by setup_spool. */
bool setup_read(struct setup *s, const char *path, struct fail *f);

/* Open the spool unless it is open. */
bool setup_spool(struct setup *s, struct fail *f);

/* Whether the spool, or a part of it, is no longer what is open; and for one
 * destination alone. */
bool setup_moved(const struct setup *s);
bool setup_box_moved(const struct setup_box *b);

/* Whether the configuration has changed, or the spool been replaced. */
bool setup_stale(const struct setup *s);

/* Close the spool, so that the next setup_spool opens it afresh. */
void setup_shut(struct setup *s);

/* Close and free everything. */
void setup_close(struct setup *s);

/* The box of a destination of this setup. */
struct setup_box *setup_box(
    const struct setup *s, const struct conf_destination *d);

#endif
