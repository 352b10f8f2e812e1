/*
 * What a sender is to us: how it proves itself, how its webhook reads, and
 * which answer it takes for yes.  One adapter, one struct source_kind.
 *
 * What an adapter reads is a change to an alert: an object with the members
 *
 *	title, description, source_url	strings
 *	status		"firing" or "resolved"
 *	metadata	an object
 *	facts		the adapter's own, kept with the alert for `word`
 *
 * A member that is absent stays as it is in the alert, null clears it.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "option.h"

struct arena;
struct fail;
struct table_list;
struct tree;
struct wording;

/* A configured source.  Borrowed from the configuration. */
struct source {
	const char *name;
	const struct source_kind *kind;
	const char *namespace; /* prefixes keys that are not globally unique */
	bool namespaced;       /* it was given; else it is the name */
	const char *environment; /* NULL if not given, as are the next */
	const char *severity;
	struct option_value owners;
	struct option_value tags;
	const struct table_list *tables; /* of the configuration, or NULL */
	const struct wording *wording;   /* likewise */
	struct option_value *values;     /* one for each of kind->options */
};

/* A webhook as it arrived. */
struct source_request {
	/* The value of a CGI variable such as HTTP_X_MCD_SIGNATURE, or NULL. */
	const char *(*header)(const void *from, const char *name);
	const void *from;
	const char *token; /* from the path, or NULL */
	const char *body;  /* NULL if it could not be read whole */
	size_t body_len;
	const struct tree *tree; /* of the body; NULL if it is not JSON */
	int64_t now;
	bool proven; /* the proof was accepted, and the body is fit to read */
};

/* What a sender adds to a body to prove itself. */
enum { SOURCE_PROOFS = 3 };

struct source_header {
	const char *name; /* of the CGI variable */
	const char *value;
};

struct source_proof {
	const char *token; /* behind the path, or NULL */
	struct source_header headers[SOURCE_PROOFS];
	size_t n;
	bool untyped; /* it says no content type */
};

/* One alert in a webhook. */
struct source_item {
	struct source_item *next;
	const char *key;    /* deduplication key: UTF-8, 1 to 200 bytes */
	const char *called; /* what its sender calls it, if that is not key and
			       is what its answer is to say; else NULL */
	bool whole;         /* replaces what is known; else changes it */
	bool only_known; /* for an alert that is known and firing, else nothing
			  */
	struct tree *change;
	const struct tree *part; /* what it was read from; NULL: the body */
};

/* What a webhook says.  No items: authentic, but no alert, by its shape or for
 * the reason that is given. */
struct source_reading {
	struct source_item *items;
	const char *why; /* or NULL */
};

/* The option at fault, and which of its values. */
struct source_fault {
	const char *option;
	size_t value;
};

/* The answers in words of the sender's own. */
struct source_words {
	int yes_status;
	/* key: of the first alert, as its sender calls it; "" if there is
	 * none. */
	struct tree *(*yes)(const char *key, struct arena *a);
	struct tree *(*no)(int status, const char *detail, struct arena *a);
};

struct source_kind {
	const char *name;

	/* An option that has the name of one that every source has takes its
	 * place. */
	const struct option *options;

	/*
	 * Look over what was configured, in s->values, and settle it: other
	 * members of s may be set.  A failure says what was wanted; *at begins
	 * as the first value of no option.  May be NULL.
	 */
	bool (*check)(struct source *s, struct arena *a,
	    struct source_fault *at, struct fail *f);

	/* Whether the sender takes only 200 for success, never 202. */
	bool only_200;

	/* NULL: the answers are ours (answer.h). */
	const struct source_words *words;

	/* Whether it says less of an alert than another that shares it, whose
	 * words then stay (event_merge). */
	bool terse;

	/* Whether a body may come with a content type; with any but JSON it is
	 * refused unless any_type. */
	bool any_type;

	/* Whether a key is the sender's as it is, and prefixed by a namespace
	 * only if one was given. */
	bool own_keys;

	/* Whether, as it is configured, it is up to the rest of the body
	 * whether firing and resolve are one alert.  NULL: never. */
	bool (*lacks_key)(const struct source *s);

	/* The option that leaves it to another source to tell what fails, as
	 * it was given; NULL: there is none.  May be NULL. */
	const char *(*spares)(const struct source *s);

	/* Whether prove takes a body that is not JSON, and read reads it. */
	bool any_text;

	/*
	 * The proof.  FAIL_AUTH: there is none, or a wrong one.  FAIL_INPUT:
	 * it cannot be computed, because the body is not there or not JSON.
	 * FAIL_REFUSED: it is proven, but holds nothing that could ring.
	 */
	bool (*prove)(const struct source *s, const struct source_request *r,
	    struct arena *a, struct fail *f);

	/*
	 * Sign a body as the sender would, with the first of the source's own
	 * secrets; *out is empty before.  r holds body, tree (or NULL) and now.
	 */
	bool (*sign)(const struct source *s, const struct source_request *r,
	    struct arena *a, struct source_proof *out, struct fail *f);

	/*
	 * Read a proven webhook; r->tree is there, unless any_text.  An
	 * authentic alert always rings, so this has no way to fail: what is odd
	 * is left out.
	 */
	void (*read)(const struct source *s, const struct source_request *r,
	    struct arena *a, struct source_reading *out);

	/*
	 * Word a merged alert: set title, description and status (and
	 * metadata derived from facts) from what it now knows.  May be NULL:
	 * the alert says it all itself.
	 */
	void (*word)(struct tree *alert, struct arena *a);

	/*
	 * Which of the source's options made a field of an item that was read
	 * ("title", "metadata.tags"), as they were given; NULL: none.  May be
	 * NULL.
	 */
	const char *(*rule)(const struct source *s,
	    const struct source_item *item, const char *field, struct arena *a);

	/*
	 * Whether a body that proves nothing looks like this sender's all the
	 * same: a secret may have been changed on one side alone.  May be NULL.
	 */
	bool (*looks_known)(const struct tree *body);
};

/* All kinds, NULL-terminated. */
extern const struct source_kind *const source_kinds[];

/* The kind of that name, or NULL. */
const struct source_kind *source_kind_find(const char *name);

/* Read a proven webhook as its kind does, and keep with each alert what the
 * configuration wants of the body. */
void source_read(const struct source *s, const struct source_request *r,
    struct arena *a, struct source_reading *out);

/* Whether an item says anything where known (NULL: nothing) is what is known
 * of its alert. */
bool source_speaks(const struct source_item *i, const struct tree *known);

/* The values of one of the kind's options. */
const struct option_value *source_option(
    const struct source *s, const char *name);

/* The SHA-256 of n bytes, in hex. */
const char *source_digest(struct arena *a, const void *bytes, size_t n);

/*
 * A key from an identity of any length and content: the text itself, after
 * prefix, if it is UTF-8 without NUL and they fit in 200 bytes together, else
 * its SHA-256 in hex.  *original is set to the identity (fit to send) if the
 * digest was taken, else to NULL.  prefix may be NULL.
 */
const char *source_key(struct arena *a, const char *prefix, const char *id,
    size_t len, const char **original);

#endif
