#include "proof.h"

#include "arena.h"
#include "buf.h"
#include "fail.h"
#include "source.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	BASIC_MAX = 8 << 10, /* bytes of user:password */
	DIGITS_MAX = 2 * SIGN_MAX,
};

static const char authorization[] = "HTTP_AUTHORIZATION";

static const char *
header(const struct source_request *r, const char *name)
{
	const char *value = r->header == NULL ? NULL : r->header(r->from, name);

	return value == NULL || *value == '\0' ? NULL : value;
}

const char *
proof_header(const struct source_request *r, const char *name)
{
	const char *value = header(r, name);

	if (value == NULL && strcmp(name, authorization) == 0)
		value = header(r, "REDIRECT_HTTP_AUTHORIZATION");
	return value;
}

/* What follows the scheme in the Authorization header, or NULL. */
static const char *
credentials(const struct source_request *r, const char *scheme)
{
	const char *value = proof_header(r, authorization);
	size_t n = strlen(scheme);

	if (value == NULL || strncasecmp(value, scheme, n) != 0 ||
	    value[n] != ' ')
		return NULL;
	return value + n + strspn(value + n, " ");
}

bool
proof_scheme(const struct source_request *r, const char *scheme)
{
	return credentials(r, scheme) != NULL;
}

static bool
secret_there(const struct option_value *secrets, struct fail *f)
{
	return secrets->n > 0 ||
	    fail_set(f, FAIL_AUTH, "no secret: set secret_file");
}

static bool
any_is(const struct option_value *secrets, const char *given, size_t n)
{
	bool right = false;

	for (size_t i = 0; i < secrets->n; i++)
		right |= sign_same_secret(
		    given, n, secrets->items[i], strlen(secrets->items[i]));
	return right;
}

bool
proof_token(const struct option_value *secrets, const struct source_request *r,
    struct fail *f)
{
	if (!secret_there(secrets, f))
		return false;
	if (r->token == NULL)
		return fail_set(
		    f, FAIL_AUTH, "no token: it goes at the end of the path");
	return any_is(secrets, r->token, strlen(r->token)) ||
	    fail_set(f, FAIL_AUTH, "the token is not in secret_file");
}

bool
proof_bearer(const struct option_value *secrets, const struct source_request *r,
    struct fail *f)
{
	const char *given = credentials(r, "Bearer");

	if (!secret_there(secrets, f))
		return false;
	if (given == NULL)
		return fail_set(f, FAIL_AUTH, "no Authorization: Bearer");
	return any_is(secrets, given, strlen(given)) ||
	    fail_set(f, FAIL_AUTH, "the bearer token is not in secret_file");
}

/* Which of the ways a secret may be used depends on the secret alone, so
 * that nothing is told by the time. */
static bool
names_secret(const char *pair, size_t n, const char *secret)
{
	const char *colon = memchr(pair, ':', n);
	size_t user = (size_t)(colon - pair);
	size_t len = strlen(secret);
	bool is_user, is_password;

	if (strchr(secret, ':') != NULL)
		return sign_same_secret(pair, n, secret, len);
	is_user = sign_same_secret(pair, user, secret, len);
	is_password = sign_same_secret(colon + 1, n - user - 1, secret, len);
	return (is_user & (user + 1 == n)) | is_password;
}

static bool
pair_right(
    const struct option_value *secrets, const struct buf *pair, struct fail *f)
{
	bool right = false;

	if (memchr(pair->data, ':', pair->len) == NULL)
		return fail_set(
		    f, FAIL_AUTH, "the Basic credentials have no colon");
	for (size_t i = 0; i < secrets->n; i++)
		right |= names_secret(pair->data, pair->len, secrets->items[i]);
	return right ||
	    fail_set(
		f, FAIL_AUTH, "the Basic credentials are not in secret_file");
}

bool
proof_basic(const struct option_value *secrets, const struct source_request *r,
    struct fail *f)
{
	const char *given = credentials(r, "Basic");
	struct buf pair = BUF_MAX(BASIC_MAX);
	bool right;

	if (!secret_there(secrets, f))
		return false;
	if (given == NULL)
		return fail_set(f, FAIL_AUTH, "no Authorization: Basic");
	right = sign_unbase64(given, strlen(given), &pair)
	    ? pair_right(secrets, &pair, f)
	    : fail_set(f, FAIL_AUTH, "the Basic credentials are not base64");
	sign_wipe(pair.data, pair.size);
	buf_free(&pair);
	return right;
}

/* ---- signatures ---- */

const char *
proof_spell(const char *name, char out[PROOF_NAME])
{
	static const char http[] = "HTTP_";

	if (strncmp(name, http, sizeof(http) - 1) == 0)
		name += sizeof(http) - 1;
	(void)snprintf(out, PROOF_NAME, "%s", name);
	for (char *c = out; *c != '\0'; c++)
		*c = (char)(*c == '_'            ? '-'
			: *c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a'
						 : *c);
	return out;
}

/* The digest in the header, sign_size bytes. */
static bool
read_digest(
    const struct proof_hmac *how, const char *text, unsigned char sum[SIGN_MAX])
{
	size_t size = sign_size(how->alg);
	struct buf b = BUF_MAX(SIGN_MAX);
	bool done;

	if (strlen(text) > DIGITS_MAX)
		return false;
	if (how->text != PROOF_BASE64)
		return sign_unhex(
		    text, strlen(text), how->text == PROOF_HEX, sum, size);
	done = sign_unbase64(text, strlen(text), &b) && b.len == size;
	if (done)
		memcpy(sum, b.data, size);
	buf_free(&b);
	return done;
}

static bool
signature_there(const struct proof_hmac *how, const struct source_request *r,
    unsigned char sum[SIGN_MAX], struct fail *f)
{
	const char *text = proof_header(r, how->header);
	const char *prefix = how->prefix == NULL ? "" : how->prefix;
	char name[PROOF_NAME];

	if (text == NULL)
		return fail_set(f, FAIL_AUTH, "no signature in %s",
		    proof_spell(how->header, name));
	if (strncmp(text, prefix, strlen(prefix)) != 0)
		return fail_set(f, FAIL_AUTH,
		    "the signature in %s lacks its prefix",
		    proof_spell(how->header, name));
	return read_digest(how, text + strlen(prefix), sum) ||
	    fail_set(f, FAIL_AUTH, "the signature in %s is not in shape",
		proof_spell(how->header, name));
}

static bool
any_signs(const struct proof_hmac *how, const struct option_value *secrets,
    const struct source_request *r, const unsigned char given[SIGN_MAX])
{
	unsigned char sum[SIGN_MAX];
	bool right = false;

	for (size_t i = 0; i < secrets->n; i++) {
		sign_hmac(how->alg, secrets->items[i],
		    strlen(secrets->items[i]), r->body, r->body_len, sum);
		right |= sign_equal(sum, given, sign_size(how->alg));
	}
	return right;
}

bool
proof_hmac(const struct proof_hmac *how, const struct option_value *secrets,
    const struct source_request *r, struct fail *f)
{
	unsigned char given[SIGN_MAX];

	if (!secret_there(secrets, f) || !signature_there(how, r, given, f))
		return false;
	if (r->body == NULL)
		return fail_set(f, FAIL_INPUT,
		    "the body is not whole: the proof cannot be computed");
	return any_signs(how, secrets, r, given) ||
	    fail_set(f, FAIL_AUTH,
		"the signature in %s is not this body's under any secret",
		how->header);
}

/* ---- the other side ---- */

void
proof_add(struct source_proof *out, const char *name, const char *value)
{
	out->headers[out->n++] = (struct source_header){ name, value };
}

const char *
proof_made(const void *made, const char *name)
{
	const struct source_proof *p = made;

	for (size_t i = 0; i < p->n; i++)
		if (strcmp(name, p->headers[i].name) == 0)
			return p->headers[i].value;
	return NULL;
}

const char *
proof_secret(const struct option_value *secrets, struct fail *f)
{
	return secret_there(secrets, f) ? secrets->items[0] : NULL;
}

bool
proof_make_token(const struct option_value *secrets, struct source_proof *out,
    struct fail *f)
{
	out->token = proof_secret(secrets, f);
	return out->token != NULL;
}

static const char *
base64(struct arena *a, const void *bytes, size_t n)
{
	struct buf b = BUF_MAX(2 * n + BASIC_MAX);
	const char *text;

	sign_base64(bytes, n, &b);
	text = arena_copy(a, b.data, b.len);
	buf_free(&b);
	return text;
}

bool
proof_make_basic(const struct option_value *secrets, const char *user,
    struct arena *a, struct source_proof *out, struct fail *f)
{
	const char *secret = proof_secret(secrets, f);
	const char *pair = secret;

	if (secret == NULL)
		return false;
	if (strchr(secret, ':') == NULL)
		pair = arena_printf(a, "%s:%s", user, secret);
	proof_add(out, authorization,
	    arena_printf(a, "Basic %s", base64(a, pair, strlen(pair))));
	return true;
}

bool
proof_make_bearer(const struct option_value *secrets, struct arena *a,
    struct source_proof *out, struct fail *f)
{
	const char *secret = proof_secret(secrets, f);

	if (secret == NULL)
		return false;
	proof_add(out, authorization, arena_printf(a, "Bearer %s", secret));
	return true;
}

bool
proof_make_hmac(const struct proof_hmac *how,
    const struct option_value *secrets, const struct source_request *r,
    struct arena *a, struct source_proof *out, struct fail *f)
{
	const char *secret = proof_secret(secrets, f);
	size_t size = sign_size(how->alg);
	unsigned char sum[SIGN_MAX];
	char hex[DIGITS_MAX + 1];

	if (secret == NULL)
		return false;
	sign_hmac(how->alg, secret, strlen(secret), r->body, r->body_len, sum);
	sign_hex(sum, size, hex);
	proof_add(out, how->header,
	    arena_printf(a, "%s%s", how->prefix == NULL ? "" : how->prefix,
		how->text == PROOF_BASE64 ? base64(a, sum, size) : hex));
	return true;
}
