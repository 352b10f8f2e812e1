/*
 * Any bytes at all: an object becomes an alert event with a title, a key and
 * a status, under the limit, whatever it holds and whatever was known before.
 */
#include "montecarlo.h"

#include "alerts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *owners[] = { "ann", "bob" };
	static const struct source source = { .name = "mc",
		.kind = &source_montecarlo,
		.severity = "minor",
		.environment = "production",
		.owners = { owners, 2 } };

	live(&source, data, n);
	return 0;
}
