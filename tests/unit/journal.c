#include "buf.h"
#include "journal.h"

#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[] = "/tmp/journal.XXXXXX";

static const char *
days(int dir)
{
	static struct buf b;

	if (b.size > 0)
		buf_free(&b);
	b = BUF_MAX(1000);
	journal_days(dir, &b);
	return b.data;
}

static void
append(int dir, const char *day)
{
	struct buf line = BUF_MAX(100);

	buf_puts(&line, "{}\n");
	journal_append(dir, day, "2026-01-01", 1000, &line);
	buf_free(&line);
}

static void
giving_way(int dir)
{
	ok(!journal_give_way(dir), "what is not there frees nothing");
	append(dir, "2026-11-20");
	append(dir, "2026-11-21");
	append(dir, "2026-11-22");
	is(days(dir), "2026-11-202026-11-212026-11-22", "days, in order");
	ok(journal_give_way(dir), "when space is short it gives way");
	is(days(dir), "2026-11-212026-11-22", "by its oldest day");
	(void)mkdirat(dir, "journal/2026-11-19.jsonl", 0700);
	ok(journal_give_way(dir), "also where that cannot be removed");
	is(days(dir), "2026-11-192026-11-22", "by the next");
	ok(journal_give_way(dir), "to the last");
	is(days(dir), "2026-11-19", "that can be");
	ok(!journal_give_way(dir), "and then it has freed nothing");
}

static void
cut_off(int dir)
{
	char text[40];
	const char *day = "2026-11-23";
	int fd, n;

	append(dir, day);
	fd = openat(dir, "journal/2026-11-23.jsonl", O_RDWR | O_APPEND);
	ok(write(fd, "{\"a\":", 5) == 5, "a line is cut off by a full disk");
	append(dir, day);
	append(dir, day);
	n = (int)pread(fd, text, sizeof(text) - 1, 0);
	text[n < 0 ? 0 : n] = '\0';
	is(text, "{}\n{\"a\":\n{}\n{}\n", "the next ones are whole");
	(void)close(fd);
}

enum { WRITERS = 4, LINES = 8, LONG = 1 << 22 };

/* Which are long enough to be seen half written. */
static void
write_lines(int dir, const char *day)
{
	struct buf line = BUF_MAX(LONG);

	memset(buf_room(&line, LONG - 1), 'x', LONG - 1);
	buf_grew(&line, LONG - 1);
	buf_puts(&line, "\n");
	for (int i = 0; i < LINES; i++)
		journal_append(dir, day, "2026-01-01", 1ULL << 40, &line);
	buf_free(&line);
}

static void
all_at_once(int dir)
{
	struct stat st = { 0 };

	(void)fflush(stdout);
	for (int i = 0; i < WRITERS; i++)
		if (fork() == 0) {
			write_lines(dir, "2026-11-24");
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	ok(fstatat(dir, "journal/2026-11-24.jsonl", &st, 0) == 0 &&
		st.st_size == (off_t)WRITERS * LINES * LONG,
	    "of several at once none is taken for one that was cut off");
}

int
main(void)
{
	char command[300];
	int dir;

	ok(mkdtemp(root) != NULL, "a directory");
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	giving_way(dir);
	cut_off(dir);
	all_at_once(dir);
	(void)close(dir);
	(void)snprintf(command, sizeof(command), "rm -r %s", root);
	ok(system(command) == 0, "all is cleared away");
	return tap_done();
}
