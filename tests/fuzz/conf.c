/*
 * Any bytes at all as a configuration: it is read or refused, and what is
 * printed of one that is read reads and prints as the same.
 */
#include "conf.h"

#include "buf.h"
#include "fail.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char dir[] = "/tmp/bellrelay-fuzz-XXXXXX";

static void
put(const char *name, const void *bytes, size_t n)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1 || write(fd, bytes, n) != (ssize_t)n || close(fd) == -1)
		abort();
}

static void
forget(void)
{
	static const char *const names[] = { "token", "other", "conf" };
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (mkdtemp(dir) == NULL || atexit(forget) != 0)
		return 1;
	put("token", "token\n", 6);
	put("other", "# nothing\n", 10);
	return 0;
}

/* Read and print; what a good one prints is never refused. */
static bool
print(const void *bytes, size_t n, struct buf *out, bool good)
{
	struct conf c = { .path = NULL };
	struct fail f = { 0 };
	char path[64];
	bool done;

	put("conf", bytes, n);
	(void)snprintf(path, sizeof(path), "%s/conf", dir);
	done = conf_read(path, &c, &f);
	if (done)
		conf_print(&c, out);
	if (done != (f.kind == FAIL_NONE) || (good && !done))
		abort();
	conf_free(&c);
	return done;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf first = BUF_MAX(1 << 20), second = BUF_MAX(1 << 20);

	if (print(data, n, &first, false)) {
		(void)print(first.data, first.len, &second, true);
		if (strcmp(first.data, second.data) != 0)
			abort();
	}
	buf_free(&first);
	buf_free(&second);
	return 0;
}
