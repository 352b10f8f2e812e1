#include "forward.h"

#include "catalog.h"
#include "counters.h"
#include "fail.h"
#include "hush.h"
#include "json.h"
#include "keep.h"
#include "lock.h"
#include "log.h"
#include "reply.h"
#include "setup.h"
#include "sign.h"
#include "tree.h"
#include "when.h"

#include <stdio.h>
#include <string.h>

enum {
	FORESIGHT = 1000, /* ms: what was foreseen tells that time */
	BODY_MAX = 4 << 20,
	HTTP_STATUS = 9,  /* the length of "HTTP 401:" */
	REASON_MAX = 160, /* characters of an answer */
};

/* What an answer means (DESIGN.md, 4). */
enum verdict {
	ACCEPTED,
	TRANSIENT,
	LIMITED,
	DENIED,
	TOO_LARGE,
	REFUSED,
};

static enum verdict
judge(int status)
{
	if (status >= 200 && status < 300)
		return ACCEPTED;
	switch (status) {
	case 401:
	case 403:
	case 404:
		return DENIED;
	case 408:
		return TRANSIENT;
	case 413:
		return TOO_LARGE;
	case 429:
		return LIMITED;
	}
	if (status >= 400 && status < 500)
		return REFUSED;
	/* A redirect is not followed: like a wrong URL, it must be mended. */
	return status >= 300 && status < 400 ? DENIED : TRANSIENT;
}

void
forward_open(struct forward *fw, struct post *post, enum post_slot slot,
    struct counters *counters)
{
	*fw = (struct forward){ .slot = slot,
		.post = post,
		.counters = counters,
		.draft = { .fd = -1 },
		.body = BUF_MAX(BODY_MAX) };
}

void
forward_close(struct forward *fw)
{
	if (fw->to != NULL && !fw->answered)
		post_stop(fw->post, fw->slot);
	if (fw->to != NULL)
		spool_draft_drop(&fw->to->box, &fw->draft);
	arena_free(&fw->arena);
	arena_free(&fw->scratch);
	buf_free(&fw->body);
	fw->to = NULL;
}

bool
forward_busy(const struct forward *fw)
{
	return fw->to != NULL;
}

static const struct lock_hand *
hand(const struct forward *fw)
{
	return &fw->to->hands[fw->slot];
}

/* ---- before the call ---- */

static bool
load_locked(struct forward *fw, struct keep *k, int64_t now, struct fail *f)
{
	bool did;

	if (!lock_wait(hand(fw), LOCK_EDIT, fw->id, f))
		return false;
	did = keep_load(&fw->to->box, fw->id, k, now, fw->a, f) &&
	    hush_waiting(fw->to, fw->id, k, now, fw->a, f);
	if (did && k->pending && !k->settled)
		fw->generation = k->generation;
	lock_drop(hand(fw), LOCK_EDIT, fw->id);
	return did;
}

static void
put_pace(struct forward *fw, const struct pace *p)
{
	struct buf out = BUF_MAX(SPOOL_STATE);

	pace_write(p, fw->a, &out);
	fw->to->adrift = !spool_record_put(&fw->to->box, "state.json", &out);
	fw->to->pace = *p;
	buf_free(&out);
}

void
forward_pace(const struct setup_box *to, struct pace *out, struct arena *a)
{
	if (to->adrift)
		*out = to->pace;
	else
		catalog_pace(&to->box, out, a);
}

/* Before the call, of which nothing else will tell if we die. */
static void
mark_unstored(struct forward *fw, const struct forward_ask *ask, struct pace *p)
{
	if (fw->direct && !fw->event.resolved)
		fw->marked = pace_mark(p, fw->id, ask->fresh);
}

/* After it: its ticket tells, or there is none for good. */
static void
mark_again(struct forward *fw, struct pace *p)
{
	if (fw->direct && !fw->event.resolved)
		(void)pace_mark(p, fw->id, false);
	else if (fw->marked)
		pace_unmark(p, fw->id);
}

static enum forward_start
ask_pace(struct forward *fw, const struct forward_ask *ask, int64_t now,
    int64_t *until, struct fail *f)
{
	enum forward_start did = FORWARD_STARTED;
	struct pace p;
	int64_t arrival;

	fw->call = (struct pace_call){ .target = fw->to->target,
		.ticket = fw->id,
		.urgent = fw->event.urgent,
		.probe = ask->probe,
		.now = ask->now,
		.after = ask->after,
		.unstored = fw->direct && !ask->fresh,
		.timeout_ms = ask->timeout_ms };
	if (!lock_wait(hand(fw), LOCK_STATE, NULL, f))
		return FORWARD_FAILED;
	forward_pace(fw->to, &p, fw->a);
	arrival = p.arrival;
	switch (pace_ask(&p, fw->to->to->rate, &fw->call, now, until)) {
	case PACE_GO:
		mark_unstored(fw, ask, &p);
		put_pace(fw, &p);
		break;
	case PACE_WAIT:
		did = p.mode == PACE_READY ? FORWARD_PACE : FORWARD_REST;
		/* A record that was lost, or left by a clock that went back,
		 * begins to fill only when it is written. */
		if (p.arrival != arrival)
			put_pace(fw, &p);
		break;
	case PACE_OTHER:
		did = FORWARD_OTHER;
	}
	lock_drop(hand(fw), LOCK_STATE, NULL);
	return did;
}

static void
release(struct forward *fw)
{
	spool_draft_drop(&fw->to->box, &fw->draft);
	lock_drop(hand(fw), LOCK_CLAIM, fw->id);
	fw->to = NULL;
}

/*
 * An event that is nowhere on disk.  Whether it has found room meanwhile is
 * asked when it is marked: who stores it later than that sees the mark.
 */
static enum forward_start
prepare_direct(struct forward *fw, const struct forward_ask *ask, int64_t now,
    int64_t *until, struct fail *f)
{
	enum forward_start did;
	struct keep k;

	fw->event = (struct ticket_event){
		.resolved = ask->resolved, .urgent = true, .body = ask->body
	};
	did = ask_pace(fw, ask, now, until, f);
	if (did != FORWARD_STARTED || ask->fresh)
		return did;
	if (!load_locked(fw, &k, now, f))
		return FORWARD_FAILED;
	/* What is stored is newer, and may have been sent. */
	return k.there ? FORWARD_BUSY : FORWARD_STARTED;
}

/*
 * A ticket that is to be repeated counts from the very acceptance, which is
 * not foreseen; nor is one that is in two places.
 */
static bool
foresee(struct forward *fw, struct keep *k, int64_t now, struct fail *f)
{
	bool sure = fw->generation != 0 && !k->ticket.unsure;

	fw->before = *k;
	k->ticket.history = tree_merge(fw->a, k->ticket.history, NULL);
	ticket_accepted(&k->ticket, &fw->event, fw->to->url, now, fw->a);
	fw->ticket = k->ticket;
	if (!keep_draft(&fw->to->box, fw->id, k, &fw->draft, fw->a, f))
		return false;
	fw->drafted = sure ? now : 0;
	return true;
}

static enum forward_start
prepare(struct forward *fw, const struct forward_ask *ask, int64_t now,
    int64_t *until, struct fail *f)
{
	enum forward_start did;
	struct keep k;
	bool more;

	if (!load_locked(fw, &k, now, f))
		return FORWARD_FAILED;
	fw->ticket = k.ticket;
	if (ticket_head(&k.ticket) == NULL)
		return FORWARD_NOTHING;
	*until = k.ticket.until;
	if (!ask->force && !ticket_due(&k.ticket, now))
		return FORWARD_WAIT;
	fw->event = *ticket_head(&k.ticket);
	did = ask_pace(fw, ask, now, until, f);
	if (did != FORWARD_STARTED)
		return did;
	/* Of what went before, as accepted or as a dead letter. */
	more = k.ticket.sent.n != 0 || fw->event.n > 1;
	/* The result of what is sent must find room. */
	if (!foresee(fw, &k, now, f))
		return FORWARD_FAILED;
	/* The progress of one event is durable before the next is sent. */
	if (more && k.generation != ask->synced && !spool_sync(&fw->to->box, f))
		return FORWARD_FAILED;
	return FORWARD_STARTED;
}

bool
forward_adopt(struct forward *fw, int64_t now, struct fail *f)
{
	struct fail full = { 0 };
	struct keep k;

	if (!keep_load(&fw->to->box, fw->id, &k, now, fw->a, f) ||
	    ticket_head(&k.ticket) == NULL)
		return false;
	fw->generation = k.generation;
	fw->event = *ticket_head(&k.ticket);
	fw->direct = false;
	/* It is under way: its result tries without, if there is no room. */
	(void)foresee(fw, &k, now, &full);
	return true;
}

void
forward_harden(struct forward *fw)
{
	struct fail ignored = { 0 };

	if (fw->drafted == 0 || fw->foreseen != 0)
		return;
	if (spool_draft_sync(&fw->draft, &ignored))
		fw->foreseen = fw->drafted;
	else
		spool_draft_drop(&fw->to->box, &fw->draft);
}

/*
 * Whether a webhook need not ask: a destination that rests or is held is for
 * drains to probe.  Read without its lock; who asks a moment later is told the
 * same or better.
 */
static bool
rests(struct forward *fw, const struct forward_ask *ask, int64_t *until)
{
	struct pace p;

	if (ask->probe || (ask->body != NULL && !ask->fresh))
		return false;
	forward_pace(fw->to, &p, fw->a);
	*until = p.until;
	return p.mode != PACE_READY && strcmp(p.target, fw->to->target) == 0;
}

static void
take_up(struct forward *fw, const struct forward_ask *ask)
{
	arena_reset(&fw->arena);
	fw->a = &fw->arena;
	fw->to = ask->to;
	fw->answered = false;
	fw->direct = ask->body != NULL;
	fw->marked = false;
	fw->generation = 0;
	fw->drafted = fw->foreseen = 0;
	memcpy(fw->id, ask->id, sizeof(fw->id));
}

/* FORWARD_STARTED: the claim is ours. */
static enum forward_start
claim(struct forward *fw, const struct forward_ask *ask, int64_t *until,
    struct fail *f)
{
	if (rests(fw, ask, until))
		return FORWARD_REST;
	switch (lock_try(hand(fw), LOCK_CLAIM, fw->id, f)) {
	case LOCK_GOT:
		return FORWARD_STARTED;
	case LOCK_BUSY:
		return FORWARD_BUSY;
	default:
		return FORWARD_FAILED;
	}
}

enum forward_start
forward_begin(struct forward *fw, const struct forward_ask *ask, int64_t now,
    int64_t *until, struct fail *f)
{
	enum forward_start did;

	*until = now;
	if (forward_busy(fw))
		return FORWARD_BUSY;
	take_up(fw, ask);
	did = claim(fw, ask, until, f);
	if (did != FORWARD_STARTED) {
		fw->to = NULL;
		return did;
	}
	did = fw->direct ? prepare_direct(fw, ask, now, until, f)
			 : prepare(fw, ask, now, until, f);
	if (did != FORWARD_STARTED) {
		release(fw);
		return did;
	}
	buf_reset(&fw->body);
	json_write(fw->event.body, JSON_PLAIN, &fw->body);
	post_start(fw->post, fw->slot, &fw->to->to->target, fw->body.data,
	    fw->body.len, ask->timeout_ms);
	forward_harden(fw);
	return FORWARD_STARTED;
}

/* ---- after the call ---- */

static const char *
words(const struct forward *fw)
{
	return reply_words(
	    fw->answer.text, fw->answer.text_len, REASON_MAX, fw->a);
}

static const char *
reason(struct forward *fw)
{
	if (fw->answer.status == 0)
		return fw->answer.why;
	return arena_printf(fw->a, "HTTP %d: %s", fw->answer.status, words(fw));
}

static bool
bury(struct forward *fw, struct ticket *t, int64_t now, struct fail *f)
{
	struct buf text = BUF_MAX(SPOOL_FILE_MAX);
	bool did;

	t->error = reason(fw);
	ticket_epitaph(t, &fw->event, fw->answer.status, fw->answer.text,
	    fw->answer.text_len, now, fw->a, &text);
	did = spool_bury(&fw->to->box, fw->id, fw->event.n, &text, f);
	buf_free(&text);
	if (did)
		ticket_refused(t, &fw->event, reason(fw), now, fw->a);
	fw->result = FORWARD_DEAD;
	return did;
}

static bool
too_large(struct forward *fw, struct ticket *t, int64_t now, struct fail *f)
{
	if (!ticket_shrink(t, &fw->event, fw->a))
		return bury(fw, t, now, f);
	ticket_note(t, "made smaller", fw->event.n, reason(fw), now, fw->a);
	return true;
}

/* No try is counted, and however often it is probed it is told once. */
static void
denied(struct forward *fw, struct ticket *t, int64_t now)
{
	const char *why = reason(fw);
	bool told =
	    t->error != NULL && strncmp(t->error, why, HTTP_STATUS) == 0;

	t->error = why;
	if (!told)
		ticket_note(t, "held", fw->event.n, why, now, fw->a);
}

static bool
failed(struct forward *fw, struct ticket *t, int64_t now, struct fail *f)
{
	uint64_t random;

	sign_random(&random, sizeof(random));
	ticket_failed(
	    t, &fw->event, fw->answer.unknown, reason(fw), random, now, fw->a);
	return !ticket_spent(t, fw->to->to->retry_hours) || bury(fw, t, now, f);
}

static bool
apply(struct forward *fw, struct ticket *t, int64_t now, struct fail *f)
{
	fw->result = FORWARD_LATER;
	switch (judge(fw->answer.status)) {
	case ACCEPTED:
		fw->result = FORWARD_DELIVERED;
		ticket_accepted(t, &fw->event, fw->to->url, now, fw->a);
		return true;
	case TRANSIENT:
		return failed(fw, t, now, f);
	case LIMITED:
		/* Others pass, this one alone does not: incident.io answers
		 * 429 to what is too large (facts/incidentio.md, 0.3). */
		if (t->limited != 0 && fw->success > t->limited)
			return too_large(fw, t, now, f);
		t->limited = now;
		return true;
	case DENIED:
		denied(fw, t, now);
		return true;
	case TOO_LARGE:
		return too_large(fw, t, now, f);
	case REFUSED:
		return bury(fw, t, now, f);
	}
	return true;
}

/* Under edit: whether it came as foreseen, and nothing else came. */
static bool
is_foreseen(const struct forward *fw, int64_t now)
{
	return fw->foreseen != 0 && judge(fw->answer.status) == ACCEPTED &&
	    now >= fw->foreseen && now < fw->foreseen + FORESIGHT &&
	    spool_generation(&fw->to->box, fw->id) == fw->generation;
}

/* Under edit.  If it fails, the next attempt takes the ordinary way. */
static bool
publish(struct forward *fw, struct fail *f)
{
	fw->foreseen = 0;
	fw->result = FORWARD_DELIVERED;
	return spool_publish(&fw->to->box, fw->id, &fw->draft, f);
}

/* Under claim and edit: the ticket is what it was before the call, and what
 * has come since. */
static void
restore(struct forward *fw, struct keep *k)
{
	struct ticket later = k->ticket;
	bool news =
	    k->there && (ticket_head(&later) != NULL || later.muted.by != NULL);

	*k = fw->before;
	k->ticket.history = tree_merge(fw->a, k->ticket.history, NULL);
	if (news)
		ticket_follow(&k->ticket, &later);
}

/*
 * Under edit: the ticket loaded anew, changed and written.  Who may take it
 * away needs our claim for that: one that has gone, of which an older copy is
 * left, or that was begun anew, was torn or removed, and is written again.
 */
static bool
rewrite(struct forward *fw, int64_t now, struct fail *f)
{
	struct keep k;

	fw->foreseen = 0;
	fw->generation = 0;
	if (!keep_load(&fw->to->box, fw->id, &k, now, fw->a, f))
		return false;
	if (k.generation < fw->before.generation)
		restore(fw, &k);
	if (!apply(fw, &k.ticket, now, f) ||
	    !keep_store(&fw->to->box, fw->id, &k, &fw->draft, fw->a, f))
		return false;
	fw->ticket = k.ticket;
	fw->generation = k.generation;
	return true;
}

/* Under edit. */
static bool
record_ticket(struct forward *fw, int64_t now, struct fail *f)
{
	const struct ticket *t = &fw->ticket;
	bool did;

	fw->more = fw->owes = false;
	did = is_foreseen(fw, now) ? publish(fw, f) : rewrite(fw, now, f);
	if (!did)
		return false;
	fw->generation++;
	fw->owes = ticket_head(t) != NULL;
	fw->until = t->until;
	fw->more = fw->result != FORWARD_LATER && ticket_due(t, now);
	return true;
}

static enum pace_outcome
outcome(const struct forward *fw)
{
	switch (judge(fw->answer.status)) {
	case ACCEPTED:
		return PACE_ACCEPTED;
	case TRANSIENT:
		return PACE_TRANSIENT;
	case LIMITED:
		return PACE_LIMITED;
	case DENIED:
		return PACE_DENIED;
	default:
		return PACE_REFUSED;
	}
}

/* Tell the pace, and learn from it when anything was last accepted. */
static int64_t
record_pace(struct forward *fw, int64_t now)
{
	struct fail ignored = { 0 };
	int64_t wait = -1;
	int64_t success;
	struct pace p;

	if (!lock_wait(hand(fw), LOCK_STATE, NULL, &ignored))
		return 0;
	forward_pace(fw->to, &p, fw->a);
	success = p.success;
	if (!when_retry_after(fw->answer.retry_after, now, &wait))
		wait = -1;
	pace_tell(&p, outcome(fw), &fw->call, wait, now);
	mark_again(fw, &p);
	put_pace(fw, &p);
	lock_drop(hand(fw), LOCK_STATE, NULL);
	return success;
}

static const char *
result_word(const struct forward *fw)
{
	static const char *const words[] = { "delivered", "later", "dead" };

	return words[fw->result];
}

static void
count_delivery(const struct forward *fw)
{
	char labels[160];

	(void)snprintf(
	    labels, sizeof(labels), "destination=\"%s\"", fw->to->to->name);
	counters_add(fw->counters, 1,
	    "bellrelay_deliveries_total{%s,outcome=\"%s\"}", labels,
	    result_word(fw));
	counters_time(
	    fw->counters, "bellrelay_delivery_seconds", labels, fw->answer.ms);
}

static void
log_delivery(const struct forward *fw, int64_t now)
{
	struct log_line l = log_begin(now, "delivery");

	log_str(&l, "result", result_word(fw));
	log_str(&l, "destination", fw->to->to->name);
	log_str(&l, "alert", fw->id);
	log_int(&l, "n", (int64_t)fw->event.n);
	log_str(&l, "status", fw->event.resolved ? "resolved" : "firing");
	log_int(&l, "http", fw->answer.status);
	log_int(&l, "ms", fw->answer.ms);
	if (fw->result != FORWARD_DELIVERED)
		log_str(&l, "why",
		    fw->answer.status == 0 ? fw->answer.why : words(fw));
	log_end(&l);
}

/* Somebody may have queued more and relied on the holder of the claim. */
static void
look_again(struct forward *fw, const struct setup_box *to)
{
	uint64_t now = spool_generation(&to->box, fw->id);

	if (now != 0 && now != fw->generation)
		fw->more = fw->owes = true;
}

static bool
record_locked(struct forward *fw, int64_t now, struct fail *f)
{
	bool did;

	if (!lock_wait(hand(fw), LOCK_EDIT, fw->id, f))
		return false;
	did = record_ticket(fw, now, f);
	lock_drop(hand(fw), LOCK_EDIT, fw->id);
	return did;
}

/* Where nobody will look again there is no point in trying again. */
static bool
record(struct forward *fw, int64_t now, struct fail *f)
{
	if (!fw->direct && record_locked(fw, now, f))
		return true;
	if (!fw->direct && !setup_box_moved(fw->to))
		return false;
	forward_complain(fw, f, now);
	*f = (struct fail){ 0 };
	fw->more = fw->owes = false;
	fw->result = judge(fw->answer.status) == ACCEPTED ? FORWARD_DELIVERED
							  : FORWARD_LATER;
	return true;
}

bool
forward_settle(struct forward *fw, int64_t now, struct fail *f)
{
	struct setup_box *to = fw->to;

	/* What was sent stays; what an attempt to record it needs does not. */
	fw->a = &fw->scratch;
	arena_reset(fw->a);
	if (!fw->answered) {
		if (!post_done(fw->post, fw->slot, &fw->answer))
			return false;
		fw->answered = true;
		/* Before the ticket: nobody's edit is held, and a process
		 * that dies here has told the others how the call went. */
		fw->success = record_pace(fw, now);
	}
	if (!record(fw, now, f))
		return false;
	log_delivery(fw, now);
	count_delivery(fw);
	release(fw);
	if (!fw->direct)
		look_again(fw, to);
	return true;
}

void
forward_complain(const struct forward *fw, const struct fail *f, int64_t now)
{
	struct log_line l;

	if (f->kind == FAIL_NONE)
		return;
	l = log_begin(now, "forward");
	log_str(&l, "result", "failed");
	log_str(&l, "alert", fw->id);
	log_trouble(&l, f->text);
	log_end(&l);
}
