/*
 * The log: lines on stderr, made where a request or a delivery ends.
 *
 *	time=2026-11-21T10:18:09.000Z pid=7 event=webhook result=delivered ...
 *
 * One write a line.  A value that is not a plain word is quoted, and what is
 * not printable ASCII in it is escaped \xHH, so that no line can forge
 * another (CWE-117) nor move a terminal's cursor.  Values are cut at 200
 * bytes, lines at 4096.  No bodies, no secrets.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

struct log_line {
	struct buf text;
	struct buf words; /* the same as a sentence, for a person */
	bool trouble;
};

/* From now on, where standard error is a terminal, a person reads: of a line
 * with trouble that alone is written, as a sentence, of another nothing; what
 * came of it the command says by itself. */
void log_spare_terminal(void);

/* A line that begins with the time and `event`. */
struct log_line log_begin(int64_t now, const char *event);

/* name=value; a NULL value adds nothing. */
void log_str(struct log_line *l, const char *name, const char *value);
void log_int(struct log_line *l, const char *name, int64_t value);

/* Something is wrong here, whatever came of it: why=value. */
void log_trouble(struct log_line *l, const char *value);

/* Write the line out and free it. */
void log_end(struct log_line *l);

#endif
