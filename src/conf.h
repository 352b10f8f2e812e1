/*
 * The configuration (DESIGN.md, 5), checked and in the structs of those that
 * need it: settings reads the file, row says what an option may be.
 *
 * What is read is whole or not at all; everything in it lives until
 * conf_free.  A failure is FAIL_BROKEN and names file, line and what was
 * wanted.
 */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "file.h"
#include "mute.h"
#include "post.h"
#include "route.h"
#include "source.h"
#include "table.h"
#include "wording.h"

struct buf;
struct fail;

enum { CONF_CA_MAX = 8 << 20 }; /* bytes of a ca_file */

struct conf_destination {
	const char *name;
	struct post_target target; /* token read from token_file */
	const char *token_file;
	unsigned rate; /* calls in any 60 s */
	long timeout_ms;
	unsigned retry_hours;
	long resend_after; /* s */
	bool updates;      /* updates = all */
	bool refire;       /* refire = severity */
};

struct conf_to {
	const struct conf_destination **items;
	size_t n; /* at least one */
};

/* A source and where those of its alerts go that no route takes. */
struct conf_source {
	struct source source;
	struct conf_to to;
	struct wording_options words;
	const char *namespace; /* NULL: keys are as the sender has them */
	const char **named;    /* as source.values: the file of each secret */
};

/* A route and where the alerts go that it takes. */
struct conf_route {
	struct route route;
	struct conf_to to;
};

enum conf_journal {
	CONF_JOURNAL_OFF,
	CONF_JOURNAL_OUTCOMES,
	CONF_JOURNAL_FULL
};

/* Who may see details: this host, nobody, everybody (with the token). */
enum conf_status { CONF_STATUS_LOCAL, CONF_STATUS_OFF, CONF_STATUS_ON };

/* A token and the file it stands in; both NULL: there is none. */
struct conf_private {
	const char *token;
	const char *file;
};

struct conf {
	struct arena arena;
	const char *path; /* absolute, like all paths in here */
	const char *spool;
	size_t body_limit; /* bytes */
	unsigned keep_days;
	unsigned long max_pending;
	enum conf_journal journal;
	unsigned long journal_max; /* MiB */
	unsigned journal_days;
	struct option_value journal_redact; /* JSON Pointers */
	enum conf_status status;
	struct conf_private status_token;
	struct post_target heartbeat; /* its url is NULL if there is none */
	struct conf_private heartbeat_token;
	const char *self_alert;    /* name of a destination, or NULL */
	unsigned self_alert_after; /* minutes */
	struct conf_destination *destinations;
	size_t n_destinations;
	struct conf_source *sources;
	size_t n_sources;
	struct option_value severity_map;
	struct wording_rules *severities; /* the same, read */
	struct table_list *tables;        /* asked in order */
	struct conf_route *routes;        /* asked in order */
	size_t n_routes;
	struct mute *mutes;
	size_t n_mutes;
	struct file *files; /* itself, includes, secrets, tokens, CAs */
};

/*
 * Where the configuration is, in the order of DESIGN.md, 5: named (NULL: not
 * given), BELLRELAY_CONFIG, the home of the password database, /etc, beside the
 * program.  The path goes to out; a failure says where it was looked for.
 */
bool conf_find(const char *named, struct buf *out, struct fail *f);

/* Read it.  *out must be zero; conf_free is safe whatever the result, and
 * files has all that were tried. */
bool conf_read(const char *path, struct conf *out, struct fail *f);
void conf_free(struct conf *c);

/* Whether any of its files is no longer what it was. */
bool conf_stale(const struct conf *c);

/* The configuration in effect, as configuration text, defaults included;
 * secrets are shown as the names of their files. */
void conf_print(const struct conf *c, struct buf *out);

/* NULL if there is none of that name. */
const struct conf_source *conf_source(const struct conf *c, const char *name);
const struct conf_destination *conf_destination(
    const struct conf *c, const char *name);

#endif
