#include "conf.h"

#include "array.h"
#include "buf.h"
#include "fail.h"
#include "match.h"
#include "near.h"
#include "row.h"
#include "settings.h"
#include "tree.h"
#include "wording.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_LONGEST = 64 };

/* ---- sections ---- */

/* A name becomes a directory of the spool and a part of a URL. */
static bool
name_ok(struct row_reading *r, const struct plain_value *title)
{
	static const char *const taken[] = { "tmp", "journal", "corrupt",
		"counters", "lock", "README", "healthz", "metrics", "status" };
	static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t len = strlen(title->text);

	for (size_t i = 0; i < COUNT(taken); i++)
		if (strcmp(taken[i], title->text) == 0)
			return plain_fail(&r->settings->plain, title->line,
			    r->f, "the name %s is taken; wanted another",
			    taken[i]);
	if (len == 0 || len > NAME_LONGEST ||
	    strchr(first, title->text[0]) == NULL ||
	    strspn(title->text, rest) != len)
		return plain_fail(&r->settings->plain, title->line, r->f,
		    "wanted a name of a-z, 0-9, _ and -, that begins with "
		    "none of the last two, of at most %d characters",
		    NAME_LONGEST);
	return true;
}

/* known: there is one of that name already. */
static bool
begin_section(
    struct row_reading *r, const struct settings_section *section, bool known)
{
	if (!name_ok(r, &section->title))
		return false;
	if (!known)
		return true;
	return plain_fail(&r->settings->plain, section->title.line, r->f,
	    "a second %s %s; wanted each name once", section->section,
	    section->title.text);
}

static bool
read_destination(struct row_reading *r, const struct settings_section *section)
{
	struct conf *c = r->c;
	struct conf_destination *d = &c->destinations[c->n_destinations];
	const char *name = section->title.text;

	*d = (struct conf_destination){ .name = name };
	if (!begin_section(r, section, conf_destination(c, name) != NULL) ||
	    !row_read(r, row_destination, section, d))
		return false;
	c->n_destinations++;
	return true;
}

/* Name the line of the value that is at fault. */
static bool
fault(struct row_reading *r, const struct settings_section *section,
    const struct source_fault *at, const struct fail *why)
{
	const struct setting *s = settings_find(section, at->option);

	return plain_fail(&r->settings->plain,
	    at->value < s->n ? s->values[at->value].line : section->title.line,
	    r->f, "%s: %s", at->option, why->text);
}

static bool
read_severities(struct row_reading *r)
{
	struct conf *c = r->c;
	struct source_fault at = { NULL, 0 };
	struct fail why = { 0 };

	c->severities = arena_alloc(&c->arena, sizeof(*c->severities));
	return wording_read_rules(
		   &c->severity_map, &c->arena, c->severities, &at, &why) ||
	    fault(r, &r->settings->top, &at, &why);
}

static bool
read_wording(struct row_reading *r, const struct settings_section *section,
    struct conf_source *s)
{
	struct source_fault at = { NULL, 0 };
	struct fail why = { 0 };

	return wording_read(&s->words, r->c->severities, &r->c->arena,
		   &s->source.wording, &at, &why) ||
	    fault(r, section, &at, &why);
}

static bool
read_source(struct row_reading *r, const struct settings_section *section)
{
	struct conf *c = r->c;
	struct conf_source *s = &c->sources[c->n_sources];
	const char *name = section->title.text;

	*s = (struct conf_source){ .source.name = name,
		.source.tables = c->tables };
	if (!begin_section(r, section, conf_source(c, name) != NULL) ||
	    !row_read(r, row_source, section, s) ||
	    !row_read_kind(r, section, s) || !read_wording(r, section, s))
		return false;
	s->source.namespaced = s->namespace != NULL;
	s->source.namespace = s->source.namespaced ? s->namespace : name;
	if (!s->source.kind->own_keys)
		s->namespace = s->source.namespace;
	c->n_sources++;
	return true;
}

/* A misspelt source would take nothing, in silence. */
static bool
sources_known(struct row_reading *r, const struct settings_section *section,
    const struct option_value *patterns)
{
	const struct setting *given = settings_find(section, "sources");
	struct conf *c = r->c;

	for (size_t i = 0; i < patterns->n; i++) {
		struct near n = near_new(patterns->items[i]);
		bool known = false;

		for (size_t j = 0; j < c->n_sources; j++) {
			const char *name = c->sources[j].source.name;

			near_add(&n, name);
			known = known || match_one(n.wrong, name);
		}
		if (!known)
			return settings_fail(r->settings, given->values[i].line,
			    "sources: no such source as", &n, r->f);
		near_free(&n);
	}
	return true;
}

static bool
is_route(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_routes; i++)
		if (strcmp(c->routes[i].route.name, name) == 0)
			return true;
	return false;
}

static bool
read_route(struct row_reading *r, const struct settings_section *section)
{
	struct conf *c = r->c;
	struct conf_route *route = &c->routes[c->n_routes];
	const char *name = section->title.text;

	*route = (struct conf_route){ .route.name = name };
	if (!begin_section(r, section, is_route(c, name)) ||
	    !row_read(r, row_route, section, route) ||
	    !sources_known(r, section, &route->route.sources))
		return false;
	c->n_routes++;
	return true;
}

static bool
is_mute(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_mutes; i++)
		if (strcmp(c->mutes[i].match.name, name) == 0)
			return true;
	return false;
}

static bool
read_mute(struct row_reading *r, const struct settings_section *section)
{
	struct conf *c = r->c;
	struct mute *m = &c->mutes[c->n_mutes];
	const char *name = section->title.text;
	struct source_fault at = { NULL, 0 };
	struct fail why = { 0 };

	*m = (struct mute){ .match.name = name };
	if (!begin_section(r, section, is_mute(c, name)) ||
	    !row_read(r, row_mute, section, m) ||
	    !sources_known(r, section, &m->match.sources))
		return false;
	if (!mute_read(m, &at, &why))
		return fault(r, section, &at, &why);
	c->n_mutes++;
	return true;
}

static bool
is_table(const struct table_list *list, const char *pattern)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->items[i].pattern, pattern) == 0)
			return true;
	return false;
}

static bool
read_table(struct row_reading *r, const struct settings_section *section)
{
	struct table_list *list = r->c->tables;
	struct table *t = &list->items[list->n];
	const struct plain *plain = &r->settings->plain;
	const struct plain_value *title = &section->title;

	*t = (struct table){ .pattern = title->text };
	if (t->pattern[0] == '\0')
		return plain_fail(plain, title->line, r->f,
		    "an empty pattern; wanted one such as \"*.finance.*\"");
	if (is_table(list, t->pattern))
		return plain_fail(plain, title->line, r->f,
		    "a second table \"%.80s\"; wanted each pattern once",
		    t->pattern);
	if (!row_read(r, row_table, section, t))
		return false;
	if (t->owners.n + t->tags.n == 0 && t->severity == NULL)
		return plain_fail(plain, title->line, r->f,
		    "table \"%.80s\" says nothing; wanted owners, tags or "
		    "severity",
		    t->pattern);
	list->n++;
	return true;
}

/* Each section of one sort; must: there must be one. */
static bool
read_each(struct row_reading *r, const char *sort, bool must,
    bool (*read)(struct row_reading *, const struct settings_section *))
{
	const struct settings *s = r->settings;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->sections[i].section, sort) != 0)
			continue;
		n++;
		if (!read(r, &s->sections[i]))
			return false;
	}
	if (n > 0 || !must)
		return true;
	return plain_fail(&s->plain, s->top.title.line, r->f,
	    "no %s; wanted %s NAME { ... }", sort, sort);
}

static bool
read_settings(struct row_reading *r, const char *path)
{
	const struct settings_table tables[] = {
		{ NULL, row_names(r, row_top) },
		{ "destination", row_names(r, row_destination) },
		{ "source", row_names(r, row_source) },
		{ "route", row_names(r, row_route) },
		{ "table", row_names(r, row_table) },
		{ "mute", row_names(r, row_mute) },
		{ NULL, NULL },
	};

	return settings_read(r->settings, tables, &r->c->arena, path, r->f);
}

/* It names a destination, which stands in another section. */
static bool
self_alert_ok(struct row_reading *r)
{
	const struct conf *c = r->c;
	const struct setting *s =
	    settings_find(&r->settings->top, "self_alert");
	struct near n;

	if (c->self_alert == NULL || conf_destination(c, c->self_alert) != NULL)
		return true;
	n = near_new(c->self_alert);
	for (size_t i = 0; i < c->n_destinations; i++)
		near_add(&n, c->destinations[i].name);
	return settings_fail(r->settings, s->values[0].line,
	    "self_alert: no such destination as", &n, r->f);
}

/* What leads nowhere would redact nothing, in silence. */
static bool
redact_ok(struct row_reading *r)
{
	const struct setting *s =
	    settings_find(&r->settings->top, "journal_redact");

	for (size_t i = 0; i < s->n; i++) {
		const struct plain_value *v = &s->values[i];
		struct fail why = { 0 };

		if (v->text[0] != '/')
			return plain_fail(&r->settings->plain, v->line, r->f,
			    "journal_redact: \"%.80s\" is no JSON Pointer; "
			    "wanted one such as \"/payload/owner\"",
			    v->text);
		if (!tree_pointer_ok(v->text, strlen(v->text), &why))
			return plain_fail(&r->settings->plain, v->line, r->f,
			    "journal_redact: %s", why.text);
	}
	return true;
}

static bool
read_sections(struct row_reading *r)
{
	struct conf *c = r->c;
	const struct settings *s = r->settings;

	c->files = s->plain.files;
	c->destinations =
	    arena_alloc(&c->arena, s->n * sizeof(*c->destinations));
	c->sources = arena_alloc(&c->arena, s->n * sizeof(*c->sources));
	c->routes = arena_alloc(&c->arena, s->n * sizeof(*c->routes));
	c->mutes = arena_alloc(&c->arena, s->n * sizeof(*c->mutes));
	c->tables = arena_alloc(&c->arena, sizeof(*c->tables));
	c->tables->items =
	    arena_alloc(&c->arena, s->n * sizeof(*c->tables->items));
	c->tables->n = 0;
	return row_read(r, row_top, &s->top, c) && redact_ok(r) &&
	    read_severities(r) && read_each(r, "table", false, read_table) &&
	    read_each(r, "destination", true, read_destination) &&
	    self_alert_ok(r) && read_each(r, "source", true, read_source) &&
	    read_each(r, "route", false, read_route) &&
	    read_each(r, "mute", false, read_mute);
}

/* ---- beside the program ---- */

static void
beside_program(const char *name, struct buf *path)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe));

	while (n > 0 && exe[n - 1] != '/')
		n--;
	if (n > 0)
		buf_printf(path, "%.*s%s", (int)n, exe, name);
}

/*
 * A bundle brings certificates along, for hosts keep theirs in many places.
 * Who could put them there could replace the program.
 */
static void
trust_bundled(struct conf *c)
{
	struct buf path = BUF_MAX(2 * PATH_MAX);
	const char *found = NULL;

	beside_program("bellrelay-ca.pem", &path);
	if (path.len > 0 && access(path.data, F_OK) == 0)
		found = arena_str(&c->arena, path.data);
	buf_free(&path);
	if (c->heartbeat.ca_file == NULL)
		c->heartbeat.ca_file = found;
	for (size_t i = 0; i < c->n_destinations; i++)
		if (c->destinations[i].target.ca_file == NULL)
			c->destinations[i].target.ca_file = found;
}

/* ---- the room ---- */

static bool
absolute(struct conf *c, const char *path, struct fail *f)
{
	char here[PATH_MAX];

	if (path[0] == '/') {
		c->path = arena_str(&c->arena, path);
		return true;
	}
	if (getcwd(here, sizeof(here)) == NULL)
		return fail_set(f, FAIL_BROKEN, "%s: the working directory: %s",
		    path, strerror(errno));
	c->path = arena_printf(&c->arena, "%s/%s", here, path);
	return true;
}

bool
conf_read(const char *path, struct conf *out, struct fail *f)
{
	struct settings settings = { .n = 0 };
	struct row_reading r = { out, &settings, f };
	bool done = absolute(out, path, f) && read_settings(&r, out->path) &&
	    read_sections(&r);

	if (out->files == NULL)
		out->files = settings.plain.files;
	settings_free(&settings);
	if (done)
		trust_bundled(out);
	return done;
}

void
conf_free(struct conf *c)
{
	arena_free(&c->arena);
	*c = (struct conf){ .path = NULL };
}

bool
conf_stale(const struct conf *c)
{
	for (const struct file *file = c->files; file; file = file->next)
		if (file_changed(file))
			return true;
	return false;
}

void
conf_print(const struct conf *c, struct buf *out)
{
	row_print(row_top, "", c, out);
	for (size_t i = 0; i < c->n_destinations; i++) {
		const struct conf_destination *d = &c->destinations[i];

		buf_printf(out, "\ndestination %s {\n", d->name);
		row_print(row_destination, "\t", d, out);
		buf_puts(out, "}\n");
	}
	for (size_t i = 0; i < c->n_sources; i++) {
		const struct conf_source *s = &c->sources[i];

		buf_printf(out, "\nsource %s {\n", s->source.name);
		row_print(row_source, "\t", s, out);
		row_print_kind(s, "\t", out);
		buf_puts(out, "}\n");
	}
	for (size_t i = 0; i < c->tables->n; i++) {
		buf_puts(out, "\ntable ");
		row_put_text(out, c->tables->items[i].pattern);
		buf_puts(out, " {\n");
		row_print(row_table, "\t", &c->tables->items[i], out);
		buf_puts(out, "}\n");
	}
	for (size_t i = 0; i < c->n_routes; i++) {
		buf_printf(out, "\nroute %s {\n", c->routes[i].route.name);
		row_print(row_route, "\t", &c->routes[i], out);
		buf_puts(out, "}\n");
	}
	for (size_t i = 0; i < c->n_mutes; i++) {
		buf_printf(out, "\nmute %s {\n", c->mutes[i].match.name);
		row_print(row_mute, "\t", &c->mutes[i], out);
		buf_puts(out, "}\n");
	}
}

const struct conf_source *
conf_source(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_sources; i++)
		if (strcmp(c->sources[i].source.name, name) == 0)
			return &c->sources[i];
	return NULL;
}

const struct conf_destination *
conf_destination(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_destinations; i++)
		if (strcmp(c->destinations[i].name, name) == 0)
			return &c->destinations[i];
	return NULL;
}

/* ---- where it is ---- */

/* Named by a person: it is there, or that is the failure. */
static bool
named_one(const char *path, const char *by, struct buf *out, struct fail *f)
{
	struct stat st;

	buf_puts(out, path);
	if (path[0] == '\0')
		return fail_set(f, FAIL_BROKEN,
		    "%s is empty; wanted the configuration's file", by);
	if (stat(path, &st) == -1)
		return fail_set(f, FAIL_BROKEN, "%s: %s (named by %s)", path,
		    strerror(errno), by);
	return true;
}

static bool
is_there(const char *path)
{
	struct stat st;

	/* What cannot be looked at is taken, so that reading it says why. */
	return stat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

static void
home_one(struct buf *path)
{
	const struct passwd *user = getpwuid(geteuid());

	if (user != NULL)
		buf_printf(path, "%s/.bellrelay/bellrelay.conf", user->pw_dir);
}

static void
beside_one(struct buf *path)
{
	beside_program("bellrelay.conf", path);
}

static void
etc_one(struct buf *path)
{
	buf_puts(path, "/etc/bellrelay/bellrelay.conf");
}

bool
conf_find(const char *named, struct buf *out, struct fail *f)
{
	static void (*const places[])(
	    struct buf * path) = { home_one, etc_one, beside_one };
	const char *variable = getenv("BELLRELAY_CONFIG");
	struct buf looked = BUF_MAX(sizeof(f->text));

	if (named != NULL)
		return named_one(named, "-c", out, f);
	if (variable != NULL)
		return named_one(variable, "BELLRELAY_CONFIG", out, f);
	for (size_t i = 0; i < COUNT(places); i++) {
		buf_reset(out);
		places[i](out);
		if (out->len > 0 && is_there(out->data)) {
			buf_free(&looked);
			return true;
		}
		buf_printf(&looked, " %s", out->data);
	}
	fail_set(f, FAIL_BROKEN,
	    "no configuration; name one with -c or BELLRELAY_CONFIG; looked "
	    "for%s",
	    looked.data);
	buf_free(&looked);
	return false;
}
