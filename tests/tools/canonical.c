/*
 * Canonical texts by the thousand, for tests that ask CPython too.
 *
 * Reads bodies from standard input, each behind its length (four bytes, the
 * most significant first), and writes for each: '+', '-' for a refusal; '1',
 * '0' for whether Unicode versions differ on it; then text or reason, behind
 * its length; then, of a text, the HMAC-SHA512 under the key "secret" in hex.
 *
 *	canonical VERSION	by that version's table
 *	canonical		prints the versions there are
 */
#include "arena.h"
#include "buf.h"
#include "fail.h"
#include "pyrepr.h"
#include "sign.h"
#include "tree.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 1 << 24 };

static bool
read_length(size_t *n)
{
	unsigned char b[4];

	if (fread(b, 1, sizeof(b), stdin) != sizeof(b))
		return false;
	*n = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
	return *n <= BODY_MAX;
}

static void
write_bytes(const char *s, size_t n)
{
	unsigned char b[4] = { (unsigned char)(n >> 24),
		(unsigned char)(n >> 16), (unsigned char)(n >> 8),
		(unsigned char)n };

	fwrite(b, 1, sizeof(b), stdout);
	fwrite(s, 1, n, stdout);
}

static void
answer(const void *body, size_t n, size_t table, struct arena *a)
{
	struct buf text = BUF_MAX(PYREPR_TIMES * n);
	struct fail f = { 0 };
	struct tree *t;
	unsigned char mac[SIGN_MAX];
	char hex[2 * SIGN_MAX + 1];
	bool varies = false;
	bool did = tree_parse(body, n, a, &t, &f) &&
	    pyrepr_urlencode(t, table, &text, &varies, &f);

	if (text.full)
		exit(2);
	putchar(did ? '+' : '-');
	putchar(varies ? '1' : '0');
	if (did) {
		sign_hmac(SIGN_SHA512, "secret", 6, text.data, text.len, mac);
		sign_hex(mac, sizeof(mac), hex);
		write_bytes(text.data, text.len);
		fwrite(hex, 1, 2 * SIGN_MAX, stdout);
	} else {
		write_bytes(f.text, strlen(f.text));
	}
	buf_free(&text);
}

int
main(int argc, char **argv)
{
	struct arena a = { 0 };
	size_t table = 0, n;

	for (; argc < 2 && table < pyrepr_tables(); table++)
		puts(pyrepr_version(table));
	if (argc < 2)
		return 0;
	while (strcmp(pyrepr_version(table), argv[1]) != 0)
		if (++table == pyrepr_tables())
			return 1;
	while (read_length(&n)) {
		char *body = malloc(n > 0 ? n : 1);

		if (fread(body, 1, n, stdin) != n)
			return 1;
		answer(body, n, table, &a);
		arena_reset(&a);
		free(body);
	}
	arena_free(&a);
	return ferror(stdout) || fflush(stdout) != 0;
}
