/*
 * The common ways in which a sender proves who it is.
 *
 * Every secret is tried, whichever is right, and each in constant time: how
 * long it takes tells nothing of a secret.  What is missing or misshapen is
 * FAIL_AUTH, like what is wrong, and so is all if there is no secret.  The
 * reason is for the log; it repeats nothing that was sent.
 */
#ifndef PROOF_H
#define PROOF_H

#include <stdbool.h>

#include "sign.h"

struct arena;
struct fail;
struct option_value;
struct source_proof;
struct source_request;

/*
 * A header by its CGI name.  Authorization is also looked for where Apache
 * puts it after a rewrite; "" counts as absent.  NULL if there is none.
 */
const char *proof_header(const struct source_request *r, const char *name);

/* As senders spell it: x-signature of HTTP_X_SIGNATURE. */
enum { PROOF_NAME = 112 };
const char *proof_spell(const char *name, char out[PROOF_NAME]);

/* Whether the Authorization header begins with that scheme, in any case. */
bool proof_scheme(const struct source_request *r, const char *scheme);

/* The token in the path is one of the secrets. */
bool proof_token(const struct option_value *secrets,
    const struct source_request *r, struct fail *f);

/*
 * HTTP Basic (RFC 7617).  A secret with a colon is user:password; one without
 * is either, the user with no password or the password of any user.
 */
bool proof_basic(const struct option_value *secrets,
    const struct source_request *r, struct fail *f);

/* Authorization: Bearer and one of the secrets (RFC 6750). */
bool proof_bearer(const struct option_value *secrets,
    const struct source_request *r, struct fail *f);

/* How a digest is spelt. */
enum proof_text {
	PROOF_HEX, /* either case */
	PROOF_HEX_LOWER,
	PROOF_BASE64,
};

struct proof_hmac {
	enum sign_alg alg;
	enum proof_text text;
	const char *header; /* its CGI name, such as HTTP_X_SIGNATURE */
	const char *prefix; /* what stands before the digest, or NULL */
};

/*
 * A header holds the HMAC of the body as it came.  FAIL_INPUT if the body
 * could not be read whole, once the header is in shape.
 */
bool proof_hmac(const struct proof_hmac *how,
    const struct option_value *secrets, const struct source_request *r,
    struct fail *f);

/*
 * The other side: what a sender that has the first of the secrets would add.
 * FAIL_AUTH if there is none.  Values live in the arena.
 */

/* One more header, by its CGI name. */
void proof_add(struct source_proof *out, const char *name, const char *value);

/* A header of what was made, a struct source_proof, by its CGI name; NULL if
 * there is none.  Fits a source_request. */
const char *proof_made(const void *made, const char *name);

/* The first secret, or NULL and a failure. */
const char *proof_secret(const struct option_value *secrets, struct fail *f);

bool proof_make_token(const struct option_value *secrets,
    struct source_proof *out, struct fail *f);

/* As user, unless the secret names one. */
bool proof_make_basic(const struct option_value *secrets, const char *user,
    struct arena *a, struct source_proof *out, struct fail *f);

bool proof_make_bearer(const struct option_value *secrets, struct arena *a,
    struct source_proof *out, struct fail *f);

bool proof_make_hmac(const struct proof_hmac *how,
    const struct option_value *secrets, const struct source_request *r,
    struct arena *a, struct source_proof *out, struct fail *f);

#endif
