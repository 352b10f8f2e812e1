/*
 * What it costs to prove a sender, beside what others need for it.
 *
 *	verify BODY
 *
 * Reads "NAME COUNT" lines from standard input, does that so often with BODY,
 * and prints the nanoseconds that each took.  tests/bench/verify.py takes
 * turns between this, CPython and the two below.
 */
#include "arena.h"
#include "buf.h"
#include "event.h"
#include "fail.h"
#include "json.h"
#include "pyrepr.h"
#include "sign.h"
#include "source.h"
#include "tree.h"

#include <json-c/json.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char secret[] = "secret";

static struct arena arena;
static struct buf body = { .data = buf_empty, .max = 1 << 20 };
static struct buf text = { .data = buf_empty, .max = 1 << 23 };
static char signature[2 * SIGN_MAX + 1];

static bool
canonical(struct tree **t)
{
	struct fail f = { 0 };
	bool varies;

	arena_reset(&arena);
	buf_reset(&text);
	return tree_parse(body.data, body.len, &arena, t, &f) &&
	    pyrepr_urlencode(*t, 0, &text, &varies, &f);
}

/* All that stands between a request's bytes and the answer 200 or 403. */
static bool
verify(void)
{
	unsigned char sent[SIGN_MAX], mac[SIGN_MAX];
	struct tree *t;

	if (!sign_unhex(signature, strlen(signature), false, sent, SIGN_MAX) ||
	    !canonical(&t))
		return false;
	sign_hmac(
	    SIGN_SHA512, secret, sizeof(secret) - 1, text.data, text.len, mac);
	return sign_equal(sent, mac, SIGN_MAX);
}

static const char *
header(const void *from, const char *name)
{
	return strcmp(name, "HTTP_X_MCD_SIGNATURE") == 0 ? from : NULL;
}

/* From a request's bytes to the event, a tree. */
static bool
map(struct tree **event)
{
	static const char *secrets[] = { secret }, *on[] = { "on" };
	static struct option_value values[] = { { secrets, 1 }, { on, 1 } };
	struct source s = { .name = "montecarlo", .values = values };
	struct source_request r = { .header = header,
		.from = signature,
		.body = body.data,
		.body_len = body.len,
		.now = 1 };
	struct source_reading got = { 0 };
	struct fail f = { 0 };
	struct tree *t, *alert;

	arena_reset(&arena);
	s.kind = source_kind_find("montecarlo");
	if (!tree_parse(body.data, body.len, &arena, &t, &f))
		return false;
	r.tree = t;
	if (!s.kind->prove(&s, &r, &arena, &f))
		return false;
	s.kind->read(&s, &r, &arena, &got);
	if (got.items == NULL)
		return false;
	alert = event_merge(
	    &s, NULL, got.items->change, got.items->whole, 1, &arena);
	*event = event_body(alert, got.items->key, &arena);
	return tree_count(*event) > 0;
}

static bool
verify_and_map(void)
{
	struct tree *event;

	return map(&event);
}

/* And to the bytes that incident.io is sent. */
static bool
and_write(void)
{
	static struct buf out = { .data = buf_empty, .max = 1 << 20 };
	struct tree *event;

	buf_reset(&out);
	if (!map(&event))
		return false;
	json_write(event, JSON_PLAIN, &out);
	return out.len > 0 && !out.full;
}

static bool
parse(void)
{
	struct tree *t;
	struct fail f = { 0 };

	arena_reset(&arena);
	return tree_parse(body.data, body.len, &arena, &t, &f);
}

static bool
write_text(void)
{
	struct tree *t;

	return canonical(&t);
}

/* The usual way: json-c, its tokener kept. */
static bool
json_c(void)
{
	static struct json_tokener *tokener;
	struct json_object *o;

	if (tokener == NULL)
		tokener = json_tokener_new();
	json_tokener_reset(tokener);
	o = json_tokener_parse_ex(tokener, body.data, (int)body.len);
	return o != NULL && json_object_put(o) == 1;
}

/* One SHA-512 of the same text, its algorithm looked up once. */
static bool
sha512(void)
{
	static EVP_MD *md;
	unsigned char out[EVP_MAX_MD_SIZE];

	if (md == NULL)
		md = EVP_MD_fetch(NULL, "SHA512", NULL);
	return EVP_Digest(text.data, text.len, out, NULL, md, NULL) == 1;
}

static const struct {
	const char *name;
	bool (*run)(void);
} tasks[] = {
	{ "verify", verify },
	{ "verify+map", verify_and_map },
	{ "written", and_write },
	{ "parse", parse },
	{ "canonical", write_text },
	{ "json-c", json_c },
	{ "sha512", sha512 },
};

static long
measure(bool (*run)(void), int count)
{
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < count; i++)
		if (!run())
			return -1;
	clock_gettime(CLOCK_MONOTONIC, &to);
	return ((to.tv_sec - from.tv_sec) * 1000000000L + to.tv_nsec -
		   from.tv_nsec) /
	    count;
}

static bool
read_body(const char *path)
{
	FILE *f = fopen(path, "rb");
	unsigned char mac[SIGN_MAX];
	char chunk[4096];
	size_t n;

	if (f == NULL)
		return false;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&body, chunk, n);
	fclose(f);
	if (!write_text())
		return false;
	sign_hmac(
	    SIGN_SHA512, secret, sizeof(secret) - 1, text.data, text.len, mac);
	sign_hex(mac, sizeof(mac), signature);
	return true;
}

int
main(int argc, char **argv)
{
	char name[32];
	int count;

	if (argc != 2 || !read_body(argv[1]))
		return 1;
	puts(signature);
	fflush(stdout);
	while (scanf("%31s %d", name, &count) == 2) {
		long ns = -1;

		for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++)
			if (strcmp(tasks[i].name, name) == 0)
				ns = measure(tasks[i].run, count);
		printf("%ld\n", ns);
		fflush(stdout);
	}
	return 0;
}
