/*
 * Text of strangers, made safe for a terminal.
 *
 * What could move a cursor, hide or turn round other text is escaped: control
 * characters, bidirectional and invisible ones, line breaks, bytes that are
 * no UTF-8.  They read \n, \x1b or \u202e.
 */
#ifndef DISPLAY_H
#define DISPLAY_H

#include <stddef.h>

struct buf;

/* Append on one line. */
void display_add(struct buf *out, const char *text, size_t n);
void display_puts(struct buf *out, const char *text);

/* Append, cut to width characters with an ellipsis and filled up to it. */
void display_column(struct buf *out, const char *text, size_t width);

/* Append JSON text, whose line breaks stay, with such characters written as
 * JSON escapes: it is the same value. */
void display_json(struct buf *out, const char *json, size_t n);

#endif
