#include "mute.h"

#include "arena.h"
#include "fail.h"
#include "source.h"
#include "tree.h"
#include "when.h"

#include "tap.h"

#include <stdlib.h>

static struct arena arena;

/* Sections as given: name, table, from, to, hours. */
static const char *const sections[][5] = {
	{ "move", "*.staging.*", "2026-12-24T18:00", "2026-12-27", NULL },
	{ "after", "*.staging.*", "2026-12-27", "2026-12-28", NULL },
	{ "nights", "*.finance.*", NULL, NULL, "22:00-06:00" },
	{ "weekends", "*.finance.*", NULL, NULL, "sat,sun" },
	{ "over", "*", NULL, "2026-01-01", NULL },
	{ "always", "*.scratch.*", NULL, NULL, NULL },
};

enum { MUTES = sizeof(sections) / sizeof(sections[0]) };

static const struct {
	const char *table;
	const char *now;
	const char *by; /* NULL: none */
	const char *until;
	const char *why;
} cases[] = {
	{ "a.staging.b", "2026-12-24T17:59:59Z", NULL, NULL, "before it" },
	{ "a.staging.b", "2026-12-25", "move", "2026-12-28T00:00:00.000Z",
	    "what follows without a gap counts" },
	{ "a.staging.b", "2026-12-27", "after", "2026-12-28T00:00:00.000Z",
	    "the next" },
	{ "a.staging.b", "2026-12-28", NULL, NULL, "until none does" },
	{ "a.other.b", "2026-12-25", NULL, NULL, "other tables" },
	{ "a.finance.b", "2026-11-27T23:00:00Z", "nights",
	    "2026-11-30T06:00:00.000Z",
	    "a night, the weekend, and the night behind it" },
	{ "a.finance.b", "2026-11-28T12:00:00Z", "weekends",
	    "2026-11-30T06:00:00.000Z", "the first that covers now" },
	{ "a.finance.b", "2026-11-30T12:00:00Z", NULL, NULL, "noon" },
	{ "a.finance.b", "2025-06-04T12:00:00Z", "over",
	    "2026-01-01T06:00:00.000Z", "one that is over by now" },
	{ "a.scratch.b", "2026-11-30T12:00:00Z", "always", "never",
	    "for ever" },
};

static void
read_all(struct mute *m)
{
	for (size_t i = 0; i < MUTES; i++) {
		const char *const *s = sections[i];
		struct source_fault at = { NULL, 0 };
		struct fail f = { 0 };
		const char **given = arena_alloc(&arena, 2 * sizeof(*given));

		given[0] = s[1];
		given[1] = s[4];
		m[i] = (struct mute){ .match = { .name = s[0],
					  .tables = { given, 1 } },
			.from = s[2],
			.to = s[3],
			.hours = { given + 1, s[4] != NULL } };
		if (!mute_read(&m[i], &at, &f))
			abort();
	}
}

int
main(void)
{
	struct mute m[MUTES];

	read_all(m);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tree *alert = tree_new(&arena, TREE_OBJECT);
		struct tree *metadata = tree_new(&arena, TREE_OBJECT);
		const struct mute *by;
		int64_t now, until = 0;
		char end[WHEN_SIZE] = "never";

		if (!when_parse(cases[i].now, &now))
			abort();
		tree_set_str(&arena, metadata, "tables", cases[i].table);
		tree_set(&arena, alert, "metadata", metadata);
		by = mute_find(m, MUTES, "s", alert, now, &arena, &until);
		if (until != WINDOW_NEVER)
			when_write(until, end);
		if (cases[i].by == NULL)
			ok(by == NULL, "%s: not muted", cases[i].why);
		else
			ok(by != NULL &&
				strcmp(by->match.name, cases[i].by) == 0 &&
				strcmp(end, cases[i].until) == 0,
			    "%s: %s (%s)", cases[i].by, cases[i].why, end);
	}
	ok(!mute_is_total(&m[5]), "one of some tables is not for all");
	m[5].match.tables.n = 0;
	ok(mute_is_total(&m[5]), "without patterns it is, for ever");
	arena_free(&arena);
	return tap_done();
}
