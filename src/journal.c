#include "journal.h"

#include "buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAYS_MAX = 1 << 16, NAME = 32 };

static void
file_name(const char *day, char out[NAME])
{
	(void)snprintf(out, NAME, "%.10s.jsonl", day);
}

static int
open_journal(int dir)
{
	return openat(
	    dir, "journal", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static bool
is_day(const char *name)
{
	static const char like[] = "dddd-dd-dd.jsonl";

	if (strlen(name) != strlen(like))
		return false;
	for (size_t i = 0; like[i] != '\0'; i++)
		if (like[i] == 'd' ? name[i] < '0' || name[i] > '9'
				   : name[i] != like[i])
			return false;
	return true;
}

static int
by_day(const void *a, const void *b)
{
	return memcmp(a, b, JOURNAL_DAY);
}

void
journal_days(int dir, struct buf *out)
{
	int fd = open_journal(dir);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL) {
		if (fd != -1)
			(void)close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (is_day(e->d_name))
			buf_add(out, e->d_name, JOURNAL_DAY);
	(void)closedir(d);
	qsort(out->data, out->len / JOURNAL_DAY, JOURNAL_DAY, by_day);
}

static uint64_t
size_of(int journal, const char *day)
{
	char name[NAME];
	struct stat st;

	file_name(day, name);
	if (fstatat(journal, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	return (uint64_t)st.st_size;
}

static bool
remove_day(int journal, const char *day)
{
	char name[NAME];

	file_name(day, name);
	return unlinkat(journal, name, 0) == 0;
}

/* The oldest days go, but never the present one. */
static void
bound(int dir, int journal, const char *day, const char *oldest, uint64_t max)
{
	struct buf days = BUF_MAX(DAYS_MAX);
	uint64_t total = 0;

	journal_days(dir, &days);
	for (size_t i = 0; i + JOURNAL_DAY <= days.len; i += JOURNAL_DAY)
		total += size_of(journal, days.data + i);
	for (size_t i = 0; i + JOURNAL_DAY <= days.len; i += JOURNAL_DAY) {
		const char *d = days.data + i;

		if (memcmp(d, day, JOURNAL_DAY) == 0 ||
		    (total <= max && memcmp(d, oldest, JOURNAL_DAY) >= 0))
			continue;
		total -= size_of(journal, d);
		(void)remove_day(journal, d);
	}
	buf_free(&days);
}

/*
 * Of a line that a full disk or the writer's death cut off, the end is missing;
 * the next one would be lost with it.  The lock, which goes with the file, as
 * one that is just being written looks alike; without it a line is empty, no
 * more.
 */
static void
end_line(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat st;
	char last = '\n';

	(void)fcntl(fd, F_OFD_SETLKW, &lock);
	if (fstat(fd, &st) == 0 && st.st_size > 0 &&
	    pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n')
		(void)!write(fd, "\n", 1);
}

/* A day that is full by itself takes no more lines. */
static void
append(int journal, const char *day, uint64_t max, const struct buf *line)
{
	char name[NAME];
	int fd;

	if (size_of(journal, day) + line->len > max)
		return;
	file_name(day, name);
	fd = openat(journal, name,
	    O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return;
	end_line(fd);
	/* One write a line: lines of several processes do not mix. */
	while (write(fd, line->data, line->len) == -1 && errno == EINTR)
		;
	(void)close(fd);
}

void
journal_append(int dir, const char *day, const char *oldest, uint64_t max_bytes,
    const struct buf *line)
{
	int journal;

	if (mkdirat(dir, "journal", 0700) == -1 && errno != EEXIST)
		return;
	journal = open_journal(dir);
	if (journal == -1)
		return;
	bound(dir, journal, day, oldest, max_bytes);
	append(journal, day, max_bytes, line);
	(void)close(journal);
}

bool
journal_give_way(int dir)
{
	struct buf days = BUF_MAX(DAYS_MAX);
	int journal = open_journal(dir);
	bool did = false;

	if (journal == -1)
		return false;
	journal_days(dir, &days);
	for (size_t i = 0; !did && i + JOURNAL_DAY <= days.len;
	     i += JOURNAL_DAY)
		did = remove_day(journal, days.data + i);
	buf_free(&days);
	(void)close(journal);
	return did;
}

int
journal_open(int dir, const char *day)
{
	int journal = open_journal(dir);
	char name[NAME];
	int fd;

	if (journal == -1)
		return -1;
	file_name(day, name);
	fd = openat(journal, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	(void)close(journal);
	return fd;
}
