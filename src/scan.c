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
