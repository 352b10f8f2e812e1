/*
 * What waits at a destination, as the last drain saw it: the few numbers
 * that healthz and metrics show without walking a directory.
 */
#ifndef SUMMARY_H
#define SUMMARY_H

#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;

/* Times in ms; 0: there is none. */
struct summary {
	int64_t at;     /* when this was written */
	int64_t owed;   /* tickets with something in their queue */
	int64_t oldest; /* when the oldest of their events came */
	int64_t due;    /* when the first of them was due, whatever was tried */
	int64_t dead;   /* dead letters that nothing newer has overtaken */
	int64_t muted;  /* tickets that a mute keeps quiet */
	int64_t unread; /* of those that owe, what could not be read */
};

void summary_write(const struct summary *s, struct arena *a, struct buf *out);

/* What cannot be read is all zero. */
void summary_parse(
    const char *text, size_t n, struct summary *out, struct arena *a);

#endif
