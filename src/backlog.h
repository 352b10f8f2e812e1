/*
 * What the spool tells of bellrelay's work: destinations that are held or
 * rest, alerts that wait too long, dead letters, torn files, and when a drain
 * last looked.  Takes no lock and changes nothing.
 */
#ifndef BACKLOG_H
#define BACKLOG_H

#include <stdint.h>

struct findings;
struct setup;

/* The spool must be open. */
void backlog(const struct setup *s, struct findings *to, int64_t now);

/* Of these only what is kept for destinations that are no longer configured. */
void backlog_orphans(const struct setup *s, struct findings *to, int64_t now);

#endif
