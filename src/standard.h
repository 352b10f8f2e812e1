/*
 * Proof as Standard Webhooks has it (standardwebhooks.com; facts/
 * webservers-and-c.md, 5.1; facts/incidentio.md, 6): webhook-id,
 * webhook-timestamp (seconds since 1970) and webhook-signature, one or more
 * "v1," and the base64 HMAC-SHA256 of id.timestamp.body, with a space between
 * two.  The same headers under their older names, svix-id and so on, do too.
 *
 * A secret is base64, after "whsec_" or alone.
 */
#ifndef STANDARD_H
#define STANDARD_H

#include <stdbool.h>

struct arena;
struct fail;
struct option_value;
struct source_proof;
struct source_request;

enum { STANDARD_TOLERANCE = 300 }; /* seconds, either way */

/* Whether a secret can be one. */
bool standard_secret_ok(const char *secret);

/* Failures are those of proof.h. */
bool standard_prove(const struct option_value *secrets,
    const struct source_request *r, struct fail *f);

/* What a sender that has the first secret would add, now. */
bool standard_make(const struct option_value *secrets,
    const struct source_request *r, struct arena *a, struct source_proof *out,
    struct fail *f);

#endif
