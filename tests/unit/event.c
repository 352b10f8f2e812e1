#include "event.h"

#include "arena.h"
#include "buf.h"
#include "fail.h"
#include "json.h"
#include "source.h"
#include "table.h"
#include "tree.h"

#include "tap.h"

#include <stdlib.h>

static struct arena arena;

static const struct source_kind plain = { .name = "plain" };

static struct tree *
parse(const char *text)
{
	struct fail f = { 0 };
	struct tree *t = NULL;

	if (!tree_parse(text, strlen(text), &arena, &t, &f))
		ok(false, "%s: %s", text, f.text);
	return t;
}

static const char *
text_of(const struct tree *t)
{
	struct buf b = BUF_MAX(1 << 24);
	const char *text;

	json_write(t, JSON_PLAIN, &b);
	text = arena_copy(&arena, b.data, b.len);
	buf_free(&b);
	return text;
}

/* n times unit. */
static const char *
repeat(const char *unit, size_t n)
{
	struct buf b = BUF_MAX(1 << 24);
	const char *text;

	for (size_t i = 0; i < n; i++)
		buf_puts(&b, unit);
	text = arena_copy(&arena, b.data, b.len);
	buf_free(&b);
	return text;
}

/* ---- text -----------------------------------------------------------------
 */

static const struct {
	const char *text;
	size_t max;
	const char *want;
	const char *why;
} cuts[] = {
	{ "artemis", 7, "artemis", "what fits stays" },
	{ "artemis", 6, "artem\xe2\x80\xa6",
	    "what does not ends in an ellipsis" },
	{ "artemis has 42 rows", 14, "artemis has\xe2\x80\xa6",
	    "the cut is at a word" },
	{ "artemis has 42 rows", 12, "artemis has\xe2\x80\xa6",
	    "a whole word before the cut stays" },
	{ "artemis, apollo", 10, "artemis\xe2\x80\xa6",
	    "no comma before the ellipsis" },
	{ "one aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 40,
	    "one aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xe2\x80\xa6",
	    "a word that begins far before the cut is cut" },
	{ "\xc3\xa9\xc3\xa9\xc3\xa9", 3, "\xc3\xa9\xc3\xa9\xc3\xa9",
	    "characters are counted, not bytes" },
	{ "\xc3\xa9\xc3\xa9\xc3\xa9", 2, "\xc3\xa9\xe2\x80\xa6",
	    "no character is cut in two" },
	{ "ab", 1, "\xe2\x80\xa6", "one character is the ellipsis" },
	{ "ab", 0, "", "none is nothing" },
};

static const struct {
	const char *text;
	const char *want;
	const char *why;
} marks[] = {
	{ "artemis", "artemis", "words stay" },
	{ "custom_metric_1234", "custom_metric_1234",
	    "an underscore inside a word means nothing" },
	{ "__init__", "\\_\\_init\\_\\_", "at its ends it does" },
	{ "a*b*c", "a\\*b\\*c", "an asterisk means something everywhere" },
	{ "`x` [y](z) <b> ~d~ a|b c\\d",
	    "\\`x\\` \\[y\\](z) \\<b> \\~d\\~ a\\|b c\\\\d",
	    "code, links, HTML, strikes, tables and escapes" },
	{ "R&D &amp; &#38;", "R\\&D \\&amp; \\&#38;",
	    "an ampersand before a letter may begin an entity" },
	{ "a & b", "a & b", "alone it does not" },
	{ "# x", "\\# x", "a heading" },
	{ "x # y", "x # y", "no heading inside a line" },
	{ "> x", "\\> x", "a quote" },
	{ "x > 5", "x > 5", "no quote inside a line" },
	{ "- x", "\\- x", "a list" },
	{ "-5", "-5", "a negative number is no list" },
	{ "---", "\\---", "a rule" },
	{ "1. x", "1\\. x", "a numbered list" },
	{ "12) x", "12\\) x", "and its other form" },
	{ "1.5", "1.5", "a number is no list" },
	{ "a 1. x", "a 1. x", "no list inside a line" },
	{ "===", "\\===", "an underline" },
	{ "a\n\n# b\r\n\tc", "a # b c", "all on one line" },
	{ "  a  ", "a", "no blanks at the ends" },
	{ "a\xe2\x80\xa8"
	  "b\xc2\x85"
	  "c\x01"
	  "d\x7f"
	  "e",
	    "a b c d e", "controls and Unicode's line ends are blanks" },
	{ "", "", "nothing" },
	{ " \n", "", "nothing but blanks" },
};

static void
texts(void)
{
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
		is(event_cut(&arena, cuts[i].text, cuts[i].max), cuts[i].want,
		    cuts[i].why);
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		struct buf b = BUF_MAX(1000);

		event_markdown(&b, marks[i].text);
		is(b.data, marks[i].want, marks[i].why);
		buf_free(&b);
	}
}

/* ---- severity -------------------------------------------------------------
 */

static const struct {
	const char *alert;
	int want;
	const char *why;
} grave[] = {
	{ "{\"metadata\":{\"severity\":\"SEV-1\"}}", 5,
	    "SEV-1 is the gravest" },
	{ "{\"metadata\":{\"severity\":\"sev_2\"}}", 4, "however it is spelt" },
	{ "{\"metadata\":{\"severity\":\"SEV-4\"}}", 2, "SEV-4 is low" },
	{ "{\"metadata\":{\"severity\":\"P1\"}}", 5, "P1 is SEV-1" },
	{ "{\"metadata\":{\"severity\":\"critical\"}}", 5, "critical" },
	{ "{\"metadata\":{\"severity\":\"Major\"}}", 4, "major" },
	{ "{\"metadata\":{\"severity\":\"error\"}}", 4, "error" },
	{ "{\"metadata\":{\"severity\":\"fail\"}}", 4, "fail" },
	{ "{\"metadata\":{\"severity\":\"warn\"}}", 3, "warn" },
	{ "{\"metadata\":{\"severity\":\"minor\"}}", 2, "minor" },
	{ "{\"metadata\":{\"severity\":\"info\"}}", 1, "info" },
	{ "{\"metadata\":{\"severity\":\"dreadful indeed it is\"}}", 0,
	    "a word that nobody knows" },
	{ "{\"metadata\":{\"severity\":\"\"}}", 0, "nothing" },
	{ "{\"metadata\":{\"severity\":1}}", 0, "a number" },
	{ "{}", 0, "no severity" },
};

/* ---- merging --------------------------------------------------------------
 */

/* NULL: nothing was known. */
static struct tree *
merge(const struct source *s, const struct tree *known, const char *change)
{
	return event_merge(s, known, parse(change), false, 1000, &arena);
}

static void
merges(void)
{
	struct source s = { .name = "plain", .kind = &plain };
	struct tree *t = merge(&s, NULL,
	    "{\"title\":\"a\",\"metadata\":{\"x\":1,\"list\":[null,{\"y\":null}"
	    "],"
	    "\"z\":null}}");

	is(text_of(t),
	    "{\"title\":\"a\",\"metadata\":{\"received_at\":"
	    "\"1970-01-01T00:00:01.000Z\",\"x\":1,\"list\":[{}]},\"sender\":{"
	    "\"kind\":\"plain\"}"
	    "}",
	    "no nulls, not even in lists");
	t = event_merge(&s, t,
	    parse("{\"metadata\":{\"x\":2,\"received_at\":3}}"), false, 99000,
	    &arena);
	is(text_of(tree_get(t, "metadata")),
	    "{\"received_at\":\"1970-01-01T00:00:01.000Z\",\"x\":2,\"list\":[{}"
	    "]}",
	    "received_at stays as it was first");
	t = event_merge(&s, t, parse("{\"title\":\"b\"}"), true, 99000, &arena);
	is(text_of(t),
	    "{\"title\":\"b\",\"metadata\":{\"received_at\":"
	    "\"1970-01-01T00:00:01.000Z\"},\"sender\":{\"kind\":\"plain\"}}",
	    "a whole alert replaces all but the time of receipt");
	t = merge(&s, t, "7");
	ok(tree_is(t, TREE_OBJECT), "a change that is no object is survived");
}

static void
fills_in(void)
{
	const char *items[] = { "ann", "data" };
	struct source s = { .name = "plain",
		.kind = &plain,
		.severity = "minor",
		.environment = "prod",
		.owners = { items, 2 },
		.tags = { items, 1 } };
	struct tree *t;

	t = merge(&s, NULL,
	    "{\"metadata\":{\"owners\":[\"bob\",\"data\"],\"severity\":\"p1\"}"
	    "}");
	is(text_of(tree_get(t, "metadata")),
	    "{\"severity\":\"p1\",\"owners\":[\"bob\",\"data\",\"ann\"],"
	    "\"tags\":[\"ann\"],\"environment\":\"prod\",\"received_at\":"
	    "\"1970-01-01T00:00:01.000Z\"}",
	    "the source fills in what the sender does not say");
	t = merge(&s, t, "{\"metadata\":{\"severity\":null}}");
	is(text_of(tree_at(t, "/metadata/severity")), "\"minor\"",
	    "a null falls back to the source");
	is(text_of(tree_at(t, "/metadata/owners")),
	    "[\"bob\",\"data\",\"ann\"]", "lists do not grow");
	s.owners.n = 1;
	s.severity = "major";
	t = merge(&s, t, "{}");
	is(text_of(tree_at(t, "/metadata/owners")),
	    "[\"bob\",\"data\",\"ann\"]",
	    "an owner whom both name stays with the sender");
	is(text_of(tree_at(t, "/metadata/severity")), "\"major\"",
	    "a changed source is followed");
}

static void
tables_fill_in(void)
{
	const char *ann[] = { "ann" }, *bob[] = { "bob", "ann" };
	const char *tag[] = { "finance" }, *own[] = { "own" };
	struct table rules[] = {
		{ .pattern = "*.sales.*", .severity = "critical" },
		{ .pattern = "*.FIN*",
		    .owners = { ann, 1 },
		    .tags = { tag, 1 } },
		{ .pattern = "zeus.*",
		    .severity = "major",
		    .owners = { bob, 2 } },
		{ .pattern = "*", .severity = "info" },
	};
	struct table_list list = { rules, 4 };
	struct source s = { .name = "plain",
		.kind = &plain,
		.severity = "minor",
		.owners = { own, 1 },
		.tables = &list };
	struct tree *t = merge(&s, NULL,
	    "{\"metadata\":{\"owners\":[\"carl\"],"
	    "\"group_id\":\"zeus:finance\",\"tables\":[\"invoices\"]}}");

	is(text_of(tree_at(t, "/metadata/severity")), "\"major\"",
	    "of tables the first that matches and says a severity counts");
	is(text_of(tree_at(t, "/metadata/owners")),
	    "[\"carl\",\"ann\",\"bob\",\"own\"]",
	    "owners are united: the sender's, the tables', the source's");
	is(text_of(tree_at(t, "/metadata/tags")), "[\"finance\"]", "and tags");
	t = merge(&s, t, "{\"metadata\":{\"severity\":\"p1\"}}");
	is(text_of(tree_at(t, "/metadata/severity")), "\"p1\"",
	    "the sender's severity counts before all");
	t = merge(&s, t, "{\"metadata\":{\"severity\":null}}");
	is(text_of(tree_at(t, "/metadata/severity")), "\"major\"",
	    "a null falls back to the table");
	t = merge(&s, t,
	    "{\"metadata\":{\"tables\":[\"x.y.z\"],"
	    "\"group_id\":null}}");
	is(text_of(tree_get(t, "metadata")),
	    "{\"severity\":\"info\",\"owners\":[\"carl\",\"own\"],"
	    "\"tables\":[\"x.y.z\"],\"received_at\":"
	    "\"1970-01-01T00:00:01.000Z\"}",
	    "other tables, other owners");
	t = merge(&s, t, "{\"metadata\":{\"tables\":null}}");
	is(text_of(tree_at(t, "/metadata/severity")), "\"minor\"",
	    "without a table the source has its say");
	t = merge(&s, t, "{\"metadata\":{\"tables\":\"a.b\"}}");
	list.n = 3;
	t = merge(&s, t, "{}");
	is(text_of(tree_at(t, "/metadata/severity")), "\"minor\"",
	    "a rule that is gone says nothing any more");
}

static void
falls_back(void)
{
	const char *items[] = { "ann" };
	struct source s = { .name = "plain", .kind = &plain };
	struct tree *t = merge(&s, NULL,
	    "{\"metadata\":{\"owners\":[\"bob\"],"
	    "\"severity\":\"p1\"}}");

	s.severity = "minor";
	t = merge(&s, t, "{\"metadata\":{\"severity\":null}}");
	s.severity = NULL;
	t = merge(&s, t, "{\"metadata\":{\"owners\":null}}");
	ok(tree_at(t, "/metadata/owners") == NULL &&
		tree_at(t, "/metadata/severity") == NULL,
	    "what nobody says any more is gone");
	t = merge(&s, t, "{\"metadata\":{\"owners\":\"carl\"}}");
	s.owners = (struct option_value){ items, 1 };
	t = merge(&s, t, "{}");
	is(text_of(tree_at(t, "/metadata/owners")), "[\"carl\",\"ann\"]",
	    "one owner and a list are united");
	t = merge(&s, t, "{\"metadata\":null}");
	is(text_of(tree_at(t, "/metadata/owners")), "[\"ann\"]",
	    "no metadata, no sender's owner");
}

static const struct {
	const char *alert;
	const char *want;
	const char *why;
} bodies[] = {
	{ "{}",
	    "{\"title\":\"Alert\",\"deduplication_key\":\"k\",\"status\":"
	    "\"firing\"}",
	    "an empty alert has title, key and status" },
	{ "{\"metadata\":{\"source\":\"dbt\"},\"title\":\" \\n\"}",
	    "{\"title\":\"Alert from dbt\",\"deduplication_key\":\"k\","
	    "\"status\":\"firing\",\"metadata\":{\"source\":\"dbt\"}}",
	    "a blank title names the source instead" },
	{ "{\"metadata\":{},\"facts\":{\"x\":1},\"sender\":{\"kind\":\"plain\"}"
	  ",\"source_url\":"
	  "\"u\","
	  "\"description\":\"d\",\"status\":\"resolved\",\"title\":\"a\\nb\"}",
	    "{\"title\":\"a b\",\"deduplication_key\":\"k\",\"status\":"
	    "\"resolved\",\"description\":\"d\",\"source_url\":\"u\"}",
	    "six names in their order, and nothing of ours" },
	{ "{\"title\":5,\"source_url\":\"\",\"description\":7,\"status\":"
	  "\"x\"}",
	    "{\"title\":\"5\",\"deduplication_key\":\"k\",\"status\":"
	    "\"firing\"}",
	    "what is empty or of another type is left out" },
};

/* ---- size -----------------------------------------------------------------
 */

static size_t
size(const struct tree *body)
{
	return strlen(text_of(body));
}

/* An alert with so many bytes of each. */
static struct tree *
giant(size_t extra, const char *description, size_t tables, size_t tags,
    size_t url)
{
	struct tree *t = parse("{\"title\":\"t\",\"status\":\"resolved\","
			       "\"metadata\":{\"source\":\"s\"}}");
	struct tree *m = tree_get(t, "metadata");
	struct tree *e = tree_new(&arena, TREE_OBJECT);

	tree_set(&arena, e, "x", tree_str(&arena, repeat("x", extra)));
	tree_set(&arena, m, "extra", e);
	tree_set(&arena, m, "tables", tree_str(&arena, repeat("t", tables)));
	tree_set(&arena, m, "tags", tree_str(&arena, repeat("g", tags)));
	tree_set(&arena, t, "description", tree_str(&arena, description));
	tree_set(&arena, t, "source_url", tree_str(&arena, repeat("u", url)));
	return t;
}

static bool
has(const struct tree *t, const char *pointer)
{
	return tree_at(t, pointer) != NULL;
}

static void
extra_goes(void)
{
	struct tree *alert = giant(EVENT_MAX, "d", 9, 9, 9);
	struct tree *t = event_body(
	    giant(EVENT_MAX / 2, "d", EVENT_MAX / 4, 9, 9), "k", &arena);

	ok(has(t, "/metadata/extra") && size(t) < EVENT_MAX,
	    "what fits is left alone");
	t = event_body(giant(EVENT_MAX, "d", 9, 9, 9), "k", &arena);
	ok(!has(t, "/metadata/extra") && has(t, "/metadata/tables") &&
		tree_says(tree_get(t, "description"), "d"),
	    "extra goes first, and alone if that is enough");
	(void)event_body(alert, "k", &arena);
	ok(has(alert, "/metadata/extra"), "the alert itself keeps all");
}

static void
description_goes(void)
{
	struct tree *t = event_body(
	    giant(9, repeat("line\n", EVENT_MAX / 5), 9000, 9, 9), "k", &arena);
	const char *text = tree_cstr(tree_get(t, "description"), &arena);

	ok(!has(t, "/metadata/extra") && has(t, "/metadata/tables") &&
		size(t) < EVENT_MAX && size(t) > EVENT_MAX - 20,
	    "then the description is cut to what fits");
	is(text + strlen(text) - 8, "line\n\xe2\x80\xa6", "behind a line");
	t = event_body(
	    giant(9, repeat("\xe2\x82\xac\"", EVENT_MAX / 4), 9, 9, 9), "k",
	    &arena);
	text = text_of(t);
	ok(strlen(text) < EVENT_MAX && strlen(text) > EVENT_MAX - 20 &&
		strstr(text, "\xef\xbf\xbd") == NULL,
	    "and never within a character");
	t = event_body(giant(9, repeat("x", EVENT_MAX), 9, 9, 9), "k", &arena);
	ok(size(t) == EVENT_MAX - 1 && has(t, "/metadata/tables"),
	    "to the last byte");
	t = event_body(
	    giant(9, repeat("\x01", EVENT_MAX / 4), 9, 9, 9), "k", &arena);
	ok(size(t) < EVENT_MAX && size(t) > EVENT_MAX - 20,
	    "what its escapes take is counted");
}

static void
metadata_goes(void)
{
	struct tree *t = event_body(
	    giant(9, "d", EVENT_MAX / 2, EVENT_MAX / 2 + 9, 9), "k", &arena);
	ok(size(t) < EVENT_MAX && !has(t, "/description") &&
		!has(t, "/metadata/tags") && has(t, "/metadata/tables") &&
		has(t, "/metadata/source"),
	    "then metadata, the largest first and no more than needed");
	t = event_body(
	    giant(9, "d", EVENT_MAX, EVENT_MAX, EVENT_MAX / 2), "k", &arena);
	ok(size(t) < EVENT_MAX && has(t, "/source_url") &&
		has(t, "/metadata/source") && !has(t, "/metadata/tables"),
	    "the link stays while it can");
	t = event_body(giant(9, "d", 9, 9, EVENT_MAX), "k", &arena);
	is(text_of(t),
	    "{\"title\":\"t\",\"deduplication_key\":\"k\",\"status\":"
	    "\"resolved\"}",
	    "title, key and status always do");
}

/* Sizes around the limit, where an off-by-one would show. */
static void
border(void)
{
	size_t base = size(event_body(giant(0, "d", 0, 0, 1), "k", &arena));
	bool same = true;

	for (size_t n = EVENT_MAX - base - 3; n < EVENT_MAX - base + 3; n++) {
		struct tree *t = giant(0, "d", 0, 0, 1 + n);
		bool fits = base + n < EVENT_MAX;

		t = event_body(t, "k", &arena);
		same = same && size(t) < EVENT_MAX &&
		    has(t, "/metadata/extra") == fits;
	}
	ok(same, "one byte under the limit fits, the limit does not");
}

static size_t
levels(const struct tree *t)
{
	size_t most = 0;

	if (!tree_is(t, TREE_LIST) && !tree_is(t, TREE_OBJECT))
		return 0;
	for (const struct tree *m = t->first; m != NULL; m = m->next) {
		size_t n = levels(m);

		most = n > most ? n : most;
	}
	return most + 1;
}

static void
deep(void)
{
	enum { DEPTH = 250 };
	const struct source s = { .name = "plain", .kind = &plain };
	struct buf b = BUF_MAX(1 << 16);
	struct tree *t;

	buf_puts(&b, "{\"title\":\"t\",\"metadata\":{\"a\":");
	for (int i = 0; i < DEPTH; i++)
		buf_puts(&b, "[");
	buf_puts(&b, "\"core\"");
	for (int i = 0; i < DEPTH; i++)
		buf_puts(&b, "]");
	buf_puts(&b, "}}");
	t = event_merge(
	    &s, NULL, parse(arena_str(&arena, b.data)), true, 1000, &arena);
	ok(levels(t) == EVENT_DEPTH, "an alert has so many levels at most");
	ok(strstr(text_of(event_body(t, "k", &arena)), "[\\\"core\\\"]") !=
		NULL,
	    "and keeps what lies deeper as text");
	t = event_merge(&s, t, parse("{\"title\":\"u\"}"), false, 1000, &arena);
	ok(levels(t) == EVENT_DEPTH, "also when it is merged again");
	buf_free(&b);
}

int
main(void)
{
	texts();
	for (size_t i = 0; i < sizeof(grave) / sizeof(grave[0]); i++)
		ok(event_severity(parse(grave[i].alert)) == grave[i].want, "%s",
		    grave[i].why);
	merges();
	fills_in();
	tables_fill_in();
	falls_back();
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		is(text_of(event_body(parse(bodies[i].alert), "k", &arena)),
		    bodies[i].want, bodies[i].why);
	extra_goes();
	description_goes();
	metadata_goes();
	border();
	deep();
	arena_free(&arena);
	return tap_done();
}
