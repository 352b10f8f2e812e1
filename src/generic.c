#include "generic.h"

#include "arena.h"
#include "array.h"
#include "buf.h"
#include "event.h"
#include "fail.h"
#include "json.h"
#include "proof.h"
#include "sign.h"
#include "standard.h"
#include "tree.h"
#include "wording.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

enum {
	ALERTS_MOST = 1000,  /* in one webhook */
	LIST_MOST = 100,     /* values of owners, tags, tables */
	JOIN_MOST = 10,      /* values in one text */
	HEADER_MAX = 100,    /* bytes of a header's name */
	SHOWN_MAX = 4000,    /* characters of an alert shown as it came */
	TEXT_MAX = 64 << 20, /* bytes of text made of an alert */
};

static const char *const proofs[] = { "token", "basic", "bearer", "header",
	"hmac", "standard-webhooks", NULL };
static const char *const algorithms[] = { "sha256", "sha1", "sha512", NULL };
static const char *const encodings[] = { "hex", "base64", NULL };
static const char *const off_on[] = { "off", "on", NULL };

static const struct option options[] = {
	{ "proof", OPTION_CHOICE, proofs },
	{ "secret_file", OPTION_SECRET, NULL },
	{ "header", OPTION_TEXT, NULL },
	{ "algorithm", OPTION_CHOICE, algorithms },
	{ "encoding", OPTION_CHOICE, encodings },
	{ "prefix", OPTION_TEXT, NULL },
	{ "sender", OPTION_TEXT, NULL },
	{ "markdown", OPTION_CHOICE, off_on },
	{ "each", OPTION_LIST, NULL },
	{ "key", OPTION_LIST, NULL },
	{ "title", OPTION_LIST, NULL },
	{ "description", OPTION_LIST, NULL },
	{ "url", OPTION_LIST, NULL },
	{ "status", OPTION_LIST, NULL },
	{ "status_map", OPTION_LIST, NULL },
	{ "severity", OPTION_LIST, NULL },
	{ "severity_map", OPTION_LIST, NULL },
	{ "owners", OPTION_LIST, NULL },
	{ "tags", OPTION_LIST, NULL },
	{ "tables", OPTION_LIST, NULL },
	{ "type", OPTION_LIST, NULL },
	{ "test_description", OPTION_LIST, NULL },
	{ "connector", OPTION_LIST, NULL },
	{ "failure_reason", OPTION_LIST, NULL },
	{ NULL, OPTION_TEXT, NULL },
};

/* The one value of an option, or the default of a choice, or NULL. */
static const char *
option(const struct source *s, const char *name)
{
	const struct option_value *v = source_option(s, name);

	if (v->n > 0)
		return v->items[0];
	for (const struct option *o = options; o->name != NULL; o++)
		if (strcmp(o->name, name) == 0 && o->type == OPTION_CHOICE)
			return o->choices[0];
	return NULL;
}

static bool
is_chosen(const struct source *s, const char *name, const char *choice)
{
	return strcmp(option(s, name), choice) == 0;
}

/* ---- proof ---- */

/* As CGI spells it (RFC 3875, 4.1.18). */
static const char *
header_name(const struct source *s, struct arena *a)
{
	const char *name = option(s, "header");
	char *cgi =
	    arena_printf(a, "HTTP_%.100s", name == NULL ? "NONE" : name);

	for (char *c = cgi; *c != '\0'; c++) {
		if (*c == '-')
			*c = '_';
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	}
	return cgi;
}

static enum sign_alg
algorithm(const struct source *s)
{
	if (is_chosen(s, "algorithm", "sha1"))
		return SIGN_SHA1;
	return is_chosen(s, "algorithm", "sha512") ? SIGN_SHA512 : SIGN_SHA256;
}

static struct proof_hmac
hmac(const struct source *s, struct arena *a)
{
	return (struct proof_hmac){
		.alg = algorithm(s),
		.text = is_chosen(s, "encoding", "base64") ? PROOF_BASE64
							   : PROOF_HEX,
		.header = header_name(s, a),
		.prefix = option(s, "prefix"),
	};
}

static bool
prove_hmac(const struct source *s, const struct source_request *r,
    struct arena *a, struct fail *f)
{
	const struct proof_hmac how = hmac(s, a);

	return proof_hmac(&how, source_option(s, "secret_file"), r, f);
}

/* The header holds a secret, as a path would. */
static bool
prove_header(const struct source *s, const struct source_request *r,
    struct arena *a, struct fail *f)
{
	const char *name = header_name(s, a);
	const char *prefix = option(s, "prefix");
	struct source_request in_header = *r;
	size_t n = prefix == NULL ? 0 : strlen(prefix);
	char shown[PROOF_NAME];

	in_header.token = proof_header(r, name);
	if (in_header.token == NULL)
		return fail_set(
		    f, FAIL_AUTH, "no secret in %s", proof_spell(name, shown));
	if (n > 0 && strncmp(in_header.token, prefix, n) != 0)
		return fail_set(f, FAIL_AUTH, "%s lacks its prefix",
		    proof_spell(name, shown));
	in_header.token += n;
	return proof_token(source_option(s, "secret_file"), &in_header, f);
}

static bool
is_sender(const struct source *s, const struct source_request *r,
    struct arena *a, struct fail *f)
{
	const struct option_value *secrets = source_option(s, "secret_file");

	if (is_chosen(s, "proof", "basic"))
		return proof_basic(secrets, r, f);
	if (is_chosen(s, "proof", "bearer"))
		return proof_bearer(secrets, r, f);
	if (is_chosen(s, "proof", "header"))
		return prove_header(s, r, a, f);
	if (is_chosen(s, "proof", "hmac"))
		return prove_hmac(s, r, a, f);
	if (is_chosen(s, "proof", "standard-webhooks"))
		return standard_prove(secrets, r, f);
	return proof_token(secrets, r, f);
}

static bool
prove(const struct source *s, const struct source_request *r, struct arena *a,
    struct fail *f)
{
	if (!is_sender(s, r, a, f))
		return false;
	return r->tree != NULL ||
	    fail_set(f, FAIL_INPUT, "the body is not JSON");
}

static bool
sign(const struct source *s, const struct source_request *r, struct arena *a,
    struct source_proof *out, struct fail *f)
{
	const struct option_value *secrets = source_option(s, "secret_file");
	const char *prefix = option(s, "prefix");
	struct proof_hmac how = hmac(s, a);

	if (is_chosen(s, "proof", "basic"))
		return proof_make_basic(secrets, "generic", a, out, f);
	if (is_chosen(s, "proof", "bearer"))
		return proof_make_bearer(secrets, a, out, f);
	if (is_chosen(s, "proof", "hmac"))
		return proof_make_hmac(&how, secrets, r, a, out, f);
	if (is_chosen(s, "proof", "standard-webhooks"))
		return standard_make(secrets, r, a, out, f);
	if (is_chosen(s, "proof", "token"))
		return proof_make_token(secrets, out, f);
	if (proof_secret(secrets, f) == NULL)
		return false;
	proof_add(out, how.header,
	    arena_printf(
		a, "%s%s", prefix == NULL ? "" : prefix, secrets->items[0]));
	return true;
}

/* ---- where things stand ---- */

struct visitor {
	void (*visit)(struct visitor *v, const struct tree *t);
	struct arena *a;
	struct tree *found; /* a list */
};

/* The first step of pointer that is a *, or its end. */
static const char *
star(const char *pointer)
{
	while (*pointer != '\0' &&
	    !(pointer[0] == '/' && pointer[1] == '*' &&
		(pointer[2] == '/' || pointer[2] == '\0')))
		pointer++;
	return pointer;
}

/* Each value that pointer leads to; as deep as it has stars. */
static void
walk(struct visitor *v, const struct tree *t, const char *pointer)
{
	const char *at = star(pointer);

	if (*at == '\0') {
		t = tree_at(t, pointer);
		if (t != NULL)
			v->visit(v, t);
		return;
	}
	if (at > pointer)
		t = tree_at(
		    t, arena_copy(v->a, pointer, (size_t)(at - pointer)));
	if (tree_is(t, TREE_LIST))
		for (t = t->first; t != NULL; t = t->next)
			walk(v, t, at + 2);
	else if (tree_is(t, TREE_OBJECT) && tree_get(t, "*") != NULL)
		walk(v, tree_get(t, "*"), at + 2);
}

/* A scalar that says something, as fit to send as tree_cstr makes it. */
static void
take_scalar(struct visitor *v, const struct tree *t)
{
	const char *s = tree_cstr(t, v->a);

	if (tree_is(t, TREE_TRUE))
		s = "true";
	if (tree_is(t, TREE_FALSE))
		s = "false";
	if (s != NULL && s[strspn(s, " \t\r\n")] != '\0')
		(void)tree_push(v->found, tree_str(v->a, s));
}

static void
take_scalars(struct visitor *v, const struct tree *t)
{
	if (!tree_is(t, TREE_LIST))
		take_scalar(v, t);
	else
		for (t = t->first; t != NULL; t = t->next)
			take_scalar(v, t);
}

/* The values that stand at pointer: strings, in a list. */
static const struct tree *
values(const struct tree *alert, const char *pointer, struct arena *a)
{
	struct visitor v = { take_scalars, a, tree_new(a, TREE_LIST) };

	walk(&v, alert, pointer);
	return v.found;
}

/* How a text is made of values. */
struct style {
	bool escape; /* so that Markdown shows what was sent as it is */
	size_t most; /* values; more are counted, if it is not 1 */
	struct arena *a;
};

/* Its lines, each but the last with a hard break. */
static void
add_escaped(struct buf *out, const char *s)
{
	bool first = true;

	for (size_t n; *s != '\0'; s += n) {
		struct buf line = BUF_MAX(TEXT_MAX);

		s += strspn(s, "\r\n");
		n = strcspn(s, "\r\n");
		buf_add(&line, s, n);
		if (n > 0 && !first)
			buf_puts(out, "  \n");
		event_markdown(out, line.data);
		first = false;
		buf_free(&line);
	}
}

static void
add_value(struct buf *out, const struct style *style, const char *s)
{
	if (style->escape)
		add_escaped(out, s);
	else
		buf_puts(out, s);
}

/* False if there is none. */
static bool
add_values(struct buf *out, const struct style *style, const struct tree *list)
{
	size_t n = 0;

	for (const struct tree *t = list->first; t != NULL; t = t->next, n++) {
		if (n >= style->most)
			continue;
		if (n > 0)
			buf_puts(out, ", ");
		add_value(out, style, tree_cstr(t, style->a));
	}
	if (n > style->most && style->most > 1)
		buf_printf(out, " and %zu more", n - style->most);
	return n > 0;
}

/* An entry's text, if it counts. */
static bool
add_entry(struct buf *out, const struct style *style, const char *entry,
    const struct tree *alert)
{
	if (entry[0] == '/')
		return add_values(out, style, values(alert, entry, style->a));
	while (*entry != '\0') {
		size_t n = strcspn(entry, "}");
		const char *pointer;

		if (entry[0] != '{' || entry[1] != '/' || entry[n] != '}') {
			buf_add(out, entry++, 1);
			continue;
		}
		pointer = arena_copy(style->a, entry + 1, n - 1);
		if (!add_values(out, style, values(alert, pointer, style->a)))
			return false;
		entry += n + 1;
	}
	return true;
}

static bool
has_pointer(const char *entry)
{
	return entry[0] == '/' || strstr(entry, "{/") != NULL;
}

/* A text, and the entry that it was made by; both NULL if none counts. */
struct found {
	const char *text;
	const char *entry;
};

/* By the first entry that counts. */
static struct found
find(const struct source *s, const char *name, const struct style *style,
    const struct tree *alert)
{
	const struct option_value *entries = source_option(s, name);
	struct buf b = BUF_MAX(TEXT_MAX);
	struct found made = { NULL, NULL };

	for (size_t i = 0; i < entries->n && made.text == NULL; i++) {
		buf_reset(&b);
		if (add_entry(&b, style, entries->items[i], alert) && b.len > 0)
			made =
			    (struct found){ arena_copy(style->a, b.data, b.len),
				    entries->items[i] };
	}
	buf_free(&b);
	return made;
}

/* Whether it is anything that the alert says, and no text for all of them. */
static bool
says(const struct found *f)
{
	return f->entry != NULL && has_pointer(f->entry);
}

/* ---- what is said ---- */

/* The entry "from=to" of a map for a value, or NULL. */
static const char *
map_entry(const struct source *s, const char *name, const char *value)
{
	const struct option_value *map = source_option(s, name);
	size_t n = strlen(value);

	for (size_t i = 0; i < map->n; i++) {
		const char *equals = strrchr(map->items[i], '=');

		if (equals != NULL && (size_t)(equals - map->items[i]) == n &&
		    wording_is_alike(map->items[i], value, n))
			return map->items[i];
	}
	return NULL;
}

/* What it makes of the value; NULL: nothing. */
static const char *
mapped(const struct source *s, const char *name, const char *value)
{
	const char *entry = map_entry(s, name, value);

	return entry == NULL ? NULL : strrchr(entry, '=') + 1;
}

/* The graver, the later. */
enum status { IGNORED, RESOLVED, FIRING };

static const char *const statuses[] = { "ignored", "resolved", "firing" };

static bool
is_status(const char *word)
{
	for (size_t i = 0; i < COUNT(statuses); i++)
		if (strcasecmp(word, statuses[i]) == 0)
			return true;
	return false;
}

/* FIRING for what is none. */
static enum status
status_of(const struct source *s, const char *value)
{
	const char *word = mapped(s, "status_map", value);

	if (word == NULL)
		word = value;
	for (enum status i = IGNORED; i < FIRING; i++)
		if (strcasecmp(word, statuses[i]) == 0)
			return i;
	return FIRING;
}

/* What an alert says of its status. */
struct stand {
	const char *entry; /* by which it is said; NULL: by none */
	const char *value; /* the gravest that stands there */
	enum status status;
};

static struct stand
gravest(const struct source *s, const char *entry, const struct tree *t,
    struct arena *a)
{
	struct stand found = { entry, tree_cstr(t, a), IGNORED };

	for (; t != NULL; t = t->next) {
		const char *value = tree_cstr(t, a);

		if (status_of(s, value) <= found.status)
			continue;
		found.value = value;
		found.status = status_of(s, value);
	}
	return found;
}

static struct stand
stand(const struct source *s, const struct tree *alert, struct arena *a)
{
	const struct option_value *entries = source_option(s, "status");

	for (size_t i = 0; i < entries->n; i++) {
		const char *entry = entries->items[i];
		const struct tree *t;

		if (entry[0] != '/')
			return (
			    struct stand){ entry, entry, status_of(s, entry) };
		t = values(alert, entry, a)->first;
		if (t != NULL)
			return gravest(s, entry, t, a);
	}
	return (struct stand){ NULL, NULL, FIRING };
}

static void
say(struct arena *a, struct tree *to, const char *name, const char *s)
{
	tree_set(a, to, name, s == NULL ? NULL : tree_str(a, s));
}

/* The first value; what has no pointer is the source's (check). */
static void
say_severity(const struct source *s, const struct tree *alert, struct arena *a,
    struct tree *metadata)
{
	const struct option_value *entries = source_option(s, "severity");
	const struct style first = { false, 1, a };
	const char *sent = NULL;
	const char *word;

	for (size_t i = 0; i < entries->n && sent == NULL; i++) {
		struct buf b = BUF_MAX(TEXT_MAX);

		if (has_pointer(entries->items[i]) &&
		    add_entry(&b, &first, entries->items[i], alert))
			sent = arena_copy(a, b.data, b.len);
		buf_free(&b);
	}
	if (sent == NULL)
		return;
	word = mapped(s, "severity_map", sent);
	say(a, metadata, "severity", word == NULL ? sent : word);
	if (word != NULL && strcmp(word, sent) != 0)
		say(a, metadata, "severity_sent", sent);
}

static bool
has(const struct tree *list, const char *s)
{
	for (const struct tree *t = list->first; t != NULL; t = t->next)
		if (tree_says(t, s))
			return true;
	return false;
}

static void
add_each(struct tree *list, const struct tree *more, struct arena *a)
{
	size_t n = tree_count(list);

	for (const struct tree *t = more->first; t != NULL && n < LIST_MOST;
	     t = t->next)
		if (!has(list, tree_cstr(t, a))) {
			(void)tree_push(list, tree_copy(a, t));
			n++;
		}
}

/* The values of all entries, each once. */
static void
say_list(const struct source *s, const char *name, const struct tree *alert,
    struct arena *a, struct tree *metadata)
{
	const struct option_value *entries = source_option(s, name);
	const struct style plain = { false, JOIN_MOST, a };
	struct tree *list = tree_new(a, TREE_LIST);

	for (size_t i = 0; i < entries->n; i++) {
		const char *entry = entries->items[i];
		struct buf b = BUF_MAX(TEXT_MAX);
		struct tree *one = tree_new(a, TREE_LIST);

		if (entry[0] == '/')
			add_each(list, values(alert, entry, a), a);
		else if (has_pointer(entry) &&
		    add_entry(&b, &plain, entry, alert)) {
			(void)tree_push(
			    one, tree_str(a, arena_copy(a, b.data, b.len)));
			add_each(list, one, a);
		}
		buf_free(&b);
	}
	if (list->first != NULL)
		tree_set(a, metadata, name, list);
}

static struct tree *
metadata(const struct source *s, const struct tree *alert, struct arena *a)
{
	static const char *const texts[] = { "type", "test_description",
		"connector", "failure_reason" };
	static const char *const lists[] = { "owners", "tags", "tables" };
	const struct style plain = { false, JOIN_MOST, a };
	const char *sender = option(s, "sender");
	struct tree *m = tree_new(a, TREE_OBJECT);

	say(a, m, "source", sender == NULL ? s->name : sender);
	say_severity(s, alert, a, m);
	for (size_t i = 0; i < COUNT(lists); i++)
		say_list(s, lists[i], alert, a, m);
	for (size_t i = 0; i < COUNT(texts); i++)
		say(a, m, texts[i], find(s, texts[i], &plain, alert).text);
	return m;
}

/* ---- one alert ---- */

/* As indented code, which no line of it can end. */
static const char *
show(const struct tree *alert, struct arena *a)
{
	struct buf json = BUF_MAX(TEXT_MAX);
	struct buf b = BUF_MAX(TEXT_MAX);
	const char *cut;

	json_write(alert, JSON_PRETTY, &json);
	cut = event_cut(a, json.data, SHOWN_MAX);
	for (size_t n; *cut != '\0'; cut += n) {
		n = strcspn(cut, "\n");
		n += cut[n] == '\n';
		buf_puts(&b, "    ");
		buf_add(&b, cut, n);
	}
	cut = arena_copy(a, b.data, b.len);
	buf_free(&json);
	buf_free(&b);
	return cut;
}

/* What stands at a pointer, in the order in which it stands. */
struct leaves {
	struct visitor v;
	struct buf found; /* of const struct tree * */
	size_t next;
};

static void
take_leaf(struct visitor *v, const struct tree *t)
{
	struct leaves *l = (struct leaves *)(void *)v;

	buf_add(&l->found, &t, sizeof(t));
}

static bool
is_next(const struct leaves *l, const struct tree *t)
{
	const struct tree *const *all = (const void *)l->found.data;

	return l->next < l->found.len / sizeof(t) && all[l->next] == t;
}

/* A copy without them. */
static struct tree *
without(struct leaves *l, const struct tree *t)
{
	struct tree *copy;

	if (!tree_is(t, TREE_LIST) && !tree_is(t, TREE_OBJECT))
		return tree_copy(l->v.a, t);
	copy = tree_new(l->v.a, t->type);
	for (const struct tree *m = t->first; m != NULL; m = m->next) {
		struct tree *kept;

		if (is_next(l, m)) {
			l->next++;
			continue;
		}
		kept = tree_push(copy, without(l, m));
		kept->key = m->key;
		kept->key_len = m->key_len;
	}
	return copy;
}

/* Of all but the status, which may not make another alert of it: anything
 * less could be the same in two alerts. */
static const char *
digest(const struct source *s, const struct tree *alert, struct arena *a)
{
	const char *pointer = stand(s, alert, a).entry;
	struct leaves l = { { take_leaf, a, NULL }, BUF_MAX(TEXT_MAX), 0 };
	struct buf b = BUF_MAX(TEXT_MAX);
	const char *hex;

	if (pointer != NULL && pointer[0] == '/')
		walk(&l.v, alert, pointer);
	json_write(without(&l, alert), JSON_PLAIN, &b);
	hex = source_digest(a, b.data, b.len);
	buf_free(&l.found);
	buf_free(&b);
	return hex;
}

/* The texts of an alert. */
struct texts {
	struct found key;
	struct found title;
	struct found url;
	struct found about;
};

static struct texts
read_texts(const struct source *s, const struct tree *alert, struct arena *a)
{
	const struct style whole = { false, SIZE_MAX, a };
	const struct style plain = { false, JOIN_MOST, a };
	const struct style first = { false, 1, a };
	const struct style shown = { is_chosen(s, "markdown", "off"), JOIN_MOST,
		a };

	return (struct texts){ find(s, "key", &whole, alert),
		find(s, "title", &plain, alert), find(s, "url", &first, alert),
		find(s, "description", &shown, alert) };
}

/* Whether it is not what was configured for, so that what there is may miss
 * the point. */
static bool
is_strange(const struct texts *t)
{
	return !says(&t->about) && !(says(&t->title) && t->key.text != NULL);
}

static const char *
description(const struct texts *t, const struct tree *alert, struct arena *a)
{
	if (!is_strange(t))
		return t->about.text;
	return arena_printf(a, "%s%s%s",
	    t->about.text == NULL ? "" : t->about.text,
	    t->about.text == NULL ? "" : "\n\n", show(alert, a));
}

static struct source_item *
read_alert(const struct source *s, const struct tree *alert, enum status is,
    struct arena *a)
{
	const struct texts t = read_texts(s, alert, a);
	const char *id = t.key.text == NULL ? digest(s, alert, a) : t.key.text;
	struct source_item *item = arena_alloc(a, sizeof(*item));
	struct tree *c = tree_new(a, TREE_OBJECT);
	struct tree *m = metadata(s, alert, a);
	const char *original;

	*item = (struct source_item){
		.whole = true,
		.only_known = is == RESOLVED,
		.change = c,
		.part = alert,
	};
	item->key = source_key(
	    a, arena_printf(a, "%s/", s->namespace), id, strlen(id), &original);
	say(a, m, "key", original);
	say(a, c, "title", t.title.text);
	say(a, c, "status", statuses[is]);
	say(a, c, "description", description(&t, alert, a));
	say(a, c, "source_url", t.url.text);
	tree_set(a, c, "metadata", m);
	return item;
}

/* ---- the webhook ---- */

static void
take_alert(struct visitor *v, const struct tree *t)
{
	(void)tree_push(v->found, tree_copy(v->a, t));
}

static void
take_alerts(struct visitor *v, const struct tree *t)
{
	if (!tree_is(t, TREE_LIST))
		take_alert(v, t);
	else
		for (t = t->first; t != NULL; t = t->next)
			take_alert(v, t);
}

static void
take_branch(struct visitor *v, const struct tree *t)
{
	if (tree_is(t, TREE_LIST) || tree_is(t, TREE_OBJECT))
		take_alert(v, t);
}

/* Alerts are where each leads, even if it is to an empty list. */
static const struct tree *
alerts(const struct source *s, const struct tree *body, struct arena *a)
{
	const struct option_value *each = source_option(s, "each");
	struct visitor v = { take_branch, a, tree_new(a, TREE_LIST) };
	const struct tree *lists = v.found;

	for (size_t i = 0; i < each->n && lists->first == NULL; i++)
		walk(&v, body, each->items[i]);
	v = (struct visitor){ take_alerts, a, tree_new(a, TREE_LIST) };
	if (lists->first == NULL)
		take_alerts(&v, body);
	for (const struct tree *t = lists->first; t != NULL; t = t->next)
		take_alerts(&v, t);
	return v.found;
}

/* An alert that stands for those that are too many. */
static struct source_item *
too_many(const struct source *s, size_t n, struct arena *a)
{
	struct source_item *item = arena_alloc(a, sizeof(*item));
	struct tree *c = tree_new(a, TREE_OBJECT);
	const char *sender = option(s, "sender");
	const char *original;

	*item = (struct source_item){ .whole = true, .change = c };
	item->key = source_key(a, arena_printf(a, "%s/", s->namespace),
	    "too-many", strlen("too-many"), &original);
	say(a, c, "title",
	    arena_printf(a, "%s sent too many alerts at once",
		sender == NULL ? s->name : sender));
	say(a, c, "status", statuses[FIRING]);
	say(a, c, "description",
	    arena_printf(a, "%zu more are firing than the %d that are shown.",
		n, ALERTS_MOST));
	return item;
}

static void
read_webhook(const struct source *s, const struct source_request *r,
    struct arena *a, struct source_reading *out)
{
	struct source_item **end = &out->items;
	size_t n = 0, more = 0;

	for (const struct tree *t = alerts(s, r->tree, a)->first; t != NULL;
	     t = t->next) {
		enum status is = stand(s, t, a).status;

		if (n == ALERTS_MOST) {
			more += is == FIRING;
		} else if (is != IGNORED) {
			*end = read_alert(s, t, is, a);
			end = &(*end)->next;
			n++;
		}
	}
	*end = NULL;
	if (more > 0)
		*end = too_many(s, more, a);
}

/* ---- which option made what ---- */

/* The option that a field is read by, and whether all its entries have a part
 * in it; NULL: there is none. */
static const char *
option_of(const char *field, bool *all)
{
	static const struct {
		const char *field;
		const char *option;
		bool all;
	} fields[] = {
		{ "title", "title", false },
		{ "description", "description", false },
		{ "deduplication_key", "key", false },
		{ "source_url", "url", false },
		{ "status", "status", false },
		{ "metadata.source", "sender", false },
		{ "metadata.severity", "severity", false },
		{ "metadata.severity_sent", "severity", false },
		{ "metadata.owners", "owners", true },
		{ "metadata.tags", "tags", true },
		{ "metadata.tables", "tables", true },
		{ "metadata.type", "type", false },
		{ "metadata.test_description", "test_description", false },
		{ "metadata.connector", "connector", false },
		{ "metadata.failure_reason", "failure_reason", false },
	};

	for (size_t i = 0; i < COUNT(fields); i++)
		if (strcmp(fields[i].field, field) == 0) {
			*all = fields[i].all;
			return fields[i].option;
		}
	return NULL;
}

static bool
counts(const char *entry, const struct tree *alert, struct arena *a)
{
	const struct style plain = { false, JOIN_MOST, a };
	struct buf b = BUF_MAX(TEXT_MAX);
	bool there = add_entry(&b, &plain, entry, alert) && b.len > 0;

	buf_free(&b);
	return there;
}

/* The entries that have a part in it, or NULL; pointers: only those that have
 * one, as what has none is for alerts that say nothing. */
static const char *
parts(const struct option_value *entries, const struct tree *alert, bool all,
    bool pointers, struct arena *a)
{
	const char *found = NULL;

	for (size_t i = 0; i < entries->n && (all || found == NULL); i++)
		if (counts(entries->items[i], alert, a) &&
		    (!pointers || has_pointer(entries->items[i])))
			found = arena_printf(a, "%s%s\"%s\"",
			    found == NULL ? "" : found,
			    found == NULL ? "" : " and ", entries->items[i]);
	return found;
}

static const char *
rule_of_status(
    const struct source *s, const struct tree *alert, struct arena *a)
{
	const struct stand at = stand(s, alert, a);
	const char *entry =
	    at.value == NULL ? NULL : map_entry(s, "status_map", at.value);
	const char *found;

	if (at.entry == NULL)
		return arena_printf(a,
		    "firing: no status of source %s leads to anything",
		    s->name);
	found =
	    arena_printf(a, "status of source %s: \"%s\"", s->name, at.entry);
	if (entry != NULL)
		return arena_printf(a, "%s, status_map \"%s\"", found, entry);
	return is_status(at.value)
	    ? found
	    : arena_printf(a,
		  "%s, and firing: status_map has no such value as stands "
		  "there",
		  found);
}

/* What a field is made of that no entry leads to. */
static const char *
rule_of_nothing(const struct source *s, const char *field, struct arena *a)
{
	if (strcmp(field, "deduplication_key") == 0)
		return arena_printf(a,
		    "no key of source %s leads to anything: a digest of all "
		    "but the status",
		    s->name);
	if (strcmp(field, "metadata.source") == 0)
		return arena_printf(
		    a, "name of source %s, which has no sender", s->name);
	return NULL;
}

static const char *
rule_of_description(const struct source *s, const struct tree *alert,
    const char *found, struct arena *a)
{
	const struct texts t = read_texts(s, alert, a);

	if (!is_strange(&t))
		return found;
	return arena_printf(a,
	    "%s%sthe alert as it came: source %s reads too little of it",
	    found == NULL ? "" : found, found == NULL ? "" : ", and ", s->name);
}

static const char *
rule_of_severity(const struct source *s, const struct tree *metadata,
    const char *field, const char *found, struct arena *a)
{
	const char *sent = tree_cstr(tree_get(metadata, "severity_sent"), a);
	const char *entry;

	if (sent == NULL)
		sent = tree_cstr(tree_get(metadata, "severity"), a);
	entry = sent == NULL ? NULL : map_entry(s, "severity_map", sent);
	if (entry == NULL)
		return found;
	return arena_printf(a, "%s, %s \"%s\"", found,
	    strcmp(field, "metadata.severity") == 0 ? "severity_map"
						    : "before severity_map",
	    entry);
}

static const char *
rule(const struct source *s, const struct source_item *item, const char *field,
    struct arena *a)
{
	bool all = false;
	const char *name = option_of(field, &all);
	const char *found;
	bool severity;

	if (name == NULL || item->part == NULL)
		return NULL;
	if (strcmp(name, "status") == 0)
		return rule_of_status(s, item->part, a);
	severity = strcmp(name, "severity") == 0;
	found =
	    parts(source_option(s, name), item->part, all, all || severity, a);
	if (found != NULL)
		found = arena_printf(
		    a, "%s of source %s: %s", name, s->name, found);
	if (strcmp(name, "description") == 0)
		return rule_of_description(s, item->part, found, a);
	if (found == NULL)
		return rule_of_nothing(s, field, a);
	return severity
	    ? rule_of_severity(
		  s, tree_get(item->change, "metadata"), field, found, a)
	    : found;
}

/* ---- what is configured ---- */

static bool
entry_ok(const char *entry, struct fail *f)
{
	if (entry[0] == '/')
		return tree_pointer_ok(entry, strlen(entry), f);
	while ((entry = strstr(entry, "{/")) != NULL) {
		size_t n = strcspn(entry, "}");

		if (entry[n] == '\0')
			return fail_set(f, FAIL_BROKEN,
			    "wanted a } behind the pointer in {/");
		if (!tree_pointer_ok(entry + 1, n - 1, f))
			return false;
		entry += n;
	}
	return true;
}

/* It may begin with a pointer, whose value may be one. */
static bool
may_be_url(const char *entry)
{
	return entry[0] == '/' || strncmp(entry, "{/", 2) == 0 ||
	    strncasecmp(entry, "https://", 8) == 0 ||
	    strncasecmp(entry, "http://", 7) == 0;
}

/* What only some options want of an entry. */
static bool
entry_fits(const char *name, const char *entry, struct fail *f)
{
	if (strcmp(name, "each") == 0 && entry[0] != '/')
		return fail_set(f, FAIL_BROKEN,
		    "wanted a JSON Pointer, such as \"/alerts\"");
	if (strcmp(name, "key") == 0 && !has_pointer(entry))
		return fail_set(f, FAIL_BROKEN,
		    "wanted a JSON Pointer, such as \"/id\": with a key that "
		    "is always the same all alerts were one");
	if (strcmp(name, "url") == 0 && !may_be_url(entry))
		return fail_set(f, FAIL_BROKEN,
		    "wanted a JSON Pointer, such as \"/url\", or a URL that "
		    "begins with https:// or http://");
	if (strcmp(name, "tables") == 0 && !has_pointer(entry))
		return fail_set(f, FAIL_BROKEN,
		    "wanted a JSON Pointer, such as \"/table\"");
	if (strcmp(name, "status") == 0 && entry[0] != '/' && !is_status(entry))
		return fail_set(f, FAIL_BROKEN,
		    "wanted a JSON Pointer, or firing, resolved or ignored");
	return true;
}

static bool
map_ok(const char *name, const char *entry, struct fail *f)
{
	const char *equals = strrchr(entry, '=');

	if (equals == NULL || equals == entry || equals[1] == '\0')
		return fail_set(f, FAIL_BROKEN, "wanted \"value=%s\"",
		    strcmp(name, "status_map") == 0 ? "firing" : "severity");
	if (strcmp(name, "status_map") == 0 && !is_status(equals + 1))
		return fail_set(f, FAIL_BROKEN,
		    "wanted firing, resolved or ignored behind the =");
	return true;
}

static bool
is_map(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && strcmp(name + n - 4, "_map") == 0;
}

static bool
lists_ok(const struct source *s, struct source_fault *at, struct fail *f)
{
	for (const struct option *o = options; o->name != NULL; o++) {
		const struct option_value *v = source_option(s, o->name);

		at->option = o->name;
		for (size_t i = 0; i < v->n && o->type == OPTION_LIST; i++) {
			const char *entry = v->items[i];

			at->value = i;
			if (is_map(o->name)
				? !map_ok(o->name, entry, f)
				: (!entry_ok(entry, f) ||
				      !entry_fits(o->name, entry, f)))
				return false;
		}
	}
	return true;
}

static bool
header_ok(const struct source *s, struct fail *f)
{
	static const char fit[] = "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
	const char *name = option(s, "header");

	if (!is_chosen(s, "proof", "hmac") && !is_chosen(s, "proof", "header"))
		return true;
	if (name == NULL || strlen(name) > HEADER_MAX ||
	    name[strspn(name, fit)] != '\0')
		return fail_set(f, FAIL_BROKEN,
		    "wanted the name of the header that holds the %s, of "
		    "letters, digits and -",
		    is_chosen(s, "proof", "hmac") ? "signature" : "secret");
	return true;
}

static bool
secrets_ok(const struct source *s, struct fail *f)
{
	const struct option_value *secrets = source_option(s, "secret_file");

	if (!is_chosen(s, "proof", "standard-webhooks"))
		return true;
	for (size_t i = 0; i < secrets->n; i++)
		if (!standard_secret_ok(secrets->items[i]))
			return fail_set(f, FAIL_BROKEN,
			    "wanted a secret of Standard Webhooks: whsec_ and "
			    "base64");
	return true;
}

/* What has no pointer is not the sender's: it is for what the sender does not
 * say, as in sources of other kinds. */
static struct option_value
constants(const struct source *s, const char *name, struct arena *a)
{
	const struct option_value *v = source_option(s, name);
	struct option_value found = { arena_alloc(a, v->n * sizeof(char *)),
		0 };

	for (size_t i = 0; i < v->n; i++)
		if (!has_pointer(v->items[i]))
			found.items[found.n++] = v->items[i];
	return found;
}

static bool
settle(struct source *s, struct arena *a, struct fail *f)
{
	struct option_value severity = constants(s, "severity", a);

	if (severity.n > 1)
		return fail_set(f, FAIL_BROKEN,
		    "wanted one severity for alerts that say none");
	s->severity = severity.n > 0 ? severity.items[0] : NULL;
	s->owners = constants(s, "owners", a);
	s->tags = constants(s, "tags", a);
	return true;
}

static bool
check(
    struct source *s, struct arena *a, struct source_fault *at, struct fail *f)
{
	if (!lists_ok(s, at, f))
		return false;
	*at = (struct source_fault){ "header", 0 };
	if (!header_ok(s, f))
		return false;
	at->option = "secret_file";
	if (!secrets_ok(s, f))
		return false;
	at->option = "severity";
	return settle(s, a, f);
}

static bool
lacks_key(const struct source *s)
{
	return source_option(s, "status")->n > 0 &&
	    source_option(s, "key")->n == 0;
}

const struct source_kind source_generic = {
	.name = "generic",
	.options = options,
	.check = check,
	.prove = prove,
	.sign = sign,
	.read = read_webhook,
	.rule = rule,
	.lacks_key = lacks_key,
};
