#include "check.h"

#include "arena.h"
#include "buf.h"
#include "command.h"
#include "conf.h"
#include "fail.h"
#include "lock.h"
#include "mute.h"
#include "owner.h"
#include "relay.h"
#include "setup.h"
#include "sign.h"
#include "source.h"
#include "spool.h"
#include "when.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	CONF_MAX = 16 << 20,
	RESERVE = 64 << 10,
	FEW_INODES = 10000,
	MIB = 1 << 20,
	FEW_MIB = 256,
};

enum grave { NOTE, WARNING, ERROR };

struct check {
	struct setup setup;
	struct arena arena;
	bool bad;
};

/* One line for a finding. */
static void
find(struct check *c, enum grave grave, const char *text)
{
	static const char *const words[] = { "note", "warning", "error" };

	command_say("%s: %s", words[grave], text);
	c->bad = c->bad || grave == ERROR;
}

/* ---- files ---- */

/* Whoever may write to what we obey commands us. */
static void
check_file(struct check *c, const char *path)
{
	struct arena *a = &c->arena;
	struct stat st;

	if (stat(path, &st) == -1) {
		find(
		    c, ERROR, arena_printf(a, "%s: %s", path, strerror(errno)));
		return;
	}
	if ((st.st_mode & S_IWOTH) != 0)
		find(c, ERROR,
		    arena_printf(a, "%s: anybody may change it; chmod o-w %s",
			path, path));
	else if ((st.st_mode & S_IWGRP) != 0)
		find(c, WARNING,
		    arena_printf(a, "%s: its group may change it; chmod g-w %s",
			path, path));
}

/* A directory in which others may write lets them replace the file. */
static void
check_place(struct check *c, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = arena_str(&c->arena, path);
	struct stat st;

	dir[slash == path ? 1 : slash - path] = '\0';
	if (stat(dir, &st) == 0 && (st.st_mode & S_IWOTH) != 0 &&
	    (st.st_mode & S_ISVTX) == 0)
		find(c, ERROR,
		    arena_printf(&c->arena,
			"%s: anybody may replace %s; chmod o-w %s", dir, path,
			dir));
}

static void
check_files(struct check *c)
{
	for (const struct file *f = c->setup.conf.files; f != NULL;
	     f = f->next) {
		check_file(c, f->path);
		check_place(c, f->path);
	}
}

/* The responder runs as the spool's owner, and must be able to read all. */
static void
check_readable(struct check *c)
{
	const char *name = owner_name(geteuid(), &c->arena);

	for (const struct file *f = c->setup.conf.files; f != NULL; f = f->next)
		if (access(f->path, R_OK) == -1)
			find(c, ERROR,
			    arena_printf(&c->arena,
				"%s: %s, who owns the spool, cannot read it: "
				"%s; chown %s %s",
				f->path, name, strerror(errno), name, f->path));
}

/* ---- sources and destinations ---- */

static const struct option_value *
option_named(const struct source *s, const char *name)
{
	for (const struct option *o = s->kind->options;
	     o != NULL && o->name != NULL; o++)
		if (strcmp(o->name, name) == 0)
			return source_option(s, name);
	return NULL;
}

static void
check_source(struct check *c, const struct source *s)
{
	const struct option_value *verify = option_named(s, "verify");
	const struct option_value *secret = option_named(s, "secret_file");
	bool off = verify != NULL && verify->n > 0 &&
	    strcmp(verify->items[0], "off") == 0;

	if (off)
		find(c, WARNING,
		    arena_printf(&c->arena,
			"source %s: verify = off: whoever knows its URL can "
			"ring; set secret_file",
			s->name));
	else if (secret != NULL && secret->n == 0)
		find(c, WARNING,
		    arena_printf(&c->arena,
			"source %s: no secret, so all is refused; set "
			"secret_file",
			s->name));
}

static bool
goes_to(const struct conf_to *to, const struct conf_destination *d)
{
	for (size_t i = 0; i < to->n; i++)
		if (to->items[i] == d)
			return true;
	return false;
}

static bool
is_used(const struct conf *c, const struct conf_destination *d)
{
	for (size_t i = 0; i < c->n_sources; i++)
		if (goes_to(&c->sources[i].to, d))
			return true;
	for (size_t i = 0; i < c->n_routes; i++)
		if (goes_to(&c->routes[i].to, d))
			return true;
	return c->self_alert != NULL && strcmp(c->self_alert, d->name) == 0;
}

static void
check_mute(struct check *c, const struct mute *m)
{
	char end[WHEN_SIZE];

	if (mute_is_total(m))
		find(c, WARNING,
		    arena_printf(&c->arena,
			"mute %s: it is for all alerts, and for ever: none "
			"rings; wanted patterns, hours, or a time in to",
			m->match.name));
	if (m->window.to > relay_now())
		return;
	when_write(m->window.to, end);
	find(c, NOTE,
	    arena_printf(&c->arena, "mute %s: it is over since %s; take it out",
		m->match.name, end));
}

static void
check_sections(struct check *c)
{
	const struct conf *conf = &c->setup.conf;

	for (size_t i = 0; i < conf->n_sources; i++)
		check_source(c, &conf->sources[i].source);
	for (size_t i = 0; i < conf->n_destinations; i++)
		if (!is_used(conf, &conf->destinations[i]))
			find(c, WARNING,
			    arena_printf(&c->arena,
				"destination %s: no source or route names it",
				conf->destinations[i].name));
	for (size_t i = 0; i + 1 < conf->n_routes; i++)
		if (route_takes_all(&conf->routes[i].route))
			find(c, WARNING,
			    arena_printf(&c->arena,
				"route %s takes all alerts: no route behind it "
				"is ever asked",
				conf->routes[i].route.name));
	for (size_t i = 0; i < conf->n_mutes; i++)
		check_mute(c, &conf->mutes[i]);
}

/* ---- the file system ---- */

/* statfs(2); locks and syncs on these are not what the spool needs. */
static const struct {
	uint32_t magic;
	enum grave grave;
	const char *name;
	const char *what;
} systems[] = {
#define NETWORK \
	"a network file system: locks and syncs are not safe; wanted a local " \
	"disk"
	{ 0x6969, ERROR, "NFS", NETWORK },
	{ 0x517b, ERROR, "SMB", NETWORK },
	{ 0xff534d42, ERROR, "CIFS", NETWORK },
	{ 0xfe534d42, ERROR, "SMB2", NETWORK },
	{ 0x01021997, ERROR, "9p", NETWORK },
	{ 0x00c36400, ERROR, "Ceph", NETWORK },
	{ 0x5346414f, ERROR, "AFS", NETWORK },
	{ 0x6b414653, ERROR, "AFS", NETWORK },
	{ 0x73757245, ERROR, "Coda", NETWORK },
	{ 0x0bd00bd0, ERROR, "Lustre", NETWORK },
	{ 0x47504653, ERROR, "GPFS", NETWORK },
	{ 0x19830326, ERROR, "BeeGFS", NETWORK },
	{ 0x01161970, ERROR, "GFS2", NETWORK },
	{ 0x7461636f, ERROR, "OCFS2", NETWORK },
#undef NETWORK
	{ 0x65735546, WARNING, "FUSE",
	    "it may be a network file system behind it, whose locks and syncs "
	    "are not safe; wanted a local disk" },
	{ 0x01021994, WARNING, "tmpfs",
	    "it loses everything at a reboot; wanted a disk" },
	{ 0x858458f6, WARNING, "ramfs",
	    "it loses everything at a reboot; wanted a disk" },
	{ 0x794c7630, WARNING, "overlayfs",
	    "a container loses it when it is made anew; wanted a volume" },
};

static void
check_system(struct check *c)
{
	const char *path = c->setup.conf.spool;
	struct statfs st;

	if (statfs(path, &st) == -1) {
		find(c, ERROR,
		    arena_printf(
			&c->arena, "spool: %s: %s", path, strerror(errno)));
		return;
	}
	for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++)
		if (systems[i].magic == (uint32_t)st.f_type)
			find(c, systems[i].grave,
			    arena_printf(&c->arena, "spool: %s is on %s: %s",
				path, systems[i].name, systems[i].what));
}

static void
check_room(struct check *c)
{
	struct statvfs st;
	struct fail f = { 0 };
	uint64_t mib;

	if (!spool_room(&c->setup.spool, 1, RESERVE, &f)) {
		find(c, ERROR, arena_printf(&c->arena, "%s", f.text));
		return;
	}
	if (statvfs(c->setup.conf.spool, &st) == -1)
		return;
	mib = (uint64_t)st.f_bavail * st.f_frsize / MIB;
	if (mib < FEW_MIB)
		find(c, WARNING,
		    arena_printf(&c->arena,
			"spool: %llu MiB are free; wanted at least %d",
			(unsigned long long)mib, FEW_MIB));
	if (st.f_files != 0 && st.f_favail < FEW_INODES)
		find(c, WARNING,
		    arena_printf(&c->arena,
			"spool: %llu inodes are free; wanted at least %d",
			(unsigned long long)st.f_favail, FEW_INODES));
}

/* ---- the spool at work ---- */

/* What a command that ran as root left behind is closed to the responder. */
static void
check_entries(struct check *c, const char *path, int depth)
{
	DIR *d = opendir(path);
	struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		const char *at;
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		at = arena_printf(&c->arena, "%s/%s", path, e->d_name);
		if (lstat(at, &st) == -1)
			continue;
		if (st.st_uid != geteuid())
			find(c, ERROR,
			    arena_printf(&c->arena,
				"spool: %s belongs to %s; chown -R %s %s", at,
				owner_name(st.st_uid, &c->arena),
				owner_name(geteuid(), &c->arena),
				c->setup.conf.spool));
		else if (S_ISDIR(st.st_mode) && depth > 0)
			check_entries(c, at, depth - 1);
	}
	(void)closedir(d);
}

static void
check_write(struct check *c, const struct spool_box *b, const char *id)
{
	struct spool_draft draft = { .fd = -1 };
	struct buf text = BUF_MAX(SPOOL_STATE);
	struct fail f = { 0 };
	bool did;

	buf_puts(&text, "{\n  \"check\": true\n}");
	did = spool_draft(b, id, 1, &text, &draft, &f) &&
	    spool_draft_sync(&draft, &f) && spool_sync(b, &f);
	spool_draft_drop(b, &draft);
	buf_free(&text);
	if (did)
		return;
	find(c, ERROR,
	    arena_printf(&c->arena, "spool: cannot be written to: %s", f.text));
}

/* One hand must keep the other out. */
static void
check_locks(struct check *c, const struct setup_box *b, const char *id)
{
	struct fail f = { 0 };
	enum lock_got first = lock_try(&b->hands[0], LOCK_CLAIM, id, &f);
	enum lock_got second = lock_try(&b->hands[1], LOCK_CLAIM, id, &f);

	if (first == LOCK_FAILED || second == LOCK_FAILED)
		find(c, ERROR,
		    arena_printf(&c->arena, "spool: no locks: %s", f.text));
	else if (first == LOCK_GOT && second == LOCK_GOT)
		find(c, ERROR,
		    "spool: its locks keep nobody out; wanted a local disk");
	lock_drop(&b->hands[0], LOCK_CLAIM, id);
	lock_drop(&b->hands[1], LOCK_CLAIM, id);
}

static void
check_work(struct check *c)
{
	unsigned char random[SPOOL_ID / 2];
	char id[SPOOL_ID + 1];
	struct fail f = { 0 };

	if (!setup_spool(&c->setup, &f)) {
		find(c, ERROR, f.text);
		return;
	}
	sign_random(random, sizeof(random));
	sign_hex(random, sizeof(random), id);
	check_room(c);
	check_write(c, &c->setup.boxes[0].box, id);
	for (size_t i = 0; i < c->setup.conf.n_destinations; i++)
		check_locks(c, &c->setup.boxes[i], id);
}

static void
check_owner(struct check *c)
{
	const char *path = c->setup.conf.spool;
	struct stat st;

	if (stat(path, &st) == -1)
		return;
	if (st.st_uid == 0)
		find(c, WARNING,
		    arena_printf(&c->arena,
			"spool: %s belongs to root; chown it to the user that "
			"bellrelay.fcgi runs as",
			path));
	if ((st.st_mode & (S_IROTH | S_IXOTH | S_IRGRP | S_IXGRP)) != 0)
		find(c, WARNING,
		    arena_printf(&c->arena,
			"spool: others may look into it; chmod 700 %s", path));
}

static void
check_spool(struct check *c)
{
	struct fail f = { 0 };

	check_owner(c);
	if (!owner_become(c->setup.conf.spool, &f)) {
		find(c, ERROR, f.text);
		return;
	}
	check_readable(c);
	check_system(c);
	check_entries(c, c->setup.conf.spool, 1);
	check_work(c);
}

/* ---- the whole ---- */

static void
print_conf(const struct conf *conf)
{
	struct buf text = BUF_MAX(CONF_MAX);

	conf_print(conf, &text);
	command_print(&text);
	buf_free(&text);
}

static int
check(const struct command_call *call)
{
	struct check c = { .bad = false };
	int code = command_conf(call, &c.setup);

	if (code != EX_OK)
		return code;
	print_conf(&c.setup.conf);
	check_files(&c);
	check_sections(&c);
	check_spool(&c);
	find(&c, NOTE,
	    arena_printf(&c.arena,
		"under plain CGI and mod_fcgid a cron line is part of it: "
		"* * * * * bellrelay -c %s drain --due",
		c.setup.conf.path));
	command_say("%s: %s", c.setup.conf.path,
	    c.bad ? "to be mended, see above" : "fine");
	setup_close(&c.setup);
	arena_free(&c.arena);
	return c.bad ? EX_CONFIG : EX_OK;
}

const struct command check_command = {
	.name = "check",
	.summary = "check the configuration, the modes of its files, the spool",
	.usage = "",
	.text =
	    "  Prints the configuration in effect, defaults included, and "
	    "says\n"
	    "  on stderr what is wrong with it, with its files, or with the\n"
	    "  spool, a line each, and the cure.  Opens no connection.\n",
	.codes = "  0   fine, perhaps with warnings\n"
		 "  78  something must be mended\n",
	.run = check,
};
