#include "json.h"

#include "arena.h"
#include "buf.h"
#include "fail.h"
#include "tree.h"

#include "tap.h"

#include <stdlib.h>

static const struct {
	const char *text;
	const char *want;
	const char *why;
} values[] = {
	{ "null", "null", "null alone is a value" },
	{ "[true,false,null]", "[true,false,null]", "the three words" },
	{ " { } ", "{}", "an empty object has no spaces" },
	{ "[ ]", "[]", "an empty list has no spaces" },
	{ "{\"b\":1, \"a\":2}", "{\"b\":1,\"a\":2}",
	    "members keep their order" },
	{ "\"https://x/y\"", "\"https://x/y\"", "a slash is not escaped" },
	{ "\"\\\"\\\\\\n\\t\\u0001\"", "\"\\\"\\\\\\n\\t\\u0001\"",
	    "quotes, backslashes and control characters are" },
	{ "\"caf\xc3\xa9 \xf0\x9f\x98\x80\"",
	    "\"caf\xc3\xa9 \xf0\x9f\x98\x80\"", "text is UTF-8, not escapes" },
	{ "\"a\\u0000b\"",
	    "\"a\xef\xbf\xbd"
	    "b\"",
	    "NUL becomes U+FFFD" },
	{ "\"a\\ud800b\"",
	    "\"a\xef\xbf\xbd"
	    "b\"",
	    "a lone surrogate becomes one U+FFFD" },
	{ "{\"a\\u0000b\":1}",
	    "{\"a\xef\xbf\xbd"
	    "b\":1}",
	    "in a name as well" },
	{ "{\"a\\u0000\":1,\"b\":2,\"a\\ud800\":3}",
	    "{\"a\xef\xbf\xbd\":3,\"b\":2}",
	    "of two names that become the same the last value stays" },
	{ "0", "0", "zero" },
	{ "-0", "0", "minus zero, a whole number, is zero" },
	{ "-0.0", "-0.0", "minus zero, a float, keeps its text" },
	{ "49.0", "49.0", "a float keeps its text" },
	{ "1E5", "1E5", "an exponent keeps its text" },
	{ "0.1000000000000000055", "0.1000000000000000055",
	    "digits beyond a double's are kept" },
	{ "1e-400", "1e-400", "what is too small for a double is kept" },
	{ "9223372036854775807", "9223372036854775807", "2^63-1 is a number" },
	{ "-9223372036854775808", "-9223372036854775808", "-2^63 is a number" },
	{ "18446744073709551615", "18446744073709551615",
	    "2^64-1 is a number of 64 bits" },
	{ "18446744073709551616", "\"18446744073709551616\"",
	    "2^64 is written as a string" },
	{ "-9223372036854775809", "\"-9223372036854775809\"",
	    "below -2^63 is written as a string" },
	{ "99999999999999999999", "\"99999999999999999999\"",
	    "twenty digits can be too many" },
	{ "1e400", "\"1e400\"", "beyond a double is written as a string" },
	{ "-1e400", "\"-1e400\"", "and below one" },
	{ "[NaN,Infinity,-Infinity]", "[\"NaN\",\"Infinity\",\"-Infinity\"]",
	    "what JSON cannot say is written as strings" },
};

static void
writes(const char *text, enum json_layout layout, const char *want,
    const char *why)
{
	struct arena a = { 0 };
	struct buf b = BUF_MAX(1 << 20);
	struct fail f = { 0 };
	struct tree *t;

	if (ok(tree_parse(text, strlen(text), &a, &t, &f), "%s can be read",
		text)) {
		json_write(t, layout, &b);
		is(b.data, want, why);
	}
	buf_free(&b);
	arena_free(&a);
}

/* Bytes that never passed the reader, such as the cause of a failed call. */
static void
foreign(void)
{
	static const struct {
		const char *text;
		const char *want;
		const char *why;
	} bad[] = {
		{ "a\xff"
		  "b",
		    "\"a\xef\xbf\xbd"
		    "b\"",
		    "no lead byte" },
		{ "a\xc3", "\"a\xef\xbf\xbd\"", "an end cut off" },
		{ "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"",
		    "two bytes of three" },
		{ "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"",
		    "an overlong form" },
		{ "\xed\xa0", "\"\xef\xbf\xbd\xef\xbf\xbd\"",
		    "half a surrogate" },
		{ "\xf4\x90\x80\x80",
		    "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"",
		    "past U+10FFFF" },
	};
	struct arena a = { 0 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf b = BUF_MAX(100);
		/* In memory of its own, so that a sanitizer sees its end. */
		size_t n = strlen(bad[i].text);
		char *text = malloc(n);

		memcpy(text, bad[i].text, n);
		json_write(tree_strn(&a, text, n), JSON_PLAIN, &b);
		is(b.data, bad[i].want, bad[i].why);
		buf_free(&b);
		free(text);
	}
	arena_free(&a);
}

static void
deep(void)
{
	struct arena a = { 0 };
	struct buf text = BUF_MAX(1 << 12);
	struct buf b = BUF_MAX(1 << 12);
	struct buf small = BUF_MAX(10);
	struct fail f = { 0 };
	struct tree *t = NULL;

	for (int i = 0; i < TREE_DEPTH; i++)
		buf_puts(&text, "[");
	for (int i = 0; i < TREE_DEPTH; i++)
		buf_puts(&text, "]");
	ok(tree_parse(text.data, text.len, &a, &t, &f), "256 levels are read");
	json_write(t, JSON_PLAIN, &b);
	is(b.data, text.data, "and written");
	json_write(t, JSON_PLAIN, &small);
	ok(small.full && small.len == 0, "a full buf is left as it is");
	buf_free(&small);
	buf_free(&b);
	buf_free(&text);
	arena_free(&a);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		writes(
		    values[i].text, JSON_PLAIN, values[i].want, values[i].why);
	writes("{\"status\":\"firing\",\"metadata\":{\"tags\":[\"a\",1],"
	       "\"url\":\"https://x\"}}",
	    JSON_PRETTY,
	    "{\n  \"status\": \"firing\",\n  \"metadata\": {\n"
	    "    \"tags\": [\n      \"a\",\n      1\n    ],\n"
	    "    \"url\": \"https://x\"\n  }\n}",
	    "for people: a member a line, two spaces");
	foreign();
	deep();
	return tap_done();
}
