#include "verify.h"

#include "arena.h"
#include "array.h"
#include "buf.h"
#include "command.h"
#include "display.h"
#include "fail.h"
#include "file.h"
#include "json.h"
#include "pyrepr.h"
#include "secret.h"
#include "sign.h"
#include "tree.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum {
	NOT_VALID = 1,
	TEXT_MAX = PYREPR_TIMES * (COMMAND_BODY + 1),
	REASONS_MAX = 8 << 10,
	DEVIATIONS = 2, /* in text and key together */
	KEY_MAX = 2 * SECRET_MAX,
};

/* All there is to go by. */
struct evidence {
	struct arena arena;
	struct buf body;
	const struct tree *tree; /* NULL: not JSON */
	struct buf file;         /* of the secrets, as it is */
	struct option_value secrets;
	unsigned char digest[SIGN_MAX]; /* what the signature says */
	size_t size;                    /* of digest; 0: none that we know */
	struct buf reasons;
};

/* ---- which text was signed ---- */

/* For each: false if there is no such text, or not another than table 0's. */

static bool
canonical_of(const struct tree *tree, size_t table, struct buf *out)
{
	struct fail f = { 0 };
	bool varies;

	return tree != NULL &&
	    pyrepr_urlencode(tree, table, out, &varies, &f) &&
	    (table == 0 || varies);
}

static bool
canonical(struct evidence *e, size_t table, struct buf *out)
{
	return canonical_of(e->tree, table, out);
}

static bool
canonical_and_newline(struct evidence *e, size_t table, struct buf *out)
{
	bool did = canonical(e, table, out);

	buf_puts(out, "\n");
	return did;
}

/* Every from becomes to. */
static void
replace(
    const struct buf *text, const char *from, const char *to, struct buf *out)
{
	size_t n = strlen(from);

	for (size_t i = 0; i < text->len;) {
		bool here = strncmp(text->data + i, from, n) == 0;

		if (here)
			buf_puts(out, to);
		else
			buf_add(out, text->data + i, 1);
		i += here ? n : 1;
	}
}

static bool
canonical_but(struct evidence *e, size_t table, const char *from,
    const char *to, struct buf *out)
{
	struct buf text = BUF_MAX(TEXT_MAX);
	bool did = canonical(e, table, &text);

	replace(&text, from, to, out);
	buf_free(&text);
	return did;
}

static bool
tilde(struct evidence *e, size_t table, struct buf *out)
{
	return canonical_but(e, table, "~", "%7E", out);
}

static bool
percent_twenty(struct evidence *e, size_t table, struct buf *out)
{
	return canonical_but(e, table, "+", "%20", out);
}

static bool
lower_hex(struct evidence *e, size_t table, struct buf *out)
{
	bool did = canonical(e, table, out);

	for (size_t i = 0; i + 2 < out->len; i++)
		for (size_t j = 1; out->data[i] == '%' && j <= 2; j++)
			if (out->data[i + j] >= 'A' && out->data[i + j] <= 'F')
				out->data[i + j] += 'a' - 'A';
	return did;
}

static int
by_key(const void *x, const void *y)
{
	const struct tree *a = *(struct tree *const *)x;
	const struct tree *b = *(struct tree *const *)y;
	size_t n = a->key_len < b->key_len ? a->key_len : b->key_len;
	int order = memcmp(a->key, b->key, n);

	return order != 0
	    ? order
	    : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

/* A copy whose keys are in the order of their code points, down to depth. */
static struct tree *
sorted(const struct tree *t, int depth, struct arena *a)
{
	struct tree *to = tree_copy(a, t);
	size_t n = tree_count(t);
	struct tree **all;
	size_t used = 0;

	if (depth == 0 || (t->type != TREE_LIST && t->type != TREE_OBJECT))
		return to;
	all = arena_alloc(a, (n + 1) * sizeof(struct tree *));
	for (const struct tree *m = t->first; m != NULL; m = m->next) {
		all[used] = sorted(m, depth - 1, a);
		all[used]->key = m->key;
		all[used++]->key_len = m->key_len;
	}
	if (t->type == TREE_OBJECT && n > 1)
		qsort(all, n, sizeof(struct tree *), by_key);
	to->first = to->last = NULL;
	for (size_t i = 0; i < n; i++)
		(void)tree_push(to, all[i]);
	return to;
}

static bool
sorted_top(struct evidence *e, size_t table, struct buf *out)
{
	return e->tree != NULL &&
	    canonical_of(sorted(e->tree, 1, &e->arena), table, out);
}

static bool
sorted_all(struct evidence *e, size_t table, struct buf *out)
{
	return e->tree != NULL &&
	    canonical_of(
		sorted(e->tree, TREE_DEPTH + 1, &e->arena), table, out);
}

static bool
raw(struct evidence *e, size_t table, struct buf *out)
{
	buf_add(out, e->body.data, e->body.len);
	return table == 0;
}

static bool
raw_and_newline(struct evidence *e, size_t table, struct buf *out)
{
	bool did = raw(e, table, out);

	buf_puts(out, "\n");
	return did;
}

static bool
raw_and_crlf(struct evidence *e, size_t table, struct buf *out)
{
	bool did = raw(e, table, out);

	buf_puts(out, "\r\n");
	return did;
}

static bool
raw_trimmed(struct evidence *e, size_t table, struct buf *out)
{
	bool did = raw(e, table, out);

	while (
	    out->len > 0 && strchr(" \t\r\n", out->data[out->len - 1]) != NULL)
		buf_cut(out, out->len - 1);
	return did && out->len < e->body.len;
}

static bool
rewritten(struct evidence *e, size_t table, struct buf *out)
{
	if (e->tree != NULL)
		json_write(e->tree, JSON_PLAIN, out);
	return e->tree != NULL && table == 0;
}

#define SIGN_CANONICAL "sign what `bellrelay canonical` prints"

static const struct {
	const char *why; /* NULL: this is the right one */
	bool (*make)(struct evidence *e, size_t table, struct buf *out);
} texts[] = {
	{ NULL, canonical },
	{ "the raw body was signed; " SIGN_CANONICAL, raw },
	{ "the raw body without its last newline was signed; " SIGN_CANONICAL,
	    raw_trimmed },
	{ "the raw body and a newline were signed; " SIGN_CANONICAL,
	    raw_and_newline },
	{ "the raw body and CR LF were signed; " SIGN_CANONICAL, raw_and_crlf },
	{ "the body was signed as JSON written anew; " SIGN_CANONICAL,
	    rewritten },
	{ "a newline was signed behind the canonical text; leave it out",
	    canonical_and_newline },
	{ "the keys were sorted; keep them in the body's order", sorted_top },
	{ "the keys were sorted at every level; keep them in the body's order",
	    sorted_all },
	{ "~ was written as %7E, as Python 3.6 and older do; sign with Python "
	  "3.7 or newer",
	    tilde },
	{ "spaces were written as %20; wanted +", percent_twenty },
	{ "%xx was written in lower case; wanted upper case", lower_hex },
};

/* ---- which key was used ---- */

/* The i-th secret. */
struct secret {
	const char *text;
	const char *line; /* as it stands in the file, without line feed */
	size_t line_len;
	const char *before, *behind; /* for padded */
};

/* For each: false if there is no such key. */

static bool
padded(const struct evidence *e, const struct secret *s, struct buf *out)
{
	(void)e;
	buf_printf(out, "%s%s%s", s->before, s->text, s->behind);
	return true;
}

static bool
untrimmed(const struct evidence *e, const struct secret *s, struct buf *out)
{
	(void)e;
	buf_add(out, s->line, s->line_len);
	return s->line_len != strlen(s->text);
}

static bool
untrimmed_newline(
    const struct evidence *e, const struct secret *s, struct buf *out)
{
	bool did = untrimmed(e, s, out);

	buf_puts(out, "\n");
	return did;
}

static bool
whole_file(const struct evidence *e, const struct secret *s, struct buf *out)
{
	(void)s;
	buf_add(out, e->file.data, e->file.len);
	return true;
}

static bool
unquoted(const struct evidence *e, const struct secret *s, struct buf *out)
{
	size_t n = strlen(s->text);

	(void)e;
	if (n < 2 || strchr("\"'`", s->text[0]) == NULL ||
	    s->text[n - 1] != s->text[0])
		return false;
	buf_add(out, s->text + 1, n - 2);
	return true;
}

static bool
from_base64(const struct evidence *e, const struct secret *s, struct buf *out)
{
	(void)e;
	return sign_unbase64(s->text, strlen(s->text), out);
}

static bool
from_hex(const struct evidence *e, const struct secret *s, struct buf *out)
{
	size_t n = strlen(s->text) / 2;
	char *room = buf_room(out, n);

	(void)e;
	if (!sign_unhex(
		s->text, strlen(s->text), true, (unsigned char *)room, n))
		return false;
	buf_grew(out, n);
	return n > 0;
}

static bool
empty(const struct evidence *e, const struct secret *s, struct buf *out)
{
	(void)e;
	(void)s;
	buf_reset(out);
	return true;
}

#define ENDS_IN(what) "the sender's secret ends in " what "; trim it there"
#define BEGINS_WITH(what) \
	"the sender's secret begins with " what "; trim it there"
#define IN_QUOTES(what) \
	"the sender's secret has " what " quotes around it; take them away " \
	"there"

static const struct {
	const char *why; /* NULL: this is the right one */
	bool (*make)(
	    const struct evidence *e, const struct secret *s, struct buf *out);
	const char *before, *behind; /* for padded */
} keys[] = {
	{ NULL, padded, "", "" },
	{ ENDS_IN("a newline"), padded, "", "\n" },
	{ ENDS_IN("CR LF"), padded, "", "\r\n" },
	{ ENDS_IN("CR"), padded, "", "\r" },
	{ ENDS_IN("two newlines"), padded, "", "\n\n" },
	{ ENDS_IN("a space"), padded, "", " " },
	{ ENDS_IN("a tab"), padded, "", "\t" },
	{ BEGINS_WITH("a space"), padded, " ", "" },
	{ BEGINS_WITH("a tab"), padded, "\t", "" },
	{ BEGINS_WITH("a newline"), padded, "\n", "" },
	{ "the white space around the secret is part of the sender's; trim it "
	  "there",
	    untrimmed, NULL, NULL },
	{ "the white space around the secret is part of the sender's; trim it "
	  "there",
	    untrimmed_newline, NULL, NULL },
	{ "the sender's secret is the whole file; trim it there", whole_file,
	    NULL, NULL },
	{ IN_QUOTES("double"), padded, "\"", "\"" },
	{ IN_QUOTES("single"), padded, "'", "'" },
	{ "the secret file has quotes around the secret, the sender has not; "
	  "take them away in the file",
	    unquoted, NULL, NULL },
	{ "the sender decodes the secret as base64; its text is the key",
	    from_base64, NULL, NULL },
	{ "the sender decodes the secret as hex; its text is the key", from_hex,
	    NULL, NULL },
	{ "the sender's secret is empty; set it there", empty, NULL, NULL },
	{ "a digest without a key was taken; wanted an HMAC with the secret",
	    NULL, NULL, NULL },
};

/* ---- how the signature is written ---- */

static const struct {
	enum sign_alg alg;
	const char *why; /* NULL: this is the right one */
} algs[] = {
	{ SIGN_SHA512, NULL },
	{ SIGN_SHA256, "HMAC-SHA256 was used; wanted HMAC-SHA512" },
	{ SIGN_SHA1, "HMAC-SHA1 was used; wanted HMAC-SHA512" },
};

enum {
	TEXTS = COUNT(texts),
	KEYS = COUNT(keys),
	ALGS = COUNT(algs),
};

static void
put_reason(struct evidence *e, const char *why)
{
	if (why != NULL)
		buf_printf(&e->reasons, "not valid: %s\n", why);
}

static bool
has_upper(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] >= 'A' && s[i] <= 'Z')
			return true;
	return false;
}

/* The part of a signature that counts, and what is wrong around it. */
static void
strip(struct evidence *e, const char **hex, size_t *n)
{
	static const char blank[] = " \t\r\n";
	const char *at = *hex + strspn(*hex, blank);
	const char *equals = strchr(at, '=');
	size_t len = strlen(at);

	while (len > 0 && strchr(blank, at[len - 1]) != NULL)
		len--;
	if (len != strlen(*hex))
		put_reason(
		    e, "the signature has white space around it; trim it");
	if (equals != NULL && equals - at < 10 && at + len > equals + 2) {
		put_reason(e,
		    "the signature has a prefix before its =; wanted the "
		    "digits alone");
		len -= (size_t)(equals + 1 - at);
		at = equals + 1;
	}
	*hex = at;
	*n = len;
}

static bool
read_base64(struct evidence *e, const char *text, size_t n)
{
	struct buf bytes = BUF_MAX(SIGN_MAX);
	bool did = sign_unbase64(text, n, &bytes);

	for (size_t i = 0; did && i < ALGS; i++)
		if (bytes.len == sign_size(algs[i].alg)) {
			memcpy(e->digest, bytes.data, bytes.len);
			e->size = bytes.len;
		}
	buf_free(&bytes);
	return e->size != 0;
}

static void
read_signature(struct evidence *e, const char *given)
{
	const char *hex = given;
	size_t n;

	strip(e, &hex, &n);
	for (size_t i = 0; i < ALGS && e->size == 0; i++)
		if (sign_unhex(hex, n, true, e->digest, sign_size(algs[i].alg)))
			e->size = sign_size(algs[i].alg);
	if (e->size != 0 && has_upper(hex, n))
		put_reason(
		    e, "the signature is in upper case; wanted lower case");
	if (e->size != 0)
		return;
	if (read_base64(e, hex, n))
		put_reason(e, "the signature is base64; wanted lower-case hex");
	else if (memchr(hex, ',', n) != NULL)
		put_reason(e,
		    "the signature holds a comma: two headers were "
		    "joined; wanted one");
	else
		buf_printf(&e->reasons,
		    "not valid: the signature is %zu characters; wanted 128 "
		    "lower-case hex digits\n",
		    n);
}

static enum sign_alg
alg_of(const struct evidence *e)
{
	size_t i = 0;

	while (sign_size(algs[i].alg) != e->size)
		i++;
	return algs[i].alg;
}

/* ---- the search ---- */

/* What was found to make this very signature. */
struct finding {
	size_t text, table, key, secret;
};

/* The line of the file that the n-th secret stands in. */
static void
find_line(const struct evidence *e, size_t n, struct secret *s)
{
	const char *at = e->file.data;
	const char *end = at + e->file.len;

	for (;; at += s->line_len + 1) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));

		s->line = at;
		s->line_len = (size_t)((lf == NULL ? end : lf) - at);
		if (strspn(at, " \t\r") < s->line_len && n-- == 0)
			return;
	}
}

static bool
key_makes(
    const struct evidence *e, const struct buf *text, size_t key, size_t secret)
{
	struct secret s = { .text = e->secrets.items[secret],
		.before = keys[key].before,
		.behind = keys[key].behind };
	struct buf bytes = BUF_MAX(KEY_MAX);
	unsigned char sum[SIGN_MAX];
	bool did;

	find_line(e, secret, &s);
	did = keys[key].make == NULL || keys[key].make(e, &s, &bytes);
	if (keys[key].make == NULL)
		sign_digest(alg_of(e), text->data, text->len, sum);
	else
		sign_hmac(alg_of(e), bytes.data, bytes.len, text->data,
		    text->len, sum);
	did = did && sign_equal(sum, e->digest, e->size);
	sign_wipe(bytes.data, bytes.len);
	buf_free(&bytes);
	return did;
}

/* Keys that are as far from right as is said. */
static bool
search_keys(
    struct evidence *e, const struct buf *text, bool wrong, struct finding *out)
{
	for (out->key = wrong; out->key < (wrong ? KEYS : 1); out->key++)
		for (out->secret = 0; out->secret < e->secrets.n; out->secret++)
			if (key_makes(e, text, out->key, out->secret))
				return true;
	return false;
}

static bool
search_text(struct evidence *e, bool wrong_key, struct finding *out)
{
	bool found = false;

	for (size_t i = 0; !found && i < pyrepr_tables(); i++) {
		struct buf text = BUF_MAX(TEXT_MAX);

		out->table = i;
		found = texts[out->text].make(e, i, &text) && !text.full &&
		    search_keys(e, &text, wrong_key, out);
		buf_free(&text);
	}
	return found;
}

/* The explanation that takes the fewest mistakes. */
static bool
search(struct evidence *e, struct finding *out)
{
	if (e->size == 0)
		return false;
	for (int wrong = 0; wrong <= DEVIATIONS; wrong++)
		for (out->text = 0; out->text < TEXTS; out->text++) {
			int left = wrong - (out->text > 0);

			if ((left == 0 || left == 1) &&
			    search_text(e, left == 1, out))
				return true;
		}
	return false;
}

/* ---- the verdict ---- */

static void
say_valid(const struct evidence *e, const struct finding *at)
{
	struct buf out = BUF_MAX(REASONS_MAX);

	buf_puts(&out, "valid");
	if (e->secrets.n > 1)
		buf_printf(&out, ", by secret %zu of %zu", at->secret + 1,
		    e->secrets.n);
	if (at->table > 0)
		buf_printf(&out, ", by a Python with Unicode %s",
		    pyrepr_version(at->table));
	buf_puts(&out, "\n");
	command_print(&out);
	buf_free(&out);
}

/* Whether the body itself keeps any signature from being right. */
static bool
is_signable(struct evidence *e)
{
	struct buf text = BUF_MAX(TEXT_MAX);
	struct fail f = { 0 };
	struct tree *tree = NULL;
	bool varies;

	if (tree_parse(e->body.data, e->body.len, &e->arena, &tree, &f)) {
		e->tree = tree;
		(void)pyrepr_urlencode(tree, 0, &text, &varies, &f);
	}
	if (f.kind != FAIL_NONE) {
		buf_puts(&e->reasons, "not valid: no signature is right: ");
		display_puts(&e->reasons, f.text);
		buf_puts(&e->reasons, "\n");
	}
	buf_free(&text);
	return f.kind == FAIL_NONE;
}

static int
judge(struct evidence *e, const char *signature)
{
	struct finding at;
	bool found;
	bool signable = is_signable(e);

	read_signature(e, signature);
	found = search(e, &at);
	for (size_t i = 0; e->size != 0 && i < ALGS; i++)
		if (sign_size(algs[i].alg) == e->size)
			put_reason(e, algs[i].why);
	if (found) {
		put_reason(e, texts[at.text].why);
		put_reason(e, keys[at.key].why);
	}
	if (found && e->reasons.len == 0) {
		say_valid(e, &at);
		return EX_OK;
	}
	if (!found && e->size != 0 && signable)
		put_reason(e,
		    "another secret signed this body, or this secret another "
		    "body; if the secrets are the same, see that nothing on "
		    "the way writes the body anew");
	command_print(&e->reasons);
	return NOT_VALID;
}

static int
read_evidence(const struct command_call *call, struct evidence *e)
{
	const char *path = command_option(call, "--secret-file");
	struct fail f = { 0 };
	struct file seen;

	if (!secret_lines(path, &e->arena, &e->secrets, &seen, &f) ||
	    !file_read(path, FILE_SECRET, &e->file, &seen, &f))
		return command_failed(&f, EX_NOINPUT);
	return command_body(call, 0, &e->body);
}

static int
verify(const struct command_call *call)
{
	struct evidence e = { .body = BUF_MAX(0),
		.file = BUF_MAX(SECRET_MAX),
		.reasons = BUF_MAX(REASONS_MAX) };
	int code = read_evidence(call, &e);

	if (code == EX_OK)
		code = judge(&e, command_option(call, "--signature"));
	sign_wipe(e.file.data, e.file.len);
	buf_free(&e.file);
	buf_free(&e.body);
	buf_free(&e.reasons);
	arena_free(&e.arena);
	return code;
}

const struct command verify_command = {
	.name = "verify",
	.summary = "say whether a signature is valid, or why it is not",
	.usage = "--secret-file F --signature HEX [FILE]",
	.text =
	    "  Says whether HEX, as in x-mcd-signature, is the signature of "
	    "the\n"
	    "  body in FILE or on standard input under a secret in F, and if\n"
	    "  not, which of the usual mistakes made it: the raw body, "
	    "another\n"
	    "  algorithm, a secret with a newline or quotes, sorted keys, ...\n"
	    "  Shows neither the secret nor the right signature.\n",
	.codes = "  0   valid\n"
		 "  1   not valid\n"
		 "  65  the body is empty, or over 16 MiB\n"
		 "  66  FILE or F cannot be read, or others may read F\n",
	.most = 1,
	.options = { { "--secret-file", "F", "a secret a line", true },
	    { "--signature", "HEX", "what was sent", true } },
	.run = verify,
};
