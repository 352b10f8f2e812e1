#include "fivetran.h"

#include "sender.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char name[] = "HTTP_X_FIVETRAN_SIGNATURE_256";

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
	{ { name, HEX_UPPER }, NULL, "{}", FAIL_NONE,
	    "a signature in upper case is a proof" },
	{ { name, HEX_OBJECT }, NULL, "{}", FAIL_NONE,
	    "so it is in lower case" },
	{ { name, HEX_OBJECT }, NULL, "{ }", FAIL_AUTH, "not another body's" },
	{ { "HTTP_AUTHORIZATION", HEX_OBJECT }, NULL, "{}", FAIL_AUTH,
	    "nor in another header" },
	{ { NULL, NULL }, "secret", "{}", FAIL_AUTH,
	    "nor a token: Fivetran signs" },
	{ { NULL, NULL }, NULL, "{}", FAIL_AUTH, "nor nothing" },
	{ { name, HEX_TEXT }, NULL, "x", FAIL_INPUT,
	    "what is signed, but not JSON, is no webhook" },
	{ { name, HEX_LIST }, NULL, "[]", FAIL_INPUT, "nor is a list" },
};

static void
proves(void)
{
	struct source s = sender_source(&source_fivetran);
	struct source bare = { .kind = &source_fivetran };

	for (size_t i = 0; i < COUNT(proofs); i++)
		ok(sender_proof(&s, &proofs[i].header, proofs[i].token,
		       proofs[i].body) == proofs[i].want,
		    "%s", proofs[i].why);
	ok(sender_proof(&bare, &proofs[0].header, NULL, "{}") == FAIL_AUTH,
	    "a source without a secret refuses all");
	ok(source_kind_find("fivetran") == &source_fivetran,
	    "the kind is known by its name");
}

static bool
looks(const char *body)
{
	struct fail f = { 0 };
	struct tree *t = NULL;

	return tree_parse(body, strlen(body), &arena, &t, &f) &&
	    source_fivetran.looks_known(t);
}

static void
recognises(void)
{
	ok(looks("{\"event\":\"sync_end\",\"connector_id\":\"x\"}"),
	    "a body of Fivetran's is known without a proof");
	ok(!looks("{}") && !looks("[]") && !looks("{\"event\":\"x\"}"),
	    "another is not");
}

/* ---- what an event means ---------------------------------------------------
 */

enum outcome { NOTHING, FIRES, RESOLVES };

static const struct {
	const char *event;
	const char *status; /* NULL: none */
	enum outcome want;
} events[] = {
	{ "test_event", NULL, NOTHING },
	{ "sync_start", NULL, NOTHING },
	{ "sync_end", "SUCCESSFUL", RESOLVES },
	{ "sync_end", "FAILED", FIRES },
	{ "sync_end", "FAILURE", FIRES },
	{ "sync_end", "FAILURE_WITH_TASK", FIRES },
	{ "sync_end", "failure_with_task", FIRES },
	{ "sync_end", "RESCHEDULED", NOTHING },
	{ "sync_end", "CANCELED", NOTHING },
	{ "sync_end", "SOMETHING", FIRES },
	{ "sync_end", NULL, FIRES },
	{ "status", "FAILED", FIRES },
	{ "status", "SUCCESSFUL", NOTHING },
	{ "connection_failure", NULL, FIRES },
	{ "connection_successful", NULL, NOTHING },
	{ "dbt_run_start", NULL, NOTHING },
	{ "dbt_run_failed", NULL, FIRES },
	{ "dbt_run_succeeded", NULL, RESOLVES },
	{ "transformation_run_start", NULL, NOTHING },
	{ "transformation_run_failed", NULL, FIRES },
	{ "transformation_run_succeeded", NULL, RESOLVES },
	{ "pause_connector", NULL, NOTHING },
	{ "edit_connector", NULL, NOTHING },
	{ "delete_connector", NULL, RESOLVES },
	{ "sync_end", "SUCCEEDED", RESOLVES },
	{ "sync_end", "PARTIALLY_SUCCESSFUL", FIRES },
	{ "create_connector", NULL, NOTHING },
	{ "resume_connector", NULL, NOTHING },
	{ "force_update_connector", NULL, NOTHING },
	{ "resync_connector", NULL, NOTHING },
	{ "resync_table", NULL, NOTHING },
	{ "resync_table", "FAILED", FIRES },
	{ "status", "RESCHEDULED", NOTHING },
	{ "transformation_start", NULL, NOTHING },
	{ "transformation_failed", NULL, FIRES },
	{ "transformation_succeeded", NULL, RESOLVES },
	{ "transformation_succeeded", "FAILED", FIRES },
	{ "anything_successful", NULL, NOTHING },
	{ "anything", "SUCCESSFUL", NOTHING },
	{ "anything", NULL, FIRES },
	{ "sync_error", NULL, FIRES },
	{ "", NULL, FIRES },
};

static void
judges(void)
{
	struct source s = sender_source(&source_fivetran);

	for (size_t i = 0; i < COUNT(events); i++) {
		const char *status = events[i].status;
		const char *body = arena_printf(&arena,
		    "{\"event\":\"%s\",\"connector_id\":\"c\",\"data\":{%s%s%s}"
		    "}",
		    events[i].event, status == NULL ? "" : "\"status\":\"",
		    status == NULL ? "" : status, status == NULL ? "" : "\"");
		const struct source_item *item =
		    sender_read(&s, body, strlen(body));
		enum outcome got = item == NULL ? NOTHING
		    : item->only_known          ? RESOLVES
						: FIRES;

		ok(got == events[i].want, "%s %s", events[i].event,
		    status == NULL ? "" : status);
	}
}

/* A connector and what is made of its data are two alerts. */
static void
names(void)
{
	static const struct {
		const char *body;
		const char *key;
		const char *why;
	} keys[] = {
		{ "{\"event\":\"sync_end\",\"connector_id\":\"c\"}",
		    "fivetran/c", "a connector's key" },
		{ "{\"event\":\"connection_failure\",\"connector_id\":\"c\"}",
		    "fivetran/c", "whatever fails of it" },
		{ "{\"event\":\"sync_end\",\"connector_id\":\"c\","
		  "\"data\":{\"transformationId\":\"t\"}}",
		    "fivetran/c", "and whatever else it says" },
		{ "{\"event\":\"dbt_run_failed\",\"connector_id\":\"c\"}",
		    "fivetran/transformation.c",
		    "what is made of its data is another alert" },
		{ "{\"event\":\"transformation_run_failed\",\"data\":"
		  "{\"transformationId\":\"t\"},\"connector_id\":\"c\"}",
		    "fivetran/transformation.t", "with a name of its own" },
		{ "{\"event\":\"dbt_run_failed\",\"group_id\":\"g\",\"data\":"
		  "{\"dbtJobId\":\"j\",\"id\":\"i\"}}",
		    "fivetran/transformation.j", "or its job's" },
		{ "{\"event\":\"dbt_run_failed\",\"group_id\":\"g\"}",
		    "fivetran/"
		    "a32912f9c1b22fe60215010d1a701b7f5d580cf088d878b8b2a6a2f38c"
		    "eab8be",
		    "or the whole body's: a group has many" },
		{ "{\"event\":\"sync_end\",\"group_id\":\"g\"}", "fivetran/g",
		    "a connector without an id is its group" },
		{ "{\"event\":\"sync_end\"}",
		    "fivetran/"
		    "d92b2347c37e8d54471bb885aafdf0e0a75200a7b5a77c3eeef4efd8fd"
		    "345c7e",
		    "or the whole body, and rings" },
	};
	struct source s = sender_source(&source_fivetran);

	for (size_t i = 0; i < COUNT(keys); i++)
		is(sender_read(&s, keys[i].body, strlen(keys[i].body))->key,
		    keys[i].key, keys[i].why);
}

int
main(void)
{
	proves();
	recognises();
	judges();
	names();
	arena_free(&arena);
	return tap_done();
}
