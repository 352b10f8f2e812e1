/* Any bytes at all: a zone is read or refused, and tells a time. */
#include "arena.h"
#include "window.h"
#include "zone.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A year of it, by the fortnight; a window's end is after now. */
static void
walk(const struct zone *z, const char *hours)
{
	struct window w = WINDOW_OPEN;

	w.zone = *z;
	(void)window_add(&w, hours);
	for (int64_t t = INT64_C(1790000000000), i = 0; i < 26; i++) {
		(void)zone_time(z, t);
		if (window_covers(&w, t) && window_end(&w, t) <= t)
			abort();
		t += INT64_C(1209600000) + 1;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = { 0 };
	struct zone z;
	char text[256];
	size_t len = n < sizeof(text) ? n : sizeof(text) - 1;

	memcpy(text, data, len);
	text[len] = '\0';
	if (zone_parse_rule(text, &z))
		walk(&z, "mon-fri 22:00-06:00");
	if (zone_parse_file(data, n, &a, &z))
		walk(&z, "02:00-03:00");
	z = (struct zone){ 0 };
	walk(&z, text);
	arena_free(&a);
	return 0;
}
