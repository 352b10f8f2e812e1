#include "file.h"

#include "buf.h"
#include "fail.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP = 4096 };

static bool
is_as(const struct file *seen, const struct stat *st)
{
	return seen->dev == st->st_dev && seen->ino == st->st_ino &&
	    seen->size == st->st_size &&
	    seen->ctime.tv_sec == st->st_ctim.tv_sec &&
	    seen->ctime.tv_nsec == st->st_ctim.tv_nsec;
}

static void
note(struct file *seen, const char *path, const struct stat *st)
{
	seen->path = path;
	seen->dev = st->st_dev;
	seen->ino = st->st_ino;
	seen->size = st->st_size;
	seen->ctime = st->st_ctim;
}

/* Of a secret also the cure: who reads it must own it. */
static bool
broken(struct fail *f, const char *path, enum file_sort sort)
{
	unsigned long user = geteuid();

	if (sort == FILE_SECRET && errno == EACCES)
		return fail_set(f, FAIL_BROKEN,
		    "%s: user id %lu may not read it; if bellrelay.fcgi runs "
		    "as that user: chown %lu %s, else run this as the user "
		    "that it runs as",
		    path, user, user, path);
	if (sort == FILE_SECRET && errno == ENOENT)
		return fail_set(f, FAIL_BROKEN,
		    "%s: %s; install -m 600 -o USER /dev/null %s, for the user "
		    "that bellrelay.fcgi runs as, then write it in",
		    path, strerror(errno), path);
	if (errno == EACCES)
		return fail_set(f, FAIL_BROKEN,
		    "%s: user id %lu may not read it", path, user);
	if (errno == ELOOP)
		return fail_set(f, FAIL_BROKEN,
		    "%s: a symbolic link; name the file itself", path);
	return fail_set(f, FAIL_BROKEN, "%s: %s", path, strerror(errno));
}

static bool
is_regular(const char *path, const struct stat *st, struct fail *f)
{
	if (S_ISREG(st->st_mode))
		return true;
	return fail_set(f, FAIL_BROKEN, "%s: %s; wanted a regular file", path,
	    S_ISDIR(st->st_mode) ? "a directory" : "not a file");
}

static bool
is_private(const char *path, const struct stat *st, struct fail *f)
{
	if ((st->st_mode & (S_IRGRP | S_IROTH)) != 0)
		return fail_set(f, FAIL_BROKEN,
		    "%s: others may read it; chmod 600 %s", path, path);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return fail_set(f, FAIL_BROKEN,
		    "%s: others may change it; chmod 600 %s", path, path);
	/* So only its owner and root can open it: no need to ask who owns it.
	 */
	return true;
}

static bool
read_all(int fd, const char *path, enum file_sort sort, size_t size,
    struct buf *out, struct fail *f)
{
	/* In one piece if it can be: a secret leaves no copies behind. */
	size_t step = size + 1 > STEP ? size + 1 : STEP;
	size_t limit = out->max;
	ssize_t n;

	/* A byte more than allowed, to see that there is one. */
	out->max = limit + 1;
	do {
		size_t left = out->max - out->len;
		size_t want = step < left ? step : left;

		n = read(fd, buf_room(out, want), want);
		if (n > 0)
			buf_grew(out, (size_t)n);
	} while ((n > 0 && out->len <= limit) || (n == -1 && errno == EINTR));
	out->max = limit;
	if (n == -1)
		return broken(f, path, sort);
	if (out->len <= limit)
		return true;
	buf_reset(out);
	return fail_set(f, FAIL_BROKEN, "%s: over %zu bytes", path, limit);
}

bool
file_read(const char *path, enum file_sort sort, struct buf *out,
    struct file *seen, struct fail *f)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	struct stat st;
	bool done;
	int fd;

	/* Looked at first: to open a device can be to act on it. */
	if (stat(path, &st) == -1 && errno == EACCES)
		return fail_set(f, FAIL_BROKEN,
		    "%s: user id %lu may not enter a directory on the way; "
		    "ls -ld shows which, chmod o+x opens it",
		    path, (unsigned long)geteuid());
	if (stat(path, &st) == -1)
		return broken(f, path, sort);
	if (!is_regular(path, &st, f))
		return false;
	fd = open(path, sort == FILE_SECRET ? flags | O_NOFOLLOW : flags);
	if (fd == -1)
		return broken(f, path, sort);
	if (fstat(fd, &st) == -1)
		done = broken(f, path, sort);
	else
		done = is_regular(path, &st, f) &&
		    (sort != FILE_SECRET || is_private(path, &st, f)) &&
		    read_all(fd, path, sort, (size_t)st.st_size, out, f);
	(void)close(fd);
	note(seen, path, &st);
	return done;
}

bool
file_changed(const struct file *seen)
{
	struct stat st;

	return stat(seen->path, &st) == -1 || !is_as(seen, &st);
}
