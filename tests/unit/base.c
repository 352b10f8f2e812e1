#include "arena.h"
#include "buf.h"
#include "fail.h"
#include "memory.h"
#include "scan.h"

#include "tap.h"

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static const struct {
	const char *text;
	unsigned long max;
	bool want;
	unsigned long value;
	const char *why;
} numbers[] = {
	{ "0", 10, true, 0, "zero is a number" },
	{ "10", 10, true, 10, "the limit itself is allowed" },
	{ "11", 10, false, 0, "one past the limit is not" },
	{ "7", 5, false, 0, "a single digit past the limit is not" },
	{ "7x", 10, true, 7, "it stops at the first non-digit" },
	{ "", 10, false, 0, "nothing is not a number" },
	{ "x", 10, false, 0, "a letter is not a number" },
	{ "18446744073709551615", UINT64_MAX, true, UINT64_MAX,
	    "2^64-1 is a number" },
	{ "18446744073709551616", UINT64_MAX, false, 0, "2^64 does not wrap" },
};

static const struct {
	const char *text;
	const char *want;
	const char *why;
} escaped[] = {
	{ "a%2Db%2d%e2%82%ac", "a-b-\xe2\x82\xac", "%XX is a byte" },
	{ "%2541", "%41", "what comes of it is not decoded again" },
	{ "a+b", "a+b", "a plus is a plus" },
	{ "%", "%", "a lone % stays" },
	{ "a%2", "a%2", "half an escape stays" },
	{ "%4g%zz%%41", "%4g%zz%A", "and what is none" },
	{ "a%00b", "a%00b", "nothing ends a text before its end" },
};

static void
scans(void)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct scan s = { (const unsigned char *)numbers[i].text,
			strlen(numbers[i].text) };
		unsigned long got = 0;
		bool did = scan_number(&s, numbers[i].max, &got);

		ok(did == numbers[i].want && (!did || got == numbers[i].value),
		    "%s", numbers[i].why);
	}

	struct scan s = { (const unsigned char *)"abcd", 4 };

	ok(!scan_eat(&s, 'b') && scan_eat(&s, 'a'),
	    "only what comes next is eaten");
	ok(!scan_word(&s, "bx") && scan_word(&s, "bc"),
	    "a word is eaten whole");
	ok(scan_take(&s, 2) == NULL && s.left == 1, "no step past the end");
	ok(scan_peek(&s) == 'd' && scan_eat(&s, 'd') && scan_peek(&s) == -1,
	    "the end reads as -1");
	for (size_t i = 0; i < sizeof(escaped) / sizeof(escaped[0]); i++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "%s", escaped[i].text);
		is(scan_percent(text), escaped[i].want, escaped[i].why);
	}
}

static void
bufs(void)
{
	struct buf b = BUF_MAX(10);

	is(b.data, "", "a new buf is an empty string");
	buf_puts(&b, "12345");
	buf_printf(&b, "%d", 67890);
	is(b.data, "1234567890", "the ceiling itself can be reached");
	buf_puts(&b, "x");
	ok(b.full && b.len == 10,
	    "one byte more adds nothing and is remembered");
	buf_puts(&b, "");
	ok(b.full, "full stays full");
	buf_reset(&b);
	ok(!b.full && b.len == 0, "reset forgets contents and fullness");
	buf_add(&b, "a\0b", 3);
	ok(b.len == 3 && b.data[3] == '\0',
	    "a NUL inside is a byte like others");
	buf_cut(&b, 1);
	is(b.data, "a", "cut shortens");
	buf_free(&b);
	is(b.data, "", "a freed buf is as good as new");
}

static void
arenas(void)
{
	struct arena a = { 0 };
	char *first = arena_str(&a, "first");
	char *giant = arena_alloc(&a, 1 << 20);

	memset(giant, 'x', 1 << 20);
	ok((uintptr_t)arena_alloc(&a, 1) % 16 == 0, "memory is aligned");
	is(arena_printf(&a, "%s-%d", first, 7), "first-7", "text is formatted");
	is(first, "first", "what was handed out stays good");
	arena_reset(&a);
	ok(a.blocks != NULL, "reset keeps a block");
	arena_free(&a);
	ok(a.blocks == NULL, "free keeps none");
}

static void
fails(void)
{
	struct fail f = { 0 };

	ok(!fail_set(&f, FAIL_INPUT, "no %s", "title"),
	    "fail_set returns false");
	fail_set(&f, FAIL_BROKEN, "later");
	is(f.text, "no title", "the first failure wins");
	ok(fail_exit(FAIL_INPUT) == EX_DATAERR, "bad input exits with 65");

	struct fail disk = { 0 };

	errno = ENOSPC;
	fail_sys(&disk, "ticket");
	ok(disk.kind == FAIL_RETRY, "a full disk passes");
	is(disk.text, "ticket: No space left on device",
	    "and says what and why");

	struct fail bug = { 0 };

	errno = EBADF;
	fail_sys(&bug, "ticket");
	ok(bug.kind == FAIL_BROKEN, "a bad descriptor does not pass");
}

/* How the process ends that asks for more memory than it may have. */
static void
memory(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		struct rlimit limit = { 64 << 20, 64 << 20 };
		struct buf b = BUF_MAX((size_t)1 << 30);

		(void)setrlimit(RLIMIT_AS, &limit);
		(void)close(STDERR_FILENO);
		for (;;)
			(void)buf_room(&b, b.size + 1), b.len = b.size - 1;
	}
	(void)waitpid(child, &status, 0);
	ok(WIFEXITED(status),
	    "out of memory ends the process, not by a signal");
	ok(WEXITSTATUS(status) == EX_OSERR || WEXITSTATUS(status) == EX_IOERR,
	    "and its exit code says so");
}

/* The second of a size: glibc has learned from the first by then. */
static void
lending(void)
{
	size_t before;
	void *p;

	memory_lend();
	free(memory_resize(NULL, 1 << 20));
	before = mallinfo2().hblks;
	p = memory_resize(NULL, 1 << 20);
	ok(mallinfo2().hblks == before + 1,
	    "what is large is the system's once it is freed");
	free(p);
}

int
main(void)
{
	scans();
	bufs();
	arenas();
	fails();
#if !defined(__SANITIZE_ADDRESS__)
	memory();
	lending();
#endif
	return tap_done();
}
