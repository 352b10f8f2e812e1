/*
 * All that a process has: configuration, spool, connections, the call of the
 * webhook and the call of the drain; and what it takes to change the
 * configuration under way.
 */
#ifndef RELAY_H
#define RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "counters.h"
#include "drain.h"
#include "fail.h"
#include "fence.h"
#include "forward.h"
#include "post.h"
#include "setup.h"

struct relay {
	const char *path; /* of the configuration; borrowed */
	struct setup setups[2];
	struct setup *setup; /* the one in use; NULL: there is none */
	struct setup *old;   /* one that a call still uses, or NULL */
	struct post *post;
	struct forward webhook;
	struct drain drain;
	struct arena arena; /* of the request */
	struct counters counters;
	int64_t flushed;         /* when they were last written */
	int64_t watched;         /* when the watch last looked */
	struct post_target beat; /* of the heartbeat under way */
	char broken[FAIL_TEXT];  /* why a changed configuration is not in use,
				  * or "" */
	struct fence fence;
	bool outside; /* the change is good, but the fence shuts it out */
};

/* Milliseconds since 1970, now. */
int64_t relay_now(void);

/*
 * Open with the configuration at path.  One that cannot be read is no
 * failure: every webhook is refused, and each request tries it again.
 */
bool relay_open(struct relay *r, const char *path, struct fail *f);
void relay_close(struct relay *r);

/*
 * Put a fence around this process, for good, with the configuration and the
 * spool inside; nothing yet while one of them is not there.  A change that it
 * shuts out is for a fresh process: the old one goes on, and outside is set.
 */
void relay_fence(struct relay *r);

/*
 * Take up a changed configuration; a broken one is logged once and the old
 * one goes on.
 */
void relay_refresh(struct relay *r, int64_t now);

/* The limit for a body, in bytes. */
size_t relay_body_limit(const struct relay *r);

/* Write what was counted to the spool; and only if that was not done for a
 * fifth of a second, or if much was counted: it costs more than to count. */
void relay_flush(struct relay *r);
void relay_flush_late(struct relay *r, int64_t now);

#endif
