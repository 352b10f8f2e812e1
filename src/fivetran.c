#include "fivetran.h"

#include "arena.h"
#include "array.h"
#include "draft.h"
#include "fail.h"
#include "proof.h"
#include "tree.h"

#include <string.h>
#include <strings.h>

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

/* What nobody foresaw rings as well, smaller. */
enum verdict { NOTHING, UNKNOWN, FAILED, PASSED };

/* Events that are no trouble by their documentation. */
static const char *const quiet[] = { "test_event", "sync_start",
	"dbt_run_start", "transformation_start", "transformation_run_start",
	/* Data has not come by then. */
	"connection_successful", "create_connector", "pause_connector",
	"resume_connector", "edit_connector", "force_update_connector",
	"resync_connector", "resync_table" };

static bool
is_quiet(const char *event)
{
	for (size_t i = 0; i < COUNT(quiet); i++)
		if (strcmp(event, quiet[i]) == 0)
			return true;
	return false;
}

static bool
ends(const char *s, const char *with)
{
	size_t n = strlen(s), m = strlen(with);

	return n >= m && strcmp(s + n - m, with) == 0;
}

static bool
begins(const char *s, const char *with)
{
	return strncasecmp(s, with, strlen(with)) == 0;
}

static bool
says_failure(const char *s)
{
	return strcasestr(s, "fail") != NULL ||
	    strcasestr(s, "error") != NULL || strcasestr(s, "partial") != NULL;
}

static bool
says_success(const char *event)
{
	return ends(event, "_succeeded") || ends(event, "_successful");
}

static bool
is_transformation(const char *event)
{
	return begins(event, "dbt_run_") || begins(event, "transformation_");
}

/* FAILED, FAILURE_WITH_TASK ...; a run that was put off or cancelled has
 * neither failed nor succeeded. */
static enum verdict
judge_status(const char *status)
{
	if (says_failure(status))
		return FAILED;
	if (begins(status, "succe"))
		return PASSED;
	return begins(status, "reschedul") || begins(status, "cancel")
	    ? NOTHING
	    : UNKNOWN;
}

static enum verdict
judge(const char *event, const char *status)
{
	enum verdict by_status = judge_status(status);

	if (strcmp(event, "delete_connector") == 0)
		return PASSED; /* What is gone cannot succeed any more. */
	if (says_failure(event) || by_status == FAILED)
		return FAILED;
	/* The end of a sync that does not say how shall be seen. */
	if (strcmp(event, "sync_end") == 0)
		return by_status == UNKNOWN ? FAILED : by_status;
	if (is_transformation(event) && says_success(event))
		return PASSED;
	return is_quiet(event) || says_success(event) || by_status != UNKNOWN
	    ? NOTHING
	    : UNKNOWN;
}

/* ---- alerts ---- */

struct reader {
	struct arena *arena;
	const struct tree *body;
	const char *event;
	const char *status;
	const char *name; /* of what it is about, for people; or NULL */
	bool transformation;
};

static const char *
text(const struct reader *r, const char *pointer)
{
	return draft_text(tree_at(r->body, pointer), r->arena);
}

/* The first of these places that says something. */
static const char *
any_of(const struct reader *r, const char *const *places)
{
	const char *found = NULL;

	for (; found == NULL && *places != NULL; places++)
		found = text(r, *places);
	return found;
}

static const char *const groups[] = { "/destination_group_id", "/group_id",
	NULL };
static const char *const connectors[] = { "/connector_id", "/connection_id",
	NULL };

static const char *
status_of(const struct reader *r)
{
	static const char *const places[] = { "/data/status", "/status", NULL };
	const char *status = any_of(r, places);

	return status == NULL ? "" : status;
}

static const char *
job_name(const struct reader *r)
{
	static const char *const places[] = { "/data/dbtJobName",
		"/data/transformationName", "/data/transformation_name",
		"/data/name", NULL };

	return r->transformation ? any_of(r, places) : NULL;
}

static const char *
connector_name(const struct reader *r)
{
	static const char *const places[] = { "/connector_name",
		"/connection_name", "/connector_id", "/connection_id", NULL };

	return any_of(r, places);
}

static const char *
transformation_title(const struct reader *r)
{
	if (job_name(r) != NULL)
		return arena_printf(r->arena,
		    "Fivetran transformation \"%s\" failed", job_name(r));
	if (r->name != NULL)
		return arena_printf(r->arena,
		    "Fivetran transformation of \"%s\" failed", r->name);
	return "Fivetran transformation failed";
}

static const char *
connector_title(const struct reader *r)
{
	const char *what = "failed";
	bool told = true;

	if (begins(r->event, "connection_"))
		what = "failed to connect";
	else if (begins(r->event, "sync_") || strcmp(r->event, "status") == 0)
		what = "failed to sync";
	else
		told = *r->event == '\0';
	return arena_printf(r->arena, "%s%s%s %s%s%s",
	    r->name == NULL ? "A Fivetran connector" : "Fivetran connector \"",
	    r->name == NULL ? "" : r->name, r->name == NULL ? "" : "\"", what,
	    told ? "" : ": ", told ? "" : r->event);
}

static const char *
unknown_title(const struct reader *r)
{
	if (*r->event == '\0')
		return "Fivetran sent a webhook that says no event";
	return arena_printf(r->arena, "Fivetran sent \"%s\"%s%s%s", r->event,
	    r->name == NULL ? "" : " for \"", r->name == NULL ? "" : r->name,
	    r->name == NULL ? "" : "\"");
}

static const char *
reason(const struct reader *r)
{
	static const char *const places[] = { "/data/reason",
		"/data/reason/message", "/data/message", "/data/error",
		"/data/error/message", "/data/result/description",
		"/data/result", NULL };

	return any_of(r, places);
}

/* What the first step that failed had to say. */
static const char *
step_output(const struct reader *r)
{
	const struct tree *steps = tree_at(r->body, "/data/result/stepResults");
	const struct tree *step =
	    tree_is(steps, TREE_LIST) ? steps->first : NULL;
	const char *error;

	while (step != NULL && !tree_is(tree_get(step, "success"), TREE_FALSE))
		step = step->next;
	error = draft_text(tree_at(step, "/commandResult/error"), r->arena);
	return error != NULL
	    ? error
	    : draft_text(tree_at(step, "/commandResult/output"), r->arena);
}

static void
describe(const struct reader *r, enum verdict verdict, struct draft *d)
{
	const struct tree *rest =
	    *r->event == '\0' ? r->body : tree_get(r->body, "data");

	if (verdict == UNKNOWN)
		draft_say(d,
		    "bellrelay does not know what this event means, and so "
		    "passes it on.");
	draft_show(d, reason(r));
	draft_show(d, step_output(r));
	draft_item(
	    d, job_name(r) != NULL ? "Transformation" : "Connector", r->name);
	draft_item(d, "Connector type", text(r, "/connector_type"));
	draft_item(d, "Status", r->status);
	draft_item(d, "Task", text(r, "/data/taskType"));
	if (verdict == UNKNOWN && tree_is(rest, TREE_OBJECT))
		draft_show_tree(d, rest);
}

static struct source_item *
failed(const struct reader *r, enum verdict verdict, const char *key)
{
	struct draft d = draft_new("Fivetran", r->arena);

	draft_title(&d,
	    verdict == UNKNOWN      ? unknown_title(r)
		: r->transformation ? transformation_title(r)
				    : connector_title(r));
	draft_put(&d, "severity", verdict == UNKNOWN ? "warn" : "error");
	draft_put(&d, "connector", r->name);
	draft_put(&d, "failure_reason", reason(r));
	draft_put(&d, "type", "pipeline");
	draft_put(&d, "connector_id", any_of(r, connectors));
	draft_put(&d, "connector_type", text(r, "/connector_type"));
	draft_put(&d, "group_id", any_of(r, groups));
	draft_put(&d, "event", r->event);
	describe(r, verdict, &d);
	return draft_end(&d, key, "firing");
}

/* A connector's id, else its name or its group's id. */
static const char *
connector(const struct reader *r)
{
	static const char *const places[] = { "/connector_id", "/connection_id",
		"/connector_name", "/connection_name", NULL };
	const char *id = any_of(r, places);

	return id != NULL ? id : any_of(r, groups);
}

/* A group has many transformations: it is no name for one of them. */
static const char *
transformation(const struct reader *r)
{
	static const char *const ids[] = { "/data/dbtJobId",
		"/data/transformationId", "/data/transformation_id", "/data/id",
		NULL };
	const char *group = any_of(r, groups);
	const char *id = any_of(r, ids);

	if (id == NULL && job_name(r) != NULL)
		id = arena_printf(
		    r->arena, "%s.%s", group == NULL ? "" : group, job_name(r));
	return id != NULL ? id : any_of(r, connectors);
}

/* NULL if it says of nothing what it is about. */
static const char *
identity(const struct reader *r, enum verdict verdict)
{
	const char *id = r->transformation ? transformation(r) : connector(r);

	if (id == NULL)
		return NULL;
	/* Not to take the place of a failure that is known. */
	if (verdict == UNKNOWN)
		return arena_printf(r->arena, "event.%s.%s", r->event, id);
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
	reader.event = draft_lower(text(&reader, "/event"), a);
	if (reader.event == NULL)
		reader.event = "";
	reader.status = status_of(&reader);
	verdict = judge(reader.event, reader.status);
	if (verdict == NOTHING)
		return;
	reader.transformation = is_transformation(reader.event);
	reader.name = job_name(&reader);
	if (reader.name == NULL)
		reader.name = connector_name(&reader);
	key = draft_key(s, identity(&reader, verdict), r->tree, a);
	out->items = verdict == PASSED ? draft_over(key, a)
				       : failed(&reader, verdict, key);
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
