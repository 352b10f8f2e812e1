#include "pace.h"

#include "arena.h"
#include "array.h"
#include "buf.h"
#include "fail.h"
#include "json.h"
#include "tree.h"
#include "when.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	WINDOW = 60 * WHEN_SECOND,
	HELD_WAIT = 300 * WHEN_SECOND,
	RETRY_MAX = 3600 * WHEN_SECOND,
	PROBE_SLACK = WHEN_SECOND,
};

/* Letters of the marks. */
enum { MARK_NONE = '-', MARK_STORING = 's', MARK_RANG = 'x' };

static const char *const modes[] = { "ready", "resting", "held" };

const char *
pace_mode_name(enum pace_mode mode)
{
	return modes[mode];
}

static void
name_to(char to[PACE_NAME], const char *from)
{
	(void)snprintf(to, PACE_NAME, "%s", from);
}

/* ---- the rate ---- */

/* Calls that may leave at once. */
static int64_t
burst(unsigned rate)
{
	return rate < 4 ? 1 : rate / 4;
}

/*
 * A bucket of b calls that gains one each interval lets at most
 * b - 1 + 60 s / interval calls out in any 60 s.
 */
static int64_t
interval(unsigned rate)
{
	int64_t calls = (int64_t)rate - burst(rate) + 1;

	return (WINDOW + calls - 1) / calls;
}

static bool
take_token(
    struct pace *p, unsigned rate, bool urgent, int64_t now, int64_t *until)
{
	int64_t step = interval(rate);
	int64_t depth = (burst(rate) - 1) * step;
	int64_t mine = urgent ? depth : depth - depth / 3;

	/* A clock that went back must not hold calls for longer than a burst.
	 */
	if (p->arrival > now + depth + step)
		p->arrival = now + depth + step;
	if (p->arrival < now)
		p->arrival = now;
	if (p->arrival - now > mine) {
		*until = p->arrival - mine;
		return false;
	}
	p->arrival += step;
	return true;
}

int64_t
pace_room(const struct pace *p, unsigned rate, int64_t now)
{
	struct pace try = *p;
	int64_t until = now;

	(void)take_token(&try, rate, true, now, &until);
	return until;
}

/* ---- ready, resting, held ---- */

static void
enter(struct pace *p, enum pace_mode mode, int64_t now)
{
	if (p->mode == mode)
		return;
	p->mode = mode;
	p->since = now;
	p->probes = 0;
}

/* A clock outside the span of the wait ends it. */
static bool
wait_is_over(const struct pace *p, int64_t now)
{
	return now >= p->until || now < p->set;
}

bool
pace_before(const char *last, const char *x, const char *y)
{
	bool x_up = strcmp(x, last) > 0;
	bool y_up = strcmp(y, last) > 0;

	return x_up != y_up ? x_up : strcmp(x, y) < 0;
}

static enum pace_answer
ask_probe(struct pace *p, const struct pace_call *call, bool changed,
    int64_t now, int64_t *until)
{
	*until = p->until;
	if (changed)
		return PACE_GO;
	/* Nobody else may have anything to probe with. */
	if (call->unstored &&
	    (wait_is_over(p, now) || (p->mode == PACE_RESTING && !p->limited)))
		return PACE_GO;
	if (!call->probe || (!call->now && !wait_is_over(p, now)))
		return PACE_WAIT;
	if (call->after == NULL || strcmp(p->last, call->after) != 0)
		return PACE_OTHER;
	return PACE_GO;
}

enum pace_answer
pace_ask(struct pace *p, unsigned rate, const struct pace_call *call,
    int64_t now, int64_t *until)
{
	bool changed = strcmp(p->target, call->target) != 0;

	if (p->mode != PACE_READY) {
		enum pace_answer said = ask_probe(p, call, changed, now, until);

		if (said != PACE_GO)
			return said;
	}
	if (!take_token(
		p, rate, call->urgent || p->mode != PACE_READY, now, until))
		return PACE_WAIT;
	name_to(p->target, call->target);
	if (p->mode != PACE_READY) {
		/* The others wait for what this probe finds. */
		p->set = now;
		p->until = now + call->timeout_ms + PROBE_SLACK;
		p->limited = false;
		p->probes++;
	}
	return PACE_GO;
}

static int64_t
rest_delay(unsigned probes)
{
	static const int64_t seconds[] = { 5, 15, 30, 60 };
	size_t last = COUNT(seconds) - 1;

	return seconds[probes > last ? last : probes] * WHEN_SECOND;
}

static void
wait_for(struct pace *p, int64_t wait, int64_t now)
{
	p->set = now;
	p->until = now + wait;
}

static void
rest(struct pace *p, int64_t wait, int64_t now)
{
	enter(p, PACE_RESTING, now);
	if (wait <= 0)
		wait = rest_delay(p->probes);
	wait_for(p, wait > RETRY_MAX ? RETRY_MAX : wait, now);
}

static void
tell_transient(struct pace *p, const struct pace_call *call, int64_t now)
{
	bool second = p->last[0] != '\0' && strcmp(p->last, call->ticket) != 0;

	if (p->mode == PACE_HELD)
		wait_for(p, HELD_WAIT, now);
	else if (p->mode == PACE_RESTING || second)
		rest(p, -1, now);
}

void
pace_tell(struct pace *p, enum pace_outcome outcome,
    const struct pace_call *call, int64_t wait, int64_t now)
{
	name_to(p->target, call->target);
	switch (outcome) {
	case PACE_ACCEPTED:
		/* A probe would have ended that: it was begun before. */
		if (!p->limited)
			enter(p, PACE_READY, now);
		p->success = now;
		p->last[0] = '\0';
		return;
	case PACE_REFUSED:
		if (p->mode == PACE_READY) {
			p->last[0] = '\0';
			return;
		}
		if (!p->limited)
			wait_for(p, 0, now);
		break;
	case PACE_TRANSIENT:
		if (!p->limited)
			tell_transient(p, call, now);
		break;
	case PACE_LIMITED:
		rest(p, wait, now);
		p->limited = true;
		break;
	case PACE_DENIED:
		p->limited = false;
		enter(p, PACE_HELD, now);
		wait_for(p, HELD_WAIT, now);
		break;
	}
	name_to(p->last, call->ticket);
}

/* ---- what may have rung without a ticket ---- */

static size_t
mark_of(const char *ticket)
{
	char two[3];

	(void)snprintf(two, sizeof(two), "%s", ticket);
	return strtoul(two, NULL, 16) % PACE_MARKS;
}

bool
pace_marked(const struct pace *p, const char *ticket)
{
	return p->marks[0] != '\0' && p->marks[mark_of(ticket)] != MARK_NONE;
}

bool
pace_tells(const struct pace *p)
{
	return strchr(p->marks, MARK_NONE) != NULL;
}

bool
pace_mark(struct pace *p, const char *ticket, bool stored)
{
	bool was = pace_marked(p, ticket);

	if (p->marks[0] == '\0')
		memset(p->marks, MARK_NONE, PACE_MARKS);
	if (!stored)
		p->marks[mark_of(ticket)] = MARK_RANG;
	else if (!was)
		p->marks[mark_of(ticket)] = MARK_STORING;
	return stored && !was;
}

void
pace_unmark(struct pace *p, const char *ticket)
{
	char *mark = &p->marks[mark_of(ticket)];

	/* Another of the same two digits may have rung meanwhile. */
	if (*mark == MARK_STORING)
		*mark = MARK_NONE;
}

bool
pace_join(struct pace *p, const struct pace *from)
{
	bool any = false;

	if (from->marks[0] == '\0')
		return false;
	if (p->marks[0] == '\0')
		memset(p->marks, MARK_NONE, PACE_MARKS);
	for (size_t i = 0; i < PACE_MARKS; i++)
		if (from->marks[i] != MARK_NONE && p->marks[i] != MARK_RANG) {
			p->marks[i] = MARK_RANG;
			any = true;
		}
	return any;
}

/* ---- the record ---- */

static bool
has_marks(const struct pace *p)
{
	for (const char *m = p->marks; *m != '\0'; m++)
		if (*m != MARK_NONE)
			return true;
	return false;
}

void
pace_write(const struct pace *p, struct arena *a, struct buf *out)
{
	struct tree *to = tree_new(a, TREE_OBJECT);

	tree_set_str(a, to, "mode", modes[p->mode]);
	tree_set_num(a, to, "since", p->since);
	tree_set_num(a, to, "set", p->set);
	tree_set_num(a, to, "until", p->until);
	tree_set_num(a, to, "probes", p->probes);
	tree_set_yes(a, to, "limited", p->limited);
	tree_set_str(a, to, "last", p->last);
	tree_set_str(a, to, "target", p->target);
	tree_set_num(a, to, "arrival", p->arrival);
	tree_set_num(a, to, "success", p->success);
	if (has_marks(p))
		tree_set_str(a, to, "unstored", p->marks);
	json_write(to, JSON_PRETTY, out);
}

static void
get_name(const struct tree *from, const char *name, char to[PACE_NAME],
    struct arena *a)
{
	const char *s = tree_cstr(tree_get(from, name), a);

	name_to(to, s == NULL ? "" : s);
}

static void
get_marks(const struct tree *from, struct pace *p, struct arena *a)
{
	const struct tree *member = tree_get(from, "unstored");
	const char *s = tree_cstr(member, a);

	if (member == NULL)
		p->marks[0] = '\0';
	else if (s != NULL && strlen(s) == PACE_MARKS)
		memcpy(p->marks, s, PACE_MARKS);
}

static enum pace_mode
get_mode(const struct tree *from)
{
	for (size_t i = 0; i < COUNT(modes); i++)
		if (tree_says(tree_get(from, "mode"), modes[i]))
			return (enum pace_mode)i;
	return PACE_READY;
}

void
pace_parse(const char *text, size_t n, struct pace *p, struct arena *a)
{
	struct tree *from = NULL;
	struct fail ignored = { 0 };

	*p = (struct pace){ .arrival = INT64_MAX };
	memset(p->marks, MARK_RANG, PACE_MARKS);
	if (!tree_parse(text, n, a, &from, &ignored) ||
	    !tree_is(from, TREE_OBJECT))
		return;
	p->mode = get_mode(from);
	p->since = tree_get_num(from, "since");
	p->set = tree_get_num(from, "set");
	p->until = tree_get_num(from, "until");
	p->probes = (unsigned)tree_get_num(from, "probes");
	p->limited = tree_is(tree_get(from, "limited"), TREE_TRUE);
	get_name(from, "last", p->last, a);
	get_name(from, "target", p->target, a);
	p->arrival = tree_get_num(from, "arrival");
	p->success = tree_get_num(from, "success");
	get_marks(from, p, a);
}
