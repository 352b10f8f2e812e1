#include "elementary.h"

#include "dbt.h"

#include "sender.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char auth[] = "HTTP_AUTHORIZATION";

/* user:password pairs in base64: edr:word, edr:secret, secret:, edr:wrong */
static const struct {
	struct sender_header header;
	const char *token;
	const char *body;
	enum fail_kind want;
	const char *why;
} proofs[] = {
	{ { auth, "Basic ZWRyOndvcmQ=" }, NULL, "{}", FAIL_NONE,
	    "what stands before the @ of edr's URL is a proof" },
	{ { auth, "Basic ZWRyOnNlY3JldA==" }, NULL, "{}", FAIL_NONE,
	    "so is a secret as anybody's password" },
	{ { auth, "Basic c2VjcmV0Og==" }, NULL, "{}", FAIL_NONE,
	    "or as a user without one" },
	{ { NULL, NULL }, "secret", "{}", FAIL_NONE,
	    "or as the end of the path" },
	{ { NULL, NULL }, "secret", "Oops", FAIL_NONE,
	    "a body that is not JSON is taken" },
	{ { NULL, NULL }, "secret", "5", FAIL_NONE, "and any JSON" },
	{ { NULL, NULL }, "secret", "", FAIL_INPUT, "but not nothing" },
	{ { NULL, NULL }, NULL, "{}", FAIL_AUTH, "no proof is refused" },
	{ { NULL, NULL }, NULL, "", FAIL_AUTH, "before the body is looked at" },
	{ { NULL, NULL }, "wrong", "{}", FAIL_AUTH, "so is a wrong token" },
	{ { auth, "Basic ZWRyOndvcmQ=" }, "wrong", "{}", FAIL_AUTH,
	    "also beside the right password" },
	{ { auth, "Basic ZWRyOndyb25n" }, NULL, "{}", FAIL_AUTH,
	    "and a wrong password" },
	{ { auth, "Bearer secret" }, NULL, "{}", FAIL_AUTH,
	    "and another scheme" },
};

static void
proves(void)
{
	struct source s = sender_source(&source_elementary);
	struct source bare = { .kind = &source_elementary };

	for (size_t i = 0; i < COUNT(proofs); i++)
		ok(sender_proof(&s, &proofs[i].header, proofs[i].token,
		       proofs[i].body) == proofs[i].want,
		    "%s", proofs[i].why);
	ok(sender_proof(&bare, &proofs[0].header, NULL, "{}") == FAIL_AUTH,
	    "a source without a secret refuses all");
}

static void
answers(void)
{
	ok(source_elementary.only_200, "edr takes only 200 for yes");
	ok(source_elementary.any_type, "and names no content type");
	ok(source_kind_find("elementary") == &source_elementary,
	    "the kind is known by its name");
}

/* ---- what looks like edr's ------------------------------------------------
 */

static bool
looks(const char *body)
{
	struct fail f = { 0 };
	struct tree *t = NULL;

	return tree_parse(body, strlen(body), &arena, &t, &f) &&
	    source_elementary.looks_known(t);
}

static void
recognises(void)
{
	ok(looks("{\"alert_class_id\":\"x\"}") &&
		looks("[{\"alert_class_id\":\"x\"}]"),
	    "a body of edr's is known without a proof");
	ok(!looks("{}") && !looks("[]") && !looks("5") &&
		!looks("{\"alert_class_id\":1}"),
	    "another is not");
}

/* ---- many ------------------------------------------------------------------
 */

#define TEST \
	"{\"test_unique_id\":\"test.a.t@\",\"test_name\":\"t@\"," \
	"\"status\":\"fail\"}"
#define SAME \
	"{\"test_unique_id\":\"test.a.t\",\"test_name\":\"t@\"," \
	"\"status\":\"warn\"}"

static void
grows(void)
{
	struct source s = sender_source(&source_elementary);
	struct buf b = sender_giant("[", TEST, 50000, "]");
	struct source_item *i = sender_read(&s, b.data, b.len);
	bool in_order = true;
	size_t n = 0;

	for (const struct source_item *x = i; x != NULL; x = x->next, n++)
		in_order = in_order &&
		    strcmp(x->key,
			arena_printf(&arena, "elementary/test.a.t%zu", n)) == 0;
	ok(n == 50000 && in_order,
	    "each of very many alerts is one, in their order");
	buf_free(&b);
}

static void
unites(void)
{
	struct source s = sender_source(&source_elementary);
	struct buf b = sender_giant("[", SAME, 20000, "]");
	struct source_item *i = sender_read(&s, b.data, b.len);

	ok(sender_count(i) == 1, "many alerts of one test are one");
	is(sender_says(&s, i, NULL, "/title"),
	    "\"t0\" test failed and 19999 more", "that tells how many");
	ok(strlen(sender_says(&s, i, NULL, "/description")) < 20000,
	    "in a text with a ceiling");
	buf_free(&b);
}

/* ---- the text that edr falls back to ---------------------------------------
 */

/* However it is cut, something rings, and never under another's key. */
static void
every_cut(void)
{
	static const char text[] =
	    ":small_red_triangle: Oops\n```{\n  \"test_unique_id\": \"a.b\",\n"
	    "  \"owners\": [\n    \"ann\",\n    \"bob\"\n  ],\n"
	    "  \"other\": {\"x\": [1, {\"y\": \"}\\\"]\"}]},\n"
	    "  \"status\": \"fail\"\n}```";
	struct source s = sender_source(&source_elementary);
	size_t whole = sizeof(text) - 1;
	bool rings = true, known = true;

	for (size_t n = 1; n <= whole; n++) {
		const char *cut =
		    arena_printf(&arena, "%.*s...```", (int)n, text);
		const struct source_item *i = sender_read(&s,
		    n == whole ? text : cut, n == whole ? whole : strlen(cut));
		const char *after = strstr(text, "\"owners\"");

		rings = rings && i != NULL && i->next == NULL &&
		    tree_says(tree_get(i->change, "status"), "firing");
		if (n > (size_t)(after - text))
			known = known && i != NULL &&
			    strcmp(i->key, "elementary/a.b") == 0;
	}
	ok(rings, "a text that is cut anywhere rings once");
	ok(known, "under its own key as soon as that is whole");
}

static void
odd_texts(void)
{
	static const char *const texts[] = { "```", "``````", "```]```",
		"```[[[[", "```{]", "```{\"a\"", "```[1,2", "```5```", "\xff",
		"```{\"\\", "``` ```" };
	struct source s = sender_source(&source_elementary);
	struct buf deep = BUF_MAX(1000);

	for (size_t i = 0; i < COUNT(texts); i++)
		ok(sender_count(sender_read(&s, texts[i], strlen(texts[i]))) ==
			1,
		    "text number %zu rings", i);
	buf_puts(&deep, "```");
	for (int i = 0; i < 300; i++)
		buf_puts(&deep, "[");
	ok(sender_count(sender_read(&s, deep.data, deep.len)) == 1,
	    "so does one without an end");
	buf_free(&deep);
}

/* ---- with dbt --------------------------------------------------------------
 */

#define OWNED \
	"{\"test_unique_id\":\"test.a.t\",\"test_name\":\"t@\"," \
	"\"status\":\"warn\",\"owners\":[\"ann\"]}"
#define PASS "{\"results\":[{\"unique_id\":\"test.a.t\",\"status\":\"pass\"}]}"

static void
is_resolved_by_dbt(void)
{
	struct source edr = sender_source(&source_elementary);
	struct source dbt = sender_source(&source_dbt);
	struct source_item *opened, *over;
	struct tree *alert;

	edr.namespace = dbt.namespace = "prod";
	opened = sender_read(&edr, SAME, strlen(SAME));
	over = sender_read(&dbt, PASS, strlen(PASS));
	is(over->key, opened->key, "dbt names a test as edr does");
	ok(over->only_known, "its pass is only for what is known");
	alert = event_merge(&edr, NULL, opened->change, true, 0, &arena);
	is(sender_says(&dbt, over, alert, "/status"), "resolved",
	    "it resolves what edr opened");
	is(sender_says(&dbt, over, alert, "/title"), "\"t@\" test failed",
	    "and leaves the words");
	is(sender_says(&dbt, over, alert, "/metadata/severity"), "warn",
	    "and what else is known");
}

#define SAYS(status) \
	"{\"results\":[{\"unique_id\":\"test.a.t\",\"status\":\"" status \
	"\",\"message\":\"Got 7\"}]}"
#define WARN SAYS("warn")
#define FAIL SAYS("fail")

static const char *
json_of(const struct tree *t)
{
	struct buf b = BUF_MAX(1 << 16);
	const char *text;

	json_write(t, JSON_PLAIN, &b);
	text = arena_copy(&arena, b.data, b.len);
	buf_free(&b);
	return text;
}

/* dbt knows neither owners nor tags nor tables. */
static void
keeps_its_words_beside_dbt(void)
{
	struct source edr = sender_source(&source_elementary);
	struct source dbt = sender_source(&source_dbt);
	struct source_item *opened, *fails, *over;
	struct tree *alert, *t;

	edr.namespace = dbt.namespace = "prod";
	opened = sender_read(&edr, OWNED, strlen(OWNED));
	fails = sender_read(&dbt, WARN, strlen(WARN));
	over = sender_read(&dbt, PASS, strlen(PASS));
	is(fails->key, opened->key, "dbt tells of what edr opened");
	alert = event_merge(&edr, NULL, opened->change, true, 0, &arena);
	t = event_merge(&dbt, alert, fails->change, true, 0, &arena);
	is(json_of(t), json_of(alert), "and changes nothing of it");
	t = event_merge(&dbt, t, fails->change, true, 0, &arena);
	is(json_of(t), json_of(alert), "however often");
	t = event_merge(&dbt, t, over->change, false, 0, &arena);
	t = event_merge(&dbt, t, fails->change, true, 0, &arena);
	ok(tree_says(tree_get(t, "status"), "firing"), "it fires anew");
	is(json_of(tree_at(t, "/metadata/owners")), "[\"ann\"]",
	    "with the owners that are known");
	ok(strstr(json_of(tree_get(t, "description")), "Got 7") != NULL,
	    "and words of its own");
	t = event_merge(&edr, t, opened->change, true, 0, &arena);
	is(json_of(t), json_of(alert), "edr has the last word");
}

/* A test that only warned is an incident now: it shall ring as one. */
static void
is_raised_by_dbt(void)
{
	struct source edr = sender_source(&source_elementary);
	struct source dbt = sender_source(&source_dbt);
	struct source_item *warned, *fails;
	struct tree *alert, *t;

	edr.namespace = dbt.namespace = "prod";
	warned = sender_read(&dbt, WARN, strlen(WARN));
	fails = sender_read(&dbt, FAIL, strlen(FAIL));
	alert = event_merge(&edr, NULL,
	    sender_read(&edr, OWNED, strlen(OWNED))->change, true, 0, &arena);
	t = event_merge(&dbt, alert, fails->change, true, 0, &arena);
	is(json_of(tree_at(t, "/metadata/severity")), "\"fail\"",
	    "a graver severity is taken over");
	is(json_of(tree_get(t, "description")),
	    json_of(tree_get(alert, "description")), "and no word of dbt's");
	is(json_of(tree_at(t, "/metadata/owners")), "[\"ann\"]",
	    "the owners stay");
	t = event_merge(&dbt, t, warned->change, true, 0, &arena);
	is(json_of(tree_at(t, "/metadata/severity")), "\"fail\"",
	    "a lesser one is not");
	tree_set(&arena, tree_get(alert, "metadata"), "severity",
	    tree_str(&arena, "wake-me"));
	t = event_merge(&dbt, alert, fails->change, true, 0, &arena);
	ok(!tree_says(tree_at(t, "/metadata/severity"), "fail"),
	    "a word of which nobody knows how grave it is stays");
	tree_set(&arena, tree_get(alert, "metadata"), "severity",
	    tree_str(&arena, "P5"));
	tree_set(&arena, tree_get(alert, "metadata"), "severity_sent",
	    tree_str(&arena, "fail"));
	tree_set(&arena, tree_get(alert, "sender"), "severity",
	    tree_str(&arena, "P5"));
	t = event_merge(&dbt, alert, fails->change, true, 0, &arena);
	is(json_of(tree_at(t, "/metadata/severity")), "\"P5\"",
	    "what a map made of the same word is no less grave");
}

int
main(void)
{
	proves();
	answers();
	recognises();
	grows();
	unites();
	every_cut();
	odd_texts();
	is_resolved_by_dbt();
	keeps_its_words_beside_dbt();
	is_raised_by_dbt();
	arena_free(&arena);
	return tap_done();
}
