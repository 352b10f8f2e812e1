#include "log.h"

#include "display.h"
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

static void
put_value(struct log_line *l, const char *name, const char *value)
{
	struct buf *b = &l->text;
	size_t before = b->len, all, n;
	bool word;

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

static void
put_words(
    struct log_line *l, const char *mark, const char *name, const char *value)
{
	buf_printf(&l->words, "%s%s ", mark, name);
	display_puts(&l->words, value);
}

struct log_line
log_begin(int64_t now, const char *event)
{
	struct log_line l = { .text =
				  BUF_MAX(LINE_SIZE - (sizeof(line_mark) - 1)),
		.words = BUF_MAX(LINE_SIZE - (sizeof(line_mark) - 1)) };
	char at[WHEN_SIZE];

	if (spared)
		put_words(&l, "bellrelay", ":", event);
	when_write(now, at);
	buf_printf(&l.text, "time=%s pid=%ld", at, (long)getpid());
	put_value(&l, "event", event);
	return l;
}

void
log_str(struct log_line *l, const char *name, const char *value)
{
	if (value == NULL)
		return;
	put_value(l, name, value);
	if (spared)
		put_words(l, ", ", name, value);
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
log_trouble(struct log_line *l, const char *value)
{
	put_value(l, "why", value);
	if (spared)
		put_words(l, ":", "", value);
	l->trouble = true;
}

void
log_end(struct log_line *l)
{
	struct buf *b = spared ? &l->words : &l->text;
	const char *end = b->full ? line_mark : "\n";
	bool heard = !spared || l->trouble;
	int saved = errno;

	b->max = LINE_SIZE;
	b->full = false;
	buf_puts(b, end);
	/* Where stderr cannot be written to there is nowhere to say so. */
	while (heard && write(STDERR_FILENO, b->data, b->len) == -1 &&
	    errno == EINTR)
		;
	buf_free(&l->text);
	buf_free(&l->words);
	errno = saved;
}
