#include "when.h"

#include "array.h"
#include "scan.h"

#include <stdio.h>
#include <string.h>

enum { DAY = 86400, EPOCH = 719468 }; /* days from 0000-03-01 to 1970 */

/* 9999-12-31T23:59:59.999Z: four digits of year are all that is read. */
static const int64_t LAST = INT64_C(253402300799999);

struct civil {
	int year, month, day, hour, minute, second, ms;
	int east; /* minutes that the clock is ahead of UTC */
};

static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec", NULL };

static const char *const days[] = { "Monday", "Tuesday", "Wednesday",
	"Thursday", "Friday", "Saturday", "Sunday", NULL };

static int64_t
clamp(int64_t t)
{
	return t < 0 ? 0 : t > LAST ? LAST : t;
}

/* Years begin in March here, so that the leap day is the last of one. */
int64_t
when_days(int year, int month, int day)
{
	int y = month <= 2 ? year - 1 : year;
	int m = (month + 9) % 12;

	return INT64_C(365) * y + y / 4 - y / 100 + y / 400 +
	    (153 * m + 2) / 5 + day - 1 - EPOCH;
}

static void
civil_of(int64_t t, struct civil *c)
{
	int64_t n = t / WHEN_SECOND / DAY + EPOCH;
	int second = (int)(t / WHEN_SECOND % DAY);
	int era = (int)(n / 146097); /* 400 years */
	int d = (int)(n % 146097);
	int y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
	int in_year = d - (365 * y + y / 4 - y / 100);
	int m = (5 * in_year + 2) / 153;

	c->day = in_year - (153 * m + 2) / 5 + 1;
	c->month = m < 10 ? m + 3 : m - 9;
	c->year = era * 400 + y + (c->month <= 2);
	c->hour = second / 3600;
	c->minute = second / 60 % 60;
	c->second = second % 60;
	c->ms = (int)(t % WHEN_SECOND);
}

int
when_year(int64_t t)
{
	struct civil c;

	civil_of(clamp(t), &c);
	return c.year;
}

static void
fill(char *at, int width, int n)
{
	for (; width > 0; n /= 10)
		at[--width] = (char)('0' + n % 10);
}

void
when_write(int64_t t, char out[WHEN_SIZE])
{
	struct civil c;

	civil_of(clamp(t), &c);
	memcpy(out, "0000-00-00T00:00:00.000Z", 25);
	fill(out, 4, c.year);
	fill(out + 5, 2, c.month);
	fill(out + 8, 2, c.day);
	fill(out + 11, 2, c.hour);
	fill(out + 14, 2, c.minute);
	fill(out + 17, 2, c.second);
	fill(out + 20, 3, c.ms);
}

void
when_day(int64_t t, char out[WHEN_SIZE])
{
	when_write(t, out);
	out[strlen("2026-11-21")] = '\0';
}

static bool
is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct scan
trimmed(const char *text)
{
	struct scan s = { (const unsigned char *)text, strlen(text) };

	while (is_blank(scan_peek(&s)))
		(void)scan_take(&s, 1);
	while (s.left > 0 && is_blank(s.at[s.left - 1]))
		s.left--;
	return s;
}

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* A number of at least min and at most max digits; max <= 9. */
static bool
digits(struct scan *s, int min, int max, int *out)
{
	int n = 0;

	for (*out = 0; n < max && is_digit(scan_peek(s)); n++)
		*out = *out * 10 + (*scan_take(s, 1) - '0');
	return n >= min;
}

/* The place of the name that comes next, or -1. */
static int
name(struct scan *s, const char *const names[], size_t length)
{
	for (int i = 0; names[i] != NULL; i++) {
		size_t n = length == 0 ? strlen(names[i]) : length;

		if (s->left >= n && memcmp(s->at, names[i], n) == 0)
			return scan_take(s, n) != NULL ? i : -1;
	}
	return -1;
}

static bool
month(struct scan *s, int *out)
{
	*out = name(s, months, 0) + 1;
	return *out != 0;
}

static bool
clock_time(struct scan *s, struct civil *c)
{
	return digits(s, 2, 2, &c->hour) && scan_eat(s, ':') &&
	    digits(s, 2, 2, &c->minute) && scan_eat(s, ':') &&
	    digits(s, 2, 2, &c->second);
}

/* Digits past the third are read and dropped. */
static bool
fraction(struct scan *s, int *ms)
{
	size_t before;

	*ms = 0;
	if (!scan_eat(s, '.'))
		return true;
	before = s->left;
	for (int unit = 100; is_digit(scan_peek(s)); unit /= 10)
		*ms += (*scan_take(s, 1) - '0') * unit;
	return s->left < before;
}

static bool
offset(struct scan *s, int *east)
{
	bool west = scan_peek(s) == '-';
	int hour, minute;

	*east = 0;
	if (scan_eat(s, 'Z') || scan_eat(s, 'z'))
		return true;
	if (!scan_eat(s, '+') && !scan_eat(s, '-'))
		return false;
	if (!digits(s, 2, 2, &hour) || !scan_eat(s, ':') ||
	    !digits(s, 2, 2, &minute) || hour > 23 || minute > 59)
		return false;
	*east = (hour * 60 + minute) * (west ? -1 : 1);
	return true;
}

static bool
date(struct scan *s, struct civil *c)
{
	return digits(s, 4, 4, &c->year) && scan_eat(s, '-') &&
	    digits(s, 2, 2, &c->month) && scan_eat(s, '-') &&
	    digits(s, 2, 2, &c->day);
}

static bool
rfc3339(struct scan s, struct civil *c)
{
	if (!date(&s, c))
		return false;
	if (s.left == 0)
		return true;
	return (scan_eat(&s, 'T') || scan_eat(&s, 't') || scan_eat(&s, ' ')) &&
	    clock_time(&s, c) && fraction(&s, &c->ms) && offset(&s, &c->east) &&
	    s.left == 0;
}

static bool
greenwich(struct scan *s)
{
	return (scan_word(s, " GMT") || scan_word(s, " UTC")) && s->left == 0;
}

/* Sun, 06 Nov 1994 08:49:37 GMT.  The name of the day tells nothing. */
static bool
imf_fixdate(struct scan s, struct civil *c)
{
	return name(&s, days, 3) >= 0 && scan_word(&s, ", ") &&
	    digits(&s, 1, 2, &c->day) && scan_eat(&s, ' ') &&
	    month(&s, &c->month) && scan_eat(&s, ' ') &&
	    digits(&s, 4, 4, &c->year) && scan_eat(&s, ' ') &&
	    clock_time(&s, c) && greenwich(&s);
}

/* Sunday, 06-Nov-94 08:49:37 GMT.  No time before 1970 is a time here, which
 * leaves one century for each two digits. */
static bool
rfc850(struct scan s, struct civil *c)
{
	if (name(&s, days, 0) < 0 || !scan_word(&s, ", ") ||
	    !digits(&s, 2, 2, &c->day) || !scan_eat(&s, '-') ||
	    !month(&s, &c->month) || !scan_eat(&s, '-') ||
	    !digits(&s, 2, 2, &c->year) || !scan_eat(&s, ' ') ||
	    !clock_time(&s, c) || !greenwich(&s))
		return false;
	c->year += c->year < 70 ? 2000 : 1900;
	return true;
}

/* Sun Nov  6 08:49:37 1994 */
static bool
asctime_date(struct scan s, struct civil *c)
{
	return name(&s, days, 3) >= 0 && scan_eat(&s, ' ') &&
	    month(&s, &c->month) && scan_eat(&s, ' ') &&
	    (scan_eat(&s, ' ') ? digits(&s, 1, 1, &c->day)
			       : digits(&s, 2, 2, &c->day)) &&
	    scan_eat(&s, ' ') && clock_time(&s, c) && scan_eat(&s, ' ') &&
	    digits(&s, 4, 4, &c->year) && s.left == 0;
}

static bool
exists(const struct civil *c)
{
	static const int length[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31,
		30, 31 };
	bool leap =
	    c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);

	/* A leap second is the one after it, as everywhere in POSIX. */
	return c->month >= 1 && c->month <= 12 && c->day >= 1 &&
	    c->day <= length[c->month - 1] &&
	    (c->month != 2 || c->day < 29 || leap) && c->hour <= 23 &&
	    c->minute <= 59 && c->second <= 60;
}

static int64_t
time_of(const struct civil *c)
{
	int64_t minutes =
	    (when_days(c->year, c->month, c->day) * 24 + c->hour) * 60 +
	    c->minute - c->east;

	return clamp(
	    minutes * 60 * WHEN_SECOND + c->second * WHEN_SECOND + c->ms);
}

static bool
parse(struct scan s, int64_t *out)
{
	static bool (*const forms[])(struct scan, struct civil *) = { rfc3339,
		imf_fixdate, rfc850, asctime_date };

	for (size_t i = 0; i < COUNT(forms); i++) {
		struct civil c = { 0 };

		if (!forms[i](s, &c) || !exists(&c))
			continue;
		*out = time_of(&c);
		return true;
	}
	return false;
}

bool
when_parse(const char *text, int64_t *out)
{
	return parse(trimmed(text), out);
}

/* 2026-12-24, or 2026-12-24T18:00 with or without seconds and offset. */
static bool
wall_time(struct scan s, struct civil *c, bool *wall)
{
	*wall = true;
	if (!date(&s, c))
		return false;
	if (s.left == 0)
		return true;
	if ((!scan_eat(&s, 'T') && !scan_eat(&s, 't') && !scan_eat(&s, ' ')) ||
	    !digits(&s, 2, 2, &c->hour) || !scan_eat(&s, ':') ||
	    !digits(&s, 2, 2, &c->minute) ||
	    (scan_eat(&s, ':') &&
		(!digits(&s, 2, 2, &c->second) || !fraction(&s, &c->ms))))
		return false;
	*wall = s.left == 0;
	return *wall || (offset(&s, &c->east) && s.left == 0);
}

bool
when_parse_wall(const char *text, int64_t *out, bool *wall)
{
	struct civil c = { 0 };

	if (!wall_time(trimmed(text), &c, wall) || !exists(&c))
		return false;
	*out = time_of(&c);
	return true;
}

/* Digits and nothing else; what is too large for a wait is the largest. */
static bool
seconds(struct scan s, int64_t *wait)
{
	int64_t n = 0;

	if (s.left == 0)
		return false;
	while (is_digit(scan_peek(&s)))
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, *scan_take(&s, 1) - '0', &n))
			n = INT64_MAX / 10;
	if (s.left > 0)
		return false;
	if (__builtin_mul_overflow(n, WHEN_SECOND, wait))
		*wait = INT64_MAX;
	return true;
}

bool
when_retry_after(const char *text, int64_t now, int64_t *wait)
{
	struct scan s = trimmed(text);
	int64_t until;

	if (seconds(s, wait))
		return true;
	if (!parse(s, &until))
		return false;
	if (until <= now)
		*wait = 0;
	else if (__builtin_sub_overflow(until, now, wait))
		*wait = INT64_MAX;
	return true;
}

void
when_span(int64_t ms, char out[WHEN_SIZE])
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "d", INT64_C(86400000) }, { "h", 3600000 },
		{ "min", 60000 }, { "s", 1000 }, { "ms", 1 } };
	size_t i = 0;
	int64_t rest;

	while (i < 4 && ms < units[i].ms)
		i++;
	/* Seconds are as fine as it gets, but a part of one is not nothing. */
	rest = i < 3 ? ms % units[i].ms / units[i + 1].ms : 0;
	if (ms == 0)
		(void)snprintf(out, WHEN_SIZE, "0 s");
	else if (rest == 0)
		(void)snprintf(out, WHEN_SIZE, "%lld %s",
		    (long long)(ms / units[i].ms), units[i].name);
	else
		(void)snprintf(out, WHEN_SIZE, "%lld %s %lld %s",
		    (long long)(ms / units[i].ms), units[i].name,
		    (long long)rest, units[i + 1].name);
}
