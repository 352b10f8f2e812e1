#include "fivetran.h"

#include "arena.h"
#include "draft.h"
#include "fail.h"
#include "proof.h"
#include "tree.h"

#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct option options[] = {
	{ "secret_file", OPTION_SECRET, NULL },
	{ NULL, OPTION_TEXT, NULL },
};

static const struct proof_hmac signature = {
	.alg = SIGN_SHA256,
	.text = PROOF_HEX,
	.header = "HTTP_X_FIVETRAN_SIGNATURE_256",
};

static bool
prove(const struct source *s, const struct source_request *r, struct arena *a,
    struct fail *f)
{
	(void)a;
	return proof_hmac(&signature, source_option(s, "secret_file"), r, f) &&
	    (tree_is(r->tree, TREE_OBJECT) ||
		fail_set(f, FAIL_INPUT, "the body is not a JSON object"));
}

static bool
sign(const struct source *s, const struct source_request *r, struct arena *a,
    struct source_proof *out, struct fail *f)
{
	return proof_make_hmac(
	    &signature, source_option(s, "secret_file"), r, a, out, f);
}

/* ---- events ---- */

enum verdict { NOTHING, FAILED, PASSED };

/* Of the documented events those that say more than their ending does. */
static const struct {
	const char *event;
	enum verdict verdict;
} events[] = {
	{ "test_event", NOTHING },
	/* Data has not come by then. */
	{ "connection_successful", NOTHING },
	/* What is gone cannot succeed any more. */
	{ "delete_connector", PASSED },
};

static bool
ends(const char *s, const char *with)
{
	size_t n = strlen(s), m = strlen(with);

	return n >= m && strcmp(s + n - m, with) == 0;
}

static const char *
status_of(const struct tree *body, struct arena *a)
{
	const char *status = draft_text(tree_at(body, "/data/status"), a);

	return status != NULL ? status
			      : draft_text(tree_get(body, "status"), a);
}

static bool
begins(const char *s, const char *with)
{
	return strncasecmp(s, with, strlen(with)) == 0;
}

/* FAILED, FAILURE_WITH_TASK ...; a sync that was put off or cancelled has
 * neither failed nor succeeded. */
static enum verdict
judge_sync(const char *status)
{
	if (begins(status, "success"))
		return PASSED;
	return begins(status, "reschedul") || begins(status, "cancel") ? NOTHING
								       : FAILED;
}

static enum verdict
judge(const char *event, const char *status)
{
	for (size_t i = 0; i < COUNT(events); i++)
		if (strcmp(event, events[i].event) == 0)
			return events[i].verdict;
	if (ends(event, "_failed") || ends(event, "_failure"))
		return FAILED;
	if (ends(event, "_succeeded") || ends(event, "_successful"))
		return PASSED;
	/* The end of a sync that does not say how shall be seen. */
	if (strcmp(event, "sync_end") == 0)
		return judge_sync(status == NULL ? "" : status);
	return status != NULL && begins(status, "fail") ? FAILED : NOTHING;
}

/* ---- alerts ---- */

struct reader {
	struct arena *arena;
	const struct tree *body;
	const char *event;
	const char *connector; /* what people call it, or NULL */
	bool transformation;
};

static const char *
text(const struct reader *r, const char *pointer)
{
	return draft_text(tree_at(r->body, pointer), r->arena);
}

static const char *
either(const struct reader *r, const char *one, const char *other)
{
	const char *found = text(r, one);

	return found != NULL ? found : text(r, other);
}

static const char *
title(const struct reader *r)
{
	const char *what = "failed to sync";
	const char *name =
	    r->connector == NULL ? "without a name" : r->connector;

	if (r->transformation)
		return r->connector == NULL
		    ? "Fivetran transformation failed"
		    : arena_printf(r->arena,
			  "Fivetran transformation of \"%s\" failed", name);
	if (strncmp(r->event, "connection_", 11) == 0)
		what = "failed to connect";
	return arena_printf(
	    r->arena, "Fivetran connector \"%s\" %s", name, what);
}

static const char *
reason(const struct reader *r)
{
	static const char *const places[] = { "/data/reason", "/data/message",
		"/data/error", "/data/result/description" };
	const char *found = NULL;

	for (size_t i = 0; found == NULL && i < COUNT(places); i++)
		found = text(r, places[i]);
	return found;
}

static struct source_item *
failed(const struct reader *r, const char *key)
{
	struct draft d = draft_new("Fivetran", r->arena);
	const char *status = status_of(r->body, r->arena);

	draft_title(&d, title(r));
	draft_put(&d, "severity", "error");
	draft_put(&d, "connector", r->connector);
	draft_put(&d, "failure_reason", reason(r));
	draft_put(&d, "type", "pipeline");
	draft_put(&d, "connector_id", text(r, "/connector_id"));
	draft_put(&d, "connector_type", text(r, "/connector_type"));
	draft_put(
	    &d, "group_id", either(r, "/destination_group_id", "/group_id"));
	draft_put(&d, "event", r->event);
	draft_show(&d, reason(r));
	draft_item(&d, "Connector", r->connector);
	draft_item(&d, "Connector type", text(r, "/connector_type"));
	draft_item(&d, "Status", status);
	return draft_end(&d, key, "firing");
}

/* A connector's id; a transformation is known by its own, else by its
 * connector's or its group's. */
static const char *
identity(const struct reader *r)
{
	static const char *const places[] = { "/data/transformationId",
		"/data/transformation_id", "/connector_id",
		"/destination_group_id", "/group_id" };
	const char *id = NULL;

	for (size_t i = r->transformation ? 0 : 2;
	     id == NULL && i < COUNT(places); i++)
		id = text(r, places[i]);
	if (id == NULL)
		id = "unnamed";
	return r->transformation
	    ? arena_printf(r->arena, "transformation.%s", id)
	    : id;
}

static void
read_webhook(const struct source *s, const struct source_request *r,
    struct arena *a, struct source_reading *out)
{
	struct reader reader = { .arena = a, .body = r->tree };
	enum verdict verdict;
	const char *key;

	out->items = NULL;
	reader.event = text(&reader, "/event");
	if (reader.event == NULL)
		reader.event = "";
	verdict = judge(reader.event, status_of(r->tree, a));
	if (verdict == NOTHING)
		return;
	reader.transformation = strncmp(reader.event, "dbt_run_", 8) == 0 ||
	    strncmp(reader.event, "transformation_", 15) == 0;
	reader.connector = either(&reader, "/connector_name", "/connector_id");
	key = draft_key(s, identity(&reader), NULL, a);
	out->items =
	    verdict == PASSED ? draft_over(key, a) : failed(&reader, key);
}

/* What all events have (facts/elementary.md, 7). */
static bool
looks_known(const struct tree *body)
{
	return tree_is(tree_get(body, "event"), TREE_STR) &&
	    tree_is(tree_get(body, "connector_id"), TREE_STR);
}

const struct source_kind source_fivetran = {
	.name = "fivetran",
	.options = options,
	.any_type = true,
	.prove = prove,
	.sign = sign,
	.read = read_webhook,
	.looks_known = looks_known,
};
