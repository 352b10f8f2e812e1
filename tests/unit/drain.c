/* The drain's looks and sweeps, with time as it is told. */
#include "arena.h"
#include "buf.h"
#include "drain.h"
#include "fail.h"
#include "keep.h"
#include "lock.h"
#include "post.h"
#include "setup.h"
#include "summary.h"
#include "tree.h"

#include "tap.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SECOND = 1000, STEPS = 1000 };

static char dir[] = "/tmp/drain.XXXXXX";
static char id[SPOOL_ID + 1];
static struct arena arena;
static struct post *post;
static struct setup setup;
static struct drain drain;

static const char *
in_dir(const char *name)
{
	return arena_printf(&arena, "%s/%s", dir, name);
}

static bool
put_file(const char *name, const char *text)
{
	FILE *file = fopen(in_dir(name), "w");
	bool did = file != NULL && chmod(in_dir(name), 0600) == 0 &&
	    fputs(text, file) >= 0;

	return file != NULL && fclose(file) == 0 && did;
}

static bool
begin(struct fail *f)
{
	if (!put_file("token", "t0ken\n") ||
	    !put_file("conf",
		"spool = \"spool\"\n"
		"destination d {\n"
		"  url = \"http://127.0.0.1:9/\"\n"
		"  token_file = \"token\"\n"
		"}\n"
		"source s {\n"
		"  kind = montecarlo\n"
		"  secret_file = \"token\"\n"
		"  destination = { d }\n"
		"}\n") ||
	    mkdir(in_dir("spool"), 0700) == -1)
		return fail_sys(f, dir);
	if (!setup_read(&setup, in_dir("conf"), f) || !setup_spool(&setup, f) ||
	    !post_open(&post, f))
		return false;
	drain_open(&drain, post, NULL);
	drain_use(&drain, &setup);
	return true;
}

static bool
end(void)
{
	drain_close(&drain);
	post_close(post);
	setup_close(&setup);
	return system(arena_printf(&arena, "rm -r %s", dir)) == 0;
}

/* A ticket that owes nothing, and has still to leave pending. */
static bool
leave_behind(const char *key, struct fail *f)
{
	struct keep k = { 0 };

	ticket_new(&k.ticket, key, "source", 1, &arena);
	k.ticket.alert = tree_new(&arena, TREE_OBJECT);
	spool_id(key, id);
	return keep_store(&setup.boxes->box, id, &k, NULL, &arena, f);
}

static const char *
settled_part(void)
{
	return arena_printf(&arena, "%s/spool/d/settled/%.2s", dir, id);
}

static bool
is_pending(void)
{
	const char *path =
	    arena_printf(&arena, "%s/spool/d/pending/%s.json", dir, id);

	return access(path, F_OK) == 0;
}

static bool
is_settled(void)
{
	const char *path =
	    arena_printf(&arena, "%s/%s.json", settled_part(), id);

	return access(path, F_OK) == 0;
}

/* All that there is to do at that time. */
static void
work(int64_t now)
{
	for (int i = 0; i < STEPS && drain_step(&drain, now) == 0; i++)
		;
}

/* Whatever it is that passes: here a part of settled is away. */
static void
sweeps_that_failed(void)
{
	int64_t now = (int64_t)(time(NULL) + 60) * SECOND;
	const char *away = in_dir("spool/d/settled/away");
	struct fail f = { 0 };

	ok(leave_behind("key", &f), "a ticket owes nothing %s", f.text);
	ok(rename(settled_part(), away) == 0, "and cannot settle");
	work(now);
	ok(is_pending(), "it stays");
	work(now + 11 * SECOND);
	work(now + 22 * SECOND);
	ok(is_pending(), "for as long as that lasts");
	ok(rename(away, settled_part()) == 0, "when that is over");
	work(now + 33 * SECOND);
	ok(!is_pending() && is_settled(), "the next look sweeps it");
}

/* What another process does while one syncs, once. */
static bool (*meanwhile)(struct fail *);

int
fsync(int fd)
{
	bool (*once)(struct fail *) = meanwhile;
	struct fail f = { 0 };

	meanwhile = NULL;
	if (once != NULL && !once(&f))
		(void)printf("# %s\n", f.text);
	return (int)syscall(SYS_fsync, fd);
}

/* What healthz is told. */
static struct summary
told(void)
{
	struct buf text = BUF_MAX(SPOOL_STATE + 1);
	struct summary s;

	spool_record_get(&setup.boxes->box, "summary.json", &text);
	summary_parse(text.data, text.len, &s, &arena);
	buf_free(&text);
	return s;
}

/* When the oldest came of what waits; 0: nothing does. */
static int64_t
told_oldest(void)
{
	return told().oldest;
}

/* Noted as it is when a webhook has stored one, and when its call is over. */
static void
note(bool empty, int64_t now)
{
	struct pending_news news = { .empty = empty,
		.until = now + 3600 * SECOND };

	drain_note(&drain, setup.boxes, id, &news, now);
	work(now);
}

static void
what_comes_after_a_delivery_is_new(void)
{
	int64_t now = (int64_t)(time(NULL) + 120) * SECOND;

	work(now);
	spool_id("another", id);
	note(false, now + SECOND);
	ok(told_oldest() == now + SECOND, "an event waits since it came");
	note(false, now + 3 * SECOND);
	ok(told_oldest() == now + SECOND, "however often its alert is noted");
	note(true, now + 5 * SECOND);
	ok(told_oldest() == 0, "until it is delivered");
	note(false, now + 7 * SECOND);
	ok(told_oldest() == now + 7 * SECOND, "the next is not as old as that");
}

/* A ticket whose event was accepted, and is to be sent once more. */
static bool
leave_repeat(int64_t accepted, struct fail *f)
{
	struct keep k = { 0 };

	ticket_new(&k.ticket, "repeat", "source", accepted, &arena);
	k.ticket.alert = tree_new(&arena, TREE_OBJECT);
	k.ticket.queue[0] = (struct ticket_event){ .n = k.ticket.next++,
		.repeat = true,
		.since = accepted,
		.digest = "",
		.body = k.ticket.alert };
	k.ticket.queued = 1;
	k.ticket.set = accepted;
	k.ticket.until = accepted + TICKET_REPEAT * SECOND;
	spool_id("repeat", id);
	return keep_store(&setup.boxes->box, id, &k, NULL, &arena, f);
}

/* As a process that has just begun. */
static void
forget(void)
{
	drain_use(&drain, NULL);
	drain_use(&drain, &setup);
}

/* Not to be tried, which is for its forward to find out. */
static bool
store_event(struct fail *f)
{
	int64_t now = (int64_t)time(NULL) * SECOND;
	struct keep k = { 0 };

	if (!keep_load(&setup.boxes->box, id, &k, now, &arena, f))
		return false;
	k.ticket.set = now;
	k.ticket.until = now + 3600 * SECOND;
	k.ticket.queue[0] = (struct ticket_event){ .n = k.ticket.next++,
		.since = 1,
		.digest = "",
		.body = k.ticket.alert };
	k.ticket.queued = 1;
	return keep_store(&setup.boxes->box, id, &k, NULL, &arena, f);
}

static void
what_comes_while_it_is_swept_waits_since_then(void)
{
	int64_t now = (int64_t)(time(NULL) + 100) * SECOND;
	struct fail f = { 0 };

	ok(leave_behind("swept", &f), "a ticket owes nothing %s", f.text);
	forget();
	meanwhile = store_event;
	work(now);
	ok(meanwhile == NULL && is_pending() && is_settled(),
	    "an event comes while it is on its way to settled");
	work(now + SECOND);
	ok(told().owed == 1 && told().oldest == now, "it waits since then");
	ok(spool_unlink(&setup.boxes->box, id, &f), "and is dropped");
	forget();
}

/* Its claim is held, so that nothing is sent. */
static void
a_repeat_waits_and_what_is_new_does_not(void)
{
	int64_t now = (int64_t)(time(NULL) + 180) * SECOND;
	const struct lock_hand *webhook = &setup.boxes->hands[POST_WEBHOOK];
	struct pending_news news = { .until = now + 3600 * SECOND };
	struct fail f = { 0 };

	ok(leave_repeat(now, &f) &&
		lock_try(webhook, LOCK_CLAIM, id, &f) == LOCK_GOT,
	    "a repeat waits %s", f.text);
	forget();
	drain.force = drain.once = true;
	work(now + SECOND);
	ok(told().oldest == now && told().due == 0, "it is not due");
	ok(drain_over(&drain, now + SECOND), "not in a person's drain either");
	drain_note(&drain, setup.boxes, id, &news, now + SECOND);
	ok(!drain_over(&drain, now + SECOND),
	    "what came to it since is tried there, whatever its wait");
	drain.force = drain.once = false;
	work(now + 2 * SECOND);
	ok(told().due == now, "and is due since it came");
	forget();
	spool_ring(&setup.boxes->box, id);
	work(now + 3 * SECOND);
	ok(told().due == now, "so is what rang");
	lock_drop(webhook, LOCK_CLAIM, id);
}

int
main(void)
{
	struct fail f = { 0 };

	bool begun = mkdtemp(dir) != NULL && begin(&f);

	ok(begun, "a drain begins %s", f.text);
	if (begun)
		sweeps_that_failed();
	if (begun)
		what_comes_while_it_is_swept_waits_since_then();
	if (begun)
		what_comes_after_a_delivery_is_new();
	if (begun)
		a_repeat_waits_and_what_is_new_does_not();
	ok(end(), "all is cleared away");
	arena_free(&arena);
	return tap_done();
}
