/*
 * What is in the spool, for people who look: destinations, configured or no
 * longer, and their alerts.  Takes no lock and changes nothing that matters.
 */
#ifndef CATALOG_H
#define CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"
#include "pace.h"
#include "spool.h"
#include "ticket.h"

struct conf;
struct fail;
struct tree;

struct catalog_box {
	const char *name;
	bool orphan; /* no such destination is configured any more */
	struct spool_box box;
};

struct catalog {
	struct arena arena;
	struct spool spool;
	struct catalog_box *boxes; /* by name; those that are in the spool */
	size_t n;
};

bool catalog_open(struct catalog *c, const struct conf *conf, struct fail *f);
void catalog_close(struct catalog *c);

/* NULL if there is none of that name. */
struct catalog_box *catalog_find(const struct catalog *c, const char *name);

/* A ticket, and where it was found. */
struct catalog_ticket {
	struct ticket ticket;
	enum spool_where where;
	struct tree *whole; /* all of its file */
};

/* False and no failure if there is none. */
bool catalog_ticket(const struct catalog_box *b, const char *id,
    struct catalog_ticket *out, struct arena *a, struct fail *f);

/* A dead letter.  Texts are NULL where they are not there. */
struct catalog_letter {
	const char *name; /* of its file */
	const char *key;
	const char *source;
	const char *why;
	const char *answer;
	int64_t at;
	int64_t status; /* of the answer */
	int64_t n;      /* serial of the event */
	bool resolved;
	bool superseded; /* by something newer, so that it is not retried */
	const struct tree *body;
	struct tree *whole;
};

/* name is that of its file; false and no failure if it is not there. */
bool catalog_letter(const struct catalog_box *b, const char *name,
    struct catalog_letter *out, struct arena *a, struct fail *f);

/* The names of a destination's dead letters, which are listed once for many
 * alerts. */
struct catalog_dead {
	const struct catalog_box *at;
	struct buf names; /* struct spool_name, sorted */
};

/* Whether they are all; if not, it is said.  To be forgotten in any case. */
bool catalog_list_dead(const struct catalog_box *b, struct catalog_dead *out);
void catalog_forget_dead(struct catalog_dead *d);

/* The i-th of the alerts that have some, by id; false behind the last.  i goes
 * on to the next. */
bool catalog_next_dead(
    const struct catalog_dead *d, size_t *i, char id[SPOOL_ID + 1]);

/* Whether the alert has some on the list. */
bool catalog_has_dead(const struct catalog_dead *d, const char *id);

/*
 * Those of one alert, by serial, under claim and edit also such as came after
 * the list.  Those that cannot be read are left out; f tells of the first.
 */
struct catalog_letter *catalog_letters(const struct catalog_dead *d,
    const char *id, size_t *n, struct arena *a, struct fail *f);

/* How a destination is: ready, resting or held. */
void catalog_pace(const struct spool_box *b, struct pace *out, struct arena *a);

/* How many of its tickets owe something, repeats apart; what cannot be read
 * does. */
size_t catalog_owed(const struct spool_box *b);

/* End a walk through b.  Whether it saw everything; if not, it is said. */
bool catalog_walked(const struct catalog_box *b, struct spool_walk *w);

#endif
