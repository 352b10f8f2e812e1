/* Any text at all: a time is in range and reads back; a wait is no debt. */
#include "when.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char text[256], out[WHEN_SIZE];
	int64_t now = 0, t, back;

	if (n >= sizeof(now)) {
		memcpy(&now, data, sizeof(now));
		data += sizeof(now);
		n -= sizeof(now);
	}
	n = n < sizeof(text) ? n : sizeof(text) - 1;
	memcpy(text, data, n);
	text[n] = '\0';

	when_write(now, out);
	if (!when_parse(out, &t) || strlen(out) != 24)
		abort();
	if (when_parse(text, &t)) {
		when_write(t, out);
		if (!when_parse(out, &back) || back != t || t < 0)
			abort();
	}
	if (when_retry_after(text, now, &t)) {
		if (t < 0)
			abort();
		when_span(t, out);
		if (strlen(out) < 3)
			abort();
	}
	return 0;
}
