/* Any bytes at all from Fivetran. */
#include "fivetran.h"

#include "alerts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct option_value values[] = { { NULL, 0 }, { NULL, 0 } };
	static const char *owners[] = { "ann", "bob" };
	static const struct source source = { .name = "fivetran",
		.kind = &source_fivetran,
		.namespace = "prod",
		.severity = "minor",
		.owners = { owners, 2 },
		.values = values };

	live(&source, data, n);
	return 0;
}
