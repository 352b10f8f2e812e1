/*
 * What Prometheus reads: the counters of this host, and a few gauges.
 */
#ifndef METRICS_H
#define METRICS_H

struct answer;
struct relay;
struct request;

/* Answer a GET of metrics, to whom health_may_see allows. */
void metrics_answer(
    struct relay *r, const struct request *req, struct answer *out);

#endif
