/*
 * Any header and any body, to every kind: refused with a reason or proven, and
 * what a kind signs it also takes.  The first line is the header.
 */
#include "arena.h"
#include "fail.h"
#include "source.h"
#include "tree.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
want(bool holds)
{
	if (!holds)
		abort();
}

/* The same for every header. */
static const char *
any_header(const void *from, const char *name)
{
	(void)name;
	return from;
}

static const char *
signed_header(const void *from, const char *name)
{
	const struct source_proof *p = from;

	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->headers[i].name, name) == 0)
			return p->headers[i].value;
	return NULL;
}

static void
give(struct source *s, const char *option, const char **value)
{
	const struct option *o = s->kind->options;

	for (size_t i = 0; o[i].name != NULL; i++)
		if (strcmp(o[i].name, option) == 0)
			s->values[i] = (struct option_value){ value, 1 };
}

static void
prove(const struct source *s, struct source_request *r, struct arena *a)
{
	struct source_proof p = { .n = 0 };
	struct fail f = { 0 };
	struct fail why = { 0 };

	want(s->kind->prove(s, r, a, &f) == (f.text[0] == '\0'));
	f = (struct fail){ 0 };
	if (!s->kind->sign(s, r, a, &p, &f)) {
		want(f.text[0] != '\0');
		return;
	}
	r->header = signed_header;
	r->from = &p;
	r->token = p.token;
	want(s->kind->prove(s, r, a, &why) || why.kind != FAIL_AUTH);
}

static void
try_all(struct source *s, const struct source_request *r, struct arena *a)
{
	static const char *proofs[] = { "token", "basic", "bearer", "header",
		"hmac", "standard-webhooks" };
	static const char *codes[] = { "hex", "base64" };
	static const char *header = "X-Proof";

	give(s, "header", &header);
	for (size_t i = 0; i < sizeof(proofs) / sizeof(*proofs); i++) {
		struct source_request copy = *r;

		give(s, "proof", &proofs[i]);
		give(s, "encoding", &codes[i % 2]);
		prove(s, &copy, a);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *secret = "c2VjcmV0";
	const uint8_t *line = memchr(data, '\n', n);
	size_t head = line == NULL ? 0 : (size_t)(line - data);
	size_t skip = line == NULL ? 0 : head + 1;
	struct arena a = { 0 };
	struct source_request r = { .header = any_header,
		.from = arena_copy(&a, data, head),
		.body = arena_copy(&a, data + skip, n - skip),
		.body_len = n - skip };
	struct fail f = { 0 };
	struct tree *t = NULL;

	if (tree_parse(r.body, r.body_len, &a, &t, &f))
		r.tree = t;
	for (size_t i = 0; source_kinds[i] != NULL; i++) {
		struct option_value values[OPTIONS] = { { NULL, 0 } };
		struct source s = { .name = "any",
			.kind = source_kinds[i],
			.namespace = "any",
			.values = values };

		give(&s, "secret_file", &secret);
		try_all(&s, &r, &a);
	}
	arena_free(&a);
	return 0;
}
