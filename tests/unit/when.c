#include "when.h"

#include "tap.h"

#include <time.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* facts/incidentio.md, 0.5: "Thu, 17 Apr 2025 11:17:18 UTC". */
static const int64_t APRIL = INT64_C(1744888638000);
static const int64_t LAST = INT64_C(253402300799999);

static const struct {
	int64_t t;
	const char *want;
	const char *why;
} written[] = {
	{ 0, "1970-01-01T00:00:00.000Z", "time begins in 1970" },
	{ 1, "1970-01-01T00:00:00.001Z", "milliseconds are written" },
	{ -1, "1970-01-01T00:00:00.000Z", "there is nothing before 1970" },
	{ INT64_MIN, "1970-01-01T00:00:00.000Z", "not even long before" },
	{ INT64_C(951782400000), "2000-02-29T00:00:00.000Z",
	    "2000 has a leap day" },
	{ INT64_C(951868800000), "2000-03-01T00:00:00.000Z",
	    "March follows the leap day" },
	{ INT64_C(1735689599999), "2024-12-31T23:59:59.999Z",
	    "a leap year ends on its 366th day" },
	{ INT64_C(4107542400000), "2100-03-01T00:00:00.000Z",
	    "2100 has no leap day" },
	{ 1744888638000, "2025-04-17T11:17:18.000Z", "an ordinary time" },
	{ INT64_C(253402300799999), "9999-12-31T23:59:59.999Z",
	    "the last time of four digits" },
	{ INT64_C(253402300800000), "9999-12-31T23:59:59.999Z",
	    "there is nothing after 9999" },
	{ INT64_MAX, "9999-12-31T23:59:59.999Z", "not even long after" },
};

static const struct {
	const char *text;
	bool want;
	int64_t t;
	const char *why;
} parsed[] = {
	{ "2025-04-17T11:17:18Z", true, 1744888638000, "RFC 3339 in UTC" },
	{ "2025-04-17t11:17:18z", true, 1744888638000,
	    "RFC 3339 allows small letters" },
	{ "2025-04-17 11:17:18Z", true, 1744888638000,
	    "a space stands for the T" },
	{ "2025-04-17T13:17:18+02:00", true, 1744888638000,
	    "a clock that is ahead" },
	{ "2025-04-17T05:47:18-05:30", true, 1744888638000,
	    "a clock that is behind, by half an hour too" },
	{ "2025-04-18T11:16:18+23:59", true, 1744888638000,
	    "the widest offset crosses a day" },
	{ "2025-04-17T11:17:18.5Z", true, 1744888638500, "a fraction of one" },
	{ "2025-04-17T11:17:18.001999999Z", true, 1744888638001,
	    "nanoseconds are cut, not rounded" },
	{ "2025-04-17T11:17:18.0000000000000000000000000001Z", true,
	    1744888638000, "a fraction of any length" },
	{ "2025-04-17T11:17:18.123456+00:00", true, 1744888638123,
	    "as Python's isoformat writes it" },
	{ "2025-04-17", true, 1744848000000, "a day alone is its midnight" },
	{ "Thu, 17 Apr 2025 11:17:18 GMT", true, 1744888638000,
	    "HTTP's preferred date" },
	{ "Thu, 17 Apr 2025 11:17:18 UTC", true, 1744888638000,
	    "incident.io's date says UTC" },
	{ "Thu, 3 Apr 2025 11:17:18 GMT", true, 1743679038000,
	    "a day of one digit" },
	{ "Mon, 17 Apr 2025 11:17:18 GMT", true, 1744888638000,
	    "a wrong name of the day tells nothing" },
	{ "Sunday, 06-Nov-94 08:49:37 GMT", true, 784111777000,
	    "RFC 850's date, in the last century" },
	{ "Thursday, 17-Apr-25 11:17:18 UTC", true, 1744888638000,
	    "RFC 850's date, in this century" },
	{ "Thursday, 01-Jan-70 00:00:00 GMT", true, 0,
	    "two digits begin at 1970" },
	{ "Tuesday, 31-Dec-69 23:59:59 GMT", true, INT64_C(3155759999000),
	    "and end with 2069" },
	{ "Sun Nov  6 08:49:37 1994", true, 784111777000, "asctime's date" },
	{ "Thu Apr 17 11:17:18 2025", true, 1744888638000,
	    "asctime's date with a day of two digits" },
	{ " \t2025-04-17T11:17:18Z\r\n", true, 1744888638000,
	    "white space around it" },
	{ "2016-12-31T23:59:60Z", true, 1483228800000,
	    "a leap second is the one after it" },
	{ "2024-02-29", true, 1709164800000, "a leap day that was" },
	{ "2000-02-29", true, 951782400000, "a leap day of a century" },
	{ "1969-12-31T23:59:59Z", true, 0, "before 1970 is 1970" },
	{ "0001-01-01T00:00:00Z", true, 0, "the zero time of Go is 1970" },
	{ "0000-01-01", true, 0, "so is the year nought" },
	{ "1970-01-01T00:00:00+01:00", true, 0,
	    "an offset does not lead before 1970" },
	{ "9999-12-31T23:59:59.999-23:59", true, INT64_C(253402300799999),
	    "nor past 9999" },
	{ "2023-02-29", false, 0, "a leap day that was not" },
	{ "2100-02-29", false, 0, "a century without one" },
	{ "2025-04-31", false, 0, "April has thirty days" },
	{ "2025-00-17", false, 0, "there is no month nought" },
	{ "2025-13-17", false, 0, "nor a thirteenth" },
	{ "2025-04-00", false, 0, "nor a day nought" },
	{ "2025-04-17T24:00:00Z", false, 0, "the day has no 24 o'clock" },
	{ "2025-04-17T11:60:00Z", false, 0, "nor the hour a minute 60" },
	{ "2025-04-17T11:17:61Z", false, 0, "nor the minute a second 61" },
	{ "2025-04-17T11:17:18", false, 0, "a time without its offset" },
	{ "2025-04-17T11:17Z", false, 0, "a time without seconds" },
	{ "2025-04-17T11:17:18.Z", false, 0, "a point without a fraction" },
	{ "2025-04-17T11:17:18+0200", false, 0, "an offset without colon" },
	{ "2025-04-17T11:17:18+24:00", false, 0, "an offset of a day" },
	{ "2025-04-17T11:17:18+02:60", false, 0, "an offset of 60 minutes" },
	{ "2025-04-17T11:17:18Zulu", false, 0, "something behind it" },
	{ "2025-04-17T", false, 0, "half a time" },
	{ "2025-4-17", false, 0, "a month of one digit" },
	{ "25-04-17", false, 0, "a year of two digits" },
	{ "12025-04-17", false, 0, "a year of five digits" },
	{ "-025-04-17", false, 0, "a year with a sign" },
	{ "Thu, 17 Apr 2025 11:17:18 +0000", false, 0, "a mail's date" },
	{ "Thu, 17 Apr 2025 11:17:18 PDT", false, 0, "another zone's name" },
	{ "Thu, 17 Apr 2025 11:17:18", false, 0, "an HTTP date without zone" },
	{ "Thx, 17 Apr 2025 11:17:18 GMT", false, 0, "no name of a day" },
	{ "Thu, 17 Apx 2025 11:17:18 GMT", false, 0, "no name of a month" },
	{ "Thu, 17 Avr 2025 11:17:18 GMT", false, 0, "another language's" },
	{ "Thu, 30 Feb 2025 11:17:18 GMT", false, 0, "a day that was not" },
	{ "Sun, 06-Nov-94 08:49:37 GMT", false, 0,
	    "RFC 850 writes the day in full" },
	{ "Sun Nov 6 08:49:37 1994", false, 0, "asctime fills with a space" },
	{ "tomorrow", false, 0, "a word" },
	{ "1744888638", false, 0, "a bare number is no time" },
	{ "", false, 0, "nothing" },
	{ " ", false, 0, "only white space" },
};

static const struct {
	const char *text;
	bool want;
	int64_t wait;
	const char *why;
} waits[] = {
	{ "0", true, 0, "no wait at all" },
	{ "10", true, 10000, "seconds" },
	{ " 10 ", true, 10000, "seconds with white space around" },
	{ "0010", true, 10000, "leading zeros mean nothing" },
	{ "2025", true, 2025000, "four digits are seconds, not a year" },
	{ "9223372036854775", true, INT64_C(9223372036854775000),
	    "the longest wait that can be told" },
	{ "9223372036854776", true, INT64_MAX, "one longer is the longest" },
	{ "18446744073709551617", true, INT64_MAX, "2^64+1 does not wrap" },
	{ "99999999999999999999999999999999999999999", true, INT64_MAX,
	    "nor does any number of digits" },
	{ "Thu, 17 Apr 2025 11:17:28 GMT", true, 10000, "a date to come" },
	{ "Thu, 17 Apr 2025 11:17:28 UTC", true, 10000,
	    "the date that incident.io sends" },
	{ "2025-04-17T11:17:28Z", true, 10000,
	    "the date in incident.io's body" },
	{ "2025-04-17T11:17:18.250Z", true, 250, "a part of a second" },
	{ "Thursday, 17-Apr-25 11:17:28 GMT", true, 10000, "RFC 850's" },
	{ "Thu Apr 17 11:17:28 2025", true, 10000, "asctime's" },
	{ "Thu, 17 Apr 2025 11:17:18 GMT", true, 0, "a date that is now" },
	{ "Thu, 17 Apr 2025 11:17:08 GMT", true, 0, "a date that is past" },
	{ "-1", false, 0, "no negative wait" },
	{ "+1", false, 0, "no sign" },
	{ "1.5", false, 0, "no fraction" },
	{ "10 s", false, 0, "no unit" },
	{ "soon", false, 0, "no word" },
	{ "", false, 0, "nothing" },
};

static const struct {
	int64_t ms;
	const char *want;
	const char *why;
} spans[] = {
	{ 0, "0 s", "no time" },
	{ 1, "1 ms", "less than a second is not no time" },
	{ 999, "999 ms", "up to a second" },
	{ 8000, "8 s", "seconds" },
	{ 8999, "8 s", "a second that is not full does not count" },
	{ 60000, "1 min", "a full minute" },
	{ 90000, "1 min 30 s", "a minute and a half" },
	{ 300000, "5 min", "minutes" },
	{ 7500000, "2 h 5 min", "hours and minutes" },
	{ 7200000, "2 h", "full hours" },
	{ 7201000, "2 h", "seconds do not matter to hours" },
	{ 273600000, "3 d 4 h", "days and hours" },
	{ 259200000, "3 d", "full days" },
	{ INT64_MAX, "106751991167 d 7 h", "the longest there is" },
};

static const struct {
	const char *text;
	const char *want; /* NULL: no time */
	bool wall;
	const char *why;
} walls[] = {
	{ "2026-12-24", "2026-12-24T00:00:00.000Z", true, "a day" },
	{ "2026-12-24T18:00", "2026-12-24T18:00:00.000Z", true, "a minute" },
	{ "2026-12-24 18:00:07", "2026-12-24T18:00:07.000Z", true, "a second" },
	{ "2026-12-24T18:00Z", "2026-12-24T18:00:00.000Z", false,
	    "a minute of UTC" },
	{ "2026-12-24T18:00+01:00", "2026-12-24T17:00:00.000Z", false,
	    "a minute with an offset" },
	{ "2026-12-24T18:00:07.5-03:30", "2026-12-24T21:30:07.500Z", false,
	    "all of it" },
	{ "2026-12", NULL, false, "a month" },
	{ "2026-12-24T18", NULL, false, "an hour" },
	{ "2026-12-24T18:", NULL, false, "half a time" },
	{ "2026-12-24T18:00:", NULL, false, "another half" },
	{ "2026-12-24T18:00Zulu", NULL, false, "more than a time" },
	{ "2026-12-24T18:00+01", NULL, false, "half an offset" },
	{ "2026-12-24T25:00Z", NULL, false, "an hour that is none" },
};

static void
on_the_wall(void)
{
	for (size_t i = 0; i < COUNT(walls); i++) {
		char got[WHEN_SIZE] = "";
		bool wall = false;
		int64_t t = -1;
		bool did = when_parse_wall(walls[i].text, &t, &wall);

		if (did)
			when_write(t, got);
		ok(did == (walls[i].want != NULL) &&
			(!did ||
			    (strcmp(got, walls[i].want) == 0 &&
				wall == walls[i].wall)),
		    "%s on the wall: %s (%s)", did ? "a time" : "no time",
		    walls[i].why, got);
	}
}

/* The system's own arithmetic agrees, day for day. */
static void
calendar(void)
{
	int bad = 0;

	for (int64_t day = 0; day <= LAST / 86400000; day++) {
		time_t at = (time_t)(day * 86400 + day % 86400);
		char got[WHEN_SIZE], want[WHEN_SIZE];
		struct tm tm;
		int64_t back = -1;

		(void)gmtime_r(&at, &tm);
		(void)strftime(
		    want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000Z", &tm);
		when_write(at * INT64_C(1000), got);
		bad += strcmp(got, want) != 0 || !when_parse(got, &back) ||
		    back != at * INT64_C(1000);
	}
	ok(bad == 0, "each day until 9999 is the system's, and reads back");
}

int
main(void)
{
	char out[WHEN_SIZE];
	int64_t t;

	for (size_t i = 0; i < COUNT(written); i++) {
		when_write(written[i].t, out);
		is(out, written[i].want, written[i].why);
	}
	when_day(APRIL, out);
	is(out, "2025-04-17", "the day alone");
	for (size_t i = 0; i < COUNT(parsed); i++) {
		t = -1;
		ok(when_parse(parsed[i].text, &t) == parsed[i].want &&
			(!parsed[i].want || t == parsed[i].t),
		    "%s: %s", parsed[i].want ? "a time" : "no time",
		    parsed[i].why);
	}
	for (size_t i = 0; i < COUNT(waits); i++) {
		t = -1;
		ok(when_retry_after(waits[i].text, APRIL, &t) ==
			    waits[i].want &&
			(!waits[i].want || t == waits[i].wait),
		    "Retry-After: %s", waits[i].why);
	}
	ok(when_retry_after("2025-04-17", INT64_MIN, &t) && t == INT64_MAX,
	    "a clock long before any time does not overflow");
	ok(when_retry_after("2025-04-17", INT64_MAX, &t) && t == 0,
	    "nor one long after");
	for (size_t i = 0; i < COUNT(spans); i++) {
		when_span(spans[i].ms, out);
		is(out, spans[i].want, spans[i].why);
	}
	on_the_wall();
	calendar();
	return tap_done();
}
