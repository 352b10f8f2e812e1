#include "sample.h"

#include "sender.h"

/* How a sample reads under its kind: the proof that its sender would make is
 * taken, and the alerts are there. */
struct reading {
	struct source source;
	struct source_proof proof;
	struct source_request request;
	struct source_item *items;
	bool proven;
};

static const char *
proof_value(const void *from, const char *name)
{
	const struct source_proof *p = from;

	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->headers[i].name, name) == 0)
			return p->headers[i].value;
	return NULL;
}

static void
read_sample(const struct sample *s, struct reading *out)
{
	struct buf b = BUF_MAX(1 << 20);
	struct source_reading reading = { NULL };
	struct fail f = { 0 };

	*out = (struct reading){ .source =
				     sender_source(source_kind_find(s->kind)) };
	sample_body(s, &b);
	out->request = sender_request(
	    NULL, NULL, arena_copy(&arena, b.data, b.len), b.len);
	out->proven = out->source.kind->sign(
	    &out->source, &out->request, &arena, &out->proof, &f);
	out->request.header = proof_value;
	out->request.from = &out->proof;
	out->request.token = out->proof.token;
	out->proven = out->proven &&
	    out->source.kind->prove(&out->source, &out->request, &arena, &f);
	out->source.kind->read(&out->source, &out->request, &arena, &reading);
	out->items = reading.items;
	buf_free(&b);
}

static bool
has_key(const struct source_item *items, const char *key)
{
	for (; items != NULL; items = items->next)
		if (strcmp(items->key, key) == 0)
			return true;
	return false;
}

static bool
is_over(const struct source_item *i, const struct reading *r)
{
	struct tree *alert =
	    event_merge(&r->source, NULL, i->change, i->whole, 0, &arena);

	return event_resolved(alert);
}

/* Each alert that it begins, and none that it does not. */
static bool
ends(const struct sample *s, const struct reading *r)
{
	const struct sample *end = sample_find(s->kind, s->end);
	struct reading last;

	read_sample(end, &last);
	for (const struct source_item *i = r->items; i != NULL; i = i->next)
		if (is_over(i, r) || !has_key(last.items, i->key))
			return false;
	for (const struct source_item *i = last.items; i != NULL; i = i->next)
		if (!is_over(i, &last))
			return false;
	return true;
}

static void
check(const struct sample *s)
{
	struct reading r;
	bool silent = strcmp(s->name, "test-event") == 0;

	read_sample(s, &r);
	ok(r.proven, "%s %s is proven as it is signed", s->kind, s->name);
	ok((r.items == NULL) == silent, "%s %s is an alert", s->kind, s->name);
	if (s->end != NULL)
		ok(ends(s, &r), "%s %s is ended by %s", s->kind, s->name,
		    s->end);
}

int
main(void)
{
	for (size_t i = 0; source_kinds[i] != NULL; i++) {
		const char *kind = source_kinds[i]->name;
		const struct sample *s = NULL;

		ok(sample_next(kind, NULL) != NULL, "%s has samples", kind);
		while ((s = sample_next(kind, s)) != NULL) {
			ok(sample_find(kind, s->name) == s,
			    "%s %s is found by its name", kind, s->name);
			/* These are as their configuration says: e2e. */
			if (strcmp(kind, "generic") != 0)
				check(s);
		}
	}
	ok(sample_find("montecarlo", "test") == NULL,
	    "another kind's sample is not found");
	arena_free(&arena);
	return tap_done();
}
