#include "refusals.h"

#include "buf.h"
#include "counters.h"
#include "when.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 3, HOUR = 3600 * WHEN_SECOND, SERIES = 160 };

static void
series_name(char out[SERIES], const char *source, int nth)
{
	(void)snprintf(out, SERIES,
	    "bellrelay_refused_known_shape_ms{source=\"%s\",nth=\"%d\"}",
	    source, nth);
}

/* The newest first; 0: none. */
static void
read_times(int dir, const char *source, int64_t times[KEPT])
{
	struct buf text = BUF_MAX(COUNTERS_MAX);

	counters_read(dir, &text);
	for (int i = 0; i < KEPT; i++) {
		char series[SERIES];
		const char *at;

		series_name(series, source, i + 1);
		at = strstr(text.data, series);
		times[i] =
		    at == NULL ? 0 : strtoll(at + strlen(series), NULL, 10);
	}
	buf_free(&text);
}

void
refusals_note(int dir, const char *source, int64_t now)
{
	char names[KEPT][SERIES];
	const char *series[KEPT];

	for (int i = 0; i < KEPT; i++) {
		series_name(names[i], source, i + 1);
		series[i] = names[i];
	}
	counters_push(dir, (uint64_t)now, series, KEPT);
}

bool
refusals_many(int dir, const char *source, int64_t now)
{
	int64_t times[KEPT];

	read_times(dir, source, times);
	return times[KEPT - 1] != 0 && now - times[KEPT - 1] < HOUR;
}
