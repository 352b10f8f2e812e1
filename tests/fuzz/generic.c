/*
 * Any bytes at all, read by pointers of every shape: each alert becomes an
 * event with a title, a key and a status, under the limit.
 */
#include "generic.h"

#include "alerts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* By the names of the kind's options; what is not here is not given. */
static struct {
	const char *name;
	const char *items[4];
	size_t n;
} given[] = {
	{ "each", { "/alerts", "/*/a", "/*/*" }, 3 },
	{ "key", { "/id", "{/a}-{/b/0}" }, 2 },
	{ "title", { "/title", "{/name} on {/t/*}", "/*" }, 3 },
	{ "description", { "/text", "**{/a/*/b}**" }, 2 },
	{ "url", { "/url" }, 1 },
	{ "status", { "/status", "/r/*/ok" }, 2 },
	{ "status_map",
	    { "true=resolved", "ok=resolved", "no=ignored", "x=firing" }, 4 },
	{ "severity", { "/severity", "/level", "minor" }, 3 },
	{ "severity_map", { "1=critical" }, 1 },
	{ "owners", { "/owner", "/o/*/email", "ann" }, 3 },
	{ "tags", { "/tags", "/tags/*/name" }, 2 },
	{ "tables", { "/t/*", "{/schema}.{/table}" }, 2 },
	{ "type", { "/a~1b/~0" }, 1 },
};

static void
configure(struct source *s, struct arena *a)
{
	struct source_fault at = { NULL, 0 };
	struct fail f = { 0 };
	size_t n = 0;

	while (s->kind->options[n].name != NULL)
		n++;
	s->values = arena_alloc(a, n * sizeof(*s->values));
	for (size_t i = 0; i < n; i++) {
		s->values[i] = (struct option_value){ NULL, 0 };
		for (size_t j = 0; j < sizeof(given) / sizeof(*given); j++)
			if (strcmp(s->kind->options[i].name, given[j].name) ==
			    0)
				s->values[i] =
				    (struct option_value){ given[j].items,
					    given[j].n };
	}
	want(s->kind->check(s, a, &at, &f));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct source source = {
		.name = "any", .kind = &source_generic, .namespace = "any"
	};
	struct arena a = { 0 };

	configure(&source, &a);
	live(&source, data, n);
	arena_free(&a);
	return 0;
}
