#include "incidentio.h"

#include "arena.h"
#include "array.h"
#include "buf.h"
#include "fail.h"
#include "json.h"
#include "montecarlo.h"
#include "proof.h"
#include "scan.h"
#include "sign.h"
#include "tree.h"

#include <string.h>
#include <strings.h>

enum {
	TEXT_MAX = 1 << 30, /* of a body written out for its digest */
	UUID_BYTES = 16,
};

static const struct option options[] = {
	{ "secret_file", OPTION_SECRET, NULL },
	{ NULL, OPTION_TEXT, NULL },
};

/* ---- proof ---- */

/* The token of ?token=, decoded, as far as the next parameter; NULL if there is
 * none. */
static const char *
query_token(const struct source_request *r, struct arena *a)
{
	const char *at = proof_header(r, "QUERY_STRING");

	while (at != NULL && strncmp(at, "token=", 6) != 0) {
		at = strchr(at, '&');
		at = at == NULL ? NULL : at + 1;
	}
	return at == NULL
	    ? NULL
	    : scan_percent(arena_copy(a, at + 6, strcspn(at + 6, "&")));
}

static bool
is_sender(const struct option_value *secrets, const struct source_request *r,
    struct arena *a, struct fail *f)
{
	struct source_request in_query = *r;

	if (proof_scheme(r, "Bearer"))
		return proof_bearer(secrets, r, f);
	if (proof_scheme(r, "Basic"))
		return proof_basic(secrets, r, f);
	if (r->token != NULL)
		return proof_token(secrets, r, f);
	in_query.token = query_token(r, a);
	if (in_query.token != NULL)
		return proof_token(secrets, &in_query, f);
	return proof_bearer(secrets, r, f);
}

static bool
is_filled(const struct tree *t)
{
	switch (t == NULL ? TREE_NULL : t->type) {
	case TREE_STR:
		return t->len > 0;
	case TREE_INT:
	case TREE_FLOAT:
		return true;
	case TREE_OBJECT:
		return t->first != NULL;
	default:
		return false;
	}
}

/* A webhook of Monte Carlo's, and not an event that looks like one too. */
static bool
is_montecarlo(const struct tree *body)
{
	return tree_get(body, "title") == NULL &&
	    source_montecarlo.looks_known(body);
}

static bool
can_ring(const struct tree *body)
{
	static const char *const names[] = { "title", "description", "status",
		"deduplication_key", "source_url", "metadata" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (is_filled(tree_get(body, names[i])))
			return true;
	return is_montecarlo(body);
}

static bool
prove(const struct source *s, const struct source_request *r, struct arena *a,
    struct fail *f)
{
	if (!is_sender(source_option(s, "secret_file"), r, a, f))
		return false;
	if (r->tree == NULL)
		return fail_set(f, FAIL_INPUT, "the body is not JSON");
	return can_ring(r->tree) ||
	    fail_set(f, FAIL_REFUSED,
		"no title, description, status or any other part of an alert "
		"event");
}

static bool
sign(const struct source *s, const struct source_request *r, struct arena *a,
    struct source_proof *out, struct fail *f)
{
	(void)r;
	return proof_make_bearer(source_option(s, "secret_file"), a, out, f);
}

/* ---- reading ---- */

/* A string that says something, or a number, as a string; else NULL. */
static const struct tree *
text(const struct tree *event, const char *name, struct arena *a)
{
	const struct tree *t = tree_get(event, name);
	const char *s = tree_cstr(t, a);

	if (s == NULL || s[strspn(s, " \t\r\n")] == '\0')
		return NULL;
	return tree_is(t, TREE_STR) ? t : tree_str(a, s);
}

static const struct tree *
title(const struct tree *event, struct arena *a)
{
	const struct tree *t = text(event, "title", a);
	const char *s;

	if (t != NULL)
		return t;
	s = tree_cstr(text(event, "description", a), a);
	if (s == NULL)
		return NULL;
	s += strspn(s, "\r\n");
	return tree_strn(a, s, strcspn(s, "\r\n"));
}

static const char *
status(const struct tree *event, struct arena *a)
{
	const char *s = tree_cstr(text(event, "status", a), a);

	return s != NULL && strcasecmp(s, "resolved") == 0 ? "resolved"
							   : "firing";
}

static void
add(struct buf *b, const char *s)
{
	buf_puts(b, s == NULL ? "" : s);
	buf_puts(b, "\n");
}

/* All but the status, which may not make another alert of it. */
static void
add_all(struct buf *b, const struct tree *event, struct arena *a)
{
	struct tree *rest = tree_new(a, TREE_OBJECT);

	for (const struct tree *m = event->first; m != NULL; m = m->next) {
		struct tree *copy;

		if (m->key_len == strlen("status") &&
		    memcmp(m->key, "status", m->key_len) == 0)
			continue;
		copy = tree_push(rest, tree_copy(a, m));
		copy->key = m->key;
		copy->key_len = m->key_len;
	}
	json_write(rest, JSON_PLAIN, b);
}

/* Something, but no text. */
static bool
is_odd(const struct tree *t)
{
	return (tree_is(t, TREE_LIST) || tree_is(t, TREE_OBJECT)) &&
	    t->first != NULL;
}

/* For an event without a key that is a text: the same as long as it is the
 * same alert, as far as can be told. */
static const char *
stable_key(const struct source *s, const struct tree *event, struct arena *a)
{
	const char *name = tree_cstr(text(event, "title", a), a);
	const char *url = tree_cstr(text(event, "source_url", a), a);
	const struct tree *odd = tree_get(event, "deduplication_key");
	struct buf b = BUF_MAX(TEXT_MAX);
	const char *key;

	add(&b, s->namespace);
	add(&b, name);
	add(&b, url);
	if (name == NULL && url == NULL) {
		const char *more = tree_cstr(text(event, "description", a), a);

		add(&b, more);
		if (more == NULL)
			add_all(&b, event, a);
	}
	if (is_odd(odd))
		json_write(odd, JSON_PLAIN, &b);
	key = source_digest(a, b.data, b.len);
	buf_free(&b);
	return key;
}

/* *original: what was sent, if the key is but its digest; else NULL. */
static void
set_key(struct source_item *item, const struct source *s,
    const struct tree *event, struct arena *a, const char **original)
{
	const struct tree *t = text(event, "deduplication_key", a);
	const char *prefix = NULL;

	if (t == NULL)
		t = tree_str(a, stable_key(s, event, a));
	/* Senders choose keys for all of incident.io's alert source: only who
	 * asks for it gets another. */
	if (s->namespaced) {
		prefix = arena_printf(a, "%s/", s->namespace);
		item->called = tree_cstr(t, a);
	}
	item->key = source_key(a, prefix, t->text, t->len, original);
}

static void
keep_odd(struct tree *more, const struct tree *sent, const struct tree *event,
    struct arena *a)
{
	static const char *const texts[] = { "title", "status", "description",
		"deduplication_key", "source_url" };

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct tree *t = tree_get(event, texts[i]);

		if (is_odd(t) && tree_get(sent, texts[i]) == NULL)
			tree_set(a, more, texts[i], t);
	}
}

static const struct tree *
metadata(const struct tree *event, const char *original, struct arena *a)
{
	struct tree *sent = tree_get(event, "metadata");
	struct tree *more = tree_new(a, TREE_OBJECT);

	/* What is odd is kept all the same, where it can be seen. */
	if (!tree_is(sent, TREE_OBJECT)) {
		tree_set(a, more, "metadata", sent);
		sent = NULL;
	}
	keep_odd(more, sent, event, a);
	if (original != NULL)
		tree_set(a, more, "deduplication_key", tree_str(a, original));
	return more->first == NULL && sent != NULL ? sent
						   : tree_merge(a, sent, more);
}

static struct source_item *
read_event(const struct source *s, const struct tree *event, struct arena *a)
{
	struct source_item *item = arena_alloc(a, sizeof(*item));
	struct tree *c = tree_new(a, TREE_OBJECT);
	const char *original;

	*item = (struct source_item){ .whole = true, .change = c };
	set_key(item, s, event, a, &original);
	tree_set(a, c, "title", title(event, a));
	tree_set(a, c, "status", tree_str(a, status(event, a)));
	tree_set(a, c, "description", text(event, "description", a));
	tree_set(a, c, "source_url", text(event, "source_url", a));
	tree_set(a, c, "metadata", metadata(event, original, a));
	return item;
}

/* Beside Monte Carlo's facts: whose they are. */
static const char facts_of[] = "of";

static void
mark(struct source_reading *reading, struct arena *a)
{
	for (struct source_item *i = reading->items; i != NULL; i = i->next) {
		if (!tree_is(tree_get(i->change, "facts"), TREE_OBJECT))
			tree_set(
			    a, i->change, "facts", tree_new(a, TREE_OBJECT));
		tree_set(a, tree_get(i->change, "facts"), facts_of,
		    tree_str(a, source_montecarlo.name));
	}
}

static void
read_webhook(const struct source *s, const struct source_request *r,
    struct arena *a, struct source_reading *out)
{
	if (is_montecarlo(r->tree)) {
		source_montecarlo.read(s, r, a, out);
		mark(out, a);
		return;
	}
	out->items =
	    tree_is(r->tree, TREE_OBJECT) ? read_event(s, r->tree, a) : NULL;
}

static void
word(struct tree *alert, struct arena *a)
{
	const struct tree *of = tree_get(tree_get(alert, "facts"), facts_of);

	if (tree_says(of, source_montecarlo.name))
		source_montecarlo.word(alert, a);
}

static bool
looks_known(const struct tree *body)
{
	const struct tree *t = tree_get(body, "status");

	return tree_is(tree_get(body, "title"), TREE_STR) &&
	    (tree_says(t, "firing") || tree_says(t, "resolved"));
}

/* ---- answers (facts/incidentio.md, 1.2 and 1.3) ---- */

static void
say(struct arena *a, struct tree *to, const char *name, const char *s)
{
	tree_set(a, to, name, tree_str(a, s));
}

static struct tree *
yes(const char *key, struct arena *a)
{
	struct tree *t = tree_new(a, TREE_OBJECT);

	say(a, t, "deduplication_key", key);
	say(a, t, "message", "Event accepted for processing");
	say(a, t, "status", "success");
	return t;
}

/* RFC 4122, 4.4 */
static const char *
uuid(struct arena *a)
{
	unsigned char bytes[UUID_BYTES];
	char hex[2 * UUID_BYTES + 1];

	sign_random(bytes, sizeof(bytes));
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	sign_hex(bytes, sizeof(bytes), hex);
	return arena_printf(a, "%.8s-%.4s-%.4s-%.4s-%s", hex, hex + 8, hex + 12,
	    hex + 16, hex + 20);
}

static const struct {
	int status;
	const char *type;
	const char *code;
} refusals[] = {
	{ 403, "authentication_error", "invalid_credentials" },
	{ 422, "validation_error", "is_required" },
	{ 503, "internal_error", "unavailable" },
	{ 0, "validation_error", "invalid" },
};

static struct tree *
no(int status, const char *detail, struct arena *a)
{
	struct tree *t = tree_new(a, TREE_OBJECT);
	struct tree *error = tree_new(a, TREE_OBJECT);
	struct tree *errors = tree_new(a, TREE_LIST);
	struct tree *field = tree_new(a, TREE_OBJECT);
	size_t i = 0;

	while (refusals[i].status != status && refusals[i].status != 0)
		i++;
	say(a, t, "type", refusals[i].type);
	tree_set(a, t, "status", tree_num(a, status));
	say(a, t, "request_id", uuid(a));
	say(a, error, "code", refusals[i].code);
	say(a, error, "message", detail == NULL ? "refused" : detail);
	if (status == 422) {
		say(a, field, "field", "title");
		tree_set(a, error, "source", field);
	}
	(void)tree_push(errors, error);
	tree_set(a, t, "errors", errors);
	return t;
}

static const struct source_words words = {
	.yes_status = 202,
	.yes = yes,
	.no = no,
};

const struct source_kind source_incidentio = {
	.name = "incidentio",
	.options = options,
	.words = &words,
	.prove = prove,
	.sign = sign,
	.read = read_webhook,
	.word = word,
	.looks_known = looks_known,
	.own_keys = true,
};
