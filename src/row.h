/*
 * What an option of the configuration may be: its type, its default, its
 * check, how it is shown.  A new option is a new row; a new type of option is
 * two functions.
 */
#ifndef ROW_H
#define ROW_H

#include <stdbool.h>

struct buf;
struct conf;
struct conf_source;
struct fail;
struct row;
struct settings;
struct settings_section;

/* A configuration that is being read. */
struct row_reading {
	struct conf *c;
	struct settings *settings;
	struct fail *f;
};

/* Outside of sections (into a struct conf), of a destination, a source, a
 * route, a table, a mute; each ends with a NULL name. */
extern const struct row *const row_top;
extern const struct row *const row_destination;
extern const struct row *const row_source;
extern const struct row *const row_route;
extern const struct row *const row_table;
extern const struct row *const row_mute;

/* Their names, in the arena of r->c; for a source those of every kind's
 * options too. */
const char *const *row_names(struct row_reading *r, const struct row *rows);

/* Read the section into the struct that the rows are of.  Destinations come
 * before sources, which refer to them. */
bool row_read(struct row_reading *r, const struct row *rows,
    const struct settings_section *section, void *into);
/* In double quotes, as it would be written. */
void row_put_text(struct buf *out, const char *text);

void row_print(const struct row *rows, const char *indent, const void *from,
    struct buf *out);

/* The same for the options of a source's kind. */
bool row_read_kind(struct row_reading *r,
    const struct settings_section *section, struct conf_source *into);
void row_print_kind(
    const struct conf_source *s, const char *indent, struct buf *out);

#endif
