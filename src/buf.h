/*
 * A growing run of bytes with a ceiling.
 *
 * data is never NULL and always ends in a NUL that len does not count.
 * An append that would pass the ceiling appends nothing and sets full; so
 * does every append after it.  Build first, look at full once at the end.
 * Out of memory ends the process.
 */
#ifndef BUF_H
#define BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct buf {
	char *data;
	size_t len;
	size_t size; /* bytes allocated; 0 while data is the shared "" */
	size_t max;  /* the ceiling: len never passes it */
	bool full;
};

extern char buf_empty[];

#define BUF_MAX(limit) ((struct buf){ .data = buf_empty, .max = (limit) })

void buf_add(struct buf *b, const void *bytes, size_t n);
static inline void
buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Room for n more bytes, to be written at data + len by the caller, who then
 * calls buf_grew with the number written.  NULL, and full set, if n more
 * bytes would pass the ceiling.
 */
char *buf_room(struct buf *b, size_t n);
void buf_grew(struct buf *b, size_t n);

/* Shorten to len, which must not be past the present length. */
void buf_cut(struct buf *b, size_t len);

/* Forget the contents, keep the memory, clear full. */
void buf_reset(struct buf *b);

/* Give the memory back; b is as good as new. */
void buf_free(struct buf *b);

#endif
