/*
 * Sources as a configuration file describes them, the ready ones of
 * src/samples/generic too.
 */
#include "generic.h"

#include "arena.h"
#include "buf.h"
#include "conf.h"
#include "event.h"
#include "fail.h"
#include "json.h"
#include "sign.h"
#include "tree.h"

#include "tap.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SAMPLES "src/samples/generic/"

enum { FILE_MAX = 4 << 20 };

static struct arena arena;
static char dir[] = "/tmp/bellrelay-generic-XXXXXX";

static void
put(const char *name, const char *text)
{
	const char *path = arena_printf(&arena, "%s/%s", dir, name);
	FILE *file = fopen(path, "w");

	if (file == NULL || fputs(text, file) == EOF || fclose(file) == EOF ||
	    chmod(path, 0600) == -1) {
		printf("Bail out! %s\n", path);
		exit(1);
	}
}

static const char *
slurp(const char *path)
{
	struct buf b = BUF_MAX(FILE_MAX);
	FILE *file = fopen(path, "r");
	const char *text;
	size_t n;

	if (file == NULL) {
		printf("Bail out! %s\n", path);
		exit(1);
	}
	while ((n = fread(buf_room(&b, 4096), 1, 4096, file)) > 0)
		buf_grew(&b, n);
	(void)fclose(file);
	text = arena_copy(&arena, b.data, b.len);
	buf_free(&b);
	return text;
}

static void
sweep(void)
{
	DIR *d = opendir(dir);

	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
		(void)unlink(arena_printf(&arena, "%s/%s", dir, e->d_name));
	if (d != NULL)
		(void)closedir(d);
	(void)rmdir(dir);
}

/* ---- what is configured ----------------------------------------------------
 */

#define HEAD \
	"spool = spool\n" \
	"destination data-oncall { url = \"http://127.0.0.1:1/\" " \
	"token_file = token }\n"

/* The source's options begin in line 4. */
static bool
read_options(const char *options, struct conf *c, struct fail *f)
{
	put("conf",
	    arena_printf(&arena,
		HEAD "source any { kind = generic destination = data-oncall\n"
		     "%s\n}\n",
		options));
	*c = (struct conf){ .path = NULL };
	return conf_read(arena_printf(&arena, "%s/conf", dir), c, f);
}

static const struct {
	const char *options;
	const char *want; /* after the path; "": accepted */
	const char *why;
} configured[] = {
	{ "", "", "nothing need be said" },
	{ "key = \"/incident/id\"", "", "a pointer" },
	{ "key = { \"/a\", \"{/b} of {/c}\" }", "", "several, and in a text" },
	{ "key = \"/a~1b/~0c/*/0\"", "", "escapes, a star, an index" },
	{ "title = \"a {brace} and }\"", "", "braces that hold no pointer" },
	{ "key = \"/a\"\ntitle = \"/b~2\"",
	    ":5: title: not a JSON Pointer (RFC 6901): wanted ~0 for ~ and ~1 "
	    "for / in a name",
	    "a bad escape, at its line" },
	{ "title = {\n\"/b\",\n\"{/b~}\" }",
	    ":6: title: not a JSON Pointer (RFC 6901): wanted ~0 for ~ and ~1 "
	    "for / in a name",
	    "in the middle of a list, at its line" },
	{ "title = \"{/b\"", ":4: title: wanted a } behind the pointer in {/",
	    "an open brace" },
	{ "each = alerts",
	    ":4: each: wanted a JSON Pointer, such as \"/alerts\"",
	    "each without a slash" },
	{ "key = id",
	    ":4: key: wanted a JSON Pointer, such as \"/id\": with a key that "
	    "is always the same all alerts were one",
	    "a key for all" },
	{ "tables = t", ":4: tables: wanted a JSON Pointer, such as \"/table\"",
	    "a table for all" },
	{ "status = { \"/s\", ok }",
	    ":4: status: wanted a JSON Pointer, or firing, resolved or ignored",
	    "a status that is none" },
	{ "status = { \"/s\", ignored }", "", "one that is" },
	{ "status_map = { \"a=firing\", \"b\" }",
	    ":4: status_map: wanted \"value=firing\"", "half a pair" },
	{ "status_map = \"=firing\"", ":4: status_map: wanted \"value=firing\"",
	    "the other half" },
	{ "severity_map = \"a=\"",
	    ":4: severity_map: wanted \"value=severity\"", "no severity" },
	{ "status_map = \"a=open\"",
	    ":4: status_map: wanted firing, resolved or ignored behind the =",
	    "a map to what is no status" },
	{ "status_map = \"a=b=Firing\"", "", "an = in the value" },
	{ "status_map = { \"a=firing\",\n\"a=resolved\" }",
	    ":5: status_map: a stands there twice; wanted once",
	    "a value with two meanings" },
	{ "severity_map = { \"x=1\", \"X=2\" }",
	    ":4: severity_map: X stands there twice; wanted once",
	    "also in another case" },
	{ "status_map = { \"a=firing\", \"a=b=firing\", \"b=firing\" }", "",
	    "values that are not the same" },
	{ "url = nonsense",
	    ":4: url: wanted a JSON Pointer, such as \"/url\", or a URL that "
	    "begins with https:// or http://",
	    "a link that is none" },
	{ "url = { \"/url\", \"{/base}/x\", \"https://x/{/id}\" }", "",
	    "links" },
	{ "severity_map = \"5=critical\"", "", "any severity" },
	{ "severity = { \"/s\", minor, major }",
	    ":4: severity: wanted one severity for alerts that say none",
	    "two for those that say none" },
	{ "proof = hmac",
	    ":3: header: wanted the name of the header that holds the "
	    "signature, of letters, digits and -",
	    "hmac where?" },
	{ "proof = header\nheader = \"x: y\"",
	    ":5: header: wanted the name of the header that holds the secret, "
	    "of letters, digits and -",
	    "a header with a colon" },
	{ "proof = hmac header = X-Sig", "", "a header" },
	{ "proof = standard-webhooks secret_file = token",
	    ":4: secret_file: wanted a secret of Standard Webhooks: whsec_ and "
	    "base64",
	    "a secret that is none" },
	{ "proof = magic", ":4: proof: not magic; wanted ",
	    "an unknown proof" },
	{ "algorithm = md5",
	    ":4: algorithm: not md5; wanted sha256, sha1, "
	    "sha512",
	    "an unknown algorithm" },
	{ "verify = off",
	    ":4: a source of this kind has no verify; wanted proof, ",
	    "an option of another kind" },
};

static void
configures(void)
{
	size_t skip = strlen(dir) + strlen("/conf");

	for (size_t i = 0; i < COUNT(configured); i++) {
		struct conf c;
		struct fail f = { 0 };
		bool did = read_options(configured[i].options, &c, &f);
		const char *said = did ? "" : f.text + skip;
		size_t n = strlen(configured[i].want);

		/* Lists of names may be longer than a failure's text. */
		ok(did == (n == 0) && strncmp(said, configured[i].want, n) == 0,
		    "%s", configured[i].why);
		if (did != (n == 0) ||
		    strncmp(said, configured[i].want, n) != 0)
			printf("#  got: %s\n", said);
		conf_free(&c);
	}
}

/* What the source says for alerts that say none, and how all of it is
 * printed: once. */
static void
settles(void)
{
	struct conf c;
	struct fail f = { 0 };
	struct buf b = BUF_MAX(FILE_MAX);
	const struct source *s;

	ok(read_options("severity = { \"/s\", minor } owners = { ann, "
			"\"/o\", bob }\ntags = \"/t\" environment = prod",
	       &c, &f),
	    "pointers and words together");
	s = &c.sources[0].source;
	is(s->severity, "minor",
	    "a severity without a pointer is the source's");
	ok(s->owners.n == 2 && strcmp(s->owners.items[1], "bob") == 0,
	    "so are such owners");
	ok(s->tags.n == 0, "and tags");
	is(s->environment, "prod", "other options of all sources stay");
	conf_print(&c, &b);
	ok(strstr(b.data, "\tseverity = { \"/s\", \"minor\" }\n") != NULL &&
		strstr(b.data, "severity =") == strstr(b.data, "severity = {"),
	    "they are printed as they were given, once");
	put("again", b.data);
	conf_free(&c);
	c = (struct conf){ .path = NULL };
	f = (struct fail){ 0 };
	ok(conf_read(arena_printf(&arena, "%s/again", dir), &c, &f),
	    "and what is printed can be read");
	conf_free(&c);
	buf_free(&b);
}

/* ---- ready configurations --------------------------------------------------
 */

#define FIRING "firing"
#define RESOLVED "resolved"

static const struct {
	const char *conf;
	const char *body; /* a file of the samples, or the body itself */
	const char *pointer;
	const char *want; /* NULL: it is not there */
	const char *why;
} ready[] = {
	{ "soda", "soda.json", "/title",
	    "Check on bnm_orders: checks for SODATEST_Customers_6f90f4ad: "
	    "count same as SODATEST_RAWCUSTOMERS_7275c02c in postgres2",
	    "Soda: what is checked, and where" },
	{ "soda", "soda.json", "/deduplication_key",
	    "soda/39d706c3-5a48-4f4b***", "the check is the alert" },
	{ "soda", "soda.json", "/status", FIRING, "it failed" },
	{ "soda", "soda.json", "/source_url",
	    "https://cloud.soda.io/checks/39d706c3-5a48-b", "where to look" },
	{ "soda", "soda.json", "/metadata/severity", "fail", "how grave" },
	{ "soda", "soda.json", "/metadata/owners/0", "person@soda.io",
	    "whose it is" },
	{ "soda", "soda.json", "/metadata/tables/0", "bnm_orders",
	    "what it is about" },
	{ "soda", "soda.json", "/metadata/tags", NULL,
	    "an empty list of tags is none" },
	{ "soda", "soda.json", "/metadata/source", "Soda", "who says so" },
	{ "soda",
	    "{\"event\":\"checkEvaluation\",\"checkResults\":[{\"id\":\"c\","
	    "\"name\":\"no nulls\",\"datasets\":[{\"name\":\"a\"},"
	    "{\"name\":\"b\"}],\"outcome\":\"error\"}]}",
	    "/title", "no nulls on a, b", "a check of version 4 has a name" },
	{ "soda",
	    "{\"event\":\"checkEvaluation\",\"checkResults\":[{\"id\":\"c\","
	    "\"outcome\":\"pass\"}]}",
	    "/status", RESOLVED, "a pass resolves" },
	{ "soda", "soda-incident.json", "/title", "Invalid customer ids",
	    "an incident has a title" },
	{ "soda", "soda-incident.json", "/deduplication_key",
	    "soda/e1f399a3-09ea-***", "and is an alert of its own" },
	{ "soda", "soda-incident.json", "/status", FIRING,
	    "which fires when it is opened" },
	{ "soda", "soda-incident.json", "/metadata/severity", "major",
	    "with its severity" },
	{ "soda", "soda-incident.json", "/metadata/owners/0", "personn@soda.io",
	    "and its lead" },
	{ "soda",
	    "{\"event\":\"incidentUpdated\",\"incident\":{\"id\":\"i\","
	    "\"status\":\"Resolved\"}}",
	    "/status", RESOLVED, "and is resolved when it is" },
	{ "soda",
	    "{\"event\":\"validate\",\"sentAt\":\"2022-10-01T09:12:10Z\"}", "",
	    NULL, "Soda's validation is no alert" },
	{ "soda", "{\"event\":\"contractPublished\",\"contract\":{}}", "", NULL,
	    "nor is a contract" },
	{ "soda", "{\"event\":\"checkEvaluation\",\"checkResults\":[]}", "",
	    NULL, "nor no result" },
	{ "soda", "{\"event\":\"somethingNew\",\"x\":[1]}", "/status", FIRING,
	    "what is unknown rings" },

	{ "sifflet", "sifflet.json", "/title",
	    "Orders arrive on time on orders", "Sifflet: monitor and asset" },
	{ "sifflet", "sifflet.json", "/deduplication_key",
	    "sifflet/5c0e2c1e-3f0a-4a56-9a35-6f1c0ddc1f3e",
	    "the monitor is the alert" },
	{ "sifflet", "sifflet.json", "/status", FIRING, "a failure fires" },
	{ "sifflet", "sifflet.json", "/metadata/severity", "High",
	    "its severity" },
	{ "sifflet", "sifflet.json", "/metadata/tags/1", "PII", "its tags" },
	{ "sifflet", "sifflet.json", "/metadata/type", "Freshness",
	    "its type" },
	{ "sifflet",
	    "{\"eventType\":\"MONITOR_SUCCESS\",\"monitor\":{\"id\":\"m\"}}",
	    "/status", RESOLVED, "a success resolves" },
	{ "sifflet", "{\"eventType\":\"MONITOR_STATUS_CHANGE\",\"monitor\":{}}",
	    "", NULL, "a change of status is none" },
	{ "sifflet", "{\"eventType\":\"TRANSFORMATION_RUN_FAILURE\"}", "/title",
	    "TRANSFORMATION_RUN_FAILURE", "a run without a monitor rings" },

	{ "bigeye", "bigeye.json", "/title",
	    "Avg within 2 stddevs on "
	    "`demo_subscriptions.payments.charge_amount` is alerting",
	    "Bigeye: its message" },
	{ "bigeye", "bigeye.json", "/deduplication_key",
	    "bigeye/https://app.bigeye.com/metrics/metric/0",
	    "the metric is the alert" },
	{ "bigeye", "bigeye.json", "/description",
	    "Avg within 2 stddevs on "
	    "\\`demo_subscriptions.payments.charge_amount\\` is alerting: 30 "
	    "failures.",
	    "how many fail, as text" },
	{ "bigeye", "bigeye.json", "/status", FIRING, "it always fires" },

	{ "metaplane", "metaplane.json", "/title",
	    "Row count of shop.orders is out of range",
	    "Metaplane: names that are guessed" },
	{ "metaplane", "{\"what\":{\"ever\":1}}", "/description",
	    "    {\n      \"what\": {\n        \"ever\": 1\n      }\n    }",
	    "what they miss is shown as it came" },
	{ "metaplane", "{\"what\":{\"ever\":1}}", "/title",
	    "Alert from Metaplane", "and rings" },

	{ "airbyte", "airbyte.json", "/title", "Sync of Connection failed",
	    "Airbyte: which connection" },
	{ "airbyte", "airbyte.json", "/deduplication_key",
	    "airbyte/64d901a1-2520-4d91-93c8-9df438668ff0",
	    "the connection is the alert" },
	{ "airbyte", "airbyte.json", "/metadata/connector", "PostgreSQL",
	    "its connector" },
	{ "airbyte", "airbyte.json", "/metadata/failure_reason",
	    "Connection timeout while trying to sync data", "the reason" },
	{ "airbyte", "airbyte.json", "/status", FIRING, "a failure fires" },
	{ "airbyte",
	    "{\"data\":{\"connection\":{\"id\":\"c\",\"name\":\"n\"},"
	    "\"isSuccess\":true}}",
	    "/status", RESOLVED, "a success resolves, in its other spelling" },
	{ "airbyte", "{\"text\":\"Hello World!\"}", "/title", "Hello World!",
	    "the text of a message without data" },

	{ "great-expectations", "great-expectations.json", "/title",
	    "Suite my_suite failed on my_schema.my_table",
	    "Great Expectations: suite and asset" },
	{ "great-expectations", "great-expectations.json", "/deduplication_key",
	    "great-expectations/my_suite/my_schema.my_table",
	    "which are the alert" },
	{ "great-expectations", "great-expectations.json", "/status", FIRING,
	    "one failure of two fires" },
	{ "great-expectations",
	    "[{\"test_suite_name\":\"s\",\"data_asset_name\":\"d\","
	    "\"validation_results\":[{\"success\":true},{\"success\":true}]}]",
	    "/status", RESOLVED, "all successes resolve; lists are taken" },
	{ "great-expectations",
	    "{\"test_suite_name\":\"s\",\"data_asset_name\":\"d\","
	    "\"validation_results\":[{\"success\":true},{\"success\":null},"
	    "{\"success\":false}]}",
	    "/status", FIRING, "whatever comes before the failure" },
};

/* Read a ready configuration, with a secret beside it. */
static const struct source *
take_ready(const char *name, struct conf *c)
{
	const char *file = arena_printf(&arena, "%s.conf", name);
	struct fail f = { 0 };

	put(arena_printf(&arena, "%s.secret", name), "c2VjcmV0\n");
	put(file, slurp(arena_printf(&arena, SAMPLES "%s", file)));
	put("conf", arena_printf(&arena, HEAD "include(\"%s\")\n", file));
	*c = (struct conf){ .path = NULL };
	if (!conf_read(arena_printf(&arena, "%s/conf", dir), c, &f)) {
		printf("Bail out! %s\n", f.text);
		exit(1);
	}
	return &c->sources[0].source;
}

static struct source_item *
read_body(const struct source *s, const char *body, size_t len)
{
	struct source_request r = { .body = body, .body_len = len };
	struct source_reading reading = { NULL };
	struct fail f = { 0 };
	struct tree *t;

	if (!tree_parse(body, len, &arena, &t, &f)) {
		printf("Bail out! %s\n", f.text);
		exit(1);
	}
	r.tree = t;
	s->kind->read(s, &r, &arena, &reading);
	return reading.items;
}

static const struct tree *
event(const struct source *s, const struct source_item *i)
{
	if (i == NULL)
		return NULL;
	return event_body(event_merge(s, NULL, i->change, i->whole, 0, &arena),
	    i->key, &arena);
}

static void
is_ready(void)
{
	for (size_t i = 0; i < COUNT(ready); i++) {
		struct conf c;
		const struct source *s = take_ready(ready[i].conf, &c);
		const char *body = ready[i].body;
		const struct source_item *items;
		const struct tree *t;

		if (body[0] != '{' && body[0] != '[')
			body = slurp(arena_printf(&arena, SAMPLES "%s", body));
		items = read_body(s, body, strlen(body));
		t = tree_at(event(s, items), ready[i].pointer);
		is(tree_cstr(t, &arena), ready[i].want, ready[i].why);
		if (ready[i].want == NULL && t != NULL)
			ok(false, "%s: nothing", ready[i].why);
		if (items != NULL)
			ok(items->next == NULL &&
				items->only_known ==
				    event_resolved(items->change),
			    "and only resolves want a known alert");
		conf_free(&c);
	}
}

/* ---- proof -----------------------------------------------------------------
 */

#define BODY "{\"id\":1}"

struct sent {
	const char *name, *value;
};

static const char *
header(const void *from, const char *name)
{
	const struct sent *h = from;

	return h->name != NULL && strcmp(h->name, name) == 0 ? h->value : NULL;
}

static const struct {
	const char *options;
	const char *name, *value;
	const char *token;
	enum fail_kind want;
	const char *why;
} proofs[] = {
	{ "", NULL, NULL, "secret", FAIL_NONE, "a token in the path" },
	{ "", NULL, NULL, "other", FAIL_AUTH, "a wrong one" },
	{ "", NULL, NULL, NULL, FAIL_AUTH, "none" },
	{ "", "HTTP_AUTHORIZATION", "Bearer secret", NULL, FAIL_AUTH,
	    "a bearer token where one in the path is wanted" },
	{ "proof = bearer", "HTTP_AUTHORIZATION", "Bearer secret", NULL,
	    FAIL_NONE, "a bearer token where it is" },
	{ "proof = bearer", NULL, NULL, "secret", FAIL_AUTH,
	    "a token in the path where a bearer's is wanted" },
	{ "proof = basic", "HTTP_AUTHORIZATION", "Basic eDpzZWNyZXQ=", NULL,
	    FAIL_NONE, "a password" },
	{ "proof = basic", "HTTP_AUTHORIZATION", "Basic eDpvdGhlcg==", NULL,
	    FAIL_AUTH, "a wrong one" },
	{ "proof = header header = x-api-key", "HTTP_X_API_KEY", "secret", NULL,
	    FAIL_NONE, "a header that holds the secret" },
	{ "proof = header header = x-api-key", "HTTP_X_API_KEY", "secre", NULL,
	    FAIL_AUTH, "a wrong one" },
	{ "proof = header header = x-api-key", NULL, NULL, "secret", FAIL_AUTH,
	    "a token in the path is not it" },
	{ "proof = header header = X-Api-Key prefix = \"Key \"",
	    "HTTP_X_API_KEY", "Key secret", NULL, FAIL_NONE,
	    "behind a prefix" },
	{ "proof = header header = X-Api-Key prefix = \"Key \"",
	    "HTTP_X_API_KEY", "secret", NULL, FAIL_AUTH, "not without it" },
};

static void
prove_one(const char *options, const struct sent *h, const char *token,
    const char *body, enum fail_kind want, const char *why)
{
	struct conf c;
	struct fail f = { 0 };
	struct source_request r = { .header = header,
		.from = h,
		.token = token,
		.body = body,
		.body_len = body == NULL ? 0 : strlen(body) };
	struct tree *t;
	const struct source *s;

	if (!read_options(
		arena_printf(&arena, "secret_file = %s %s",
		    strstr(options, "standard") != NULL ? "whsec" : "secret",
		    options),
		&c, &f)) {
		ok(false, "%s: %s", why, f.text);
		return;
	}
	s = &c.sources[0].source;
	if (body != NULL && tree_parse(body, strlen(body), &arena, &t, &f))
		r.tree = t;
	f = (struct fail){ 0 };
	ok(s->kind->prove(s, &r, &arena, &f) == (f.kind == FAIL_NONE) &&
		f.kind == want,
	    "%s", why);
	conf_free(&c);
}

static const struct {
	enum sign_alg alg;
	const char *name;
} algorithms[] = { { SIGN_SHA1, "sha1" }, { SIGN_SHA256, "sha256" },
	{ SIGN_SHA512, "sha512" } };

static void
proves_hmac(void)
{
	for (size_t i = 0; i < 2 * COUNT(algorithms); i++) {
		enum sign_alg alg = algorithms[i / 2].alg;
		bool hex = i % 2 == 0;
		struct buf b = BUF_MAX(200);
		unsigned char sum[SIGN_MAX];
		char digits[2 * SIGN_MAX + 1];
		struct sent h = { "HTTP_X_SIG", NULL };
		const char *options = arena_printf(&arena,
		    "proof = hmac header = X-Sig algorithm = %s encoding = %s "
		    "prefix = \"s=\"",
		    algorithms[i / 2].name, hex ? "hex" : "base64");

		sign_hmac(alg, "secret", 6, BODY, strlen(BODY), sum);
		sign_hex(sum, sign_size(alg), digits);
		buf_puts(&b, "s=");
		if (hex)
			buf_puts(&b, digits);
		else
			sign_base64(sum, sign_size(alg), &b);
		h.value = b.data;
		prove_one(options, &h, NULL, BODY, FAIL_NONE, options);
		prove_one(
		    options, &h, NULL, "{}", FAIL_AUTH, "not of another body");
		prove_one(options, &h, NULL, NULL, FAIL_INPUT,
		    "nor of one that is not whole");
		h.value += 2;
		prove_one(options, &h, NULL, BODY, FAIL_AUTH,
		    "nor without its prefix");
		buf_free(&b);
	}
}

static void
proves(void)
{
	struct sent h = { NULL, NULL };
	struct conf c;
	struct fail f = { 0 };
	struct source_request r = {
		.header = header, .from = &h, .token = "secret"
	};

	for (size_t i = 0; i < COUNT(proofs); i++) {
		struct sent one = { proofs[i].name, proofs[i].value };

		prove_one(proofs[i].options, &one, proofs[i].token, BODY,
		    proofs[i].want, proofs[i].why);
	}
	prove_one(
	    "", &h, "secret", "{", FAIL_INPUT, "what is proven must be JSON");
	prove_one("", &h, "x", "{", FAIL_AUTH, "but proven first");
	prove_one("proof = standard-webhooks", &h, "secret", BODY, FAIL_AUTH,
	    "Standard Webhooks wants its headers");
	proves_hmac();

	ok(read_options("", &c, &f) &&
		!source_generic.prove(&c.sources[0].source, &r, &arena, &f) &&
		f.kind == FAIL_AUTH,
	    "a source without a secret refuses all");
	conf_free(&c);
}

/* ---- bodies of a megabyte --------------------------------------------------
 */

static const struct {
	const char *head, *piece, *tail;
	size_t n;
	size_t items;
	const char *why;
} giants[] = {
	{ "[", "{}", "]", 300000, 1001, "alerts that say nothing" },
	{ "{\"a\":[", "{\"id\":1,\"s\":\"f\"}", "]}", 60000, 1001,
	    "alerts without end are a thousand, and one for the rest" },
	{ "{\"a\":[", "{\"id\":1,\"s\":\"ok\"}", "]}", 60000, 1000,
	    "resolves beyond a thousand wait for the next time" },
	{ "{\"a\":[", "{\"id\":1,\"s\":\"no\"}", "]}", 60000, 0,
	    "what is ignored does not count" },
	{ "{\"a\":[{\"l\":[", "{\"n\":\"x\"}", "]}]}", 80000, 1,
	    "values without end in one alert" },
	{ "{\"a\":[{\"l\":[", "[{\"n\":1},{}]", "]}]}", 80000, 1,
	    "and lists in lists" },
	{ "{\"a\":[{\"d\":\"", "*_[`\\n ", "\"}]}", 100000, 1,
	    "a description without end" },
};

static void
grows(void)
{
	struct conf c;
	struct fail f = { 0 };
	const struct source *s;

	if (!read_options("each = \"/a\" key = \"/id\" title = { "
			  "\"{/l/*/n} is\", \"/d\" } description = \"/d\" "
			  "status = \"/s\" owners = { \"/l/*/n\", "
			  "\"/l/*/*/n\" }\n"
			  "status_map = { \"ok=resolved\", \"no=ignored\" }",
		&c, &f))
		ok(false, "%s", f.text);
	s = &c.sources[0].source;
	for (size_t i = 0; i < COUNT(giants); i++) {
		struct buf b = BUF_MAX(FILE_MAX);
		const struct source_item *items;
		struct buf json = BUF_MAX(FILE_MAX);
		size_t n = 0;

		buf_puts(&b, giants[i].head);
		for (size_t j = 0; j < giants[i].n; j++)
			buf_printf(&b, "%s%s",
			    j > 0 && giants[i].piece[0] != '*' ? "," : "",
			    giants[i].piece);
		buf_puts(&b, giants[i].tail);
		items = read_body(s, b.data, b.len);
		for (const struct source_item *x = items; x != NULL;
		     x = x->next)
			n++;
		if (items != NULL)
			json_write(event(s, items), JSON_PLAIN, &json);
		ok(n == giants[i].items && json.len < EVENT_MAX, "%s",
		    giants[i].why);
		buf_free(&b);
		buf_free(&json);
		arena_reset(&arena);
	}
	conf_free(&c);
}

int
main(void)
{
	if (mkdtemp(dir) == NULL) {
		printf("Bail out! no %s\n", dir);
		return 1;
	}
	put("token", "to-ken?\n");
	put("secret", "old\nsecret\n");
	put("whsec", "whsec_c2VjcmV0\n");
	configures();
	settles();
	is_ready();
	proves();
	grows();
	sweep();
	arena_free(&arena);
	return tap_done();
}
