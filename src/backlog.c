#include "backlog.h"

#include "catalog.h"
#include "command.h"
#include "conf.h"
#include "fail.h"
#include "finding.h"
#include "health.h"
#include "orphan.h"
#include "setup.h"
#include "when.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

enum {
	LOOK_OLD = 300 * WHEN_SECOND, /* idle processes look every 10 s */
	TMP_OLD =
	    26 * 3600 * WHEN_SECOND, /* a drain removes them after a day */
};

static int64_t
since(int64_t t, int64_t now)
{
	return t == 0 || t > now ? 0 : now - t;
}

/* ---- a destination ---- */

static void
judge_mode(const struct health_box *h, const char *what, struct findings *to)
{
	if (h->pace.mode == PACE_HELD)
		finding_add(to, FINDING_FAILURE, what,
		    "mend its token or url; it then opens by itself, or at "
		    "once with bellrelay drain",
		    "held: incident.io refuses its token or url");
	else if (h->pace.mode == PACE_RESTING)
		finding_add(to, FINDING_WARNING, what,
		    "nothing: it is probed again each minute, or when "
		    "Retry-After says",
		    "resting: it was not reached, or answers 5xx or 429");
}

static void
judge_waiting(
    const struct summary *s, const char *what, struct findings *to, int64_t now)
{
	const char *program = command_program(&to->arena);
	const char *cure = arena_printf(&to->arena,
	    "%s list --pending, %s drain; under plain CGI and mod_fcgid the "
	    "cron line",
	    program, program);
	char span[WHEN_SIZE];

	if (since(s->oldest, now) > HEALTH_OLD * WHEN_SECOND) {
		when_span(since(s->oldest, now), span);
		finding_add(to, FINDING_WARNING, what, cure,
		    "an alert has waited for %s", span);
	} else if (since(s->due, now) > HEALTH_DUE * WHEN_SECOND) {
		when_span(since(s->due, now), span);
		finding_add(to, FINDING_WARNING, what, cure,
		    "an alert is overdue by %s", span);
	}
}

static void
judge_dead(const struct summary *s, const char *name, const char *what,
    struct findings *to)
{
	if (s->dead == 0)
		return;
	finding_add(to, FINDING_WARNING, what,
	    arena_printf(&to->arena,
		"bellrelay list --dead; mend the cause, then bellrelay retry "
		"%s/ID, or bellrelay drop %s/ID",
		name, name),
	    "dead letters: %lld", (long long)s->dead);
}

/* ---- the last drain ---- */

/* With something owed nobody delivers it. */
static void
judge_look(const struct summary *s, const char *path, const char *what,
    struct findings *to, int64_t now)
{
	const char *cure = arena_printf(&to->arena,
	    "start the responders, or under plain CGI and mod_fcgid add the "
	    "cron line: * * * * * %s -c %s drain --due",
	    command_program(&to->arena), path);
	enum finding_grade bad =
	    s->owed > 0 ? FINDING_FAILURE : FINDING_WARNING;
	char span[WHEN_SIZE];

	when_span(since(s->at, now), span);
	if (s->at == 0)
		finding_add(to, FINDING_WARNING, what, cure,
		    "no drain has looked here yet");
	else if (since(s->at, now) > LOOK_OLD)
		finding_add(
		    to, bad, what, cure, "the last drain was %s ago", span);
	else
		finding_add(to, FINDING_OK, what, NULL,
		    "the last drain was %s ago; %lld wait", span,
		    (long long)s->owed);
}

static void
judge_box(const struct setup *s, const struct setup_box *b, struct findings *to,
    int64_t now)
{
	const char *what =
	    arena_printf(&to->arena, "destination %s", b->to->name);
	struct health_box h;

	health_look(b, &h, &to->arena);
	judge_mode(&h, what, to);
	judge_waiting(&h.summary, what, to, now);
	judge_dead(&h.summary, b->to->name, what, to);
	judge_look(&h.summary, s->conf.path, what, to, now);
}

/* ---- the spool ---- */

static void
judge_torn(const struct setup *s, struct findings *to)
{
	size_t n = spool_count_corrupt(&s->spool);

	if (n > 0)
		finding_add(to, FINDING_WARNING, "spool",
		    "look at them, keep or delete them; their alerts begin "
		    "anew",
		    "torn files in corrupt/: %zu", n);
}

static bool
has_any(const struct spool_box *b, enum spool_where where)
{
	struct spool_walk w;
	struct spool_name name;
	bool any;

	spool_walk_open(b, where, &w);
	any = spool_walk_next(&w, &name) || w.broken != 0;
	spool_walk_close(&w);
	return any;
}

static void
judge_orphan(const struct catalog_box *b, struct findings *to, int64_t now)
{
	const char *name = arena_str(&to->arena, b->name);
	const char *cure = arena_printf(
	    &to->arena, "bellrelay move %s NEW, or configure it again", name);
	struct summary s;

	orphan_now(b, &s, now);
	if (s.owed > 0)
		finding_add(to, FINDING_WARNING, "spool", cure,
		    "alerts that wait for %s, which is no longer configured: "
		    "%lld",
		    name, (long long)s.owed);
	if (s.dead > 0)
		finding_add(to, FINDING_WARNING, "spool", cure,
		    "dead letters of %s, which is no longer configured: %lld",
		    name, (long long)s.dead);
	if (s.owed + s.dead == 0 &&
	    (has_any(&b->box, SPOOL_SETTLED) || has_any(&b->box, SPOOL_DEAD)))
		finding_add(to, FINDING_NOTE, "spool", cure,
		    "alerts are kept for %s, which is no longer configured: "
		    "what is said of them later does not go there",
		    name);
}

void
backlog_orphans(const struct setup *s, struct findings *to, int64_t now)
{
	struct fail ignored = { 0 };
	struct catalog c;

	if (!catalog_open(&c, &s->conf, &ignored))
		return;
	for (size_t i = 0; i < c.n; i++)
		if (c.boxes[i].orphan)
			judge_orphan(&c.boxes[i], to, now);
	catalog_close(&c);
}

/* What a writer that was killed left; a drain removes it after a day. */
static size_t
count_old(int tmp, int64_t now)
{
	int fd = openat(tmp, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct stat st;
	size_t n = 0;

	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.' &&
		    fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    since((int64_t)st.st_mtim.tv_sec * WHEN_SECOND, now) >
			TMP_OLD;
	(void)closedir(d);
	return n;
}

static void
judge_tmp(const struct setup *s, struct findings *to, int64_t now)
{
	size_t n = count_old(s->spool.tmp, now);

	if (n > 0)
		finding_add(to, FINDING_WARNING, "spool",
		    "nothing drains: see the last drain, or delete them",
		    "files of more than a day in tmp/: %zu", n);
}

void
backlog(const struct setup *s, struct findings *to, int64_t now)
{
	judge_torn(s, to);
	judge_tmp(s, to, now);
	backlog_orphans(s, to, now);
	for (size_t i = 0; i < s->conf.n_destinations; i++)
		judge_box(s, &s->boxes[i], to, now);
}
