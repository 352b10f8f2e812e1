/*
 * The journal: a line of JSON for each authentic webhook.
 *
 *	DIR/journal/2026-11-21.jsonl
 *
 * Bounded in size and days, the oldest day goes first.  It is never the
 * reason for a refusal: what cannot be written is not.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

struct buf;

enum { JOURNAL_DAY = 10 };

/*
 * Append a line, which must end in a newline, to the file of the day; dir is
 * the spool's.  Days before `oldest` are removed, and the oldest ones while
 * all are over max_bytes.
 */
void journal_append(int dir, const char *day, const char *oldest,
    uint64_t max_bytes, const struct buf *line);

/* When space is short: the journal goes first.  Whether anything was freed. */
bool journal_give_way(int dir);

/*
 * The days there are, in order, as text of JOURNAL_DAY characters each, one
 * after the other.
 */
void journal_days(int dir, struct buf *out);

/* Open a day's file for reading; -1 if there is none. */
int journal_open(int dir, const char *day);

#endif
