/*
 * Digests, signatures, random bytes and their spellings.  The one room that
 * knows libcrypto.
 */
#ifndef SIGN_H
#define SIGN_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

enum sign_alg { SIGN_SHA1, SIGN_SHA256, SIGN_SHA512 };

enum { SIGN_MAX = 64 }; /* bytes of the longest digest */

/* Bytes that an algorithm yields: 20, 32, 64. */
size_t sign_size(enum sign_alg alg);

void sign_digest(enum sign_alg alg, const void *bytes, size_t n,
    unsigned char out[SIGN_MAX]);
void sign_hmac(enum sign_alg alg, const void *key, size_t key_len,
    const void *bytes, size_t n, unsigned char out[SIGN_MAX]);

/* Whether n bytes are equal, in a time that does not tell where they differ. */
bool sign_equal(const void *a, const void *b, size_t n);

/*
 * Whether the string given is the secret; the time tells only the length of
 * what was given.
 */
bool sign_same_secret(
    const char *given, size_t given_len, const char *secret, size_t secret_len);

/* 2 * n lower-case hex digits and a NUL. */
void sign_hex(const unsigned char *bytes, size_t n, char *out);

/*
 * Exactly 2 * n hex digits, lower case or, if any_case, either; false
 * otherwise.
 */
bool sign_unhex(
    const char *hex, size_t len, bool any_case, unsigned char *out, size_t n);

/* Base64 with padding (RFC 4648, 4); decoding appends nothing on failure. */
void sign_base64(const void *bytes, size_t n, struct buf *out);
bool sign_unbase64(const char *text, size_t len, struct buf *out);

/* Base64 with - and _ and no padding (RFC 4648, 5). */
void sign_base64url(const void *bytes, size_t n, struct buf *out);

/* Random bytes from the system; ends the process if there are none. */
void sign_random(void *out, size_t n);

/* Overwrite a secret that is no longer needed. */
void sign_wipe(void *p, size_t n);

#endif
