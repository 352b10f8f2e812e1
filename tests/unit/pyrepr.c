#include "pyrepr.h"

#include "arena.h"
#include "buf.h"
#include "fail.h"
#include "sign.h"
#include "tree.h"

#include "tap.h"

#include <stdlib.h>

#define LENGTH(table) (sizeof(table) / sizeof((table)[0]))

static struct arena arena;

/* The table of a Unicode version. */
static size_t
table_of(const char *version)
{
	for (size_t i = 0; i < pyrepr_tables(); i++)
		if (strcmp(pyrepr_version(i), version) == 0)
			return i;
	return 0;
}

/* The text for a body, or NULL and why not. */
static const char *
canonical(
    const void *body, size_t n, size_t table, bool *varies, struct fail *f)
{
	struct buf b = BUF_MAX(PYREPR_TIMES * n);
	struct tree *t;
	const char *text = NULL;

	*f = (struct fail){ 0 };
	if (tree_parse(body, n, &arena, &t, f) &&
	    pyrepr_urlencode(t, table, &b, varies, f) && !b.full)
		text = arena_copy(&arena, b.data, b.len);
	buf_free(&b);
	return text;
}

/* ---- the stored vectors ------------------------------------------------ */

static void
vector(const struct tree *v)
{
	struct buf body = BUF_MAX(1 << 20);
	const char *name = tree_cstr(tree_get(v, "name"), &arena);
	const char *base64 = tree_cstr(tree_get(v, "body"), &arena);
	const char *want = tree_cstr(tree_get(v, "want"), &arena);
	const char *text;
	unsigned char mac[SIGN_MAX];
	char hex[2 * SIGN_MAX + 1];
	struct fail f;
	bool varies;

	if (!ok(sign_unbase64(base64, strlen(base64), &body), "%s", name))
		return;
	text = canonical(body.data, body.len, 0, &varies, &f);
	is(text, want, name);
	if (text == NULL || want == NULL) {
		ok(tree_get(v, "error") != NULL &&
			(f.kind == FAIL_INPUT || f.kind == FAIL_AUTH),
		    "%s: refused as Python does", name);
	} else {
		sign_hmac(SIGN_SHA512, "secret", 6, text, strlen(text), mac);
		sign_hex(mac, sizeof(mac), hex);
		is(hex, tree_cstr(tree_get(v, "hmac"), &arena), name);
	}
	buf_free(&body);
}

/* Each line of a file is a vector (see tests/vectors/make.py). */
static void
vectors(const char *path, size_t want)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t size = 0, count = 0;
	ssize_t n;

	while (file != NULL && (n = getline(&line, &size, file)) > 0) {
		struct fail f = { 0 };
		struct tree *v;

		if (!ok(tree_parse(line, (size_t)n, &arena, &v, &f),
			"%s, line %zu is JSON: %s", path, count + 1, f.text))
			continue;
		vector(v);
		count++;
	}
	ok(count == want, "%s holds %zu vectors", path, want);
	free(line);
	if (file != NULL)
		fclose(file);
}

/* ---- floats ------------------------------------------------------------ */

/* From CPython: what stands on the border of a rule of ours. */
static const struct {
	const char *text;
	const char *want;
	const char *why;
} floats[] = {
	{ "49.0", "49.0", "a whole float" },
	{ "1.50", "1.5", "zeros at the end go" },
	{ "100.0e-2", "1.0", "in front of an exponent too" },
	{ "0.000e5", "0.0", "zero with an exponent" },
	{ "-0.0", "-0.0", "zero keeps its sign" },
	{ "-0e0", "-0.0", "as an exponent float too" },
	{ "0.0001", "0.0001", "the least without an exponent" },
	{ "0.00012345", "0.00012345", "zeros behind the point" },
	{ "0.00001", "1e-05", "the next has one, of two digits" },
	{ "1e-10", "1e-10", "two digits" },
	{ "1.25e-100", "1.25e-100", "three digits" },
	{ "1e15", "1000000000000000.0", "zeros before the point" },
	{ "9999999999999998.0", "9999999999999998.0",
	    "the greatest without an exponent" },
	{ "1e16", "1e%2B16", "the next has one" },
	{ "12e15", "1.2e%2B16", "a point after the first digit" },
	{ "1e308", "1e%2B308", "a great one" },
	{ "1.7976931348623157e308", "1.7976931348623157e%2B308",
	    "the greatest" },
	{ "1.7976931348623158e308", "1.7976931348623157e%2B308",
	    "what rounds to it" },
	{ "1.7976931348623159e308", "inf", "what does not" },
	{ "1e309", "inf", "far too great" },
	{ "-1e309", "-inf", "below zero" },
	{ "1e99999999999999999999", "inf", "an exponent past 64 bits" },
	{ "1e-99999999999999999999", "0.0", "the same below" },
	{ "0e99999999999999999999", "0.0", "of nothing" },
	{ "0.00000000000000000000000000000000000000001e41", "1.0",
	    "an exponent that makes up for zeros" },
	{ "2.2250738585072014e-308", "2.2250738585072014e-308",
	    "the least normal one" },
	{ "2.2250738585072011e-308", "2.225073858507201e-308",
	    "the greatest subnormal one" },
	{ "2.2250738585072012e-308", "2.2250738585072014e-308",
	    "half way between them" },
	{ "4.9406564584124654e-324", "5e-324", "the least of all" },
	{ "3e-324", "5e-324", "what rounds up to it" },
	{ "2.4703282292062327e-324", "0.0", "what rounds down from it" },
	{ "1e-323", "1e-323", "two of the least" },
	{ "1.5e-323", "1.5e-323", "three" },
	{ "123456789012345e-320", "1.23456789012345e-306",
	    "fifteen digits, just above where they may be too many" },
	{ "0.1", "0.1", "a tenth" },
	{ "0.30000000000000004", "0.30000000000000004",
	    "what three tenths become in Python" },
	{ "0.3000000000000000444", "0.30000000000000004",
	    "digits past the seventeenth" },
	{ "2251799813685247.75", "2251799813685247.8", "an exact tie" },
	{ "2251799813685247.25", "2251799813685247.2", "an exact tie, even" },
	{ "9007199254740993.0", "9007199254740992.0", "2^53+1 rounds to even" },
	{ "9007199254740995.0", "9007199254740996.0", "2^53+3 too" },
	{ "5.9604644775390625e-08", "5.960464477539063e-08",
	    "2^-24, where the nearest 16 digits are another double" },
	{ "123456789012345678.0", "1.2345678901234568e%2B17",
	    "eighteen digits" },
	{ "1000000000000000000000.0", "1e%2B21", "a digit and many zeros" },
	{ "100000000000000000000000000001.0", "1e%2B29",
	    "a digit, many zeros and a digit" },
	{ "NaN", "nan", "NaN" },
	{ "Infinity", "inf", "infinity" },
	{ "-Infinity", "-inf", "below zero" },
};

static void
repr_float(const char *text, const char *want, const char *why)
{
	struct fail f;
	bool varies;
	const char *body =
	    arena_printf(&arena, "{\"a\":%s,\"b\":[%s]}", text, text);

	is(canonical(body, strlen(body), 0, &varies, &f),
	    arena_printf(&arena, "a=%s&b=%%5B%s%%5D", want, want), why);
}

/* ---- printability ------------------------------------------------------ */

/* U+1FAE8 came with Unicode 15.0, U+1FAE0 with 14.0, U+2FFC with 15.1. */
static const struct {
	const char *body;
	const char *version;
	bool varies;
	const char *want;
	const char *why;
} prints[] = {
	{ "{\"a\":[\"\\ud83e\\udee8\"]}", "14.0", true,
	    "a=%5B%27%5CU0001fae8%27%5D", "too new for 14.0" },
	{ "{\"a\":[\"\\ud83e\\udee8\"]}", "15.0", true,
	    "a=%5B%27%F0%9F%AB%A8%27%5D", "known to 15.0" },
	{ "{\"a\":[\"\\ud83e\\udee0\"]}", "13.0", true,
	    "a=%5B%27%5CU0001fae0%27%5D", "too new for 13.0" },
	{ "{\"a\":[\"\\ud83e\\udee0\"]}", "14.0", true,
	    "a=%5B%27%F0%9F%AB%A0%27%5D", "known to 14.0" },
	{ "{\"a\":[\"\\u2ffc\"]}", "15.0", true, "a=%5B%27%5Cu2ffc%27%5D",
	    "too new for 15.0" },
	{ "{\"a\":[\"\\u2ffc\"]}", "15.1", true, "a=%5B%27%E2%BF%BC%27%5D",
	    "known to 15.1" },
	{ "{\"a\":{\"\\ud83e\\udee8\":1}}", "14.0", true,
	    "a=%7B%27%5CU0001fae8%27%3A+1%7D", "in a nested key" },
	{ "{\"a\":\"\\ud83e\\udee8\"}", "14.0", false, "a=%F0%9F%AB%A8",
	    "at the top level all versions write the same" },
	{ "{\"\\ud83e\\udee8\":[]}", "14.0", false, "%F0%9F%AB%A8=%5B%5D",
	    "in a key there too" },
	{ "{\"a\":[\"\xc3\xa9\\u200b\\ud83d\"]}", "12.1", false,
	    "a=%5B%27%C3%A9%5Cu200b%5Cud83d%27%5D",
	    "what no version disputes" },
	{ "{\"a\":[\"\\ud83e\\udee8\"],\"b\":1,\"c\":[\"x\"]}", "14.0", true,
	    "a=%5B%27%5CU0001fae8%27%5D&b=1&c=%5B%27x%27%5D",
	    "what comes behind does not make up for it" },
};

static void
printability(void)
{
	ok(strcmp(pyrepr_version(0), "14.0") == 0, "Unicode 14.0 comes first");
	ok(pyrepr_tables() >= 5, "there are tables for CPython 3.8 to 3.13");
	for (size_t i = 0; i < LENGTH(prints); i++) {
		struct fail f;
		bool varies = !prints[i].varies;
		const char *got =
		    canonical(prints[i].body, strlen(prints[i].body),
			table_of(prints[i].version), &varies, &f);

		is(got, prints[i].want, prints[i].why);
		ok(varies == prints[i].varies, "%s: versions %s", prints[i].why,
		    varies ? "differ" : "agree");
	}
}

/* ---- the rest ---------------------------------------------------------- */

static const struct {
	const char *body;
	enum fail_kind kind;
	const char *want;
	const char *why;
} refused[] = {
	{ "[]", FAIL_INPUT, "not a JSON object",
	    "an empty list, though Python signs it as nothing" },
	{ "\"\"", FAIL_INPUT, "not a JSON object", "an empty string too" },
	{ "null", FAIL_INPUT, "not a JSON object", "null" },
	{ "{\"a\":\"x\\ud83d\"}", FAIL_AUTH,
	    "half a surrogate pair in a top-level string: nobody can sign "
	    "that",
	    "a lone half in a top-level string" },
	{ "{\"a\":\"\\ude00\"}", FAIL_AUTH,
	    "half a surrogate pair in a top-level string: nobody can sign "
	    "that",
	    "the low half" },
	{ "{\"b\":1,\"\\ud83d\":1}", FAIL_AUTH,
	    "half a surrogate pair in a key: nobody can sign that",
	    "a lone half in a top-level key" },
};

static void
refusals(void)
{
	for (size_t i = 0; i < LENGTH(refused); i++) {
		struct fail f;
		bool varies;

		ok(canonical(refused[i].body, strlen(refused[i].body), 0,
		       &varies, &f) == NULL &&
			f.kind == refused[i].kind,
		    "refused: %s", refused[i].why);
		is(f.text, refused[i].want, refused[i].why);
	}
}

/* Under a table after the first nothing is worked out again. */
static void
floats_are_worked_out_once(void)
{
	static const char text[] =
	    "{\"a\":[0.1,1e400,-1e400,1.7976931348623157e308,5e-324,2e-400,"
	    "0.12345678901234567,-9007199254740993.0,NaN,1e22],"
	    "\"b\":[\"\\ud83e\\udee8\",0.30000000000000004]}";
	struct pyrepr_floats known = PYREPR_FLOATS;
	struct buf plain = BUF_MAX(1 << 12), again = BUF_MAX(1 << 12);
	struct fail f = { 0 };
	struct tree *t = NULL;
	bool varies = false;
	size_t worked = 0;

	(void)tree_parse(text, sizeof(text) - 1, &arena, &t, &f);
	for (size_t i = 0; i < pyrepr_tables(); i++) {
		(void)pyrepr_urlencode(t, i, &plain, &varies, &f);
		ok(pyrepr_urlencode_again(t, i, &known, &again, &varies, &f),
		    "a text under table %s", pyrepr_version(i));
		is(again.data, plain.data, "is the same with the floats known");
		ok(known.whole && known.worked.len > 0 &&
			(i == 0 || known.worked.len == worked),
		    "and none is worked out twice");
		worked = known.worked.len;
		buf_reset(&plain);
		buf_reset(&again);
	}
	ok(varies, "though the texts differ");
	buf_free(&plain);
	buf_free(&again);
	buf_free(&known.worked);
}

static void
appends(void)
{
	struct buf b = BUF_MAX(1 << 10);
	struct fail f = { 0 };
	struct tree *t = tree_new(&arena, TREE_OBJECT);
	bool varies = true;

	buf_puts(&b, "kept ");
	ok(pyrepr_urlencode(t, 0, &b, &varies, &f) && !varies,
	    "an empty object has a text");
	is(b.data, "kept ", "which is empty");
	tree_set(&arena, t, "a", tree_str(&arena, "b"));
	ok(pyrepr_urlencode(t, 0, &b, &varies, &f), "an object has one");
	is(b.data, "kept a=b", "which is appended");
	buf_free(&b);

	t = tree_new(&arena, TREE_OBJECT);
	tree_set(&arena, t, "\xed\xa0\xbd", tree_num(&arena, 1));
	ok(!pyrepr_urlencode(t, 0, &b, &varies, &f) && strlen(b.data) == b.len,
	    "a refusal leaves a string, too");
	buf_free(&b);

	t = tree_new(&arena, TREE_OBJECT);
	for (size_t max = 0; max < 24; max++) {
		struct buf small = BUF_MAX(max);

		tree_set(&arena, t, "a",
		    tree_push(tree_new(&arena, TREE_LIST),
			tree_str(&arena, "0123456789")));
		ok(pyrepr_urlencode(t, 0, &small, &varies, &f) && small.full &&
			small.len <= max,
		    "a ceiling of %zu is kept", max);
		buf_free(&small);
	}
}

/* A tree that no reader made. */
static void
depth(void)
{
	struct tree *top = tree_new(&arena, TREE_OBJECT);
	struct tree *list = tree_new(&arena, TREE_LIST);
	struct buf b = BUF_MAX(1 << 16);
	struct fail f = { 0 };
	bool varies;

	for (int i = 1; i < TREE_DEPTH; i++) {
		struct tree *outer = tree_new(&arena, TREE_LIST);

		tree_push(outer, list);
		list = outer;
	}
	tree_set(&arena, top, "a", list);
	ok(pyrepr_urlencode(top, 0, &b, &varies, &f) &&
		b.len == 2 + 6 * TREE_DEPTH,
	    "256 lists in each other are written");
	tree_set(&arena, top, "a", tree_new(&arena, TREE_LIST));
	tree_push(tree_get(top, "a"), list);
	ok(!pyrepr_urlencode(top, 0, &b, &varies, &f) && f.kind == FAIL_INPUT,
	    "257 are not");
	buf_free(&b);
}

/* Strings longer than room is made for at once. */
static void
lengths(void)
{
	for (size_t n = 120; n < 140; n++) {
		struct buf body = BUF_MAX(1 << 16), want = BUF_MAX(1 << 16);
		struct fail f;
		bool varies;

		buf_puts(&body, "{\"a\":\"");
		buf_puts(&want, "a=");
		for (size_t i = 0; i < n; i++, buf_puts(&want, "x"))
			buf_puts(&body, "x");
		buf_puts(&body, "\xf0\x9f\x98\x80\x7f\",\"b\":[\"");
		buf_puts(&want, "%F0%9F%98%80%7F&b=%5B%27");
		for (size_t i = 0; i < n; i++, buf_puts(&want, "x"))
			buf_puts(&body, "x");
		buf_puts(&body, "\xf4\x8f\xbf\xbf\x7f\"]}");
		buf_puts(&want, "%5CU0010ffff%5Cx7f%27%5D");
		is(canonical(body.data, body.len, 0, &varies, &f), want.data,
		    "a long string with a character on the border");
		buf_free(&body);
		buf_free(&want);
	}
}

/* Every ASCII character at every place: what is looked at many at a time is
 * written as what is looked at singly. */
static void
every_character(void)
{
	for (unsigned c = 0x20; c < 0x7f; c++) {
		const char *one = strchr("\"\\", (int)c) != NULL
		    ? arena_printf(&arena, "\\%c", c)
		    : arena_printf(&arena, "%c", c);
		char hex[8];
		bool same = true;

		snprintf(hex, sizeof(hex), "%%%02X", c);
		for (size_t len = 1; len <= 20; len++)
			for (size_t at = 0; at < len; at++) {
				const char *left = "aaaaaaaaaaaaaaaaaaaa";
				int before = (int)at, after = (int)(len - at);
				struct fail f;
				bool varies;
				const char *body = arena_printf(&arena,
				    "{\"a\":\"%.*s%s%.*s\"}", before, left, one,
				    after, left);
				const char *bare = strchr("_.-~", (int)c) ||
					(c >= '0' && c <= '9') ||
					(c >= 'A' && c <= 'Z') ||
					(c >= 'a' && c <= 'z')
				    ? arena_printf(&arena, "%c", c)
				    : c == ' ' ? "+"
					       : hex;
				const char *want =
				    arena_printf(&arena, "a=%.*s%s%.*s", before,
					left, bare, after, left);
				const char *got = canonical(
				    body, strlen(body), 0, &varies, &f);

				if (got == NULL || strcmp(got, want) != 0)
					same = false;
			}
		ok(same, "'%c' is the same wherever it stands", c);
	}
}

int
main(void)
{
	vectors("tests/vectors/examples.jsonl", 3);
	vectors("tests/vectors/edges.jsonl", 138);
	vectors("tests/vectors/powers.jsonl", 2 * 46);
	for (size_t i = 0; i < LENGTH(floats); i++)
		repr_float(floats[i].text, floats[i].want, floats[i].why);
	printability();
	refusals();
	appends();
	floats_are_worked_out_once();
	depth();
	lengths();
	every_character();
	arena_free(&arena);
	return tap_done();
}
