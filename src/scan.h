/*
 * Reading bytes that may lie.
 *
 * A scan is the unread rest of some input.  Only the functions here move it,
 * so the pointer and the count cannot drift apart.
 */
#ifndef SCAN_H
#define SCAN_H

#include <stdbool.h>
#include <stddef.h>

struct scan {
	const unsigned char *at;
	size_t left;
};

/* Step over n bytes and return where they began, or NULL if fewer are left. */
const unsigned char *scan_take(struct scan *s, size_t n);

/* The next byte, or -1 at the end.  Does not move. */
int scan_peek(const struct scan *s);

/* Step over c if it comes next. */
bool scan_eat(struct scan *s, char c);

/* Step over word if it comes next, whole. */
bool scan_word(struct scan *s, const char *word);

/* Read a decimal number no greater than max; on failure nothing moves. */
bool scan_number(struct scan *s, unsigned long max, unsigned long *out);

/*
 * Decode %XX in text, in place (RFC 3986, 2.1), and return it.  What is no such
 * escape stays as it is, and so does %00.
 */
char *scan_percent(char *text);

#endif
