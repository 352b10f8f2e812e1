#include "dbt.h"

#include "sender.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char auth[] = "HTTP_AUTHORIZATION";

/* HMAC-SHA256 under "secret", by openssl dgst. */
#define HEX_OBJECT \
	"77325902caca812dc259733aacd046b73817372c777b8d95b402647474516e13"
#define HEX_UPPER \
	"77325902CACA812DC259733AACD046B73817372C777B8D95B402647474516E13"
#define HEX_LIST \
	"53364a07fcc563e712f42cfc9de1e28e1e2d39f236cee430f112203e557aea3f"
#define HEX_TEXT \
	"117eca332f7e13ccb8e4574e4f33daa212a9231353670c2b8b4797df0bb77afa"

static const struct {
	struct sender_header header;
	const char *token;
	const char *body;
	enum fail_kind want;
	const char *why;
} proofs[] = {
	{ { auth, HEX_OBJECT }, NULL, "{}", FAIL_NONE,
	    "dbt Cloud's signature is a proof" },
	{ { "REDIRECT_HTTP_AUTHORIZATION", HEX_OBJECT }, NULL, "{}", FAIL_NONE,
	    "also as Apache renames the header" },
	{ { auth, HEX_UPPER }, NULL, "{}", FAIL_NONE, "in either case" },
	{ { auth, "Basic ZGJ0OnNlY3JldA==" }, NULL, "{}", FAIL_NONE,
	    "so is curl -u dbt:secret" },
	{ { NULL, NULL }, "secret", "{}", FAIL_NONE,
	    "or the secret at the end of the path" },
	{ { auth, HEX_OBJECT }, NULL, "{ }", FAIL_AUTH,
	    "another body's signature is not" },
	{ { auth, "Bearer secret" }, NULL, "{}", FAIL_AUTH,
	    "nor is another scheme" },
	{ { auth, "Basic ZGJ0Ondyb25n" }, NULL, "{}", FAIL_AUTH,
	    "nor a wrong password" },
	{ { auth, HEX_OBJECT }, "wrong", "{}", FAIL_AUTH, "nor a wrong token" },
	{ { NULL, NULL }, NULL, "{}", FAIL_AUTH, "nor nothing" },
	{ { auth, HEX_TEXT }, NULL, "x", FAIL_INPUT,
	    "what is signed, but not JSON, is no webhook" },
	{ { auth, HEX_LIST }, NULL, "[]", FAIL_INPUT, "nor is a list" },
	{ { auth, HEX_TEXT }, NULL, "y", FAIL_AUTH,
	    "the proof is asked for before that" },
};

static void
proves(void)
{
	struct source s = sender_source(&source_dbt);
	struct source bare = { .kind = &source_dbt };

	for (size_t i = 0; i < COUNT(proofs); i++)
		ok(sender_proof(&s, &proofs[i].header, proofs[i].token,
		       proofs[i].body) == proofs[i].want,
		    "%s", proofs[i].why);
	ok(sender_proof(&bare, &proofs[0].header, NULL, "{}") == FAIL_AUTH,
	    "a source without a secret refuses all");
	ok(source_kind_find("dbt") == &source_dbt && source_dbt.any_type &&
		!source_dbt.only_200,
	    "curl may call the file what it likes");
}

static bool
looks(const char *body)
{
	struct fail f = { 0 };
	struct tree *t = NULL;

	return tree_parse(body, strlen(body), &arena, &t, &f) &&
	    source_dbt.looks_known(t);
}

static void
recognises(void)
{
	ok(looks("{\"eventType\":\"job.run.errored\",\"data\":{}}") &&
		looks("{\"metadata\":{\"dbt_schema_version\":\"x\"}}"),
	    "a body of dbt's is known without a proof");
	ok(!looks("{}") && !looks("[]") && !looks("{\"eventType\":\"x\"}"),
	    "another is not");
}

/* ---- keys of both ----------------------------------------------------------
 */

static void
names(void)
{
	static const char fail[] = "{\"results\":[{\"unique_id\":\"model.a.m\","
				   "\"status\":\"error\"}]}";
	struct source s = sender_source(&source_dbt);
	struct source_item *i;

	s.namespace = "prod";
	i = sender_read(&s, fail, strlen(fail));
	is(i->key, "prod/model.a.m", "a key is namespace and unique id");
	ok(i->whole && !i->only_known, "a failure replaces what was known");
	sender_set(&s, 2, "ignore");
	ok(sender_read(&s, fail, strlen(fail)) == NULL,
	    "failures = ignore leaves them to edr");
	sender_set(&s, 2, "ring");
	ok(sender_read(&s, fail, strlen(fail)) != NULL,
	    "failures = ring is the default, written out");
}

/* ---- files of megabytes ----------------------------------------------------
 */

#define CODE \
	"\"compiled_code\":\"select a, b, c, d, e, f, g, h, i, j, k, l, m, n " \
	"from somewhere join elsewhere using (something) where this = that\""

static void
grows(void)
{
	struct source s = sender_source(&source_dbt);
	struct buf b = sender_giant("{\"results\":[",
	    "{\"unique_id\":\"test.a.t@\",\"status\":\"pass\"," CODE "},"
	    "{\"unique_id\":\"model.a.m@\",\"status\":\"error\",\"message\":"
	    "\"line\\nline\"," CODE "},"
	    "{\"unique_id\":\"model.a.s@\",\"status\":\"skipped\"," CODE "}",
	    20000, "]}");
	size_t passes = 0, failures = 0;

	for (const struct source_item *i = sender_read(&s, b.data, b.len);
	     i != NULL; i = i->next) {
		passes += i->only_known;
		failures += i->whole;
	}
	ok(b.len > 10000000 && passes == 20000 && failures == 20000,
	    "%zu bytes are read to their end", b.len);
	buf_free(&b);
}

static void
long_texts(void)
{
	struct source s = sender_source(&source_dbt);
	struct buf b =
	    sender_giant("{\"results\":[{\"unique_id\":\"model.a.m\","
			 "\"status\":\"error\",\"message\":\"\\n",
		"\\n\xf0\x9f\x98\x80```@", 200000, "\"}]}");
	struct source_item *i = sender_read(&s, b.data, b.len);
	const char *text = sender_says(&s, i, NULL, "/description");

	ok(b.len > 2000000 && strlen(text) < 40000,
	    "a message without end has one here");
	ok(strncmp(text, "````\n", 5) == 0 &&
		strcmp(text + strlen(text) - 5, "\n````") == 0,
	    "in a block that nothing in it can end");
	buf_free(&b);
}

int
main(void)
{
	proves();
	recognises();
	names();
	grows();
	long_texts();
	arena_free(&arena);
	return tap_done();
}
