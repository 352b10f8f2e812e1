/*
 * Webhooks without a right proof whose body looks like their sender's: three
 * in an hour mean that a secret was changed on one side alone, and must not
 * look like silence.  The times of the last three are kept with the counters.
 */
#ifndef REFUSALS_H
#define REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

/* One more; dir is the spool's, where it is written at once: the next, of
 * whatever process, reads those before it there. */
void refusals_note(int dir, const char *source, int64_t now);

/* Whether there were three in the last hour. */
bool refusals_many(int dir, const char *source, int64_t now);

#endif
