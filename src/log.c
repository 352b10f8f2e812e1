#include "log.h"

#include "when.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* PIPE_BUF on Linux: so long a line reaches a pipe in one piece. */
enum { LINE_SIZE = 4096, VALUE_SIZE = 200 };

static const char line_mark[] = " ...\n";
static const char value_mark[] = "...";

static bool spared;

void
log_spare_terminal(void)
{
	spared = isatty(STDERR_FILENO) == 1;
}

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
}

static bool
is_word(const char *value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_plain((unsigned char)value[i]) || value[i] == ' ' ||
		    value[i] == '=')
			return false;
	return n > 0;
}

static void
put_quoted(struct buf *b, const char *value, size_t n)
{
	buf_puts(b, "\"");
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)value[i];

		if (is_plain(c))
			buf_add(b, &value[i], 1);
		else
			buf_printf(b, "\\x%02x", c);
	}
}

struct log_line
log_begin(int64_t now, const char *event)
{
	struct log_line l = { BUF_MAX(LINE_SIZE - (sizeof(line_mark) - 1)) };
	char at[WHEN_SIZE];

	when_write(now, at);
	buf_printf(&l.text, "time=%s pid=%ld", at, (long)getpid());
	log_str(&l, "event", event);
	return l;
}

void
log_str(struct log_line *l, const char *name, const char *value)
{
	struct buf *b = &l->text;
	size_t before = b->len, all, n;
	bool word;

	if (value == NULL)
		return;
	all = strlen(value);
	n = all > VALUE_SIZE ? VALUE_SIZE : all;
	word = is_word(value, n);
	buf_printf(b, " %s=", name);
	if (word)
		buf_add(b, value, n);
	else
		put_quoted(b, value, n);
	buf_puts(b, n < all ? value_mark : "");
	buf_puts(b, word ? "" : "\"");
	/* Half a value would be another value. */
	if (b->full)
		buf_cut(b, before);
}

void
log_int(struct log_line *l, const char *name, int64_t value)
{
	size_t before = l->text.len;

	buf_printf(&l->text, " %s=%lld", name, (long long)value);
	if (l->text.full)
		buf_cut(&l->text, before);
}

void
log_end(struct log_line *l)
{
	struct buf *b = &l->text;
	const char *end = b->full ? line_mark : "\n";
	int saved = errno;

	b->max = LINE_SIZE;
	b->full = false;
	buf_puts(b, end);
	/* Where stderr cannot be written to there is nowhere to say so. */
	while (!spared && write(STDERR_FILENO, b->data, b->len) == -1 &&
	    errno == EINTR)
		;
	buf_free(b);
	errno = saved;
}
