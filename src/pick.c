#include "pick.h"

#include "arena.h"
#include "catalog.h"
#include "command.h"
#include "fail.h"

#include <stdbool.h>
#include <string.h>
#include <sysexits.h>

struct search {
	const char *prefix; /* of the id */
	struct pick *out;
	size_t n;
};

static bool
is_prefix(const char *text)
{
	size_t n = strlen(text);

	return n >= PICK_DIGITS && n <= SPOOL_ID &&
	    strspn(text, "0123456789abcdef") == n;
}

static void
add(struct search *s, const struct catalog_box *b, const char *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->out[i].at == b && strcmp(s->out[i].id, id) == 0)
			return;
	if (s->n == PICK_MAX)
		return;
	s->out[s->n].at = b;
	memcpy(s->out[s->n++].id, id, SPOOL_ID + 1);
}

static void
walk(struct search *s, const struct catalog_box *b, enum spool_where where)
{
	struct spool_walk w;
	struct spool_name name;

	spool_walk_open(&b->box, where, &w);
	while (spool_walk_next(&w, &name))
		if (strncmp(name.id, s->prefix, strlen(s->prefix)) == 0)
			add(s, b, name.id);
	(void)catalog_walked(b, &w);
}

/* A whole id needs no walk through what is settled, which may be much. */
static void
search_box(struct search *s, const struct catalog_box *b)
{
	struct catalog_ticket t;
	struct arena a = { 0 };
	struct fail f = { 0 };

	walk(s, b, SPOOL_DEAD);
	if (strlen(s->prefix) < SPOOL_ID) {
		walk(s, b, SPOOL_PENDING);
		walk(s, b, SPOOL_SETTLED);
	} else if (catalog_ticket(b, s->prefix, &t, &a, &f) ||
	    f.kind != FAIL_NONE) {
		add(s, b, s->prefix);
	}
	arena_free(&a);
}

/* text as a key, then as an id or the beginning of one, in only or in all. */
static size_t
search_as(const struct catalog *c, const char *text,
    const struct catalog_box *only, struct pick *out)
{
	char id[SPOOL_ID + 1];
	const char *const prefixes[] = { id, is_prefix(text) ? text : NULL };
	struct search s = { .out = out };

	spool_id(text, id);
	for (size_t p = 0; p < 2 && s.n == 0 && prefixes[p] != NULL; p++) {
		s.prefix = prefixes[p];
		for (size_t i = 0; i < c->n; i++)
			if (only == NULL || only == &c->boxes[i])
				search_box(&s, &c->boxes[i]);
	}
	return s.n;
}

/* All that it can mean, up to PICK_MAX, each once. */
static size_t
search(const struct catalog *c, const char *text, struct pick *out)
{
	const char *slash = strchr(text, '/');
	size_t n = search_as(c, text, NULL, out);

	/* A key may hold a slash itself. */
	for (size_t i = 0; slash != NULL && n == 0 && i < c->n; i++) {
		const char *name = c->boxes[i].name;

		if (strlen(name) == (size_t)(slash - text) &&
		    strncmp(name, text, strlen(name)) == 0)
			n = search_as(c, slash + 1, &c->boxes[i], out);
	}
	return n;
}

int
pick_alert(const struct catalog *c, const char *text, struct pick out[PICK_MAX],
    size_t *n)
{
	bool clear = true;

	*n = search(c, text, out);
	if (*n == 0) {
		command_say("no such alert as %s; wanted [DESTINATION/]ID, at "
			    "least %d digits of it, or the deduplication key",
		    text, PICK_DIGITS);
		return EX_NOINPUT;
	}
	for (size_t i = 1; i < *n; i++)
		clear = clear && strcmp(out[i].id, out[0].id) == 0;
	if (clear)
		return EX_OK;
	command_say("%s may be any of these:", text);
	for (size_t i = 0; i < *n; i++)
		command_say("  %s/%s", out[i].at->name, out[i].id);
	return EX_DATAERR;
}
