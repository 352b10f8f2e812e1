/*
 * Naps, at random, before and after each call by which a program changes a
 * file or says something.  Linked with -Wl,--wrap=CALL (make slow): a test
 * that holds because the programs are quick is found to fail.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { OFTEN = 7, LEAST_US = 2000, MOST_US = 200000 }; /* OFTEN: per cent */

static uint32_t
chance(void)
{
	static uint64_t state;
	struct timespec t;

	if (state == 0) {
		(void)clock_gettime(CLOCK_MONOTONIC, &t);
		state = ((uint64_t)getpid() << 32) ^ (uint64_t)t.tv_nsec ^ 1;
	}
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

static void
nap(void)
{
	int kept = errno;
	struct timespec t = { 0 };

	if (chance() % 100 < OFTEN) {
		t.tv_nsec = 1000L *
		    (LEAST_US + (long)(chance() % (MOST_US - LEAST_US)));
		while (nanosleep(&t, &t) == -1 && errno == EINTR)
			;
	}
	errno = kept;
}

#define SLOW(type, name, takes, given) \
	type __real_##name takes; \
	type __wrap_##name takes; \
	type __wrap_##name takes \
	{ \
		type got; \
\
		nap(); \
		got = __real_##name given; \
		nap(); \
		return got; \
	}

SLOW(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n))
SLOW(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t at),
    (fd, b, n, at))
SLOW(ssize_t, send, (int fd, const void *b, size_t n, int how), (fd, b, n, how))
SLOW(int, fsync, (int fd), (fd))
SLOW(int, close, (int fd), (fd))
SLOW(int, renameat, (int from, const char *old, int to, const char *new),
    (from, old, to, new))
SLOW(int, linkat, (int from, const char *old, int to, const char *new, int how),
    (from, old, to, new, how))
SLOW(int, unlinkat, (int dir, const char *name, int how), (dir, name, how))
