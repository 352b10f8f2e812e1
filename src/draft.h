/*
 * A change to an alert in the making (source.h says what one is): title,
 * link, metadata, and a description in Markdown, piece by piece.
 *
 * What is NULL, empty or of an odd type is left out.  Every text has a
 * ceiling, so the description has one.
 */
#ifndef DRAFT_H
#define DRAFT_H

#include <stdbool.h>

#include "buf.h"

struct arena;
struct source;
struct source_item;
struct tree;

struct draft {
	struct arena *arena;
	struct tree *change;
	struct tree *metadata;
	struct buf text; /* the description */
	bool listing;    /* its last piece is an item of a list */
};

/* A scalar as text fit to send; NULL for nothing, "" and all else. */
const char *draft_text(const struct tree *t, struct arena *a);

/* A value's JSON, on one line; that of null for NULL. */
const char *draft_json(const struct tree *t, struct arena *a);

/* A copy without rows of the customer's own tables, at any depth: they go
 * nowhere. */
struct tree *draft_without_rows(const struct tree *t, struct arena *a);

/* With ASCII's capitals made small; NULL stays. */
const char *draft_lower(const char *text, struct arena *a);

/*
 * The strings of a list, of lists in it, of the JSON text of one, or of one
 * string with commas; trimmed, each once, sorted: senders do not keep their
 * order.  NULL if there are none.
 */
struct tree *draft_sorted(const struct tree *t, struct arena *a);

/* from goes to metadata.source.  Ends with draft_end, which gives the memory
 * of the description back. */
struct draft draft_new(const char *from, struct arena *a);

void draft_title(struct draft *d, const char *title);
void draft_link(struct draft *d, const char *url);

/* A member of the metadata. */
void draft_put(struct draft *d, const char *name, const char *text);
void draft_put_tree(
    struct draft *d, const char *name, const struct tree *value);

/* Pieces of the description: a paragraph on one line, a text with lines of
 * its own shown as it is, "- **label:** text". */
void draft_say(struct draft *d, const char *text);
void draft_show(struct draft *d, const char *text);
void draft_show_tree(struct draft *d, const struct tree *t); /* JSON, no rows */
void draft_item(struct draft *d, const char *label, const char *text);

/* The alert under key, as a whole. */
struct source_item *draft_end(
    struct draft *d, const char *key, const char *status);

/* The alert under key is over, if it is known and firing; all else that is
 * known of it stays. */
struct source_item *draft_over(const char *key, struct arena *a);

/* ---- many alerts ---- */

struct draft_list {
	struct source_item *first;
	struct source_item *last;
};

void draft_add(struct draft_list *list, struct source_item *item);

/*
 * The key of an identity (NULL: of the value itself, which may be NULL too) in
 * the source's namespace.
 */
const char *draft_key(const struct source *s, const char *id,
    const struct tree *value, struct arena *a);

#endif
