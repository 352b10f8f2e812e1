#include "montecarlo.h"

#include "arena.h"
#include "array.h"
#include "buf.h"
#include "fail.h"
#include "json.h"
#include "mctext.h"
#include "proof.h"
#include "pyrepr.h"
#include "sign.h"
#include "tree.h"

#include <stdlib.h>
#include <string.h>

enum {
	TIMES_LONGER = 8,    /* no byte of a body becomes more in its text */
	TEXT_MAX = 1 << 30,  /* of a body written out for its digest */
	SEVERITY_DIGITS = 2, /* of SEV-n */
};

static const char *const on_off[] = { "on", "off", NULL };

static const struct option options[] = {
	{ "secret_file", OPTION_SECRET, NULL },
	{ "verify", OPTION_CHOICE, on_off },
	{ NULL, OPTION_TEXT, NULL },
};

/* ---- proof ---- */

static const char signature_header[] = "HTTP_X_MCD_SIGNATURE";

struct proof {
	const struct source_request *request;
	const struct option_value *secrets;
	unsigned char signature[SIGN_MAX];
	struct pyrepr_floats floats;
	struct buf text;
};

static bool
unsigned_will_do(const struct source *s)
{
	const struct option_value *verify = source_option(s, "verify");

	return verify->n > 0 && strcmp(verify->items[0], "off") == 0;
}

static bool
object_there(const struct source_request *r, struct fail *f)
{
	if (r->tree == NULL)
		return fail_set(f, FAIL_INPUT,
		    "the body is not JSON: the proof cannot be computed");
	if (!tree_is(r->tree, TREE_OBJECT))
		return fail_set(f, FAIL_INPUT, "the body is not an object");
	return true;
}

static bool
signature_there(struct proof *p, struct fail *f)
{
	const struct source_request *r = p->request;
	const char *hex = r->header(r->from, signature_header);

	if (hex == NULL)
		return fail_set(f, FAIL_AUTH,
		    "no x-mcd-signature: set the secret in Monte Carlo too");
	if (!sign_unhex(
		hex, strlen(hex), false, p->signature, sign_size(SIGN_SHA512)))
		return fail_set(f, FAIL_AUTH,
		    "x-mcd-signature is not 128 lower-case hex digits");
	return true;
}

/* All secrets are tried, whichever is right: the time shall not tell. */
static bool
any_secret_signs(const struct proof *p)
{
	size_t size = sign_size(SIGN_SHA512);
	bool right = false;

	for (size_t i = 0; i < p->secrets->n; i++) {
		const char *secret = p->secrets->items[i];
		unsigned char sum[SIGN_MAX];

		sign_hmac(SIGN_SHA512, secret, strlen(secret), p->text.data,
		    p->text.len, sum);
		right |= sign_equal(sum, p->signature, size);
	}
	return right;
}

static bool
table_signs(
    struct proof *p, size_t table, bool *varies, bool *right, struct fail *f)
{
	buf_reset(&p->text);
	if (!pyrepr_urlencode_again(
		p->request->tree, table, &p->floats, &p->text, varies, f))
		return false;
	if (p->text.full)
		return fail_set(f, FAIL_INPUT,
		    "the text that the signature covers is too long");
	*right = any_secret_signs(p);
	return true;
}

/* Other tables make no other text unless the first one says so. */
static bool
signature_right(struct proof *p, struct fail *f)
{
	bool varies = false, ignored, right = false;

	if (!table_signs(p, 0, &varies, &right, f))
		return false;
	for (size_t i = 1; varies && !right && i < pyrepr_tables(); i++)
		if (!table_signs(p, i, &ignored, &right, f))
			return false;
	if (!right)
		return fail_set(f, FAIL_AUTH,
		    "x-mcd-signature is not this body's under any secret");
	return true;
}

static bool
prove(const struct source *s, const struct source_request *r, struct arena *a,
    struct fail *f)
{
	struct proof p = { .request = r,
		.secrets = source_option(s, "secret_file"),
		.floats = PYREPR_FLOATS,
		.text = BUF_MAX(TIMES_LONGER * r->body_len) };
	bool proven;

	(void)a;
	if (unsigned_will_do(s))
		return object_there(r, f);
	if (p.secrets->n == 0)
		return fail_set(f, FAIL_AUTH,
		    "no secret: set secret_file, or verify = off");
	proven = signature_there(&p, f) && object_there(r, f) &&
	    signature_right(&p, f);
	buf_free(&p.floats.worked);
	buf_free(&p.text);
	return proven;
}

static const char *
sum_text(const struct buf *text, const char *secret, struct arena *a)
{
	unsigned char sum[SIGN_MAX];
	char hex[2 * SIGN_MAX + 1];

	sign_hmac(
	    SIGN_SHA512, secret, strlen(secret), text->data, text->len, sum);
	sign_hex(sum, sign_size(SIGN_SHA512), hex);
	return arena_str(a, hex);
}

static bool
sign(const struct source *s, const struct source_request *r, struct arena *a,
    struct source_proof *out, struct fail *f)
{
	const struct option_value *secrets = source_option(s, "secret_file");
	struct buf text = BUF_MAX(TIMES_LONGER * r->body_len);
	bool varies, did;

	if (unsigned_will_do(s))
		return true;
	did = proof_secret(secrets, f) != NULL && object_there(r, f) &&
	    pyrepr_urlencode(r->tree, 0, &text, &varies, f);
	if (did)
		proof_add(out, signature_header,
		    sum_text(&text, secrets->items[0], a));
	buf_free(&text);
	return did;
}

/* ---- reading ---- */

/* Append value, if there is one, under a name that object has not yet. */
static inline void
put(struct arena *a, struct tree *object, const char *name,
    const struct tree *value)
{
	if (value != NULL)
		(void)tree_add(a, object, name, strlen(name), value);
}

static const struct tree *
null(struct arena *a)
{
	return tree_new(a, TREE_NULL);
}

/* A scalar as a string, nothing said as null, NULL for what is odd. */
static const struct tree *
text(const struct tree *t, struct arena *a)
{
	if (t == NULL)
		return NULL;
	switch (t->type) {
	case TREE_NULL:
		return t;
	case TREE_FALSE:
		return tree_str(a, "false");
	case TREE_TRUE:
		return tree_str(a, "true");
	case TREE_INT:
	case TREE_FLOAT:
		return tree_strn(a, t->text, t->len);
	case TREE_STR:
		return t->len > 0 ? t : null(a);
	default:
		return NULL;
	}
}

static char
lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* fixed, FIXED and "False positive" are written as fixed, false_positive. */
static const struct tree *
feedback(const struct tree *t, struct arena *a)
{
	t = text(t, a);
	if (tree_is(t, TREE_STR)) {
		char *word = arena_copy(a, t->text, t->len);

		for (size_t i = 0; i < t->len; i++)
			word[i] = (char)(word[i] == '-' || word[i] == ' '
				? '_'
				: lower(word[i]));
		t = tree_strn(a, word, t->len);
	}
	return t;
}

/* The n of SEV-n, SEV_n, sevN; NULL if word is no such severity. */
static const char *
severity_number(const char *word)
{
	size_t n;

	if (lower(word[0]) != 's' || lower(word[1]) != 'e' ||
	    lower(word[2]) != 'v')
		return NULL;
	word += 3;
	if (*word == '-' || *word == '_' || *word == ' ')
		word++;
	n = strspn(word, "0123456789");
	return n > 0 && n <= SEVERITY_DIGITS && word[n] == '\0' ? word : NULL;
}

static const struct tree *
severity(const struct tree *t, struct arena *a)
{
	const char *word, *number;

	t = text(t, a);
	if (!tree_is(t, TREE_STR))
		return t;
	word = tree_cstr(t, a);
	/* How the API spells null (facts/montecarlo.md, 4.2). */
	if (strcasecmp(word, "NO_SEVERITY") == 0)
		return null(a);
	number = severity_number(word);
	return number == NULL ? t
			      : tree_str(a, arena_printf(a, "SEV-%s", number));
}

/* One owner, or a list of them. */
static const struct tree *
owners(const struct tree *t, struct arena *a)
{
	struct tree *list = tree_new(a, TREE_LIST);

	if (tree_is(t, TREE_LIST)) {
		for (const struct tree *m = t->first; m != NULL; m = m->next)
			if (tree_is(m, TREE_STR) && m->len > 0)
				(void)tree_push(list, tree_copy(a, m));
		return list->first == NULL ? null(a) : list;
	}
	t = text(t, a);
	if (!tree_is(t, TREE_STR))
		return t;
	(void)tree_push(list, tree_copy(a, t));
	return list;
}

/* A table of the n-th event. */
struct named {
	const struct tree *table;
	size_t n;
	bool again;
};

static int
by_name(const void *x, const void *y)
{
	const struct named *u = x, *v = y;
	size_t n =
	    u->table->len < v->table->len ? u->table->len : v->table->len;
	int order = memcmp(u->table->text, v->table->text, n);

	if (order == 0)
		order = (u->table->len > v->table->len) -
		    (u->table->len < v->table->len);
	return order != 0 ? order : (u->n > v->n) - (u->n < v->n);
}

static int
by_event(const void *x, const void *y)
{
	const struct named *u = x, *v = y;

	return (u->n > v->n) - (u->n < v->n);
}

/* Each table once, in the order of the events.  Sorted, for there may be very
 * many. */
static struct tree *
unique(struct named *s, size_t n, struct arena *a)
{
	struct tree *list = tree_new(a, TREE_LIST);

	if (n > 1)
		qsort(s, n, sizeof(*s), by_name);
	for (size_t i = 0; i < n; i++)
		s[i].again = i > 0 && s[i].table->len == s[i - 1].table->len &&
		    memcmp(s[i].table->text, s[i - 1].table->text,
			s[i].table->len) == 0;
	if (n > 1)
		qsort(s, n, sizeof(*s), by_event);
	for (size_t i = 0; i < n; i++)
		if (!s[i].again)
			(void)tree_push(list, tree_copy(a, s[i].table));
	return list;
}

/* The tables that the events are about; null if they name none. */
static const struct tree *
tables(const struct tree *events, struct arena *a)
{
	struct named *s;
	size_t n = 0;

	if (!tree_is(events, TREE_LIST))
		return tree_is(events, TREE_NULL) ? events : NULL;
	s = arena_alloc(a, tree_count(events) * sizeof(*s));
	for (const struct tree *e = events->first; e != NULL; e = e->next) {
		s[n].n = n;
		s[n].table = mctext_table(e);
		n += s[n].table != NULL;
	}
	return n > 0 ? unique(s, n, a) : null(a);
}

static bool
known(const struct tree *t)
{
	static const char *const names[] = { "event_list", "incident_id", "url",
		"group_id", "alert_feedback", "declared_alert_severity",
		"owner", "rule" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (tree_named(t, names[i], strlen(names[i])))
			return true;
	return false;
}

/* The scalars that we have no use for, null included: it clears. */
static const struct tree *
extra(const struct tree *payload, struct arena *a)
{
	struct tree *all = tree_new(a, TREE_OBJECT);

	for (const struct tree *m = payload == NULL ? NULL : payload->first;
	     m != NULL; m = m->next)
		if (m->type != TREE_LIST && m->type != TREE_OBJECT && !known(m))
			(void)tree_add(a, all, m->key, m->key_len, m);
	return all->first == NULL ? NULL : all;
}

/* What may stand in payload or beside it. */
static const struct tree *
either(const struct tree *body, const struct tree *payload, const char *name)
{
	const struct tree *t = tree_get(payload, name);

	return t != NULL ? t : tree_get(body, name);
}

static struct tree *
metadata(const struct tree *body, const struct tree *payload,
    const struct tree *rule, const struct tree *id, struct arena *a)
{
	struct tree *m = tree_new(a, TREE_OBJECT);
	const struct tree *events = tree_get(payload, "event_list");
	const struct tree *rule_type = text(tree_get(rule, "rule_type"), a);

	if (rule_type == NULL &&
	    (tree_is(events, TREE_LIST) || tree_is(events, TREE_NULL)))
		rule_type = null(a);
	put(a, m, "source", tree_str(a, "Monte Carlo"));
	put(a, m, "severity",
	    severity(either(body, payload, "declared_alert_severity"), a));
	put(a, m, "owners", owners(either(body, payload, "owner"), a));
	put(a, m, "tables", tables(events, a));
	put(a, m, "alert_feedback",
	    feedback(either(body, payload, "alert_feedback"), a));
	put(a, m, "type", text(tree_get(body, "type"), a));
	put(a, m, "rule_type", rule_type);
	put(a, m, "group_id", text(tree_get(payload, "group_id"), a));
	put(a, m, "account_id", text(tree_at(body, "/account/id"), a));
	put(a, m, "incident_id", id);
	put(a, m, "extra", extra(payload, a));
	return m;
}

/* The digest of the canonical text.  Where there is none, because nobody
 * can have signed it, the body as we write it does as well. */
static const char *
key_of_body(const struct source_request *r, struct arena *a)
{
	struct buf b = BUF_MAX(TIMES_LONGER * r->body_len);
	unsigned char sum[SIGN_MAX];
	struct fail f = { 0 };
	bool varies;
	char *hex = arena_alloc(a, 2 * SIGN_MAX + 1);

	if (!pyrepr_urlencode(r->tree, 0, &b, &varies, &f) || b.full) {
		buf_free(&b);
		b = BUF_MAX(TEXT_MAX);
		json_write(r->tree, JSON_PLAIN, &b);
	}
	sign_digest(SIGN_SHA256, b.data, b.len, sum);
	sign_hex(sum, sign_size(SIGN_SHA256), hex);
	buf_free(&b);
	return hex;
}

/* *id is what incident.io is told as metadata, NULL if there is none. */
static const char *
key(const struct source_request *r, const struct tree *payload, struct arena *a,
    const struct tree **id)
{
	const struct tree *t = tree_get(payload, "incident_id");
	const char *original, *key;

	*id = NULL;
	if (!tree_is(t, TREE_STR) && !tree_is(t, TREE_INT) &&
	    !tree_is(t, TREE_FLOAT))
		return key_of_body(r, a);
	if (t->len == 0)
		return key_of_body(r, a);
	key = source_key(a, NULL, t->text, t->len, &original);
	*id = tree_str(a, original == NULL ? key : original);
	return key;
}

static struct tree *
change(const struct source_request *r, const struct tree *payload,
    const struct tree *id, struct arena *a)
{
	struct tree *c = tree_new(a, TREE_OBJECT);
	const struct tree *rule = mctext_rule(payload);

	put(a, c, "source_url", text(tree_get(payload, "url"), a));
	put(a, c, "metadata", metadata(r->tree, payload, rule, id, a));
	put(a, c, "facts", mctext_facts(payload, rule, a));
	return c;
}

/* What Monte Carlo posts of each run of a monitor, where that is set up
 * (facts/montecarlo.md, 1.6). */
static bool
is_monitor_run(const struct tree *t)
{
	return tree_is(tree_get(t, "run"), TREE_OBJECT) &&
	    tree_is(tree_get(t, "monitor"), TREE_OBJECT) &&
	    tree_get(t, "payload") == NULL && tree_get(t, "incident") == NULL;
}

static void
read_webhook(const struct source *s, const struct source_request *r,
    struct arena *a, struct source_reading *out)
{
	const struct tree *payload = tree_get(r->tree, "payload");
	const struct tree *id;
	struct source_item *item;

	(void)s;
	out->items = NULL;
	if (is_monitor_run(r->tree))
		return;
	/* A string here can have an object's signature (facts, 2). */
	if (!tree_is(payload, TREE_OBJECT))
		payload = NULL;
	item = arena_alloc(a, sizeof(*item));
	*item = (struct source_item){ .key = key(r, payload, a, &id) };
	item->change = change(r, payload, id, a);
	out->items = item;
}

/* ---- wording ---- */

static bool
is_over(const struct tree *metadata)
{
	static const char *const words[] = { "fixed", "expected",
		"no_action_needed", "false_positive" };
	const struct tree *t = tree_get(metadata, "alert_feedback");

	for (size_t i = 0; i < COUNT(words); i++)
		if (tree_says(t, words[i]))
			return true;
	return false;
}

static void
word(struct tree *alert, struct arena *a)
{
	struct tree *m = tree_get(alert, "metadata");
	const struct tree *left = tree_get(m, "extra");

	mctext_word(alert, a);
	tree_set(a, alert, "status",
	    tree_str(a, is_over(m) ? "resolved" : "firing"));
	if (tree_is(left, TREE_OBJECT) && left->first == NULL)
		tree_set(a, m, "extra", NULL);
}

/* The keys that both published webhooks have (facts/montecarlo.md, 1.2). */
static bool
looks_known(const struct tree *body)
{
	return tree_is(tree_get(body, "payload"), TREE_OBJECT) &&
	    tree_is(tree_get(body, "type"), TREE_STR) &&
	    tree_is(tree_at(body, "/payload/incident_id"), TREE_STR);
}

const struct source_kind source_montecarlo = {
	.name = "montecarlo",
	.options = options,
	.prove = prove,
	.sign = sign,
	.read = read_webhook,
	.word = word,
	.looks_known = looks_known,
};
