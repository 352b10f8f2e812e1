#include "incidentio.h"

#include "arena.h"
#include "buf.h"
#include "event.h"
#include "fail.h"
#include "json.h"
#include "montecarlo.h"
#include "tree.h"

#include "tap.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define EVENT "{\"title\":\"t\",\"status\":\"firing\"}"
#define WEBHOOK \
	"{\"type\":\"x\",\"payload\":{\"incident_id\":\"i\",\"url\":\"u\"}}"

enum { TEXT_MAX = 4 << 20 };

static struct arena arena;
static const char *secrets[] = { "to-ken", "old" };

/* ---- proof ----------------------------------------------------------------
 */

struct sent {
	const char *authorization, *query;
};

static const char *
header(const void *from, const char *name)
{
	const struct sent *s = from;

	if (strcmp(name, "HTTP_AUTHORIZATION") == 0)
		return s->authorization;
	return strcmp(name, "QUERY_STRING") == 0 ? s->query : NULL;
}

static const struct {
	const char *authorization, *query, *token, *body;
	enum fail_kind want;
	const char *why;
} proofs[] = {
	{ "Bearer to-ken", NULL, NULL, EVENT, FAIL_NONE, "a bearer token" },
	{ "bearer old", NULL, NULL, EVENT, FAIL_NONE,
	    "the old one while there are two" },
	{ "Bearer other", NULL, NULL, EVENT, FAIL_AUTH, "another one" },
	{ "Bearer ", NULL, NULL, EVENT, FAIL_AUTH, "an empty one" },
	{ NULL, NULL, NULL, EVENT, FAIL_AUTH, "none" },
	{ "to-ken", NULL, NULL, EVENT, FAIL_AUTH, "a token without a scheme" },
	{ "Basic OnRvLWtlbg==", NULL, NULL, EVENT, FAIL_NONE,
	    "the token as password of nobody" },
	{ "Basic OnRvLWtlcg==", NULL, NULL, EVENT, FAIL_AUTH,
	    "a wrong password" },
	{ NULL, "token=to-ken", NULL, EVENT, FAIL_NONE, "?token=" },
	{ NULL, "team=a&token=to-ken&x=y", NULL, EVENT, FAIL_NONE,
	    "among other parameters" },
	{ NULL, "token=to%2Dken", NULL, EVENT, FAIL_NONE, "percent-encoded" },
	{ NULL, "token=%74o%2dk%65n&x=%", NULL, EVENT, FAIL_NONE,
	    "as much as one likes" },
	{ NULL, "token=to-ken%00", NULL, EVENT, FAIL_AUTH, "%00 is no end" },
	{ NULL, "token=to%2", NULL, EVENT, FAIL_AUTH, "half an escape" },
	{ NULL, "mytoken=to-ken", NULL, EVENT, FAIL_AUTH,
	    "not under another name" },
	{ NULL, "token=to-ke", NULL, EVENT, FAIL_AUTH, "not a part of it" },
	{ NULL, "token=", NULL, EVENT, FAIL_AUTH, "not nothing" },
	{ NULL, "", NULL, EVENT, FAIL_AUTH, "nor nothing at all" },
	{ NULL, NULL, "to-ken", EVENT, FAIL_NONE, "the token in the path" },
	{ NULL, NULL, "other", EVENT, FAIL_AUTH, "another one there" },
	{ "Bearer other", "token=to-ken", "to-ken", EVENT, FAIL_AUTH,
	    "a wrong header counts before all else" },

	{ "Bearer to-ken", NULL, NULL, "{", FAIL_INPUT, "what is not JSON" },
	{ "Bearer other", NULL, NULL, "{", FAIL_AUTH,
	    "is not looked at unproven" },
	{ "Bearer to-ken", NULL, NULL, "{}", FAIL_REFUSED,
	    "nothing to ring: nothing" },
	{ "Bearer to-ken", NULL, NULL, "[" EVENT "]", FAIL_REFUSED, "a list" },
	{ "Bearer to-ken", NULL, NULL, "\"title\"", FAIL_REFUSED, "a string" },
	{ "Bearer to-ken", NULL, NULL, "{\"message\":\"hello\"}", FAIL_REFUSED,
	    "other names" },
	{ "Bearer to-ken", NULL, NULL,
	    "{\"title\":\"\",\"status\":null,\"metadata\":{},"
	    "\"description\":[]}",
	    FAIL_REFUSED, "names that hold nothing" },
	{ "Bearer to-ken", NULL, NULL, "{\"title\":\"t\"}", FAIL_NONE,
	    "something to ring: a title" },
	{ "Bearer to-ken", NULL, NULL, "{\"status\":\"resolved\"}", FAIL_NONE,
	    "a status" },
	{ "Bearer to-ken", NULL, NULL, "{\"metadata\":{\"a\":1}}", FAIL_NONE,
	    "metadata" },
	{ "Bearer to-ken", NULL, NULL, WEBHOOK, FAIL_NONE,
	    "a webhook of Monte Carlo's" },
};

static enum fail_kind
proof(size_t i, const struct option_value *values)
{
	struct sent from = { proofs[i].authorization, proofs[i].query };
	struct option_value copy = *values;
	struct source s = { .name = "io",
		.kind = &source_incidentio,
		.namespace = "io",
		.values = &copy };
	struct source_request r = { .header = header,
		.from = &from,
		.token = proofs[i].token,
		.body = proofs[i].body,
		.body_len = strlen(proofs[i].body) };
	struct fail f = { 0 };
	struct tree *t;

	if (tree_parse(r.body, r.body_len, &arena, &t, &f))
		r.tree = t;
	f = (struct fail){ 0 };
	if (source_incidentio.prove(&s, &r, &arena, &f) !=
	    (f.kind == FAIL_NONE))
		return FAIL_BROKEN;
	return f.kind;
}

static void
proves(void)
{
	const struct option_value both = { secrets, 2 };
	const struct option_value none = { NULL, 0 };

	for (size_t i = 0; i < COUNT(proofs); i++) {
		ok(proof(i, &both) == proofs[i].want, "%s", proofs[i].why);
		ok(proof(i, &none) == FAIL_AUTH,
		    "and without a secret nothing");
	}
}

/* ---- answers --------------------------------------------------------------
 */

static const char *
json(const struct tree *t)
{
	struct buf b = BUF_MAX(TEXT_MAX);
	const char *text;

	json_write(t, JSON_PLAIN, &b);
	text = arena_copy(&arena, b.data, b.len);
	buf_free(&b);
	return text;
}

static const struct {
	int status;
	const char *type, *code, *field;
} refusals[] = {
	{ 400, "validation_error", "invalid", NULL },
	{ 403, "authentication_error", "invalid_credentials", NULL },
	{ 413, "validation_error", "invalid", NULL },
	{ 422, "validation_error", "is_required", "title" },
	{ 503, "internal_error", "unavailable", NULL },
};

/* The shape is incident.io's (facts/incidentio.md, 1.3). */
static void
refuses(void)
{
	const struct source_words *w = source_incidentio.words;

	for (size_t i = 0; i < COUNT(refusals); i++) {
		const struct tree *t = w->no(refusals[i].status, "why", &arena);
		const struct tree *again =
		    w->no(refusals[i].status, "why", &arena);
		const char *id = tree_cstr(tree_get(t, "request_id"), &arena);
		int64_t status = 0;

		ok(tree_says(tree_get(t, "type"), refusals[i].type) &&
			tree_int(tree_get(t, "status"), &status) &&
			status == refusals[i].status &&
			tree_says(
			    tree_at(t, "/errors/0/code"), refusals[i].code) &&
			tree_says(tree_at(t, "/errors/0/message"), "why"),
		    "%d has its type, its code and its reason",
		    refusals[i].status);
		is(tree_cstr(tree_at(t, "/errors/0/source/field"), &arena),
		    refusals[i].field, "and names what is missing");
		ok(id != NULL && strlen(id) == 36 && id[14] == '4' &&
			!tree_says(tree_get(again, "request_id"), id),
		    "and has an id of its own");
	}
}

static void
accepts(void)
{
	const struct source_words *w = source_incidentio.words;

	ok(w->yes_status == 202, "yes is 202");
	is(json(w->yes("k", &arena)),
	    "{\"deduplication_key\":\"k\",\"message\":\"Event accepted for "
	    "processing\",\"status\":\"success\"}",
	    "with the three fields of the documented example");
}

/* ---- reading --------------------------------------------------------------
 */

static const struct source_item *
items(const struct source_kind *kind, const char *body, struct source *s)
{
	struct source_request r = { .body = body, .body_len = strlen(body) };
	struct source_reading reading = { NULL };
	struct fail f = { 0 };
	struct tree *t;

	*s = (struct source){ .name = "s", .kind = kind, .namespace = "s" };
	if (!tree_parse(body, strlen(body), &arena, &t, &f))
		abort();
	r.tree = t;
	kind->read(s, &r, &arena, &reading);
	return reading.items;
}

static const char *
event(const struct source_kind *kind, const char *body)
{
	struct source s;
	const struct source_item *i = items(kind, body, &s);

	return json(
	    event_body(event_merge(&s, NULL, i->change, i->whole, 0, &arena),
		i->key, &arena));
}

static const char *const webhooks[] = { WEBHOOK,
	"{\"type\":\"open_anomaly_incident\",\"payload\":{\"incident_id\":\"i\""
	",\"group_id\":\"g\",\"event_list\":[{\"table_name\":\"t\"}]}}",
	"{\"type\":\"x\",\"payload\":{\"incident_id\":\"i\",\"event_list\":null"
	"},\"alert_feedback\":\"fixed\"}" };

static void
reads(void)
{
	struct source s;
	struct buf b = BUF_MAX(TEXT_MAX);
	const struct source_item *i;
	const char *before, *after;

	for (size_t n = 0; n < COUNT(webhooks); n++)
		is(event(&source_incidentio, webhooks[n]),
		    event(&source_montecarlo, webhooks[n]),
		    "a webhook of Monte Carlo's reads as it does there");
	ok(!items(&source_incidentio, WEBHOOK, &s)->whole,
	    "and is a change, as it is there");
	ok(items(&source_incidentio, EVENT, &s)->whole,
	    "an event replaces what was known");
	ok(!items(&source_incidentio, EVENT, &s)->only_known &&
		!items(&source_incidentio, "{\"status\":\"resolved\"}", &s)
		     ->only_known,
	    "and is sent on, whatever is known");
	ok(source_incidentio.looks_known(
	       items(&source_incidentio, EVENT, &s)->change),
	    "an event looks like one");

	/* The journal writes the body after it was read. */
	before = "{\"title\":\"t\",\"deduplication_key\":\"";
	buf_puts(&b, before);
	for (size_t n = 0; n < 300; n++)
		buf_puts(&b, "x");
	buf_puts(&b, "\",\"metadata\":{\"deduplication_key\":1,\"a\":2}}");
	{
		struct source_request r = { .body = b.data, .body_len = b.len };
		struct source_reading reading = { NULL };
		struct fail f = { 0 };
		struct tree *t;

		(void)tree_parse(b.data, b.len, &arena, &t, &f);
		r.tree = t;
		source_incidentio.read(&s, &r, &arena, &reading);
		after = json(t);
		is(after, b.data, "reading changes nothing of what was sent");
	}
	buf_reset(&b);
	buf_puts(&b, "{\"title\":\"t\",\"metadata\":{");
	for (size_t n = 0; n < 60000; n++)
		buf_printf(&b, "%s\"k%zu\":%zu", n > 0 ? "," : "", n, n);
	buf_puts(&b, "}}");
	i = items(&source_incidentio, b.data, &s);
	ok(strlen(json(
	       event_body(event_merge(&s, NULL, i->change, i->whole, 0, &arena),
		   i->key, &arena))) < EVENT_MAX,
	    "metadata without end becomes an event that fits");
	buf_free(&b);
}

int
main(void)
{
	proves();
	accepts();
	refuses();
	reads();
	arena_free(&arena);
	return tap_done();
}
