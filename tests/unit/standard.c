#include "standard.h"

#include "arena.h"
#include "buf.h"
#include "fail.h"
#include "sign.h"
#include "source.h"

#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The vector that the libraries of Svix and Standard Webhooks share. */
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OTHER "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define SENT "1614265330"
#define BODY "{\"test\": 2432232314}"
#define RIGHT "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define WRONG "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="

static const int64_t sent = 1614265330;

/* A webhook's headers, by their CGI names. */
struct sent {
	const char *older; /* how the names begin */
	const char *id, *timestamp, *signature;
};

static const char *
header(const void *from, const char *name)
{
	const struct sent *s = from;
	size_t n = strlen(s->older);

	if (strncmp(name, s->older, n) != 0)
		return NULL;
	if (strcmp(name + n, "_ID") == 0)
		return s->id;
	if (strcmp(name + n, "_TIMESTAMP") == 0)
		return s->timestamp;
	return strcmp(name + n, "_SIGNATURE") == 0 ? s->signature : NULL;
}

static enum fail_kind
proof(const struct sent *s, const char *body, int64_t now, const char *secret,
    const char *second)
{
	const char *list[] = { secret, second };
	struct option_value secrets = { list,
		second != NULL         ? 2
		    : (secret != NULL) ? 1
				       : 0 };
	struct source_request r = { .header = header,
		.from = s,
		.body = body,
		.body_len = body == NULL ? 0 : strlen(body),
		.now = now * 1000 };
	struct fail f = { 0 };

	if (standard_prove(&secrets, &r, &f) != (f.kind == FAIL_NONE))
		return FAIL_BROKEN;
	return f.kind;
}

static const struct {
	const char *id, *timestamp, *signature, *body;
	int64_t now;
	enum fail_kind want;
	const char *why;
} proofs[] = {
	{ ID, SENT, RIGHT, BODY, 1614265330, FAIL_NONE,
	    "the published vector is right" },
	{ ID, SENT, WRONG " " RIGHT, BODY, 1614265330, FAIL_NONE,
	    "one right signature of several is enough" },
	{ ID, SENT, RIGHT " " WRONG, BODY, 1614265330, FAIL_NONE,
	    "wherever it stands" },
	{ ID, SENT, "v1a,AAAA v2," RIGHT " " RIGHT, BODY, 1614265330, FAIL_NONE,
	    "among those of versions that we do not know" },
	{ ID, SENT, "  " RIGHT "  ", BODY, 1614265330, FAIL_NONE,
	    "spaces around it do not matter" },
	{ ID, SENT, RIGHT, BODY, 1614265630, FAIL_NONE,
	    "five minutes late is in time" },
	{ ID, SENT, RIGHT, BODY, 1614265631, FAIL_AUTH,
	    "a second more is not" },
	{ ID, SENT, RIGHT, BODY, 1614265030, FAIL_NONE,
	    "five minutes early, too, is in time" },
	{ ID, SENT, RIGHT, BODY, 1614265029, FAIL_AUTH,
	    "and not a second more" },
	{ ID, SENT, WRONG, BODY, 1614265330, FAIL_AUTH,
	    "another signature is wrong" },
	{ ID, SENT, "v1," RIGHT, BODY, 1614265330, FAIL_AUTH,
	    "and so is one with its version twice" },
	{ ID, SENT, "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", BODY,
	    1614265330, FAIL_AUTH, "or of another version" },
	{ ID, SENT, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", BODY,
	    1614265330, FAIL_AUTH, "or of none" },
	{ ID, SENT, WRONG ", " RIGHT ",", BODY, 1614265330, FAIL_AUTH,
	    "or two headers joined by commas" },
	{ ID, SENT, "v1,", BODY, 1614265330, FAIL_AUTH, "or an empty one" },
	{ ID, SENT, "v1,g0hM9SsE+OTPJTGt", BODY, 1614265330, FAIL_AUTH,
	    "or a short one" },
	{ ID, SENT, " ", BODY, 1614265330, FAIL_AUTH, "or a space" },
	{ ID, SENT, RIGHT, "{\"test\": 2432232315}", 1614265330, FAIL_AUTH,
	    "another body is not what was signed" },
	{ "msg_2", SENT, RIGHT, BODY, 1614265330, FAIL_AUTH,
	    "nor is another id" },
	{ ID, "1614265331", RIGHT, BODY, 1614265330, FAIL_AUTH,
	    "nor is another time" },
	{ ID, "+1614265330", RIGHT, BODY, 1614265330, FAIL_AUTH,
	    "a time is digits" },
	{ ID, "1614265330.0", RIGHT, BODY, 1614265330, FAIL_AUTH,
	    "and nothing else" },
	{ ID, "99999999999999999999", RIGHT, BODY, 1614265330, FAIL_AUTH,
	    "no more than fit" },
	{ NULL, SENT, RIGHT, BODY, 1614265330, FAIL_AUTH, "the id is wanted" },
	{ ID, NULL, RIGHT, BODY, 1614265330, FAIL_AUTH, "and the time" },
	{ ID, SENT, NULL, BODY, 1614265330, FAIL_AUTH, "and a signature" },
	{ ID, SENT, "", BODY, 1614265330, FAIL_AUTH, "which is not empty" },
	{ ID, SENT, RIGHT, NULL, 1614265330, FAIL_INPUT,
	    "of a body that is not whole nothing can be computed" },
	{ ID, "1", RIGHT, NULL, 1614265330, FAIL_AUTH,
	    "but the headers are looked at first" },
};

static const struct {
	const char *secret;
	bool want;
	const char *why;
} secrets[] = {
	{ SECRET, true, "a secret is whsec_ and base64" },
	{ "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true, "or base64 alone" },
	{ "whsec_", false, "not nothing" },
	{ "", false, "nor nothing at all" },
	{ "whsec_x", false, "nor what is no base64" },
	{ "WHSEC_MfKQ", false, "nor in another case" },
};

int
main(void)
{
	struct sent s = { "HTTP_SVIX", ID, SENT, RIGHT };

	for (size_t i = 0; i < COUNT(proofs); i++) {
		struct sent one = { "HTTP_WEBHOOK", proofs[i].id,
			proofs[i].timestamp, proofs[i].signature };

		ok(proof(&one, proofs[i].body, proofs[i].now, SECRET, NULL) ==
			proofs[i].want,
		    "%s", proofs[i].why);
	}
	ok(proof(&s, BODY, sent, SECRET, NULL) == FAIL_NONE,
	    "the older names of the headers do");
	ok(proof(&s, BODY, sent, OTHER, SECRET) == FAIL_NONE,
	    "the second secret does too");
	ok(proof(&s, BODY, sent, SECRET, OTHER) == FAIL_NONE,
	    "and the first of two");
	ok(proof(&s, BODY, sent, OTHER, NULL) == FAIL_AUTH,
	    "another secret does not");
	ok(proof(&s, BODY, sent, "whsec_?", NULL) == FAIL_AUTH,
	    "nor does one that is none");
	ok(proof(&s, BODY, sent, NULL, NULL) == FAIL_AUTH,
	    "and without a secret nobody is right");
	for (size_t i = 0; i < COUNT(secrets); i++)
		ok(standard_secret_ok(secrets[i].secret) == secrets[i].want,
		    "%s", secrets[i].why);
	return tap_done();
}
