/*
 * What incident.io says in an answer, in its words
 * (facts/incidentio.md, errors).
 */
#ifndef REPLY_H
#define REPLY_H

#include <stddef.h>

struct arena;

/*
 * Of its envelope
 * {"message":..,"errors":[{"message":..,"source":{"field":..}}],
 * "request_id":..} the messages, each with its field, and the request; what is
 * otherwise shaped, as it came, to its first NUL (it must end in one, which n
 * does not count).  At most max characters, of which there must be a hundred
 * or more, in the arena; not escaped for any display.
 */
const char *reply_words(
    const char *text, size_t n, size_t max, struct arena *a);

#endif
