/*
 * The text that edr posts after its JSON was refused: an apology, and the
 * JSON between triple backticks, cut short if it is over Slack's limit
 * (facts/elementary.md, 1.3).
 */
#ifndef EDRTEXT_H
#define EDRTEXT_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct tree;

/* The JSON in the text, as far as it goes; *cut is set if that is not to its
 * end.  NULL if there is none. */
const struct tree *edrtext_read(
    const char *body, size_t n, bool *cut, struct arena *a);

/* A body of any bytes as text, which may be shorter. */
const char *edrtext_ascii(const char *body, size_t n, struct arena *a);

#endif
