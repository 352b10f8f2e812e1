/*
 * The alert event: what incident.io is sent, made from a merged alert.
 *
 * Six keys in this order, absent rather than null: title, deduplication_key,
 * status, description, source_url, metadata (facts/incidentio.md, 1.1).  The
 * body stays under EVENT_MAX bytes, whatever the alert holds: metadata.extra
 * goes first, then the description is cut, then the rest of the metadata
 * goes, largest first; never title, key or status.
 */
#ifndef EVENT_H
#define EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;
struct source;
struct tree;

enum {
	EVENT_MAX = 512000,    /* bytes; incident.io takes 512 KB */
	EVENT_TITLE_MAX = 200, /* characters */
	EVENT_KEY_MAX = 200,   /* bytes */
	EVENT_DEPTH = 16,      /* levels of an alert */
};

/*
 * The alert that a change makes of what was known (NULL: nothing).  whole
 * replaces.  The kind of s words it; what the configuration knows of its
 * tables, and then the source's environment, severity, owners and tags fill in
 * what the sender does not say; received_at is the time of first receipt,
 * and stays once it is set.  Never has a null; what is deeper than EVENT_DEPTH
 * is the text of its JSON.
 * What the sender itself says of the four is kept in the member `sender`, with
 * its kind: a terse kind (source.h) leaves the words of another as they are,
 * but for the status and a severity that is graver, and has its own say when
 * the alert fires anew; what it does not say stays then too. Between them and
 * the kind's words the source's wording is at work (wording.h).
 */
struct tree *event_merge(const struct source *s, const struct tree *known,
    const struct tree *change, bool whole, int64_t now, struct arena *a);

/* "firing" or "resolved"; an alert without a status is firing. */
bool event_resolved(const struct tree *alert);

/*
 * How grave: 0 unknown, 1 (info) to 5 (critical), from metadata.severity in
 * the words in use: SEV-1.., P1.., critical, error, fail, major, warn, minor;
 * if that is none of them, from metadata.severity_sent.
 */
int event_severity(const struct tree *alert);

/* The body for key, as a tree (see EVENT_MAX). */
struct tree *event_body(
    const struct tree *alert, const char *key, struct arena *a);

/* Cut text to at most max characters, at a word if one is near, with "…". */
const char *event_cut(struct arena *a, const char *text, size_t max);

/*
 * Append text so that Markdown shows it as it is: on one line, with the
 * characters that mean something escaped.
 */
void event_markdown(struct buf *out, const char *text);

#endif
