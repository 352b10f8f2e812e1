#include "wording.h"

#include "arena.h"
#include "array.h"
#include "fail.h"
#include "match.h"
#include "source.h"
#include "tree.h"

#include <string.h>

static const char *const worded[] = { "title", "description" };

/* ---- the configuration ---- */

static bool
read_template(
    const char *text, struct arena *a, struct template **out, struct fail *f)
{
	*out = NULL;
	if (text == NULL)
		return true;
	*out = arena_alloc(a, sizeof(**out));
	return template_parse(text, a, *out, f);
}

static bool
name_ok(const char *name, struct fail *f)
{
	static const char *const ours[] = { "received_at", "severity_sent",
		"extra" };

	for (size_t i = 0; i < COUNT(ours); i++)
		if (strcmp(name, ours[i]) == 0)
			return fail_set(f, FAIL_BROKEN,
			    "%s is not to be set; wanted another name", name);
	return true;
}

static bool
read_member(const char *given, struct arena *a, struct wording_member *out,
    struct fail *f)
{
	const char *equals = strchr(given, '=');

	if (equals == NULL || equals == given || equals[1] == '\0')
		return fail_set(f, FAIL_BROKEN,
		    "wanted \"name=text\", such as \"team=data-platform\" or "
		    "\"group={/payload/group_id}\"");
	out->given = given;
	out->name = arena_printf(a, "%.*s", (int)(equals - given), given);
	return name_ok(out->name, f) &&
	    template_parse(equals + 1, a, &out->value, f);
}

static bool
read_members(const struct option_value *given, struct arena *a,
    struct wording *w, struct source_fault *at, struct fail *f)
{
	w->members = arena_alloc(a, given->n * sizeof(*w->members));
	for (size_t i = 0; i < given->n; i++) {
		*at = (struct source_fault){ "metadata", i };
		if (!read_member(given->items[i], a, &w->members[i], f))
			return false;
		for (size_t j = 0; j < i; j++)
			if (strcmp(w->members[j].name, w->members[i].name) == 0)
				return fail_set(f, FAIL_BROKEN,
				    "%.60s is set twice; wanted once",
				    w->members[i].name);
		w->n++;
	}
	return true;
}

static const char *
dashed(const char *text, struct arena *a)
{
	char *copy = arena_str(a, text);

	for (char *c = copy; *c != '\0'; c++)
		if (*c == '_')
			*c = '-';
	return copy;
}

/* In a bracket a - would be a range. */
static const char *
dashed_pattern(const char *pattern, struct arena *a)
{
	char *copy = arena_str(a, pattern);

	for (char *c = copy; *c != '\0'; c++)
		if (*c == '[')
			c += strcspn(c, "]") - 1;
		else if (*c == '_')
			*c = '-';
	return copy;
}

static struct wording_rule
rule_of(const char *given, const char *equals, struct arena *a)
{
	const char *sent =
	    arena_printf(a, "%.*s", (int)(equals - given), given);

	return (struct wording_rule){ .given = given,
		.sent = sent,
		.alike = dashed_pattern(sent, a),
		.severity = equals + 1 };
}

bool
wording_read_rules(const struct option_value *given, struct arena *a,
    struct wording_rules *out, struct source_fault *at, struct fail *f)
{
	*out = (struct wording_rules){
		arena_alloc(a, given->n * sizeof(*out->items)), 0
	};
	for (size_t i = 0; i < given->n; i++) {
		const char *text = given->items[i];
		const char *equals = strrchr(text, '=');

		*at = (struct source_fault){ "severity_map", i };
		if (equals == NULL || equals == text || equals[1] == '\0')
			return fail_set(f, FAIL_BROKEN,
			    "wanted \"sent=severity\", such as "
			    "\"SEV-1=critical\"");
		out->items[out->n++] = rule_of(text, equals, a);
	}
	return true;
}

bool
wording_read(const struct wording_options *given,
    const struct wording_rules *common, struct arena *a,
    const struct wording **out, struct source_fault *at, struct fail *f)
{
	struct wording *w = arena_alloc(a, sizeof(*w));

	*w = (struct wording){ .common = common };
	*at = (struct source_fault){ "title", 0 };
	if (!read_template(given->title, a, &w->title, f))
		return false;
	at->option = "description";
	if (!read_template(given->description, a, &w->description, f) ||
	    !read_members(&given->metadata, a, w, at, f) ||
	    !wording_read_rules(&given->severity_map, a, &w->own, at, f))
		return false;
	if (w->title != NULL || w->description != NULL ||
	    w->n + w->own.n + common->n > 0)
		*out = w;
	else
		*out = NULL;
	return true;
}

static char
folded(char c, bool in_bracket)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c == '_' && !in_bracket ? '-' : c;
}

bool
wording_is_alike(const char *x, const char *y, size_t n)
{
	bool in = false;

	for (size_t i = 0; i < n; i++) {
		if (folded(x[i], in) != folded(y[i], in))
			return false;
		in = in ? x[i] != ']' : x[i] == '[';
	}
	return true;
}

/* ---- picking ---- */

void
wording_pick(const struct wording *w, const struct tree *body,
    struct source_item *item, struct arena *a)
{
	struct tree *picked;

	if (w == NULL)
		return;
	picked = tree_new(a, TREE_OBJECT);
	if (w->title != NULL)
		template_pick(w->title, item->part, body, picked, a);
	if (w->description != NULL)
		template_pick(w->description, item->part, body, picked, a);
	for (size_t i = 0; i < w->n; i++)
		template_pick(
		    &w->members[i].value, item->part, body, picked, a);
	if (picked->first != NULL)
		tree_set(a, item->change, "picked", picked);
}

/* ---- undoing ---- */

void
wording_undo(struct tree *alert, const struct tree *known,
    const struct tree *change, struct arena *a)
{
	const struct tree *added = tree_get(known, "added");
	const struct tree *words = tree_get(known, "words");
	const struct tree *brought = tree_get(change, "metadata");
	struct tree *metadata = tree_get(alert, "metadata");

	for (const struct tree *m =
		 tree_is(added, TREE_OBJECT) && !tree_is(brought, TREE_NULL)
		 ? added->first
		 : NULL;
	     m != NULL; m = m->next)
		if (tree_member(brought, m->key, m->key_len) == NULL)
			tree_setn(a, metadata, m->key, m->key_len,
			    tree_get(m, "was"));
	for (size_t i = 0; i < COUNT(worded); i++) {
		const struct tree *was = tree_get(words, worded[i]);

		if (was != NULL && tree_get(change, worded[i]) == NULL)
			tree_set(a, alert, worded[i],
			    tree_says(was, "") ? NULL : was);
	}
	tree_set(a, alert, "added", NULL);
	tree_set(a, alert, "words", NULL);
}

/* ---- wording ---- */

/* Put value into the metadata, and remember what was there. */
static void
put(struct arena *a, struct tree *alert, const char *name,
    const struct tree *value)
{
	struct tree *metadata = tree_get(alert, "metadata");
	struct tree *note = tree_new(a, TREE_OBJECT);

	if (tree_get(alert, "added") == NULL)
		tree_set(a, alert, "added", tree_new(a, TREE_OBJECT));
	tree_set(a, note, "was", tree_get(metadata, name));
	if (tree_member(tree_get(alert, "added"), name, strlen(name)) == NULL)
		tree_set(a, tree_get(alert, "added"), name, note);
	tree_set(a, metadata, name, value);
}

static const struct wording_rule *
find_rule(const struct wording_rules *rules, const char *sent, const char *like)
{
	for (size_t i = 0; i < rules->n; i++) {
		const struct wording_rule *rule = &rules->items[i];

		if (match_one(rule->sent, sent) || match_one(rule->alike, like))
			return rule;
	}
	return NULL;
}

const struct wording_rule *
wording_rule(const struct wording *w, const char *sent, struct arena *a)
{
	const struct wording_rule *rule;
	const char *like;

	if (w == NULL || sent == NULL)
		return NULL;
	like = dashed(sent, a);
	rule = find_rule(&w->own, sent, like);
	return rule != NULL ? rule : find_rule(w->common, sent, like);
}

static void
map_severity(const struct wording *w, struct tree *alert, struct arena *a)
{
	const char *sent = tree_cstr(tree_at(alert, "/metadata/severity"), a);
	const struct wording_rule *rule = wording_rule(w, sent, a);

	if (rule == NULL || strcmp(rule->severity, sent) == 0)
		return;
	put(a, alert, "severity", tree_str(a, rule->severity));
	put(a, alert, "severity_sent", tree_str(a, sent));
}

/* Whether the rest of the configuration goes by it. */
static bool
is_basis(const char *name)
{
	static const char *const names[] = { "severity", "severity_sent",
		"environment", "owners", "tags", "tables", "group_id" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void
put_member(const struct wording_member *m, struct tree *alert, struct arena *a)
{
	const struct tree *value = template_value(&m->value, alert, a);

	if (value != NULL)
		put(a, alert, m->name, value);
}

void
wording_base(const struct wording *w, struct tree *alert, struct arena *a)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->n; i++)
		put_member(&w->members[i], alert, a);
	map_severity(w, alert, a);
}

void
wording_add(const struct wording *w, struct tree *alert, struct arena *a)
{
	struct tree *metadata = tree_get(alert, "metadata");
	const struct tree *added = tree_get(alert, "added");

	for (size_t i = 0; w != NULL && i < w->n; i++) {
		const char *name = w->members[i].name;
		const struct tree *note = tree_get(added, name);

		if (note != NULL && !is_basis(name))
			tree_set(a, metadata, name, tree_get(note, "was"));
	}
	for (size_t i = 0; w != NULL && i < w->n; i++)
		if (!is_basis(w->members[i].name))
			put_member(&w->members[i], alert, a);
}

static bool
is_blank(const char *text)
{
	return text[strspn(text, " \t\n")] == '\0';
}

void
wording_say(const struct wording *w, struct tree *alert, struct arena *a)
{
	const struct template *by[COUNT(worded)];
	const char *text[COUNT(worded)] = { NULL };
	struct tree *words;

	if (w == NULL || (w->title == NULL && w->description == NULL))
		return;
	words = tree_new(a, TREE_OBJECT);
	by[0] = w->title;
	by[1] = w->description;
	/* Neither is filled in with what the other has become. */
	for (size_t i = 0; i < COUNT(worded); i++)
		if (by[i] != NULL)
			text[i] = template_fill(by[i], alert, i == 1, a);
	for (size_t i = 0; i < COUNT(worded); i++) {
		const struct tree *was = tree_get(alert, worded[i]);

		if (text[i] == NULL || is_blank(text[i]))
			continue;
		tree_set(
		    a, words, worded[i], was != NULL ? was : tree_str(a, ""));
		tree_set(a, alert, worded[i], tree_str(a, text[i]));
	}
	tree_set(a, alert, "words", words->first != NULL ? words : NULL);
}
