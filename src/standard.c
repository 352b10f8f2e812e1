#include "standard.h"

#include "arena.h"
#include "buf.h"
#include "fail.h"
#include "option.h"
#include "proof.h"
#include "scan.h"
#include "sign.h"
#include "source.h"
#include "when.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

enum { KEY_MAX = 4096, SUM_SIZE = 32, ID_SIZE = 12 }; /* bytes */

static const char version[] = "v1,";

/* What a request says that it is. */
struct envelope {
	const char *id;
	const char *timestamp;
	const char *signatures;
};

static const char *
either(const struct source_request *r, const char *name, const char *older)
{
	const char *value = proof_header(r, name);

	return value != NULL ? value : proof_header(r, older);
}

static bool
open_envelope(
    struct envelope *e, const struct source_request *r, struct fail *f)
{
	e->id = either(r, "HTTP_WEBHOOK_ID", "HTTP_SVIX_ID");
	e->timestamp =
	    either(r, "HTTP_WEBHOOK_TIMESTAMP", "HTTP_SVIX_TIMESTAMP");
	e->signatures =
	    either(r, "HTTP_WEBHOOK_SIGNATURE", "HTTP_SVIX_SIGNATURE");
	if (e->id == NULL || e->timestamp == NULL || e->signatures == NULL)
		return fail_set(f, FAIL_AUTH,
		    "wanted webhook-id, webhook-timestamp and "
		    "webhook-signature");
	return true;
}

static bool
is_fresh(const struct envelope *e, int64_t now, struct fail *f)
{
	struct scan s = { (const unsigned char *)e->timestamp,
		strlen(e->timestamp) };
	int64_t today = now / WHEN_SECOND;
	unsigned long sent;

	if (!scan_number(&s, LONG_MAX, &sent) || s.left > 0)
		return fail_set(f, FAIL_AUTH,
		    "webhook-timestamp is not a number of seconds");
	if ((int64_t)sent < today - STANDARD_TOLERANCE)
		return fail_set(f, FAIL_AUTH,
		    "webhook-timestamp is more than 5 minutes old");
	if ((int64_t)sent > today + STANDARD_TOLERANCE)
		return fail_set(f, FAIL_AUTH,
		    "webhook-timestamp is more than 5 minutes ahead: is the "
		    "clock right?");
	return true;
}

/* Append the key that a secret means. */
static bool
decode(const char *secret, struct buf *key)
{
	static const char prefix[] = "whsec_";

	if (strncmp(secret, prefix, sizeof(prefix) - 1) == 0)
		secret += sizeof(prefix) - 1;
	return sign_unbase64(secret, strlen(secret), key) && key->len > 0 &&
	    !key->full;
}

bool
standard_secret_ok(const char *secret)
{
	struct buf key = BUF_MAX(KEY_MAX);
	bool good = decode(secret, &key);

	sign_wipe(key.data, key.size);
	buf_free(&key);
	return good;
}

/* Whether one signature of the list is the sum; all are looked at. */
static bool
lists(const char *list, const unsigned char sum[SIGN_MAX])
{
	bool right = false;

	for (size_t n; *list != '\0'; list += n) {
		struct buf given = BUF_MAX(SIGN_MAX);
		size_t skip = sizeof(version) - 1;

		list += strspn(list, " ");
		n = strcspn(list, " ");
		if (n > skip && strncmp(list, version, skip) == 0 &&
		    sign_unbase64(list + skip, n - skip, &given) &&
		    given.len == SUM_SIZE)
			right |= sign_equal(given.data, sum, SUM_SIZE);
		buf_free(&given);
	}
	return right;
}

/* All secrets are tried, whichever is right: the time shall not tell. */
static bool
any_signs(const struct option_value *secrets, const struct envelope *e,
    const struct buf *text)
{
	bool right = false;

	for (size_t i = 0; i < secrets->n; i++) {
		struct buf key = BUF_MAX(KEY_MAX);
		unsigned char sum[SIGN_MAX];

		if (decode(secrets->items[i], &key)) {
			sign_hmac(SIGN_SHA256, key.data, key.len, text->data,
			    text->len, sum);
			right |= lists(e->signatures, sum);
		}
		sign_wipe(key.data, key.size);
		buf_free(&key);
	}
	return right;
}

static void
signed_text(
    const struct envelope *e, const struct source_request *r, struct buf *out)
{
	*out = BUF_MAX(
	    strlen(e->id) + strlen(e->timestamp) + r->body_len + sizeof(".."));
	buf_printf(out, "%s.%s.", e->id, e->timestamp);
	buf_add(out, r->body, r->body_len);
}

static bool
signature_right(const struct option_value *secrets, const struct envelope *e,
    const struct source_request *r, struct fail *f)
{
	struct buf text;
	bool right;

	signed_text(e, r, &text);
	right = !text.full && any_signs(secrets, e, &text);
	buf_free(&text);
	return right ||
	    fail_set(f, FAIL_AUTH,
		"webhook-signature is not this webhook's under any secret");
}

bool
standard_prove(const struct option_value *secrets,
    const struct source_request *r, struct fail *f)
{
	struct envelope e;

	if (secrets->n == 0)
		return fail_set(f, FAIL_AUTH, "no secret: set secret_file");
	if (!open_envelope(&e, r, f) || !is_fresh(&e, r->now, f))
		return false;
	if (r->body == NULL)
		return fail_set(f, FAIL_INPUT,
		    "the body is not whole: the proof cannot be computed");
	return signature_right(secrets, &e, r, f);
}

/* "v1," and the sum over what the envelope and the body are together. */
static const char *
signature(const char *secret, const struct envelope *e,
    const struct source_request *r, struct arena *a)
{
	struct buf key = BUF_MAX(KEY_MAX);
	struct buf text, out = BUF_MAX(KEY_MAX);
	unsigned char sum[SIGN_MAX];
	const char *made;

	signed_text(e, r, &text);
	(void)decode(secret, &key);
	sign_hmac(SIGN_SHA256, key.data, key.len, text.data, text.len, sum);
	buf_puts(&out, version);
	sign_base64(sum, SUM_SIZE, &out);
	made = arena_copy(a, out.data, out.len);
	sign_wipe(key.data, key.size);
	buf_free(&key);
	buf_free(&text);
	buf_free(&out);
	return made;
}

bool
standard_make(const struct option_value *secrets,
    const struct source_request *r, struct arena *a, struct source_proof *out,
    struct fail *f)
{
	const char *secret = proof_secret(secrets, f);
	unsigned char random[ID_SIZE];
	char hex[2 * ID_SIZE + 1];
	struct envelope e;

	if (secret == NULL)
		return false;
	sign_random(random, sizeof(random));
	sign_hex(random, sizeof(random), hex);
	e.id = arena_printf(a, "msg_%s", hex);
	e.timestamp = arena_printf(a, "%" PRId64, r->now / WHEN_SECOND);
	e.signatures = signature(secret, &e, r, a);
	proof_add(out, "HTTP_WEBHOOK_ID", e.id);
	proof_add(out, "HTTP_WEBHOOK_TIMESTAMP", e.timestamp);
	proof_add(out, "HTTP_WEBHOOK_SIGNATURE", e.signatures);
	return true;
}
