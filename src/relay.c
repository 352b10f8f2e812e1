#include "relay.h"

#include "fail.h"
#include "log.h"
#include "sandbox.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DEFAULT_LIMIT = 1 << 20, FLUSH_MS = 200 };

int64_t
relay_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- configuration ---- */

static struct setup *
spare(struct relay *r)
{
	return r->setup == &r->setups[0] ? &r->setups[1] : &r->setups[0];
}

static void
say_conf(int64_t now, const char *result, const char *why)
{
	struct log_line l = log_begin(now, "configuration");

	log_str(&l, "result", result);
	log_str(&l, "why", why);
	log_end(&l);
}

/* Whether a call, or a result that could not be written yet, is of a setup. */
static bool
in_use(const struct relay *r)
{
	return forward_busy(&r->drain.forward) || forward_busy(&r->webhook);
}

static void
adopt(struct relay *r, struct setup *fresh)
{
	struct setup *before = r->setup;

	/* What was counted is the old spool's. */
	relay_flush(r);
	/* Its URL may be the old one's. */
	post_stop(r->post, POST_WATCH);
	r->setup = fresh;
	r->broken[0] = '\0';
	if (before != NULL && in_use(r)) {
		r->old = before;
		return;
	}
	drain_use(&r->drain, NULL);
	if (before != NULL)
		setup_close(before);
}

/* What the last calls still used can go. */
static void
forget_old(struct relay *r)
{
	if (r->old == NULL || in_use(r))
		return;
	drain_use(&r->drain, NULL);
	setup_close(r->old);
	r->old = NULL;
}

/* The old configuration stays, but not with a spool that was moved aside. */
static void
leave_moved(struct relay *r)
{
	if (r->setup == NULL || !setup_moved(r->setup) || in_use(r))
		return;
	drain_use(&r->drain, NULL);
	setup_shut(r->setup);
}

static void
reject(struct relay *r, struct setup *fresh, const struct fail *f, int64_t now)
{
	setup_close(fresh);
	leave_moved(r);
	if (strcmp(r->broken, f->text) == 0)
		return;
	(void)snprintf(r->broken, sizeof(r->broken), "%s", f->text);
	say_conf(now, r->setup == NULL ? "broken" : "broken, the old one stays",
	    f->text);
}

/* Whether the spool in use is no longer where it is configured. */
static bool
is_moved(const struct relay *r)
{
	const struct setup *s = r->setup;

	return s != NULL && (s->boxes == NULL || setup_moved(s));
}

/*
 * A change that the fence shuts out leaves the old one in use, unless that
 * would go on with a spool that was moved aside: then webhooks are refused.
 */
static bool
is_taken(struct relay *r, const struct setup *fresh, struct fail *f)
{
	r->outside = sandbox_outside(&r->fence, &fresh->conf);
	if (!r->outside)
		return f->kind == FAIL_NONE;
	if (f->kind == FAIL_NONE && is_moved(r))
		return true;
	*f = (struct fail){ .kind = FAIL_NONE };
	return fail_set(f, FAIL_BROKEN,
	    "it names what this process shut itself off from when it began; "
	    "one that is started anew takes it up");
}

void
relay_refresh(struct relay *r, int64_t now)
{
	struct setup *fresh = spare(r);
	struct fail f = { 0 };

	forget_old(r);
	if (r->setup != NULL && r->setup->boxes == NULL)
		r->outside = sandbox_outside(&r->fence, &r->setup->conf);
	if (r->old != NULL ||
	    (r->setup != NULL && r->broken[0] == '\0' &&
		!setup_stale(r->setup)))
		return;
	(void)setup_read(fresh, r->path, &f);
	if (!is_taken(r, fresh, &f)) {
		reject(r, fresh, &f, now);
		return;
	}
	if (r->setup != NULL)
		say_conf(now, "taken up", NULL);
	adopt(r, fresh);
}

void
relay_fence(struct relay *r)
{
	struct fail ignored = { 0 };

	if (!r->fence.up && r->fence.places == NULL && r->setup != NULL &&
	    setup_spool(r->setup, &ignored))
		sandbox_enter(&r->fence, &r->setup->conf);
}

bool
relay_open(struct relay *r, const char *path, struct fail *f)
{
	*r = (struct relay){ .path = path };
	if (!post_open(&r->post, f))
		return false;
	forward_open(&r->webhook, r->post, POST_WEBHOOK, &r->counters);
	drain_open(&r->drain, r->post, &r->counters);
	relay_refresh(r, relay_now());
	return true;
}

void
relay_close(struct relay *r)
{
	forward_close(&r->webhook);
	drain_close(&r->drain);
	if (r->old != NULL)
		setup_close(r->old);
	if (r->setup != NULL)
		setup_close(r->setup);
	post_close(r->post);
	arena_free(&r->arena);
	arena_free(&r->fence.arena);
}

size_t
relay_body_limit(const struct relay *r)
{
	return r->setup == NULL ? DEFAULT_LIMIT : r->setup->conf.body_limit;
}

void
relay_flush(struct relay *r)
{
	if (r->setup != NULL && r->setup->boxes != NULL)
		counters_flush(&r->counters, r->setup->spool.dir);
}

void
relay_flush_late(struct relay *r, int64_t now)
{
	if (now < r->flushed + FLUSH_MS && now >= r->flushed &&
	    !counters_many(&r->counters))
		return;
	r->flushed = now;
	relay_flush(r);
}
