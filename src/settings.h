/*
 * The files of a configuration as sections of named values, with every
 * silence of libConfuse closed (plain.h names them).  The one room that knows
 * libConfuse.
 *
 * Names are known here, what they mean is not: each value is text and the
 * line where it stands.  All lives in the arena.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "plain.h"

struct arena;
struct fail;

/* The names that a section may hold, NULL-terminated. */
struct settings_table {
	const char *section; /* NULL: outside of all sections */
	const char *const *names;
};

/* A name of the table and what was given for it. */
struct setting {
	const char *name;
	struct plain_value *values;
	size_t n; /* 0: nothing */
};

struct settings_section {
	const char *section; /* of the table */
	struct plain_value title;
	struct setting *settings; /* ends with a NULL name */
};

struct settings {
	struct plain plain;
	struct settings_section top; /* title.line: the last line */
	struct settings_section *sections;
	size_t n;
};

/*
 * Read path, which is absolute.  The tables end with one without names, the
 * first is for what stands outside of all sections.  settings_free is safe
 * whatever the result; the sections stay, plain_fail does not.
 */
bool settings_read(struct settings *s, const struct settings_table *tables,
    struct arena *a, const char *path, struct fail *f);
void settings_free(struct settings *s);

/* A name that is in the section's table. */
const struct setting *settings_find(
    const struct settings_section *s, const char *name);

/* "FILE:LINE: what WRONG; wanted " and the likely name, or all. Frees n. */
struct near;
bool settings_fail(const struct settings *s, unsigned line, const char *what,
    struct near *n, struct fail *f);

#endif
