#include "dbt.h"

#include "arena.h"
#include "dbttext.h"
#include "draft.h"
#include "fail.h"
#include "proof.h"
#include "tree.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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

enum verdict { NOTHING, FAILED, PASSED };

/* A word that nobody foresaw is a failure: it shall be seen. */
static enum verdict
judge(const char *id, const char *status)
{
	static const char *const passed[] = { "pass", "success", NULL };
	static const char *const nothing[] = { "skipped", "no-op", "reused",
		NULL };
	bool test = starts(id, "test.") || starts(id, "unit_test.");

	if (is_one_of(status, nothing))
		return NOTHING;
	/* A test that was only compiled is a success, but has not passed. */
	if (test && strcmp(status, "success") == 0)
		return NOTHING;
	return is_one_of(status, passed) ? PASSED : FAILED;
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
			*o++ = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a'
							     : *p);
	if (o != NULL)
		*o = '\0';
	return out;
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
	if (text(r, "message") == NULL)
		draft_item(d, "Failures", text(r, "failures"));
	draft_show(d, text(r, "message"));
}

static void
word_freshness(const struct reader *r, struct draft *d, const char *id)
{
	const struct dbttext_age age = { .error = text(r, "error"),
		.when = text(r, "snapshotted_at"),
		.newest = text(r, "max_loaded_at"),
		.ago = tree_get(r->from, "max_loaded_at_time_ago_in_s"),
		.warn = tree_at(r->from, "/criteria/warn_after"),
		.fail = tree_at(r->from, "/criteria/error_after"),
		.filter = draft_text(
		    tree_at(r->from, "/criteria/filter"), r->arena) };

	draft_title(d,
	    dbttext_freshness(
		text(r, "status"), dbttext_name(id, r->arena), r->arena));
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
	put_table(d, table(r));
	draft_show(d, text(r, "message"));
	draft_item(d, "Table", table(r));
}

/* One vocabulary whoever reports: Elementary's, also for freshness
 * (facts/elementary.md, 1.3). */
static const char *
severity(const char *id, const char *status)
{
	if (strcmp(status, "partial success") == 0)
		return "warn";
	if (!starts(id, "source."))
		return status;
	if (strcmp(status, "error") == 0)
		return "fail";
	return strcmp(status, "runtime error") == 0 ? "error" : status;
}

static struct source_item *
failed(
    const struct reader *r, const char *id, const char *status, const char *key)
{
	struct draft d = draft_new("dbt", r->arena);

	draft_put(&d, "severity", severity(id, status));
	if (starts(id, "test.") || starts(id, "unit_test."))
		word_test(r, &d, id);
	else if (starts(id, "source."))
		word_freshness(r, &d, id);
	else
		word_node(r, &d, id);
	draft_put(&d, "unique_id", id);
	return draft_end(&d, key, "firing");
}

static void
read_result(struct reader *r)
{
	const char *given = text(r, "unique_id");
	const char *status = text(r, "status");
	/* dbt always says both. */
	const char *id = given == NULL ? "unnamed" : given;
	enum verdict verdict;
	const char *key;

	if (status == NULL)
		status = "error";
	verdict = judge(id, status);
	if (verdict == NOTHING || (verdict == FAILED && !r->rings))
		return;
	key = draft_key(r->source, id, NULL, r->arena);
	draft_add(&r->list,
	    verdict == PASSED ? draft_over(key, r->arena)
			      : failed(r, id, status, key));
}

/* Commands that write the same file but run nothing: their success says
 * nothing of the data. */
static bool
ran(const struct tree *body, struct arena *a)
{
	static const char *const idle[] = { "compile", "generate", "docs",
		"list", "ls", "parse", "show", "clone", NULL };
	const char *which = draft_text(tree_at(body, "/args/which"), a);

	return which == NULL || !is_one_of(which, idle);
}

static void
read_results(struct reader *r, const struct tree *results)
{
	for (const struct tree *t = results->first; t != NULL; t = t->next) {
		if (t->type != TREE_OBJECT)
			continue;
		r->from = t;
		read_result(r);
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
job_title(const struct reader *r)
{
	const char *name = job_name(r);
	const char *project = text(r, "projectName");

	if (name == NULL)
		return "dbt job failed";
	return arena_printf(r->arena, "dbt job \"%s\" failed%s%s", name,
	    project == NULL ? "" : " in ", project == NULL ? "" : project);
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
failed_job(const struct reader *r, const char *account, const char *key)
{
	struct draft d = draft_new("dbt", r->arena);

	draft_title(&d, job_title(r));
	draft_link(&d, run_url(r, account));
	draft_put(&d, "severity", "error");
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

/* The run's own word counts; the event's name does if there is none. */
static enum verdict
judge_run(const struct reader *r, const char *event)
{
	static const char *const passed[] = { "Success", "10", NULL };
	static const char *const failing[] = { "Errored", "Error", "20", NULL };
	const char *words[] = { text(r, "runStatus"),
		text(r, "runStatusCode") };

	for (size_t i = 0; i < COUNT(words); i++) {
		if (words[i] != NULL && is_one_of(words[i], failing))
			return FAILED;
		if (words[i] != NULL && is_one_of(words[i], passed))
			return PASSED;
	}
	return strcmp(event, "job.run.errored") == 0 ? FAILED : NOTHING;
}

static void
read_job(struct reader *r, const struct tree *body, const char *event)
{
	const char *account = draft_text(tree_get(body, "accountId"), r->arena);
	enum verdict verdict;
	const char *job, *key;

	r->from = tree_get(body, "data");
	job = text(r, "jobId");
	if (job == NULL)
		job = text(r, "jobName");
	verdict = judge_run(r, event);
	/* A run that was cancelled or goes on has neither failed nor passed.
	 */
	if (verdict == NOTHING)
		return;
	key = draft_key(r->source,
	    arena_printf(r->arena, "job.%s.%s", account == NULL ? "" : account,
		job == NULL ? "" : job),
	    NULL, r->arena);
	draft_add(&r->list,
	    verdict == PASSED ? draft_over(key, r->arena)
			      : failed_job(r, account, key));
}

static void
read_webhook(const struct source *s, const struct source_request *r,
    struct arena *a, struct source_reading *out)
{
	const struct option_value *failures = source_option(s, "failures");
	const struct tree *results = tree_get(r->tree, "results");
	const char *event = draft_text(tree_get(r->tree, "eventType"), a);
	struct reader reader = { .source = s,
		.arena = a,
		.rings = failures->n == 0 ||
		    strcmp(failures->items[0], "ignore") != 0 };

	if (tree_is(results, TREE_LIST) && ran(r->tree, a))
		read_results(&reader, results);
	else if (event != NULL)
		read_job(&reader, r->tree, event);
	out->items = reader.list.first;
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
	.prove = prove,
	.sign = sign,
	.read = read_webhook,
	.looks_known = looks_known,
};
