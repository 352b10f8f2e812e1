#include "sign.h"

#include "buf.h"

#include "tap.h"

#include <stdlib.h>

#define LENGTH(table) (sizeof(table) / sizeof((table)[0]))

static const char long_key[] =
    "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
    "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
    "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk";
static const char fox[] = "The quick brown fox jumps over the lazy dog";

/* From CPython's hmac. */
static const struct {
	enum sign_alg alg;
	const char *key;
	const char *text;
	const char *want;
	const char *why;
} hmacs[] = {
	{ SIGN_SHA512, "secret", "",
	    "b0e9650c5faf9cd8ae02276671545424104589b3656731ec193b25d01b07561c"
	    "27637c2d4d68389d6cf5007a8632c26ec89ba80a01c77a6cdd389ec28db43901",
	    "nothing" },
	{ SIGN_SHA512, "secret", "a=",
	    "b3e40a92cb71f2ec8d8af7502f75649b30d08676fe9bd748ca13b0cc6a7170e3"
	    "1dbf446712135a866240aca78e8f95bc34c9a4a3f48a5e4db9e45121c6410bf6",
	    "the same key again" },
	{ SIGN_SHA512, "key", fox,
	    "b42af09057bac1e2d41708e48a902e09b5ff7f12ab428a4fe86653c73dd248fb"
	    "82f948a549f7b791a5b41915ee4d1ec3935357e4e2317250d0372afa2ebeeb3a",
	    "another key" },
	{ SIGN_SHA512, "", "",
	    "b936cee86c9f87aa5d3c6f2e84cb5a4239a5fe50480a6ec66b70ab5b1f4ac673"
	    "0c6c515421b327ec1d69402e53dfb49ad7381eb067b338fd7b0cb22247225d47",
	    "no key is not the key before" },
	{ SIGN_SHA512, "", "",
	    "b936cee86c9f87aa5d3c6f2e84cb5a4239a5fe50480a6ec66b70ab5b1f4ac673"
	    "0c6c515421b327ec1d69402e53dfb49ad7381eb067b338fd7b0cb22247225d47",
	    "no key twice" },
	{ SIGN_SHA512, long_key, "x",
	    "3bea04514dec7eac85d846ec90cead0c22ff461ba7250c03635876766055b829"
	    "aac0109c567fa359e5f177a9e8c30233a682a33467845ac6f966813635668f7a",
	    "a key longer than a block" },
	{ SIGN_SHA512, long_key, "x",
	    "3bea04514dec7eac85d846ec90cead0c22ff461ba7250c03635876766055b829"
	    "aac0109c567fa359e5f177a9e8c30233a682a33467845ac6f966813635668f7a",
	    "such a key twice" },
	{ SIGN_SHA256, "secret", "a=",
	    "25841aa87a9a2191e3dacaca266ab0500aed4a09ecf2385624c874d738433f64",
	    "SHA-256" },
	{ SIGN_SHA1, "secret", "a=", "fe96f76e4499b01b87ba7a06bbeb681306c7f75f",
	    "SHA-1" },
	{ SIGN_SHA256, "key", fox,
	    "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
	    "SHA-256 with another key" },
	{ SIGN_SHA1, "key", fox, "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9",
	    "SHA-1 with another key" },
	{ SIGN_SHA512, "secret", "",
	    "b0e9650c5faf9cd8ae02276671545424104589b3656731ec193b25d01b07561c"
	    "27637c2d4d68389d6cf5007a8632c26ec89ba80a01c77a6cdd389ec28db43901",
	    "and the first key once more" },
};

/* FIPS 180-4's "abc". */
static const struct {
	enum sign_alg alg;
	size_t size;
	const char *want;
	const char *why;
} digests[] = {
	{ SIGN_SHA1, 20, "a9993e364706816aba3e25717850c26c9cd0d89d", "SHA-1" },
	{ SIGN_SHA256, 32,
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	    "SHA-256" },
	{ SIGN_SHA512, 64,
	    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	    "SHA-512" },
};

static void
signatures(void)
{
	unsigned char raw[SIGN_MAX];
	char hex[2 * SIGN_MAX + 1];

	for (size_t i = 0; i < LENGTH(hmacs); i++) {
		sign_hmac(hmacs[i].alg, hmacs[i].key, strlen(hmacs[i].key),
		    hmacs[i].text, strlen(hmacs[i].text), raw);
		sign_hex(raw, sign_size(hmacs[i].alg), hex);
		is(hex, hmacs[i].want, hmacs[i].why);
	}
	/* The key before this one must not be taken for it. */
	sign_hmac(SIGN_SHA256, NULL, 0, "", 0, raw);
	sign_hex(raw, 32, hex);
	is(hex,
	    "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
	    "no key may be NULL");
	for (size_t i = 0; i < LENGTH(digests); i++) {
		ok(sign_size(digests[i].alg) == digests[i].size,
		    "the size of %s", digests[i].why);
		sign_digest(digests[i].alg, "abc", 3, raw);
		sign_hex(raw, digests[i].size, hex);
		is(hex, digests[i].want, digests[i].why);
	}
}

static const struct {
	const char *given;
	const char *secret;
	bool want;
	const char *why;
} secrets[] = {
	{ "s3cret", "s3cret", true, "the secret" },
	{ "s3creT", "s3cret", false, "the last letter differs" },
	{ "S3cret", "s3cret", false, "the first letter differs" },
	{ "s3cre", "s3cret", false, "its beginning" },
	{ "s3crets", "s3cret", false, "more than it" },
	{ "aa", "a", false, "twice the secret" },
	{ "", "s3cret", false, "nothing" },
	{ "", "", false, "an empty secret is known to nobody" },
	{ "x", "", false, "nor guessed" },
};

static const struct {
	const char *hex;
	bool any_case;
	size_t n;
	bool want;
	const char *why;
} hexes[] = {
	{ "00ff7a", false, 3, true, "lower case" },
	{ "00FF7A", false, 3, false, "upper case where lower is asked" },
	{ "00Ff7a", true, 3, true, "either case" },
	{ "00ff7", false, 3, false, "a digit too few" },
	{ "00ff7a0", false, 3, false, "a digit too many" },
	{ "00ff", false, 3, false, "a byte too few" },
	{ "00ff7a00", false, 3, false, "a byte too many" },
	{ "00fg7a", true, 3, false, "a letter past f" },
	{ "00:f7a", true, 3, false, "what stands behind 9" },
	{ "00`f7a", true, 3, false, "what stands before a" },
	{ "00@f7a", true, 3, false, "what stands before A" },
	{ " 0ff7a", true, 3, false, "a space" },
	{ "0x00ff", true, 3, false, "0x" },
	{ "\xc3\xa9"
	  "ff7a",
	    true, 3, false, "no ASCII" },
	{ "", false, 0, true, "nothing is nothing" },
};

static void
compares(void)
{
	static const unsigned char want[] = { 0x00, 0xff, 0x7a };

	ok(sign_equal("abc", "abc", 3) && !sign_equal("abc", "abd", 3) &&
		!sign_equal("abc", "bbc", 3) && sign_equal("a", "b", 0),
	    "equal bytes are equal");
	for (size_t i = 0; i < LENGTH(secrets); i++)
		ok(sign_same_secret(secrets[i].given, strlen(secrets[i].given),
		       secrets[i].secret,
		       strlen(secrets[i].secret)) == secrets[i].want,
		    "as a secret: %s", secrets[i].why);
	for (size_t i = 0; i < LENGTH(hexes); i++) {
		unsigned char got[4] = { 0 };
		bool did = sign_unhex(hexes[i].hex, strlen(hexes[i].hex),
		    hexes[i].any_case, got, hexes[i].n);

		ok(did == hexes[i].want &&
			(!did || memcmp(got, want, hexes[i].n) == 0),
		    "as hex: %s", hexes[i].why);
	}
	ok(!sign_unhex("0\0"
		       "11",
	       4, true, (unsigned char[2]){ 0 }, 2),
	    "NUL is no digit");
}

/* RFC 4648, 10, and a text that needs + and /. */
static const struct {
	const char *plain;
	const char *text;
	const char *url;
} encoded[] = {
	{ "", "", "" },
	{ "f", "Zg==", "Zg" },
	{ "fo", "Zm8=", "Zm8" },
	{ "foo", "Zm9v", "Zm9v" },
	{ "foob", "Zm9vYg==", "Zm9vYg" },
	{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
	{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
	{ "\xfb\xff\xfe", "+//+", "-__-" },
};

static const struct {
	const char *text;
	const char *why;
} not_base64[] = {
	{ "Zg", "no padding" },
	{ "Zg=", "half the padding" },
	{ "Zg===", "too much of it" },
	{ "Z===", "one digit" },
	{ "====", "padding alone" },
	{ "Zg==Zg==", "padding in the middle" },
	{ "Zm=v", "padding before a digit" },
	{ "Zm9v\n", "a line feed" },
	{ "Zm 9", "a space" },
	{ "-__-", "the digits of the other alphabet" },
	{ "Zh==", "bits behind the last of one byte" },
	{ "Zm9=", "bits behind the last of two bytes" },
	{ "Zm9vZm9\xc3", "no ASCII" },
};

static void
base64s(void)
{
	struct buf b = BUF_MAX(100);
	unsigned char all[256];

	for (size_t i = 0; i < LENGTH(encoded); i++) {
		sign_base64(encoded[i].plain, strlen(encoded[i].plain), &b);
		is(b.data, encoded[i].text, "base64");
		buf_reset(&b);
		sign_base64url(encoded[i].plain, strlen(encoded[i].plain), &b);
		is(b.data, encoded[i].url, "base64url");
		buf_reset(&b);
		ok(sign_unbase64(encoded[i].text, strlen(encoded[i].text), &b),
		    "what was encoded is decoded");
		is(b.data, encoded[i].plain, "to what it was");
		buf_reset(&b);
	}
	buf_puts(&b, "kept");
	for (size_t i = 0; i < LENGTH(not_base64); i++)
		ok(!sign_unbase64(
		       not_base64[i].text, strlen(not_base64[i].text), &b) &&
			strcmp(b.data, "kept") == 0,
		    "no base64: %s", not_base64[i].why);
	ok(!sign_unbase64("Zm\0v", 4, &b), "no base64: NUL");
	buf_free(&b);

	struct buf small = BUF_MAX(2), text = BUF_MAX(1000),
		   back = BUF_MAX(300);

	ok(!sign_unbase64("Zm9v", 4, &small) && small.len == 0,
	    "what does not fit is not decoded by halves");
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)i;
	sign_base64(all, sizeof(all), &text);
	ok(sign_unbase64(text.data, text.len, &back) && back.len == 256 &&
		memcmp(back.data, all, 256) == 0,
	    "every byte comes back");
	buf_free(&small);
	buf_free(&text);
	buf_free(&back);
}

static void
randoms(void)
{
	unsigned char a[48] = { 0 }, b[48] = { 0 };
	static const unsigned char none[48];

	sign_random(a, 32);
	sign_random(b, 32);
	ok(memcmp(a, none, 32) != 0 && memcmp(a, b, 32) != 0,
	    "random bytes are not the same twice");
	ok(memcmp(a + 32, none, 16) == 0, "and no more than asked for");
	sign_random(a, 0);
	sign_wipe(a, sizeof(a));
	ok(memcmp(a, none, sizeof(a)) == 0, "what is wiped is gone");
}

int
main(void)
{
	signatures();
	compares();
	base64s();
	randoms();
	return tap_done();
}
