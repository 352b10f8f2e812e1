/*
 * What is said to the sender: a status, a few headers, a JSON body.
 *
 * A refusal is a problem (RFC 9457) that says what the sender can do; nothing
 * of what was sent is repeated, and no file or secret is named.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

struct arena;
struct fail;
struct tree;

enum { ANSWER_MAX = 4 << 20 };

struct answer_item;

struct answer {
	int status;
	const char *type;
	const char *allow; /* NULL: no such header */
	int retry_after;   /* seconds; 0: no such header */
	bool bare;         /* no body is sent, as HEAD wants it */
	struct buf body;
	const char *detail;  /* of a refusal, in the arena; else NULL */
	const char *ignored; /* why it is no alert, unless by its shape */
	const struct answer_item *items; /* of a yes, likewise */
	size_t n;
};

/* What became of one alert at one destination, the least certain first. */
enum answer_result {
	ANSWER_QUEUED,
	ANSWER_DELIVERED,
	ANSWER_UNCHANGED,
	ANSWER_IGNORED,
};

const char *answer_word(enum answer_result result);

struct answer_item {
	enum answer_result result;
	const char *alert; /* ticket id */
	const char *key;   /* deduplication key */
	const char *destination;
	const char *muted; /* the mute that keeps it quiet, or NULL */
	bool resolved;
};

/* All start from ANSWER_NEW; body is the caller's to free. */
#define ANSWER_NEW ((struct answer){ .body = BUF_MAX(ANSWER_MAX) })

/*
 * Yes: 200, or 202 if anything is queued, unless only_200.  n 0: ignored.
 */
void answer_items(struct answer *out, const struct answer_item *items, size_t n,
    bool only_200, struct arena *a);

/* A refusal. */
void answer_problem(
    struct answer *out, int status, const char *detail, struct arena *a);

/* The refusal that a failure means at the door: 400, 403, 422 or 503. */
void answer_fail(struct answer *out, const struct fail *f, struct arena *a);

/* JSON of one's own, in the place of what was there. */
void answer_json(struct answer *out, int status, const struct tree *t);

/* As CGI wants it (RFC 3875, 6): headers, an empty line, the body. */
void answer_write(const struct answer *a, struct buf *out);

#endif
