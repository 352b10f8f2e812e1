#include "elementary.h"

#include "arena.h"
#include "array.h"
#include "buf.h"
#include "dbttext.h"
#include "draft.h"
#include "edrtext.h"
#include "event.h"
#include "fail.h"
#include "proof.h"
#include "tree.h"

#include <stdlib.h>
#include <string.h>

enum {
	URL_MAX = 4096,
	METADATA_MAX = 100,    /* members that are taken as they come */
	UNITED_MAX = 16 << 10, /* bytes of several alerts' description */
	TOLD_MAX = 1000,       /* characters of a text that cannot be read */
	GROUP_DEPTH = 16,      /* groups in groups */
};

static const struct option options[] = {
	{ "secret_file", OPTION_SECRET, NULL },
	{ "report_url", OPTION_URL, NULL },
	{ NULL, OPTION_TEXT, NULL },
};

static bool
prove(const struct source *s, const struct source_request *r, struct arena *a,
    struct fail *f)
{
	const struct option_value *secrets = source_option(s, "secret_file");

	(void)a;
	if (r->token != NULL ? !proof_token(secrets, r, f)
			     : !proof_basic(secrets, r, f))
		return false;
	return r->body_len > 0 || fail_set(f, FAIL_INPUT, "the body is empty");
}

/* requests makes Basic of the user part of a URL, and sends a body that it is
 * given as text without a type. */
static bool
sign(const struct source *s, const struct source_request *r, struct arena *a,
    struct source_proof *out, struct fail *f)
{
	(void)r;
	out->untyped = true;
	return proof_make_basic(
	    source_option(s, "secret_file"), "edr", a, out, f);
}

/* ---- one alert ---- */

/* An alert that is being read. */
struct reader {
	const struct source *source;
	struct arena *arena;
	const struct tree *alert;
	const char *node; /* of dbt, from the alert's id; or NULL */
	struct draft draft;
};

static const char *
text(const struct reader *r, const char *name)
{
	return draft_text(tree_get(r->alert, name), r->arena);
}

static const char *
first_of(const char *one, const char *other)
{
	return one != NULL ? one : other;
}

static bool
starts(const char *s, const char *prefix)
{
	return s != NULL && strncmp(s, prefix, strlen(prefix)) == 0;
}

/*
 * What an alert is about, from its own id, "<invocation>.<unique_id>": it
 * stands near the front, so it is there where the text of an alert was cut
 * before the other names.
 */
static const char *
node_of(const struct tree *t, struct arena *a)
{
	static const char *const types[] = { "test.", "unit_test.", "model.",
		"snapshot.", "seed.", "source." };
	const char *id = draft_text(tree_get(t, "id"), a);
	const char *dot = id == NULL ? NULL : strchr(id, '.');

	if (dot == NULL || tree_get(t, "deduplication_key") != NULL)
		return NULL;
	for (size_t i = 0; i < COUNT(types); i++)
		if (starts(dot + 1, types[i]))
			return dot + 1;
	return NULL;
}

/* Parts with dots between them, those that are there; NULL if none is. */
static const char *
dotted(const struct reader *r, const char *last)
{
	const char *parts[] = { text(r, "database_name"),
		text(r, "schema_name"), last };
	const char *all = NULL;

	for (size_t i = 0; i < COUNT(parts); i++)
		if (parts[i] != NULL)
			all = all == NULL
			    ? parts[i]
			    : arena_printf(r->arena, "%s.%s", all, parts[i]);
	return all;
}

static void
put_table(struct reader *r, const char *table)
{
	struct tree *list = tree_new(r->arena, TREE_LIST);

	if (table == NULL)
		return;
	(void)tree_push(list, tree_str(r->arena, table));
	draft_put_tree(&r->draft, "tables", list);
}

/* <report_url>/report/<page>/<id>/ */
static void
put_link(struct reader *r, const char *page, const char *id)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";
	const struct option_value *base =
	    source_option(r->source, "report_url");
	struct buf b = BUF_MAX(URL_MAX);
	size_t n;

	if (base->n == 0 || *base->items[0] == '\0' || id == NULL)
		return;
	n = strlen(base->items[0]);
	while (n > 0 && base->items[0][n - 1] == '/')
		n--;
	buf_add(&b, base->items[0], n);
	buf_printf(&b, "/report/%s/", page);
	for (; *id != '\0'; id++)
		if (strchr(plain, *id) != NULL)
			buf_add(&b, id, 1);
		else
			buf_printf(&b, "%%%02X", (unsigned char)*id);
	buf_puts(&b, "/");
	if (!b.full)
		draft_link(&r->draft, arena_copy(r->arena, b.data, b.len));
	buf_free(&b);
}

/* The word for how bad it is: edr's status, which is fail, warn or error; an
 * event in incident.io's shape has another status. */
static const char *
severity(const struct reader *r)
{
	const char *status = text(r, "status");

	if (status == NULL || strcmp(status, "firing") == 0)
		status = text(r, "severity");
	return dbttext_severity(draft_lower(status, r->arena));
}

/* What all kinds have, in Elementary's names (seed 001). */
static void
put_common(struct reader *r)
{
	struct draft *d = &r->draft;

	draft_put(d, "severity", severity(r));
	draft_put_tree(
	    d, "owners", draft_sorted(tree_get(r->alert, "owners"), r->arena));
	draft_put_tree(
	    d, "tags", draft_sorted(tree_get(r->alert, "tags"), r->arena));
	draft_put(d, "environment", text(r, "env"));
	draft_put_tree(d, "subscribers",
	    draft_sorted(tree_get(r->alert, "subscribers"), r->arena));
}

/* ---- tests ---- */

/* Names that say nothing count where nothing else tells what it is. */
static bool
is_test(const struct reader *r)
{
	if (r->node != NULL)
		return starts(r->node, "test.") ||
		    starts(r->node, "unit_test.") ||
		    text(r, "test_unique_id") != NULL;
	return tree_get(r->alert, "test_unique_id") != NULL ||
	    tree_get(r->alert, "test_name") != NULL;
}

/* dbt's name for it, or what else tells it from others. */
static const char *
unique_id(const struct reader *r, const char *name)
{
	const char *id = first_of(text(r, name), r->node);

	return first_of(id, text(r, "alert_class_id"));
}

static const char *
sub_type(const struct reader *r)
{
	const char *given = text(r, "test_sub_type_display_name");
	const char *name = text(r, "test_sub_type");
	char *words;
	bool begins = true;

	if (given != NULL || name == NULL)
		return given;
	words = arena_str(r->arena, name);
	for (char *p = words; *p != '\0'; p++) {
		if (*p == '_')
			*p = ' ';
		else if (begins && *p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
		begins = *p == ' ';
	}
	return words;
}

static const char *
test_name(const struct reader *r)
{
	static const char *const silent[] = { "generic", "dimension",
		"singular" };
	const char *type = text(r, "test_sub_type");
	const char *id = first_of(text(r, "test_unique_id"), r->node);
	const char *name =
	    first_of(text(r, "test_short_name"), text(r, "test_name"));

	if (name == NULL && id != NULL)
		name = dbttext_name(id, r->arena);
	for (size_t i = 0; type != NULL && i < COUNT(silent); i++)
		if (strcmp(type, silent[i]) == 0)
			return name;
	return sub_type(r) == NULL || name == NULL
	    ? name
	    : arena_printf(r->arena, "%s - %s", name, sub_type(r));
}

static const char *
test_title(const struct reader *r, const char *table)
{
	const char *type = text(r, "test_type");
	const char *column = text(r, "column_name");

	if (type == NULL || strcmp(type, "schema_change") != 0)
		return dbttext_test(test_name(r), table, column, r->arena);
	return arena_printf(r->arena, "%s%s%s%s%s",
	    first_of(sub_type(r), "Schema change"), table == NULL ? "" : " on ",
	    first_of(table, ""), table == NULL || column == NULL ? "" : ".",
	    table == NULL ? "" : first_of(column, ""));
}

/* "column_name: order_id, values: [...]" */
static const char *
parameters(const struct reader *r)
{
	const struct tree *all = tree_get(r->alert, "test_params");
	const char *list = NULL;

	for (const struct tree *m = tree_is(all, TREE_OBJECT) ? all->first
							      : NULL;
	     m != NULL; m = m->next) {
		const char *value = draft_text(m, r->arena);
		const char *name = tree_cstr(
		    tree_strn(r->arena, m->key, m->key_len), r->arena);

		if (value != NULL)
			list = arena_printf(r->arena, "%s%s%s: %s",
			    first_of(list, ""), list == NULL ? "" : ", ", name,
			    value);
		if (list != NULL && strlen(list) > URL_MAX)
			break;
	}
	return list;
}

static const char *
read_test(struct reader *r)
{
	struct draft *d = &r->draft;
	const char *table = first_of(text(r, "table_full_name"),
	    draft_lower(text(r, "table_name") == NULL
		    ? NULL
		    : dotted(r, text(r, "table_name")),
		r->arena));
	const char *id = unique_id(r, "test_unique_id");

	draft_title(d, test_title(r, table));
	draft_put(d, "test_description", text(r, "test_description"));
	put_table(r, table);
	draft_put(d, "type", first_of(text(r, "test_type"), "test"));
	draft_put(d, "test_name", text(r, "test_name"));
	draft_put(d, "test_sub_type", text(r, "test_sub_type"));
	draft_put(d, "column", text(r, "column_name"));
	draft_show(d, text(r, "test_results_description"));
	draft_item(d, "Description", text(r, "test_description"));
	draft_item(d, "Test", text(r, "test_name"));
	draft_item(d, table == NULL ? "Model" : "Table",
	    first_of(table, text(r, "model_unique_id")));
	draft_item(d, "Column", text(r, "column_name"));
	draft_item(d, "Parameters", parameters(r));
	put_link(r, "test-runs", first_of(text(r, "elementary_unique_id"), id));
	draft_put(d, "unique_id", id);
	return id;
}

/* ---- models, snapshots, seeds ---- */

static bool
is_model(const struct reader *r)
{
	return tree_get(r->alert, "alias") != NULL ||
	    tree_get(r->alert, "materialization") != NULL ||
	    (r->node != NULL && !starts(r->node, "source."));
}

static const char *
model_type(const char *id, const char *materialization)
{
	if (starts(id, "snapshot.") ||
	    (materialization != NULL &&
		strcmp(materialization, "snapshot") == 0))
		return "snapshot";
	return starts(id, "seed.") ? "seed" : "model";
}

static const char *
read_model(struct reader *r)
{
	struct draft *d = &r->draft;
	const char *id = unique_id(r, "model_unique_id");
	const char *what = text(r, "materialization");
	const char *name = text(r, "alias");

	if (name == NULL && id != NULL)
		name = dbttext_name(id, r->arena);
	draft_title(d, dbttext_build(what, name, r->arena));
	if (text(r, "alias") != NULL)
		put_table(
		    r, draft_lower(dotted(r, text(r, "alias")), r->arena));
	draft_put(d, "type", model_type(id, what));
	draft_put(d, "materialization", what);
	draft_put(d, "path", text(r, "original_path"));
	draft_show(d, text(r, "message"));
	draft_item(d, "Path", text(r, "original_path"));
	draft_item(d, "Materialization", what);
	if (tree_is(tree_get(r->alert, "full_refresh"), TREE_TRUE))
		draft_item(d, "Full refresh", "yes");
	put_link(r, "model-runs", id);
	draft_put(d, "unique_id", id);
	return id;
}

/* ---- freshness of sources ---- */

static bool
is_freshness(const struct reader *r)
{
	return (tree_get(r->alert, "source_name") != NULL &&
		   tree_get(r->alert, "identifier") != NULL) ||
	    starts(r->node, "source.");
}

static const char *
source_name(const struct reader *r, const char *id)
{
	if (text(r, "identifier") != NULL)
		return dotted(r, text(r, "identifier"));
	return id == NULL ? text(r, "source_name") : dbttext_name(id, r->arena);
}

static const char *
read_freshness(struct reader *r)
{
	struct draft *d = &r->draft;
	const char *id = unique_id(r, "model_unique_id");
	const char *source = source_name(r, id);
	const struct dbttext_age age = { .error = text(r, "error"),
		.when =
		    first_of(text(r, "detected_at"), text(r, "snapshotted_at")),
		.newest = text(r, "max_loaded_at"),
		.ago = tree_get(r->alert, "max_loaded_at_time_ago_in_s"),
		.warn = tree_get(r->alert, "warn_after"),
		.fail = tree_get(r->alert, "error_after"),
		.filter = text(r, "filter") };

	draft_title(d,
	    dbttext_freshness(draft_lower(text(r, "original_status"), r->arena),
		source, r->arena));
	if (text(r, "identifier") != NULL)
		put_table(r, draft_lower(source, r->arena));
	draft_put(d, "type", "source_freshness");
	draft_put(d, "path", text(r, "path"));
	dbttext_say_age(d, &age);
	draft_item(d, "Description", text(r, "freshness_description"));
	draft_item(d, "Path", text(r, "path"));
	/* The report has a page for each check, none for the source. */
	put_link(r, "test-runs", text(r, "id"));
	draft_put(d, "unique_id", id);
	return id;
}

/* ---- anything else ---- */

/* The first of these places that says something. */
static const char *
any_of(const struct reader *r, const char *const *pointers)
{
	const char *found = NULL;

	for (; found == NULL && *pointers != NULL; pointers++)
		found = draft_text(tree_at(r->alert, *pointers), r->arena);
	return found;
}

/* What incident.io's own event would hold in metadata. */
static void
put_metadata(struct reader *r)
{
	const struct tree *m = tree_get(r->alert, "metadata");
	size_t n = 0;

	if (!tree_is(m, TREE_OBJECT))
		return;
	m = draft_without_rows(m, r->arena);
	for (m = m->first; m != NULL && n < METADATA_MAX; m = m->next, n++) {
		const char *name = tree_cstr(
		    tree_strn(r->arena, m->key, m->key_len), r->arena);
		bool list =
		    strcmp(name, "owners") == 0 || strcmp(name, "tags") == 0;

		draft_put_tree(
		    &r->draft, name, list ? draft_sorted(m, r->arena) : m);
	}
}

/*
 * An event in incident.io's shape, a message to Slack or Teams (workflows is
 * not set), or what nobody foresaw.
 */
static const char *
read_other(struct reader *r)
{
	static const char *const titles[] = { "/title", "/summary",
		"/blocks/0/text/text", "/attachments/0/blocks/0/text/text",
		"/attachments/0/content/body/0/text", "/name", "/text",
		"/message", NULL };
	static const char *const says[] = { "/description", "/message", "/text",
		"/attachments/0/content/body/1/text", NULL };
	static const char *const links[] = { "/source_url", "/url", NULL };
	static const char *const ids[] = { "/deduplication_key",
		"/alert_class_id", "/model_unique_id", NULL };
	const char *title = any_of(r, titles);
	const char *id = any_of(r, ids);

	draft_title(&r->draft, first_of(title, "Elementary alert"));
	draft_put(&r->draft, "unique_id", id);
	if (title == NULL && severity(r) == NULL)
		draft_put(&r->draft, "severity", "warn");
	put_metadata(r);
	draft_show(&r->draft, any_of(r, says));
	if (title == NULL && any_of(r, says) == NULL)
		draft_show_tree(&r->draft, r->alert);
	draft_link(&r->draft, any_of(r, links));
	return first_of(id, title);
}

static const struct {
	bool (*is)(const struct reader *r);
	const char *(*read)(struct reader *r); /* its identity, or NULL */
} shapes[] = {
	{ is_test, read_test },
	{ is_freshness, read_freshness },
	{ is_model, read_model },
};

static bool
is_over(const struct tree *t, struct arena *a)
{
	static const char *const words[] = { "pass", "success", "resolved" };
	const char *status =
	    draft_lower(draft_text(tree_get(t, "status"), a), a);

	for (size_t i = 0; status != NULL && i < COUNT(words); i++)
		if (strcmp(status, words[i]) == 0)
			return true;
	return false;
}

static struct source_item *
read_alert(const struct source *s, const struct tree *t, struct arena *a)
{
	struct reader r = { .source = s,
		.arena = a,
		.alert = t,
		.node = node_of(t, a),
		.draft = draft_new("Elementary", a) };
	const char *(*read)(struct reader *) = read_other;
	const char *id, *key;
	struct source_item *item;

	for (size_t i = 0; i < COUNT(shapes); i++)
		if (shapes[i].is(&r)) {
			read = shapes[i].read;
			break;
		}
	put_common(&r);
	id = read(&r);
	key = draft_key(s, id, t, a);
	item = draft_end(&r.draft, key, "firing");
	if (is_over(t, a))
		item = draft_over(key, a);
	item->part = t;
	return item;
}

/* ---- several alerts ---- */

struct place {
	struct source_item *item;
	size_t n;
};

static int
by_key(const void *x, const void *y)
{
	const struct place *u = x, *v = y;
	int order = strcmp(u->item->key, v->item->key);

	return order != 0 ? order : (u->n > v->n) - (u->n < v->n);
}

static int
by_place(const void *x, const void *y)
{
	const struct place *u = x, *v = y;

	return (u->n > v->n) - (u->n < v->n);
}

/* More alerts under one key: the first's words, then the others'. */
struct union_of {
	struct source_item *first;
	struct buf text;
	size_t more;
};

static const char *
member(const struct source_item *i, const char *name, struct arena *a)
{
	return first_of(tree_cstr(tree_get(i->change, name), a), "");
}

static void
join(struct union_of *u, const struct source_item *i, struct arena *a)
{
	struct tree *m = tree_get(u->first->change, "metadata");
	size_t was;

	if (event_severity(i->change) > event_severity(u->first->change))
		tree_set(
		    a, m, "severity", tree_at(i->change, "/metadata/severity"));
	if (u->more++ == 0)
		buf_puts(&u->text, member(u->first, "description", a));
	was = u->text.len;
	buf_puts(&u->text, "\n\n**");
	event_markdown(&u->text, member(i, "title", a));
	buf_printf(&u->text, "**\n\n%s", member(i, "description", a));
	if (u->text.full)
		buf_cut(&u->text, was);
}

static void
end_union(struct union_of *u, struct arena *a)
{
	struct tree *change = u->first->change;

	if (u->more > 0) {
		tree_set(a, change, "title",
		    tree_str(a,
			arena_printf(a, "%s and %zu more",
			    member(u->first, "title", a), u->more)));
		tree_set(a, change, "description",
		    tree_str(a, arena_copy(a, u->text.data, u->text.len)));
	}
	buf_free(&u->text);
}

static bool
may_join(const struct source_item *i, const struct source_item *first)
{
	return i->only_known == first->only_known &&
	    strcmp(i->key, first->key) == 0;
}

/*
 * Some tests make several alerts at once, one for each column: in one body
 * they are one alert that tells of all, instead of the last.
 */
static struct source_item *
unite(struct source_item *items, struct arena *a)
{
	struct draft_list out = { NULL, NULL };
	struct place *all;
	size_t n = 0, kept = 0;

	for (const struct source_item *i = items; i != NULL; i = i->next)
		n++;
	all = arena_alloc(a, (n + 1) * sizeof(*all));
	n = 0;
	for (struct source_item *i = items; i != NULL; i = i->next, n++)
		all[n] = (struct place){ i, n };
	qsort(all, n, sizeof(*all), by_key);
	for (size_t i = 0, j; i < n; i = j) {
		struct union_of u = { all[i].item, BUF_MAX(UNITED_MAX), 0 };

		for (j = i + 1; j < n && may_join(all[j].item, u.first); j++)
			if (!u.first->only_known)
				join(&u, all[j].item, a);
		end_union(&u, a);
		all[kept++] = all[i];
	}
	qsort(all, kept, sizeof(*all), by_place);
	for (size_t i = 0; i < kept; i++) {
		all[i].item->next = NULL;
		draft_add(&out, all[i].item);
	}
	return out.first;
}

/* ---- the body ---- */

/* edr gave up on a list before its end. */
static struct source_item *
tell_of_cut(const struct source *s, struct arena *a)
{
	struct draft d = draft_new("Elementary", a);

	draft_title(&d, "Elementary sent more alerts, cut short");
	draft_put(&d, "severity", "warn");
	draft_say(&d,
	    "A group of alerts came as text that ends in its middle: those "
	    "behind its end are not known here. See Elementary's report, and "
	    "why its first try was refused in the log of bellrelay.");
	return draft_end(&d, draft_key(s, "cut-short", NULL, a), "firing");
}

/* Text that breaks off where rows of data would follow: they go nowhere, and
 * in text nobody knows where they end. */
static const char *
before_rows(const char *text, struct arena *a)
{
	const char *rows = strstr(text, "test_rows_sample");

	return rows == NULL ? text : arena_copy(a, text, (size_t)(rows - text));
}

/* Of this alert nothing but its text is known. */
static struct source_item *
tell_text(const struct source *s, const char *text, const struct tree *value,
    struct arena *a)
{
	struct draft d = draft_new("Elementary", a);

	draft_title(&d, "Elementary sent an alert that cannot be read");
	draft_put(&d, "severity", "warn");
	draft_show(&d, event_cut(a, before_rows(text, a), TOLD_MAX));
	return draft_end(&d, draft_key(s, NULL, value, a), "firing");
}

static struct source_item *
tell_body(
    const struct source *s, const struct source_request *r, struct arena *a)
{
	const char *text = edrtext_ascii(r->body, r->body_len, a);

	return tell_text(s, text, tree_str(a, text), a);
}

/* What is found in a body. */
struct found {
	struct draft_list list;
	size_t alerts; /* those that could be read */
};

static void
tell_member(struct found *found, const struct source *s, const struct tree *t,
    struct arena *a)
{
	const char *text = draft_text(t, a);
	struct source_item *item;

	if (text == NULL)
		text = draft_json(draft_without_rows(t, a), a);
	item = tell_text(s, text, t, a);
	item->part = t;
	draft_add(&found->list, item);
}

static void
read_member(struct found *found, const struct source *s, const struct tree *t,
    size_t depth, struct arena *a)
{
	if (t->type == TREE_OBJECT) {
		draft_add(&found->list, read_alert(s, t, a));
		found->alerts++;
	} else if (t->type == TREE_LIST && depth < GROUP_DEPTH) {
		for (t = t->first; t != NULL; t = t->next)
			read_member(found, s, t, depth + 1, a);
	} else {
		tell_member(found, s, t, a);
	}
}

static void
read_webhook(const struct source *s, const struct source_request *r,
    struct arena *a, struct source_reading *out)
{
	struct found found = { { NULL, NULL }, 0 };
	const struct tree *body = r->tree;
	bool cut = false;

	if (body == NULL)
		body = edrtext_read(r->body, r->body_len, &cut, a);
	if (body != NULL)
		read_member(&found, s, body, 0, a);
	if (found.alerts > 0 && cut && body->type == TREE_LIST)
		draft_add(&found.list, tell_of_cut(s, a));
	/* Alone, what cannot be read is told of as it came. */
	else if (found.alerts == 0 &&
	    (!tree_is(body, TREE_LIST) || body->first != NULL))
		found.list.first = tell_body(s, r, a);
	out->items = unite(found.list.first, a);
}

/* The identity that every alert of edr has (facts/elementary.md, 1.3). */
static bool
looks_known(const struct tree *body)
{
	if (tree_is(body, TREE_LIST))
		body = body->first;
	return tree_is(tree_get(body, "alert_class_id"), TREE_STR);
}

const struct source_kind source_elementary = {
	.name = "elementary",
	.options = options,
	.only_200 = true,
	.any_type = true,
	.any_text = true,
	.prove = prove,
	.sign = sign,
	.read = read_webhook,
	.looks_known = looks_known,
};
