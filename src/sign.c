#include "sign.h"

#include "array.h"
#include "buf.h"
#include "memory.h"

#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const struct {
	char name[8];
	size_t size;
} algs[] = {
	[SIGN_SHA1] = { "SHA1", 20 },
	[SIGN_SHA256] = { "SHA256", 32 },
	[SIGN_SHA512] = { "SHA512", 64 },
};

enum { ALGS = COUNT(algs), KEPT_KEY = 128 };

size_t
sign_size(enum sign_alg alg)
{
	return algs[alg].size;
}

/* ---- digests ---- */

/* Looking an algorithm up costs as much as using it: once a process. */
static const EVP_MD *
digest_of(enum sign_alg alg)
{
	static EVP_MD *fetched[ALGS];

	if (fetched[alg] == NULL)
		fetched[alg] = EVP_MD_fetch(NULL, algs[alg].name, NULL);
	if (fetched[alg] == NULL)
		memory_gone();
	return fetched[alg];
}

void
sign_digest(
    enum sign_alg alg, const void *bytes, size_t n, unsigned char out[SIGN_MAX])
{
	if (EVP_Digest(bytes, n, out, NULL, digest_of(alg), NULL) != 1)
		memory_gone();
}

/*
 * A context with its key in place.  The last key of each algorithm stays:
 * setting one costs two blocks, and most processes only ever use one.
 */
struct keyed {
	EVP_MAC_CTX *ctx;
	size_t len; /* of key; SIZE_MAX: none is kept */
	unsigned char key[KEPT_KEY];
};

static EVP_MAC_CTX *
new_context(enum sign_alg alg)
{
	char name[sizeof(algs[0].name)];
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
	OSSL_PARAM digest[2];

	/* The context holds a reference of its own. */
	EVP_MAC_free(mac);
	memcpy(name, algs[alg].name, sizeof(name));
	digest[0] =
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
	digest[1] = OSSL_PARAM_construct_end();
	if (ctx == NULL || EVP_MAC_CTX_set_params(ctx, digest) != 1)
		memory_gone();
	return ctx;
}

static EVP_MAC_CTX *
keyed_context(enum sign_alg alg, const void *key, size_t len)
{
	static struct keyed all[ALGS];
	struct keyed *k = &all[alg];
	/* NULL as key means the one that is set, so no key must be "". */
	const void *set = len == 0 ? "" : key;

	if (k->ctx == NULL)
		k->ctx = new_context(alg);
	else if (k->len == len && memcmp(k->key, set, len) == 0)
		set = NULL;
	if (EVP_MAC_init(k->ctx, set, set == NULL ? 0 : len, NULL) != 1)
		memory_gone();
	if (set != NULL) {
		k->len = len <= KEPT_KEY ? len : SIZE_MAX;
		memcpy(k->key, set, len <= KEPT_KEY ? len : 0);
	}
	return k->ctx;
}

void
sign_hmac(enum sign_alg alg, const void *key, size_t key_len, const void *bytes,
    size_t n, unsigned char out[SIGN_MAX])
{
	EVP_MAC_CTX *ctx = keyed_context(alg, key, key_len);
	size_t size = 0;

	if (EVP_MAC_update(ctx, bytes, n) != 1 ||
	    EVP_MAC_final(ctx, out, &size, SIGN_MAX) != 1)
		memory_gone();
}

/* ---- comparing ---- */

bool
sign_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

bool
sign_same_secret(
    const char *given, size_t given_len, const char *secret, size_t secret_len)
{
	volatile unsigned char differ = given_len != secret_len;
	size_t at = 0;

	/* Who has an empty secret has none, and nobody knows it. */
	if (secret_len == 0)
		return false;
	for (size_t i = 0; i < given_len; i++) {
		differ = (unsigned char)(differ | (given[i] ^ secret[at]));
		at = at + 1 == secret_len ? 0 : at + 1;
	}
	return differ == 0;
}

/* ---- spellings ---- */

void
sign_hex(const unsigned char *bytes, size_t n, char *out)
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = digit[bytes[i] >> 4];
		*out++ = digit[bytes[i] & 15];
	}
	*out = '\0';
}

/* What a digit stands for, and that it is one; upper case is marked. */
enum { DIGIT = 0x80, UPPER = 0x40 };
static const unsigned char digits[256] = {
	['0'] = DIGIT,
	['1'] = DIGIT | 1,
	['2'] = DIGIT | 2,
	['3'] = DIGIT | 3,
	['4'] = DIGIT | 4,
	['5'] = DIGIT | 5,
	['6'] = DIGIT | 6,
	['7'] = DIGIT | 7,
	['8'] = DIGIT | 8,
	['9'] = DIGIT | 9,
	['a'] = DIGIT | 10,
	['b'] = DIGIT | 11,
	['c'] = DIGIT | 12,
	['d'] = DIGIT | 13,
	['e'] = DIGIT | 14,
	['f'] = DIGIT | 15,
	['A'] = DIGIT | UPPER | 10,
	['B'] = DIGIT | UPPER | 11,
	['C'] = DIGIT | UPPER | 12,
	['D'] = DIGIT | UPPER | 13,
	['E'] = DIGIT | UPPER | 14,
	['F'] = DIGIT | UPPER | 15,
};

bool
sign_unhex(
    const char *hex, size_t len, bool any_case, unsigned char *out, size_t n)
{
	const unsigned char *p = (const unsigned char *)hex;
	unsigned all = DIGIT, any = 0;

	if (len / 2 != n || len % 2 != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned high = digits[p[2 * i]], low = digits[p[2 * i + 1]];

		all &= high & low;
		any |= high | low;
		out[i] = (unsigned char)(high << 4 | (low & 15));
	}
	return all == DIGIT && (any_case || (any & UPPER) == 0);
}

static const char base64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Three bytes (fewer at the end) as four digits (as many as are needed). */
static void
encode(const char *digit, bool pad, const unsigned char *p, size_t n,
    struct buf *out)
{
	for (; n > 0; p += 3, n -= n < 3 ? n : 3) {
		unsigned b0 = p[0];
		unsigned b1 = n > 1 ? p[1] : 0;
		unsigned b2 = n > 2 ? p[2] : 0;
		char four[4] = { digit[b0 >> 2],
			digit[(b0 << 4 | b1 >> 4) & 63],
			n > 1 ? digit[(b1 << 2 | b2 >> 6) & 63] : '=',
			n > 2 ? digit[b2 & 63] : '=' };

		buf_add(out, four, pad || n > 2 ? 4 : n + 1);
	}
}

void
sign_base64(const void *bytes, size_t n, struct buf *out)
{
	encode(base64, true, bytes, n, out);
}

void
sign_base64url(const void *bytes, size_t n, struct buf *out)
{
	encode(base64url, false, bytes, n, out);
}

/* Four digits as three bytes; how many of them count, 0 if it is none. */
static size_t
decode(const char *four, bool last, unsigned char three[3])
{
	size_t n = 4;
	unsigned long bits = 0;

	if (last && four[3] == '=')
		n = four[2] == '=' ? 2 : 3;
	for (size_t i = 0; i < 4; i++) {
		const char *at = memchr(base64, four[i], sizeof(base64) - 1);

		if (i < n && at == NULL)
			return 0;
		bits = bits << 6 | (i < n ? (unsigned long)(at - base64) : 0);
	}
	/* Bits behind the last byte must be 0: one text for each value. */
	if ((n == 2 && (bits & 0xffff) != 0) || (n == 3 && (bits & 0xff) != 0))
		return 0;
	for (size_t i = 0; i < 3; i++)
		three[i] = (unsigned char)(bits >> (16 - 8 * i));
	return n - 1;
}

bool
sign_unbase64(const char *text, size_t len, struct buf *out)
{
	size_t before = out->len;

	if (len % 4 != 0)
		return false;
	for (size_t i = 0; i < len; i += 4) {
		unsigned char three[3];
		size_t n = decode(text + i, i + 4 == len, three);

		if (n > 0)
			buf_add(out, three, n);
		if (n == 0 || out->full) {
			buf_cut(out, before);
			return false;
		}
	}
	return true;
}

/* ---- secrets ---- */

void
sign_random(void *out, size_t n)
{
	unsigned char *p = out;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		/* No caller can go on with less than chance. */
		if (got == -1 && errno != EINTR)
			abort();
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
}

void
sign_wipe(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}
