#include "counters.h"

#include "buf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIGITS = 20, HOST = 64 };

__attribute__((format(printf, 4, 0))) static void
note(struct counters *c, uint64_t n, bool set, const char *fmt, va_list ap)
{
	char series[COUNTERS_SERIES];
	size_t i = 0;

	(void)vsnprintf(series, sizeof(series), fmt, ap);
	while (i < c->n && strcmp(c->add[i].series, series) != 0)
		i++;
	if (i == COUNTERS_BATCH)
		return;
	if (i == c->n) {
		memcpy(c->add[i].series, series, sizeof(series));
		c->add[i].n = 0;
		c->n++;
	}
	c->add[i].n = set ? n : c->add[i].n + n;
	c->add[i].set = set;
}

void
counters_add(struct counters *c, uint64_t n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(c, n, false, fmt, ap);
	va_end(ap);
}

void
counters_set(struct counters *c, uint64_t n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(c, n, true, fmt, ap);
	va_end(ap);
}

/* The upper bounds of the buckets of a histogram. */
static const struct {
	int64_t ms;
	const char *le;
} buckets[COUNTERS_BUCKETS] = {
	{ 5, "0.005" },
	{ 10, "0.01" },
	{ 25, "0.025" },
	{ 50, "0.05" },
	{ 100, "0.1" },
	{ 250, "0.25" },
	{ 500, "0.5" },
	{ 1000, "1" },
	{ 2500, "2.5" },
	{ 5000, "5" },
	{ 10000, "10" },
	{ INT64_MAX, "+Inf" },
};

void
counters_time(
    struct counters *c, const char *name, const char *labels, int64_t ms)
{
	size_t i = 0;

	while (i < c->n_times &&
	    (strcmp(c->times[i].name, name) != 0 ||
		strcmp(c->times[i].labels, labels) != 0))
		i++;
	if (i == COUNTERS_BATCH)
		return;
	if (i == c->n_times) {
		memset(&c->times[i], 0, sizeof(c->times[i]));
		c->times[i].name = name;
		(void)snprintf(c->times[i].labels, sizeof(c->times[i].labels),
		    "%s", labels);
		c->n_times++;
	}
	for (size_t b = 0; b < COUNTERS_BUCKETS; b++)
		c->times[i].in[b] += ms <= buckets[b].ms;
	c->times[i].sum_ms += ms < 0 ? 0 : (uint64_t)ms;
	c->times[i].count++;
}

/* The file of this host; a name that could leave the directory is changed. */
static void
file_name(char out[HOST + 16])
{
	char host[HOST + 1] = "localhost";

	(void)gethostname(host, HOST);
	host[HOST] = '\0';
	for (char *p = host; *p != '\0'; p++)
		if (*p == '/')
			*p = '-';
	(void)snprintf(out, HOST + 16, "counters/%s",
	    host[0] == '.' || host[0] == '\0' ? "localhost" : host);
}

static int
open_file(int dir, int flags)
{
	char name[HOST + 16];

	file_name(name);
	return openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static void
read_file(int fd, struct buf *out)
{
	char *at;
	ssize_t n;

	while ((at = buf_room(out, 16384)) != NULL) {
		n = pread(fd, at, 16384, (off_t)out->len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		buf_grew(out, (size_t)n);
	}
}

/* Where a series' number stands, or NULL. */
static char *
find(struct buf *text, const char *series)
{
	size_t len = strlen(series);

	for (char *line = text->data; *line != '\0';) {
		char *end = strchr(line, '\n');

		if (end == NULL)
			return NULL;
		if ((size_t)(end - line) == len + 1 + DIGITS &&
		    memcmp(line, series, len) == 0 && line[len] == ' ')
			return line + len + 1;
		line = end + 1;
	}
	return NULL;
}

static void
apply(struct buf *text, const char *series, uint64_t n, bool set)
{
	char *at = find(text, series);
	char digits[DIGITS + 1];

	if (at == NULL) {
		buf_printf(text, "%s %0*" PRIu64 "\n", series, DIGITS, n);
		return;
	}
	if (!set)
		n += strtoull(at, NULL, 10);
	(void)snprintf(digits, sizeof(digits), "%0*" PRIu64, DIGITS, n);
	memcpy(at, digits, DIGITS);
}

static void
apply_times(struct buf *text, const struct counters *c, size_t nth)
{
	const char *name = c->times[nth].name;
	const char *labels = c->times[nth].labels;
	char series[COUNTERS_SERIES];

	for (size_t i = 0; i < COUNTERS_BUCKETS; i++) {
		(void)snprintf(series, sizeof(series),
		    "%s_bucket{%s,le=\"%s\"}", name, labels, buckets[i].le);
		apply(text, series, c->times[nth].in[i], false);
	}
	(void)snprintf(series, sizeof(series), "%s_sum_ms{%s}", name, labels);
	apply(text, series, c->times[nth].sum_ms, false);
	(void)snprintf(series, sizeof(series), "%s_count{%s}", name, labels);
	apply(text, series, c->times[nth].count, false);
}

/* A line that a full disk cut short is dropped with what follows. */
static void
whole_lines(struct buf *text)
{
	size_t n = text->len;

	while (n > 0 && text->data[n - 1] != '\n')
		n--;
	buf_cut(text, n);
}

/* Read to be changed, by nobody else meanwhile.  -1 if it cannot be. */
static int
take(int dir, struct buf *text)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open_file(dir, O_RDWR | O_CREAT);

	if (fd == -1 && errno == ENOENT &&
	    (mkdirat(dir, "counters", 0700) == 0 || errno == EEXIST))
		fd = open_file(dir, O_RDWR | O_CREAT);
	if (fd == -1)
		return -1;
	if (fcntl(fd, F_OFD_SETLKW, &lock) == -1) {
		(void)close(fd);
		return -1;
	}
	read_file(fd, text);
	text->full = false;
	whole_lines(text);
	return fd;
}

static void
give_back(int fd, struct buf *text)
{
	/* A full disk takes what it can. */
	(void)!pwrite(fd, text->data, text->len, 0);
	(void)close(fd);
	buf_free(text);
}

static void
apply_all(struct buf *text, const struct counters *c)
{
	for (size_t i = 0; i < c->n; i++)
		apply(text, c->add[i].series, c->add[i].n, c->add[i].set);
	for (size_t i = 0; i < c->n_times; i++)
		apply_times(text, c, i);
}

bool
counters_any(const struct counters *c)
{
	return c->n > 0 || c->n_times > 0;
}

bool
counters_many(const struct counters *c)
{
	return c->n > COUNTERS_BATCH / 2 || c->n_times > COUNTERS_BATCH / 2;
}

void
counters_flush(struct counters *c, int dir)
{
	struct buf text = BUF_MAX(COUNTERS_MAX);
	int fd;

	if (!counters_any(c))
		return;
	fd = take(dir, &text);
	if (fd != -1) {
		apply_all(&text, c);
		give_back(fd, &text);
	}
	c->n = 0;
	c->n_times = 0;
}

void
counters_push(int dir, uint64_t n, const char *const *series, size_t count)
{
	struct buf text = BUF_MAX(COUNTERS_MAX);
	int fd = take(dir, &text);

	if (fd == -1)
		return;
	for (size_t i = count - 1; i > 0; i--) {
		const char *at = find(&text, series[i - 1]);

		apply(&text, series[i], at == NULL ? 0 : strtoull(at, NULL, 10),
		    true);
	}
	apply(&text, series[0], n, true);
	give_back(fd, &text);
}

void
counters_read(int dir, struct buf *out)
{
	int fd = open_file(dir, O_RDONLY);

	if (fd == -1)
		return;
	read_file(fd, out);
	whole_lines(out);
	(void)close(fd);
}
