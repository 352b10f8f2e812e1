#include "tree.h"

#include "arena.h"
#include "buf.h"
#include "fail.h"

#include "tap.h"

#include <stdlib.h>

#define LENGTH(table) (sizeof(table) / sizeof((table)[0]))

static struct arena arena;

/* ---- a tree as text, to compare ---------------------------------------- */

static void show(struct buf *b, const struct tree *t);

static void
show_text(struct buf *b, const char *s, size_t n)
{
	buf_puts(b, "'");
	for (size_t i = 0; i < n; i++)
		if (s[i] == '\0')
			buf_puts(b, "<0>");
		else
			buf_add(b, s + i, 1);
	buf_puts(b, "'");
}

static void
show_children(struct buf *b, const struct tree *t)
{
	const struct tree *last = NULL;

	for (const struct tree *m = t->first; m != NULL; m = m->next) {
		if (m != t->first)
			buf_puts(b, ",");
		if (t->type == TREE_OBJECT) {
			show_text(b, m->key, m->key_len);
			buf_puts(b, ":");
		}
		show(b, m);
		last = m;
	}
	if (t->last != last)
		buf_puts(b, " BUT last IS WRONG");
}

static void
show(struct buf *b, const struct tree *t)
{
	switch (t->type) {
	case TREE_NULL:
		buf_puts(b, "null");
		break;
	case TREE_FALSE:
		buf_puts(b, "false");
		break;
	case TREE_TRUE:
		buf_puts(b, "true");
		break;
	case TREE_INT:
		buf_puts(b, "i");
		buf_add(b, t->text, t->len);
		break;
	case TREE_FLOAT:
		buf_puts(b, "f");
		buf_add(b, t->text, t->len);
		break;
	case TREE_STR:
		show_text(b, t->text, t->len);
		break;
	case TREE_LIST:
		buf_puts(b, "[");
		show_children(b, t);
		buf_puts(b, "]");
		break;
	case TREE_OBJECT:
		buf_puts(b, "{");
		show_children(b, t);
		buf_puts(b, "}");
		break;
	}
}

static void
is_tree(const struct tree *t, const char *want, const char *why)
{
	struct buf b = BUF_MAX(1 << 24);

	if (t == NULL)
		buf_puts(&b, "(null)");
	else
		show(&b, t);
	is(b.data, want, why);
	buf_free(&b);
}

/* A copy without anything behind it, so that a sanitizer sees a step past. */
static struct tree *
parse(const void *bytes, size_t n, struct fail *f)
{
	struct tree *t = NULL;
	char *exact = malloc(n > 0 ? n : 1);
	char *kept = arena_alloc(&arena, n);

	memcpy(exact, bytes, n);
	if (!tree_parse(exact, n, &arena, &t, f) && t != NULL)
		ok(false, "half of a value is none");
	free(exact);
	if (t == NULL)
		return NULL;
	memcpy(kept, bytes, n);
	*f = (struct fail){ 0 };
	return tree_parse(kept, n, &arena, &t, f) ? t : NULL;
}

static struct tree *
tree(const char *text)
{
	struct fail f = { 0 };

	return parse(text, strlen(text), &f);
}

/* ---- what is read ------------------------------------------------------ */

#define B(text) text, sizeof(text) - 1

static const struct {
	const char *bytes;
	size_t n;
	const char *want;
	const char *why;
} taken[] = {
	{ B("null"), "null", "null" },
	{ B(" \t\r\n true \t\r\n "), "true", "white space around a value" },
	{ B("[false , 1]"), "[false,i1]", "white space in a list" },
	{ B("{ \"a\" : 1 , \"b\" : [ ] }"), "{'a':i1,'b':[]}",
	    "white space in an object" },
	{ B("[]"), "[]", "an empty list" },
	{ B("{}"), "{}", "an empty object" },
	{ B("[{},[],[[]],{\"a\":{}}]"), "[{},[],[[]],{'a':{}}]",
	    "lists and objects in each other" },
	{ B("\"\""), "''", "an empty string" },
	{ B("[0,-0,10,-7]"), "[i0,i-0,i10,i-7]", "whole numbers as written" },
	{ B("123456789012345678901234567890"),
	    "i123456789012345678901234567890", "of any length" },
	{ B("[0.0,-0.50,1e5,1E+5,2.5e-3]"), "[f0.0,f-0.50,f1e5,f1E+5,f2.5e-3]",
	    "floats as written" },
	{ B("[NaN,Infinity,-Infinity]"), "[fNaN,fInfinity,f-Infinity]",
	    "Python's three words" },
	{ B("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "'\"\\/\b\f\n\r\t'",
	    "the eight short escapes" },
	{ B("\"a\\u0041\\u00e9\\u20ac\""), "'aA\xc3\xa9\xe2\x82\xac'",
	    "escapes of one, two and three bytes" },
	{ B("\"\\u00E9\\u00e9\""), "'\xc3\xa9\xc3\xa9'",
	    "hex digits in either case" },
	{ B("\"\\ud83d\\ude00\""), "'\xf0\x9f\x98\x80'",
	    "two escaped halves are one character" },
	{ B("\"\\ud83d\""), "'\xed\xa0\xbd'", "a lone high half stays" },
	{ B("\"\\ude00\\ud83d\""), "'\xed\xb8\x80\xed\xa0\xbd'",
	    "halves in the wrong order stay halves" },
	{ B("\"\\ud83d\\ud83d\\ude00\""), "'\xed\xa0\xbd\xf0\x9f\x98\x80'",
	    "a lone half before a pair" },
	{ B("\"\\ud83d\\u0041\""),
	    "'\xed\xa0\xbd"
	    "A'",
	    "a lone half before a letter" },
	{ B("\"\xed\xa0\xbd\xed\xb8\x80\""), "'\xed\xa0\xbd\xed\xb8\x80'",
	    "two raw halves are not joined" },
	{ B("\"\\ud83d\xed\xb8\x80\""), "'\xed\xa0\xbd\xed\xb8\x80'",
	    "nor an escaped half and a raw one" },
	{ B("\"\xed\xa0\xbd\\ude00\""), "'\xed\xa0\xbd\xed\xb8\x80'",
	    "nor a raw half and an escaped one" },
	{ B("\"\\u0000\""), "'<0>'", "NUL in a string" },
	{ B("{\"a\\u0000b\":1,\"a\":2}"), "{'a<0>b':i1,'a':i2}",
	    "NUL in a key, which is not the key before it" },
	{ B("\"\x7f\xe2\x80\xa8\xc2\x80\""), "'\x7f\xe2\x80\xa8\xc2\x80'",
	    "DEL, C1 and line separators need no escape" },
	{ B("\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80"
	    "\xf4\x8f\xbf\xbf\""),
	    "'\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80"
	    "\xf4\x8f\xbf\xbf'",
	    "the ends of each length of UTF-8" },
	{ B("{\"a\":1,\"b\":2,\"a\":3}"), "{'a':i3,'b':i2}",
	    "of a double key the last value in the first place" },
	{ B("{\"a\":1,\"\\u0061\":2}"), "{'a':i2}",
	    "keys are the same if they read the same" },
	{ B("[{\"x\":{\"a\":[1],\"a\":{}}}]"), "[{'x':{'a':{}}}]",
	    "also far down" },
	{ B("{\"a\":1,\"a\":[2],\"b\":0,\"a\":\"3\"}"), "{'a':'3','b':i0}",
	    "three of a kind" },
	{ B("{\"b\":0,\"a\":1,\"a\":2}"), "{'b':i0,'a':i2}",
	    "the last member may go" },
	{ B("{\"\":1}"), "{'':i1}", "an empty key" },
	{ B("{\"e\\u0301\":1,\"\\u00e9\":2}"), "{'e\xcc\x81':i1,'\xc3\xa9':i2}",
	    "keys are not normalised" },
	{ B("\xef\xbb\xbf{\"a\":1}"), "{'a':i1}", "a UTF-8 byte order mark" },
	{ B("\xff\xfe[\0\"\0\xe9\0\"\0]\0"), "['\xc3\xa9']",
	    "UTF-16 with a mark, little end first" },
	{ B("\xfe\xff\0[\0\"\0\xe9\0\"\0]"), "['\xc3\xa9']",
	    "UTF-16 with a mark, big end first" },
	{ B("[\0\"\0\xe9\0\"\0]\0"), "['\xc3\xa9']",
	    "UTF-16 without a mark, little end first" },
	{ B("\0[\0\"\0\xe9\0\"\0]"), "['\xc3\xa9']",
	    "UTF-16 without a mark, big end first" },
	{ B("\"\0\0\x6f\"\0"), "'\xe6\xbc\x80'",
	    "a first character with a low byte of zero" },
	{ B("7\0"), "i7", "one digit in UTF-16" },
	{ B("\0"
	    "7"),
	    "i7", "one digit in UTF-16, big end first" },
	{ B("\"\0\x3d\xd8\0\xde\"\0"), "'\xf0\x9f\x98\x80'",
	    "a pair in UTF-16 is a character" },
	{ B("\"\0\x3d\xd8\"\0"), "'\xed\xa0\xbd'",
	    "a lone half in UTF-16 stays" },
	{ B("\"\0\x3d\xd8\\\0u\0d\0e\0"
	    "0\0"
	    "0\0\"\0"),
	    "'\xed\xa0\xbd\xed\xb8\x80'",
	    "a raw half is not joined with an escaped one in UTF-16" },
	{ B("\xff\xfe\0\0[\0\0\0]\0\0\0"), "[]",
	    "UTF-32 with a mark, little end first" },
	{ B("\0\0\xfe\xff\0\0\0[\0\0\0]"), "[]",
	    "UTF-32 with a mark, big end first" },
	{ B("\"\0\0\0\0\xf6\1\0\"\0\0\0"), "'\xf0\x9f\x98\x80'",
	    "UTF-32 without a mark, little end first" },
	{ B("\0\0\0\"\0\1\xf6\0\0\0\0\""), "'\xf0\x9f\x98\x80'",
	    "UTF-32 without a mark, big end first" },
	{ B("\"\0\0\0\x3d\xd8\0\0\0\xde\0\0\"\0\0\0"),
	    "'\xed\xa0\xbd\xed\xb8\x80'", "two halves in UTF-32 stay halves" },
};

static const struct {
	const char *bytes;
	size_t n;
	const char *want; /* the failure's text, behind "not JSON: " */
	const char *why;
} refused[] = {
	{ B(""), "no value at byte 0", "nothing" },
	{ B(" \n"), "no value at byte 2", "only white space" },
	{ B("tru"), "no value at byte 0", "half a word" },
	{ B("True"), "no value at byte 0", "Python's own words" },
	{ B("nan"), "no value at byte 0", "NaN in another case" },
	{ B("-NaN"), "no value at byte 0", "NaN has no sign" },
	{ B("-Inf"), "no value at byte 0", "half of -Infinity" },
	{ B("+1"), "no value at byte 0", "a plus sign" },
	{ B("-"), "no value at byte 0", "a lone sign" },
	{ B(".5"), "no value at byte 0", "no digit before the point" },
	{ B("01"), "something behind the value at byte 1", "a leading zero" },
	{ B("[1.]"), "no comma or closing bracket at byte 2",
	    "no digit behind the point" },
	{ B("[1e]"), "no comma or closing bracket at byte 2",
	    "no digit in the exponent" },
	{ B("[1e+]"), "no comma or closing bracket at byte 2",
	    "a sign is no exponent" },
	{ B("1 2"), "something behind the value at byte 2", "two values" },
	{ B("{}\0"), "something behind the value at byte 2", "a NUL behind" },
	{ B("\xc2\xa0"
	    "1"),
	    "no value at byte 0", "a no-break space is none" },
	{ B("\f1"), "no value at byte 0", "a form feed is none" },
	{ B("\xef\xbb\xbf\xef\xbb\xbf"
	    "1"),
	    "no value at byte 3", "two byte order marks" },
	{ B("[1,]"), "no value at byte 3", "a comma too many" },
	{ B("[,1]"), "no value at byte 1", "a comma in front" },
	{ B("[1 2]"), "no comma or closing bracket at byte 3", "no comma" },
	{ B("[1}"), "no comma or closing bracket at byte 2",
	    "the other's bracket" },
	{ B("["), "no value at byte 1", "an open list" },
	{ B("[1"), "no comma or closing bracket at byte 2",
	    "an open list with a value" },
	{ B("{"), "no key in double quotes at byte 1", "an open object" },
	{ B("{\"a\":1,}"), "no key in double quotes at byte 7",
	    "a comma too many in an object" },
	{ B("{'a':1}"), "no key in double quotes at byte 1", "single quotes" },
	{ B("{a:1}"), "no key in double quotes at byte 1", "a bare key" },
	{ B("{1:1}"), "no key in double quotes at byte 1", "a number as key" },
	{ B("{\"a\" 1}"), "no colon at byte 5", "no colon" },
	{ B("{\"a\":}"), "no value at byte 5", "a key alone" },
	{ B("{\"a\":1 /**/}"), "no comma or closing brace at byte 7",
	    "a comment" },
	{ B("]"), "no value at byte 0", "a closing bracket" },
	{ B("[\"ab"), "no end of the string that begins at byte 1",
	    "a string without end" },
	{ B("\"\\"), "no end of the string that begins at byte 0",
	    "a backslash at the end" },
	{ B("\"\\\""), "no end of the string that begins at byte 0",
	    "the last quote is escaped" },
	{ B("\"a\tb\""), "a control character in a string at byte 2",
	    "a raw tab" },
	{ B("\"12345678\0\""), "a control character in a string at byte 9",
	    "a raw NUL" },
	{ B("\"\\x41\""), "a bad escape at byte 1", "\\x" },
	{ B("\"\\'\""), "a bad escape at byte 1", "\\'" },
	{ B("\"\\U0041\""), "a bad escape at byte 1", "\\U" },
	{ B("\"ab\\u12G4\""), "a bad escape at byte 3", "a letter past F" },
	{ B("\"\\u12`4\""), "a bad escape at byte 1", "what stands before a" },
	{ B("\"\\u 123\""), "a bad escape at byte 1", "a space is no digit" },
	{ B("\"\\u123\""), "a bad escape at byte 1", "three digits" },
	{ B("\"\\ud83d\\u12\""), "a bad escape at byte 7",
	    "a bad escape behind a high half" },
	{ B("\"\\\xc3\xa9\""), "a string that is not UTF-8 at byte 3",
	    "a backslash before a long character" },
	{ B("\"\xff\""), "a string that is not UTF-8 at byte 1", "FF" },
	{ B("\"\x80\""), "a string that is not UTF-8 at byte 1",
	    "a continuation byte alone" },
	{ B("\"\xc0\x80\""), "a string that is not UTF-8 at byte 1",
	    "NUL in two bytes" },
	{ B("\"\xc1\xbf\""), "a string that is not UTF-8 at byte 1",
	    "DEL in two bytes" },
	{ B("\"\xe0\x9f\xbf\""), "a string that is not UTF-8 at byte 1",
	    "an overlong form of three bytes" },
	{ B("\"\xf0\x8f\xbf\xbf\""), "a string that is not UTF-8 at byte 1",
	    "an overlong form of four bytes" },
	{ B("\"\xf4\x90\x80\x80\""), "a string that is not UTF-8 at byte 1",
	    "past U+10FFFF" },
	{ B("\"\xf5\x80\x80\x80\""), "a string that is not UTF-8 at byte 1",
	    "far past U+10FFFF" },
	{ B("\"\xe2\x82\""), "a string that is not UTF-8 at byte 1",
	    "a character cut by the quote" },
	{ B("\"\xe2\x82"), "a string that is not UTF-8 at byte 1",
	    "a character cut by the end" },
	{ B("[\0]\0x"), "half a character at byte 4", "UTF-16 of odd length" },
	{ B("\"\0\0\0\0\0\x11\0\"\0\0\0"), "no Unicode character at byte 4",
	    "UTF-32 past U+10FFFF" },
	{ B("[\0"
	    "1\0"),
	    "no comma or closing bracket at byte 2 of its UTF-8 "
	    "form",
	    "UTF-16 counts as UTF-8" },
	{ B("1\0\0"), "something behind the value at byte 1",
	    "three bytes are UTF-8" },
};

static void
reads(void)
{
	for (size_t i = 0; i < LENGTH(taken); i++) {
		struct fail f = { 0 };
		struct tree *t = parse(taken[i].bytes, taken[i].n, &f);

		is_tree(t, taken[i].want, taken[i].why);
	}
	for (size_t i = 0; i < LENGTH(refused); i++) {
		struct fail f = { 0 };
		struct tree *t = parse(refused[i].bytes, refused[i].n, &f);
		char want[240];

		snprintf(want, sizeof(want), "not JSON: %s", refused[i].want);
		if (t != NULL || f.kind != FAIL_INPUT)
			ok(false, "refused: %s", refused[i].why);
		else
			is(f.text, want, refused[i].why);
	}
}

/* n times s. */
static void
repeat(struct buf *b, const char *s, size_t n)
{
	while (n-- > 0)
		buf_puts(b, s);
}

static bool
takes(struct buf *b)
{
	struct fail f = { 0 };
	bool did = parse(b->data, b->len, &f) != NULL;

	buf_reset(b);
	return did;
}

static void
limits(void)
{
	struct buf b = BUF_MAX(1 << 24);

	repeat(&b, "[", TREE_DEPTH);
	repeat(&b, "]", TREE_DEPTH);
	ok(takes(&b), "256 levels are read");
	repeat(&b, "[", TREE_DEPTH);
	buf_puts(&b, "1,[]");
	repeat(&b, "]", TREE_DEPTH);
	ok(!takes(&b), "257 are not");
	repeat(&b, "{\"a\":", TREE_DEPTH);
	buf_puts(&b, "1");
	repeat(&b, "}", TREE_DEPTH);
	ok(takes(&b), "objects count as lists do");
	repeat(&b, "[", 1 << 20);
	ok(!takes(&b), "a million brackets are refused");
	buf_puts(&b, "-");
	repeat(&b, "1", TREE_DIGITS);
	ok(takes(&b), "a whole number of 4300 digits, the sign not counted");
	repeat(&b, "1", TREE_DIGITS + 1);
	ok(!takes(&b), "4301 digits are refused");
	repeat(&b, "1", TREE_DIGITS + 1);
	buf_puts(&b, ".0");
	ok(takes(&b), "but not of a float");
	buf_free(&b);
}

/* Objects of many members: the other way to find double keys. */
static void
many(void)
{
	struct buf b = BUF_MAX(1 << 24);
	struct buf want = BUF_MAX(1 << 24);
	struct fail f = { 0 };
	size_t n = 5000;

	buf_puts(&b, "{\"first\":0");
	for (size_t i = 0; i < 3 * n; i++)
		buf_printf(&b, ",\"k%zu\":%zu", i % n * 7919 % n, i);
	buf_puts(&b, ",\"last\":[],\"first\":{}}");
	buf_puts(&want, "{'first':{}");
	for (size_t i = 0; i < n; i++)
		buf_printf(&want, ",'k%zu':i%zu", i * 7919 % n, i + 2 * n);
	buf_puts(&want, ",'last':[]}");
	is_tree(parse(b.data, b.len, &f), want.data,
	    "double keys among thousands: last value, first place");
	buf_free(&b);
	buf_free(&want);

	for (size_t k = 1; k <= 40; k++) {
		buf_puts(&b, "{");
		buf_puts(&want, "{");
		for (size_t i = 0; i < k; i++) {
			buf_printf(&b, "%s\"%zu\":1", i > 0 ? "," : "", i);
			buf_printf(&want, "%s'%zu':i%d", i > 0 ? "," : "", i,
			    i == k - 1 ? 2 : 1);
		}
		buf_printf(&b, ",\"%zu\":2}", k - 1);
		buf_puts(&want, "}");
		f = (struct fail){ 0 };
		is_tree(parse(b.data, b.len, &f), want.data,
		    "a double key at the end of objects of 1 to 40");
		buf_reset(&b);
		buf_reset(&want);
	}
	buf_free(&b);
	buf_free(&want);
}

/* Every byte at every place of strings of many lengths: what is looked at
 * many at a time is what is looked at singly. */
static void
every_byte(void)
{
	bool all[256];

	for (unsigned c = 0; c < 256; c++)
		all[c] = true;
	for (size_t len = 1; len <= 40; len++)
		for (size_t at = 0; at < len; at++)
			for (unsigned c = 0; c < 256; c++) {
				char text[64] = "\"";
				struct fail f = { 0 };
				struct arena a = { 0 };
				struct tree *t;
				bool plain = c >= 0x20 && c < 0x80 &&
				    c != '"' && c != '\\';

				memset(text + 1, 'a', len);
				text[1 + at] = (char)c;
				text[1 + len] = '"';
				if (tree_parse(text, len + 2, &a, &t, &f) !=
					plain ||
				    (plain && t->len != len))
					all[c] = false;
				arena_free(&a);
			}
	for (unsigned c = 0; c < 256; c++)
		ok(all[c], "byte %02x is the same wherever it stands", c);
}

/* ---- looking ----------------------------------------------------------- */

/* The example of RFC 6901, 5, and what it leaves open. */
static const char pointed[] =
    "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,"
    "\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8,\"x\":{\"\":9,"
    "\"~1\":10},\"l\":[0,1,2,3,4,5,6,7,8,9,{\"z\":11}]}";

static const struct {
	const char *pointer;
	const char *want;
	const char *why;
} pointers[] = {
	{ "/foo", "['bar','baz']", "a member" },
	{ "/foo/0", "'bar'", "an element" },
	{ "/", "i0", "the empty key" },
	{ "/a~1b", "i1", "~1 is /" },
	{ "/c%d", "i2", "% means nothing" },
	{ "/e^f", "i3", "nor ^" },
	{ "/g|h", "i4", "nor |" },
	{ "/i\\j", "i5", "nor a backslash" },
	{ "/k\"l", "i6", "nor a quote" },
	{ "/ ", "i7", "a space" },
	{ "/m~0n", "i8", "~0 is ~" },
	{ "/x/", "i9", "an empty key behind a member" },
	{ "/x/~01", "i10", "~01 is ~1, not /" },
	{ "/l/10/z", "i11", "through lists and objects" },
	{ "foo", "(null)", "a pointer begins with a slash" },
	{ "/nope", "(null)", "no such member" },
	{ "/fo", "(null)", "the beginning of a key is not the key" },
	{ "/fooo", "(null)", "nor is a longer one" },
	{ "/foo/2", "(null)", "past the end" },
	{ "/foo/-", "(null)", "the element behind the last is not there" },
	{ "/foo/00", "(null)", "no leading zeros" },
	{ "/foo/01", "(null)", "none at all" },
	{ "/foo/+1", "(null)", "no sign" },
	{ "/foo/", "(null)", "an empty index" },
	{ "/foo/1x", "(null)", "digits only" },
	{ "/foo/18446744073709551616", "(null)", "2^64 does not wrap" },
	{ "/foo/0/x", "(null)", "a string has no members" },
	{ "/m~n", "(null)", "~n is no escape" },
	{ "/m~", "(null)", "nor is ~ at the end" },
};

static void
looks(void)
{
	struct tree *t = tree(pointed);
	struct tree *u = tree("{\"a\":\"x\",\"n\\u0000\":1,\"n\":2}");
	struct tree *l = tree("[1,2,3]");

	for (size_t i = 0; i < LENGTH(pointers); i++)
		is_tree(tree_at(t, pointers[i].pointer), pointers[i].want,
		    pointers[i].why);
	ok(tree_at(t, "") == t, "the empty pointer is the whole");
	ok(tree_at(NULL, "") == NULL && tree_at(NULL, "/a") == NULL,
	    "nothing is in nothing");
	is_tree(tree_get(u, "n"), "i2", "a key with NUL is not its beginning");
	ok(tree_get(u, "b") == NULL && tree_get(l, "a") == NULL &&
		tree_get(NULL, "a") == NULL,
	    "what is not there is NULL");
	ok(tree_count(u) == 3 && tree_count(l) == 3 &&
		tree_count(tree("7")) == 0 && tree_count(NULL) == 0,
	    "children are counted");
	ok(tree_is(u, TREE_OBJECT) && !tree_is(u, TREE_LIST) &&
		!tree_is(NULL, TREE_NULL),
	    "a type is itself, and nothing has none");
	ok(tree_says(tree_get(u, "a"), "x") &&
		!tree_says(tree_get(u, "a"), "xy") &&
		!tree_says(tree_get(u, "n"), "2") && !tree_says(NULL, ""),
	    "only a string says something");
	ok(!tree_says(tree("\"x\\u0000\""), "x"), "to its very end");
}

static const struct {
	const char *text;
	const char *want;
	const char *why;
} cstrs[] = {
	{ "\"abc\"", "abc", "plain text" },
	{ "\"\"", "", "no text" },
	{ "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xed\x9f\xbf\xee\x80\x80\"",
	    "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xed\x9f\xbf\xee\x80\x80",
	    "characters stay, the neighbours of surrogates too" },
	{ "\"a\\ud83db\\ude00\"",
	    "a\xef\xbf\xbd"
	    "b\xef\xbf\xbd",
	    "a lone half is replaced" },
	{ "\"\\u0000a\\u0000\"",
	    "\xef\xbf\xbd"
	    "a\xef\xbf\xbd",
	    "NUL is replaced" },
	{ "-12", "-12", "a whole number as written" },
	{ "1.50", "1.50", "a float as written" },
	{ "true", NULL, "true has no text" },
	{ "null", NULL, "nor has null" },
	{ "[]", NULL, "nor a list" },
};

static const struct {
	const char *text;
	bool want;
	int64_t value;
	const char *why;
} ints[] = {
	{ "0", true, 0, "zero" },
	{ "-0", true, 0, "minus zero" },
	{ "42", true, 42, "a number" },
	{ "-42", true, -42, "below zero" },
	{ "9223372036854775807", true, INT64_MAX, "the greatest" },
	{ "-9223372036854775808", true, INT64_MIN, "the least" },
	{ "9223372036854775808", false, 0, "one more" },
	{ "-9223372036854775809", false, 0, "one less" },
	{ "18446744073709551617", false, 0, "2^64+1 does not wrap" },
	{ "99999999999999999999", false, 0, "twenty digits" },
	{ "1.0", false, 0, "a float is not whole" },
	{ "\"1\"", false, 0, "a string is no number" },
};

static void
values(void)
{
	int64_t n;

	for (size_t i = 0; i < LENGTH(cstrs); i++)
		is(tree_cstr(tree(cstrs[i].text), &arena), cstrs[i].want,
		    cstrs[i].why);
	ok(tree_cstr(NULL, &arena) == NULL, "nothing has no text");
	for (size_t i = 0; i < LENGTH(ints); i++) {
		n = 0;
		ok(tree_int(tree(ints[i].text), &n) == ints[i].want &&
			n == ints[i].value,
		    "an integer: %s", ints[i].why);
	}
	ok(!tree_int(NULL, &n), "nothing is no number");
}

/* ---- making ------------------------------------------------------------ */

static void
makes(void)
{
	struct tree *o = tree_new(&arena, TREE_OBJECT);
	struct tree *l = tree_new(&arena, TREE_LIST);

	tree_set(&arena, o, "a", tree_num(&arena, INT64_MIN));
	tree_set(&arena, o, "b", tree_str(&arena, "x"));
	tree_set(&arena, o, "c", tree_bool(&arena, true));
	is_tree(o, "{'a':i-9223372036854775808,'b':'x','c':true}",
	    "members are added at the end");
	tree_set(&arena, o, "a", l);
	is_tree(o, "{'a':[],'b':'x','c':true}", "or replaced in their place");
	tree_set(&arena, o, "c", NULL);
	is_tree(o, "{'a':[],'b':'x'}", "the last can be removed");
	tree_set(&arena, o, "a", NULL);
	is_tree(o, "{'b':'x'}", "and the first");
	tree_set(&arena, o, "z", NULL);
	is_tree(o, "{'b':'x'}", "removing what is not there changes nothing");
	tree_set(&arena, o, "b", NULL);
	is_tree(o, "{}", "an object can become empty");
	tree_set(&arena, o, "n", tree_new(&arena, TREE_NULL));
	is_tree(o, "{'n':null}", "null is a value");
	tree_push(l, tree_strn(&arena, "xyz", 2));
	tree_push(l, tree_copy(&arena, o));
	tree_push(l, tree_bool(&arena, false));
	is_tree(l, "['xy',{'n':null},false]", "lists grow at the end");
}

/* The examples of RFC 7396, appendix A, and what they leave open. */
static const struct {
	const char *target;
	const char *patch;
	const char *want;
	const char *why;
} merges[] = {
	{ "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{'a':'c'}", "replaced" },
	{ "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{'a':'b','b':'c'}", "added" },
	{ "{\"a\":\"b\"}", "{\"a\":null}", "{}", "removed" },
	{ "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{'b':'c'}",
	    "one of two removed" },
	{ "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{'a':'c'}", "a list replaced" },
	{ "{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{'a':['b']}", "by a list" },
	{ "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}",
	    "{'a':{'b':'d'}}", "merged further down" },
	{ "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{'a':[i1]}",
	    "lists are not merged" },
	{ "[\"a\",\"b\"]", "[\"c\",\"d\"]", "['c','d']", "nor at the top" },
	{ "{\"a\":\"b\"}", "[\"c\"]", "['c']", "an object replaced by a list" },
	{ "{\"a\":\"foo\"}", "null", "null", "or by null" },
	{ "{\"a\":\"foo\"}", "\"bar\"", "'bar'", "or by a string" },
	{ "{\"e\":null}", "{\"a\":1}", "{'e':null,'a':i1}",
	    "a null that was there stays" },
	{ "[1,2]", "{\"a\":\"b\",\"c\":null}", "{'a':'b'}",
	    "a list becomes an object" },
	{ "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{'a':{'bb':{}}}",
	    "nulls in what is new are left out" },
	{ "{\"a\":{\"x\":1},\"b\":2}", "{\"b\":3,\"a\":{\"y\":[null]}}",
	    "{'a':{'x':i1,'y':[null]},'b':i3}",
	    "places stay, nulls in lists too" },
	{ "{\"a\":1}", "{\"a\":{\"b\":{\"c\":null,\"d\":1}}}",
	    "{'a':{'b':{'d':i1}}}", "a scalar becomes an object" },
	{ NULL, "{\"a\":null,\"b\":1}", "{'b':i1}", "nothing as target" },
};

static void
merge_many(void)
{
	struct buf t = BUF_MAX(1 << 24), p = BUF_MAX(1 << 24);
	struct buf want = BUF_MAX(1 << 24);
	const char *by = "";

	for (int i = 0; i < 300; i++, by = ",") {
		buf_printf(&t, "%s\"t%d\":%d", by, i, i);
		buf_printf(&p, "%s\"t%d\":%s", by, i * 2,
		    i % 2 == 0 ? "null" : "true");
		if (i % 2 == 1)
			buf_printf(&want, "%s't%d':i%d", by, i, i);
		else if (i / 2 % 2 == 1)
			buf_printf(&want, "%s't%d':true", by, i);
	}
	for (int i = 300; i < 600; i += 2)
		if (i / 2 % 2 == 1)
			buf_printf(&want, ",'t%d':true", i);
	buf_printf(&want, "}");
	struct tree *m =
	    tree_merge(&arena, tree(arena_printf(&arena, "{%s}", t.data)),
		tree(arena_printf(&arena, "{%s}", p.data)));

	/* t0 was removed, so the first comma is one too many. */
	is_tree(m, arena_printf(&arena, "{%s", want.data + 1),
	    "hundreds of members merge as few do");
	buf_free(&t);
	buf_free(&p);
	buf_free(&want);
}

static void
merge_deep(void)
{
	struct buf b = BUF_MAX(1 << 24);
	struct tree *t;

	repeat(&b, "{\"a\":", TREE_DEPTH);
	buf_puts(&b, "[1]");
	repeat(&b, "}", TREE_DEPTH);
	ok(!takes(&b), "one level more than is read");
	repeat(&b, "{\"a\":", TREE_DEPTH - 1);
	buf_puts(&b, "[1]");
	repeat(&b, "}", TREE_DEPTH - 1);
	t = tree(b.data);
	buf_reset(&b);
	repeat(&b, "{'a':", TREE_DEPTH - 1);
	buf_puts(&b, "[i1]");
	repeat(&b, "}", TREE_DEPTH - 1);
	is_tree(tree_merge(&arena, t, t), b.data,
	    "the deepest trees merge, also with themselves");
	buf_free(&b);
}

static void
merging(void)
{
	for (size_t i = 0; i < LENGTH(merges); i++) {
		struct tree *t =
		    merges[i].target == NULL ? NULL : tree(merges[i].target);
		struct tree *p = tree(merges[i].patch);
		struct buf before = BUF_MAX(1 << 16);
		struct buf after = BUF_MAX(1 << 16);

		if (t != NULL)
			show(&before, t);
		show(&before, p);
		is_tree(
		    tree_merge(&arena, t, p), merges[i].want, merges[i].why);
		if (t != NULL)
			show(&after, t);
		show(&after, p);
		is(after.data, before.data, "neither side has changed");
		buf_free(&before);
		buf_free(&after);
	}

	struct tree *t = tree("{\"a\":{\"x\":[1]},\"l\":[{}]}");
	struct tree *m = tree_merge(&arena, t, tree("{\"b\":{\"y\":{}}}"));

	tree_set(&arena, tree_at(m, "/l/0"), "new", m->first);
	tree_push(tree_at(m, "/a/x"), tree_num(&arena, 2));
	is_tree(t, "{'a':{'x':[i1]},'l':[{}]}",
	    "what was merged can be changed without changing its origin");
	merge_many();
	merge_deep();
}

int
main(void)
{
	reads();
	limits();
	many();
	every_byte();
	looks();
	values();
	makes();
	merging();
	arena_free(&arena);
	return tap_done();
}
