#include "arena.h"

#include "memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ORDINARY = 32 * 1024, ALIGN = 16 };

struct block {
	struct block *next;
	size_t used;
	size_t size; /* of room */
	_Alignas(ALIGN) unsigned char room[];
};

static size_t
round_up(size_t size)
{
	return (size + ALIGN - 1) / ALIGN * ALIGN;
}

static struct block *
grow(struct arena *a, size_t size)
{
	size_t room = round_up(size > ORDINARY ? size : ORDINARY);
	struct block *b;

	if (size > SIZE_MAX / 2)
		memory_gone();
	b = memory_resize(NULL, sizeof(*b) + room);
	b->size = room;
	b->used = 0;
	/* A giant goes second, so that the ordinary block stays in use. */
	if (size > ORDINARY && a->blocks != NULL) {
		b->next = a->blocks->next;
		a->blocks->next = b;
	} else {
		b->next = a->blocks;
		a->blocks = b;
	}
	return b;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	struct block *b = a->blocks;
	void *p;

	/* All sizes of blocks are multiples of ALIGN, and so is what is used:
	 * what fits, fits rounded up. */
	if (b == NULL || size > b->size - b->used)
		b = grow(a, size);
	p = b->room + b->used;
	b->used += round_up(size);
	return p;
}

char *
arena_copy(struct arena *a, const void *bytes, size_t n)
{
	char *s = arena_alloc(a, n + 1);

	if (n > 0)
		memcpy(s, bytes, n);
	s[n] = '\0';
	return s;
}

char *
arena_str(struct arena *a, const char *s)
{
	return arena_copy(a, s, strlen(s));
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	char short_one[256];
	va_list ap;
	int n;
	char *s;

	va_start(ap, fmt);
	n = vsnprintf(short_one, sizeof(short_one), fmt, ap);
	va_end(ap);
	if (n < (int)sizeof(short_one))
		return arena_copy(a, short_one, n < 0 ? 0 : (size_t)n);
	s = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	(void)vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

void
arena_reset(struct arena *a)
{
	struct block *kept = NULL;

	while (a->blocks != NULL) {
		struct block *b = a->blocks;

		a->blocks = b->next;
		if (kept == NULL && b->size == ORDINARY)
			kept = b;
		else
			free(b);
	}
	if (kept != NULL) {
		kept->next = NULL;
		kept->used = 0;
	}
	a->blocks = kept;
}

void
arena_free(struct arena *a)
{
	while (a->blocks != NULL) {
		struct block *b = a->blocks;

		a->blocks = b->next;
		free(b);
	}
}
