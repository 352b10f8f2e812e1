#include "rehearse.h"

#include "aim.h"
#include "answer.h"
#include "arena.h"
#include "buf.h"
#include "catalog.h"
#include "command.h"
#include "conf.h"
#include "display.h"
#include "event.h"
#include "fail.h"
#include "near.h"
#include "proof.h"
#include "relay.h"
#include "request.h"
#include "sample.h"
#include "setup.h"
#include "source.h"
#include "tree.h"
#include "webhook.h"

#include <string.h>
#include <sysexits.h>

enum { LABEL = 12, NAME_WIDTH = 26, OUT_MAX = 16 << 20 };

struct rehearsal {
	const struct command_call *call;
	const char *source;
	struct relay relay;
	struct arena arena; /* of what is told */
	struct tree *told;  /* a list: what came of each webhook */
};

/* ---- samples ---- */

static int
list_samples(const struct source *s)
{
	struct buf out = BUF_MAX(OUT_MAX);
	const struct sample *x = NULL;

	while ((x = sample_next(s->kind->name, x)) != NULL) {
		display_column(&out, x->name, NAME_WIDTH);
		buf_puts(&out, " ");
		display_puts(&out, x->shows);
		buf_puts(&out, "\n");
	}
	command_print(&out);
	buf_free(&out);
	command_say("or a body of your own: bellrelay try %s ./FILE", s->name);
	return EX_OK;
}

static bool
is_file(const char *name)
{
	return strchr(name, '/') != NULL || strcmp(name, "-") == 0;
}

static int
no_sample(const struct source *s, const char *name)
{
	struct near n = near_new(name);
	const struct sample *x = NULL;

	while ((x = sample_next(s->kind->name, x)) != NULL)
		near_add(&n, x->name);
	command_say("kind %s has no sample %s; wanted %s, or the path of a "
		    "file with a / in it",
	    s->kind->name, name, near_wanted(&n));
	near_free(&n);
	return EX_USAGE;
}

static int
no_end(const char *name)
{
	command_say("--resolve: no sample ends %s; resolve it in incident.io, "
		    "or try without",
	    name);
	return EX_USAGE;
}

/* The body of the sample, or of the FILE. */
static int
read_body(const struct rehearsal *r, const struct sample *x, struct buf *out)
{
	if (x == NULL)
		return command_body(r->call, 1, out);
	*out = BUF_MAX(COMMAND_BODY);
	sample_body(x, out);
	return EX_OK;
}

/* ---- the request, as a web server would hand it over ---- */

struct envelope {
	struct source_proof proof;
	const char *path;
};

static const char *
param(const void *from, const char *name)
{
	const struct envelope *e = from;

	if (strcmp(name, "REQUEST_METHOD") == 0)
		return "POST";
	if (strcmp(name, "PATH_INFO") == 0)
		return e->path;
	if (strcmp(name, "REMOTE_ADDR") == 0)
		return "127.0.0.1";
	if (strcmp(name, "CONTENT_TYPE") == 0)
		return e->proof.untyped ? NULL : "application/json";
	return proof_made(&e->proof, name);
}

static bool
seal(struct rehearsal *r, const struct source *s, const struct buf *body,
    int64_t now, struct envelope *e, struct fail *f)
{
	struct arena *a = &r->arena;
	struct source_request sr = {
		.body = body->data, .body_len = body->len, .now = now
	};
	struct fail ignored = { 0 };
	struct tree *tree = NULL;

	/* What is no JSON is for the proof to refuse. */
	if (tree_parse(body->data, body->len, a, &tree, &ignored))
		sr.tree = tree;
	if (!s->kind->sign(s, &sr, a, &e->proof, f))
		return false;
	e->path = arena_printf(a, "/%s%s%s", s->name,
	    e->proof.token == NULL ? "" : "/",
	    e->proof.token == NULL ? "" : e->proof.token);
	return true;
}

/* ---- what came of it ---- */

static const char *
proof_text(const struct source_proof *p, struct arena *a)
{
	const char *text = "accepted, by";
	char name[PROOF_NAME];

	if (p->token != NULL)
		return "accepted, by the token in the path";
	if (p->n == 0)
		return "none is asked for";
	for (size_t i = 0; i < p->n; i++)
		text = arena_printf(a, "%s%s %s", text, i == 0 ? "" : ",",
		    proof_spell(p->headers[i].name, name));
	return text;
}

/* Why an alert waits; *code: what that means for the exit status. */
static const char *
why_queued(const struct setup_box *to, const struct ticket *t, int *code,
    struct arena *a)
{
	struct pace p;

	*code = EX_UNAVAILABLE;
	if (t != NULL && t->muted.by != NULL)
		return arena_printf(a,
		    "kept quiet by mute %s; it rings when that is over, if it "
		    "still fires",
		    t->muted.by);
	if (t != NULL && ticket_head(t) == NULL)
		return arena_printf(a,
		    "refused for good, and kept as a dead letter: %s",
		    t->error == NULL ? "see bellrelay list --dead" : t->error);
	catalog_pace(&to->box, &p, a);
	if (p.mode == PACE_HELD) {
		*code = EX_NOPERM;
		return "kept, the destination is held: it answered 401, 403 "
		       "or 404; see its url and token_file";
	}
	if (t != NULL && t->error != NULL)
		return arena_printf(
		    a, "kept, and sent later by itself: %s", t->error);
	return p.mode == PACE_RESTING
	    ? "kept, the destination rests: it was not reached, or limits us"
	    : "kept, and sent later by itself: its turn has not come";
}

static const char *
why(const struct setup_box *to, const struct ticket *t,
    enum answer_result result, int *code, struct arena *a)
{
	*code = EX_OK;
	switch (result) {
	case ANSWER_DELIVERED:
		return "incident.io has accepted it";
	case ANSWER_UNCHANGED:
		if (t != NULL && t->sent.n == 0)
			return "it is over before a mute let it ring: there is "
			       "nothing to send";
		return arena_printf(a,
		    "incident.io has it already; the same is sent again after "
		    "%ld s, or once it has ended",
		    to->to->resend_after);
	case ANSWER_IGNORED:
		return "no such alert is firing that it could end";
	default:
		return why_queued(to, t, code, a);
	}
}

/* The route that takes it there; one that went there before may have none. */
static const char *
route_name(const struct setup *s, const struct conf_source *from,
    const struct setup_box *to, const struct tree *alert, struct arena *a)
{
	const struct conf_route *route = aim_route(&s->conf, from, alert, a);

	for (size_t i = 0; route != NULL && i < route->to.n; i++)
		if (route->to.items[i] == to->to)
			return route->route.name;
	return NULL;
}

static void
tell_event(struct tree *one, const struct ticket *t, struct arena *a)
{
	const struct tree *event = event_body(t->alert, t->key, a);

	tree_set(a, one, "title", tree_get(event, "title"));
	tree_set(a, one, "severity", tree_at(event, "/metadata/severity"));
}

/* One alert at one destination, by its ticket; of one that could not be
 * stored there is none. */
static int
tell_item(struct rehearsal *r, const struct conf_source *from,
    const struct answer_item *i, struct tree *list)
{
	struct arena *a = &r->arena;
	const struct setup *s = r->relay.setup;
	const struct setup_box *to =
	    setup_box(s, conf_destination(&s->conf, i->destination));
	const struct catalog_box at = { .name = to->to->name, .box = to->box };
	struct tree *one = tree_push(list, tree_new(a, TREE_OBJECT));
	struct catalog_ticket found;
	struct fail f = { 0 };
	bool there = catalog_ticket(&at, i->alert, &found, a, &f);
	const struct ticket *t = there ? &found.ticket : NULL;
	int code;

	if (there && t->alert != NULL) {
		tell_event(one, t, a);
		tree_set_str(
		    a, one, "route", route_name(s, from, to, t->alert, a));
	}
	tree_set_str(a, one, "deduplication_key", arena_str(a, i->key));
	tree_set_str(a, one, "alert", arena_str(a, i->alert));
	tree_set_str(a, one, "status", i->resolved ? "resolved" : "firing");
	tree_set_str(a, one, "destination", i->destination);
	tree_set_str(a, one, "result", answer_word(i->result));
	tree_set_str(a, one, "why", why(to, t, i->result, &code, a));
	return code;
}

static int
refused(const struct answer *out)
{
	command_say("refused with HTTP %d: %s", out->status,
	    out->detail == NULL ? "without a reason" : out->detail);
	if (out->status == 403)
		return EX_NOPERM;
	return out->status == 503 ? EX_CANTCREAT : EX_DATAERR;
}

static int
tell(struct rehearsal *r, const struct conf_source *from,
    const struct envelope *e, const char *sample, const struct answer *out)
{
	struct arena *a = &r->arena;
	struct tree *one = tree_push(r->told, tree_new(a, TREE_OBJECT));
	struct tree *list = tree_new(a, TREE_LIST);
	int worst = EX_OK;

	tree_set_str(a, one, "sample", sample);
	tree_set_str(a, one, "source", r->source);
	tree_set_str(a, one, "kind", from->source.kind->name);
	tree_set_str(a, one, "proof", proof_text(&e->proof, a));
	tree_set_num(a, one, "http", out->status);
	tree_set_str(a, one, "why", out->ignored);
	for (size_t i = 0; i < out->n; i++) {
		int code = tell_item(r, from, &out->items[i], list);

		worst = code > worst ? code : worst;
	}
	tree_set(a, one, "alerts", list);
	return worst;
}

/* ---- one webhook ---- */

/* From the path on all is the work of a webhook. */
static void
take(struct relay *relay, const struct conf_source *from, struct request *req,
    struct answer *out)
{
	request_route(req, &relay->setup->conf, &relay->arena);
	if (req->source == from)
		webhook_take(relay, req, out);
	else
		answer_problem(out, 403,
		    "the secret cannot be a part of a path: make one with "
		    "bellrelay secret",
		    &relay->arena);
}

static int
post(struct rehearsal *r, const char *sample, struct buf *body)
{
	struct relay *relay = &r->relay;
	const struct conf_source *from =
	    conf_source(&relay->setup->conf, r->source);
	struct envelope e = { .path = NULL };
	struct request req = { .param = param,
		.from = &e,
		.body = BUF_MAX(relay_body_limit(relay)),
		.now = relay_now() };
	struct answer out = ANSWER_NEW;
	struct fail f = { 0 };
	int code;

	if (!seal(r, &from->source, body, req.now, &e, &f))
		return command_failed(
		    &f, f.kind == FAIL_AUTH ? EX_NOPERM : EX_DATAERR);
	buf_add(&req.body, body->data, body->len);
	req.state = req.body.full ? REQUEST_LONG : REQUEST_WHOLE;
	take(relay, from, &req, &out);
	code =
	    out.status >= 300 ? refused(&out) : tell(r, from, &e, sample, &out);
	arena_reset(&relay->arena);
	buf_free(&req.body);
	buf_free(&out.body);
	return code;
}

/* ---- in words ---- */

static void
put(struct buf *out, const char *label, const char *text)
{
	display_column(out, label, LABEL);
	buf_puts(out, " ");
	display_puts(out, text);
	buf_puts(out, "\n");
}

static const char *
word(const struct tree *t, const char *name, struct arena *a)
{
	return tree_cstr(tree_get(t, name), a);
}

static void
put_alert(struct buf *out, const struct tree *i, struct arena *a)
{
	const char *title = word(i, "title", a);
	const char *severity = word(i, "severity", a);

	buf_puts(out, "\n");
	if (title != NULL)
		put(out, "alert", title);
	put(out, "key", word(i, "deduplication_key", a));
	put(out, "status",
	    arena_printf(a, "%s%s%s", word(i, "status", a),
		severity == NULL ? "" : ", severity ",
		severity == NULL ? "" : severity));
}

static void
put_destination(struct buf *out, const struct tree *i, struct arena *a)
{
	const char *route = word(i, "route", a);

	put(out, "goes to",
	    arena_printf(a, "%s%s%s", word(i, "destination", a),
		route == NULL ? "" : ", by route ",
		route == NULL ? "" : route));
	put(out, word(i, "result", a), word(i, "why", a));
}

static void
put_webhook(struct buf *out, const struct tree *one, struct arena *a)
{
	const struct tree *list = tree_get(one, "alerts");
	const char *ignored = word(one, "why", a);
	const char *before = "";

	put(out, "sample", word(one, "sample", a));
	put(out, "source",
	    arena_printf(a, "%s, of kind %s", word(one, "source", a),
		word(one, "kind", a)));
	put(out, "proof", word(one, "proof", a));
	if (list->first == NULL)
		put(out, "ignored",
		    ignored != NULL ? ignored : "by its shape it is no alert");
	for (const struct tree *i = list->first; i != NULL; i = i->next) {
		const char *key = word(i, "deduplication_key", a);

		if (strcmp(key, before) != 0)
			put_alert(out, i, a);
		put_destination(out, i, a);
		before = key;
	}
}

/* ---- the whole ---- */

static bool
rang(const struct tree *one)
{
	const struct tree *list = tree_get(one, "alerts");

	return list != NULL && list->first != NULL;
}

static void
print(struct rehearsal *r, const struct sample *x)
{
	struct buf out = BUF_MAX(OUT_MAX);
	struct tree *told = r->told;

	if (command_option(r->call, "--json") != NULL) {
		command_print_json(
		    told->first == told->last ? told->first : told);
		return;
	}
	for (const struct tree *one = told->first; one != NULL;
	     one = one->next) {
		buf_puts(&out, out.len > 0 ? "\n" : "");
		put_webhook(&out, one, &r->arena);
	}
	if (x != NULL && x->end != NULL && told->first == told->last &&
	    rang(told->first)) {
		buf_puts(&out, "\n");
		put(&out, "to end it",
		    arena_printf(
			&r->arena, "bellrelay try %s %s", r->source, x->end));
	}
	command_print(&out);
	buf_free(&out);
}

static int
post_both(struct rehearsal *r, const struct sample *x, struct buf *body)
{
	const char *name = r->call->operands[1];
	int code = post(r, name, body);
	int last;

	if (command_option(r->call, "--resolve") != NULL &&
	    (code == EX_OK || r->told->first != NULL)) {
		buf_reset(body);
		sample_body(sample_find(x->kind, x->end), body);
		last = post(r, x->end, body);
		code = last > code ? last : code;
	}
	relay_flush(&r->relay);
	if (r->told->first != NULL)
		print(r, x);
	return code;
}

/* As the spool's owner, who the responder is too. */
static int
open_relay(struct rehearsal *r, const struct conf *c)
{
	struct fail f = { 0 };
	int code = command_owner(c);

	if (code != EX_OK)
		return code;
	if (!relay_open(&r->relay, c->path, &f))
		return command_failed(&f, EX_SOFTWARE);
	if (r->relay.setup == NULL) {
		command_say("%s", r->relay.broken);
		return EX_CONFIG;
	}
	return setup_spool(r->relay.setup, &f)
	    ? EX_OK
	    : command_failed(&f, EX_CANTCREAT);
}

static int
rehearse(struct rehearsal *r, const struct conf *c, const struct sample *x)
{
	struct buf body;
	int code = read_body(r, x, &body);

	r->told = tree_new(&r->arena, TREE_LIST);
	if (code == EX_OK)
		code = open_relay(r, c);
	if (code == EX_OK)
		code = post_both(r, x, &body);
	if (r->relay.post != NULL)
		relay_close(&r->relay);
	buf_free(&body);
	arena_free(&r->arena);
	return code;
}

static int
choose(struct rehearsal *r, const struct conf *c)
{
	const char *name = r->call->operands[1];
	const struct conf_source *from = command_source(c, r->source);
	const struct sample *x;

	if (from == NULL)
		return EX_USAGE;
	if (r->call->n < 2)
		return list_samples(&from->source);
	x = sample_find(from->source.kind->name, name);
	if (x == NULL && !is_file(name))
		return no_sample(&from->source, name);
	if (command_option(r->call, "--resolve") != NULL &&
	    (x == NULL || x->end == NULL))
		return no_end(name);
	return rehearse(r, c, x);
}

static int
try(const struct command_call *call)
{
	struct rehearsal r = { .call = call, .source = call->operands[0] };
	struct setup setup;
	int code = command_conf(call, &setup);

	if (code != EX_OK)
		return code;
	code = choose(&r, &setup.conf);
	setup_close(&setup);
	return code;
}

const struct command rehearse_try = {
	.name = "try",
	.summary = "post a sample to a source, as its sender would",
	.usage = "SOURCE [SAMPLE] [--resolve] [--json]",
	.text =
	    "  Signs a sample with the source's own secret, in the way of its\n"
	    "  sender, and takes it as a webhook: proof, mapping, spool and\n"
	    "  delivery are the real ones.  It can ring: incident.io treats "
	    "it\n"
	    "  as any alert.  Says what was proved, what was made of it, where "
	    "it\n"
	    "  goes and what was answered, and how to end it.  What is logged\n"
	    "  goes to stderr, unless that is a terminal.\n"
	    "\n"
	    "  Without SAMPLE it lists the samples of the source's kind.  "
	    "Their\n"
	    "  keys stay the same: a sample that fires already is not sent "
	    "again\n"
	    "  at once.  SAMPLE with a / in it is a file, - standard input: a\n"
	    "  body of one's own.\n",
	.codes =
	    "  0   accepted, or nothing to send\n"
	    "  64  there is no such source or sample\n"
	    "  65  the body is refused\n"
	    "  66  the file cannot be read\n"
	    "  69  not accepted; it is kept, and sent later\n"
	    "  73  the spool cannot be used\n"
	    "  77  no secret, or 401, 403 or 404: see token and URL; or the\n"
	    "      spool belongs to somebody else\n"
	    "  78  the configuration is broken\n",
	.least = 1,
	.most = 2,
	.options = { { "--resolve", NULL, "post the sample that ends it, too",
			 false },
	    { "--json", NULL, "what came of it, for programs", false } },
	.run = try,
};
