#include "proof.h"

#include "buf.h"
#include "fail.h"
#include "source.h"

#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *list[] = { "secret", "edr:pass:word", "old" };
static const struct option_value secrets = { list, 3 };
static const struct option_value none = { NULL, 0 };

/* A request with one header and a path. */
struct sent {
	const char *name;
	const char *value;
};

static const char *
header(const void *from, const char *name)
{
	const struct sent *s = from;

	return s->name != NULL && strcmp(s->name, name) == 0 ? s->value : NULL;
}

static struct source_request
request(const struct sent *s, const char *token, const char *body)
{
	return (struct source_request){ .header = header,
		.from = s,
		.token = token,
		.body = body,
		.body_len = body == NULL ? 0 : strlen(body) };
}

static void
check(bool did, const struct fail *f, enum fail_kind want, const char *why)
{
	ok(did == (f->kind == FAIL_NONE) && f->kind == want &&
		(did || f->text[0] != '\0'),
	    "%s", why);
}

/* ---- tokens ----------------------------------------------------------------
 */

static const struct {
	const char *token;
	enum fail_kind want;
	const char *why;
} tokens[] = {
	{ "secret", FAIL_NONE, "a secret in the path is a proof" },
	{ "old", FAIL_NONE, "so is the last one" },
	{ "edr:pass:word", FAIL_NONE, "whatever it looks like" },
	{ NULL, FAIL_AUTH, "no token is none" },
	{ "", FAIL_AUTH, "nor is an empty one" },
	{ "secre", FAIL_AUTH, "nor a beginning" },
	{ "secrett", FAIL_AUTH, "nor more than all" },
	{ "secretsecret", FAIL_AUTH, "nor twice the same" },
	{ "Secret", FAIL_AUTH, "nor in another case" },
	{ "secret ", FAIL_AUTH, "nor with a space" },
};

static void
proves_tokens(void)
{
	struct sent s = { NULL, NULL };

	for (size_t i = 0; i < COUNT(tokens); i++) {
		struct source_request r = request(&s, tokens[i].token, "{}");
		struct fail f = { 0 };

		check(proof_token(&secrets, &r, &f), &f, tokens[i].want,
		    tokens[i].why);
	}
}

/* ---- Authorization ---------------------------------------------------------
 */

static const char auth[] = "HTTP_AUTHORIZATION";
static const char redirected[] = "REDIRECT_HTTP_AUTHORIZATION";

static const struct {
	const char *name;
	const char *scheme;
	const char *pair; /* made base64; NULL: digits counts */
	const char *digits;
	enum fail_kind want;
	const char *why;
} basics[] = {
	{ auth, "Basic ", "edr:secret", NULL, FAIL_NONE,
	    "a secret is anybody's password" },
	{ auth, "Basic ", ":secret", NULL, FAIL_NONE, "also nobody's" },
	{ auth, "Basic ", "secret:", NULL, FAIL_NONE,
	    "or a user without password" },
	{ auth, "Basic ", "edr:pass:word", NULL, FAIL_NONE,
	    "a secret may name both" },
	{ auth, "Basic ", "x:old", NULL, FAIL_NONE,
	    "the last one counts as well" },
	{ auth, "bASIC ", "edr:secret", NULL, FAIL_NONE,
	    "the scheme has no case" },
	{ auth, "Basic   ", "edr:secret", NULL, FAIL_NONE,
	    "and any number of spaces behind it" },
	{ redirected, "Basic ", "edr:secret", NULL, FAIL_NONE,
	    "Apache may have renamed the header" },
	{ auth, "Basic ", "secret:x", NULL, FAIL_AUTH,
	    "a user's wrong password is refused" },
	{ auth, "Basic ", "other:pass:word", NULL, FAIL_AUTH,
	    "so is another user, where one is named" },
	{ auth, "Basic ", "x:pass:word", NULL, FAIL_AUTH,
	    "a secret with a colon is no password alone" },
	{ auth, "Basic ", "edr:", NULL, FAIL_AUTH, "nor is its user enough" },
	{ auth, "Basic ", "edr:pass", NULL, FAIL_AUTH,
	    "nor a part of its password" },
	{ auth, "Basic ", ":", NULL, FAIL_AUTH, "nothing is no secret" },
	{ auth, "Basic ", "secret", NULL, FAIL_AUTH,
	    "nor is what has no colon" },
	{ auth, "Basic ", "", NULL, FAIL_AUTH, "nor an empty text" },
	{ auth, "Basic ", NULL, "c2VjcmV0Og", FAIL_AUTH,
	    "padding is not left out" },
	{ auth, "Basic ", NULL, "c2VjcmV0Og==x", FAIL_AUTH,
	    "nothing stands behind it" },
	{ auth, "Basic ", NULL, "c2Vj!mV0Og==", FAIL_AUTH,
	    "what is not base64 is refused" },
	{ auth, "Basic", NULL, "c2VjcmV0Og==", FAIL_AUTH,
	    "the scheme ends with a space" },
	{ auth, "Bearer ", NULL, "c2VjcmV0Og==", FAIL_AUTH,
	    "another scheme is not Basic" },
	{ auth, "", NULL, "", FAIL_AUTH, "an empty header is none" },
	{ "HTTP_X", "Basic ", "edr:secret", NULL, FAIL_AUTH,
	    "nor is another header" },
};

static void
proves_basic(void)
{
	for (size_t i = 0; i < COUNT(basics); i++) {
		struct buf b = BUF_MAX(1000);
		struct fail f = { 0 };
		struct sent s = { basics[i].name, NULL };
		struct source_request r;

		buf_puts(&b, basics[i].scheme);
		if (basics[i].pair != NULL)
			sign_base64(basics[i].pair, strlen(basics[i].pair), &b);
		else
			buf_puts(&b, basics[i].digits);
		s.value = b.data;
		r = request(&s, NULL, "{}");
		check(proof_basic(&secrets, &r, &f), &f, basics[i].want,
		    basics[i].why);
		buf_free(&b);
	}
}

/* A header of any length is refused, not read past a ceiling. */
static void
long_basic(void)
{
	struct buf b = BUF_MAX(1 << 20), pair = BUF_MAX(1 << 20);
	struct fail f = { 0 };
	struct sent s = { auth, NULL };
	struct source_request r;

	for (int i = 0; i < 20000; i++)
		buf_puts(&pair, "a");
	buf_puts(&pair, ":secret");
	buf_puts(&b, "Basic ");
	sign_base64(pair.data, pair.len, &b);
	s.value = b.data;
	r = request(&s, NULL, "{}");
	check(proof_basic(&secrets, &r, &f), &f, FAIL_AUTH,
	    "a user of many thousand letters is refused");
	buf_free(&pair);
	buf_free(&b);
}

static const struct {
	const char *name;
	const char *value;
	enum fail_kind want;
	const char *why;
} bearers[] = {
	{ auth, "Bearer secret", FAIL_NONE, "a bearer has a secret" },
	{ auth, "bearer old", FAIL_NONE, "any of them, in any case" },
	{ redirected, "Bearer secret", FAIL_NONE, "also when renamed" },
	{ auth, "Bearer ", FAIL_AUTH, "nothing is no secret" },
	{ auth, "Bearer", FAIL_AUTH, "the scheme alone is none" },
	{ auth, "Bearer secrets", FAIL_AUTH, "nor is another" },
	{ auth, "Bearer secret ", FAIL_AUTH, "nor one with a space" },
	{ auth, "secret", FAIL_AUTH, "nor one without the scheme" },
	{ auth, "Basic secret", FAIL_AUTH, "nor with another scheme" },
	{ NULL, NULL, FAIL_AUTH, "nor is no header" },
};

static void
proves_bearers(void)
{
	for (size_t i = 0; i < COUNT(bearers); i++) {
		struct sent s = { bearers[i].name, bearers[i].value };
		struct source_request r = request(&s, NULL, "{}");
		struct fail f = { 0 };

		check(proof_bearer(&secrets, &r, &f), &f, bearers[i].want,
		    bearers[i].why);
	}
}

/* ---- signatures ------------------------------------------------------------
 */

/* Of "{}" under "secret", by `openssl dgst -hmac`. */
#define S1 "5d61605c3feea9799210ddcb71307d4ba264225f"
#define S256 "77325902caca812dc259733aacd046b73817372c777b8d95b402647474516e13"
#define S256_UPPER \
	"77325902CACA812DC259733AACD046B73817372C777B8D95B402647474516E13"
#define S256_BASE64 "dzJZAsrKgS3CWXM6rNBGtzgXNyx3e42VtAJkdHRRbhM="
#define S512 \
	"d6f1126a735b5a754f6e58434f170bdefdffada2c17f67d9bbd86d97669b94f8" \
	"0a92978665bf7ea423832b3f4f3856e2901a7c028e16c81efbb43298a1c00772"
#define S512_BASE64 \
	"1vESanNbWnVPblhDTxcL3v3/raLBf2fZu9htl2ablPgKkpeGZb9+pCODKz9POFbi" \
	"kBp8Ao4WyB77tDKYocAHcg=="
/* Under "old", and under a key that is no secret. */
#define OLD256 \
	"419f84c3dfb1dabfe377f5a34859584b8faa83144c2a3b2b72a8c4ded4e293a6"
#define OTHER256 \
	"32df24e34f0e9ecb137fa4320ab0d50bcc30843d88000f1360748b6144b4e8e5"

static const char x[] = "HTTP_X_SIG";

static const struct {
	struct proof_hmac how;
	struct sent sent;
	const char *body;
	enum fail_kind want;
	const char *why;
} hmacs[] = {
	{ { SIGN_SHA256, PROOF_HEX, x, NULL }, { x, S256 }, "{}", FAIL_NONE,
	    "SHA-256 in hex" },
	{ { SIGN_SHA256, PROOF_HEX, x, NULL }, { x, S256_UPPER }, "{}",
	    FAIL_NONE, "in upper case" },
	{ { SIGN_SHA256, PROOF_HEX_LOWER, x, NULL }, { x, S256 }, "{}",
	    FAIL_NONE, "lower case where only that will do" },
	{ { SIGN_SHA256, PROOF_HEX_LOWER, x, NULL }, { x, S256_UPPER }, "{}",
	    FAIL_AUTH, "but upper case not there" },
	{ { SIGN_SHA256, PROOF_BASE64, x, NULL }, { x, S256_BASE64 }, "{}",
	    FAIL_NONE, "in base64" },
	{ { SIGN_SHA1, PROOF_HEX, x, NULL }, { x, S1 }, "{}", FAIL_NONE,
	    "SHA-1" },
	{ { SIGN_SHA512, PROOF_HEX, x, NULL }, { x, S512 }, "{}", FAIL_NONE,
	    "SHA-512" },
	{ { SIGN_SHA512, PROOF_BASE64, x, NULL }, { x, S512_BASE64 }, "{}",
	    FAIL_NONE, "in base64" },
	{ { SIGN_SHA256, PROOF_HEX, x, "sha256=" }, { x, "sha256=" S256 }, "{}",
	    FAIL_NONE, "behind a prefix" },
	{ { SIGN_SHA256, PROOF_HEX, x, NULL }, { x, OLD256 }, "{}", FAIL_NONE,
	    "under the last secret" },
	{ { SIGN_SHA256, PROOF_HEX, auth, NULL }, { auth, S256 }, "{}",
	    FAIL_NONE, "in Authorization" },
	{ { SIGN_SHA256, PROOF_HEX, auth, NULL }, { redirected, S256 }, "{}",
	    FAIL_NONE, "as Apache renames it" },
	{ { SIGN_SHA256, PROOF_HEX, x, NULL }, { x, OTHER256 }, "{}", FAIL_AUTH,
	    "not under another secret" },
	{ { SIGN_SHA256, PROOF_HEX, x, NULL }, { x, S256 }, "{ }", FAIL_AUTH,
	    "not of another body" },
	{ { SIGN_SHA256, PROOF_HEX, x, NULL }, { x, S1 }, "{}", FAIL_AUTH,
	    "not by another algorithm" },
	{ { SIGN_SHA256, PROOF_HEX, x, NULL }, { x, "sha256=" S256 }, "{}",
	    FAIL_AUTH, "no prefix where none belongs" },
	{ { SIGN_SHA256, PROOF_HEX, x, "sha256=" }, { x, S256 }, "{}",
	    FAIL_AUTH, "a prefix where one belongs" },
	{ { SIGN_SHA256, PROOF_HEX, x, "sha256=" }, { x, "sha2" }, "{}",
	    FAIL_AUTH, "and all of it" },
	{ { SIGN_SHA256, PROOF_HEX, x, NULL }, { x, S256 "0" }, "{}", FAIL_AUTH,
	    "not a digit more" },
	{ { SIGN_SHA256, PROOF_HEX, x, NULL }, { x, S256 "," S256 }, "{}",
	    FAIL_AUTH, "not two of them" },
	{ { SIGN_SHA256, PROOF_HEX, x, NULL }, { x, " " S256 }, "{}", FAIL_AUTH,
	    "not behind a space" },
	{ { SIGN_SHA256, PROOF_HEX, x, NULL }, { x, S256_BASE64 }, "{}",
	    FAIL_AUTH, "not base64 for hex" },
	{ { SIGN_SHA256, PROOF_BASE64, x, NULL }, { x, S256 }, "{}", FAIL_AUTH,
	    "nor hex for base64" },
	{ { SIGN_SHA256, PROOF_BASE64, x, NULL }, { x, "e30=" }, "{}",
	    FAIL_AUTH, "nor a short one" },
	{ { SIGN_SHA256, PROOF_BASE64, x, NULL }, { x, S512_BASE64 }, "{}",
	    FAIL_AUTH, "nor a long one" },
	{ { SIGN_SHA256, PROOF_HEX, x, NULL }, { x, "" }, "{}", FAIL_AUTH,
	    "nothing is no signature" },
	{ { SIGN_SHA256, PROOF_HEX, x, NULL }, { NULL, NULL }, "{}", FAIL_AUTH,
	    "nor is no header" },
	{ { SIGN_SHA256, PROOF_HEX, x, NULL }, { x, "zz" }, NULL, FAIL_AUTH,
	    "the header is looked at before the body" },
	{ { SIGN_SHA256, PROOF_HEX, x, NULL }, { x, S256 }, NULL, FAIL_INPUT,
	    "of half a body there is no proof" },
};

static void
proves_hmacs(void)
{
	for (size_t i = 0; i < COUNT(hmacs); i++) {
		struct source_request r =
		    request(&hmacs[i].sent, NULL, hmacs[i].body);
		struct fail f = { 0 };

		check(proof_hmac(&hmacs[i].how, &secrets, &r, &f), &f,
		    hmacs[i].want, hmacs[i].why);
	}
}

/* ---- no secret ------------------------------------------------------------
 */

static void
needs_secrets(void)
{
	static const struct proof_hmac how = { SIGN_SHA256, PROOF_HEX, x,
		NULL };
	/* Under the empty key. */
	struct sent s = { x,
		"22f8eea909400af98adf3681a9f31923ef6b7fcba4abb553d92823a3e9d5c2"
		"5e" };
	struct source_request r = request(&s, "", "{}");
	struct fail f[4] = { 0 };

	check(proof_token(&none, &r, &f[0]), &f[0], FAIL_AUTH,
	    "without a secret no token will do");
	check(proof_hmac(&how, &none, &r, &f[1]), &f[1], FAIL_AUTH,
	    "nor a signature under an empty one");
	s = (struct sent){ auth, "Basic Og==" };
	check(proof_basic(&none, &r, &f[2]), &f[2], FAIL_AUTH,
	    "nor empty credentials");
	s.value = "Bearer ";
	check(proof_bearer(&none, &r, &f[3]), &f[3], FAIL_AUTH,
	    "nor an empty bearer");
	ok(proof_scheme(&r, "Bearer") && !proof_scheme(&r, "Basic") &&
		!proof_scheme(&r, "Bear"),
	    "a scheme is told from another");
}

int
main(void)
{
	proves_tokens();
	proves_basic();
	long_basic();
	proves_bearers();
	proves_hmacs();
	needs_secrets();
	return tap_done();
}
