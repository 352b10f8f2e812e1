#include "secret.h"

#include "arena.h"
#include "buf.h"
#include "fail.h"
#include "file.h"

#include <string.h>
#include <strings.h>

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next line of b from *at on, trimmed; false at the end. */
static bool
next_line(const struct buf *b, size_t *at, const char **line, size_t *len)
{
	const char *s = b->data + *at;
	const char *end;

	if (*at >= b->len)
		return false;
	end = memchr(s, '\n', b->len - *at);
	if (end == NULL)
		end = b->data + b->len;
	*at = (size_t)(end - b->data) + 1;
	while (s < end && is_space(*s))
		s++;
	while (end > s && is_space(end[-1]))
		end--;
	*line = s;
	*len = (size_t)(end - s);
	return true;
}

static bool
has_control(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return true;
	return false;
}

/* Copied with the token from where it was quoted. */
static bool
is_quoted(const char *s, size_t n)
{
	return n > 1 && (s[0] == '"' || s[0] == '\'') && s[n - 1] == s[0];
}

/* It goes into a header; and a byte order mark is no part of a token. */
static bool
is_visible(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return true;
}

static void
forget(struct buf *b)
{
	if (b->size > 0)
		explicit_bzero(b->data, b->size);
	buf_free(b);
}

static bool
find_token(const char *path, const struct buf *b, struct arena *a,
    const char **out, struct fail *f)
{
	const char *line;
	size_t at = 0, len;

	if (!next_line(b, &at, &line, &len) || len == 0)
		return fail_set(f, FAIL_BROKEN,
		    "%s: wanted the token in its first line", path);
	if (len > 7 && strncasecmp(line, "Bearer ", 7) == 0)
		return fail_set(f, FAIL_BROKEN,
		    "%s: wanted the token alone, without the word Bearer",
		    path);
	if (is_quoted(line, len))
		return fail_set(f, FAIL_BROKEN,
		    "%s: wanted the token alone, without quotes", path);
	if (!is_visible(line, len))
		return fail_set(f, FAIL_BROKEN,
		    "%s: wanted a token of visible ASCII characters alone",
		    path);
	*out = arena_copy(a, line, len);
	return true;
}

bool
secret_token(const char *path, struct arena *a, const char **out,
    struct file *seen, struct fail *f)
{
	struct buf b = BUF_MAX(SECRET_MAX);
	bool done = file_read(path, FILE_SECRET, &b, seen, f) &&
	    find_token(path, &b, a, out, f);

	forget(&b);
	return done;
}

static bool
find_lines(const char *path, const struct buf *b, struct arena *a,
    struct option_value *out, struct fail *f)
{
	const char *line;
	size_t at = 0, len, n = 0;

	/* One more than there are line feeds, at most. */
	for (size_t i = 0; i < b->len; i++)
		n += b->data[i] == '\n';
	out->items = arena_alloc(a, (n + 1) * sizeof(*out->items));
	out->n = 0;
	while (next_line(b, &at, &line, &len)) {
		if (has_control(line, len))
			return fail_set(f, FAIL_BROKEN,
			    "%s: wanted a secret a line, without control "
			    "characters",
			    path);
		if (len > 0)
			out->items[out->n++] = arena_copy(a, line, len);
	}
	if (out->n == 0)
		return fail_set(
		    f, FAIL_BROKEN, "%s: wanted a secret a line", path);
	return true;
}

bool
secret_lines(const char *path, struct arena *a, struct option_value *out,
    struct file *seen, struct fail *f)
{
	struct buf b = BUF_MAX(SECRET_MAX);
	bool done = file_read(path, FILE_SECRET, &b, seen, f) &&
	    find_lines(path, &b, a, out, f);

	forget(&b);
	return done;
}
