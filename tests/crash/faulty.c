/*
 * Preloaded: what strace cannot inject, since it fails a call without doing
 * it, or a part of it.
 *
 *	FAULTY_MOST=N	one read or write of a regular file moves N bytes
 *	FAULTY_ROOM=N	there is room for N more bytes, then ENOSPC
 *	FAULTY_CLOSE=N	the Nth close closes, and says EIO
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { FDS = 1024 };

static size_t most = SIZE_MAX;
static size_t left = SIZE_MAX;
static size_t closes = SIZE_MAX;
static size_t reserved[FDS]; /* room that a file was given before */

static void
configure(const char *name, size_t *to)
{
	const char *given = getenv(name);

	if (given != NULL)
		*to = strtoul(given, NULL, 10);
}

__attribute__((constructor)) static void
configure_all(void)
{
	configure("FAULTY_MOST", &most);
	configure("FAULTY_ROOM", &left);
	configure("FAULTY_CLOSE", &closes);
}

/* ISO C has no conversion from an object to a function. */
static void
find(const char *name, void *to, size_t size)
{
	void *at = dlsym(RTLD_NEXT, name);

	memcpy(to, &at, size);
}

static int
is_file(int fd)
{
	struct stat st;
	int before = errno;
	int is = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

	errno = before;
	return is;
}

static size_t
cut(int fd, size_t n)
{
	return is_file(fd) && n > most ? most : n;
}

/* How much of a write there is room for: SIZE_MAX is none. */
static size_t
room(int fd, size_t n)
{
	size_t *kept = &reserved[fd % FDS];

	n = cut(fd, n);
	if (!is_file(fd) || left == SIZE_MAX || n == 0)
		return n;
	if (*kept > 0) {
		n = n < *kept ? n : *kept;
		*kept -= n;
		return n;
	}
	if (left == 0) {
		errno = ENOSPC;
		return SIZE_MAX;
	}
	n = n < left ? n : left;
	left -= n;
	return n;
}

ssize_t write(int fd, const void *bytes, size_t n);
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at);
ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at);
ssize_t read(int fd, void *bytes, size_t n);
ssize_t __read_chk(int fd, void *bytes, size_t n, size_t size);
ssize_t pread(int fd, void *bytes, size_t n, off_t at);
ssize_t pread64(int fd, void *bytes, size_t n, off_t at);
ssize_t __pread_chk(int fd, void *bytes, size_t n, off_t at, size_t size);
ssize_t __pread64_chk(int fd, void *bytes, size_t n, off_t at, size_t size);

ssize_t
write(int fd, const void *bytes, size_t n)
{
	ssize_t (*next)(int, const void *, size_t);

	find("write", &next, sizeof(next));
	n = room(fd, n);
	return n == SIZE_MAX ? -1 : next(fd, bytes, n);
}

ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	ssize_t (*next)(int, const void *, size_t, off_t);

	find("pwrite", &next, sizeof(next));
	n = room(fd, n);
	return n == SIZE_MAX ? -1 : next(fd, bytes, n, at);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t n, off_t at)
{
	return pwrite(fd, bytes, n, at);
}

ssize_t
read(int fd, void *bytes, size_t n)
{
	ssize_t (*next)(int, void *, size_t);

	find("read", &next, sizeof(next));
	return next(fd, bytes, cut(fd, n));
}

ssize_t
__read_chk(int fd, void *bytes, size_t n, size_t size)
{
	return read(fd, bytes, n < size ? n : size);
}

ssize_t
pread(int fd, void *bytes, size_t n, off_t at)
{
	ssize_t (*next)(int, void *, size_t, off_t);

	find("pread", &next, sizeof(next));
	return next(fd, bytes, cut(fd, n), at);
}

ssize_t
pread64(int fd, void *bytes, size_t n, off_t at)
{
	return pread(fd, bytes, n, at);
}

ssize_t
__pread_chk(int fd, void *bytes, size_t n, off_t at, size_t size)
{
	return pread(fd, bytes, n < size ? n : size, at);
}

ssize_t
__pread64_chk(int fd, void *bytes, size_t n, off_t at, size_t size)
{
	return pread(fd, bytes, n < size ? n : size, at);
}

/* Whether there is room for n more bytes, which are the file's from now on. */
static int
reserve(int fd, size_t n)
{
	if (left == SIZE_MAX)
		return 1;
	if (left < n)
		return 0;
	left -= n;
	reserved[fd % FDS] = n;
	return 1;
}

int
posix_fallocate(int fd, off_t at, off_t n)
{
	int (*next)(int, off_t, off_t);

	if (!reserve(fd, (size_t)n))
		return ENOSPC;
	find("posix_fallocate", &next, sizeof(next));
	return next(fd, at, n);
}

int
fallocate(int fd, int mode, off_t at, off_t n)
{
	int (*next)(int, int, off_t, off_t);

	if (!reserve(fd, (size_t)n)) {
		errno = ENOSPC;
		return -1;
	}
	find("fallocate", &next, sizeof(next));
	return next(fd, mode, at, n);
}

int
close(int fd)
{
	int (*next)(int);
	int did;

	find("close", &next, sizeof(next));
	if (fd >= 0)
		reserved[fd % FDS] = 0;
	did = next(fd);
	if (closes == SIZE_MAX || --closes != 0)
		return did;
	closes = SIZE_MAX;
	errno = EIO;
	return -1;
}
