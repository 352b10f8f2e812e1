#include "look.h"

#include "fail.h"
#include "hush.h"
#include "log.h"
#include "pending.h"
#include "setup.h"
#include "ticket.h"
#include "when.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
	/* healthz wants to know within 10 s what waits. */
	LOOK_EVERY = 10 * WHEN_SECOND,
	WALK_EVERY = 600 * WHEN_SECOND, /* if nothing came or went */
	FRESH = 1 * WHEN_SECOND,
	MS_NS = 1000 * 1000,
	SLICE_NS = 20 * 1000 * 1000,
	TICK_NS = 20 * 1000 * 1000, /* a clock of files may stand so long */
	DAY = 24 * 60 * 60,
};

void
look_close(struct look *k)
{
	spool_walk_close(&k->walk);
	k->going = false;
}

static void
begin(struct look *k, struct pending *l, int64_t now)
{
	for (size_t i = 0; i < pending_count(l); i++)
		pending_entries(l)[i].listed = false;
	spool_tidy(l->to->box.sp, now / WHEN_SECOND - DAY);
	spool_walk_open(&l->to->box, SPOOL_PENDING, &k->walk);
	k->going = true;
	k->began = now;
}

/* Whether it can be read by now does not show in its directory. */
static bool
any_unread(const struct pending *l)
{
	for (size_t i = 0; i < pending_count(l); i++)
		if (pending_entries(l)[i].unread &&
		    pending_owes(&pending_entries(l)[i]))
			return true;
	return false;
}

/* Where many wait for long, most looks find that nothing came or went. */
static void
begin_if_changed(struct look *k, struct pending *l, int64_t now)
{
	bool same = !l->missed && now >= k->walked &&
	    now < k->walked + WALK_EVERY &&
	    spool_changed(&l->to->box) < k->walked * MS_NS - TICK_NS;

	if (same && k->began != 0 && !any_unread(l)) {
		k->began = now;
		return;
	}
	k->walked = now;
	l->missed = false;
	begin(k, l, now);
}

/* It is as old as its file, and due, to be seen to under its lock; one that
 * was so before keeps its wait. */
static void
read_nothing(struct pending_entry *e, bool there, int64_t now)
{
	int64_t written = e->mark.mtime_ns / MS_NS;

	if (!e->unread)
		e->set = e->until = 0;
	e->unread = there;
	e->empty = e->muted = e->patient = false;
	e->since = written != 0 && written < now ? written : now;
}

static void
read_ticket(struct pending_entry *e, const struct ticket *t)
{
	const struct ticket_event *head = ticket_head(t);

	e->unread = false;
	e->empty = head == NULL;
	e->muted = head == NULL && t->muted.by != NULL;
	e->patient = head != NULL && head->repeat;
	e->urgent = head != NULL && head->urgent;
	e->since = head != NULL ? head->since : 0;
	e->set = t->set;
	e->until = t->until;
}

/* What a ticket's file says; whether it could be read. */
static bool
read_entry(const struct pending *l, const char *name, struct pending_entry *e,
    int64_t now, struct arena *a)
{
	struct buf text = BUF_MAX(SPOOL_FILE_MAX);
	struct fail why = { 0 };
	struct ticket t;
	bool did;

	arena_reset(a);
	did = spool_look(&l->to->box, SPOOL_PENDING, name, &text, &why) &&
	    ticket_parse(text.data, text.len, &t, a, &why);
	if (did)
		read_ticket(e, &t);
	else
		read_nothing(e, why.kind != FAIL_NONE, now);
	if (did && e->muted) {
		e->set = now;
		e->until = hush_until(l->to->conf, &t, now, a);
	}
	buf_free(&text);
	return did;
}

/* Its webhook may be about to send it.  A file from the future is of a clock
 * that went back. */
static void
leave_alone(struct pending_entry *e, int64_t now)
{
	int64_t soon = e->mark.mtime_ns / MS_NS + FRESH;

	if (!e->muted && e->until < soon && soon <= now + FRESH)
		e->until = soon;
}

static void
look_at(struct pending *l, const struct spool_name *n, bool once, int64_t now,
    struct arena *a)
{
	struct pending_entry *e = pending_find(l, n->id);
	struct spool_mark mark = { 0 };
	bool asked = spool_mark(&l->to->box, n->id, &mark);

	/* What cannot be asked is there; so much is known. */
	if (!asked && errno == ENOENT)
		return;
	if (e == NULL)
		e = pending_add(l, n->id);
	if (e == NULL)
		return;
	e->listed = true;
	if (asked && spool_mark_same(&e->mark, &mark) && !e->gone && !e->unread)
		return;
	e->mark = mark;
	e->gone = false;
	/* A run that ends does not come again soon. */
	if (read_entry(l, n->name, e, now, a) && !once)
		leave_alone(e, now);
}

static int64_t
monotonic_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t
count_dead(const struct look *k, const struct pending *l)
{
	struct spool_walk w;
	struct spool_name name;
	int64_t n = 0;

	spool_walk_open(&l->to->box, SPOOL_DEAD, &w);
	while (spool_walk_next(&w, &name))
		n += !name.superseded;
	spool_walk_close(&w);
	return w.broken == 0 ? n : k->dead;
}

/* What could not be listed may be there still. */
static void
say_unlisted(const struct look *k, struct pending *l, int64_t now)
{
	struct log_line line = log_begin(now, "look");

	for (size_t i = 0; i < pending_count(l); i++)
		pending_entries(l)[i].listed = true;
	log_str(&line, "result", "failed");
	log_str(&line, "destination", l->to->to->name);
	log_trouble(&line, strerror(k->walk.broken));
	log_end(&line);
}

static void
end(struct look *k, struct pending *l, int64_t now)
{
	spool_walk_close(&k->walk);
	if (k->walk.broken != 0)
		say_unlisted(k, l, now);
	pending_tidy(l);
	k->dead = count_dead(k, l);
	k->going = false;
}

static void
go_on(
    struct look *k, struct pending *l, bool once, int64_t now, struct arena *a)
{
	int64_t stop = monotonic_ns() + SLICE_NS;
	struct spool_name name;

	while (monotonic_ns() < stop) {
		if (!spool_walk_next(&k->walk, &name)) {
			end(k, l, now);
			return;
		}
		look_at(l, &name, once, now, a);
	}
}

bool
look_step(
    struct look *k, struct pending *l, bool once, int64_t now, struct arena *a)
{
	if (!k->going &&
	    (k->began == 0 || now >= k->began + LOOK_EVERY || now < k->began))
		begin_if_changed(k, l, now);
	if (!k->going)
		return false;
	go_on(k, l, once, now, a);
	return true;
}

void
look_again(struct look *k)
{
	k->began = 0;
}

bool
look_done(const struct look *k)
{
	return k->began != 0 && !k->going;
}

int64_t
look_wait(const struct look *k, int64_t now)
{
	return k->began + LOOK_EVERY - now;
}

void
look_bells(struct look *k, struct pending *l, int64_t now)
{
	int64_t rang = spool_rang(&l->to->box);
	struct spool_walk w;
	struct spool_name name;

	if (rang < k->heard - TICK_NS && now * MS_NS >= k->heard)
		return;
	k->heard = now * MS_NS;
	pending_shuffle(l);
	spool_walk_bells(&l->to->box, &w);
	while (spool_walk_next(&w, &name)) {
		struct pending_entry *e;

		spool_unring(&l->to->box, name.id);
		e = pending_find_noted(l, name.id);
		if (e == NULL && (e = pending_add(l, name.id)) == NULL)
			continue;
		if (e->since == 0 || !pending_owes(e))
			e->since = now;
		e->urgent = e->noted = e->listed = true;
		e->empty = e->muted = e->gone = e->patient = false;
		e->set = e->until = 0;
	}
	spool_walk_close(&w);
}
