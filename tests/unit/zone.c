#include "zone.h"

#include "arena.h"
#include "buf.h"
#include "when.h"

#include "tap.h"

#include <stdlib.h>

static struct arena arena;

static int64_t
at(const char *text)
{
	int64_t t;

	if (!when_parse(text, &t))
		abort();
	return t;
}

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define SYDNEY "AEST-10AEDT,M10.1.0,M4.1.0/3"

static const struct {
	const char *rule;
	const char *time; /* NULL: it is no rule */
	int minutes;      /* ahead */
	const char *why;
} rules[] = {
	{ "UTC0", "2026-07-01", 0, "UTC" },
	{ "EST5", "2026-07-01", -300, "west of Greenwich" },
	{ "<+0545>-5:45", "2026-07-01", 345, "a name in brackets, minutes" },
	{ BERLIN, "2026-01-01", 60, "winter" },
	{ BERLIN, "2026-03-29T00:59:59Z", 60, "a second before summer" },
	{ BERLIN, "2026-03-29T01:00:00Z", 120, "summer begins" },
	{ BERLIN, "2026-10-25T00:59:59Z", 120, "its last second" },
	{ BERLIN, "2026-10-25T01:00:00Z", 60, "and it is over" },
	{ SYDNEY, "2026-01-01", 660, "in the south it is summer in January" },
	{ SYDNEY, "2026-04-04T15:59:59Z", 660, "until April" },
	{ SYDNEY, "2026-04-04T16:00:00Z", 600, "when it ends" },
	{ SYDNEY, "2026-10-03T16:00:00Z", 660, "and from October" },
	{ "AAA0BBB,J60,J61", "2028-03-01T00:00:00Z", 0,
	    "the 60th day is March 1" },
	{ "AAA0BBB,J60,J61", "2028-03-01T02:00:00Z", 60,
	    "in a leap year too, from two o'clock" },
	{ "AAA0BBB,J60,J61", "2028-02-29T12:00:00Z", 0,
	    "and never the leap day" },
	{ "AAA0BBB,59,60/0", "2028-02-29T02:00:00Z", 60,
	    "which is the 59th from 0" },
	{ "AAA0BBB,59,60/0", "2028-02-29T23:00:00Z", 0,
	    "until midnight by the clock" },
	{ "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T00:59:59Z", -120,
	    "an hour before the day" },
	{ "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00:00Z", -60,
	    "summer begins" },
	{ "XXX3EDT4,0/0,J365/23", "2026-07-01", -240,
	    "summer the whole year, odd as it is" },
	{ "IST-2IDT,M3.4.4/26,M10.5.0", "2026-03-27T00:00:00Z", 180,
	    "an hour of the next day" },
	{ "", NULL, 0, "nothing" },
	{ "CET", NULL, 0, "a name alone" },
	{ "CE-1", NULL, 0, "a short name" },
	{ "CET-25", NULL, 0, "more than a day" },
	{ "CET-1CEST", NULL, 0, "a summer without its days" },
	{ "CET-1CEST,M3.5.0", NULL, 0, "without its end" },
	{ "CET-1CEST,M13.5.0,M10.5.0", NULL, 0, "a month that is none" },
	{ "CET-1CEST,M3.6.0,M10.5.0", NULL, 0, "a sixth week" },
	{ "CET-1CEST,M3.5.7,M10.5.0", NULL, 0, "an eighth day" },
	{ "CET-1CEST,J0,J366", NULL, 0, "days that no year has" },
	{ "<+1", NULL, 0, "a bracket left open" },
	{ BERLIN " ", NULL, 0, "something behind it" },
};

static void
rule(void)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct zone z;
		bool did = zone_parse_rule(rules[i].rule, &z);

		if (rules[i].time == NULL)
			ok(!did, "no rule: %s", rules[i].why);
		else
			ok(did &&
				zone_ahead(&z, at(rules[i].time)) ==
				    (int64_t)rules[i].minutes * 60000,
			    "%s: %s", rules[i].rule, rules[i].why);
	}
}

static const struct {
	const char *clock; /* as if it were UTC */
	const char *want;
	const char *why;
} clocks[] = {
	{ "2026-01-15T18:00:00Z", "2026-01-15T17:00:00Z", "winter" },
	{ "2026-07-15T18:00:00Z", "2026-07-15T16:00:00Z", "summer" },
	{ "2026-03-29T01:59:59Z", "2026-03-29T00:59:59Z",
	    "before the clock is put forward" },
	{ "2026-03-29T02:30:00Z", "2026-03-29T01:30:00Z",
	    "what it leaves out is as much later" },
	{ "2026-03-29T03:00:00Z", "2026-03-29T01:00:00Z", "after it" },
	{ "2026-10-25T02:30:00Z", "2026-10-25T00:30:00Z", "of two the first" },
	{ "2026-10-25T03:00:00Z", "2026-10-25T02:00:00Z",
	    "after it is put back" },
};

static void
clock_times(void)
{
	struct zone z;

	ok(zone_parse_rule(BERLIN, &z), "Berlin is a rule");
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		char got[WHEN_SIZE];

		when_write(zone_time(&z, at(clocks[i].clock)), got);
		ok(zone_time(&z, at(clocks[i].clock)) == at(clocks[i].want),
		    "%s (%s)", clocks[i].why, got);
	}
}

/* ---- files ---- */

static void
put(struct buf *b, uint64_t n, int bytes)
{
	while (bytes-- > 0) {
		unsigned char c = (unsigned char)(n >> (8 * bytes));

		buf_add(b, &c, 1);
	}
}

static void
put_header(struct buf *b, char version, unsigned times, unsigned types)
{
	buf_add(b, "TZif", 4);
	buf_add(b, &version, 1);
	for (int i = 0; i < 15; i++)
		put(b, 0, 1);
	put(b, 0, 4);
	put(b, 0, 4);
	put(b, 0, 4);
	put(b, times, 4);
	put(b, types, 4);
	put(b, 4, 4);
}

/* An hour ahead, two from 1000 s on; kind: the type of that. */
static void
put_file(struct buf *b, char version, unsigned char kind, const char *footer)
{
	put_header(b, version, 0, 1);
	put(b, 0, 6);
	put(b, 0, 4);
	put_header(b, version, 1, 2);
	put(b, 1000, 8);
	put(b, kind, 1);
	put(b, 3600, 4);
	put(b, 0, 2);
	put(b, 7200, 4);
	put(b, 0, 2);
	put(b, 0, 4);
	buf_puts(b, footer);
}

static bool
parse(const struct buf *b, struct zone *z)
{
	return zone_parse_file(b->data, b->len, &arena, z);
}

static void
file(void)
{
	struct buf b = BUF_MAX(1 << 16);
	struct zone z;

	put_file(&b, '2', 1, "\nEST5\n");
	ok(parse(&b, &z), "a file of the database");
	ok(zone_ahead(&z, 999999) == 3600000, "before its first change");
	ok(zone_ahead(&z, 1000000) == -5 * 3600000,
	    "from the last change on the rule holds");
	for (size_t n = 0; n < b.len; n++)
		if (zone_parse_file(b.data, n, &arena, &z)) {
			ok(false, "no file cut to %zu bytes is read", n);
			break;
		}
	buf_reset(&b);
	put_file(&b, '3', 1, "\n\n");
	ok(parse(&b, &z) && zone_ahead(&z, 1000000) == 7200000,
	    "without a rule its last change lasts");
	buf_reset(&b);
	put_file(&b, '2', 2, "\n\n");
	ok(!parse(&b, &z), "a type that it does not have is refused");
	buf_reset(&b);
	put_file(&b, '\0', 1, "\n\n");
	ok(!parse(&b, &z), "as is version 1");
	buf_reset(&b);
	put_file(&b, '2', 1, "\nodd\n");
	ok(!parse(&b, &z), "and a rule that is none");
	buf_free(&b);
}

int
main(void)
{
	rule();
	clock_times();
	file();
	arena_free(&arena);
	return tap_done();
}
