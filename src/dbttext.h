/*
 * How dbt's alerts read to people, in the words that Elementary has for them
 * (facts/elementary.md, 3), whoever reports them.  A name that is not known
 * may be NULL anywhere.
 */
#ifndef DBTTEXT_H
#define DBTTEXT_H

struct arena;
struct draft;
struct tree;

/*
 * The name in a unique id: of "test.jaffle.unique_orders_id.fed79b3a6e"
 * unique_orders_id, of "source.jaffle.raw.orders" raw.orders.
 */
const char *dbttext_name(const char *unique_id, struct arena *a);

/* `"name" test failed on table.column`. */
const char *dbttext_test(
    const char *name, const char *table, const char *column, struct arena *a);

/* `dbt failed to build incremental "orders"`. */
const char *dbttext_build(const char *what, const char *name, struct arena *a);

/* The title of a source that is too old, or whose age is unknown (status
 * "runtime error"). */
const char *dbttext_freshness(
    const char *status, const char *source, struct arena *a);

/* How bad a status is, in the words of which people make severities. */
const char *dbttext_severity(const char *status);

/* What a check of freshness found, of which everything may be absent. */
struct dbttext_age {
	const char *error;       /* why there is no age */
	const char *when;        /* the check ran */
	const char *newest;      /* the most recent record */
	const struct tree *ago;  /* seconds between them */
	const struct tree *warn; /* {"count":1,"period":"day"} or its text */
	const struct tree *fail;
	const char *filter;
};

void dbttext_say_age(struct draft *d, const struct dbttext_age *age);

#endif
