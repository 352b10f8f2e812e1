/*
 * Unit tests speak the Test Anything Protocol; prove(1) runs what it makes.
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count;
static int tap_failed;

/* One test: it holds or not, and a sentence that says what. */
__attribute__((format(printf, 2, 3))) static inline bool
ok(bool holds, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", holds ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	tap_failed += !holds;
	return holds;
}

/* Two strings are the same; if not, shows both. */
static inline bool
is(const char *got, const char *want, const char *why)
{
	bool same =
	    got != NULL && want != NULL ? strcmp(got, want) == 0 : got == want;

	if (!ok(same, "%s", why))
		printf("#  got: %s\n# want: %s\n", got ? got : "(null)",
		    want ? want : "(null)");
	return same;
}

/* What main returns. */
static inline int
tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed > 0;
}

#endif
