#include "near.h"

#include <string.h>

enum {
	SLIPS_MAX = 2, /* further apart, one is not meant by the other */
	NAME_MAX_NEAR = 40,
	ALL_MAX = 140, /* it goes into a message */
};

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein's distance, row by row; too many if b is long. */
static size_t
slips(const char *a, const char *b)
{
	size_t row[NAME_MAX_NEAR + 1];
	size_t n = strlen(b);

	if (n > NAME_MAX_NEAR || strlen(a) > NAME_MAX_NEAR)
		return SLIPS_MAX + 1;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++) {
		size_t corner = row[0]++;

		for (size_t j = 1; j <= n; j++) {
			size_t above = row[j];

			row[j] = least(corner + (a[i] != b[j - 1]), above + 1,
			    row[j - 1] + 1);
			corner = above;
		}
	}
	return row[n];
}

struct near
near_new(const char *wrong)
{
	return (struct near){ wrong, NULL, SLIPS_MAX + 1, BUF_MAX(ALL_MAX) };
}

void
near_add(struct near *n, const char *name)
{
	size_t distance = slips(n->wrong, name);

	if (distance < n->slips && distance < strlen(name)) {
		n->slips = distance;
		n->best = name;
	}
	buf_printf(&n->all, "%s%s", n->all.len > 0 ? ", " : "", name);
}

const char *
near_wanted(struct near *n)
{
	if (n->best != NULL)
		return n->best;
	if (n->all.full) {
		n->all.full = false;
		n->all.max += sizeof(" ...");
		buf_puts(&n->all, " ...");
	}
	return n->all.len > 0 ? n->all.data : "none";
}

void
near_free(struct near *n)
{
	buf_free(&n->all);
}
