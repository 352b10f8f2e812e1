#include "memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || \
    __has_feature(thread_sanitizer)
#define OTHERS_MALLOC 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OTHERS_MALLOC 1
#endif

enum { LARGE = 128 * 1024 };

void
memory_lend(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, LARGE);
}

void
memory_gone(void)
{
	static const char text[] = "bellrelay: out of memory\n";

	/* stdio could ask for memory again. */
	if (write(STDERR_FILENO, text, sizeof(text) - 1) == -1)
		_exit(EX_IOERR);
	_exit(EX_OSERR);
}

static void *
checked(void *p, size_t size)
{
	if (p == NULL && size > 0)
		memory_gone();
	return p;
}

#ifndef OTHERS_MALLOC

/* glibc's own, under names that stay when the usual ones are replaced
 * (glibc manual, "Replacing malloc"). */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

void *
malloc(size_t size)
{
	return checked(__libc_malloc(size), size);
}

void *
calloc(size_t n, size_t size)
{
	return checked(__libc_calloc(n, size), n != 0 ? size : 0);
}

void *
realloc(void *p, size_t size)
{
	return checked(__libc_realloc(p, size), size);
}

#endif

void *
memory_resize(void *p, size_t size)
{
	return checked(realloc(p, size), size);
}
