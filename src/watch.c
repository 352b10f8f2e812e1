#include "watch.h"

#include "event.h"
#include "fail.h"
#include "health.h"
#include "keep.h"
#include "log.h"
#include "relay.h"
#include "source.h"
#include "tree.h"
#include "webhook.h"
#include "when.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LOOK_EVERY = 10 * WHEN_SECOND,
	BEAT_EVERY = 60 * WHEN_SECOND,
	BEAT_MS = 5000,
	MINUTE = 60 * WHEN_SECOND,
	HOST = 64,
};

static const char beat_series[] = "bellrelay_heartbeat_ms{}";

/* ---- the heartbeat ---- */

/* When any process of this host last asked. */
static int64_t
last_beat(const struct relay *r)
{
	struct buf text = BUF_MAX(COUNTERS_MAX);
	const char *at;
	int64_t t = 0;

	counters_read(r->setup->spool.dir, &text);
	at = strstr(text.data, beat_series);
	if (at != NULL)
		t = strtoll(at + strlen(beat_series), NULL, 10);
	buf_free(&text);
	return t;
}

static void
take_beat(struct relay *r, int64_t now)
{
	struct post_answer answer;
	struct log_line l;

	if (!post_done(r->post, POST_WATCH, &answer) ||
	    (answer.status >= 200 && answer.status < 300))
		return;
	l = log_begin(now, "heartbeat");
	log_str(&l, "result", "failed");
	log_int(&l, "http", answer.status);
	log_trouble(&l, answer.status == 0 ? answer.why : answer.text);
	log_end(&l);
}

static void
beat(struct relay *r, bool overdue, int64_t now)
{
	const struct post_target *t = &r->setup->conf.heartbeat;
	int64_t last;

	if (t->url == NULL || overdue || post_busy(r->post, POST_WATCH))
		return;
	last = last_beat(r);
	if (now >= last && now < last + BEAT_EVERY)
		return;
	counters_set(&r->counters, (uint64_t)now, "%s", beat_series);
	r->beat = *t;
	r->beat.token = r->setup->conf.heartbeat_token.token;
	r->beat.connect_ms = BEAT_MS;
	post_start(r->post, POST_WATCH, &r->beat, NULL, 0, BEAT_MS);
}

/* ---- telling of trouble ---- */

/* What is sent says nothing that changes while the trouble lasts. */
static struct tree *
words(struct relay *r, const char *name, bool trouble)
{
	struct arena *a = &r->arena;
	struct tree *to = tree_new(a, TREE_OBJECT);
	struct tree *metadata = tree_new(a, TREE_OBJECT);
	char *title =
	    arena_printf(a, "bellrelay: alerts do not get through to %s", name);
	char *text = arena_printf(a,
	    "The destination %s refuses alerts or does not answer. They are "
	    "kept and go out when it does. `bellrelay list --pending` and "
	    "`bellrelay test` say more.",
	    name);

	tree_set_str(a, to, "title", title);
	tree_set_str(a, to, "description", text);
	tree_set_str(a, to, "status", trouble ? "firing" : "resolved");
	tree_set_str(a, metadata, "source", "bellrelay");
	tree_set_str(a, metadata, "destination", name);
	tree_set(a, to, "metadata", metadata);
	return to;
}

/* Whether self_alert was told of trouble that is not over for it. */
static bool
was_told(
    struct relay *r, const struct setup_box *to, const char *key, int64_t now)
{
	struct fail ignored = { 0 };
	char id[SPOOL_ID + 1];
	struct keep k;

	spool_id(key, id);
	if (!lock_wait(&to->hands[POST_WEBHOOK], LOCK_EDIT, id, &ignored))
		return false;
	(void)keep_load(&to->box, id, &k, now, &r->arena, &ignored);
	lock_drop(&to->hands[POST_WEBHOOK], LOCK_EDIT, id);
	return ignored.kind == FAIL_NONE && k.there &&
	    !event_resolved(k.ticket.alert);
}

static void
tell(struct relay *r, const struct setup_box *about, bool trouble, int64_t now)
{
	const struct conf *c = &r->setup->conf;
	struct setup_box *to =
	    setup_box(r->setup, conf_destination(c, c->self_alert));
	char host[HOST + 1] = "localhost";
	char *key;

	(void)gethostname(host, HOST);
	host[HOST] = '\0';
	key = arena_printf(&r->arena, "bellrelay/%s/%s", host, about->to->name);
	if (was_told(r, to, key, now) == trouble)
		return;
	webhook_tell(r, to, key, words(r, about->to->name, trouble), now);
}

/* ---- looking ---- */

/* What is not known, or was not looked at for long, may be overdue too. */
static bool
is_overdue(const struct summary *s, int64_t now)
{
	const int64_t most = HEALTH_DUE * WHEN_SECOND;

	return s->at == 0 || now - s->at > most ||
	    (s->due != 0 && now - s->due > most);
}

static bool
is_trouble(const struct relay *r, const struct health_box *h, int64_t now)
{
	int64_t oldest = h->summary.oldest;
	int64_t most = (int64_t)r->setup->conf.self_alert_after * MINUTE;

	return h->pace.mode == PACE_HELD ||
	    (oldest != 0 && now - oldest > most);
}

void
watch_step(struct relay *r, int64_t now)
{
	const struct conf *c = &r->setup->conf;
	bool overdue = false;

	take_beat(r, now);
	if ((c->heartbeat.url == NULL && c->self_alert == NULL) ||
	    (now >= r->watched && now < r->watched + LOOK_EVERY))
		return;
	r->watched = now;
	for (size_t i = 0; i < c->n_destinations; i++) {
		struct health_box h;

		health_look(&r->setup->boxes[i], &h, &r->arena);
		overdue = overdue || is_overdue(&h.summary, now);
		if (c->self_alert != NULL)
			tell(r, &r->setup->boxes[i], is_trouble(r, &h, now),
			    now);
	}
	beat(r, overdue, now);
	arena_reset(&r->arena);
}
