/*
 * A ticket and its file: where domain and io meet.  All under edit.
 */
#ifndef KEEP_H
#define KEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "spool.h"
#include "ticket.h"

struct arena;
struct fail;

/* A ticket as it was read. */
struct keep {
	struct ticket ticket;
	bool there;          /* else ticket is all zero */
	bool pending;        /* in pending; else, if it is there, settled */
	bool settled;        /* in both, and the settled copy is the ticket */
	bool corrupt;        /* a torn copy was moved to corrupt/ */
	uint64_t generation; /* of the file */
};

/* now is for the log: a torn file is set aside and said so. */
bool keep_load(const struct spool_box *b, const char *id, struct keep *out,
    int64_t now, struct arena *a, struct fail *f);

/* Write k->ticket, with the next generation, to pending; see spool_store. */
bool keep_store(const struct spool_box *b, const char *id, const struct keep *k,
    struct spool_draft *d, struct arena *a, struct fail *f);

/* Write it ahead; see spool_draft. */
bool keep_draft(const struct spool_box *b, const char *id, const struct keep *k,
    struct spool_draft *d, struct arena *a, struct fail *f);

#endif
