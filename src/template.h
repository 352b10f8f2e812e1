/*
 * Text with holes: {field} of an alert, and {/json/pointer} (RFC 6901) into
 * the webhook's body.
 *
 *	{title} {description} {status} {source_url}
 *	{NAME}			a member of the metadata that adapters use
 *	{metadata.NAME}		any member of the metadata
 *	{metadata.NAME.NAME}	what is within one
 *	{{ }}			a brace itself
 *	\n \\			a line feed, a backslash
 *
 * What is not there is empty, a list is its texts with commas between them.
 * The body is gone when an alert is worded again, so the values at the
 * pointers are picked from each body and kept with the alert.
 */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct fail;
struct tree;

struct template_piece;

struct template
{
	const char *text; /* as it was given */
	struct template_piece *pieces;
	size_t n;
};

/* A failure is FAIL_BROKEN and says what was wanted. */
bool template_parse(
    const char *text, struct arena *a, struct template *out, struct fail *f);

/* Put the value at each pointer into picked, under the pointer: from part (or
 * NULL), else from body; null where it is null.  What is no scalar and no list
 * of them is null too. */
void template_pick(const struct template *t, const struct tree *part,
    const struct tree *body, struct tree *picked, struct arena *a);

/* Fill the holes from the alert and its member `picked`.  markdown: so that
 * Markdown shows what is filled in as it is, but for {description}. */
const char *template_fill(const struct template *t, const struct tree *alert,
    bool markdown, struct arena *a);

/* The same as a value of its own type, if t is but one hole. */
const struct tree *template_value(
    const struct template *t, const struct tree *alert, struct arena *a);

#endif
