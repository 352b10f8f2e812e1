/*
 * Any bytes at all under a right token: what is taken becomes an alert event
 * with a title, a key and a status, under the limit; what is refused says why.
 */
#include "incidentio.h"

#include "alerts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *
header(const void *from, const char *name)
{
	(void)from;
	return strcmp(name, "HTTP_AUTHORIZATION") == 0 ? "Bearer secret" : NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *secrets[] = { "secret" };
	static struct option_value values[] = { { secrets, 1 } };
	const struct source source = { .name = "io",
		.kind = &source_incidentio,
		.namespace = "io",
		.namespaced = n % 2 != 0,
		.values = values };
	struct source_request r = {
		.header = header, .body = (const char *)data, .body_len = n
	};
	struct source_reading reading = { NULL };
	struct arena a = { 0 };
	struct fail f = { 0 };
	struct tree *t, *known = NULL;

	if (tree_parse(data, n, &a, &t, &f))
		r.tree = t;
	f = (struct fail){ 0 };
	if (source_incidentio.prove(&source, &r, &a, &f)) {
		source_incidentio.read(&source, &r, &a, &reading);
		want(reading.items != NULL && reading.items->next == NULL);
		known = play(&source, NULL, reading.items, &a);
		(void)play(&source, known, reading.items, &a);
	} else {
		want(f.text[0] != '\0' &&
		    f.kind == (r.tree == NULL ? FAIL_INPUT : FAIL_REFUSED));
	}
	arena_free(&a);
	return 0;
}
