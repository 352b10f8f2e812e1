/*
 * The web server, asked as a sender would ask it: whether BASE leads to
 * bellrelay with path, Authorization and large bodies, and to a bellrelay that
 * runs as the owner of this spool.
 *
 * Asks healthz, and posts bodies to a place that is no source; nothing is
 * stored.
 */
#ifndef WIRING_H
#define WIRING_H

struct findings;
struct post;
struct setup;

/* url: that of BASE, of healthz, or of one source. */
void wiring(
    struct setup *s, const char *url, struct post *p, struct findings *to);

#endif
