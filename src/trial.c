#include "trial.h"

#include "arena.h"
#include "array.h"
#include "buf.h"
#include "command.h"
#include "conf.h"
#include "display.h"
#include "event.h"
#include "fail.h"
#include "json.h"
#include "near.h"
#include "post.h"
#include "relay.h"
#include "reply.h"
#include "setup.h"
#include "sign.h"
#include "tree.h"
#include "when.h"

#include <sysexits.h>

enum {
	KEY_BYTES = 8,
	POLL_MS = 1000,
	SAID_MAX = 4096,
	SHOWN_MAX = 600, /* characters of an answer */
};

struct trial {
	struct arena arena;
	struct post *post;
	const struct conf_destination *to;
	const char *key;
};

/* ---- the sample ---- */

static struct tree *
list_of(const char *item, struct arena *a)
{
	struct tree *list = tree_new(a, TREE_LIST);

	(void)tree_push(list, tree_str(a, item));
	return list;
}

/* The names that every source's alerts have, where they know them. */
static struct tree *
sample_metadata(struct arena *a)
{
	static const char *const texts[][2] = {
		{ "source", "bellrelay test" },
		{ "severity", "minor" },
		{ "environment", "test" },
		{ "test_description", "a sample of what alerts hold" },
		{ "connector", "sample_connector" },
		{ "failure_reason", "nothing failed" },
	};
	struct tree *to = tree_new(a, TREE_OBJECT);
	char now[WHEN_SIZE];

	for (size_t i = 0; i < COUNT(texts); i++)
		tree_set(a, to, texts[i][0], tree_str(a, texts[i][1]));
	tree_set(a, to, "owners", list_of("ann@example.com", a));
	tree_set(a, to, "tags", list_of("sample", a));
	tree_set(a, to, "tables", list_of("sample.orders", a));
	when_write(relay_now(), now);
	tree_set(a, to, "received_at", tree_str(a, arena_str(a, now)));
	return to;
}

static struct tree *
sample(const struct trial *t, const char *status, struct arena *a)
{
	struct tree *alert = tree_new(a, TREE_OBJECT);

	tree_set(a, alert, "title", tree_str(a, "Test alert from bellrelay"));
	tree_set(a, alert, "status", tree_str(a, status));
	tree_set(a, alert, "description",
	    tree_str(a,
		"Sent by `bellrelay test`: **nothing is broken**.\n\nIts "
		"metadata are samples, to map attributes by."));
	tree_set(a, alert, "metadata", sample_metadata(a));
	return event_body(alert, t->key, a);
}

/* ---- what was answered ---- */

static void
put_answer(struct buf *out, const struct post_answer *answer, struct arena *a)
{
	const char *words =
	    reply_words(answer->text, answer->text_len, SHOWN_MAX, a);

	if (words[0] != '\0')
		buf_puts(out, ": ");
	display_puts(out, words);
}

static void
print_answer(
    const char *status, const struct post_answer *answer, struct arena *a)
{
	struct buf line = BUF_MAX(SAID_MAX * 2);
	bool accepted = answer->status >= 200 && answer->status < 300;

	buf_printf(
	    &line, "%s: %s", status, accepted ? "accepted" : "not accepted");
	if (answer->status == 0) {
		buf_printf(&line, ", no answer in %ld ms: ", answer->ms);
		display_puts(&line, answer->why);
	} else {
		buf_printf(
		    &line, ", HTTP %d in %ld ms", answer->status, answer->ms);
		put_answer(&line, answer, a);
	}
	buf_puts(&line, "\n");
	command_print(&line);
	buf_free(&line);
}

/* What an answer means: the exit status, and what to do about it. */
static const struct meaning {
	int status;
	int code;
	const char *cure;
} known[] = {
	{ 401, EX_NOPERM,
	    "see its token_file: incident.io does not know that token" },
	{ 403, EX_NOPERM,
	    "see its token_file: that token is not for this URL" },
	{ 404, EX_NOPERM, "see its url: incident.io has no such alert source" },
	{ 429, EX_UNAVAILABLE, "its limit is reached; try again in a minute" },
	{ 0, EX_UNAVAILABLE, "see its url, ca_file and the network" },
};

static const struct meaning *
meaning_of(int status)
{
	for (size_t i = 0; i < COUNT(known); i++)
		if (known[i].status == status)
			return &known[i];
	return NULL;
}

const char *
trial_cure(int status)
{
	const struct meaning *m = meaning_of(status);

	return m == NULL ? NULL : m->cure;
}

static int
judge(const struct trial *t, int status)
{
	const struct meaning *m = meaning_of(status);

	if (status >= 200 && status < 300)
		return EX_OK;
	if (m == NULL)
		return EX_UNAVAILABLE;
	command_say("destination %s: %s", t->to->name, m->cure);
	return m->code;
}

/* ---- the exchange ---- */

static int
send_one(struct trial *t, const char *status)
{
	struct buf body = BUF_MAX(EVENT_MAX);
	struct post_answer answer;

	json_write(sample(t, status, &t->arena), JSON_PLAIN, &body);
	post_start(t->post, POST_DRAIN, &t->to->target, body.data, body.len,
	    t->to->timeout_ms);
	while (!post_done(t->post, POST_DRAIN, &answer))
		post_poll(t->post, POLL_MS, NULL, 0, NULL);
	buf_free(&body);
	print_answer(status, &answer, &t->arena);
	return judge(t, answer.status);
}

static int
send_both(struct trial *t, bool keep_firing)
{
	unsigned char random[KEY_BYTES];
	char hex[2 * KEY_BYTES + 1];
	int code;

	sign_random(random, sizeof(random));
	sign_hex(random, sizeof(random), hex);
	t->key = arena_printf(&t->arena, "bellrelay-test-%s", hex);
	code = send_one(t, "firing");
	if (code != EX_OK || keep_firing)
		return code;
	code = send_one(t, "resolved");
	if (code != EX_OK)
		command_say("the test alert %s may still be firing", t->key);
	return code;
}

static int
no_destination(const struct conf *c, const char *name)
{
	struct near n = near_new(name);

	for (size_t i = 0; i < c->n_destinations; i++)
		near_add(&n, c->destinations[i].name);
	command_say(
	    "no such destination as %s; wanted %s", name, near_wanted(&n));
	near_free(&n);
	return EX_USAGE;
}

static int
test(const struct command_call *call)
{
	struct trial t = { .post = NULL };
	struct setup setup;
	struct fail f = { 0 };
	int code = command_conf(call, &setup);

	if (code != EX_OK)
		return code;
	t.to = conf_destination(&setup.conf, call->operands[0]);
	if (t.to == NULL)
		code = no_destination(&setup.conf, call->operands[0]);
	else if (!post_open(&t.post, &f))
		code = command_failed(&f, EX_UNAVAILABLE);
	else
		code = send_both(
		    &t, command_option(call, "--keep-firing") != NULL);
	if (t.post != NULL)
		post_close(t.post);
	arena_free(&t.arena);
	setup_close(&setup);
	return code;
}

const struct command trial_test = {
	.name = "test",
	.summary = "send a test alert to a destination, then its resolve",
	.usage = "DESTINATION [--keep-firing]",
	.text =
	    "  Sends a firing alert with sample metadata, under a key of its\n"
	    "  own, straight to the destination, says what was answered, and\n"
	    "  resolves it.  It can ring: incident.io treats it as any alert.\n"
	    "  Its metadata are what attributes can be mapped by.\n",
	.codes = "  0   accepted\n"
		 "  64  there is no such destination\n"
		 "  69  no answer, or not accepted\n"
		 "  77  401, 403 or 404: see token and URL\n"
		 "  78  the configuration is broken\n",
	.least = 1,
	.most = 1,
	.options = { { "--keep-firing", NULL, "do not resolve it", false } },
	.run = test,
};
