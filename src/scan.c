#include "scan.h"

#include <string.h>

const unsigned char *
scan_take(struct scan *s, size_t n)
{
	const unsigned char *at = s->at;

	if (n > s->left)
		return NULL;
	s->at += n;
	s->left -= n;
	return at;
}

int
scan_peek(const struct scan *s)
{
	return s->left > 0 ? *s->at : -1;
}

bool
scan_eat(struct scan *s, char c)
{
	if (scan_peek(s) != (unsigned char)c)
		return false;
	return scan_take(s, 1) != NULL;
}

bool
scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if (s->left < n || memcmp(s->at, word, n) != 0)
		return false;
	return scan_take(s, n) != NULL;
}

bool
scan_number(struct scan *s, unsigned long max, unsigned long *out)
{
	struct scan rest = *s;
	unsigned long n = 0;

	while (scan_peek(&rest) >= '0' && scan_peek(&rest) <= '9') {
		unsigned long digit = *scan_take(&rest, 1) - (unsigned)'0';

		if (digit > max || n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	if (rest.left == s->left)
		return false;
	*s = rest;
	*out = n;
	return true;
}

/* -1: none */
static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte of an escape, 0 if it is none. */
static int
escaped_byte(const char *s)
{
	int high = s[0] == '%' ? hex_digit(s[1]) : -1;
	int low = high == -1 ? -1 : hex_digit(s[2]);

	return low == -1 ? 0 : high * 16 + low;
}

char *
scan_percent(char *text)
{
	char *to = text;

	for (const char *s = text; *s != '\0'; to++) {
		int byte = escaped_byte(s);

		*to = byte == 0 ? *s : (char)byte;
		s += byte == 0 ? 1 : 3;
	}
	*to = '\0';
	return text;
}
