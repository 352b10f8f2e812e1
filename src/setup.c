#include "setup.h"

#include "buf.h"
#include "fail.h"
#include "sign.h"

enum { PRINT = 12, SECRET_MAX = 1 << 17 };

/* Tells targets apart, and says nothing of what they are. */
static void
fingerprint(const char *url, const char *token, char out[PACE_NAME])
{
	struct buf text = BUF_MAX(SECRET_MAX);
	unsigned char sum[SIGN_MAX];

	buf_puts(&text, url);
	if (token != NULL)
		buf_printf(&text, "\n%s", token);
	sign_digest(SIGN_SHA256, text.data, text.len, sum);
	sign_wipe(text.data, text.len);
	sign_hex(sum, PRINT, out);
	buf_free(&text);
}

bool
setup_read(struct setup *s, const char *path, struct fail *f)
{
	*s = (struct setup){ 0 };
	return conf_read(path, &s->conf, f);
}

static bool
open_box(const struct setup *s, struct setup_box *b, struct fail *f)
{
	const struct post_target *t = &b->to->target;

	fingerprint(t->url, NULL, b->url);
	fingerprint(t->url, t->token, b->target);
	if (!spool_box_open(&s->spool, b->to->name, &b->box, f))
		return false;
	for (size_t i = 0; i < POST_WATCH; i++)
		if (!lock_open(b->box.dir, &b->hands[i], f))
			return false;
	return true;
}

bool
setup_spool(struct setup *s, struct fail *f)
{
	size_t n = s->conf.n_destinations;
	bool did;

	if (s->boxes != NULL)
		return true;
	if (!spool_open(&s->spool, s->conf.spool, f))
		return false;
	s->order = (struct lock_hand){ .dir = -1, .fd = -1 };
	/* Once: a full disk has it opened again with every refusal. */
	if (s->room == NULL)
		s->room = arena_alloc(&s->conf.arena, n * sizeof(*s->room));
	s->boxes = s->room;
	for (size_t i = 0; i < n; i++)
		s->boxes[i] = (struct setup_box){
			.conf = &s->conf,
			.to = &s->conf.destinations[i],
			.box = { .dir = -1,
			    .pending = -1,
			    .settled = -1,
			    .dead = -1,
			    .bell = -1 },
			.hands = { { .fd = -1 }, { .fd = -1 } },
		};
	did = lock_open(s->spool.dir, &s->order, f);
	for (size_t i = 0; did && i < n; i++)
		did = open_box(s, &s->boxes[i], f);
	if (!did)
		setup_shut(s);
	return did;
}

static bool
box_moved(const struct setup_box *b)
{
	for (size_t i = 0; i < POST_WATCH; i++)
		if (!lock_is_at(&b->hands[i]))
			return true;
	return !spool_box_is_at(&b->box);
}

bool
setup_box_moved(const struct setup_box *b)
{
	return !spool_is_at(b->box.sp, b->conf->spool) || box_moved(b);
}

bool
setup_moved(const struct setup *s)
{
	if (s->boxes == NULL)
		return false;
	for (size_t i = 0; i < s->conf.n_destinations; i++)
		if (box_moved(&s->boxes[i]))
			return true;
	return !spool_is_at(&s->spool, s->conf.spool) || !lock_is_at(&s->order);
}

bool
setup_stale(const struct setup *s)
{
	return conf_stale(&s->conf) || setup_moved(s);
}

void
setup_shut(struct setup *s)
{
	if (s->boxes == NULL)
		return;
	for (size_t i = 0; i < s->conf.n_destinations; i++) {
		for (size_t j = 0; j < POST_WATCH; j++)
			lock_close(&s->boxes[i].hands[j]);
		spool_box_close(&s->boxes[i].box);
	}
	lock_close(&s->order);
	s->boxes = NULL;
	spool_close(&s->spool);
}

void
setup_close(struct setup *s)
{
	setup_shut(s);
	conf_free(&s->conf);
}

struct setup_box *
setup_box(const struct setup *s, const struct conf_destination *d)
{
	return &s->boxes[d - s->conf.destinations];
}
