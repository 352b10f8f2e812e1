#include "row.h"

#include "buf.h"
#include "conf.h"
#include "fail.h"
#include "near.h"
#include "scan.h"
#include "secret.h"
#include "settings.h"
#include "wording.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	ZONE_FILE_MAX = 1 << 16,
	ZONE_NAME_MAX = 100,
	SHOWN_MAX = 80,
};

#define ZONES "/usr/share/zoneinfo"

/* What a file gives for one row, or the row's default. */
struct given {
	const struct plain_value *v;
	size_t n;
	unsigned line; /* of the first, or of the section that has none */
	bool absent;
};

enum type {
	NUMBER, /* from min to max; kept times scale */
	TEXT,   /* empty: NULL */
	LIST,
	CHOICE, /* kept as a number: which of them; of two as a bool */
	DIRECTORY,
	URL,
	TOKEN,
	CA,
	KIND,
	TO,
	ADDRESS,
	PRIVATE,
	ZONE,
};

/* An option: its type, where its value goes, its default, what it may be. */
struct row {
	const char *name;
	enum type type;
	size_t at, size;   /* where in the struct */
	const char *value; /* as it would be written; NULL: none, must be given,
			      for a list: may be left out */
	const char *wanted;
	unsigned long min, max, scale;
	const char *choices[3];
};

#define FIELD(type, member) \
	offsetof(struct type, member), sizeof(((struct type *)0)->member)

static const struct row top_rows[] = {
	{ "spool", DIRECTORY, FIELD(conf, spool), NULL,
	    "the directory for what waits", 0, 0, 0, { 0 } },
	{ "body_limit", NUMBER, FIELD(conf, body_limit), "1048576", "bytes",
	    1024, 64 << 20, 1, { 0 } },
	{ "keep_days", NUMBER, FIELD(conf, keep_days), "30", "days", 1, 3650, 1,
	    { 0 } },
	{ "max_pending", NUMBER, FIELD(conf, max_pending), "100000", "alerts",
	    1, 100000000, 1, { 0 } },
	{ "journal", CHOICE, FIELD(conf, journal), "off", NULL, 0, 0, 0,
	    { "off", "outcomes", "full" } },
	{ "journal_max", NUMBER, FIELD(conf, journal_max), "256", "MiB", 1,
	    1 << 20, 1, { 0 } },
	{ "journal_days", NUMBER, FIELD(conf, journal_days), "7", "days", 1,
	    3650, 1, { 0 } },
	{ "journal_redact", LIST, FIELD(conf, journal_redact), NULL, NULL, 0, 0,
	    0, { 0 } },
	{ "status", CHOICE, FIELD(conf, status), "local", NULL, 0, 0, 0,
	    { "local", "off", "on" } },
	{ "status_token_file", PRIVATE, FIELD(conf, status_token), "", NULL, 0,
	    0, 0, { 0 } },
	{ "heartbeat_url", ADDRESS, FIELD(conf, heartbeat.url), "", NULL, 0, 0,
	    0, { 0 } },
	{ "heartbeat_token_file", PRIVATE, FIELD(conf, heartbeat_token), "",
	    NULL, 0, 0, 0, { 0 } },
	{ "self_alert", TEXT, FIELD(conf, self_alert), "", NULL, 0, 0, 0,
	    { 0 } },
	{ "self_alert_after", NUMBER, FIELD(conf, self_alert_after), "10",
	    "minutes", 1, 1440, 1, { 0 } },
	{ "severity_map", LIST, FIELD(conf, severity_map), NULL, NULL, 0, 0, 0,
	    { 0 } },
	{ 0 },
};

static const struct row destination_rows[] = {
	{ "url", URL, 0, 0, NULL, "the URL of the alert source", 0, 0, 0,
	    { 0 } },
	{ "token_file", TOKEN, 0, 0, NULL, "the file with its token", 0, 0, 0,
	    { 0 } },
	/* A rate beyond this would be less than a millisecond a call. */
	{ "rate", NUMBER, FIELD(conf_destination, rate), "120",
	    "events in 60 seconds", 1, 60000, 1, { 0 } },
	{ "connect_timeout", NUMBER, FIELD(conf_destination, target.connect_ms),
	    "3", "seconds", 1, 60, 1000, { 0 } },
	{ "timeout", NUMBER, FIELD(conf_destination, timeout_ms), "8",
	    "seconds", 1, 120, 1000, { 0 } },
	{ "retry_for", NUMBER, FIELD(conf_destination, retry_hours), "72",
	    "hours", 1, 8760, 1, { 0 } },
	{ "ca_file", CA, 0, 0, "", "a file of certificates", 0, 0, 0, { 0 } },
	{ "updates", CHOICE, FIELD(conf_destination, updates), "all", NULL, 0,
	    0, 0, { "none", "all" } },
	{ "refire", CHOICE, FIELD(conf_destination, refire), "off", NULL, 0, 0,
	    0, { "off", "severity" } },
	{ "resend_after", NUMBER, FIELD(conf_destination, resend_after), "600",
	    "seconds", 0, 604800, 1, { 0 } },
	{ 0 },
};

/* Beside these a source has the options of its kind. */
static const struct row source_rows[] = {
	{ "kind", KIND, 0, 0, NULL, "the kind of sender", 0, 0, 0, { 0 } },
	{ "destination", TO, FIELD(conf_source, to), NULL,
	    "where its alerts go", 0, 0, 0, { 0 } },
	{ "environment", TEXT, FIELD(conf_source, source.environment), "", NULL,
	    0, 0, 0, { 0 } },
	{ "severity", TEXT, FIELD(conf_source, source.severity), "", NULL, 0, 0,
	    0, { 0 } },
	{ "owners", LIST, FIELD(conf_source, source.owners), NULL, NULL, 0, 0,
	    0, { 0 } },
	{ "tags", LIST, FIELD(conf_source, source.tags), NULL, NULL, 0, 0, 0,
	    { 0 } },
	{ "namespace", TEXT, FIELD(conf_source, namespace), "", NULL, 0, 0, 0,
	    { 0 } },
	{ "title", TEXT, FIELD(conf_source, words.title), "", NULL, 0, 0, 0,
	    { 0 } },
	{ "description", TEXT, FIELD(conf_source, words.description), "", NULL,
	    0, 0, 0, { 0 } },
	{ "metadata", LIST, FIELD(conf_source, words.metadata), NULL, NULL, 0,
	    0, 0, { 0 } },
	{ "severity_map", LIST, FIELD(conf_source, words.severity_map), NULL,
	    NULL, 0, 0, 0, { 0 } },
	{ 0 },
};

#define PATTERNS(member) \
	{ \
#member, LIST, FIELD(conf_route, route.member), NULL, NULL, 0, \
		    0, 0, \
		{ \
			0 \
		} \
	}

static const struct row route_rows[] = {
	PATTERNS(sources),
	PATTERNS(types),
	PATTERNS(severities),
	PATTERNS(tables),
	PATTERNS(tags),
	PATTERNS(owners),
	{ "destination", TO, FIELD(conf_route, to), NULL,
	    "where the alerts go that it takes", 0, 0, 0, { 0 } },
	{ 0 },
};

static const struct row table_rows[] = {
	{ "owners", LIST, FIELD(table, owners), NULL, NULL, 0, 0, 0, { 0 } },
	{ "tags", LIST, FIELD(table, tags), NULL, NULL, 0, 0, 0, { 0 } },
	{ "severity", TEXT, FIELD(table, severity), "", NULL, 0, 0, 0, { 0 } },
	{ 0 },
};

static const struct row mute_rows[] = {
	{ "sources", LIST, FIELD(mute, match.sources), NULL, NULL, 0, 0, 0,
	    { 0 } },
	{ "types", LIST, FIELD(mute, match.types), NULL, NULL, 0, 0, 0, { 0 } },
	{ "severities", LIST, FIELD(mute, match.severities), NULL, NULL, 0, 0,
	    0, { 0 } },
	{ "tables", LIST, FIELD(mute, match.tables), NULL, NULL, 0, 0, 0,
	    { 0 } },
	{ "tags", LIST, FIELD(mute, match.tags), NULL, NULL, 0, 0, 0, { 0 } },
	{ "owners", LIST, FIELD(mute, match.owners), NULL, NULL, 0, 0, 0,
	    { 0 } },
	{ "from", TEXT, FIELD(mute, from), "", NULL, 0, 0, 0, { 0 } },
	{ "to", TEXT, FIELD(mute, to), "", NULL, 0, 0, 0, { 0 } },
	{ "hours", LIST, FIELD(mute, hours), NULL, NULL, 0, 0, 0, { 0 } },
	{ "timezone", ZONE, FIELD(mute, timezone), "UTC", NULL, 0, 0, 0,
	    { 0 } },
	{ 0 },
};

const struct row *const row_top = top_rows;
const struct row *const row_destination = destination_rows;
const struct row *const row_source = source_rows;
const struct row *const row_route = route_rows;
const struct row *const row_table = table_rows;
const struct row *const row_mute = mute_rows;

/* ---- values ---- */

static bool
wrong(struct row_reading *r, const struct row *row, const struct given *g,
    const char *why)
{
	return plain_fail(
	    &r->settings->plain, g->line, r->f, "%s: %s", row->name, why);
}

static char *
place(const struct row *row, void *into)
{
	return (char *)into + row->at;
}

static void
store(const struct row *row, void *into, unsigned long n)
{
	if (row->size == sizeof(unsigned))
		*(unsigned *)(void *)place(row, into) = (unsigned)n;
	else
		*(unsigned long *)(void *)place(row, into) = n;
}

static unsigned long
stored(const struct row *row, const void *from)
{
	const void *at = (const char *)from + row->at;

	if (row->size == sizeof(unsigned))
		return *(const unsigned *)at;
	return *(const unsigned long *)at;
}

static bool
read_number(struct row_reading *r, const struct row *row, const struct given *g,
    void *into)
{
	const char *text = g->v->text;
	struct scan s = { (const unsigned char *)text, strlen(text) };
	unsigned long n;

	if ((text[0] == '0' && text[1] != '\0') ||
	    !scan_number(&s, row->max, &n) || s.left > 0 || n < row->min)
		return plain_fail(&r->settings->plain, g->line, r->f,
		    "%s: wanted a whole number of %s from %lu to %lu, "
		    "without leading zeros",
		    row->name, row->wanted, row->min, row->max);
	store(row, into, n * row->scale);
	return true;
}

static void
print_number(const struct row *row, const void *from, struct buf *out)
{
	buf_printf(
	    out, "%s = %lu\n", row->name, stored(row, from) / row->scale);
}

static size_t
count_choices(const struct row *row)
{
	size_t n = 0;

	while (n < sizeof(row->choices) / sizeof(row->choices[0]) &&
	    row->choices[n] != NULL)
		n++;
	return n;
}

static bool
wrong_choice(struct row_reading *r, const struct row *row, unsigned line)
{
	bool three = count_choices(row) > 2;

	return plain_fail(&r->settings->plain, line, r->f,
	    "%s: wanted %s%s%s or %s", row->name, row->choices[0],
	    three ? ", " : "", three ? row->choices[1] : "",
	    row->choices[three ? 2 : 1]);
}

static bool
read_choice(struct row_reading *r, const struct row *row, const struct given *g,
    void *into)
{
	size_t i = 0;

	while (
	    i < count_choices(row) && strcmp(g->v->text, row->choices[i]) != 0)
		i++;
	if (i == count_choices(row))
		return wrong_choice(r, row, g->line);
	if (row->size == sizeof(bool))
		*(bool *)place(row, into) = i == 1;
	else
		*(unsigned *)(void *)place(row, into) = (unsigned)i;
	return true;
}

static void
print_choice(const struct row *row, const void *from, struct buf *out)
{
	const char *at = (const char *)from + row->at;
	size_t i = row->size == sizeof(bool)
	    ? *(const bool *)at
	    : *(const unsigned *)(const void *)at;

	buf_printf(out, "%s = %s\n", row->name, row->choices[i]);
}

void
row_put_text(struct buf *out, const char *text)
{
	buf_puts(out, "\"");
	for (const char *s = text; *s != '\0'; s++) {
		if (strchr("\"\\$", *s) != NULL)
			buf_puts(out, "\\");
		buf_add(out, s, 1);
	}
	buf_puts(out, "\"");
}

static void
put_option(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, "%s = ", name);
	row_put_text(out, text != NULL ? text : "");
	buf_puts(out, "\n");
}

static void
put_list(struct buf *out, const char *name, const struct option_value *list)
{
	if (list->n == 0)
		return;
	buf_printf(out, "%s = { ", name);
	for (size_t i = 0; i < list->n; i++) {
		if (i > 0)
			buf_puts(out, ", ");
		row_put_text(out, list->items[i]);
	}
	buf_puts(out, " }\n");
}

static bool
read_text(struct row_reading *r, const struct row *row, const struct given *g,
    void *into)
{
	const char **at = (const char **)(void *)place(row, into);

	(void)r;
	*at = g->v->text[0] != '\0' ? g->v->text : NULL;
	return true;
}

static void
print_text(const struct row *row, const void *from, struct buf *out)
{
	const void *at = (const char *)from + row->at;

	put_option(out, row->name, *(const char *const *)at);
}

/* Of a map "from=to" what is before the last =, else all of it. */
static size_t
entry_length(const char *name, const char *text)
{
	size_t n = strlen(name);
	const char *equals = strrchr(text, '=');
	bool map = n > 4 && strcmp(name + n - 4, "_map") == 0;

	return map && equals != NULL ? (size_t)(equals - text) : strlen(text);
}

/* A map looks its values up as wording_is_alike has it. */
static bool
is_same_entry(const char *name, const char *x, const char *y)
{
	size_t n = entry_length(name, x);

	if (x[n] == '\0')
		return strcmp(x, y) == 0;
	return entry_length(name, y) == n && wording_is_alike(x, y, n);
}

/* How much of an entry a message has room for. */
static int
shown(const char *name, const char *text)
{
	size_t n = entry_length(name, text);

	return (int)(n < SHOWN_MAX ? n : SHOWN_MAX);
}

static bool
twice(struct row_reading *r, const char *name, const struct plain_value *v,
    const char *before)
{
	int n = shown(name, v->text);

	if (strncasecmp(before, v->text, (size_t)n) == 0)
		return plain_fail(&r->settings->plain, v->line, r->f,
		    "%s: %.*s stands there twice; wanted once", name, n,
		    v->text);
	return plain_fail(&r->settings->plain, v->line, r->f,
	    "%s: %.*s is the same as %.*s, as _ and - are alike there; wanted "
	    "one of them",
	    name, n, v->text, n, before);
}

static bool
fill_list(struct row_reading *r, const char *name, const struct given *g,
    struct option_value *list)
{
	list->items = arena_alloc(&r->c->arena, g->n * sizeof(*list->items));
	list->n = 0;
	for (size_t i = 0; i < g->n; i++) {
		const char *text = g->v[i].text;

		if (text[0] == '\0')
			return plain_fail(&r->settings->plain, g->v[i].line,
			    r->f, "%s: an empty entry; wanted text", name);
		for (size_t j = 0; j < i; j++)
			if (is_same_entry(name, list->items[j], text))
				return twice(r, name, &g->v[i], list->items[j]);
		list->items[list->n++] = text;
	}
	return true;
}

static bool
read_list(struct row_reading *r, const struct row *row, const struct given *g,
    void *into)
{
	return fill_list(
	    r, row->name, g, (struct option_value *)(void *)place(row, into));
}

static void
print_list(const struct row *row, const void *from, struct buf *out)
{
	const void *at = (const char *)from + row->at;

	put_list(out, row->name, at);
}

static bool
read_directory(struct row_reading *r, const struct row *row,
    const struct given *g, void *into)
{
	*(const char **)(void *)place(row, into) =
	    plain_path(&r->settings->plain, g->line, g->v->text);
	return true;
}

/* Remember a file, to see when it changes; also one that cannot be read. */
static struct file *
new_file(struct row_reading *r, const char *path)
{
	struct file *file = arena_alloc(&r->c->arena, sizeof(*file));

	*file = (struct file){ .next = r->c->files, .path = path };
	r->c->files = file;
	return file;
}

static bool
read_address(struct row_reading *r, const struct row *row,
    const struct given *g, void *into)
{
	struct fail inner = { 0 };

	if (g->v->text[0] != '\0' && !post_url_ok(g->v->text, &inner))
		return wrong(r, row, g, inner.text);
	return read_text(r, row, g, into);
}

static bool
read_private(struct row_reading *r, const struct row *row,
    const struct given *g, void *into)
{
	struct conf_private *p =
	    (struct conf_private *)(void *)place(row, into);
	struct fail inner = { 0 };

	if (g->v->text[0] == '\0')
		return true;
	p->file = plain_path(&r->settings->plain, g->line, g->v->text);
	if (!secret_token(
		p->file, &r->c->arena, &p->token, new_file(r, p->file), &inner))
		return wrong(r, row, g, inner.text);
	return true;
}

static void
print_private(const struct row *row, const void *from, struct buf *out)
{
	const void *at = (const char *)from + row->at;

	put_option(out, row->name, ((const struct conf_private *)at)->file);
}

/* ---- a destination's ---- */

static bool
read_url(struct row_reading *r, const struct row *row, const struct given *g,
    void *into)
{
	struct conf_destination *d = into;
	struct fail inner = { 0 };

	d->target.url = g->v->text;
	if (!post_url_ok(d->target.url, &inner))
		return wrong(r, row, g, inner.text);
	for (size_t i = 0; i < r->c->n_destinations; i++)
		if (strcmp(r->c->destinations[i].target.url, d->target.url) ==
		    0)
			return plain_fail(&r->settings->plain, g->line, r->f,
			    "url: destination %s has the same; wanted one "
			    "destination for each URL",
			    r->c->destinations[i].name);
	return true;
}

static void
print_url(const struct row *row, const void *from, struct buf *out)
{
	const struct conf_destination *d = from;

	put_option(out, row->name, d->target.url);
}

static bool
read_token(struct row_reading *r, const struct row *row, const struct given *g,
    void *into)
{
	struct conf_destination *d = into;
	struct fail inner = { 0 };

	d->token_file = plain_path(&r->settings->plain, g->line, g->v->text);
	if (!secret_token(d->token_file, &r->c->arena, &d->target.token,
		new_file(r, d->token_file), &inner))
		return wrong(r, row, g, inner.text);
	return true;
}

static void
print_token(const struct row *row, const void *from, struct buf *out)
{
	const struct conf_destination *d = from;

	put_option(out, row->name, d->token_file);
}

static bool
read_ca(struct row_reading *r, const struct row *row, const struct given *g,
    void *into)
{
	struct conf_destination *d = into;
	struct buf certificates = BUF_MAX(CONF_CA_MAX);
	struct fail inner = { 0 };
	bool done;

	if (g->v->text[0] == '\0')
		return true;
	d->target.ca_file =
	    plain_path(&r->settings->plain, g->line, g->v->text);
	done = file_read(d->target.ca_file, FILE_OPEN, &certificates,
	    new_file(r, d->target.ca_file), &inner);
	buf_free(&certificates);
	return done || wrong(r, row, g, inner.text);
}

static void
print_ca(const struct row *row, const void *from, struct buf *out)
{
	const struct conf_destination *d = from;

	put_option(out, row->name, d->target.ca_file);
}

/* ---- a source's ---- */

static bool
read_kind(struct row_reading *r, const struct row *row, const struct given *g,
    void *into)
{
	struct conf_source *s = into;
	struct near n = near_new(g->v->text);

	(void)row;
	for (const struct source_kind *const *k = source_kinds; *k != NULL; k++)
		if (strcmp((*k)->name, n.wrong) == 0)
			s->source.kind = *k;
		else
			near_add(&n, (*k)->name);
	if (s->source.kind == NULL)
		return settings_fail(
		    r->settings, g->line, "kind: no such kind as", &n, r->f);
	near_free(&n);
	return true;
}

static void
print_kind(const struct row *row, const void *from, struct buf *out)
{
	const struct conf_source *s = from;

	buf_printf(out, "%s = %s\n", row->name, s->source.kind->name);
}

static bool
add_destination(
    struct row_reading *r, struct conf_to *to, const struct plain_value *v)
{
	const struct conf_destination *d = conf_destination(r->c, v->text);
	struct near n = near_new(v->text);

	if (d == NULL) {
		for (size_t i = 0; i < r->c->n_destinations; i++)
			near_add(&n, r->c->destinations[i].name);
		return settings_fail(r->settings, v->line,
		    "destination: no such destination as", &n, r->f);
	}
	to->items[to->n++] = d;
	return true;
}

static bool
read_to(struct row_reading *r, const struct row *row, const struct given *g,
    void *into)
{
	struct conf_to *to = (struct conf_to *)(void *)place(row, into);
	struct option_value list;

	if (!fill_list(r, row->name, g, &list))
		return false;
	to->items = arena_alloc(&r->c->arena, g->n * sizeof(*to->items));
	for (size_t i = 0; i < g->n; i++)
		if (!add_destination(r, to, &g->v[i]))
			return false;
	return true;
}

static void
print_to(const struct row *row, const void *from, struct buf *out)
{
	const void *at = (const char *)from + row->at;
	const struct conf_to *to = at;

	buf_printf(out, "%s = { ", row->name);
	for (size_t i = 0; i < to->n; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : "", to->items[i]->name);
	buf_puts(out, " }\n");
}

/* ---- a mute's ---- */

/* A name such as Europe/Berlin, which cannot lead out of the database. */
static bool
is_zone_name(const char *name)
{
	static const char fine[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";
	size_t n = strlen(name);

	return n > 0 && n <= ZONE_NAME_MAX && name[0] != '/' &&
	    strspn(name, fine) == n;
}

/* The database's file of that name, if it has one. */
static bool
read_zone_file(struct row_reading *r, const char *name, struct zone *out)
{
	char *path = arena_printf(&r->c->arena, "%s/%s", ZONES, name);
	struct buf bytes = BUF_MAX(ZONE_FILE_MAX);
	struct fail ignored = { 0 };
	bool did;

	if (!is_zone_name(name))
		return false;
	did = file_read(path, FILE_OPEN, &bytes, new_file(r, path), &ignored) &&
	    zone_parse_file(bytes.data, bytes.len, &r->c->arena, out);
	buf_free(&bytes);
	return did;
}

static bool
read_zone(struct row_reading *r, const struct row *row, const struct given *g,
    void *into)
{
	struct mute *m = into;
	const char *text = g->v->text;

	m->timezone = text;
	/* A rule first: to look for a file of that name would be to wait for
	 * one to come. */
	if (strcmp(text, "UTC") == 0 ||
	    zone_parse_rule(text, &m->window.zone) ||
	    read_zone_file(r, text, &m->window.zone))
		return true;
	return wrong(r, row, g,
	    "not in " ZONES " (package tzdata); wanted a name such as "
	    "Europe/Berlin, or a rule such as CET-1CEST,M3.5.0,M10.5.0/3");
}

/* ---- rows ---- */

static const struct {
	bool (*read)(struct row_reading *r, const struct row *row,
	    const struct given *g, void *into);
	void (*print)(const struct row *row, const void *from, struct buf *out);
	bool is_list;
} types[] = {
	[NUMBER] = { read_number, print_number, false },
	[TEXT] = { read_text, print_text, false },
	[LIST] = { read_list, print_list, true },
	[CHOICE] = { read_choice, print_choice, false },
	[DIRECTORY] = { read_directory, print_text, false },
	[URL] = { read_url, print_url, false },
	[TOKEN] = { read_token, print_token, false },
	[CA] = { read_ca, print_ca, false },
	[KIND] = { read_kind, print_kind, false },
	[TO] = { read_to, print_to, true },
	[ADDRESS] = { read_address, print_text, false },
	[PRIVATE] = { read_private, print_private, false },
	[ZONE] = { read_zone, print_text, false },
};

static struct given
given_for(const struct settings_section *section, const char *name)
{
	const struct setting *setting = settings_find(section, name);
	struct given g = { setting->values, setting->n, section->title.line,
		setting->n == 0 };

	if (g.n > 0)
		g.line = g.v[0].line;
	return g;
}

static bool
is_single(struct row_reading *r, const char *name, const struct given *g)
{
	if (g->n == 1 && !g->v->in_list)
		return true;
	return plain_fail(&r->settings->plain, g->line, r->f,
	    "%s: wanted one value, without braces", name);
}

static bool
read_row(
    struct row_reading *r, const struct row *row, struct given g, void *into)
{
	const struct plain_value standard = { row->value, g.line, false };
	bool must = row->value == NULL && row->wanted != NULL;

	if (g.absent && must)
		return plain_fail(&r->settings->plain, g.line, r->f,
		    "%s is missing; wanted %s", row->name, row->wanted);
	if (g.absent && row->value == NULL)
		return true;
	if (g.absent) {
		g.v = &standard;
		g.n = 1;
	}
	if (!types[row->type].is_list && !is_single(r, row->name, &g))
		return false;
	if (must && g.v->text[0] == '\0')
		return plain_fail(&r->settings->plain, g.line, r->f,
		    "%s is empty; wanted %s", row->name, row->wanted);
	return types[row->type].read(r, row, &g, into);
}

static const struct option *
options_of(const struct source_kind *kind)
{
	static const struct option none = { NULL, OPTION_TEXT, NULL };

	return kind->options != NULL ? kind->options : &none;
}

static const struct option *
find_option(const struct source_kind *kind, const char *name)
{
	for (const struct option *o = options_of(kind); o->name != NULL; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

/* Whether a source's kind has an option of its own in the row's place. */
static bool
is_kinds(const struct row *rows, const struct row *row, const void *from)
{
	const struct conf_source *s = rows == row_source ? from : NULL;

	return s != NULL && s->source.kind != NULL &&
	    find_option(s->source.kind, row->name) != NULL;
}

bool
row_read(struct row_reading *r, const struct row *rows,
    const struct settings_section *section, void *into)
{
	for (const struct row *row = rows; row->name != NULL; row++)
		if (!is_kinds(rows, row, into) &&
		    !read_row(r, row, given_for(section, row->name), into))
			return false;
	return true;
}

void
row_print(const struct row *rows, const char *indent, const void *from,
    struct buf *out)
{
	for (const struct row *row = rows; row->name != NULL; row++) {
		struct buf line = BUF_MAX(out->max);

		if (!is_kinds(rows, row, from))
			types[row->type].print(row, from, &line);
		if (line.len > 0)
			buf_printf(out, "%s%s", indent, line.data);
		buf_free(&line);
	}
}

/* ---- the options of a kind ---- */

static bool
read_option_choice(struct row_reading *r, const struct option *o,
    const struct given *g, struct option_value *value)
{
	struct near n = near_new(g->absent ? o->choices[0] : g->v->text);

	value->items = arena_alloc(&r->c->arena, sizeof(*value->items));
	value->n = 0;
	for (const char *const *choice = o->choices; *choice != NULL; choice++)
		if (strcmp(*choice, n.wrong) == 0)
			value->items[value->n++] = *choice;
		else
			near_add(&n, *choice);
	if (value->n != 1) {
		char what[60];

		(void)snprintf(what, sizeof(what), "%.40s: not", o->name);
		return settings_fail(r->settings, g->line, what, &n, r->f);
	}
	near_free(&n);
	return true;
}

static bool
read_option_secret(struct row_reading *r, const struct option *o,
    const struct given *g, struct option_value *value, const char **named)
{
	struct fail inner = { 0 };

	*named = plain_path(&r->settings->plain, g->line, g->v->text);
	if (!secret_lines(
		*named, &r->c->arena, value, new_file(r, *named), &inner))
		return plain_fail(&r->settings->plain, g->line, r->f, "%s: %s",
		    o->name, inner.text);
	return true;
}

/* For people to follow: whatever is there, their browser asks for it. */
static bool
is_link(const char *text)
{
	size_t n = strncasecmp(text, "https://", 8) == 0 ? 8
	    : strncasecmp(text, "http://", 7) == 0       ? 7
							 : 0;

	if (n == 0 || strchr("/?#", text[n]) != NULL)
		return false;
	while ((unsigned char)text[n] > ' ' && text[n] != 0x7f &&
	    strchr("\"<>\\", text[n]) == NULL)
		n++;
	return text[n] == '\0';
}

static bool
read_option(struct row_reading *r, const struct option *o,
    const struct given *g, struct option_value *value, const char **named)
{
	if (!g->absent && o->type != OPTION_LIST && !is_single(r, o->name, g))
		return false;
	if (o->type == OPTION_CHOICE)
		return read_option_choice(r, o, g, value);
	if (g->absent)
		return true;
	if (o->type == OPTION_SECRET && g->v->text[0] != '\0')
		return read_option_secret(r, o, g, value, named);
	if (o->type == OPTION_URL && !is_link(g->v->text))
		return plain_fail(&r->settings->plain, g->line, r->f,
		    "%s: wanted a URL that begins with https:// or http://",
		    o->name);
	return fill_list(r, o->name, g, value);
}

static bool
is_row(const struct row *rows, const char *name)
{
	while (rows->name != NULL && strcmp(rows->name, name) != 0)
		rows++;
	return rows->name != NULL;
}

/* The table of a source has the options of all kinds; here only this one's
 * count. */
static bool
only_own_options(struct row_reading *r, const struct settings_section *section,
    const struct source_kind *kind)
{
	const struct setting *s = section->settings;
	struct near n;

	while (s->name != NULL &&
	    (s->n == 0 || is_row(row_source, s->name) ||
		find_option(kind, s->name) != NULL))
		s++;
	if (s->name == NULL)
		return true;
	n = near_new(s->name);
	for (const struct option *o = options_of(kind); o->name != NULL; o++)
		near_add(&n, o->name);
	for (const struct row *row = row_source; row->name != NULL; row++)
		near_add(&n, row->name);
	return settings_fail(r->settings, s->values[0].line,
	    "a source of this kind has no", &n, r->f);
}

static size_t
count_options(const struct source_kind *kind)
{
	size_t n = 0;

	while (options_of(kind)[n].name != NULL)
		n++;
	return n;
}

/* What the kind says to it, at the line of the value that it names. */
static bool
check_kind(struct row_reading *r, const struct settings_section *section,
    struct source *s)
{
	struct source_fault at = { NULL, 0 };
	struct fail inner = { 0 };
	unsigned line = section->title.line;
	const struct setting *setting;

	if (s->kind->check == NULL ||
	    s->kind->check(s, &r->c->arena, &at, &inner))
		return true;
	if (at.option == NULL)
		return plain_fail(
		    &r->settings->plain, line, r->f, "%s", inner.text);
	setting = settings_find(section, at.option);
	if (at.value < setting->n)
		line = setting->values[at.value].line;
	return plain_fail(
	    &r->settings->plain, line, r->f, "%s: %s", at.option, inner.text);
}

bool
row_read_kind(struct row_reading *r, const struct settings_section *section,
    struct conf_source *into)
{
	const struct option *options = options_of(into->source.kind);
	size_t n = count_options(into->source.kind);

	if (!only_own_options(r, section, into->source.kind))
		return false;
	into->source.values =
	    arena_alloc(&r->c->arena, n * sizeof(*into->source.values));
	into->named = arena_alloc(&r->c->arena, n * sizeof(*into->named));
	for (size_t i = 0; i < n; i++) {
		struct given g = given_for(section, options[i].name);

		into->source.values[i] = (struct option_value){ NULL, 0 };
		into->named[i] = NULL;
		if (!read_option(r, &options[i], &g, &into->source.values[i],
			&into->named[i]))
			return false;
	}
	return check_kind(r, section, &into->source);
}

void
row_print_kind(const struct conf_source *s, const char *indent, struct buf *out)
{
	const struct option *o = options_of(s->source.kind);

	for (size_t i = 0; o[i].name != NULL; i++) {
		const struct option_value *value = &s->source.values[i];

		if (value->n == 0)
			continue;
		buf_puts(out, indent);
		if (o[i].type == OPTION_LIST)
			put_list(out, o[i].name, value);
		else
			put_option(out, o[i].name,
			    o[i].type == OPTION_SECRET ? s->named[i]
						       : value->items[0]);
	}
}

/* ---- names ---- */

static void
add_name(const char **names, size_t *n, const char *name)
{
	for (size_t i = 0; i < *n; i++)
		if (strcmp(names[i], name) == 0)
			return;
	names[(*n)++] = name;
}

const char *const *
row_names(struct row_reading *r, const struct row *rows)
{
	const struct source_kind *const *kind =
	    rows == row_source ? source_kinds : NULL;
	size_t n = 0, most = 1;
	const char **names;

	for (const struct row *row = rows; row->name != NULL; row++)
		most++;
	for (size_t i = 0; kind != NULL && kind[i] != NULL; i++)
		most += count_options(kind[i]);
	names = arena_alloc(&r->c->arena, most * sizeof(*names));
	for (const struct row *row = rows; row->name != NULL; row++)
		add_name(names, &n, row->name);
	for (size_t i = 0; kind != NULL && kind[i] != NULL; i++)
		for (size_t j = 0; options_of(kind[i])[j].name != NULL; j++)
			add_name(names, &n, options_of(kind[i])[j].name);
	names[n] = NULL;
	return names;
}
