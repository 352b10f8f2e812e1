#include "prove.h"

#include "arena.h"
#include "buf.h"
#include "command.h"
#include "fail.h"
#include "file.h"
#include "pyrepr.h"
#include "secret.h"
#include "sign.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum {
	TOKEN = 42, /* random bytes, as secrets.token_urlsafe(42) */
	TOKEN_TEXT = 64,
};

/* The text that is signed; returns an exit status. */
static int
make_text(const struct command_call *call, struct arena *a, struct buf *out)
{
	struct buf body;
	const struct tree *tree = NULL;
	struct fail f = { 0 };
	bool varies = false;
	int code = command_json(call, 0, &body, a, &tree);

	*out = BUF_MAX(PYREPR_TIMES * (body.len + 1));
	if (code == EX_OK && !pyrepr_urlencode(tree, 0, out, &varies, &f))
		code = command_failed(&f, EX_DATAERR);
	if (code == EX_OK && varies)
		command_say("the body holds characters that newer or older "
			    "Pythons write otherwise; this is Unicode %s",
		    pyrepr_version(0));
	buf_free(&body);
	return code;
}

static int
canonical(const struct command_call *call)
{
	struct arena a = { 0 };
	struct buf text;
	int code = make_text(call, &a, &text);

	if (code == EX_OK)
		command_print(&text);
	buf_free(&text);
	arena_free(&a);
	return code;
}

const struct command prove_canonical = {
	.name = "canonical",
	.summary = "print the bytes that a Monte Carlo signature covers",
	.usage = "[FILE]",
	.text =
	    "  Reads a webhook's body from FILE, or standard input, and "
	    "prints\n"
	    "  urllib.parse.urlencode(json.loads(body)) as CPython makes it.\n"
	    "  No newline follows.\n",
	.codes = "  0   printed\n"
		 "  65  not a body that can be signed\n"
		 "  66  FILE cannot be read\n",
	.most = 1,
	.run = canonical,
};

static void
print_signature(const char *secret, const struct buf *text)
{
	unsigned char sum[SIGN_MAX];
	char hex[2 * SIGN_MAX + 1];

	sign_hmac(
	    SIGN_SHA512, secret, strlen(secret), text->data, text->len, sum);
	sign_hex(sum, sign_size(SIGN_SHA512), hex);
	(void)printf("%s\n", hex);
}

static int
sign(const struct command_call *call)
{
	const char *path = command_option(call, "--secret-file");
	struct option_value secrets = { NULL, 0 };
	struct arena a = { 0 };
	struct fail f = { 0 };
	struct buf text = BUF_MAX(1);
	struct file seen;
	int code = EX_OK;

	if (!secret_lines(path, &a, &secrets, &seen, &f))
		code = command_failed(&f, EX_NOINPUT);
	else
		code = make_text(call, &a, &text);
	if (code == EX_OK && secrets.n > 1)
		command_say(
		    "%s: the first of %zu secrets is used", path, secrets.n);
	if (code == EX_OK)
		print_signature(secrets.items[0], &text);
	buf_free(&text);
	arena_free(&a);
	return code;
}

const struct command prove_sign = {
	.name = "sign",
	.summary = "print the signature that Monte Carlo would send",
	.usage = "--secret-file F [FILE]",
	.text = "  Prints the hex HMAC-SHA512, as in x-mcd-signature, of the\n"
		"  body in FILE or on standard input.\n",
	.codes = "  0   printed\n"
		 "  65  not a body that can be signed\n"
		 "  66  FILE or F cannot be read, or others may read F\n",
	.most = 1,
	.options = { { "--secret-file", "F",
	    "a secret a line; the first counts", true } },
	.run = sign,
};

static int
secret(const struct command_call *call)
{
	unsigned char bytes[TOKEN];
	struct buf text = BUF_MAX(TOKEN_TEXT);

	(void)call;
	sign_random(bytes, sizeof(bytes));
	sign_base64url(bytes, sizeof(bytes), &text);
	buf_puts(&text, "\n");
	command_print(&text);
	sign_wipe(bytes, sizeof(bytes));
	sign_wipe(text.data, text.len);
	buf_free(&text);
	return EX_OK;
}

const struct command prove_secret = {
	.name = "secret",
	.summary = "print a new secret, like secrets.token_urlsafe(42)",
	.usage = "",
	.text = "  For example: (umask 077; bellrelay secret > F)\n",
	.codes = "  0   printed\n",
	.run = secret,
};
