#include "route.h"

#include "match.h"

static bool
fits(const struct option_value *patterns, const struct tree *alert,
    const char *name, struct arena *a)
{
	return patterns->n == 0 || match_member(patterns, alert, name, a);
}

static bool
about(const struct option_value *patterns, const struct tree *alert,
    struct arena *a)
{
	struct option_value names;

	if (patterns->n == 0)
		return true;
	names = match_tables(alert, a);
	for (size_t i = 0; i < names.n; i++)
		if (match_any(patterns, names.items[i]))
			return true;
	return false;
}

bool
route_takes(const struct route *r, const char *source, const struct tree *alert,
    struct arena *a)
{
	return (r->sources.n == 0 || match_any(&r->sources, source)) &&
	    about(&r->tables, alert, a) && fits(&r->types, alert, "type", a) &&
	    fits(&r->severities, alert, "severity", a) &&
	    fits(&r->tags, alert, "tags", a) &&
	    fits(&r->owners, alert, "owners", a);
}

bool
route_takes_all(const struct route *r)
{
	return r->sources.n + r->tables.n + r->types.n + r->severities.n +
	    r->tags.n + r->owners.n ==
	    0;
}
