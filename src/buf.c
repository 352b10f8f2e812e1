#include "buf.h"

#include "memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 1024 };

char buf_empty[1] = "";

static void
grow(struct buf *b, size_t least)
{
	size_t size = b->size == 0 ? FIRST : b->size;

	while (size < least)
		size *= 2;
	b->data = memory_resize(b->size == 0 ? NULL : b->data, size);
	b->data[b->len] = '\0';
	b->size = size;
}

char *
buf_room(struct buf *b, size_t n)
{
	if (b->full || n > b->max - b->len) {
		b->full = true;
		return NULL;
	}
	if (n >= b->size - b->len)
		grow(b, b->len + n + 1);
	return b->data + b->len;
}

void
buf_grew(struct buf *b, size_t n)
{
	b->len += n;
	b->data[b->len] = '\0';
}

void
buf_add(struct buf *b, const void *bytes, size_t n)
{
	char *at = buf_room(b, n);

	if (at == NULL)
		return;
	if (n > 0)
		memcpy(at, bytes, n);
	buf_grew(b, n);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;
	char *at;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	at = n < 0 ? NULL : buf_room(b, (size_t)n);
	if (at == NULL) {
		b->full = true;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(at, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf_grew(b, (size_t)n);
}

void
buf_cut(struct buf *b, size_t len)
{
	if (len >= b->len)
		return;
	b->len = len;
	b->data[len] = '\0';
}

void
buf_reset(struct buf *b)
{
	buf_cut(b, 0);
	b->full = false;
}

void
buf_free(struct buf *b)
{
	if (b->size > 0)
		free(b->data);
	*b = BUF_MAX(b->max);
}
