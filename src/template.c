#include "template.h"

#include "arena.h"
#include "array.h"
#include "buf.h"
#include "event.h"
#include "fail.h"
#include "tree.h"

#include <string.h>

enum { FILLED_MAX = 1 << 20 };

enum piece { TEXT, MEMBER, METADATA, POINTER };

struct template_piece {
	enum piece is;
	const char *text;
};

/* ---- reading ---- */

static const char *const members[] = { "title", "description", "status",
	"source_url" };

/* The names of metadata that adapters use (tests/test_cases.py). */
static const char *const names[] = { "source", "severity", "severity_sent",
	"owners", "tags", "environment", "test_description", "connector",
	"failure_reason", "tables", "alert_feedback", "type", "rule_type",
	"group_id", "account_id", "incident_id", "received_at", "column",
	"connector_id", "connector_type", "event", "job", "job_id", "key",
	"materialization", "path", "project", "run_id", "subscribers",
	"test_name", "test_sub_type", "unique_id" };

static bool
is_in(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

static bool
read_hole(const char *hole, struct template_piece *out, struct fail *f)
{
	static const char prefix[] = "metadata.";
	size_t skip = sizeof(prefix) - 1;
	struct fail why = { 0 };

	*out = (struct template_piece){ POINTER, hole };
	if (hole[0] == '/')
		return tree_pointer_ok(hole, strlen(hole), &why) ||
		    fail_set(f, FAIL_BROKEN, "{%.60s}: %s", hole, why.text);
	if (strncmp(hole, prefix, skip) == 0 && hole[skip] != '\0') {
		*out = (struct template_piece){ METADATA, hole + skip };
		return true;
	}
	out->is = is_in(members, COUNT(members), hole) ? MEMBER : METADATA;
	if (out->is == MEMBER || is_in(names, COUNT(names), hole))
		return true;
	return fail_set(f, FAIL_BROKEN,
	    "an alert has no field {%.60s}; wanted {title}, {severity} ..., "
	    "{metadata.NAME} for any of its metadata, {/a/pointer} into the "
	    "body, or {{ for a brace",
	    hole);
}

/* A run of text; returns its end. */
static const char *
read_text(const char *p, struct buf *text)
{
	for (; *p != '\0'; p++) {
		bool special = strchr("{}\\", *p) != NULL;
		bool feed = p[0] == '\\' && p[1] == 'n';

		if (special && *p != '\\' && p[1] != *p)
			return p;
		if (feed || (special && p[1] == *p))
			p++;
		buf_add(text, feed ? "\n" : p, 1);
	}
	return p;
}

static void
add(struct template *t, enum piece is, const char *text)
{
	t->pieces[t->n++] = (struct template_piece){ is, text };
}

static bool
read_pieces(
    struct template *t, struct buf *run, struct arena *a, struct fail *f)
{
	const char *p = t->text;

	while (*p != '\0') {
		const char *end;

		buf_reset(run);
		p = read_text(p, run);
		if (run->len > 0)
			add(t, TEXT, arena_str(a, run->data));
		if (*p == '\0')
			return true;
		end = strchr(p, '}');
		if (*p == '}' || end == NULL)
			return fail_set(f, FAIL_BROKEN,
			    "a %c alone; wanted {field}, or %c%c for the brace "
			    "itself",
			    *p, *p, *p);
		if (!read_hole(
			arena_printf(a, "%.*s", (int)(end - p - 1), p + 1),
			&t->pieces[t->n++], f))
			return false;
		p = end + 1;
	}
	return true;
}

bool
template_parse(
    const char *text, struct arena *a, struct template *out, struct fail *f)
{
	struct buf run = BUF_MAX(FILLED_MAX);
	size_t most = 1;
	bool did;

	/* Between two holes there is at most one text. */
	for (const char *p = text; *p != '\0'; p++)
		most += *p == '{' ? 2 : 0;
	*out = (struct template){ text,
		arena_alloc(a, most * sizeof(*out->pieces)), 0 };
	did = read_pieces(out, &run, a, f);
	buf_free(&run);
	return did;
}

/* ---- picking ---- */

static bool
is_scalar(const struct tree *t)
{
	return t->type != TREE_NULL && t->type != TREE_LIST &&
	    t->type != TREE_OBJECT;
}

/* A scalar or a list of them; NULL: neither. */
static const struct tree *
simple(const struct tree *t, struct arena *a)
{
	struct tree *list;

	if (is_scalar(t))
		return t;
	if (t->type != TREE_LIST)
		return NULL;
	list = tree_new(a, TREE_LIST);
	for (const struct tree *m = t->first; m != NULL; m = m->next)
		if (is_scalar(m))
			(void)tree_push(list, tree_copy(a, m));
	return list->first == NULL ? NULL : list;
}

void
template_pick(const struct template *t, const struct tree *part,
    const struct tree *body, struct tree *picked, struct arena *a)
{
	for (size_t i = 0; i < t->n; i++) {
		const char *pointer = t->pieces[i].text;
		const struct tree *at = NULL;

		if (t->pieces[i].is != POINTER)
			continue;
		if (part != NULL)
			at = tree_at(part, pointer);
		if (at == NULL && body != NULL)
			at = tree_at(body, pointer);
		if (at == NULL)
			continue;
		at = simple(at, a);
		tree_set(a, picked, pointer,
		    at != NULL ? at : tree_new(a, TREE_NULL));
	}
}

/* ---- filling ---- */

/* The member of that name, else what its dots lead to. */
static const struct tree *
member_of(const struct tree *t, const char *name)
{
	const struct tree *m = tree_get(t, name);
	size_t n = strcspn(name, ".");

	if (m != NULL || name[n] == '\0')
		return m;
	return member_of(tree_member(t, name, n), name + n + 1);
}

static const struct tree *
value_of(const struct template_piece *p, const struct tree *alert)
{
	if (p->is == MEMBER)
		return tree_get(alert, p->text);
	if (p->is == POINTER)
		return tree_get(tree_get(alert, "picked"), p->text);
	return member_of(tree_get(alert, "metadata"), p->text);
}

static void
put_text(struct buf *out, const char *text, bool markdown)
{
	if (markdown)
		event_markdown(out, text);
	else
		buf_puts(out, text);
}

static void
put_value(struct buf *out, const struct tree *t, bool markdown, struct arena *a)
{
	const char *text = tree_cstr(t, a);

	if (text != NULL)
		put_text(out, text, markdown);
	else if (tree_is(t, TREE_TRUE) || tree_is(t, TREE_FALSE))
		buf_puts(out, t->type == TREE_TRUE ? "true" : "false");
}

static void
put_hole(struct buf *out, const struct tree *t, bool markdown, struct arena *a)
{
	size_t before = out->len;

	if (!tree_is(t, TREE_LIST)) {
		put_value(out, t, markdown, a);
		return;
	}
	for (const struct tree *m = t->first; m != NULL; m = m->next) {
		if (out->len > before)
			buf_puts(out, ", ");
		put_value(out, m, markdown, a);
	}
}

const char *
template_fill(const struct template *t, const struct tree *alert, bool markdown,
    struct arena *a)
{
	struct buf out = BUF_MAX(FILLED_MAX);
	const char *text;

	for (size_t i = 0; i < t->n; i++) {
		const struct template_piece *p = &t->pieces[i];
		bool own =
		    p->is == MEMBER && strcmp(p->text, "description") == 0;

		if (p->is == TEXT)
			buf_puts(&out, p->text);
		else
			put_hole(&out, value_of(p, alert), markdown && !own, a);
	}
	text = arena_copy(a, out.data, out.len);
	buf_free(&out);
	return text;
}

static bool
is_empty(const struct tree *t, const char *text)
{
	return text[strspn(text, " \t\n")] == '\0' &&
	    !(tree_is(t, TREE_LIST) && t->first != NULL);
}

const struct tree *
template_value(
    const struct template *t, const struct tree *alert, struct arena *a)
{
	const char *text = template_fill(t, alert, false, a);
	const struct tree *value = t->n == 1 && t->pieces[0].is != TEXT
	    ? value_of(&t->pieces[0], alert)
	    : NULL;

	if (is_empty(value, text))
		return NULL;
	return value != NULL ? value : tree_str(a, text);
}
