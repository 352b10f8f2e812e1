/*
 * Where an alert goes.
 *
 * An alert that went somewhere goes on there, whatever the routes say by
 * now.  Beside that the first route that takes it has its say, else its source;
 * a destination that is added so begins with all that is known of the
 * alert elsewhere.  An alert ends with its resolve: when it fires again, only
 * the routes are asked.  What a destination knows that is no longer configured
 * is known to all.
 *
 * The webhooks of one alert choose one after the other: from aim_begin to
 * aim_end, before which what was chosen is stored, they hold edit of the
 * spool's own lock, before that of any destination.
 */
#ifndef AIM_H
#define AIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool.h"

struct arena;
struct conf;
struct conf_route;
struct conf_source;
struct fail;
struct setup;
struct setup_box;
struct source_item;
struct tree;

struct aim {
	struct setup_box **to;
	size_t n; /* at least one */
	/* The merged alert of the destination that knows it best; NULL if none
	 * does, or if the only one is asked anyway. */
	const struct tree *known;
	char id[SPOOL_ID + 1];
	bool locked;
};

/* What is asked for. */
struct aim_ask {
	const struct conf_source *from;
	const struct source_item *item;
	const struct tree *known; /* besides the tickets, or NULL */
	int64_t now;
};

/* The spool is open.  aim_end is for after success alone. */
bool aim_begin(struct setup *s, const struct aim_ask *ask, struct arena *a,
    struct aim *out, struct fail *f);
void aim_end(const struct setup *s, const struct aim *aim);

/* The first route that takes a merged alert; NULL: it goes where its source
 * says. */
const struct conf_route *aim_route(const struct conf *c,
    const struct conf_source *from, const struct tree *alert, struct arena *a);

#endif
