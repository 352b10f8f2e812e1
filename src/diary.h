/*
 * What goes into the journal: one line for an authentic webhook, with
 * its body if the configuration wants that, less what must not be kept.
 *
 *	body	the body
 *	text	one that is not JSON
 *	base64	one that is no UTF-8 either, or holds a NUL
 */
#ifndef DIARY_H
#define DIARY_H

#include <stddef.h>
#include <stdint.h>

struct arena;
struct setup;
struct tree;

/* alert may be NULL: there was none. */
struct diary_entry {
	int64_t at; /* when it came */
	int64_t ms; /* how long it took */
	const char *source;
	const char *outcome;
	const char *alert;
	const struct tree *body; /* NULL: it is not JSON, but */
	const char *text;        /* this; NULL: nothing */
	size_t text_len;
};

void diary_write(
    const struct setup *s, const struct diary_entry *e, struct arena *a);

#endif
