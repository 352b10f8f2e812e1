#include "display.h"

#include "array.h"
#include "buf.h"
#include "scan.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char ellipsis[] = "\xe2\x80\xa6";

static const struct {
	uint32_t from, to;
} hidden[] = {
	{ 0x0000, 0x001f },
	{ 0x007f, 0x009f },
	{ 0x061c, 0x061c },
	{ 0x200b, 0x200b },
	{ 0x200e, 0x200f },
	{ 0x2028, 0x202e },
	{ 0x2060, 0x206f },
	{ 0xd800, 0xdfff },
	{ 0xfeff, 0xfeff },
	{ 0xfff9, 0xfffb },
	{ 0xe0000, 0xe0fff },
};

static bool
is_hidden(uint32_t c)
{
	for (size_t i = 0; i < COUNT(hidden); i++)
		if (c >= hidden[i].from && c <= hidden[i].to)
			return true;
	return false;
}

/* The length of a character by its first byte; 0: none begins so. */
static size_t
length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Step over the next character; 0: over a byte that is part of none. */
static size_t
take(struct scan *s, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = length(*s->at);
	const unsigned char *at = s->at;

	*c = n < 2 ? *at : *at & (0x7fU >> n);
	for (size_t i = 1; n > 0 && i < n; i++)
		if (i >= s->left || (at[i] & 0xc0) != 0x80)
			n = 0;
		else
			*c = *c << 6 | (at[i] & 0x3fU);
	if (n > 1 && (*c < least[n] || *c > 0x10ffff))
		n = 0;
	if (n == 0)
		*c = *at;
	(void)scan_take(s, n == 0 ? 1 : n);
	return n;
}

static void
put_escape(struct buf *out, uint32_t c, bool is_byte)
{
	const char *at = strchr("\aa\bb\tt\nn\vv\ff\rr", (int)c);

	if (!is_byte && c != 0 && c < 0x20 && at != NULL)
		buf_printf(out, "\\%c", at[1]);
	else if (is_byte || c < 0x80)
		buf_printf(out, "\\x%02x", (unsigned)c);
	else if (c < 0x10000)
		buf_printf(out, "\\u%04x", (unsigned)c);
	else
		buf_printf(out, "\\U%08x", (unsigned)c);
}

void
display_add(struct buf *out, const char *text, size_t n)
{
	struct scan s = { (const unsigned char *)text, n };

	while (s.left > 0) {
		const unsigned char *at = s.at;
		uint32_t c;
		size_t len = take(&s, &c);

		if (len > 0 && !is_hidden(c))
			buf_add(out, at, len);
		else
			put_escape(out, c, len == 0);
	}
}

void
display_puts(struct buf *out, const char *text)
{
	display_add(out, text, strlen(text));
}

/* Characters in what was made here. */
static size_t
width_of(const char *shown, size_t n)
{
	size_t width = 0;

	for (size_t i = 0; i < n; i++)
		width += ((unsigned char)shown[i] & 0xc0) != 0x80;
	return width;
}

/* Where the character after the first width of them begins. */
static size_t
end_of(const char *shown, size_t n, size_t width)
{
	size_t i = 0;

	while (
	    i < n && (width > 0 || ((unsigned char)shown[i] & 0xc0) == 0x80)) {
		width -= ((unsigned char)shown[i] & 0xc0) != 0x80;
		i++;
	}
	return i;
}

void
display_column(struct buf *out, const char *text, size_t width)
{
	struct buf line = BUF_MAX(out->max);
	size_t used;

	display_puts(&line, text);
	used = width_of(line.data, line.len);
	if (used > width) {
		buf_add(out, line.data, end_of(line.data, line.len, width - 1));
		buf_puts(out, ellipsis);
	} else {
		buf_add(out, line.data, line.len);
	}
	buf_free(&line);
	for (; used < width; used++)
		buf_puts(out, " ");
}

static void
put_json_escape(struct buf *out, uint32_t c)
{
	if (c < 0x10000) {
		buf_printf(out, "\\u%04x", (unsigned)c);
		return;
	}
	c -= 0x10000;
	buf_printf(out, "\\u%04x\\u%04x", 0xd800U + (unsigned)(c >> 10),
	    0xdc00U + (unsigned)(c & 0x3ff));
}

void
display_json(struct buf *out, const char *json, size_t n)
{
	struct scan s = { (const unsigned char *)json, n };

	while (s.left > 0) {
		const unsigned char *at = s.at;
		uint32_t c;
		size_t len = take(&s, &c);

		if (len > 0 && (c == '\n' || !is_hidden(c)))
			buf_add(out, at, len);
		else
			put_json_escape(out, c);
	}
}
