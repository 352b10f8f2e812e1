#include "display.h"

#include "buf.h"

#include "tap.h"

#include <string.h>

static const struct {
	const char *text;
	const char *want;
	const char *why;
} shown[] = {
	{ "a b", "a b", "plain text stays" },
	{ "caf\xc3\xa9 \xf0\x9f\x94\x94", "caf\xc3\xa9 \xf0\x9f\x94\x94",
	    "letters and emoji stay" },
	{ "\x1b[2J", "\\x1b[2J", "a terminal's escape is no escape any more" },
	{ "a\nb\tc\r", "a\\nb\\tc\\r", "a line is one line" },
	{ "\x7f", "\\x7f", "DEL is shown" },
	{ "\xc2\x9b", "\\u009b", "so are the C1 controls" },
	{ "\xe2\x80\xae", "\\u202e", "text is not turned round" },
	{ "\xe2\x81\xa6", "\\u2066", "nor isolated" },
	{ "\xe2\x80\x8b", "\\u200b", "what cannot be seen is shown" },
	{ "\xef\xbb\xbf", "\\ufeff", "a byte order mark too" },
	{ "\xf3\xa0\x81\x81", "\\U000e0041", "and a tag character" },
	{ "\xff", "\\xff", "a byte that begins nothing" },
	{ "\xc3", "\\xc3", "a character cut short" },
	{ "\xc3(", "\\xc3(", "a wrong second byte is read as itself" },
	{ "\xc0\x9b", "\\xc0\\x9b", "an overlong control is no way round" },
	{ "\xe0\x82\x9b", "\\xe0\\x82\\x9b", "nor is a longer one" },
	{ "\xed\xa0\x80", "\\ud800", "a lone surrogate" },
	{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "past the last of all" },
	{ "\\x1b", "\\x1b", "a backslash stays" },
};

static const struct {
	const char *text;
	size_t width;
	const char *want;
	const char *why;
} columns[] = {
	{ "ab", 4, "ab  ", "filled up" },
	{ "abcd", 4, "abcd", "an exact fit is not cut" },
	{ "abcde", 4, "abc\xe2\x80\xa6", "cut, and it shows" },
	{ "\xc3\xa9\xc3\xa9", 3, "\xc3\xa9\xc3\xa9 ", "characters, not bytes" },
	{ "\xc3\xa9\xc3\xa9\xc3\xa9", 2, "\xc3\xa9\xe2\x80\xa6",
	    "cut between characters" },
	{ "a\nb", 4, "a\\nb", "an escape counts as what it shows" },
};

static const struct {
	const char *text;
	const char *want;
	const char *why;
} json[] = {
	{ "{\n  \"a\": \"b\"\n}", "{\n  \"a\": \"b\"\n}", "JSON stays" },
	{ "\"\xe2\x80\xae\"", "\"\\u202e\"", "bidi becomes a JSON escape" },
	{ "\"\xc2\x9b\x7f\"", "\"\\u009b\\u007f\"", "controls too" },
	{ "\"\xf3\xa0\x81\x81\"", "\"\\udb40\\udc41\"",
	    "beyond 16 bits it is a pair" },
};

static void
same(const struct buf *got, const char *want, const char *why)
{
	ok(got->len == strlen(want) && memcmp(got->data, want, got->len) == 0,
	    "%s", why);
}

int
main(void)
{
	struct buf b = BUF_MAX(1000);

	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		buf_reset(&b);
		display_puts(&b, shown[i].text);
		same(&b, shown[i].want, shown[i].why);
	}
	buf_reset(&b);
	display_add(&b, "a\0b", 3);
	same(&b, "a\\x00b", "NUL is shown");
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		buf_reset(&b);
		display_column(&b, columns[i].text, columns[i].width);
		same(&b, columns[i].want, columns[i].why);
	}
	for (size_t i = 0; i < sizeof(json) / sizeof(json[0]); i++) {
		buf_reset(&b);
		display_json(&b, json[i].text, strlen(json[i].text));
		same(&b, json[i].want, json[i].why);
	}
	buf_free(&b);
	return tap_done();
}
