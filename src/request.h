/*
 * A request as a web server hands it over, and what it asks for.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

struct arena;
struct conf;
struct conf_source;

/* How reading the body went. */
enum request_body {
	REQUEST_WHOLE,
	REQUEST_LONG,   /* over the limit; what is in body is not all */
	REQUEST_LIED,   /* its length is not what was announced, or it broke off
			 */
	REQUEST_SLOW,   /* it came too slowly */
	REQUEST_BROKEN, /* a read failed, which is not its sender's doing */
};

enum request_what {
	REQUEST_NOTHING, /* no such place */
	REQUEST_WEBHOOK,
	REQUEST_HEALTH,
	REQUEST_METRICS,
};

struct request {
	/* A CGI variable, or NULL; the names are those of RFC 3875. */
	const char *(*param)(const void *from, const char *name);
	const void *from;
	enum request_body state;
	struct buf body;
	int64_t now; /* when it came */

	/* Set by request_route. */
	enum request_what what;
	const struct conf_source *source; /* of a webhook */
	const char *token;                /* from the path, or NULL */
	bool is_post;
	bool is_get; /* or HEAD */
	bool is_head;
};

/* The value of a variable, "" if it is not there. */
const char *request_param(const struct request *r, const char *name);

/* Find out what is asked for, from path and method.  c may be NULL: there is
 * no configuration, and no source. */
void request_route(struct request *r, const struct conf *c, struct arena *a);

/*
 * The length that was announced, in bytes; -1 if none was: absent, empty or
 * -1 all mean unknown (facts/webservers-and-c.md, 0.5).  What is no number, or
 * none that fits, is more than any body has.
 */
int64_t request_length(const struct request *r);

/* Whether a content type is given, and whether it is JSON's. */
bool request_has_type(const struct request *r);
bool request_is_json(const struct request *r);

#endif
