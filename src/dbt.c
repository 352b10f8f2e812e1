#include "dbt.h"

#include "arena.h"
#include "dbttext.h"
#include "draft.h"
#include "fail.h"
#include "proof.h"
#include "tree.h"

#include <string.h>

static const char *const ring_ignore[] = { "ring", "ignore", NULL };

static const struct option options[] = {
	{ "secret_file", OPTION_SECRET, NULL },
	{ "cloud_url", OPTION_URL, NULL },
	{ "failures", OPTION_CHOICE, ring_ignore },
	{ NULL, OPTION_TEXT, NULL },
};

static const struct proof_hmac signature = {
	.alg = SIGN_SHA256,
	.text = PROOF_HEX,
	.header = "HTTP_AUTHORIZATION",
};

static bool
prove(const struct source *s, const struct source_request *r, struct arena *a,
    struct fail *f)
{
	const struct option_value *secrets = source_option(s, "secret_file");
	bool right;

	(void)a;
	if (r->token != NULL)
		right = proof_token(secrets, r, f);
	else if (proof_scheme(r, "Basic"))
		right = proof_basic(secrets, r, f);
	else
		right = proof_hmac(&signature, secrets, r, f);
	return right &&
	    (tree_is(r->tree, TREE_OBJECT) ||
		fail_set(f, FAIL_INPUT, "the body is not a JSON object"));
}

/* dbt Cloud signs its events; the files of dbt are posted by curl. */
static bool
sign(const struct source *s, const struct source_request *r, struct arena *a,
    struct source_proof *out, struct fail *f)
{
	const struct option_value *secrets = source_option(s, "secret_file");

	if (tree_get(r->tree, "eventType") != NULL)
		return proof_make_hmac(&signature, secrets, r, a, out, f);
	return proof_make_basic(secrets, "dbt", a, out, f);
}

/* ---- results ---- */

/* A body that is being read. */
struct reader {
	const struct source *source;
	struct arena *arena;
	const struct tree *from; /* what text() looks into */
	bool rings;              /* what failed is wanted */
	bool resolves;           /* what passed says that the data is well */
	bool spared;             /* something failed, and was not wanted */
	struct draft_list list;
};

static const char *
text(const struct reader *r, const char *name)
{
	return draft_text(tree_get(r->from, name), r->arena);
}

static bool
is_one_of(const char *word, const char *const *words)
{
	while (*words != NULL && strcmp(word, *words) != 0)
		words++;
	return *words != NULL;
}

static bool
starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

enum verdict { NOTHING, UNKNOWN, FAILED, PASSED };

static bool
is_test(const char *id)
{
	return id != NULL && (starts(id, "test.") || starts(id, "unit_test."));
}

/* A word that nobody foresaw is a failure: it shall be seen. */
static enum verdict
judge(const char *id, const char *status)
{
	static const char *const passed[] = { "pass", "success", NULL };
	static const char *const nothing[] = { "skipped", "no-op", "reused",
		NULL };

	if (is_one_of(status, nothing))
		return NOTHING;
	/* A test that was only compiled is a success, but has not passed. */
	if (is_test(id) && strcmp(status, "success") == 0)
		return NOTHING;
	return is_one_of(status, passed) ? PASSED : FAILED;
}

static const char *
message(const struct reader *r)
{
	const char *said = text(r, "message");

	return said != NULL ? said : text(r, "error");
}

/* "ANALYTICS"."STAGING"."orders" as Elementary names it. */
static const char *
table(const struct reader *r)
{
	const char *name = text(r, "relation_name");
	char *out = name == NULL ? NULL : arena_str(r->arena, name);
	char *o = out;

	for (const char *p = out; p != NULL && *p != '\0'; p++)
		if (strchr("\"`[]", *p) == NULL)
			*o++ = *p;
	if (o != NULL)
		*o = '\0';
	return draft_lower(out, r->arena);
}

static void
put_table(struct draft *d, const char *name)
{
	struct tree *list = tree_new(d->arena, TREE_LIST);

	if (name == NULL)
		return;
	(void)tree_push(list, tree_str(d->arena, name));
	draft_put_tree(d, "tables", list);
}

static void
word_test(const struct reader *r, struct draft *d, const char *id)
{
	const char *name = dbttext_name(id, r->arena);

	draft_title(d, dbttext_test(name, NULL, NULL, r->arena));
	draft_put(d, "type", "dbt_test");
	draft_put(d, "test_name", name);
	if (message(r) == NULL)
		draft_item(d, "Failures", text(r, "failures"));
	draft_show(d, message(r));
}

static void
word_freshness(
    const struct reader *r, struct draft *d, const char *id, const char *status)
{
	const struct dbttext_age age = { .error = text(r, "error"),
		.when = text(r, "snapshotted_at"),
		.newest = text(r, "max_loaded_at"),
		.ago = tree_get(r->from, "max_loaded_at_time_ago_in_s"),
		.warn = tree_at(r->from, "/criteria/warn_after"),
		.fail = tree_at(r->from, "/criteria/error_after"),
		.filter = draft_text(
		    tree_at(r->from, "/criteria/filter"), r->arena) };

	draft_title(
	    d, dbttext_freshness(status, dbttext_name(id, r->arena), r->arena));
	draft_put(d, "type", "source_freshness");
	draft_show(d, text(r, "message"));
	dbttext_say_age(d, &age);
}

/* What kind of node an id is of; NULL if it does not say. */
static const char *
node_type(const struct reader *r, const char *id)
{
	const char *dot = strchr(id, '.');

	return dot == NULL ? NULL
			   : arena_copy(r->arena, id, (size_t)(dot - id));
}

static void
word_node(const struct reader *r, struct draft *d, const char *id)
{
	const char *type = node_type(r, id);

	draft_title(
	    d, dbttext_build(type, dbttext_name(id, r->arena), r->arena));
	draft_put(d, "type", type);
	draft_show(d, message(r));
}

static void
word_nameless(const struct reader *r, struct draft *d)
{
	draft_title(d, "dbt reports a failure and does not say of what");
	draft_show(d, message(r));
}

/* One vocabulary whoever reports: Elementary's, also for freshness
 * (facts/elementary.md, 1.3). */
static const char *
severity(const char *id, const char *status)
{
	if (id != NULL && starts(id, "source.") && strcmp(status, "error") == 0)
		return "fail";
	return dbttext_severity(status);
}

static struct source_item *
failed(
    const struct reader *r, const char *id, const char *status, const char *key)
{
	struct draft d = draft_new("dbt", r->arena);

	draft_put(&d, "severity", severity(id, status));
	if (id == NULL)
		word_nameless(r, &d);
	else if (is_test(id))
		word_test(r, &d, id);
	else if (starts(id, "source."))
		word_freshness(r, &d, id, status);
	else
		word_node(r, &d, id);
	if (!is_test(id)) {
		put_table(&d, table(r));
		draft_item(&d, "Table", table(r));
	}
	draft_put(&d, "unique_id", id);
	return draft_end(&d, key, "firing");
}

static bool
given(const struct tree *t)
{
	return t != NULL && t->type != TREE_NULL && t->type != TREE_FALSE;
}

/* Nothing of it is known but that it came. */
static void
tell_unreadable(struct reader *r, const char *title, const struct tree *t)
{
	struct draft d = draft_new("dbt", r->arena);

	draft_title(&d, title);
	draft_put(&d, "severity", "warn");
	draft_show_tree(&d, t);
	draft_add(&r->list,
	    draft_end(&d, draft_key(r->source, NULL, t, r->arena), "firing"));
}

static void
tell_webhook(struct reader *r, const struct tree *body)
{
	tell_unreadable(r, "dbt sent a webhook that cannot be read", body);
}

/* dbt always says of what; before 0.19 by the node itself, or by the name of
 * the member. */
static const char *
unique_id(const struct reader *r)
{
	const char *id = text(r, "unique_id");

	if (id == NULL)
		id = draft_text(tree_at(r->from, "/node/unique_id"), r->arena);
	if (id != NULL || r->from->key_len == 0)
		return id;
	return draft_text(
	    tree_strn(r->arena, r->from->key, r->from->key_len), r->arena);
}

/* Before 0.19 the node alone told of what. */
static bool
is_old(const struct reader *r)
{
	return tree_is(tree_get(r->from, "node"), TREE_OBJECT) &&
	    text(r, "unique_id") == NULL;
}

/* Before 0.19 status was what the warehouse had said, and nothing told
 * whether it ran: what did not fail says nothing. */
static const char *
old_status(const struct reader *r)
{
	if (text(r, "error") != NULL)
		return "error";
	if (given(tree_get(r->from, "fail")))
		return "fail";
	return given(tree_get(r->from, "warn")) ? "warn" : "skipped";
}

/* A source's was its state. */
static const char *
status_of(const struct reader *r)
{
	const char *status = text(r, "status");

	if (is_old(r))
		return old_status(r);
	if (status == NULL)
		status = text(r, "state");
	return status == NULL ? "error" : draft_lower(status, r->arena);
}

static void
read_result(struct reader *r)
{
	const char *id = unique_id(r);
	const char *status = status_of(r);
	enum verdict verdict = judge(id, status);
	const char *key;

	if (verdict == FAILED && !r->rings)
		r->spared = true;
	if (verdict == NOTHING || (verdict == FAILED && !r->rings) ||
	    (verdict == PASSED && !r->resolves))
		return;
	key = draft_key(r->source, id, r->from, r->arena);
	draft_add(&r->list,
	    verdict == PASSED ? draft_over(key, r->arena)
			      : failed(r, id, status, key));
}

/* A word of what dbt was called with. */
static const char *
argument(const struct reader *r, const struct tree *body, const char *name)
{
	const char *word =
	    draft_text(tree_get(tree_get(body, "args"), name), r->arena);

	return word == NULL ? "" : draft_lower(word, r->arena);
}

/* Whether it has looked at the data, and at all of it: some commands write
 * the same file but run nothing. */
static bool
ran(const struct reader *r, const struct tree *body)
{
	static const char *const idle[] = { "compile", "compile_sql",
		"generate", "docs", "docs.generate", "list", "ls", "parse",
		"show", "clone", NULL };

	return !is_one_of(argument(r, body, "which"), idle) &&
	    !is_one_of(argument(r, body, "rpc_method"), idle) &&
	    strcmp(argument(r, body, "empty"), "true") != 0 &&
	    !given(tree_at(body, "/args/sample"));
}

static void
read_results(struct reader *r, const struct tree *results)
{
	for (const struct tree *t = results->first; t != NULL; t = t->next) {
		r->from = t;
		if (t->type == TREE_OBJECT)
			read_result(r);
		else
			tell_unreadable(
			    r, "dbt sent a result that cannot be read", t);
	}
}

/* ---- jobs ---- */

static const char *
job_name(const struct reader *r)
{
	const char *name = text(r, "jobName");

	return name != NULL ? name : text(r, "jobId");
}

static const char *
job_title(const struct reader *r, const char *event, enum verdict verdict)
{
	const char *name = job_name(r);
	const char *project = text(r, "projectName");
	const char *status = text(r, "runStatus");
	const char *end = "failed";

	if (verdict == UNKNOWN && status != NULL)
		end = arena_printf(r->arena, "sent the status \"%s\"", status);
	else if (verdict == UNKNOWN)
		end = *event == '\0'
		    ? "sent no status"
		    : arena_printf(r->arena, "sent %s without a status", event);
	return arena_printf(r->arena, "%s%s%s %s%s%s",
	    name == NULL ? "A dbt job" : "dbt job \"", name == NULL ? "" : name,
	    name == NULL ? "" : "\"", end, project == NULL ? "" : " in ",
	    project == NULL ? "" : project);
}

/* <cloud_url>/deploy/<account>/projects/<project>/runs/<run> */
static const char *
run_url(const struct reader *r, const char *account)
{
	static const char digits[] = "0123456789";
	const struct option_value *base = source_option(r->source, "cloud_url");
	const char *project = text(r, "projectId");
	const char *run = text(r, "runId");
	size_t n;

	if (base->n == 0 || account == NULL || project == NULL || run == NULL)
		return NULL;
	if (account[strspn(account, digits)] != '\0' ||
	    project[strspn(project, digits)] != '\0' ||
	    run[strspn(run, digits)] != '\0')
		return NULL;
	n = strlen(base->items[0]);
	while (n > 0 && base->items[0][n - 1] == '/')
		n--;
	return arena_printf(r->arena, "%.*s/deploy/%s/projects/%s/runs/%s",
	    (int)n, base->items[0], account, project, run);
}

/* dbt Cloud writes None where there is no message. */
static const char *
run_message(const struct reader *r)
{
	const char *message = text(r, "runStatusMessage");

	return message == NULL || strcmp(message, "None") == 0 ? NULL : message;
}

static struct source_item *
failed_job(const struct reader *r, const char *account, const char *title,
    const char *severity_word, const char *key)
{
	struct draft d = draft_new("dbt", r->arena);

	draft_title(&d, title);
	draft_link(&d, run_url(r, account));
	draft_put(&d, "severity", severity_word);
	draft_put(&d, "environment", text(r, "environmentName"));
	draft_put(&d, "type", "job");
	draft_put(&d, "account_id", account);
	draft_put(&d, "job", job_name(r));
	draft_put(&d, "job_id", text(r, "jobId"));
	draft_put(&d, "project", text(r, "projectName"));
	draft_put(&d, "run_id", text(r, "runId"));
	draft_show(&d, run_message(r));
	draft_item(&d, "Project", text(r, "projectName"));
	draft_item(&d, "Environment", text(r, "environmentName"));
	draft_item(&d, "Started", text(r, "runReason"));
	return draft_end(&d, key, "firing");
}

/* A run that goes on or was cancelled has neither failed nor passed. */
static enum verdict
judge_word(const char *word)
{
	static const char *const passed[] = { "success", "10", NULL };
	static const char *const nothing[] = { "queued", "starting", "running",
		"cancelled", "canceled", "1", "2", "3", "30", NULL };

	if (word == NULL)
		return UNKNOWN;
	if (strcmp(word, "20") == 0 || strstr(word, "error") != NULL ||
	    strstr(word, "fail") != NULL)
		return FAILED;
	if (is_one_of(word, passed))
		return PASSED;
	return is_one_of(word, nothing) ? NOTHING : UNKNOWN;
}

/* The run's own word counts, where it is no better than the event's name. */
static enum verdict
judge_run(const struct reader *r, const char *event)
{
	enum verdict verdict =
	    judge_word(draft_lower(text(r, "runStatus"), r->arena));

	if (verdict == UNKNOWN)
		verdict =
		    judge_word(draft_lower(text(r, "runStatusCode"), r->arena));
	if (strcmp(event, "job.run.started") == 0 && verdict != FAILED)
		return NOTHING;
	if (strcmp(event, "job.run.errored") == 0 && verdict != NOTHING)
		return FAILED;
	return verdict;
}

/* NULL if it does not say which job it is. */
static const char *
job_id(const struct reader *r, const char *account)
{
	const char *job = text(r, "jobId");

	if (job == NULL)
		job = text(r, "jobName");
	return job == NULL ? NULL
			   : arena_printf(r->arena, "job.%s.%s",
				 account == NULL ? "" : account, job);
}

/* What is not of a run shall not take the place of a failure that is known. */
static const char *
job_identity(const struct reader *r, const char *account, const char *event,
    enum verdict verdict)
{
	const char *id = job_id(r, account);

	if (id == NULL || verdict != UNKNOWN || *event == '\0' ||
	    starts(event, "job.run."))
		return id;
	return arena_printf(r->arena, "event.%s.%s", event, id);
}

static void
read_job(struct reader *r, const struct tree *body)
{
	const char *account = draft_text(tree_get(body, "accountId"), r->arena);
	const char *event = draft_text(tree_get(body, "eventType"), r->arena);
	enum verdict verdict;
	const char *id, *key;

	if (event == NULL)
		event = "";
	r->from = tree_get(body, "data");
	verdict = judge_run(r, event);
	if (verdict == NOTHING)
		return;
	id = job_identity(r, account, event, verdict);
	if (verdict == UNKNOWN && id == NULL) {
		tell_webhook(r, body);
		return;
	}
	key = draft_key(r->source, id, body, r->arena);
	draft_add(&r->list,
	    verdict == PASSED
		? draft_over(key, r->arena)
		: failed_job(r, account, job_title(r, event, verdict),
		      verdict == UNKNOWN ? "warn" : "error", key));
}

/* ---- the body ---- */

/* manifest.json, catalog.json and semantic_manifest.json say what there is,
 * not how it is. */
static bool
is_inventory(const struct tree *body)
{
	return tree_is(tree_get(body, "nodes"), TREE_OBJECT) ||
	    tree_get(body, "semantic_models") != NULL;
}

static void
read_body(struct reader *r, const struct tree *body)
{
	const struct tree *results = tree_get(body, "results");

	if (results == NULL && is_inventory(body))
		return;
	if (results == NULL)
		results = tree_get(body, "sources"); /* before dbt 0.19 */
	if (tree_is(results, TREE_LIST) || tree_is(results, TREE_OBJECT))
		read_results(r, results);
	else if (tree_get(body, "eventType") != NULL ||
	    tree_is(tree_get(body, "data"), TREE_OBJECT))
		read_job(r, body);
	else
		tell_webhook(r, body);
}

static const char *
spares(const struct source *s)
{
	const struct option_value *failures = source_option(s, "failures");

	return failures->n > 0 && strcmp(failures->items[0], "ignore") == 0
	    ? "failures = ignore"
	    : NULL;
}

static void
read_webhook(const struct source *s, const struct source_request *r,
    struct arena *a, struct source_reading *out)
{
	struct reader reader = {
		.source = s, .arena = a, .rings = spares(s) == NULL
	};

	reader.resolves = ran(&reader, r->tree);
	read_body(&reader, r->tree);
	out->items = reader.list.first;
	if (reader.spared)
		out->why =
		    arena_printf(a, "what failed is not wanted: %s", spares(s));
}

/* A job's event, or a file that dbt wrote (facts/elementary.md, 6). */
static bool
looks_known(const struct tree *body)
{
	return tree_is(
		   tree_at(body, "/metadata/dbt_schema_version"), TREE_STR) ||
	    (tree_is(tree_get(body, "eventType"), TREE_STR) &&
		tree_is(tree_get(body, "data"), TREE_OBJECT));
}

const struct source_kind source_dbt = {
	.name = "dbt",
	.options = options,
	.terse = true,
	.any_type = true,
	.spares = spares,
	.prove = prove,
	.sign = sign,
	.read = read_webhook,
	.looks_known = looks_known,
};
