/*
 * JSON text, written by json-c from trees.  The one room that knows json-c.
 *
 * What is written is JSON that every reader takes: UTF-8 in which lone
 * surrogates and NUL have become U+FFFD; a whole number beyond 64
 * bits and a number beyond a double are written as strings, and so are NaN
 * and the infinities; any other number keeps its text (-0 is 0).
 */
#ifndef JSON_H
#define JSON_H

struct buf;
struct tree;

enum json_layout {
	JSON_PLAIN,  /* one line, no spaces, none of / escaped */
	JSON_PRETTY, /* for people and grep: a member a line, two spaces */
};

/* Append t.  No newline follows. */
void json_write(const struct tree *t, enum json_layout layout, struct buf *out);

#endif
