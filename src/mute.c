#include "mute.h"

#include "arena.h"
#include "fail.h"
#include "source.h"
#include "when.h"

enum { LINKS = 64 }; /* windows that follow each other without a gap */

/* ---- reading ---- */

static bool
read_moment(const struct mute *m, const char *name, const char *given,
    int64_t *out, struct source_fault *at, struct fail *f)
{
	bool wall;

	if (given == NULL)
		return true;
	at->option = name;
	if (!when_parse_wall(given, out, &wall))
		return fail_set(f, FAIL_BROKEN,
		    "wanted a day such as 2026-12-24, or a time such as "
		    "2026-12-24T18:00 or 2026-12-24T18:00+01:00");
	if (wall)
		*out = zone_time(&m->window.zone, *out);
	return true;
}

static bool
read_hours(struct mute *m, struct source_fault *at, struct fail *f)
{
	at->option = "hours";
	for (at->value = 0; at->value < m->hours.n; at->value++)
		if (!window_add(&m->window, m->hours.items[at->value]))
			return fail_set(f, FAIL_BROKEN,
			    "wanted hours such as \"22:00-06:00\", "
			    "\"sat,sun\" or \"mon-fri 22:00-06:00\"");
	at->value = 0;
	return true;
}

bool
mute_read(struct mute *m, struct source_fault *at, struct fail *f)
{
	m->window.from = 0;
	m->window.to = WINDOW_NEVER;
	if (!read_hours(m, at, f) ||
	    !read_moment(m, "from", m->from, &m->window.from, at, f) ||
	    !read_moment(m, "to", m->to, &m->window.to, at, f))
		return false;
	if (m->window.from < m->window.to)
		return true;
	at->option = "to";
	return fail_set(
	    f, FAIL_BROKEN, "it is not after from; wanted a later time");
}

bool
mute_is_total(const struct mute *m)
{
	return route_takes_all(&m->match) && m->window.to == WINDOW_NEVER &&
	    window_is_whole_week(&m->window);
}

/* ---- asking ---- */

/* Those that the alert fits, whatever the time, ended by NULL. */
static const struct mute **
fitting(const struct mute *all, size_t n, const char *source,
    const struct tree *alert, struct arena *a)
{
	const struct mute **found = arena_alloc(a, (n + 1) * sizeof(*found));
	size_t used = 0;

	for (size_t i = 0; i < n; i++)
		if (route_takes(&all[i].match, source, alert, a))
			found[used++] = &all[i];
	found[used] = NULL;
	return found;
}

/* The end of the one that covers t the longest; t if none does. */
static int64_t
farthest(const struct mute *const *m, int64_t t)
{
	int64_t end = t;

	for (; *m != NULL; m++)
		if (window_covers(&(*m)->window, t)) {
			int64_t one = window_end(&(*m)->window, t);

			end = one > end ? one : end;
		}
	return end;
}

const struct mute *
mute_find(const struct mute *all, size_t n, const char *source,
    const struct tree *alert, int64_t now, struct arena *a, int64_t *until)
{
	const struct mute **fit;

	if (n == 0)
		return NULL;
	fit = fitting(all, n, source, alert, a);
	*until = now;
	for (int i = 0; i < LINKS; i++) {
		int64_t end = farthest((const struct mute *const *)fit, *until);

		if (end == *until)
			break;
		*until = end;
	}
	for (; *fit != NULL; fit++)
		if (window_covers(&(*fit)->window, now))
			return *fit;
	return NULL;
}
