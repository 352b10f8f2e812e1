#include "zone.h"

#include "arena.h"
#include "array.h"
#include "scan.h"
#include "when.h"

#include <string.h>

enum {
	MINUTE = 60,
	HOUR = 60 * MINUTE,
	DAY = 24 * HOUR,
	OFFSET_HOURS = 24,
	RULE_HOURS = 167, /* RFC 9636, 3.3.1 */
	NAME_LEAST = 3,
	AHEAD_MAX = 26 * HOUR,
	CHANGES_MAX = 1 << 16,
	MONTHS = 12,
};

/* ---- rules ---- */

static bool
is_letter(int c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool
is_quoted(int c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-';
}

/* CET, or <+03>. */
static bool
parse_name(struct scan *s)
{
	bool quoted = scan_eat(s, '<');
	size_t before = s->left;
	size_t n;

	while (quoted ? is_quoted(scan_peek(s)) : is_letter(scan_peek(s)))
		(void)scan_take(s, 1);
	n = before - s->left;
	return n >= NAME_LEAST && (!quoted || scan_eat(s, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool
parse_seconds(struct scan *s, unsigned long hours, int *out)
{
	bool minus = scan_peek(s) == '-';
	unsigned long h, m = 0, sec = 0;

	if (!minus)
		(void)scan_eat(s, '+');
	else
		(void)scan_take(s, 1);
	if (!scan_number(s, hours, &h) ||
	    (scan_eat(s, ':') && !scan_number(s, 59, &m)) ||
	    (scan_eat(s, ':') && !scan_number(s, 59, &sec)))
		return false;
	*out = (int)(h * HOUR + m * MINUTE + sec) * (minus ? -1 : 1);
	return true;
}

static bool
parse_number(struct scan *s, unsigned long min, unsigned long max, int *out)
{
	unsigned long n;

	if (!scan_number(s, max, &n) || n < min)
		return false;
	*out = (int)n;
	return true;
}

static bool
parse_date(struct scan *s, struct zone_day *d)
{
	if (scan_eat(s, 'M')) {
		d->form = 'M';
		return parse_number(s, 1, MONTHS, &d->month) &&
		    scan_eat(s, '.') && parse_number(s, 1, 5, &d->week) &&
		    scan_eat(s, '.') && parse_number(s, 0, 6, &d->day);
	}
	d->form = scan_eat(s, 'J') ? 'J' : 'n';
	return parse_number(s, d->form == 'J' ? 1 : 0, 365, &d->day);
}

static bool
parse_day(struct scan *s, struct zone_day *d)
{
	d->second = 2 * HOUR;
	return scan_eat(s, ',') && parse_date(s, d) &&
	    (!scan_eat(s, '/') || parse_seconds(s, RULE_HOURS, &d->second));
}

static bool
parse_rule(struct scan s, struct zone_rule *r)
{
	int west;

	if (!parse_name(&s) || !parse_seconds(&s, OFFSET_HOURS, &west))
		return false;
	r->standard = -west;
	if (s.left == 0)
		return true;
	r->changes = true;
	r->summer = r->standard + HOUR;
	if (!parse_name(&s))
		return false;
	if (scan_peek(&s) != ',') {
		if (!parse_seconds(&s, OFFSET_HOURS, &west))
			return false;
		r->summer = -west;
	}
	return parse_day(&s, &r->begin) && parse_day(&s, &r->end) &&
	    s.left == 0;
}

bool
zone_parse_rule(const char *text, struct zone *out)
{
	struct scan s = { (const unsigned char *)text, strlen(text) };

	*out = (struct zone){ .ruled = true };
	return parse_rule(s, &out->rule);
}

/* ---- files ---- */

static uint64_t
number(const unsigned char *at, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | at[i];
	return v;
}

/* What stands in a block, in the order of its header. */
struct counts {
	size_t utc, std, leaps, times, types, chars;
};

static bool
parse_header(struct scan *s, struct counts *c)
{
	const unsigned char *at = scan_take(s, 44);
	size_t *const to[] = { &c->utc, &c->std, &c->leaps, &c->times,
		&c->types, &c->chars };

	if (at == NULL || memcmp(at, "TZif", 4) != 0 || at[4] < '2')
		return false;
	for (size_t i = 0; i < COUNT(to); i++) {
		*to[i] = (size_t)number(at + 20 + 4 * i, 4);
		if (*to[i] > CHANGES_MAX)
			return false;
	}
	return c->types > 0;
}

/* wide: bytes of a time. */
static size_t
rest_of_block(const struct counts *c, size_t wide)
{
	return c->chars + c->leaps * (wide + 4) + c->std + c->utc;
}

static bool
skip_block(struct scan *s)
{
	struct counts c;

	return parse_header(s, &c) &&
	    scan_take(s, c.times * 5 + c.types * 6 + rest_of_block(&c, 4)) !=
	    NULL;
}

/* More than a day and some hours is no offset (RFC 9636, 3.2). */
static bool
parse_offset(const unsigned char *types, size_t i, int *out)
{
	*out = (int)(int32_t)number(types + 6 * i, 4);
	return *out >= -AHEAD_MAX && *out <= AHEAD_MAX;
}

static bool
parse_block(struct scan *s, struct arena *a, struct zone *z)
{
	const unsigned char *times, *kinds, *types;
	struct counts c;

	if (!parse_header(s, &c) ||
	    (times = scan_take(s, 8 * c.times)) == NULL ||
	    (kinds = scan_take(s, c.times)) == NULL ||
	    (types = scan_take(s, 6 * c.types)) == NULL ||
	    scan_take(s, rest_of_block(&c, 8)) == NULL)
		return false;
	z->n = c.times;
	z->changes = arena_alloc(a, (z->n + 1) * sizeof(*z->changes));
	for (size_t i = 0; i < z->n; i++) {
		struct zone_change *to = &z->changes[i];

		to->at = (int64_t)number(times + 8 * i, 8);
		if (kinds[i] >= c.types ||
		    !parse_offset(types, kinds[i], &to->ahead) ||
		    (i > 0 && to->at <= to[-1].at))
			return false;
	}
	return parse_offset(types, 0, &z->before);
}

/* Behind the blocks, on a line of its own; empty where no rule is known. */
static bool
parse_footer(struct scan s, struct zone *z)
{
	if (!scan_eat(&s, '\n') || s.left == 0 || s.at[s.left - 1] != '\n')
		return false;
	s.left--;
	z->ruled = s.left > 0;
	return !z->ruled || parse_rule(s, &z->rule);
}

bool
zone_parse_file(const void *bytes, size_t n, struct arena *a, struct zone *out)
{
	struct scan s = { bytes, n };

	*out = (struct zone){ 0 };
	return skip_block(&s) && parse_block(&s, a, out) &&
	    parse_footer(s, out);
}

/* ---- the clock ---- */

static int64_t
month_begins(int year, int month)
{
	return month > MONTHS ? when_days(year + 1, 1, 1)
			      : when_days(year, month, 1);
}

/* 1970 began on a Thursday; Sunday is 0. */
static int
weekday(int64_t days)
{
	return (int)(((days + 4) % 7 + 7) % 7);
}

/* Seconds from 1970, by the clock. */
static int64_t
moment(const struct zone_day *d, int year)
{
	int64_t day = when_days(year, 1, 1) + d->day;
	bool leap = month_begins(year, 3) - month_begins(year, 2) == 29;

	if (d->form == 'M') {
		int64_t first = month_begins(year, d->month);

		day = first + (d->day - weekday(first) + 7) % 7 +
		    7 * (d->week - 1);
		while (day >= month_begins(year, d->month + 1))
			day -= 7;
	} else if (d->form == 'J') {
		/* February 29 is never counted. */
		day -= leap && d->day >= 60 ? 0 : 1;
	}
	return day * DAY + d->second;
}

static int
ahead_by_rule(const struct zone_rule *r, int64_t second)
{
	int year = when_year((second + r->standard) * WHEN_SECOND);
	int64_t begin, end;
	bool summer;

	if (!r->changes)
		return r->standard;
	begin = moment(&r->begin, year) - r->standard;
	end = moment(&r->end, year) - r->summer;
	/* In the south summer goes over the end of the year. */
	summer = begin < end ? second >= begin && second < end
			     : second >= begin || second < end;
	return summer ? r->summer : r->standard;
}

/* The last change that is not after second; there is one. */
static const struct zone_change *
last_change(const struct zone *z, int64_t second)
{
	size_t low = 0;
	size_t high = z->n;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (z->changes[mid].at <= second)
			low = mid;
		else
			high = mid;
	}
	return &z->changes[low];
}

int64_t
zone_ahead(const struct zone *z, int64_t t)
{
	int64_t second = t / WHEN_SECOND;
	int ahead = z->before;

	if (z->ruled && (z->n == 0 || second >= z->changes[z->n - 1].at))
		ahead = ahead_by_rule(&z->rule, second);
	else if (z->n > 0 && second >= z->changes[0].at)
		ahead = last_change(z, second)->ahead;
	return (int64_t)ahead * WHEN_SECOND;
}

int64_t
zone_time(const struct zone *z, int64_t clock)
{
	const int64_t day = (int64_t)DAY * WHEN_SECOND;
	int64_t first = clock - zone_ahead(z, clock - day);
	int64_t second = clock - zone_ahead(z, clock + day);

	if (first + zone_ahead(z, first) == clock)
		return first;
	return second + zone_ahead(z, second) == clock ? second : first;
}
