/*
 * What the configuration makes of a source's alerts: title and description by
 * templates, more metadata, one vocabulary for severities.
 *
 * An alert keeps what was its own before in three members, so that it can be
 * worded again by another configuration:
 *
 *	picked	the values at the templates' pointers, under the pointers
 *	added	for each name that was put into the metadata an object,
 *		with the sender's own value in its `was`, if there is one
 *	words	the title and description that templates have replaced
 */
#ifndef WORDING_H
#define WORDING_H

#include <stdbool.h>
#include <stddef.h>

#include "option.h"
#include "template.h"

struct arena;
struct fail;
struct source_fault;
struct source_item;
struct tree;

struct wording_member {
	const char *name;
	const char *given; /* "NAME=TEMPLATE" */
	struct template value;
};

struct wording_rule {
	const char *given; /* "SENT=SEVERITY" */
	const char *sent;  /* a pattern (match.h) */
	const char *alike; /* the same with - for _ */
	const char *severity;
};

struct wording_rules {
	struct wording_rule *items;
	size_t n;
};

struct wording {
	struct template *title;       /* NULL: as it is */
	struct template *description; /* likewise */
	struct wording_member *members;
	size_t n;
	struct wording_rules own; /* of severities; asked before */
	const struct wording_rules *common;
};

/* The options as they were given; a text that was not is NULL. */
struct wording_options {
	const char *title;
	const char *description;
	struct option_value metadata;
	struct option_value severity_map;
};

/* A failure is FAIL_BROKEN, says what was wanted, and sets *at.  *out is NULL
 * if there is nothing to be done. */
bool wording_read(const struct wording_options *given,
    const struct wording_rules *common, struct arena *a,
    const struct wording **out, struct source_fault *at, struct fail *f);
bool wording_read_rules(const struct option_value *given, struct arena *a,
    struct wording_rules *out, struct source_fault *at, struct fail *f);

/* Whether two values of n bytes are the same in a map: case does not count,
 * nor whether _ or - stands somewhere, but for a pattern's brackets. */
bool wording_is_alike(const char *x, const char *y, size_t n);

/* Keep for later what templates want of the webhook's body. */
void wording_pick(const struct wording *w, const struct tree *body,
    struct source_item *item, struct arena *a);

/*
 * The steps of event_merge; w may be NULL.  Undo, in an alert that was merged
 * onto known, what an earlier wording did, but for what the change brings; put
 * in metadata and severity, before the rest of the configuration has its say;
 * after it put in anew all metadata that it does not go by, as templates see
 * then what came of it, and word title and description.
 */
void wording_undo(struct tree *alert, const struct tree *known,
    const struct tree *change, struct arena *a);
void wording_base(const struct wording *w, struct tree *alert, struct arena *a);
void wording_add(const struct wording *w, struct tree *alert, struct arena *a);
void wording_say(const struct wording *w, struct tree *alert, struct arena *a);

/* The rule for a severity, or NULL; _ and - are the same in it: senders write
 * both, and some adapters one for the other. */
const struct wording_rule *wording_rule(
    const struct wording *w, const char *sent, struct arena *a);

#endif
