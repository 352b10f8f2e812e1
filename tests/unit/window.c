#include "window.h"

#include "when.h"

#include "tap.h"

#include <stdlib.h>

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

static int64_t
at(const char *text)
{
	int64_t t;

	if (!when_parse(text, &t))
		abort();
	return t;
}

static struct window
open_window(const char *zone, const char *hours)
{
	struct window w = WINDOW_OPEN;

	if (!zone_parse_rule(zone, &w.zone) || !window_add(&w, hours))
		abort();
	return w;
}

static const struct {
	const char *zone;
	const char *hours;
	const char *time;
	const char *end; /* NULL: not covered */
	const char *why;
} cases[] = {
	/* 2026-11-23 is a Monday. */
	{ "UTC0", "08:00-09:30", "2026-11-23T07:59:59.999Z", NULL, "before" },
	{ "UTC0", "08:00-09:30", "2026-11-23T08:00:00Z", "2026-11-23T09:30:00Z",
	    "it begins with its first minute" },
	{ "UTC0", "08:00-09:30", "2026-11-23T09:29:59.999Z",
	    "2026-11-23T09:30:00Z", "covers its last millisecond" },
	{ "UTC0", "08:00-09:30", "2026-11-23T09:30:00Z", NULL,
	    "and is over with its end" },
	{ "UTC0", "8:00-9:30", "2026-11-29T08:30:00Z", "2026-11-29T09:30:00Z",
	    "every day; one digit will do" },

	{ "UTC0", "22:00-06:00", "2026-11-23T23:00:00Z", "2026-11-24T06:00:00Z",
	    "over midnight" },
	{ "UTC0", "22:00-06:00", "2026-11-24T05:59:00Z", "2026-11-24T06:00:00Z",
	    "and in the morning" },
	{ "UTC0", "22:00-06:00", "2026-11-24T06:00:00Z", NULL, "until six" },
	{ "UTC0", "fri 22:00-06:00", "2026-11-28T03:00:00Z",
	    "2026-11-28T06:00:00Z", "Friday's night ends on Saturday" },
	{ "UTC0", "fri 22:00-06:00", "2026-11-27T03:00:00Z", NULL,
	    "and is not Thursday's" },
	{ "UTC0", "sun 22:00-06:00", "2026-11-23T05:00:00Z",
	    "2026-11-23T06:00:00Z", "Sunday's ends with the next week" },
	{ "UTC0", "sun 22:00-06:00", "2026-11-29T22:00:00Z",
	    "2026-11-30T06:00:00Z", "from either side" },

	{ "UTC0", "sat,sun", "2026-11-28T00:00:00Z", "2026-11-30T00:00:00Z",
	    "whole days, one behind the other" },
	{ "UTC0", "Sat-Sun", "2026-11-29T12:00:00Z", "2026-11-30T00:00:00Z",
	    "capitals are of no account" },
	{ "UTC0", "saturday,sunday", "2026-11-27T23:59:59Z", NULL,
	    "whole names, and not on Friday" },
	{ "UTC0", "fri-mon", "2026-11-29T12:00:00Z", "2026-12-01T00:00:00Z",
	    "days over the end of the week" },
	{ "UTC0", "fri-mon", "2026-12-01T12:00:00Z", NULL, "and none else" },
	{ "UTC0", "mon,wed-thu 00:00-24:00", "2026-11-25T12:00:00Z",
	    "2026-11-27T00:00:00Z", "24:00 is the end of the day" },
	{ "UTC0", "mon,wed-thu 00:00-24:00", "2026-11-24T12:00:00Z", NULL,
	    "what is not named is not covered" },
	{ "UTC0", "12:00-00:00", "2026-11-24T12:00:00Z", "2026-11-25T00:00:00Z",
	    "so is 00:00, as an end" },
	{ "UTC0", "sat", "2028-02-29T12:00:00Z", NULL,
	    "a leap day is a Tuesday" },
	{ "UTC0", "tue", "2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z",
	    "of its own" },

	{ BERLIN, "22:00-06:00", "2026-01-15T21:00:00Z", "2026-01-16T05:00:00Z",
	    "hours of the zone, in winter" },
	{ BERLIN, "22:00-06:00", "2026-07-15T20:00:00Z", "2026-07-16T04:00:00Z",
	    "in summer" },
	{ BERLIN, "sat 22:00-06:00", "2026-03-28T21:00:00Z",
	    "2026-03-29T04:00:00Z", "a night that is an hour shorter" },
	{ BERLIN, "sat 22:00-06:00", "2026-10-24T20:00:00Z",
	    "2026-10-25T05:00:00Z", "and one that is longer" },
	{ BERLIN, "02:00-03:00", "2026-03-29T00:59:59Z", NULL,
	    "an hour that the clock leaves out" },
	{ BERLIN, "02:00-03:00", "2026-03-29T01:00:00Z", NULL, "is never" },
	{ BERLIN, "01:00-02:30", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z",
	    "what would end in it ends with it" },
	{ BERLIN, "02:30-04:00", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z",
	    "what would begin in it, likewise" },
	{ BERLIN, "01:30-02:30", "2026-10-24T23:45:00Z", "2026-10-25T00:30:00Z",
	    "an hour that comes twice: the first" },
	{ BERLIN, "01:30-02:30", "2026-10-25T00:45:00Z", NULL,
	    "between the two" },
	{ BERLIN, "01:30-02:30", "2026-10-25T01:10:00Z", "2026-10-25T01:30:00Z",
	    "and the second" },
	{ BERLIN, "sun", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z",
	    "a day of 25 hours" },
	{ BERLIN, "sun", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z",
	    "and one of 23" },
	{ BERLIN, "mon-sun", "2026-03-28T23:00:00Z", "never",
	    "a whole week has no end" },
};

static void
hours(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct window w = open_window(cases[i].zone, cases[i].hours);
		int64_t t = at(cases[i].time);
		bool covers = window_covers(&w, t);
		char got[WHEN_SIZE] = "-";
		int64_t want = 0;

		if (cases[i].end != NULL)
			want = strcmp(cases[i].end, "never") == 0
			    ? WINDOW_NEVER
			    : at(cases[i].end);
		if (covers)
			when_write(window_end(&w, t), got);
		ok(covers == (cases[i].end != NULL) &&
			(!covers || window_end(&w, t) == want),
		    "%s at %s: %s (%s)", cases[i].hours, cases[i].time,
		    cases[i].why, got);
	}
}

/* An end is the first moment that is not covered, whatever the hours. */
static void
ends_are_ends(void)
{
	static const char *const all[] = { "22:00-06:00", "sat,sun",
		"02:00-03:00", "01:00-02:30", "02:30-04:00", "01:30-02:30",
		"sun 23:30-01:45", "mon-fri 08:00-18:00", "00:00-23:59" };
	const int64_t minute = 60 * WHEN_SECOND;
	size_t wrong = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct window w = open_window(BERLIN, all[i]);
		int64_t end = at("2026-10-27");
		int64_t next = -1;

		for (int64_t t = at("2026-10-23"); t < end; t += minute) {
			if (t == next && window_covers(&w, t))
				wrong++;
			if (window_covers(&w, t)) {
				if (next > t && window_end(&w, t) != next)
					wrong++;
				next = window_end(&w, t);
				wrong += next <= t;
			} else if (next > t) {
				wrong++;
			}
		}
	}
	ok(wrong == 0, "minute by minute, what is covered ends when it says");
}

static void
several(void)
{
	struct window w = WINDOW_OPEN;

	ok(window_add(&w, "mon 08:00-10:00") &&
		window_add(&w, "mon 09:00-12:00") && window_add(&w, "sat"),
	    "several hours");
	ok(window_end(&w, at("2026-11-23T08:30:00Z")) ==
		at("2026-11-23T12:00:00Z"),
	    "that overlap are one");
	ok(window_covers(&w, at("2026-11-28T08:30:00Z")), "each counts");
	ok(!window_is_whole_week(&w), "it is not the whole week");
	ok(window_add(&w, "sun-sat") && window_is_whole_week(&w),
	    "all days are");
}

static void
limits(void)
{
	struct window w = WINDOW_OPEN;

	ok(window_covers(&w, 0) && window_end(&w, 0) == WINDOW_NEVER,
	    "one without limits is always");
	w.from = at("2026-12-24");
	ok(!window_covers(&w, w.from - 1) && window_covers(&w, w.from),
	    "from a moment on");
	ok(window_end(&w, w.from) == WINDOW_NEVER, "for ever");
	w.to = at("2026-12-27");
	ok(window_covers(&w, w.to - 1) && !window_covers(&w, w.to),
	    "until another");
	ok(window_end(&w, w.from) == w.to, "with which it ends");
	ok(window_add(&w, "22:00-06:00"), "with hours");
	ok(!window_covers(&w, at("2026-12-24T12:00:00Z")),
	    "it is only in them");
	ok(window_end(&w, at("2026-12-24T23:00:00Z")) ==
		at("2026-12-25T06:00:00Z"),
	    "and ends with them");
	ok(window_end(&w, at("2026-12-26T23:00:00Z")) == w.to,
	    "or when it is over");
}

static void
nonsense(void)
{
	static const char *const wrong[] = { "", " ", "22:00", "22:00-",
		"-06:00", "22-06", "22:00-22:00", "24:00-06:00", "00:00-24:01",
		"25:00-26:00", "22:60-23:00", "22:0-23:00", "22:000-23:00",
		"montag", "mon-", "mon,", ",mon", "mon 22:00", "mon-fri22",
		"22:00-06:00 mon", "mon 22:00-06:00 ", "mon fri",
		"22:00 - 06:00", "mon;tue" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct window w = WINDOW_OPEN;

		ok(!window_add(&w, wrong[i]), "no hours: \"%s\"", wrong[i]);
	}
}

int
main(void)
{
	hours();
	ends_are_ends();
	several();
	limits();
	nonsense();
	return tap_done();
}
