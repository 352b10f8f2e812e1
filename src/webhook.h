/*
 * The story of a webhook: proof, reading, ENQUEUE and FORWARD of SPOOL.md,
 * answer.
 */
#ifndef WEBHOOK_H
#define WEBHOOK_H

#include <stdint.h>

struct answer;
struct relay;
struct request;
struct setup_box;
struct tree;

/*
 * An alert of our own, to one destination: stored, whatever max_pending says,
 * and sent when the drain comes to it.  change is as a source_kind reads it.
 * If it could not be stored, which is logged, the caller comes again.
 */
void webhook_tell(struct relay *r, struct setup_box *to, const char *key,
    struct tree *change, int64_t now);

/* Answer a routed webhook and log it.  What out holds lives in r->arena, which
 * is the caller's to reset. */
void webhook_take(struct relay *r, struct request *req, struct answer *out);

#endif
