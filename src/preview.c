#include "preview.h"

#include "aim.h"
#include "answer.h"
#include "arena.h"
#include "buf.h"
#include "command.h"
#include "conf.h"
#include "display.h"
#include "event.h"
#include "fail.h"
#include "hush.h"
#include "proof.h"
#include "relay.h"
#include "setup.h"
#include "source.h"
#include "table.h"
#include "tree.h"
#include "when.h"
#include "window.h"
#include "wording.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum { FIELD_WIDTH = 30, TABLE_MAX = 4 << 20 };

/* One alert of the body, on its way to an event. */
struct passage {
	const struct conf *conf;
	const struct conf_source *from;
	const struct source *source;
	const struct source_item *item;
	const struct tree *alert;
	const struct tree *event;
	int64_t now;
	struct arena *a;
	struct buf table;
};

/* ---- which rule made a field ---- */

static bool
is_there(const struct tree *t)
{
	return t != NULL && t->type != TREE_NULL;
}

/* How the adapter came by it. */
static const char *
origin_of_read(const struct passage *p, const char *field)
{
	const struct source_kind *kind = p->source->kind;
	const char *rule = kind->rule == NULL
	    ? NULL
	    : kind->rule(p->source, p->item, field, p->a);

	return rule != NULL ? rule
			    : arena_printf(p->a, "read by kind %s", kind->name);
}

/* What a scalar is filled in with, if the sender says none; NULL: nothing. */
static const char *
origin_of_scalar(const struct passage *p, const char *name)
{
	const struct source *s = p->source;
	const struct table *t =
	    table_severity(table_match(s->tables, p->alert, p->a));
	bool severity = strcmp(name, "severity") == 0;

	if (severity && t != NULL)
		return arena_printf(p->a,
		    "severity of table \"%s\": none was sent", t->pattern);
	if (severity
		? s->severity != NULL
		: strcmp(name, "environment") == 0 && s->environment != NULL)
		return arena_printf(
		    p->a, "%s of source %s: none was sent", name, s->name);
	return NULL;
}

static void
add_origin(struct buf *why, const char *what)
{
	buf_printf(why, "%s%s", why->len > 0 ? ", united with " : "", what);
}

/* All that have a part in a list; NULL: it is none that is filled in. */
static const char *
origin_of_list(const struct passage *p, const char *name, bool sent)
{
	const struct table *const *t =
	    table_match(p->source->tables, p->alert, p->a);
	bool owners = strcmp(name, "owners") == 0;
	struct buf why = BUF_MAX(TABLE_MAX);
	const char *text = NULL;

	if (!owners && strcmp(name, "tags") != 0)
		return NULL;
	if (sent)
		add_origin(&why,
		    origin_of_read(
			p, owners ? "metadata.owners" : "metadata.tags"));
	for (; *t != NULL; t++)
		if (owners ? (*t)->owners.n > 0 : (*t)->tags.n > 0)
			add_origin(&why,
			    arena_printf(p->a, "%s of table \"%s\"", name,
				(*t)->pattern));
	if (owners ? p->source->owners.n > 0 : p->source->tags.n > 0)
		add_origin(&why,
		    arena_printf(
			p->a, "%s of source %s", name, p->source->name));
	if (why.len > 0)
		text = arena_str(p->a, why.data);
	buf_free(&why);
	return text;
}

/* What the wording of the source has put there; NULL: nothing. */
static const char *
origin_of_added(const struct passage *p, const char *name)
{
	const struct wording *w = p->source->wording;
	const struct tree *added = tree_get(p->alert, "added");
	const char *sent =
	    tree_cstr(tree_at(p->alert, "/metadata/severity_sent"), p->a);

	if (tree_get(added, name) == NULL)
		return NULL;
	if (strcmp(name, "severity_sent") == 0)
		return "the severity before severity_map";
	if (strcmp(name, "severity") == 0 && tree_get(added, "severity_sent"))
		return arena_printf(p->a, "severity_map: \"%s\"",
		    wording_rule(w, sent, p->a)->given);
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->members[i].name, name) == 0)
			return arena_printf(p->a,
			    "metadata of source %s: \"%s\"", p->source->name,
			    w->members[i].given);
	return NULL;
}

static const char *
origin_of_metadata(const struct passage *p, const char *name)
{
	/* Only what the configuration can fill in is kept in `sender`. */
	bool sent =
	    is_there(tree_get(tree_get(p->item->change, "metadata"), name)) ||
	    is_there(tree_get(tree_get(p->alert, "sender"), name));
	const char *kind = p->source->kind->name;
	const char *why;

	if (strcmp(name, "received_at") == 0)
		return "the time of the first receipt; here: now";
	why = origin_of_added(p, name);
	if (why == NULL)
		why = origin_of_list(p, name, sent);
	if (why == NULL && !sent)
		why = origin_of_scalar(p, name);
	if (why != NULL)
		return why;
	if (sent)
		return origin_of_read(
		    p, arena_printf(p->a, "metadata.%s", name));
	return arena_printf(p->a, "made by kind %s from what was read", kind);
}

/* incident.io's own events have keys of their sender's, unless it is asked
 * for. */
static bool
is_in_namespace(const struct passage *p)
{
	const struct source *s = p->source;
	size_t n = strlen(s->namespace);

	return (!s->kind->own_keys || s->namespaced) &&
	    strncmp(p->item->key, s->namespace, n) == 0 &&
	    p->item->key[n] == '/';
}

static const char *
origin_of_key(const struct passage *p)
{
	const char *read = origin_of_read(p, "deduplication_key");

	return is_in_namespace(p)
	    ? arena_printf(
		  p->a, "%s, in namespace \"%s\"", read, p->source->namespace)
	    : read;
}

static const char *
origin(const struct passage *p, const char *name)
{
	const char *kind = p->source->kind->name;
	const struct wording *w = p->source->wording;

	if (tree_get(tree_get(p->alert, "words"), name) != NULL)
		return arena_printf(p->a, "%s of source %s: \"%s\"", name,
		    p->source->name,
		    strcmp(name, "title") == 0 ? w->title->text
					       : w->description->text);
	if (strcmp(name, "deduplication_key") == 0)
		return origin_of_key(p);
	if (is_there(tree_get(p->item->change, name)))
		return origin_of_read(p, name);
	if (p->source->kind->word == NULL)
		return "what an alert has that does not say it";
	return arena_printf(p->a, "worded by kind %s from what was read", kind);
}

static void
put_row(struct passage *p, const char *name, const char *why)
{
	buf_puts(&p->table, "  ");
	display_column(&p->table, name, FIELD_WIDTH);
	buf_puts(&p->table, " ");
	display_puts(&p->table, why);
	buf_puts(&p->table, "\n");
}

static const char *
key_of(const struct passage *p, const struct tree *member)
{
	return tree_cstr(tree_strn(p->a, member->key, member->key_len), p->a);
}

static void
put_metadata(struct passage *p)
{
	const struct tree *all = tree_get(p->alert, "metadata");
	const struct tree *kept = tree_get(p->event, "metadata");

	for (const struct tree *m = all == NULL ? NULL : all->first; m != NULL;
	     m = m->next) {
		const char *name = key_of(p, m);
		const char *shown = arena_printf(p->a, "metadata.%s", name);

		put_row(p, shown,
		    tree_get(kept, name) == NULL
			? "left out: the event would be too large"
			: origin_of_metadata(p, name));
	}
}

/* For an alert that is new. */
static void
put_destinations(struct passage *p)
{
	const struct conf_route *route =
	    aim_route(p->conf, p->from, p->alert, p->a);
	const struct conf_to *to = route != NULL ? &route->to : &p->from->to;
	struct buf why = BUF_MAX(TABLE_MAX);

	for (size_t i = 0; i < to->n; i++)
		buf_printf(&why, "%s%s", i > 0 ? ", " : "", to->items[i]->name);
	if (route != NULL)
		buf_printf(&why, ": taken by route %s", route->route.name);
	else
		buf_printf(&why, ": destination of source %s", p->source->name);
	put_row(p, "(goes to)", why.data);
	buf_free(&why);
}

/* A resolve is never muted, so that one tells nothing of what came before. */
static void
put_muted(struct passage *p)
{
	char end[WHEN_SIZE];
	int64_t until;
	const char *by =
	    hush_by(p->conf, p->source->name, p->alert, p->now, p->a, &until);

	if (by == NULL || event_resolved(p->alert))
		return;
	when_write(until, end);
	put_row(p, "(muted)",
	    arena_printf(p->a, "now, by mute %s%s%s", by,
		until == WINDOW_NEVER ? "" : ", until ",
		until == WINDOW_NEVER ? "" : end));
}

static void
explain(struct passage *p)
{
	for (const struct tree *m = p->event->first; m != NULL; m = m->next) {
		const char *name = key_of(p, m);

		if (strcmp(name, "metadata") != 0)
			put_row(p, name, origin(p, name));
	}
	put_metadata(p);
	put_destinations(p);
	put_muted(p);
	(void)fwrite(p->table.data, 1, p->table.len, stderr);
	buf_free(&p->table);
}

/* ---- the events ---- */

/* What a command works on. */
struct mapping {
	const struct command_call *call;
	const struct conf *conf;
	const struct conf_source *from;
};

static const struct tree *
make_event(const struct mapping *m, const struct source_item *item, int64_t now,
    struct arena *a)
{
	struct passage p = { .conf = m->conf,
		.from = m->from,
		.source = &m->from->source,
		.item = item,
		.now = now,
		.a = a,
		.table = BUF_MAX(TABLE_MAX) };

	p.alert =
	    event_merge(p.source, NULL, item->change, item->whole, now, a);
	p.event = event_body(p.alert, item->key, a);
	if (item->only_known)
		command_say("%s: sent only if this alert is known and firing",
		    item->key);
	if (command_option(m->call, "--explain") != NULL)
		explain(&p);
	return p.event;
}

static void
print_events(
    const struct mapping *m, const struct source_request *r, struct arena *a)
{
	struct source_reading reading = { NULL };
	struct tree *all = tree_new(a, TREE_LIST);

	source_read(&m->from->source, r, a, &reading);
	for (const struct source_item *i = reading.items; i != NULL;
	     i = i->next)
		(void)tree_push(all, tree_copy(a, make_event(m, i, r->now, a)));
	if (all->first == NULL)
		command_say("ignored: %s, nothing would be sent",
		    reading.why != NULL ? reading.why
					: "by its shape this is no alert");
	else if (all->first == all->last)
		command_print_json(all->first);
	else
		command_print_json(all);
}

/* ---- what a webhook would be refused for ---- */

/* Fit for every proof that there is. */
static const char *const any_secret[] = {
	"whsec_bm90aGluZyBpcyBzZW50LCBub3RoaW5nIGlzIHByb3Zlbg=="
};

/* The source, with a secret if it has none: its body is what is in question. */
static struct source
with_secret(const struct source *s, struct arena *a)
{
	struct source copy = *s;
	const struct option *o = s->kind->options;
	size_t n = 0;

	while (o[n].name != NULL)
		n++;
	copy.values = arena_alloc(a, (n + 1) * sizeof(*copy.values));
	for (size_t i = 0; i < n; i++)
		copy.values[i] =
		    o[i].type == OPTION_SECRET && s->values[i].n == 0
		    ? (struct option_value){ (const char **)any_secret, 1 }
		    : s->values[i];
	return copy;
}

/* Signed by us, so that the kind looks at the body as at a webhook's. */
static bool
is_fit(const struct source *s, struct source_request *r, struct arena *a,
    struct source_proof *proof, struct fail *f)
{
	const struct source ours = with_secret(s, a);
	struct fail parse = { 0 };
	struct tree *tree = NULL;

	if (tree_parse(r->body, r->body_len, a, &tree, &parse))
		r->tree = tree;
	r->proven = s->kind->sign(&ours, r, a, proof, f);
	r->token = proof->token;
	r->proven = r->proven && s->kind->prove(&ours, r, a, f);
	/* As a webhook is told. */
	if (!r->proven && parse.kind != FAIL_NONE)
		*f = parse;
	return r->proven;
}

static int
refused(const struct fail *f, struct arena *a)
{
	struct answer out = ANSWER_NEW;

	answer_fail(&out, f, a);
	command_say("would be refused with HTTP %d: %s", out.status, f->text);
	buf_free(&out.body);
	return EX_DATAERR;
}

static int
map_body(const struct mapping *m)
{
	struct arena a = { 0 };
	struct buf body;
	struct fail f = { 0 };
	struct source_proof proof = { 0 };
	int code = command_body(m->call, 1, &body);
	struct source_request r = { .header = proof_made,
		.from = &proof,
		.body = body.data,
		.body_len = body.len,
		.now = relay_now() };

	if (code == EX_OK && body.len > m->conf->body_limit) {
		command_say("would be refused with HTTP 413: the body is over "
			    "body_limit, %zu bytes",
		    m->conf->body_limit);
		code = EX_DATAERR;
	} else if (code == EX_OK &&
	    !is_fit(&m->from->source, &r, &a, &proof, &f)) {
		code = refused(&f, &a);
	} else if (code == EX_OK) {
		print_events(m, &r, &a);
	}
	buf_free(&body);
	arena_free(&a);
	return code;
}

static int
map(const struct command_call *call)
{
	const char *name = call->operands[0];
	struct mapping m = { .call = call };
	struct setup setup;
	int code = command_conf(call, &setup);

	if (code != EX_OK)
		return code;
	m.conf = &setup.conf;
	m.from = command_source(&setup.conf, name);
	code = m.from == NULL ? EX_USAGE : map_body(&m);
	setup_close(&setup);
	return code;
}

const struct command preview_map = {
	.name = "map",
	.summary = "print the alert event that a webhook would become",
	.usage = "SOURCE [FILE] [--explain]",
	.text =
	    "  Reads the body of a webhook of the source and prints the event\n"
	    "  that incident.io would be sent if the alert were new: an "
	    "object,\n"
	    "  or an array where the body holds several alerts.  Asks for no\n"
	    "  proof, sends nothing, and does not look into the spool.  A "
	    "body\n"
	    "  that is no alert is said to be ignored, and nothing is "
	    "printed;\n"
	    "  one that a webhook would be refused for is refused likewise.\n",
	.codes =
	    "  0   mapped, or ignored\n"
	    "  64  there is no such source\n"
	    "  65  the body would be refused: not JSON, or not this source's\n"
	    "  66  FILE cannot be read\n"
	    "  78  the configuration is broken\n",
	.least = 1,
	.most = 2,
	.options = { { "--explain", NULL,
	    "say on stderr which rule made what, and where it goes", false } },
	.run = map,
};
