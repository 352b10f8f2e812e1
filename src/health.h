/*
 * How bellrelay is: healthz (DESIGN.md, 2).
 */
#ifndef HEALTH_H
#define HEALTH_H

struct answer;
struct relay;
struct request;

/* Answer a GET of healthz or metrics. */
void health_answer(
    struct relay *r, const struct request *req, struct answer *out);

#endif
