#include "settings.h"

#include "arena.h"
#include "fail.h"
#include "near.h"

#include <confuse.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One reading, for libConfuse's error function. */
struct reading {
	struct settings *s;
	struct fail *f;
};

bool
settings_fail(const struct settings *s, unsigned line, const char *what,
    struct near *n, struct fail *f)
{
	plain_fail(&s->plain, line, f, "%s %.40s; wanted %s%s", what, n->wrong,
	    near_wanted(n), n->best != NULL ? "?" : "");
	near_free(n);
	return false;
}

/* libConfuse gives its error function no pointer of ours, but it copies the
 * table of options into every section: the first, which no file can name,
 * carries one. */
static struct reading *
reading_of(const cfg_t *section)
{
	return (struct reading *)(void *)section->opts[0].simple_value.ptr;
}

static bool
is_for_users(const cfg_opt_t *opt)
{
	return opt->name[0] != '\0' && strcmp(opt->name, PLAIN_END) != 0;
}

__attribute__((format(printf, 2, 0))) static void
complain(cfg_t *section, const char *fmt, va_list ap)
{
	struct reading *r = reading_of(section);
	char text[160];

	if (strcmp(fmt, "no such option '%s'") == 0) {
		struct near n = near_new(va_arg(ap, const char *));

		for (const cfg_opt_t *o = section->opts; o->name != NULL; o++)
			if (is_for_users(o))
				near_add(&n, o->name);
		settings_fail(
		    r->s, (unsigned)section->line, "unknown name", &n, r->f);
		return;
	}
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	plain_fail(&r->s->plain, (unsigned)section->line, r->f, "%s", text);
}

/* ---- before the parse: the tables ---- */

static size_t
count(const char *const *names)
{
	size_t n = 0;

	while (names[n] != NULL)
		n++;
	return n;
}

/* libConfuse's form of names, with room for more; *end is set behind them. */
static cfg_opt_t *
options_for(
    struct reading *r, const char *const *names, size_t more, cfg_opt_t **end)
{
	size_t n = count(names) + more + 2;
	cfg_opt_t *opts = arena_alloc(r->s->plain.arena, n * sizeof(*opts));
	cfg_opt_t *next = opts;

	memset(opts, 0, n * sizeof(*opts));
	next->name = "";
	next->type = CFGT_FUNC;
	next++->simple_value.ptr = (void **)(void *)r;
	/* A list of strings: libConfuse neither refuses nor converts one. */
	for (size_t i = 0; names[i] != NULL; i++)
		*next++ = (cfg_opt_t){
			.name = names[i],
			.type = CFGT_STR,
			.flags = CFGF_LIST | CFGF_NODEFAULT,
		};
	*end = next;
	return opts;
}

static cfg_t *
new_cfg(struct reading *r, const struct settings_table *tables)
{
	cfg_opt_t *next, *unused;
	cfg_opt_t *opts;
	size_t sections = 0;
	cfg_t *cfg;

	while (tables[sections + 1].names != NULL)
		sections++;
	opts = options_for(r, tables[0].names, sections + 1, &next);
	for (size_t i = 1; i <= sections; i++)
		*next++ = (cfg_opt_t){
			.name = tables[i].section,
			.type = CFGT_SEC,
			.flags = CFGF_MULTI | CFGF_TITLE,
			.subopts = options_for(r, tables[i].names, 0, &unused),
		};
	*next = (cfg_opt_t){
		.name = PLAIN_END,
		.type = CFGT_STR,
		.flags = CFGF_LIST | CFGF_NODEFAULT,
	};
	cfg = cfg_init(opts, CFGF_NONE);
	(void)cfg_set_error_function(cfg, complain);
	return cfg;
}

/* ---- after it: the values ---- */

static struct plain_value
copy_value(struct arena *a, const char *given)
{
	return plain_value(arena_str(a, given));
}

static void
copy_setting(struct arena *a, cfg_opt_t *opt, struct setting *out)
{
	out->n = cfg_opt_size(opt);
	out->values = arena_alloc(a, out->n * sizeof(*out->values));
	for (unsigned i = 0; i < out->n; i++)
		out->values[i] = copy_value(a, cfg_opt_getnstr(opt, i));
}

static struct settings_section
copy_section(struct arena *a, const struct settings_table *table, cfg_t *from)
{
	size_t n = count(table->names);
	struct settings_section s = { .section = table->section };

	if (cfg_title(from) != NULL)
		s.title = copy_value(a, cfg_title(from));
	s.settings = arena_alloc(a, (n + 1) * sizeof(*s.settings));
	for (size_t i = 0; i < n; i++) {
		s.settings[i].name = table->names[i];
		copy_setting(
		    a, cfg_getopt(from, table->names[i]), &s.settings[i]);
	}
	s.settings[n].name = NULL;
	return s;
}

static void
copy_all(struct settings *s, const struct settings_table *tables, cfg_t *cfg)
{
	struct arena *a = s->plain.arena;
	size_t n = 0;

	s->top = copy_section(a, &tables[0], cfg);
	s->top.title = copy_value(a, cfg_getnstr(cfg, PLAIN_END, 0));
	for (size_t i = 1; tables[i].names != NULL; i++)
		n += cfg_size(cfg, tables[i].section);
	s->sections = arena_alloc(a, n * sizeof(*s->sections));
	for (size_t i = 1; tables[i].names != NULL; i++)
		for (unsigned j = 0; j < cfg_size(cfg, tables[i].section); j++)
			s->sections[s->n++] = copy_section(a, &tables[i],
			    cfg_getnsec(cfg, tables[i].section, j));
}

static bool
parse(struct reading *r, const struct settings_table *tables)
{
	cfg_t *cfg = new_cfg(r, tables);
	bool done = cfg_parse_buf(cfg, r->s->plain.text.data) == CFG_SUCCESS &&
	    cfg_size(cfg, PLAIN_END) == 1;

	if (done)
		copy_all(r->s, tables, cfg);
	else
		plain_fail(&r->s->plain, (unsigned)cfg->line, r->f,
		    "not understood; wanted name = value or a section");
	(void)cfg_free(cfg);
	return done;
}

bool
settings_read(struct settings *s, const struct settings_table *tables,
    struct arena *a, const char *path, struct fail *f)
{
	struct reading r = { s, f };

	*s = (struct settings){ .n = 0 };
	return plain_read(&s->plain, a, path, f) && parse(&r, tables);
}

void
settings_free(struct settings *s)
{
	plain_free(&s->plain);
}

const struct setting *
settings_find(const struct settings_section *s, const char *name)
{
	const struct setting *at = s->settings;

	while (at->name != NULL && strcmp(at->name, name) != 0)
		at++;
	return at;
}
