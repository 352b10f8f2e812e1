/*
 * Mutes at work: what the configuration keeps quiet now, asked when a webhook
 * comes, before an event leaves, and when a mute may be over.  bellrelay's own
 * alerts are never muted.
 */
#ifndef HUSH_H
#define HUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "ticket.h"

struct arena;
struct conf;
struct fail;
struct keep;
struct setup_box;
struct tree;

/* The source of our own alerts, which no mute takes. */
#define HUSH_OWN "bellrelay"

/*
 * The name of the mute that a firing alert of the source is under, or NULL.
 * *until: when that is over, by the configuration as it is; WINDOW_NEVER: it
 * does not end.
 */
const char *hush_by(const struct conf *c, const char *source,
    const struct tree *alert, int64_t now, struct arena *a, int64_t *until);

/*
 * Whether an alert that has no ticket may have rung there for all that, by the
 * marks of the pace; no if they are of all alerts, and so tell nothing.
 */
bool hush_rang(const struct setup_box *to, const char *id, struct arena *a);

/*
 * What a destination is told of a merged alert, as it is configured now.  t is
 * its ticket, to which the change has still to be made.
 */
struct ticket_change hush_change(const struct setup_box *to, const char *source,
    struct tree *alert, const struct ticket *t, int64_t now, struct arena *a);

/*
 * Under claim and edit, before an event of the ticket leaves: what came
 * under a mute while it waited is kept quiet, also on disk.  False if that
 * could not be written.
 */
bool hush_waiting(const struct setup_box *to, const char *id, struct keep *k,
    int64_t now, struct arena *a, struct fail *f);

/*
 * Under claim and edit: a muted ticket whose mute is over is queued and
 * rings.  *until: when to look at it again, if it stays quiet, else 0.
 */
bool hush_wake(const struct setup_box *to, const char *id, struct keep *k,
    int64_t now, struct arena *a, int64_t *until, struct fail *f);

/* When to look at a muted ticket again; now: its mute is over. */
int64_t hush_until(
    const struct conf *c, const struct ticket *t, int64_t now, struct arena *a);

#endif
