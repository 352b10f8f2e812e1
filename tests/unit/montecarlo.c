#include "montecarlo.h"

#include "arena.h"
#include "buf.h"
#include "event.h"
#include "fail.h"
#include "json.h"
#include "sign.h"
#include "tree.h"

#include "tap.h"

#include <stdlib.h>

static struct arena arena;

/* ---- proof ----------------------------------------------------------------
 */

/* The signatures under "secret" are CPython's (facts/montecarlo.md, 5.8). */
#define QUIRKS \
	"{\"action\": \"incident\", \"payload\": {\"alert_feedback\": " \
	"\"fixed\", \"declared_alert_severity\": null, \"owner\": " \
	"\"o'neil@ex.com\", \"incident_id\": " \
	"\"f83867b6-8f25-428b-807c-08518f63384c\", \"note\": \"caf\\u00e9 " \
	"\\u2014 \\u200b \\ud83d\\udc68\\u200d\\ud83d\\udc69 \\\"q\\\"\"}, " \
	"\"type\": \"open_anomaly_incident\", \"version\": \"v0.1\"}"
#define QUIRKS_HEX \
	"5ba6afee896e03f3c59fc4a10883ebbc9329d79062a9e96b6252d76b1f7269d9" \
	"7dd4b603bb32cb48021af81f184189420afb3ee373acabe245039dbe4bffd2a0"
#define EMPTY_HEX \
	"b0e9650c5faf9cd8ae02276671545424104589b3656731ec193b25d01b07561c" \
	"27637c2d4d68389d6cf5007a8632c26ec89ba80a01c77a6cdd389ec28db43901"

static const char *secret_list[] = { "secret", "old" };

static const struct {
	const char *body;
	const char *hex; /* NULL: no header */
	size_t first, n; /* of secret_list */
	const char *verify;
	enum fail_kind want;
	const char *why;
} proofs[] = {
	{ QUIRKS, QUIRKS_HEX, 0, 1, "on", FAIL_NONE, "a signed body is taken" },
	{ QUIRKS, QUIRKS_HEX, 0, 2, "on", FAIL_NONE,
	    "so it is while secrets change" },
	{ QUIRKS, QUIRKS_HEX, 0, 1, NULL, FAIL_NONE,
	    "verify is on if nothing is said" },
	{ "{}", EMPTY_HEX, 0, 1, "on", FAIL_NONE, "an empty object has one" },
	{ QUIRKS, QUIRKS_HEX, 1, 1, "on", FAIL_AUTH,
	    "under another secret it is not" },
	{ QUIRKS, QUIRKS_HEX, 0, 0, "on", FAIL_AUTH,
	    "without a secret nothing is" },
	{ QUIRKS, QUIRKS_HEX, 0, 0, NULL, FAIL_AUTH,
	    "nor if nothing is said at all" },
	{ QUIRKS, EMPTY_HEX, 0, 1, "on", FAIL_AUTH, "nor is another body's" },
	{ QUIRKS, NULL, 0, 1, "on", FAIL_AUTH, "nor is none" },
	{ QUIRKS, "", 0, 1, "on", FAIL_AUTH, "nor is an empty one" },
	{ QUIRKS, "5ba6afee", 0, 1, "on", FAIL_AUTH, "nor is a short one" },
	{ QUIRKS, QUIRKS_HEX "00", 0, 1, "on", FAIL_AUTH, "nor is a long one" },
	{ QUIRKS, QUIRKS_HEX "," QUIRKS_HEX, 0, 1, "on", FAIL_AUTH,
	    "nor are two joined by a comma" },
	{ QUIRKS, " " QUIRKS_HEX, 0, 1, "on", FAIL_AUTH, "nor with a space" },
	{ "{}",
	    "B0E9650C5FAF9CD8AE02276671545424104589B3656731EC193B25D01B07561C"
	    "27637C2D4D68389D6CF5007A8632C26EC89BA80A01C77A6CDD389EC28DB43901",
	    0, 1, "on", FAIL_AUTH, "nor in upper case" },
	{ "{}",
	    "g0e9650c5faf9cd8ae02276671545424104589b3656731ec193b25d01b07561c"
	    "27637c2d4d68389d6cf5007a8632c26ec89ba80a01c77a6cdd389ec28db43901",
	    0, 1, "on", FAIL_AUTH, "nor what is not hex" },
	{ "{}",
	    "\xc3\xa9"
	    "e9650c5faf9cd8ae02276671545424104589b3656731ec193b25d01b"
	    "07561c27637c2d4d68389d6cf5007a8632c26ec89ba80a01c77a6cdd389ec28d"
	    "b43901",
	    0, 1, "on", FAIL_AUTH, "nor what is not ASCII" },
	{ "{", EMPTY_HEX, 0, 1, "on", FAIL_INPUT,
	    "what is not JSON has no proof that could be computed" },
	{ "{", NULL, 0, 1, "on", FAIL_AUTH,
	    "but the header is looked at before the body" },
	{ "[]", NULL, 0, 1, "on", FAIL_AUTH, "whatever it is" },
	{ "[]", EMPTY_HEX, 0, 1, "on", FAIL_INPUT, "a list is no webhook" },
	{ "\"\"", EMPTY_HEX, 0, 1, "on", FAIL_INPUT, "nor is a string" },
	{ "{\"a\":\"\\ud800\"}", EMPTY_HEX, 0, 1, "on", FAIL_AUTH,
	    "half a surrogate pair that nobody can have signed" },
	{ QUIRKS, NULL, 0, 0, "off", FAIL_NONE, "verify = off takes all" },
	{ QUIRKS, "x", 0, 1, "off", FAIL_NONE, "with any signature" },
	{ "{", NULL, 0, 0, "off", FAIL_INPUT, "but not what is not JSON" },
	{ "[]", NULL, 0, 0, "off", FAIL_INPUT, "nor what is no object" },
};

static const char *
header(const void *from, const char *name)
{
	return strcmp(name, "HTTP_X_MCD_SIGNATURE") == 0 ? from : NULL;
}

static struct source
source(size_t first, size_t n, const char *verify)
{
	struct option_value *values = arena_alloc(&arena, 2 * sizeof(*values));
	const char **choice = arena_alloc(&arena, sizeof(*choice));

	*choice = verify;
	values[0] = (struct option_value){ secret_list + first, n };
	values[1] = (struct option_value){ choice, verify != NULL };
	return (struct source){ .name = "mc",
		.kind = &source_montecarlo,
		.namespace = "mc",
		.values = values };
}

static struct source_request
request(const char *body, size_t len, const char *hex)
{
	struct source_request r = {
		.header = header, .from = hex, .body = body, .body_len = len
	};
	struct fail f = { 0 };
	struct tree *t;

	if (tree_parse(body, len, &arena, &t, &f))
		r.tree = t;
	return r;
}

static enum fail_kind
proof(const struct source *s, const char *body, const char *hex)
{
	struct source_request r = request(body, strlen(body), hex);
	struct fail f = { 0 };

	if (source_montecarlo.prove(s, &r, &arena, &f) != (f.kind == FAIL_NONE))
		return FAIL_BROKEN;
	return f.kind;
}

/* The signature of a text, for bodies that CPythons see differently. */
static const char *
signature(const char *text)
{
	unsigned char sum[SIGN_MAX];
	char *hex = arena_alloc(&arena, 2 * SIGN_MAX + 1);

	sign_hmac(SIGN_SHA512, "secret", 6, text, strlen(text), sum);
	sign_hex(sum, SIGN_MAX, hex);
	return hex;
}

static void
unicode(void)
{
	static const char shaking[] = "{\"p\":[\"\xf0\x9f\xab\xa8\"]}";
	struct source s = source(1, 1, "on");

	secret_list[1] = "secret";
	ok(proof(&s, shaking, signature("p=%5B%27%5CU0001fae8%27%5D")) ==
		FAIL_NONE,
	    "a character that is new in Unicode 15, signed by Python 3.11");
	ok(proof(&s, shaking, signature("p=%5B%27%F0%9F%AB%A8%27%5D")) ==
		FAIL_NONE,
	    "and by Python 3.12");
	ok(proof(&s, shaking, signature("p=%5B%27x%27%5D")) == FAIL_AUTH,
	    "and not by just anybody");
	secret_list[1] = "old";
}

static void
proves(void)
{
	for (size_t i = 0; i < sizeof(proofs) / sizeof(proofs[0]); i++) {
		struct source s =
		    source(proofs[i].first, proofs[i].n, proofs[i].verify);

		ok(proof(&s, proofs[i].body, proofs[i].hex) == proofs[i].want,
		    "%s", proofs[i].why);
	}
	unicode();

	struct source bare = { .kind = &source_montecarlo };

	ok(proof(&bare, "{}", EMPTY_HEX) == FAIL_AUTH,
	    "a source without any options refuses all");
}

/* ---- keys -----------------------------------------------------------------
 */

static const struct {
	const char *prefix;
	const char *id;
	size_t len;
	const char *want;
	const char *original;
	const char *why;
} keys[] = {
	{ NULL, "abc", 3, "abc", NULL, "an identity is its own key" },
	{ "prod/", "abc", 3, "prod/abc", NULL, "behind its prefix" },
	{ NULL, "\xc3\xa9", 2, "\xc3\xa9", NULL, "in any language" },
	{ NULL, "", 0,
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	    "", "nothing has a digest" },
	{ NULL, "a\0b", 3,
	    "59b271ae1bbcb1d31d41929817f4b16fb439eb4f31520b5ad1d5ce98920a7138",
	    "a\xef\xbf\xbd"
	    "b",
	    "NUL has a digest" },
	{ "a", "\0b", 2,
	    "59b271ae1bbcb1d31d41929817f4b16fb439eb4f31520b5ad1d5ce98920a7138",
	    "\xef\xbf\xbd"
	    "b",
	    "made from prefix and identity" },
	{ NULL, "\xed\xa0\x80", 3,
	    "91a681b998555fb475479817b126c94e57e52011fa1842c5d188795a4a05226b",
	    "\xef\xbf\xbd", "half a surrogate pair has a digest" },
};

static void
reads_keys(void)
{
	char id[EVENT_KEY_MAX + 2];
	const char *original, *key;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		key = source_key(
		    &arena, keys[i].prefix, keys[i].id, keys[i].len, &original);
		is(key, keys[i].want, keys[i].why);
		is(original, keys[i].original, "and its original is kept");
	}
	memset(id, 'x', sizeof(id));
	key = source_key(&arena, NULL, id, EVENT_KEY_MAX, &original);
	ok(strlen(key) == EVENT_KEY_MAX && original == NULL,
	    "200 bytes are a key");
	key = source_key(&arena, NULL, id, EVENT_KEY_MAX + 1, &original);
	ok(strlen(key) == 64 && original != NULL, "201 have a digest");
	key = source_key(&arena, "p/", id, EVENT_KEY_MAX - 1, &original);
	ok(strlen(key) == 64 && original != NULL, "the prefix counts");

	ok(source_kind_find("montecarlo") == &source_montecarlo,
	    "a kind is found by its name");
	ok(source_kind_find("monte") == NULL, "and only by that");
}

/* ---- bodies of a megabyte -------------------------------------------------
 */

/* head, n times a piece with its number, tail. */
static struct buf
giant(const char *head, const char *piece, size_t n, const char *tail)
{
	struct buf b = BUF_MAX(1 << 24);

	buf_puts(&b, head);
	for (size_t i = 0; i < n; i++) {
		const char *at = strchr(piece, '@');

		buf_puts(&b, i > 0 ? "," : "");
		buf_add(&b, piece, (size_t)(at - piece));
		buf_printf(&b, "%zu%s", i, at + 1);
	}
	buf_puts(&b, tail);
	return b;
}

static struct tree *
event(const struct buf *body, struct tree **alert)
{
	struct source s = source(0, 0, "off");
	struct source_request r = request(body->data, body->len, NULL);
	struct source_reading reading;

	source_montecarlo.read(&s, &r, &arena, &reading);
	for (int i = 0; i < 2; i++)
		*alert = event_merge(&s, i > 0 ? *alert : NULL,
		    reading.items->change, false, 0, &arena);
	return event_body(*alert, reading.items->key, &arena);
}

static size_t
size(const struct tree *t)
{
	struct buf b = BUF_MAX(1 << 24);
	size_t n;

	json_write(t, JSON_PLAIN, &b);
	n = b.full ? b.max : b.len;
	buf_free(&b);
	return n;
}

#define PAYLOAD "{\"payload\":{\"incident_id\":\"i\","

static const struct {
	const char *head, *piece, *tail;
	size_t n;
	const char *title;
	bool tables; /* are sent */
	const char *why;
} giants[] = {
	{ PAYLOAD "\"event_list\":[", "{\"table_name\":\"table_@\"}", "]}}",
	    40000,
	    "Monte Carlo alert on table_0, table_1, table_2 and 39997 more",
	    false, "so many tables that their names do not fit" },
	{ PAYLOAD "\"event_list\":[",
	    "{\"table_name\":\"t\",\"event_details\":\"Has @ rows\"}", "]}}",
	    20000, "t has 0 rows and 19999 more", true,
	    "one table in so many events" },
	{ PAYLOAD "\"event_list\":[{\"table_name\":\"t\"}],",
	    "\"unknown_@\":\"some text\"", "}}", 30000,
	    "Monte Carlo alert on t", true, "so many unknown fields" },
	{ PAYLOAD "\"event_list\":[{\"table_name\":\"t\",\"data\":{\"hits\":[",
	    "{\"value\":@}", "]}}]}}", 80000, "Monte Carlo alert on t", true,
	    "so many hits" },
	{ PAYLOAD "\"event_list\":[", "@", "]}}", 150000, "Monte Carlo alert",
	    false, "so many events that are none" },
	{ "{", "\"top_@\":{}", "}", 60000, "Monte Carlo alert", false,
	    "so many fields beside no payload" },
};

static void
grows(void)
{
	for (size_t i = 0; i < sizeof(giants) / sizeof(giants[0]); i++) {
		struct buf body = giant(giants[i].head, giants[i].piece,
		    giants[i].n, giants[i].tail);
		struct tree *alert;
		struct tree *t = event(&body, &alert);

		is(tree_cstr(tree_get(t, "title"), &arena), giants[i].title,
		    giants[i].why);
		ok(body.len > 500000 && size(t) < EVENT_MAX &&
			size(tree_get(alert, "facts")) < 40000 &&
			(tree_at(t, "/metadata/tables") != NULL) ==
			    giants[i].tables,
		    "%zu bytes become %zu", body.len, size(t));
		buf_free(&body);
	}
}

static void
lines(void)
{
	struct buf body = giant(
	    PAYLOAD "\"event_list\":[", "{\"table_name\":\"t@\"}", 1000, "]}}");
	struct tree *alert;
	const char *text =
	    tree_cstr(tree_get(event(&body, &alert), "description"), &arena);

	ok(strstr(text, "\n- **t199**\n- and 800 more events") != NULL,
	    "two hundred events have a line, the rest are counted");
	buf_free(&body);
}

/* Facts stay small, whatever text an event holds. */
static void
bounds(void)
{
	struct buf text = giant("", "\xf0\x9f\x98\x80_@_ ", 60000, "");
	struct buf body = BUF_MAX(1 << 24);
	struct tree *alert, *t;

	buf_printf(&body,
	    PAYLOAD
	    "\"group_id\":\"%s\",\"event_list\":[{\"table_name\":\"%s\","
	    "\"event_details\":\"%s\",\"rule\":{\"description\":\"%s\"}}"
	    "]},\"type\":\"%s\"}",
	    text.data, text.data, text.data, text.data, text.data);
	t = event(&body, &alert);
	ok(size(tree_get(alert, "facts")) < 20000 &&
		size(tree_get(alert, "title")) < 1000 &&
		size(tree_get(alert, "description")) < 20000,
	    "text without end makes short facts, title and description");
	ok(size(t) < EVENT_MAX, "and an event that fits");
	buf_free(&body);
	buf_free(&text);
}

int
main(void)
{
	proves();
	reads_keys();
	grows();
	lines();
	bounds();
	arena_free(&arena);
	return tap_done();
}
