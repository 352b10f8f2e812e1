/*
 * The destinations, asked: name, connection, TLS and its certificate, clock,
 * token.  One exchange each, of an event that pages nobody: a resolve under a
 * key that no alert has (facts/incidentio.md, 2).
 */
#ifndef REACH_H
#define REACH_H

#include <stdbool.h>

struct findings;
struct post;
struct setup;

/*
 * With the spool open the exchange takes a token of the destination's pace, as
 * every event does, and one that rests is left to rest.  Its outcome changes
 * nothing there: a held one opens by a drain.
 */
void reach(struct setup *s, bool open, struct post *p, struct findings *to);

#endif
