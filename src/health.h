/*
 * How bellrelay is (DESIGN.md, 2): healthz, from the few numbers that drains
 * leave behind; no directory of tickets is walked.
 */
#ifndef HEALTH_H
#define HEALTH_H

#include <stdbool.h>

#include "pace.h"
#include "summary.h"

struct answer;
struct arena;
struct relay;
struct request;
struct setup_box;

enum {
	HEALTH_OLD = 600, /* s after which what waits is old */
	HEALTH_DUE = 300, /* s after which something due is overdue */
};

/* A destination as it is. */
struct health_box {
	struct pace pace;
	struct summary summary;
};

void health_look(
    const struct setup_box *b, struct health_box *out, struct arena *a);

/* Whether the request may see details: see the option `status`. */
bool health_may_see(const struct relay *r, const struct request *req);

/*
 * Answer a GET of healthz.  With ?strict what is degraded is 503 too.  Who may
 * see details also sees what of the request came here, and who it is that
 * answers; with ?request that instead of the destinations.
 */
void health_answer(
    struct relay *r, const struct request *req, struct answer *out);

#endif
