#include "hush.h"

#include "arena.h"
#include "catalog.h"
#include "conf.h"
#include "event.h"
#include "fail.h"
#include "keep.h"
#include "mute.h"
#include "setup.h"
#include "tree.h"
#include "when.h"

#include <string.h>

const char *
hush_by(const struct conf *c, const char *source, const struct tree *alert,
    int64_t now, struct arena *a, int64_t *until)
{
	const struct mute *m = NULL;

	*until = now;
	if (source != NULL && strcmp(source, HUSH_OWN) != 0)
		m = mute_find(
		    c->mutes, c->n_mutes, source, alert, now, a, until);
	return m == NULL ? NULL : m->match.name;
}

bool
hush_rang(const struct setup_box *to, const char *id, struct arena *a)
{
	struct pace p;

	catalog_pace(&to->box, &p, a);
	return pace_marked(&p, id) && pace_tells(&p);
}

/* A ticket that is there tells itself what became of its alert. */
static bool
rang_unstored(
    const struct setup_box *to, const struct ticket *t, struct arena *a)
{
	char id[SPOOL_ID + 1];
	struct pace p;

	if (t->alert != NULL)
		return false;
	spool_id(t->key, id);
	catalog_pace(&to->box, &p, a);
	return pace_marked(&p, id);
}

struct ticket_change
hush_change(const struct setup_box *to, const char *source, struct tree *alert,
    const struct ticket *t, int64_t now, struct arena *a)
{
	const struct conf_destination *d = to->to;
	struct ticket_change c = { .alert = alert,
		.body = event_body(alert, t->key, a),
		.target = to->url,
		.resend_after = (int64_t)d->resend_after * WHEN_SECOND,
		.updates = d->updates,
		.refire = d->refire,
		.source = source };
	int64_t until;

	if (!event_resolved(alert))
		c.muted = hush_by(to->conf, source, alert, now, a, &until);
	c.doubt = (c.muted != NULL || event_resolved(alert)) &&
	    rang_unstored(to, t, a);
	return c;
}

/* It is the ticket from now on, wherever another copy is. */
static bool
store(const struct setup_box *to, const char *id, struct keep *k,
    struct arena *a, struct fail *f)
{
	if (!keep_store(&to->box, id, k, NULL, a, f))
		return false;
	k->generation++;
	k->pending = true;
	k->settled = false;
	return true;
}

bool
hush_waiting(const struct setup_box *to, const char *id, struct keep *k,
    int64_t now, struct arena *a, struct fail *f)
{
	const char *by = NULL;
	int64_t until;

	if (k->there && ticket_head(&k->ticket) != NULL)
		by = hush_by(to->conf, ticket_speaker(&k->ticket),
		    k->ticket.alert, now, a, &until);
	return by == NULL || !ticket_hush(&k->ticket, by, now, a) ||
	    store(to, id, k, a, f);
}

int64_t
hush_until(
    const struct conf *c, const struct ticket *t, int64_t now, struct arena *a)
{
	int64_t until = now;

	(void)hush_by(c, ticket_speaker(t), t->alert, now, a, &until);
	return until;
}

bool
hush_wake(const struct setup_box *to, const char *id, struct keep *k,
    int64_t now, struct arena *a, int64_t *until, struct fail *f)
{
	struct ticket *t = &k->ticket;
	struct ticket_change c = hush_change(
	    to, ticket_speaker(t), tree_merge(a, t->alert, NULL), t, now, a);

	*until = 0;
	if (c.muted != NULL) {
		*until = hush_until(to->conf, t, now, a);
		return true;
	}
	(void)ticket_wake(t, &c, now, a);
	if (!store(to, id, k, a, f))
		return false;
	if (ticket_urgent(t))
		spool_ring(&to->box, id);
	return true;
}
