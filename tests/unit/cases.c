/*
 * tests/cases/SOURCE/CASE/: body in, want.json out; a sequence has body-1 and
 * want-1.json, body-2 ...  `source` holds the source's settings, a line each:
 * environment, severity, owner, tag, namespace, or `option NAME VALUE` for an
 * option of the kind.  Several events are wanted as a list; a webhook that
 * makes none is `ignored`.
 *
 *	cases write	puts what comes out in the place of what is wanted
 */
#include "arena.h"
#include "buf.h"
#include "event.h"
#include "fail.h"
#include "json.h"
#include "source.h"
#include "tree.h"

#include "tap.h"

#include <dirent.h>
#include <stdlib.h>

/* 2026-11-21T10:18:09Z; the steps of a case are a minute apart. */
static const int64_t begun = 1795256289000;

enum { MINUTE = 60000, FILE_MAX = 4 << 20, KNOWN = 256, SETTINGS = 16 };

static bool writing;

/* What is kept of an alert between two webhooks: its text, as in a ticket. */
struct kept {
	const char *key;
	const char *text;
};

struct scene {
	const char *dir;
	struct arena arena;
	struct source source;
	const char *owners[SETTINGS];
	const char *tags[SETTINGS];
	struct kept kept[KNOWN];
	size_t n;
};

/* False if there is no such file. */
static bool
slurp(struct scene *c, const char *name, const char **text, size_t *len)
{
	struct buf b = BUF_MAX(FILE_MAX);
	FILE *file = fopen(arena_printf(&c->arena, "%s/%s", c->dir, name), "r");
	size_t n;

	if (file == NULL)
		return false;
	while ((n = fread(buf_room(&b, 4096), 1, 4096, file)) > 0)
		buf_grew(&b, n);
	(void)fclose(file);
	*text = arena_copy(&c->arena, b.data, b.len);
	*len = b.len;
	buf_free(&b);
	return true;
}

static void
spill(struct scene *c, const char *name, const char *text)
{
	FILE *file = fopen(arena_printf(&c->arena, "%s/%s", c->dir, name), "w");

	if (file == NULL || fputs(text, file) == EOF || fclose(file) == EOF)
		ok(false, "%s/%s can be written", c->dir, name);
}

/* Values for the options of the kind, none of them given. */
static void
make_options(struct scene *c)
{
	const struct option *o = c->source.kind->options;
	size_t n = 0;

	while (o != NULL && o[n].name != NULL)
		n++;
	c->source.values =
	    arena_alloc(&c->arena, (n + 1) * sizeof(*c->source.values));
	for (size_t i = 0; i < n; i++)
		c->source.values[i] = (struct option_value){
			arena_alloc(&c->arena, SETTINGS * sizeof(char *)), 0
		};
}

/* "NAME VALUE" */
static void
set_option(struct scene *c, char *text)
{
	char *value = strchr(text, ' ');

	if (value == NULL)
		abort();
	*value++ = '\0';
	for (size_t i = 0; c->source.kind->options[i].name != NULL; i++)
		if (strcmp(c->source.kind->options[i].name, text) == 0) {
			struct option_value *v = &c->source.values[i];

			v->items[v->n++] = value;
			return;
		}
	ok(false, "%s: option %s", c->dir, text);
}

/* A line each; see the head of this file. */
static void
read_settings(struct scene *c, const char *text)
{
	char *line, *end;

	for (line = arena_str(&c->arena, text); (end = strchr(line, '\n'));
	     line = end + 1) {
		char *value = strchr(line, ' ');

		*end = '\0';
		if (value == NULL)
			continue;
		*value++ = '\0';
		if (strcmp(line, "environment") == 0)
			c->source.environment = value;
		if (strcmp(line, "severity") == 0)
			c->source.severity = value;
		if (strcmp(line, "owner") == 0)
			c->owners[c->source.owners.n++] = value;
		if (strcmp(line, "tag") == 0)
			c->tags[c->source.tags.n++] = value;
		if (strcmp(line, "namespace") == 0) {
			c->source.namespace = value;
			c->source.namespaced = true;
		}
		if (strcmp(line, "option") == 0)
			set_option(c, value);
	}
}

static void
set_up(struct scene *c, const char *kind)
{
	struct source_fault at = { NULL, 0 };
	struct fail f = { 0 };
	const char *text;
	size_t n;

	c->source.name = kind;
	c->source.kind = source_kind_find(kind);
	c->source.namespace = kind;
	c->source.owners.items = c->owners;
	c->source.tags.items = c->tags;
	make_options(c);
	if (slurp(c, "source", &text, &n))
		read_settings(c, text);
	if (c->source.kind->check != NULL)
		ok(c->source.kind->check(&c->source, &c->arena, &at, &f),
		    "%s: %s", c->dir, f.text[0] == '\0' ? "set up" : f.text);
}

static bool
no_nulls(const struct tree *t)
{
	if (t->type != TREE_LIST && t->type != TREE_OBJECT)
		return t->type != TREE_NULL;
	for (const struct tree *m = t->first; m != NULL; m = m->next)
		if (!no_nulls(m))
			return false;
	return true;
}

/* What alert-event.schema.json says, and the order of the six names. */
static bool
lawful(const struct tree *body)
{
	static const char *const names[] = { "title", "deduplication_key",
		"status", "description", "source_url", "metadata" };
	const struct tree *t = body->first;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (t == NULL || t != tree_get(body, names[i])) {
			if (i < 3)
				return false;
			continue;
		}
		if (i < 5 && (t->type != TREE_STR || t->len == 0))
			return false;
		t = t->next;
	}
	return t == NULL && no_nulls(body);
}

static struct kept *
kept_for(struct scene *c, const char *key)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->kept[i].key, key) == 0)
			return &c->kept[i];
	if (c->n == KNOWN)
		abort();
	c->kept[c->n].key = key;
	return &c->kept[c->n++];
}

static const char *
to_text(struct scene *c, const struct tree *t)
{
	struct buf b = BUF_MAX(FILE_MAX);
	const char *text;

	json_write(t, JSON_PRETTY, &b);
	buf_puts(&b, "\n");
	text = arena_copy(&c->arena, b.data, b.len);
	buf_free(&b);
	return text;
}

/* Merge as a ticket does, whose alert has been on disk.  NULL: nothing. */
static const struct tree *
event(struct scene *c, const struct source_item *item, int64_t now)
{
	struct kept *k = kept_for(c, item->key);
	struct fail f = { 0 };
	struct tree *known = NULL;
	struct tree *alert, *body;

	if (k->text != NULL)
		(void)tree_parse(
		    k->text, strlen(k->text), &c->arena, &known, &f);
	if (item->only_known && (known == NULL || event_resolved(known)))
		return NULL;
	alert = event_merge(
	    &c->source, known, item->change, item->whole, now, &c->arena);
	k->text = to_text(c, alert);
	body = event_body(alert, item->key, &c->arena);
	if (!lawful(body))
		ok(false, "%s: the event is lawful", c->dir);
	return body;
}

static const char *
events(struct scene *c, const struct source_item *items, int64_t now)
{
	struct tree *list = tree_new(&c->arena, TREE_LIST);

	for (const struct source_item *i = items; i != NULL; i = i->next) {
		const struct tree *t = event(c, i, now);

		if (t != NULL)
			(void)tree_push(list, tree_copy(&c->arena, t));
	}
	if (list->first == NULL)
		return "ignored\n";
	return to_text(c, list->first == list->last ? list->first : list);
}

static const char *
answer(struct scene *c, const char *body, size_t len, int64_t now)
{
	struct source_request r = { .body = body, .body_len = len, .now = now };
	struct source_reading reading = { NULL };
	struct fail f = { 0 };
	struct tree *tree = NULL;

	if (tree_parse(body, len, &c->arena, &tree, &f))
		r.tree = tree;
	else if (!c->source.kind->any_type)
		return arena_str(&c->arena, f.text);
	c->source.kind->read(&c->source, &r, &c->arena, &reading);
	return events(c, reading.items, now);
}

static bool
step(struct scene *c, const char *suffix, int64_t now)
{
	const char *body, *got, *want = NULL;
	const char *name = arena_printf(&c->arena, "want%s.json", suffix);
	size_t n;

	if (!slurp(c, arena_printf(&c->arena, "body%s", suffix), &body, &n))
		return false;
	got = answer(c, body, n, now);
	if (writing)
		spill(c, name, got);
	(void)slurp(c, name, &want, &n);
	is(got, want, arena_printf(&c->arena, "%s%s", c->dir, suffix));
	return true;
}

static void
play(const char *kind, const char *dir)
{
	struct scene c = { .dir = dir };
	int n = 1;

	set_up(&c, kind);
	if (!step(&c, "", begun)) {
		while (step(&c, arena_printf(&c.arena, "-%d", n),
		    begun + (n - 1) * MINUTE))
			n++;
		ok(n > 1, "%s has a body", dir);
	}
	arena_free(&c.arena);
}

static void
play_all(const char *kind)
{
	struct arena a = { 0 };
	const char *dir = arena_printf(&a, "tests/cases/%s", kind);
	struct dirent **found;
	int n = scandir(dir, &found, NULL, alphasort);

	ok(n > 2, "%s has cases", dir);
	for (int i = 0; i < n; i++) {
		if (found[i]->d_name[0] != '.')
			play(kind,
			    arena_printf(&a, "%s/%s", dir, found[i]->d_name));
		free(found[i]);
	}
	if (n >= 0)
		free(found);
	arena_free(&a);
}

int
main(int argc, char **argv)
{
	writing = argc > 1 && strcmp(argv[1], "write") == 0;
	for (size_t i = 0; source_kinds[i] != NULL; i++)
		play_all(source_kinds[i]->name);
	return tap_done();
}
