#include "reach.h"

#include "buf.h"
#include "command.h"
#include "conf.h"
#include "event.h"
#include "fail.h"
#include "finding.h"
#include "health.h"
#include "json.h"
#include "post.h"
#include "relay.h"
#include "setup.h"
#include "tree.h"
#include "trial.h"
#include "when.h"

#include <stdlib.h>
#include <unistd.h>

enum {
	POLL_MS = 1000,
	HOST = 64,
	SKEW = 30 * WHEN_SECOND,       /* worth a word */
	SKEW_MUCH = 300 * WHEN_SECOND, /* signatures and certificates fail */
	DAY = 24 * 3600,
	DAYS_FEW = 14, /* that a certificate is good for */
};

/* One destination, and the exchange with it. */
struct reach {
	struct findings *to;
	const char *what;
	const struct conf_destination *d;
	struct post_answer answer;
	struct post_way way;
	int64_t before, after; /* the exchange, by our clock */
};

/* ---- may it be asked? ---- */

static bool
take_turn(const struct setup_box *b, const char **why, struct arena *a)
{
	const struct pace_call call = {
		.target = b->target, .ticket = "", .urgent = true
	};
	struct buf text = BUF_MAX(SPOOL_STATE - 1);
	int64_t now = relay_now();
	int64_t until = 0;
	struct health_box h;

	health_look(b, &h, a);
	if (h.pace.mode == PACE_HELD)
		return true;
	*why = h.pace.mode == PACE_RESTING
	    ? "it rests, and is left to"
	    : "its rate is used up: alerts go first";
	if (h.pace.mode == PACE_RESTING)
		return now >= h.pace.until || now < h.pace.set;
	if (pace_ask(&h.pace, b->to->rate, &call, now, &until) != PACE_GO)
		return false;
	pace_write(&h.pace, a, &text);
	(void)spool_record_put(&b->box, "state.json", &text);
	buf_free(&text);
	return true;
}

static bool
may_ask(const struct setup_box *b, const char **why, struct arena *a)
{
	const struct lock_hand *hand = &b->hands[POST_DRAIN];
	struct fail f = { 0 };
	bool may;

	*why = "its state is locked by another process";
	if (!lock_wait(hand, LOCK_STATE, NULL, &f))
		return false;
	may = take_turn(b, why, a);
	lock_drop(hand, LOCK_STATE, NULL);
	return may;
}

/* ---- the exchange ---- */

/* The same key each time, so that incident.io keeps one at most. */
static struct tree *
resolve(struct arena *a)
{
	struct tree *alert = tree_new(a, TREE_OBJECT);
	struct tree *metadata = tree_new(a, TREE_OBJECT);
	char host[HOST + 1] = "localhost";

	(void)gethostname(host, HOST);
	host[HOST] = '\0';
	tree_set_str(a, metadata, "source", "bellrelay doctor");
	tree_set_str(a, alert, "title", "bellrelay doctor asks for its token");
	tree_set_str(a, alert, "status", "resolved");
	tree_set(a, alert, "metadata", metadata);
	return event_body(
	    alert, arena_printf(a, "bellrelay/doctor/%s", host), a);
}

static void
exchange(struct reach *r, struct post *p)
{
	struct post_target target = r->d->target;
	struct buf body = BUF_MAX(EVENT_MAX);

	target.way = &r->way;
	json_write(resolve(&r->to->arena), JSON_PLAIN, &body);
	r->before = relay_now();
	post_start(
	    p, POST_DRAIN, &target, body.data, body.len, r->d->timeout_ms);
	while (!post_done(p, POST_DRAIN, &r->answer))
		post_poll(p, POLL_MS, NULL, 0, NULL);
	r->after = relay_now();
	buf_free(&body);
}

/* ---- what it told ---- */

static void
judge_address(struct reach *r)
{
	if (r->way.address[0] != '\0')
		finding_add(r->to, FINDING_OK, r->what, NULL,
		    "DNS and connection: %s, name after %ld ms, connected "
		    "after %ld ms",
		    r->way.address, r->way.found_ms, r->way.connected_ms);
}

static void
judge_tls(struct reach *r)
{
	int64_t days =
	    (r->way.expires - r->after) / ((int64_t)DAY * WHEN_SECOND);
	char day[WHEN_SIZE];

	if (r->answer.status == 0)
		return;
	if (r->way.tls[0] == '\0') {
		finding_add(r->to, FINDING_OK, r->what, NULL,
		    "TLS: none, it is this very machine");
		return;
	}
	when_day(r->way.expires, day);
	if (r->way.expires != 0 && days < DAYS_FEW)
		finding_add(r->to, FINDING_WARNING, r->what,
		    "whoever runs that server must renew it",
		    "TLS: its certificate expires on %s", day);
	else
		finding_add(r->to, FINDING_OK, r->what, NULL,
		    "TLS: %s, verified%s%s", r->way.tls,
		    r->way.expires == 0 ? "" : ", certificate until ",
		    r->way.expires == 0 ? "" : day);
}

/* The Date header has whole seconds, and was made while we waited. */
static int64_t
skew(const struct reach *r, int64_t date)
{
	if (date + WHEN_SECOND < r->before)
		return r->before - date - WHEN_SECOND;
	return date > r->after ? r->after - date : 0;
}

static void
judge_clock(struct reach *r)
{
	char span[WHEN_SIZE];
	int64_t date, off;

	if (r->answer.status == 0)
		return;
	if (!when_parse(r->answer.date, &date)) {
		finding_add(r->to, FINDING_NOTE, r->what, NULL,
		    "clock: it sends no Date to compare with");
		return;
	}
	off = skew(r, date);
	when_span(off < 0 ? -off : off, span);
	if (llabs(off) <= SKEW)
		finding_add(r->to, FINDING_OK, r->what, NULL,
		    "clock: as the Date of its answer");
	else
		finding_add(r->to,
		    llabs(off) > SKEW_MUCH ? FINDING_FAILURE : FINDING_WARNING,
		    r->what,
		    "set this machine's clock, by NTP: timedatectl set-ntp "
		    "true",
		    "clock: this machine is %s %s the Date of its answer", span,
		    off > 0 ? "ahead of" : "behind");
}

static void
judge_token(struct reach *r)
{
	int status = r->answer.status;
	const char *cure = trial_cure(status);

	if (status >= 200 && status < 300)
		finding_add(r->to, FINDING_OK, r->what, NULL,
		    "token: taken, HTTP %d in %ld ms", status, r->answer.ms);
	else if (status >= 300 && status < 400)
		finding_add(r->to, FINDING_FAILURE, r->what,
		    "set url to where that leads: redirects are not followed",
		    "url: redirects (HTTP %d) to %s", status, r->way.location);
	else if (status == 401 || status == 403 || status == 404)
		finding_add(r->to, FINDING_FAILURE, r->what, cure,
		    "token: HTTP %d", status);
	else
		finding_add(r->to, FINDING_WARNING, r->what,
		    cure != NULL ? cure : "bellrelay test says more",
		    "token: not known, it answers HTTP %d", status);
}

static void
ask(struct reach *r, struct post *p)
{
	command_progress("asking %s", r->what);
	exchange(r, p);
	judge_address(r);
	if (r->answer.status == 0) {
		finding_add_silence(r->to, r->what, r->answer.why);
		return;
	}
	judge_tls(r);
	judge_clock(r);
	judge_token(r);
}

void
reach(struct setup *s, bool open, struct post *p, struct findings *to)
{
	for (size_t i = 0; i < s->conf.n_destinations; i++) {
		struct reach r = { .to = to, .d = &s->conf.destinations[i] };
		const char *why;

		r.what = arena_printf(&to->arena, "destination %s", r.d->name);
		if (!open || may_ask(&s->boxes[i], &why, &to->arena))
			ask(&r, p);
		else
			finding_add(to, FINDING_WARNING, r.what,
			    "ask again in a minute", "not asked: %s", why);
	}
}
