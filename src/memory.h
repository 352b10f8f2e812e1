/*
 * Memory that is there or ends the process.
 *
 * memory.c replaces malloc, calloc and realloc for the whole process,
 * libraries included: where memory runs out the process says so on stderr and
 * ends with EX_OSERR.  json-c hides a failed malloc as a wrong tree or
 * crashes (facts/webservers-and-c.md, 0.1), and no caller of ours has anything
 * better to do: what was answered is on disk, what was not is sent again.
 * A sanitizer brings its own malloc; there the replacement is left out.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

/*
 * From now on what is large goes back to the system when it is freed.  Else
 * glibc keeps the second such piece (mallopt(3), M_MMAP_THRESHOLD), and a
 * process that lives for months is as large as its worst minute.
 */
void memory_lend(void);

/* realloc that does not fail; size is at least 1. */
void *memory_resize(void *p, size_t size);

/*
 * The same end, for a library that says NULL where only memory can be what is
 * missing.
 */
_Noreturn void memory_gone(void);

#endif
