/*
 * Counters that all processes of a host share and that outlive them.
 *
 *	DIR/counters/<host>
 *
 * One line a series, in the Prometheus text format, the number padded with
 * zeros to a fixed width and overwritten in place under a lock:
 *
 *	bellrelay_webhooks_total{source="montecarlo",result="delivered"}
 *00000000000000000012
 *
 * Not synced: a power cut may lose the last few counts, and nothing else.
 */
#ifndef COUNTERS_H
#define COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum {
	COUNTERS_BATCH = 64, /* series, and as many histograms */
	COUNTERS_BUCKETS = 12,
	COUNTERS_SERIES = 192, /* bytes of a name */
	COUNTERS_MAX = 1 << 20,
};

/* What is to be added, gathered first and written at once. */
struct counters {
	struct {
		char series[COUNTERS_SERIES];
		uint64_t n;
		bool set; /* replaces, else it adds */
	} add[COUNTERS_BATCH];
	size_t n;
	struct {
		const char *name;
		char labels[COUNTERS_SERIES / 2];
		uint64_t in[COUNTERS_BUCKETS]; /* each holds those before */
		uint64_t sum_ms;
		uint64_t count;
	} times[COUNTERS_BATCH];
	size_t n_times;
};

/* Add n to a series; more than a batch holds is dropped. */
void counters_add(struct counters *c, uint64_t n, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Set a series to n. */
void counters_set(struct counters *c, uint64_t n, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Count a time in ms into a histogram of that name, a constant;
 * its labels are such as destination="a".
 */
void counters_time(
    struct counters *c, const char *name, const char *labels, int64_t ms);

/* Whether anything was gathered; and so much that more may find no place. */
bool counters_any(const struct counters *c);
bool counters_many(const struct counters *c);

/*
 * Write what was gathered; dir is the spool's.  Failure is silent: no
 * alert must be refused for a count.
 */
void counters_flush(struct counters *c, int dir);

/*
 * Write n as the first of count series, and what each of them was as the next,
 * at once: of several processes each is heard.
 */
void counters_push(
    int dir, uint64_t n, const char *const *series, size_t count);

/* Append the file of this host to out; nothing if there is none. */
void counters_read(int dir, struct buf *out);

#endif
