#include "draft.h"

#include "dbttext.h"

#include "sender.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct tree *
parse(const char *text)
{
	struct fail f = { 0 };
	struct tree *t = NULL;

	(void)tree_parse(text, strlen(text), &arena, &t, &f);
	return t;
}

static const char *
write(const struct tree *t)
{
	struct buf b = BUF_MAX(1 << 20);
	const char *text;

	if (t == NULL)
		return NULL;
	json_write(t, JSON_PLAIN, &b);
	text = arena_copy(&arena, b.data, b.len);
	buf_free(&b);
	return text;
}

static const struct {
	const char *value;
	const char *want;
	const char *why;
} texts[] = {
	{ "\"a b\"", "a b", "a string is text" },
	{ "true", "true", "so is true" },
	{ "false", "false", "and false" },
	{ "-1.50", "-1.50", "and a number as it was written" },
	{ "NaN", "NaN", "and what is none" },
	{ "\"a\\u0000b\\ud800\"",
	    "a\xef\xbf\xbd"
	    "b\xef\xbf\xbd",
	    "made fit to send" },
	{ "null", NULL, "null is no text" },
	{ "\"\"", NULL, "nor is nothing" },
	{ "\" \\n\\t\"", NULL, "nor are blanks" },
	{ "[]", NULL, "nor is a list" },
	{ "{}", NULL, "nor an object" },
};

static const struct {
	const char *value;
	const char *want;
	const char *why;
} lists[] = {
	{ "[\"b\",\"a\",\"b\"]", "[\"a\",\"b\"]", "sorted, each once" },
	{ "[\"b\",null,\"\",[],{},1]", "[\"1\",\"b\"]",
	    "what is no text is left out" },
	{ "[\" b \",[\"a\",[\"c\"]]]", "[\"a\",\"b\",\"c\"]",
	    "lists in it are part of it, and blanks are not" },
	{ "\" [\\\"b, c\\\", \\\"a\\\"]\"", "[\"a\",\"b, c\"]",
	    "a list may be written as text" },
	{ "[\"[\\\"a\\\"]\",\"b,c\"]", "[\"a\",\"b,c\"]",
	    "also in a list, whose strings are not cut" },
	{ "\"[a, b]\"", "[\"[a\",\"b]\"]", "but not as just any text" },
	{ "\"[]\"", NULL, "and an empty one is none" },
	{ "[[[[[[[[[[\"a\"]]]]]]]]]]", NULL, "nor is one too deep" },
	{ "\"b, a ,,b\"", "[\"a\",\"b\"]", "a string is cut at its commas" },
	{ "\"a\"", "[\"a\"]", "or is one" },
	{ "7", "[\"7\"]", "so is a number" },
	{ "[]", NULL, "an empty list is none" },
	{ "\",\"", NULL, "nor is a comma" },
	{ "{}", NULL, "nor an object" },
	{ "null", NULL, "nor null" },
};

static void
reads(void)
{
	struct buf b = sender_giant("[", "\"o@\"", 5000, "]");

	for (size_t i = 0; i < COUNT(texts); i++)
		is(draft_text(parse(texts[i].value), &arena), texts[i].want,
		    texts[i].why);
	for (size_t i = 0; i < COUNT(lists); i++)
		is(write(draft_sorted(parse(lists[i].value), &arena)),
		    lists[i].want, lists[i].why);
	is(draft_text(NULL, &arena), NULL, "what is not there is no text");
	is(write(draft_sorted(NULL, &arena)), NULL, "and no list");
	ok(tree_count(draft_sorted(parse(b.data), &arena)) == 200,
	    "a list has a ceiling");
	buf_free(&b);
}

/* ---- descriptions ----------------------------------------------------------
 */

static const char *
described(void (*write_it)(struct draft *d))
{
	struct draft d = draft_new("T", &arena);
	struct source_item *i;

	write_it(&d);
	i = draft_end(&d, "k", "firing");
	return tree_cstr(tree_get(i->change, "description"), &arena);
}

static void
pieces(struct draft *d)
{
	draft_say(d, "a\nb");
	draft_item(d, "x", "1");
	draft_item(d, "y", NULL);
	draft_item(d, "z*", "_2_");
	draft_say(d, NULL);
	draft_say(d, "  ");
	draft_show(d, "c\n  d");
	draft_item(d, "w", "3");
}

static void
one_line(struct draft *d)
{
	draft_show(d, "\n# a\r\n \n");
}

static void
fenced(struct draft *d)
{
	draft_show(d, "`````\n\x01 a\n\n");
}

static void
as_json(struct draft *d)
{
	draft_show_tree(d, parse("{\"a_b\": [1, \"```\"]}"));
	draft_show_tree(d, NULL);
}

static void
nothing(struct draft *d)
{
	draft_title(d, "t");
	draft_title(d, NULL);
	draft_link(d, "");
	draft_put(d, "a", NULL);
	draft_put_tree(d, "b", NULL);
}

static void
long_ones(struct draft *d)
{
	struct buf b = sender_giant("\n", "word ", 20000, "\nend");

	for (int i = 0; i < 3; i++) {
		draft_say(d, b.data);
		draft_show(d, b.data);
		draft_item(d, "x", b.data);
	}
	buf_free(&b);
}

static void
describes(void)
{
	is(described(pieces),
	    "a b\n\n- **x:** 1\n- **z\\*:** \\_2\\_\n\n```\nc\n  d\n```\n\n"
	    "- **w:** 3",
	    "a description is paragraphs, items and texts as they are");
	is(described(one_line), "\\# a", "a text of one line is a paragraph");
	is(described(fenced), "``````\n`````\n a\n``````",
	    "nothing in a text can end its block");
	is(described(as_json), "````\n{\"a_b\":[1,\"```\"]}\n````",
	    "a value is its JSON, as it is");
	is(described(nothing), NULL, "what is nothing leaves no trace");
	ok(strlen(described(long_ones)) < 40000, "every piece has a ceiling");
}

static void
ends(void)
{
	struct source s = sender_source(source_kind_find("elementary"));
	struct draft d = draft_new("T", &arena);
	struct source_item *i;

	nothing(&d);
	i = draft_end(&d, "k", "firing");
	is(write(i->change),
	    "{\"title\":\"t\",\"status\":\"firing\",\"metadata\":"
	    "{\"source\":\"T\"}}",
	    "a change has what was said");
	ok(i->whole && !i->only_known, "and is the whole alert");
	i = draft_over("k", &arena);
	is(write(i->change), "{\"status\":\"resolved\"}",
	    "what is over changes nothing else");
	ok(!i->whole && i->only_known, "and only what is known");
	is(draft_key(&s, "id", NULL, &arena), "elementary/id",
	    "a key has its namespace");
	is(draft_key(&s, NULL, parse("{\"a\": 1}"), &arena),
	    "elementary/"
	    "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862",
	    "what has no identity is its own");
	is(draft_key(&s, NULL, NULL, &arena),
	    draft_key(&s, NULL, parse("null"), &arena),
	    "also if it is nothing");
}

/* ---- names -----------------------------------------------------------------
 */

static const struct {
	const char *id;
	const char *want;
} ids[] = {
	{ "test.jaffle.unique_orders_id.fed79b3a6e", "unique_orders_id" },
	{ "test.jaffle.assert_orders", "assert_orders" },
	{ "test.jaffle.fed79b3a6e", "fed79b3a6e" },
	{ "test.jaffle.a.FED79B3A6E", "a.FED79B3A6E" },
	{ "model.jaffle.orders", "orders" },
	{ "model.jaffle.orders.v2", "orders.v2" },
	{ "model.jaffle.orders.fed79b3a6e", "orders.fed79b3a6e" },
	{ "source.jaffle.raw.orders", "raw.orders" },
	{ "model.jaffle", "model.jaffle" },
	{ "model.jaffle.", "model.jaffle." },
	{ "orders", "orders" },
	{ "", "" },
};

int
main(void)
{
	reads();
	describes();
	ends();
	for (size_t i = 0; i < COUNT(ids); i++)
		is(dbttext_name(ids[i].id, &arena), ids[i].want, ids[i].id);
	arena_free(&arena);
	return tap_done();
}
