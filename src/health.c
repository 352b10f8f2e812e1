#include "health.h"

#include "answer.h"
#include "buf.h"
#include "catalog.h"
#include "fail.h"
#include "orphan.h"
#include "refusals.h"
#include "relay.h"
#include "request.h"
#include "sign.h"
#include "tree.h"
#include "when.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REASON = 512 };

/* ---- who may see ---- */

static bool
is_local(const struct request *req)
{
	const char *peer = request_param(req, "REMOTE_ADDR");

	/* A proxy on this host speaks for others. */
	if (request_param(req, "HTTP_X_FORWARDED_FOR")[0] != '\0' ||
	    request_param(req, "HTTP_FORWARDED")[0] != '\0')
		return false;
	return strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0 ||
	    strncmp(peer, "::ffff:127.", 11) == 0;
}

static bool
has_token(const struct request *req, const char *token)
{
	const char *given = request_param(req, "HTTP_AUTHORIZATION");

	return token != NULL && strncmp(given, "Bearer ", 7) == 0 &&
	    sign_same_secret(
		given + 7, strlen(given + 7), token, strlen(token));
}

bool
health_may_see(const struct relay *r, const struct request *req)
{
	const struct conf *c;

	if (r->setup == NULL)
		return false;
	c = &r->setup->conf;
	switch (c->status) {
	case CONF_STATUS_OFF:
		return false;
	case CONF_STATUS_LOCAL:
		return is_local(req) || has_token(req, c->status_token.token);
	case CONF_STATUS_ON:
		break;
	}
	return c->status_token.token == NULL || is_local(req) ||
	    has_token(req, c->status_token.token);
}

/* ---- what is known ---- */

void
health_look(const struct setup_box *b, struct health_box *out, struct arena *a)
{
	struct buf text = BUF_MAX(1 << 16);

	spool_record_get(&b->box, "state.json", &text);
	pace_parse(arena_copy(a, text.data, text.len), text.len, &out->pace, a);
	buf_reset(&text);
	spool_record_get(&b->box, "summary.json", &text);
	summary_parse(
	    arena_copy(a, text.data, text.len), text.len, &out->summary, a);
	buf_free(&text);
}

/* ---- healthz ---- */

/* An answer that grows: reasons why not all is well, and details. */
struct report {
	struct relay *r;
	struct arena *a;
	int64_t now;
	bool failing; /* a webhook would now be refused */
	struct tree *reasons;
	struct tree *destinations;
	struct tree *orphans; /* destinations that are no longer configured */
};

__attribute__((format(printf, 3, 4))) static void
because(struct report *p, const char *name, const char *fmt, ...)
{
	char text[REASON];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)tree_push(p->reasons,
	    tree_str(p->a,
		name == NULL ? arena_str(p->a, text)
			     : arena_printf(p->a, "%s: %s", name, text)));
}

static void
put_num(const struct report *p, struct tree *to, const char *name, int64_t n)
{
	tree_set_num(p->a, to, name, n);
}

static int64_t
seconds_since(const struct report *p, int64_t t)
{
	return t == 0 || t > p->now ? 0 : (p->now - t) / WHEN_SECOND;
}

static const char *
span(const struct report *p, int64_t t)
{
	char text[WHEN_SIZE];

	when_span(p->now - t, text);
	return arena_str(p->a, text);
}

static void
judge_mode(struct report *p, const char *name, const struct pace *pace)
{
	static const char *const why[] = {
		[PACE_RESTING] = "incident.io is not reached, or answers 5xx "
				 "or 429; it is tried again by itself",
		[PACE_HELD] = "incident.io answers 401, 403 or 404; mend its "
			      "token or url: bellrelay test tells more",
	};

	if (pace->mode != PACE_READY)
		because(p, name, "%s: %s; nothing is lost",
		    pace_mode_name(pace->mode), why[pace->mode]);
}

static void
judge_waiting(struct report *p, const char *name, const struct summary *s)
{
	static const char cure[] = "see bellrelay list --pending, and let "
				   "bellrelay drain send it";

	if (seconds_since(p, s->oldest) > HEALTH_OLD)
		because(p, name, "an alert has waited for %s; %s",
		    span(p, s->oldest), cure);
	else if (seconds_since(p, s->due) > HEALTH_DUE)
		because(p, name, "an alert is overdue by %s; %s",
		    span(p, s->due), cure);
	if (s->unread > 0)
		because(p, name,
		    "alerts that wait and cannot be read: %" PRId64 "; the log "
		    "says why; see the modes of pending/ and the disk",
		    s->unread);
	if (s->dead > 0)
		because(p, name,
		    "there are dead letters: %" PRId64 "; see bellrelay list "
		    "--dead, mend the cause, then bellrelay retry or drop",
		    s->dead);
}

/* Whether it would be refused what a webhook brings. */
static void
judge_room(struct report *p, const struct setup_box *b, const struct summary *s)
{
	const struct conf *c = &p->r->setup->conf;
	struct fail f = { 0 };
	struct fail tend = { 0 };

	if (!spool_may_keep(&b->box, &f)) {
		p->failing = true;
		because(p, b->to->name,
		    "the spool cannot be written to: %s; see bellrelay check",
		    f.text);
	} else if (!spool_may_tend(&b->box, &tend)) {
		because(p, b->to->name,
		    "a part of the spool cannot be written to: %s; see "
		    "bellrelay check",
		    tend.text);
	}
	if (s->owed < (int64_t)c->max_pending)
		return;
	p->failing = true;
	because(p, b->to->name,
	    "as many alerts wait as may, max_pending = %u: new ones are "
	    "refused; mend what holds them up, or raise it",
	    (unsigned)c->max_pending);
}

/* One name is enough to know that something waits. */
static bool
is_empty(const struct spool_box *b)
{
	struct spool_walk w;
	struct spool_name name;
	bool any;

	spool_walk_open(b, SPOOL_PENDING, &w);
	any = spool_walk_next(&w, &name);
	spool_walk_close(&w);
	return !any && w.broken == 0;
}

/* What a summary says that nobody renews may be long past. */
static void
judge_age(struct report *p, const struct setup_box *b, const struct summary *s)
{
	if (s->at != 0 && seconds_since(p, s->at) > HEALTH_DUE &&
	    !is_empty(&b->box))
		because(p, b->to->name,
		    "nobody has looked through what waits for %s; start the "
		    "responders, or let bellrelay drain --due run each minute",
		    span(p, s->at));
}

static void
report_box(struct report *p, const struct setup_box *b)
{
	struct tree *to = tree_new(p->a, TREE_OBJECT);
	struct health_box h;

	health_look(b, &h, p->a);
	judge_room(p, b, &h.summary);
	judge_mode(p, b->to->name, &h.pace);
	judge_waiting(p, b->to->name, &h.summary);
	judge_age(p, b, &h.summary);
	tree_set_str(p->a, to, "name", b->to->name);
	tree_set_str(p->a, to, "mode", pace_mode_name(h.pace.mode));
	put_num(p, to, "pending", h.summary.owed);
	put_num(p, to, "oldest_seconds", seconds_since(p, h.summary.oldest));
	put_num(p, to, "overdue_seconds", seconds_since(p, h.summary.due));
	put_num(p, to, "dead", h.summary.dead);
	put_num(p, to, "muted", h.summary.muted);
	put_num(p, to, "unread", h.summary.unread);
	put_num(p, to, "last_success_ms", h.pace.success);
	put_num(p, to, "counted_ms", h.summary.at);
	(void)tree_push(p->destinations, to);
}

static void
report_orphan(struct report *p, const struct catalog_box *b)
{
	struct tree *to = tree_new(p->a, TREE_OBJECT);
	const char *name = arena_str(p->a, b->name);
	struct summary s;

	orphan_look(b, &s, p->a);
	if (s.owed + s.dead > 0)
		because(p, name,
		    "no longer configured, but alerts are kept for it that "
		    "are not sent: %" PRId64 " wait, dead letters: %" PRId64
		    "; bellrelay move %s NEW, or configure it again",
		    s.owed, s.dead, name);
	tree_set_str(p->a, to, "name", name);
	put_num(p, to, "pending", s.owed);
	put_num(p, to, "dead", s.dead);
	put_num(p, to, "counted_ms", s.at);
	(void)tree_push(p->orphans, to);
}

/* Directories of destinations that are no longer configured. */
static void
report_orphans(struct report *p)
{
	struct fail ignored = { 0 };
	struct catalog c;

	if (!catalog_open(&c, &p->r->setup->conf, &ignored))
		return;
	for (size_t i = 0; i < c.n; i++)
		if (c.boxes[i].orphan)
			report_orphan(p, &c.boxes[i]);
	catalog_close(&c);
}

static void
report_sources(struct report *p)
{
	const struct setup *s = p->r->setup;

	for (size_t i = 0; i < s->conf.n_sources; i++)
		if (refusals_many(
			s->spool.dir, s->conf.sources[i].source.name, p->now))
			because(p, s->conf.sources[i].source.name,
			    "three refused in an hour, though their bodies "
			    "look right; was its secret changed on one side? "
			    "bellrelay verify tells");
}

/* A delivery whose result could not be written holds up its alert. */
static void
report_stuck(struct report *p, const struct forward *fw)
{
	if (fw->to != NULL && fw->answered)
		because(p, fw->to->to->name,
		    "what came of a delivery cannot be written; the log says "
		    "why; see the disk");
}

static void
report_all(struct report *p)
{
	const struct setup *s = p->r->setup;
	size_t torn = spool_count_corrupt(&s->spool);
	struct fail f = { 0 };

	if (!spool_room(&s->spool, 1, 1, &f)) {
		p->failing = true;
		because(p, NULL, "%s; make room", f.text);
	}
	for (size_t i = 0; i < s->conf.n_destinations; i++)
		report_box(p, &s->boxes[i]);
	report_sources(p);
	report_orphans(p);
	report_stuck(p, &p->r->webhook);
	report_stuck(p, &p->r->drain.forward);
	if (torn > 0)
		because(p, NULL,
		    "there are torn files in corrupt/: %zu; their alerts "
		    "begin anew; look at them, keep or delete them",
		    torn);
}

static void
report(struct report *p)
{
	struct relay *r = p->r;
	struct fail f = { 0 };

	if (r->broken[0] != '\0' && r->setup != NULL)
		because(p, NULL,
		    "the changed configuration is broken, and the old one "
		    "goes on; see bellrelay check");
	if (r->setup != NULL && setup_spool(r->setup, &f)) {
		report_all(p);
		return;
	}
	p->failing = true;
	if (r->setup == NULL)
		because(p, NULL,
		    "there is no valid configuration; see bellrelay check");
	else
		because(p, NULL,
		    "the spool cannot be used: %s; see bellrelay check",
		    f.text);
}

/* Whether the query has that name among its parameters. */
static bool
asks(const struct request *req, const char *name)
{
	const char *at = request_param(req, "QUERY_STRING");
	size_t n = strlen(name);

	while (strncmp(at, name, n) != 0 || strchr("=&", at[n]) == NULL) {
		at = strchr(at, '&');
		if (at++ == NULL)
			return false;
	}
	return true;
}

/*
 * The request and who answers it, for doctor, to whom a web server can lie by
 * leaving things out.
 */
static struct tree *
about(const struct report *p, const struct request *req)
{
	const struct setup *s = p->r->setup;
	struct tree *to = tree_new(p->a, TREE_OBJECT);
	struct stat st;

	tree_set(p->a, to, "authorization",
	    tree_bool(
		p->a, request_param(req, "HTTP_AUTHORIZATION")[0] != '\0'));
	put_num(p, to, "user", geteuid());
	if (s == NULL || stat(s->conf.spool, &st) == -1)
		return to;
	put_num(p, to, "spool_user", st.st_uid);
	put_num(p, to, "spool_device", (int64_t)st.st_dev);
	put_num(p, to, "spool_inode", (int64_t)st.st_ino);
	return to;
}

static void
put_details(const struct report *p, const struct request *req, struct tree *to)
{
	tree_set_str(p->a, to, "version", VERSION);
	tree_set(p->a, to, "request", about(p, req));
	if (asks(req, "request"))
		return;
	tree_set(p->a, to, "reasons", p->reasons);
	tree_set(p->a, to, "destinations", p->destinations);
	tree_set(p->a, to, "orphans", p->orphans);
}

void
health_answer(struct relay *r, const struct request *req, struct answer *out)
{
	struct report p = { .r = r,
		.a = &r->arena,
		.now = req->now,
		.reasons = tree_new(&r->arena, TREE_LIST),
		.destinations = tree_new(&r->arena, TREE_LIST),
		.orphans = tree_new(&r->arena, TREE_LIST) };
	struct tree *to = tree_new(p.a, TREE_OBJECT);
	bool degraded;

	report(&p);
	degraded = p.reasons->first != NULL;
	tree_set(p.a, to, "status",
	    tree_str(p.a,
		p.failing      ? "failing"
		    : degraded ? "degraded"
			       : "ok"));
	if (health_may_see(r, req))
		put_details(&p, req, to);
	answer_json(out,
	    p.failing || (degraded && asks(req, "strict")) ? 503 : 200, to);
}
