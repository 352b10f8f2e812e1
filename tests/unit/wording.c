/*
 * Templates, more metadata and severities, as event_merge puts them to work:
 * webhooks go through source_read, one after the other.
 */
#include "wording.h"

#include "arena.h"
#include "buf.h"
#include "event.h"
#include "fail.h"
#include "json.h"
#include "source.h"
#include "table.h"
#include "tree.h"

#include "tap.h"

#include <stdlib.h>

static struct arena arena;

#define LIST(...) \
	{ \
		(const char *[]){ __VA_ARGS__ }, \
		    sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *) \
	}

static struct tree *
parse(const char *text)
{
	struct fail f = { 0 };
	struct tree *t = NULL;

	if (!tree_parse(text, strlen(text), &arena, &t, &f))
		abort();
	return t;
}

static const char *
text_of(const struct tree *t)
{
	struct buf b = BUF_MAX(1 << 24);
	const char *text;

	if (t == NULL)
		return "(nothing)";
	json_write(t, JSON_PLAIN, &b);
	text = arena_copy(&arena, b.data, b.len);
	buf_free(&b);
	return text;
}

/* A body is {"alert": the change, ...}. */
static void
read_body(const struct source *s, const struct source_request *r,
    struct arena *a, struct source_reading *out)
{
	struct source_item *item = arena_alloc(a, sizeof(*item));

	(void)s;
	*item = (struct source_item){ .key = "k",
		.change = tree_get(r->tree, "alert"),
		.part = tree_get(r->tree, "part") };
	out->items = item;
}

static const struct source_kind plain = { .name = "plain", .read = read_body };

/* One that words title and description anew each time. */
static void
word(struct tree *alert, struct arena *a)
{
	tree_set(a, alert, "title", tree_str(a, "worded"));
	if (tree_get(alert, "facts") != NULL)
		tree_set(a, alert, "description", tree_get(alert, "facts"));
}

static const struct source_kind wordy = {
	.name = "wordy", .read = read_body, .word = word
};

static struct wording_rules common;

static void
use(struct source *s, struct wording_options o)
{
	struct source_fault at = { NULL, 0 };
	struct fail f = { 0 };

	if (!wording_read(&o, &common, &arena, &s->wording, &at, &f))
		ok(false, "%s: %s", at.option, f.text);
}

static struct tree *
post(const struct source *s, const struct tree *known, const char *body)
{
	struct source_request r = { .tree = parse(body) };
	struct source_reading reading = { NULL };

	source_read(s, &r, &arena, &reading);
	return event_merge(s, known, reading.items->change,
	    reading.items->whole, 1000, &arena);
}

static const char *
at(const struct tree *t, const char *pointer)
{
	return text_of(tree_at(t, pointer));
}

/* ---- one template ---- */

static const struct {
	const char *template;
	const char *body;
	const char *want; /* the title */
	const char *why;
} titles[] = {
	{ "[{environment}] {title}", "{\"alert\":{\"title\":\"t\"}}",
	    "[prod] t", "fields are filled in, also from the configuration" },
	{ "{type}{owners}{metadata.x} {title}", "{\"alert\":{\"title\":\"t\"}}",
	    "t", "what is not there is empty" },
	{ "{metadata.x y} {status}",
	    "{\"alert\":{\"status\":\"resolved\",\"metadata\":{\"x y\":7}}}",
	    "7 resolved", "any member of the metadata, numbers too" },
	{ "{metadata.extra.x} {metadata.a.b} {metadata.extra.no.x}",
	    "{\"alert\":{\"metadata\":{\"extra\":{\"x\":\"in\"},\"a.b\":1,"
	    "\"a\":{"
	    "\"b\":2}}}}",
	    "in 1", "and what is within one" },
	{ "{owners}",
	    "{\"alert\":{\"metadata\":{\"owners\":[\"ann\",true,{},5]}}}",
	    "ann, true, , 5", "a list has commas between its entries" },
	{ "{{title}} }}{{ {title}", "{\"alert\":{\"title\":\"t\"}}",
	    "{title} }{ t", "two braces are one" },
	{ "a\\nb\\\\n \\x", "{\"alert\":{}}", "a b\\n \\x",
	    "a line feed is a space in a title" },
	{ "{/a/b} {/l/1} {/f} {/t}",
	    "{\"a\":{\"b\":\"v\"},\"l\":[1,2.50],\"f\":false,\"t\":[1,\"x\"],"
	    "\"alert\":{}}",
	    "v 2.50 false 1, x", "pointers into the body" },
	{ "{/a~1b}{/c~0d}{/}", "{\"a/b\":1,\"c~d\":2,\"\":3,\"alert\":{}}",
	    "123", "and their escapes" },
	{ "{/a}{/a/x}{/b/c/d}{/n} {title}",
	    "{\"a\":{\"y\":1},\"n\":null,\"alert\":{\"title\":\"t\"}}", "t",
	    "to objects, nulls and nowhere" },
	{ "{/a}", "{\"alert\":{\"title\":\"t\"}}", "t",
	    "a title that would be empty is as it was" },
	{ "{/a}", "{\"a\":\" \\n\",\"alert\":{\"title\":\"t\"}}", "t",
	    "or blank" },
	{ "{title}!", "{\"alert\":{}}", "Alert!",
	    "an alert without a title has one all the same" },
	{ "{/x} {/y}",
	    "{\"x\":\"body\",\"y\":\"all\",\"part\":{\"x\":\"own\"},"
	    "\"alert\":{}}",
	    "own all", "the alert's own part of the body counts first" },
	{ "{/x}", "{\"x\":\"\\ud800\\u0000\",\"alert\":{}}",
	    "\xef\xbf\xbd\xef\xbf\xbd", "what cannot be sent is replaced" },
	{ "{title}{title}{title}",
	    "{\"alert\":{\"title\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "\xe2\x80\xa6",
	    "a title is cut to 200 characters" },
};

static void
holes(void)
{
	struct source s = {
		.name = "plain", .kind = &plain, .environment = "prod"
	};

	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
		struct tree *t;

		use(&s,
		    (struct wording_options){ .title = titles[i].template });
		t = post(&s, NULL, titles[i].body);
		is(tree_cstr(tree_get(t, "title"), &arena), titles[i].want,
		    titles[i].why);
	}
}

/* ---- the life of an alert ---- */

static void
words_live(void)
{
	struct source s = { .name = "plain", .kind = &plain };
	struct wording_options o = { .title = "[{/team}] {title} {/n}",
		.description = "{description}\\n\\n{title} {/team}" };
	struct tree *t;

	use(&s, o);
	t = post(&s, NULL,
	    "{\"team\":\"a_\",\"n\":5,\"alert\":{\"title\":\"*t\","
	    "\"description\":\"*d*\"}}");
	is(at(t, "/title"), "\"[a_] *t 5\"", "a title");
	is(at(t, "/description"), "\"*d*\\n\\n\\\\*t a\\\\_\"",
	    "a description, in which only {description} is Markdown");
	t = post(&s, t, "{\"alert\":{\"status\":\"resolved\"}}");
	is(at(t, "/title"), "\"[a_] *t 5\"",
	    "an update without them keeps title and pointers, and words once");
	is(at(t, "/description"), "\"*d*\\n\\n\\\\*t a\\\\_\"",
	    "and the description");
	t = post(&s, t, "{\"team\":\"b\",\"n\":null,\"alert\":{}}");
	is(at(t, "/title"), "\"[b] *t\"",
	    "a new value counts, an explicit null clears");
	t = post(&s, t, "{\"alert\":{\"title\":\"u\",\"description\":null}}");
	is(at(t, "/title"), "\"[b] u\"", "a new title is worded");
	is(at(t, "/description"), "\"\\n\\nu b\"", "a cleared description too");
	t = post(&s, t, "{\"alert\":{}}");
	is(at(t, "/description"), "\"\\n\\nu b\"", "and stays cleared");
	use(&s, (struct wording_options){ .title = "{title}" });
	t = post(&s, t, "{\"alert\":{}}");
	is(at(t, "/title"), "\"u\"", "a changed template is followed");
	ok(tree_get(t, "description") == NULL,
	    "and one that is gone leaves nothing");
	s.wording = NULL;
	t = post(&s, t, "{\"alert\":{}}");
	ok(tree_get(t, "words") == NULL && tree_get(t, "added") == NULL,
	    "nor do all");
	s.kind = &wordy;
	use(&s, o);
	t = post(&s, t, "{\"alert\":{\"facts\":\"f\"},\"team\":\"c\"}");
	t = post(&s, t, "{\"alert\":{}}");
	is(at(t, "/title"), "\"[c] worded\"",
	    "a kind that words each change is worded over");
	is(at(t, "/description"), "\"f\\n\\nworded c\"", "in both");
}

static void
whole_alerts(void)
{
	struct source s = { .name = "plain", .kind = &plain };
	struct tree *t;
	const struct tree *change = parse("{\"title\":\"u\"}");

	use(&s, (struct wording_options){ .title = "{/a}{title}" });
	t = post(&s, NULL, "{\"a\":1,\"alert\":{\"title\":\"t\"}}");
	t = event_merge(&s, t, change, true, 2000, &arena);
	is(at(t, "/title"), "\"u\"",
	    "a whole alert has no values of a body before");
}

static void
metadata_lives(void)
{
	struct source s = { .name = "plain", .kind = &plain };
	struct wording_options o = {
		.metadata = LIST("team=data {/n}", "group={/g}", "list={/l}",
		    "none={/x}", "kind={type}", "again=({metadata.kind})")
	};
	struct tree *t;

	use(&s, o);
	t = post(&s, NULL,
	    "{\"n\":1,\"g\":2.0,\"l\":[\"a\",{},3],\"alert\":{\"metadata\":{"
	    "\"type\":\"x\",\"team\":\"own\",\"none\":\"own\"}}}");
	is(at(t, "/metadata"),
	    "{\"type\":\"x\",\"received_at\":\"1970-01-01T00:00:01.000Z\","
	    "\"team\":\"data 1\",\"none\":\"own\",\"group\":2.0,\"list\":["
	    "\"a\",3],\"kind\":\"x\",\"again\":\"(x)\"}",
	    "what is configured takes the sender's place, what is empty not");
	t = post(&s, t, "{\"alert\":{\"metadata\":{\"type\":\"y\"}}}");
	is(at(t, "/metadata/again"), "\"(y)\"", "it follows the alert");
	is(at(t, "/metadata/group"), "2.0", "and keeps what is in the body");
	t = post(&s, t, "{\"alert\":{\"metadata\":{\"team\":\"new\"}}}");
	is(at(t, "/metadata/team"), "\"data 1\"",
	    "what the sender says of the same name waits below");
	s.wording = NULL;
	t = post(&s, t, "{\"alert\":{}}");
	is(at(t, "/metadata"),
	    "{\"type\":\"y\",\"received_at\":\"1970-01-01T00:00:01.000Z\","
	    "\"team\":\"new\",\"none\":\"own\"}",
	    "until the configuration says no more");
	use(&s, o);
	t = post(&s, t, "{\"alert\":{\"metadata\":null}}");
	is(at(t, "/metadata/team"), "\"data 1\"", "no metadata, but ours");
	s.wording = NULL;
	t = post(&s, t, "{\"alert\":{}}");
	is(at(t, "/metadata"), "{\"received_at\":\"1970-01-01T00:00:01.000Z\"}",
	    "which leaves nothing of the sender's");
}

static void
metadata_tells_what_came_of_it(void)
{
	struct table rules[] = { { .pattern = "t", .severity = "major" } };
	struct table_list tables = { rules, 1 };
	struct source s = { .name = "plain",
		.kind = &plain,
		.severity = "minor",
		.environment = "test",
		.tags = LIST("ours") };
	struct wording_options o = { .metadata = LIST(
					 "s={severity} was {severity_sent}",
					 "e={environment}", "t={tags}",
					 "at={received_at}", "tags=mine"),
		.severity_map = LIST("SEV-1=critical") };
	struct tree *t;

	use(&s, o);
	t = post(&s, NULL, "{\"alert\":{}}");
	is(at(t, "/metadata/s"), "\"minor was \"", "the source's severity");
	is(at(t, "/metadata/e"), "\"test\"", "and its environment");
	is(at(t, "/metadata/t"), "[\"mine\",\"ours\"]",
	    "a list with what was united with it");
	is(at(t, "/metadata/at"), "\"1970-01-01T00:00:01.000Z\"",
	    "the time of the receipt");
	s.tables = &tables;
	t = post(&s, t, "{\"alert\":{\"metadata\":{\"tables\":[\"t\"]}}}");
	is(at(t, "/metadata/s"), "\"major was \"", "a table's severity");
	t = post(&s, t, "{\"alert\":{\"metadata\":{\"severity\":\"SEV_1\"}}}");
	is(at(t, "/metadata/s"), "\"critical was SEV_1\"",
	    "the severity as it was mapped");
	is(at(t, "/metadata/tags"), "[\"mine\",\"ours\"]",
	    "what goes into a list is united once");
	o.metadata = (struct option_value)LIST("prio={/p}",
	    "severity={metadata.prio}", "own=x-{metadata.own}",
	    "again={metadata.own}", "tags=since-{received_at}");
	use(&s, o);
	t = post(&s, NULL,
	    "{\"p\":\"SEV-1\",\"alert\":{\"metadata\":{\"own\":\"y\"}}}");
	is(at(t, "/metadata/severity"), "\"critical\"",
	    "one that comes before may be of use");
	is(at(t, "/metadata/own"), "\"x-y\"", "each is put in once");
	is(at(t, "/metadata/again"), "\"x-y\"", "in their order");
	is(at(t, "/metadata/tags"),
	    "[\"since-1970-01-01T00:00:01.000Z\",\"ours\"]",
	    "the first receipt is known from the first on");
}

/* ---- severities ---- */

static void
severities(void)
{
	struct source s = {
		.name = "plain", .kind = &plain, .severity = "SEV-9"
	};
	struct wording_options o = { .severity_map = LIST("SEV-[12]=page",
					 "OUR_[45]=four", "[a_z]_4=letter",
					 "x=y=z", "SEV-4=minor") };
	struct option_value all = LIST("sev-*=low", "ERR*=major", "major=x");
	struct source_fault at_fault = { NULL, 0 };
	struct fail f = { 0 };
	struct table rules[] = { { .pattern = "*", .severity = "ERR" } };
	struct table_list tables = { rules, 1 };
	struct tree *t;

	(void)wording_read_rules(&all, &arena, &common, &at_fault, &f);
	use(&s, o);
	t = post(
	    &s, NULL, "{\"alert\":{\"metadata\":{\"severity\":\"sev-2\"}}}");
	is(at(t, "/metadata/severity"), "\"page\"",
	    "a severity is looked up without regard to case");
	is(at(t, "/metadata/severity_sent"), "\"sev-2\"",
	    "what was sent is there too");
	ok(event_severity(t) == 4,
	    "a word of one's own is as grave as what was sent");
	t = post(&s, t, "{\"alert\":{}}");
	is(at(t, "/metadata/severity_sent"), "\"sev-2\"",
	    "an update maps what was sent, once");
	t = post(&s, t, "{\"alert\":{\"metadata\":{\"severity\":\"SEV_1\"}}}");
	is(at(t, "/metadata/severity"), "\"page\"",
	    "and whichever of _ and - it has,");
	t = post(&s, t, "{\"alert\":{\"metadata\":{\"severity\":\"OUR-4\"}}}");
	is(at(t, "/metadata/severity"), "\"four\"",
	    "or the map has, also beside a bracket");
	t = post(&s, t, "{\"alert\":{\"metadata\":{\"severity\":\"l_4\"}}}");
	is(at(t, "/metadata/severity"), "\"l_4\"",
	    "but a bracket is no other by it");
	t = post(&s, t, "{\"alert\":{\"metadata\":{\"severity\":\"SEV-3\"}}}");
	is(at(t, "/metadata/severity"), "\"low\"",
	    "the source's rules come before those of all");
	t = post(&s, t, "{\"alert\":{\"metadata\":{\"severity\":\"error\"}}}");
	is(at(t, "/metadata/severity"), "\"major\"",
	    "what came out is not looked up again");
	t = post(&s, t, "{\"alert\":{\"metadata\":{\"severity\":\"x=y\"}}}");
	is(at(t, "/metadata/severity"), "\"z\"", "the last = counts");
	t = post(&s, t, "{\"alert\":{\"metadata\":{\"severity\":\"odd\"}}}");
	ok(strcmp(at(t, "/metadata/severity"), "\"odd\"") == 0 &&
		tree_at(t, "/metadata/severity_sent") == NULL,
	    "what no rule names stays");
	t = post(&s, t, "{\"alert\":{\"metadata\":{\"severity\":null}}}");
	ok(strcmp(at(t, "/metadata/severity"), "\"SEV-9\"") == 0 &&
		tree_at(t, "/metadata/severity_sent") == NULL,
	    "the source's severity is our own word");
	s.tables = &tables;
	t = post(&s, t, "{\"alert\":{\"metadata\":{\"tables\":[\"t\"]}}}");
	is(at(t, "/metadata/severity"), "\"ERR\"", "a table's too");
	use(&s, (struct wording_options){ .metadata = LIST("severity={/p}") });
	t = post(&s, t, "{\"p\":\"ERR-5\",\"alert\":{}}");
	is(at(t, "/metadata/severity"), "\"major\"",
	    "one from the body is as if it were sent");
	is(at(t, "/metadata/severity_sent"), "\"ERR-5\"", "and mapped");
	s.wording = NULL;
	s.tables = NULL;
	t = post(&s, t, "{\"alert\":{}}");
	is(at(t, "/metadata/severity"), "\"SEV-9\"", "and nothing of it stays");
	common = (struct wording_rules){ NULL, 0 };
}

static void
nothing_to_do(void)
{
	struct source s = { .name = "plain", .kind = &plain };

	s.wording = (const struct wording *)(const void *)&s;
	use(&s, (struct wording_options){ .title = NULL });
	ok(s.wording == NULL, "nothing configured, nothing to do");
}

int
main(void)
{
	nothing_to_do();
	holes();
	words_live();
	whole_alerts();
	metadata_lives();
	metadata_tells_what_came_of_it();
	severities();
	arena_free(&arena);
	return tap_done();
}
