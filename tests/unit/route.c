#include "route.h"

#include "arena.h"
#include "fail.h"
#include "tree.h"

#include "tap.h"

static struct arena arena;

#define LIST(...) \
	{ \
		(const char *[]){ __VA_ARGS__ }, \
		    sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *) \
	}

/* metadata of the alert, which came from the source mc-prod */
static const struct {
	struct route route;
	const char *metadata;
	bool want;
	const char *why;
} cases[] = {
	{ { .name = "r" }, "{}", true, "a route without patterns takes all" },

	{ { .sources = LIST("mc-prod") }, "{}", true, "a source's name" },
	{ { .sources = LIST("mc-*") }, "{}", true, "a pattern of names" },
	{ { .sources = LIST("mc") }, "{}", false, "but not a part of it" },

	{ { .types = LIST("freshness", "volume") }, "{\"type\":\"volume\"}",
	    true, "one pattern of many is enough" },
	{ { .types = LIST("VOL*") }, "{\"type\":\"volume\"}", true,
	    "capitals are of no account" },
	{ { .types = LIST("vol*") }, "{\"type\":\"VOLUME\"}", true,
	    "on either side" },
	{ { .types = LIST("*") }, "{}", false,
	    "what is not said matches no pattern" },
	{ { .types = LIST("*") }, "{\"type\":null}", false,
	    "nor what is null" },
	{ { .types = LIST("*") }, "{\"type\":{\"a\":1}}", false,
	    "nor what is an object" },
	{ { .types = LIST("7") }, "{\"type\":7}", true,
	    "a number is as it was written" },
	{ { .severities = LIST("critical", "SEV-1") },
	    "{\"severity\":\"sev-1\"}", true, "a severity" },

	{ { .tags = LIST("fin*") }, "{\"tags\":[\"pii\",\"finance\"]}", true,
	    "any tag of many" },
	{ { .tags = LIST("fin*") }, "{\"tags\":[\"pii\"]}", false,
	    "or none of them" },
	{ { .tags = LIST("fin*") }, "{\"tags\":[]}", false, "no tag" },
	{ { .tags = LIST("fin*") }, "{\"tags\":[{},[\"fin\"],null]}", false,
	    "tags that are no text" },
	{ { .tags = LIST("fin*") }, "{\"tags\":\"finance\"}", true,
	    "one tag that is no list" },
	{ { .owners = LIST("*@example.com") },
	    "{\"owners\":[\"bob@example.org\",\"ann@example.com\"]}", true,
	    "an owner" },

	{ { .tables = LIST("artemis") }, "{\"tables\":[\"artemis\"]}", true,
	    "a table as it was sent" },
	{ { .tables = LIST("zeus.ares.artemis") },
	    "{\"group_id\":\"zeus:ares\",\"tables\":[\"artemis\"]}", true,
	    "and behind its group" },
	{ { .tables = LIST("*.ares.*") },
	    "{\"group_id\":\"zeus:ares\",\"tables\":[\"artemis\"]}", true,
	    "by a pattern" },
	{ { .tables = LIST("zeus:ares.artemis") },
	    "{\"group_id\":\"zeus:ares\",\"tables\":[\"artemis\"]}", false,
	    "whose colons are dots" },
	{ { .tables = LIST("zeus.*") }, "{\"group_id\":\"zeus:ares\"}", false,
	    "a group without a table is none" },
	{ { .tables = LIST("*finance*") },
	    "{\"tables\":[\"a.b.c\",\"db.Finance.invoices\"]}", true,
	    "any table of many" },
	{ { .tables = LIST("*.invoices") },
	    "{\"group_id\":\"\",\"tables\":[\"invoices\"]}", false,
	    "an empty group puts no dot before a table" },
	{ { .tables = LIST("a[bc]", "d?f", "\\*") }, "{\"tables\":[\"ab\"]}",
	    true, "a set" },
	{ { .tables = LIST("a[bc]", "d?f", "\\*") }, "{\"tables\":[\"def\"]}",
	    true, "a question mark" },
	{ { .tables = LIST("a[bc]", "d?f", "\\*") }, "{\"tables\":[\"*\"]}",
	    true, "an escape" },
	{ { .tables = LIST("a/*") }, "{\"tables\":[\"a/b/.c\"]}", true,
	    "a star passes slashes and dots" },
	{ { .tables = LIST("a[") }, "{\"tables\":[\"a[\"]}", true,
	    "a set that does not end is text" },

	{ { .types = LIST("volume"), .tags = LIST("pii") },
	    "{\"type\":\"volume\",\"tags\":[\"pii\"]}", true,
	    "every sort must match" },
	{ { .types = LIST("volume"), .tags = LIST("pii") },
	    "{\"type\":\"volume\",\"tags\":[]}", false, "not one alone" },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tree *alert = tree_new(&arena, TREE_OBJECT);
		struct tree *metadata = NULL;
		struct fail f = { 0 };

		(void)tree_parse(cases[i].metadata, strlen(cases[i].metadata),
		    &arena, &metadata, &f);
		tree_set(&arena, alert, "metadata", metadata);
		ok(route_takes(&cases[i].route, "mc-prod", alert, &arena) ==
			cases[i].want,
		    "%s", cases[i].why);
	}
	ok(!route_takes(&(struct route){ .tables = LIST("*") }, "x",
	       tree_new(&arena, TREE_OBJECT), &arena),
	    "an alert without metadata is of no table");
	ok(route_takes_all(&cases[0].route) &&
		!route_takes_all(&cases[1].route),
	    "it is known which route takes all");
	arena_free(&arena);
	return tap_done();
}
