#include "window.h"

#include "scan.h"
#include "when.h"

#include <string.h>

enum {
	DAY = 24 * 60, /* minutes */
	MINUTE_MS = 60 * WHEN_SECOND,
	HOURS_MAX = 200, /* bytes of one entry */
	SHIFTS = 4,      /* changes of the clock that one stay may meet */
};

/* ---- reading ---- */

/* The day that comes next, 0 for Monday, or -1: mon or monday. */
static int
take_day(struct scan *s)
{
	static const char *const days[] = { "mon", "tue", "wed", "thu", "fri",
		"sat", "sun" };
	static const char *const rests[] = { "day", "sday", "nesday", "rsday",
		"day", "urday", "day" };

	for (int i = 0; i < 7; i++)
		if (scan_word(s, days[i])) {
			(void)scan_word(s, rests[i]);
			return i;
		}
	return -1;
}

/* mon,wed-fri; what ends before it begins goes over the end of the week. */
static bool
take_days(struct scan *s, bool on[7])
{
	do {
		int first = take_day(s);
		int last = first;

		if (first != -1 && scan_eat(s, '-'))
			last = take_day(s);
		if (first == -1 || last == -1)
			return false;
		for (int d = first; d != last; d = (d + 1) % 7)
			on[d] = true;
		on[last] = true;
	} while (scan_eat(s, ','));
	return true;
}

/* 6:30 or 06:30; 24:00 is the end of the day. */
static bool
take_time(struct scan *s, int *minute)
{
	unsigned long h, tens, ones;

	if (!scan_number(s, 24, &h) || !scan_eat(s, ':') || s->left < 2 ||
	    s->at[0] > '5' || s->at[0] < '0' || s->at[1] < '0' ||
	    s->at[1] > '9')
		return false;
	tens = (unsigned long)(*scan_take(s, 1) - '0');
	ones = (unsigned long)(*scan_take(s, 1) - '0');
	*minute = (int)(h * 60 + tens * 10 + ones);
	return *minute <= DAY;
}

static bool
take_times(struct scan *s, int *begin, int *end)
{
	return take_time(s, begin) && scan_eat(s, '-') && take_time(s, end) &&
	    *begin != DAY && *begin != *end;
}

static void
set(struct window *w, int minute)
{
	minute %= WINDOW_WEEK;
	w->week[minute / 8] |= (unsigned char)(1 << minute % 8);
}

static bool
is_set(const struct window *w, int64_t minute)
{
	minute %= WINDOW_WEEK;
	return (w->week[minute / 8] >> minute % 8 & 1) != 0;
}

static void
add_day(struct window *w, int day, int begin, int end)
{
	if (end <= begin)
		end += DAY;
	for (int m = begin; m < end; m++)
		set(w, day * DAY + m);
}

static bool
add(struct window *w, struct scan s)
{
	bool on[7] = { false };
	int begin = 0;
	int end = DAY;
	bool days = s.left > 0 && s.at[0] > '9';

	if (days && !take_days(&s, on))
		return false;
	while (days && scan_eat(&s, ' '))
		;
	if ((!days || s.left > 0) && !take_times(&s, &begin, &end))
		return false;
	if (s.left > 0)
		return false;
	w->hourly = true;
	for (int d = 0; d < 7; d++)
		if (on[d] || !days)
			add_day(w, d, begin, end);
	return true;
}

bool
window_add(struct window *w, const char *hours)
{
	unsigned char text[HOURS_MAX];
	size_t n = strlen(hours);

	if (n > sizeof(text))
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)hours[i];

		text[i] = c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : c;
	}
	return add(w, (struct scan){ text, n });
}

/* ---- asking ---- */

bool
window_is_whole_week(const struct window *w)
{
	for (int m = 0; w->hourly && m < WINDOW_WEEK; m++)
		if (!is_set(w, m))
			return false;
	return true;
}

/* 1970 began on a Thursday. */
static int64_t
minute_of_week(const struct window *w, int64_t t)
{
	int64_t clock = t + zone_ahead(&w->zone, t);

	return (clock / MINUTE_MS + 3 * DAY + WINDOW_WEEK) % WINDOW_WEEK;
}

static bool
in_hours(const struct window *w, int64_t t)
{
	return !w->hourly || is_set(w, minute_of_week(w, t));
}

bool
window_covers(const struct window *w, int64_t t)
{
	return t >= w->from && t < w->to && in_hours(w, t);
}

/* When its hours are over, if the clock is not changed before. */
static int64_t
hours_end(const struct window *w, int64_t t)
{
	int64_t now = minute_of_week(w, t);
	int64_t clock = t + zone_ahead(&w->zone, t);
	int64_t n = 1;

	while (n <= WINDOW_WEEK && is_set(w, now + n))
		n++;
	return n > WINDOW_WEEK ? WINDOW_NEVER
			       : t + n * MINUTE_MS - clock % MINUTE_MS;
}

/* The first moment after t at which the clock has been changed; at end it
 * has. */
static int64_t
change_between(const struct zone *z, int64_t t, int64_t end)
{
	int64_t ahead = zone_ahead(z, t);

	while (end - t > 1) {
		int64_t mid = t + (end - t) / 2;

		if (zone_ahead(z, mid) == ahead)
			t = mid;
		else
			end = mid;
	}
	return end;
}

static int64_t
end_of_stay(const struct window *w, int64_t t)
{
	for (int i = 0; i < SHIFTS; i++) {
		int64_t end = hours_end(w, t);

		if (end == WINDOW_NEVER ||
		    zone_ahead(&w->zone, end) == zone_ahead(&w->zone, t))
			return end;
		t = change_between(&w->zone, t, end);
		if (!in_hours(w, t))
			return t;
	}
	return t;
}

int64_t
window_end(const struct window *w, int64_t t)
{
	int64_t end =
	    window_is_whole_week(w) ? WINDOW_NEVER : end_of_stay(w, t);

	return end < w->to ? end : w->to;
}
