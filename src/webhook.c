#include "webhook.h"

#include "aim.h"
#include "answer.h"
#include "diary.h"
#include "event.h"
#include "fail.h"
#include "hush.h"
#include "journal.h"
#include "keep.h"
#include "log.h"
#include "refusals.h"
#include "relay.h"
#include "request.h"
#include "source.h"
#include "summary.h"
#include "tree.h"
#include "when.h"

#include <stdio.h>

enum {
	LEAST_CALL_MS = 200, /* below this a call is not begun */
	POLL_MS = 1000,
	GROWTH = 4, /* a ticket may be so many times its webhook */
	TICKET_ROOM = 16 << 10,
};

/* ---- proof and reading ---- */

static const char *
header(const void *from, const char *name)
{
	const struct request *req = from;

	return req->param(req->from, name);
}

/* A body that could not be read, or is no JSON where it must be. */
static bool
fit_body(const struct request *req, const struct source_kind *kind,
    struct answer *out, struct fail *why, struct arena *a)
{
	int status = 0;
	const char *detail = NULL;

	if (req->state == REQUEST_LONG) {
		status = 413;
		detail = arena_printf(a,
		    "the body is over %zu bytes, the body_limit",
		    req->body.max);
	} else if (req->state == REQUEST_SLOW) {
		status = 408;
		detail = "the body came too slowly";
	} else if (req->state == REQUEST_BROKEN) {
		status = 503;
		detail = "the body could not be read";
	} else if (req->state == REQUEST_LIED) {
		status = 400;
		detail = "the body is not as long as was announced";
	} else if (request_has_type(req) && !kind->any_type &&
	    !request_is_json(req)) {
		status = 415;
		detail = "the content type must be application/json";
	}
	if (status == 0)
		return true;
	answer_problem(out, status, detail, a);
	/* What kept the proof from being computed is but its consequence. */
	*why = (struct fail){ 0 };
	return fail_set(why, FAIL_INPUT, "%s", detail);
}

/* Of a body that looks like its sender's; see refusals.h. */
static void
note_refusal(
    struct relay *r, const struct source *s, const struct source_request *sr)
{
	struct fail ignored = { 0 };

	if (sr->tree != NULL && s->kind->looks_known != NULL &&
	    s->kind->looks_known(sr->tree) && setup_spool(r->setup, &ignored))
		refusals_note(r->setup->spool.dir, s->name, sr->now);
}

/*
 * The proof is asked for before anything else, as far as it can be computed;
 * what keeps it from being computed is told only where the rest of it fits.
 */
static bool
prove(struct relay *r, const struct request *req, struct source_request *sr,
    struct answer *out, struct fail *why)
{
	const struct source *s = &req->source->source;
	struct fail parse = { 0 };
	struct tree *tree = NULL;
	bool whole = req->state == REQUEST_WHOLE;

	*sr = (struct source_request){ .header = header,
		.from = req,
		.token = req->token,
		.body = whole ? req->body.data : NULL,
		.body_len = req->body.len,
		.now = req->now };
	if (whole &&
	    tree_parse(req->body.data, req->body.len, &r->arena, &tree, &parse))
		sr->tree = tree;
	if (!s->kind->prove(s, sr, &r->arena, why) && why->kind == FAIL_AUTH) {
		note_refusal(r, s, sr);
		answer_fail(out, why, &r->arena);
		return false;
	}
	if (!fit_body(req, s->kind, out, why, &r->arena))
		return false;
	if (parse.kind != FAIL_NONE && why->kind != FAIL_NONE)
		*why = parse;
	if (why->kind == FAIL_NONE)
		return true;
	answer_fail(out, why, &r->arena);
	return false;
}

/* ---- one alert at one destination ---- */

struct item {
	const struct source *source;
	const struct source_item *alert;
	struct setup_box *to;
	int64_t now;              /* when the webhook came */
	bool room;                /* in the spool, for all of the webhook */
	const struct tree *known; /* elsewhere; a new ticket begins with it */
	bool own;                 /* our own alert, of which there are few */
	bool first;               /* the webhook's, which has no other alert */
	/* What becomes of it. */
	char id[SPOOL_ID + 1];
	struct tree *body; /* the event, if it must be sent without a ticket */
	uint64_t n;        /* serial of what was queued */
	uint64_t generation; /* of the file that this webhook relies on */
	bool urgent;
	bool waits;             /* something is in its queue, */
	bool waited;            /* and was before this webhook */
	bool idle;              /* written, but nothing is in its queue */
	bool asked;             /* its call was begun while it was stored */
	enum forward_start did; /* what was said to that, */
	int64_t until;          /* and until when */
	bool resolved;
	const char *muted; /* the mute that keeps it quiet, or NULL */
	bool unstored;     /* the spool could not take it, and had no ticket */
	bool refused;      /* nor could it take this one, which has */
	bool tried;        /* all was said of its call */
	const char *lack;  /* why it is unstored */
	enum answer_result result;
};

/* Merge and queue, in memory. */
static enum ticket_result
change(struct item *i, struct keep *k, struct arena *a)
{
	const struct source *s = i->source;
	const struct source_item *alert = i->alert;
	struct ticket *t = &k->ticket;
	const struct tree *known = k->there ? t->alert : i->known;
	struct ticket_change c;
	enum ticket_result did;

	if (!k->there)
		ticket_new(t, alert->key, s->name, i->now, a);
	i->waited = ticket_head(t) != NULL;
	c = hush_change(i->to, s->name,
	    event_merge(s, known, alert->change, alert->whole, i->now, a), t,
	    i->now, a);
	did = ticket_enqueue(t, &c, i->now, a);
	i->body = c.body;
	i->resolved = event_resolved(c.alert);
	i->n = t->next - 1;
	i->waits = ticket_head(t) != NULL;
	i->urgent = ticket_urgent(t);
	i->muted = t->muted.by;
	return did;
}

/*
 * Whether one more may wait: max_pending, by the summary of the last drain and
 * what this process has queued since that one was first read.
 */
static bool
may_wait(const struct relay *r, struct setup_box *to, int64_t now,
    struct arena *a, struct fail *f)
{
	struct buf text = BUF_MAX(SPOOL_STATE + 1);
	struct summary s;

	if (now >= to->counted + WHEN_SECOND || now < to->counted) {
		spool_record_get(&to->box, "summary.json", &text);
		summary_parse(text.data, text.len, &s, a);
		buf_free(&text);
		if (s.at != to->summed)
			to->owed = s.owed;
		to->summed = s.at;
		to->counted = now;
	}
	return to->owed < (int64_t)r->setup->conf.max_pending ||
	    fail_set(
		f, FAIL_RETRY, "max_pending alerts wait for %s", to->to->name);
}

/* Under edit. */
static void
call_fresh(struct relay *r, struct item *i)
{
	struct forward_ask ask = { .to = i->to,
		.id = i->id,
		.timeout_ms = i->to->to->timeout_ms,
		.body = i->body,
		.resolved = i->resolved,
		.fresh = true };
	struct fail f = { 0 };

	i->did = forward_begin(&r->webhook, &ask, relay_now(), &i->until, &f);
	/* Whatever else was said may be otherwise once it is stored. */
	i->asked = i->did == FORWARD_STARTED;
	forward_complain(&r->webhook, &f, relay_now());
}

/*
 * A new alert is called out while it is being stored, as nothing older of it
 * can be on disk: whatever kills us, nothing older can be sent after it.  The
 * answer waits for both.
 */
static bool
keep_fresh(
    struct relay *r, struct item *i, const struct keep *k, struct fail *f)
{
	const struct spool_box *b = &i->to->box;
	struct spool_draft d = { .fd = -1 };
	struct fail ignored = { 0 };
	bool did;

	if (!keep_draft(b, i->id, k, &d, &r->arena, f))
		return false;
	call_fresh(r, i);
	did = spool_draft_sync(&d, f) && spool_publish(b, i->id, &d, f);
	spool_draft_drop(b, &d);
	if (did && i->asked)
		(void)forward_adopt(&r->webhook, relay_now(), &ignored);
	return did;
}

static bool
store_item(
    struct relay *r, struct item *i, const struct keep *k, struct fail *f)
{
	int64_t now = relay_now();
	/* A destination that rests is not worth the question twice. */
	bool rests = now >= i->to->rested && now < i->to->rested + WHEN_SECOND;

	if (i->first && i->waits && !k->there && !rests &&
	    !forward_busy(&r->webhook))
		return keep_fresh(r, i, k, f);
	return keep_store(&i->to->box, i->id, k, NULL, &r->arena, f);
}

/* Keep the ticket; whatever fails, a ticket that was there stays as it was. */
static bool
keep_item(struct relay *r, struct item *i, const struct keep *k, struct fail *f)
{
	struct fail why = { 0 };

	if (!i->room)
		(void)fail_set(&why, FAIL_RETRY, "spool: the disk is full");
	/* What is muted does not wait. */
	else if ((k->pending || !i->waits || i->muted != NULL || i->own ||
		     may_wait(r, i->to, i->now, &r->arena, &why)) &&
	    store_item(r, i, k, &why)) {
		i->generation = k->generation + 1;
		return true;
	}
	/* An alert that has no ticket can be sent without one. */
	i->unstored = i->asked || (!k->there && !i->own);
	i->refused = !i->unstored;
	i->lack = arena_str(&r->arena, why.text);
	return i->unstored || fail_set(f, why.kind, "%s", why.text);
}

/*
 * What waits says it already, but the sync that made it durable may have
 * failed, and a second sync of the same name need not say so (fsync(2)): the
 * file is written anew.  Where there is no room for that it stands as it is.
 */
static bool
keep_again(
    struct relay *r, struct item *i, const struct keep *k, struct fail *f)
{
	struct fail why = { 0 };

	return keep_item(r, i, k, &why) || why.kind == FAIL_RETRY ||
	    fail_set(f, why.kind, "%s", why.text);
}

/* What is only for an alert that fires; it may do so without a ticket. */
static bool
has_a_say(struct relay *r, const struct item *i, const struct keep *k)
{
	return source_speaks(i->alert, k->there ? k->ticket.alert : NULL) ||
	    (!k->there && hush_rang(i->to, i->id, &r->arena));
}

static bool
enqueue_locked(struct relay *r, struct item *i, struct fail *f)
{
	struct keep k;

	if (!keep_load(&i->to->box, i->id, &k, i->now, &r->arena, f))
		return false;
	i->result = ANSWER_IGNORED;
	/* What is ignored says at least what it came to say. */
	i->resolved = event_resolved(i->alert->change);
	i->generation = k.generation;
	if (!has_a_say(r, i, &k))
		return true;
	switch (change(i, &k, &r->arena)) {
	case TICKET_UNCHANGED:
		i->result = ANSWER_UNCHANGED;
		return true;
	case TICKET_SAME:
		i->idle = i->muted != NULL;
		i->result = ANSWER_QUEUED;
		return keep_again(r, i, &k, f);
	case TICKET_MERGED:
		i->result = ANSWER_UNCHANGED;
		i->idle = !i->waits;
		return keep_item(r, i, &k, f);
	case TICKET_MUTED:
		i->idle = true;
		/* fallthrough */
	case TICKET_QUEUED:
		i->result = ANSWER_QUEUED;
		return keep_item(r, i, &k, f);
	}
	return true;
}

static bool
enqueue(struct relay *r, struct item *i, struct fail *f)
{
	const struct lock_hand *h = &i->to->hands[POST_WEBHOOK];
	bool did;

	spool_id(i->alert->key, i->id);
	if (!lock_wait(h, LOCK_EDIT, i->id, f))
		return false;
	did = enqueue_locked(r, i, f);
	lock_drop(h, LOCK_EDIT, i->id);
	return did;
}

/* Where the drain goes on. */
static void
note_item(struct relay *r, const struct item *i, int64_t now)
{
	bool waits = i->did == FORWARD_STARTED || i->did == FORWARD_WAIT;
	struct pending_news news = { .urgent = i->urgent,
		.empty = !i->waits,
		.until = waits ? i->until : 0 };

	drain_note(&r->drain, i->to, i->id, &news, now);
}

/* ---- an alert of our own ---- */

void
webhook_tell(struct relay *r, struct setup_box *to, const char *key,
    struct tree *change, int64_t now)
{
	static const struct source_kind kind = { .name = HUSH_OWN };
	const struct source self = {
		.name = HUSH_OWN, .kind = &kind, .namespace = HUSH_OWN
	};
	struct source_item alert = {
		.key = key, .whole = true, .change = change
	};
	struct item i = { .source = &self,
		.alert = &alert,
		.to = to,
		.now = now,
		.room = true,
		.own = true };
	struct fail f = { 0 };
	struct log_line l;

	if (enqueue(r, &i, &f) && spool_sync(&to->box, &f))
		note_item(r, &i, now);
	l = log_begin(now, "self");
	log_str(&l, "destination", to->to->name);
	log_str(&l, "status", i.resolved ? "resolved" : "firing");
	log_str(&l, "alert", i.id);
	if (f.kind != FAIL_NONE) {
		log_str(&l, "result", "failed");
		log_trouble(&l, f.text);
	}
	log_end(&l);
}

/* ---- forwarding within the webhook's one time-out ---- */

/* Wait for the call; false: it is over, but its result is not on disk. */
static bool
finish_call(struct relay *r, struct fail *f)
{
	while (!forward_settle(&r->webhook, relay_now(), f)) {
		if (!post_busy(r->post, POST_WEBHOOK) && r->webhook.answered)
			return false;
		post_poll(r->post, POLL_MS, NULL, 0, NULL);
	}
	return true;
}

/* A call of the item, which may take what is left of the webhook's time. */
static struct forward_ask
ask_within(const struct item *i, int64_t left)
{
	long ms = i->to->to->timeout_ms;

	return (struct forward_ask){ .to = i->to,
		.id = i->id,
		.timeout_ms = left < ms ? (long)left : ms };
}

static bool
begin_direct(struct relay *r, struct item *i, int64_t left, struct fail *f)
{
	struct forward_ask ask = ask_within(i, left);

	ask.body = i->body;
	ask.resolved = i->resolved;
	return left >= LEAST_CALL_MS &&
	    forward_begin(&r->webhook, &ask, relay_now(), &i->until, f) ==
	    FORWARD_STARTED;
}

static void
forward_direct(
    struct relay *r, struct item *i, int64_t deadline, struct fail *f)
{
	struct fail why = { 0 };
	bool begun =
	    i->asked || begin_direct(r, i, deadline - relay_now(), &why);

	i->asked = false;
	i->tried = true;
	if (begun && finish_call(r, &why) &&
	    r->webhook.result == FORWARD_DELIVERED)
		i->result = ANSWER_DELIVERED;
	else
		(void)fail_set(
		    f, FAIL_RETRY, "%s; nor could it be sent at once", i->lack);
	forward_complain(&r->webhook, &why, relay_now());
}

static enum forward_start
begin(struct relay *r, struct item *i, int64_t left, struct fail *f)
{
	struct forward_ask ask = ask_within(i, left);

	ask.synced = i->generation;
	return forward_begin(&r->webhook, &ask, relay_now(), &i->until, f);
}

/* Begin the next call of the ticket, or take the one that was asked for. */
static bool
is_begun(struct relay *r, struct item *i, int64_t left, struct fail *f)
{
	if (!i->asked)
		i->did = begin(r, i, left, f);
	i->asked = false;
	return i->did == FORWARD_STARTED;
}

/* One exchange; whether another is due. */
static bool
exchange(struct relay *r, struct item *i, int64_t left)
{
	const struct forward *fw = &r->webhook;
	struct fail f = { 0 };

	if (!is_begun(r, i, left, &f) || !finish_call(r, &f)) {
		forward_complain(fw, &f, relay_now());
		return false;
	}
	i->waits = fw->owes;
	i->urgent = i->urgent && fw->owes;
	i->until = fw->until;
	if (fw->result == FORWARD_DELIVERED && fw->event.n >= i->n)
		i->result = ANSWER_DELIVERED;
	return fw->more;
}

/* Deliver what the ticket owes, oldest first, up to our own event. */
static void
forward_item(struct relay *r, struct item *i, int64_t deadline)
{
	int64_t left = deadline - relay_now();

	i->tried = true;
	while ((i->asked || left >= LEAST_CALL_MS) && exchange(r, i, left))
		left = deadline - relay_now();
	if (i->did == FORWARD_NOTHING) {
		i->waits = false;
		/* It went with another of this webhook. */
		if (r->webhook.ticket.sent.n >= i->n)
			i->result = ANSWER_DELIVERED;
	}
	note_item(r, i, relay_now());
	i->to->owed += i->waits && !i->waited;
	i->to->rested = i->did == FORWARD_REST ? relay_now() : 0;
	/* What rests is looked through whole when it is ready again. */
	if (i->waits && i->urgent && i->did != FORWARD_REST)
		spool_ring(&i->to->box, i->id);
}

/* ---- the whole ---- */

/* A webhook's alerts, each at each of its destinations. */
struct batch {
	const struct source_item *alerts;
	struct item *items;
	size_t n;
	bool room;   /* in the spool, for all of it */
	bool broken; /* the spool cannot be used: no use in going on */
	int64_t deadline;
};

/* At how many destinations an alert of the source may be new. */
static size_t
count_copies(const struct conf *c, const struct conf_source *from)
{
	size_t most = from->to.n;

	for (size_t i = 0; i < c->n_routes; i++)
		if (c->routes[i].to.n > most)
			most = c->routes[i].to.n;
	return most;
}

/*
 * Each destination takes as much as the webhook holds, whatever the number of
 * its alerts; what is only for known alerts mostly writes nothing.  The
 * journal is the first thing to go when space is short.
 */
static bool
has_room(const struct relay *r, const struct request *req,
    const struct source_item *alerts)
{
	const struct spool *sp = &r->setup->spool;
	size_t copies = count_copies(&r->setup->conf, req->source);
	size_t bytes = copies * GROWTH * req->body.len;
	size_t files = 1;

	for (const struct source_item *s = alerts; s != NULL; s = s->next)
		files += s->only_known ? 0 : copies;
	do {
		struct fail full = { 0 };

		if (spool_room(
			sp, 2 * files, bytes + files * TICKET_ROOM, &full))
			return true;
	} while (journal_give_way(sp->dir));
	return false;
}

/* Every name that a yes relies on is made durable by us. */
static bool
sync_all(
    const struct relay *r, const struct item *items, size_t n, struct fail *f)
{
	for (size_t b = 0; b < r->setup->conf.n_destinations; b++) {
		const struct setup_box *to = &r->setup->boxes[b];
		bool used = false;

		for (size_t i = 0; i < n; i++)
			used = used ||
			    (items[i].to == to && !items[i].unstored &&
				items[i].result != ANSWER_IGNORED);
		if (used && !spool_sync(&to->box, f))
			return false;
	}
	return true;
}

/* One alert, at each of its destinations.  One that finds no room keeps no
 * other from being tried. */
static void
enqueue_alert(struct relay *r, const struct request *req,
    const struct source_item *alert, struct batch *b, struct fail *f)
{
	struct aim_ask ask = {
		.from = req->source, .item = alert, .now = req->now
	};
	struct aim aim;

	b->broken = !aim_begin(r->setup, &ask, &r->arena, &aim, f);
	if (b->broken)
		return;
	for (size_t i = 0; i < aim.n && !b->broken; i++) {
		struct item *item = &b->items[b->n++];
		int64_t end = relay_now() + aim.to[i]->to->timeout_ms;

		*item = (struct item){ .source = &req->source->source,
			.alert = alert,
			.to = aim.to[i],
			.now = req->now,
			.room = b->room,
			.known = aim.known,
			.first = item == b->items && b->alerts->next == NULL };
		b->broken = !enqueue(r, item, f) && !item->refused;
		if (b->deadline < end)
			b->deadline = end;
	}
	aim_end(r->setup, &aim);
}

static void
enqueue_all(
    struct relay *r, const struct request *req, struct batch *b, struct fail *f)
{
	size_t most = 1;

	for (const struct source_item *s = b->alerts; s != NULL; s = s->next)
		most += r->setup->conf.n_destinations;
	b->items = arena_alloc(&r->arena, most * sizeof(*b->items));
	b->room = has_room(r, req, b->alerts);
	for (const struct source_item *s = b->alerts; s != NULL && !b->broken;
	     s = s->next)
		enqueue_alert(r, req, s, b, f);
}

/* The call that is under way goes before all others. */
static void
end_first(struct relay *r, struct batch *b, struct fail *f)
{
	struct item *first = &b->items[0];

	if (first->unstored)
		forward_direct(r, first, b->deadline, f);
	else
		forward_item(r, first, b->deadline);
	/* Whatever became of its file, it is safe with who has taken it. */
	if (b->n == 1 && first->result == ANSWER_DELIVERED)
		*f = (struct fail){ 0 };
}

/* Make what was enqueued durable, and send what cannot be. */
static bool
secure(struct relay *r, struct batch *b, struct fail *f)
{
	bool calling = b->n > 0 && b->items[0].asked;

	if (calling)
		forward_harden(&r->webhook);
	if (f->kind == FAIL_NONE)
		(void)sync_all(r, b->items, b->n, f);
	if (calling)
		end_first(r, b, f);
	for (size_t i = 0; i < b->n; i++)
		if (b->items[i].unstored && !b->items[i].tried)
			forward_direct(r, &b->items[i], b->deadline, f);
	return f->kind == FAIL_NONE;
}

/*
 * All are stored, or sent for want of room, before the first is sent of those
 * that can wait.  What can be neither refuses the whole webhook, and what was
 * stored rings all the same.
 */
static bool
take(
    struct relay *r, const struct request *req, struct batch *b, struct fail *f)
{
	enqueue_all(r, req, b, f);
	if (!secure(r, b, f))
		return false;
	for (size_t i = 0; i < b->n; i++) {
		struct item *item = &b->items[i];
		struct pending_news quiet = { .empty = !item->waits };

		if (item->idle)
			drain_note(
			    &r->drain, item->to, item->id, &quiet, relay_now());
		else if (item->result == ANSWER_QUEUED && !item->tried)
			forward_item(r, item, b->deadline);
	}
	return true;
}

static void
answer_taken(struct relay *r, const struct request *req,
    const struct item *items, size_t n, struct answer *out)
{
	struct answer_item *list =
	    arena_alloc(&r->arena, (n + 1) * sizeof(*list));
	size_t used = 0;

	for (size_t i = 0; i < n; i++)
		if (items[i].result != ANSWER_IGNORED || n == 1)
			list[used++] = (struct answer_item){
				.result = items[i].result,
				.alert = items[i].id,
				.key = items[i].alert->key,
				.destination = items[i].to->to->name,
				.resolved = items[i].resolved,
				.muted = items[i].muted,
			};
	answer_items(
	    out, list, used, req->source->source.kind->only_200, &r->arena);
}

static bool
serve(struct relay *r, struct request *req, struct answer *out,
    struct source_request *sr, struct batch *b, struct fail *why)
{
	const struct source *s = &req->source->source;
	struct source_reading reading = { 0 };

	if (!prove(r, req, sr, out, why))
		return false;
	sr->proven = true;
	source_read(s, sr, &r->arena, &reading);
	if (reading.items == NULL) {
		answer_items(out, NULL, 0, false, &r->arena);
		out->ignored = reading.why;
		return true;
	}
	if (!setup_spool(r->setup, why)) {
		answer_fail(out, why, &r->arena);
		return false;
	}
	b->alerts = reading.items;
	if (!take(r, req, b, why)) {
		answer_fail(out, why, &r->arena);
		return false;
	}
	answer_taken(r, req, b->items, b->n, out);
	return true;
}

static const char *
sent_key(const struct item *items, size_t n)
{
	if (n == 0)
		return "";
	return items[0].alert->called != NULL ? items[0].alert->called
					      : items[0].alert->key;
}

/* The answer in the words of its sender, if it has its own. */
static void
reword(struct relay *r, const struct request *req, const struct item *items,
    size_t n, struct answer *out)
{
	const struct source_words *w = req->source->source.kind->words;

	if (w == NULL)
		return;
	if (out->status < 300)
		answer_json(
		    out, w->yes_status, w->yes(sent_key(items, n), &r->arena));
	else
		answer_json(out, out->status,
		    w->no(out->status, out->detail, &r->arena));
}

/* The one of which the least is sure; NULL if there is none. */
static const struct item *
least_sure(const struct item *items, size_t n)
{
	const struct item *least = n > 0 ? &items[0] : NULL;

	for (size_t i = 0; i < n; i++) {
		if (items[i].unstored)
			return &items[i];
		if (items[i].result < least->result)
			least = &items[i];
	}
	return least;
}

static const char *
result_word(const struct answer *a, const struct item *least)
{
	if (a->status >= 300)
		return "refused";
	if (least != NULL && least->unstored)
		return "unstored";
	return answer_word(least == NULL ? ANSWER_IGNORED : least->result);
}

static void
count_webhook(
    struct relay *r, const struct request *req, int status, const char *result)
{
	char labels[160];

	(void)snprintf(
	    labels, sizeof(labels), "source=\"%s\"", req->source->source.name);
	counters_add(&r->counters, 1,
	    "bellrelay_webhooks_total{%s,result=\"%s\",status=\"%d\"}", labels,
	    result, status);
	counters_time(&r->counters, "bellrelay_webhook_seconds", labels,
	    relay_now() - req->now);
}

static void
log_webhook(const struct request *req, const struct answer *a,
    const struct item *least, size_t n, const struct fail *why)
{
	int64_t now = relay_now();
	struct log_line l = log_begin(now, "webhook");

	log_str(&l, "source", req->source->source.name);
	log_int(&l, "http", a->status);
	log_str(&l, "result", result_word(a, least));
	if (least != NULL)
		log_str(&l, "alert", least->id);
	if (least != NULL)
		log_str(&l, "muted", least->muted);
	if (n > 1)
		log_int(&l, "alerts", (int64_t)n);
	log_int(&l, "ms", now - req->now);
	log_str(&l, "why", a->ignored);
	/* The answer says it too. */
	if (why->kind == FAIL_INPUT || why->kind == FAIL_REFUSED)
		log_str(&l, "why", why->text);
	else if (why->kind != FAIL_NONE)
		log_trouble(&l, why->text);
	log_end(&l);
}

static void
write_diary(struct relay *r, const struct request *req,
    const struct source_request *sr, const char *outcome, const char *alert)
{
	struct diary_entry e = { .at = req->now,
		.ms = relay_now() - req->now,
		.source = req->source->source.name,
		.outcome = outcome,
		.alert = alert,
		.body = sr->tree,
		.text = sr->body,
		.text_len = sr->body_len };

	if (r->setup->boxes != NULL)
		diary_write(r->setup, &e, &r->arena);
}

void
webhook_take(struct relay *r, struct request *req, struct answer *out)
{
	struct source_request sr = { 0 };
	struct batch b = { .n = 0 };
	struct fail why = { 0 };
	struct fail stuck = { 0 };
	const struct item *least;

	if (forward_busy(&r->webhook))
		(void)forward_settle(&r->webhook, req->now, &stuck);
	(void)serve(r, req, out, &sr, &b, &why);
	reword(r, req, b.items, b.n, out);
	least = least_sure(b.items, b.n);
	log_webhook(req, out, least, b.n, &why);
	count_webhook(r, req, out->status, result_word(out, least));
	if (sr.proven)
		write_diary(r, req, &sr, result_word(out, least),
		    least != NULL ? least->id : NULL);
}
