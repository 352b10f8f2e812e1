/* Any bytes at all, JSON or not, from edr: it rings, once for each alert. */
#include "elementary.h"

#include "alerts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *report[] = { "https://report.example/" };
	static struct option_value values[] = { { NULL, 0 }, { report, 1 },
		{ NULL, 0 } };
	static const char *owners[] = { "ann", "bob" };
	static const struct source source = { .name = "elementary",
		.kind = &source_elementary,
		.namespace = "prod",
		.severity = "minor",
		.owners = { owners, 2 },
		.values = values };

	live(&source, data, n);
	return 0;
}
