#include "checkup.h"

#include "array.h"
#include "buf.h"
#include "conf.h"
#include "fail.h"
#include "file.h"
#include "finding.h"
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
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	RESERVE = 64 << 10,
	FEW_INODES = 10000,
	MIB = 1 << 20,
	FEW_MIB = 256,
	SHORT_SECRET = 16, /* bytes; those of senders have 32 and more */
};

/* What is looked at, and where what is found goes. */
struct checkup {
	struct setup *setup;
	struct findings *to;
	struct arena *a; /* theirs */
};

/* ---- files ---- */

static const char files[] = "files";
static const char spool[] = "spool";

/* Whoever may write to what we obey commands us. */
static bool
file_is_ours(struct checkup *c, const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		finding_add(c->to, FINDING_FAILURE, files, NULL, "%s: %s", path,
		    strerror(errno));
	else if ((st.st_mode & S_IWOTH) != 0)
		finding_add(c->to, FINDING_FAILURE, files,
		    arena_printf(c->a, "chmod o-w %s", path),
		    "%s: anybody may change it", path);
	else if ((st.st_mode & S_IWGRP) != 0)
		finding_add(c->to, FINDING_WARNING, files,
		    arena_printf(c->a, "chmod g-w %s", path),
		    "%s: its group may change it", path);
	else
		return true;
	return false;
}

/* A directory in which others may write lets them replace the file. */
static bool
place_is_ours(struct checkup *c, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = arena_str(c->a, path);
	struct stat st;

	dir[slash == path ? 1 : slash - path] = '\0';
	if (stat(dir, &st) == -1 || (st.st_mode & S_IWOTH) == 0 ||
	    (st.st_mode & S_ISVTX) != 0)
		return true;
	finding_add(c->to, FINDING_FAILURE, files,
	    arena_printf(c->a, "chmod o-w %s", dir),
	    "%s: anybody may replace %s", dir, path);
	return false;
}

static void
check_files(struct checkup *c)
{
	size_t n = 0;
	bool good = true;

	for (const struct file *f = c->setup->conf.files; f != NULL;
	     f = f->next) {
		good = file_is_ours(c, f->path) && good;
		good = place_is_ours(c, f->path) && good;
		n++;
	}
	if (good)
		finding_add(c->to, FINDING_OK, files, NULL,
		    "%zu, none that others may change", n);
}

/* The responder runs as the spool's owner, and must be able to read all. */
static void
check_readable(struct checkup *c)
{
	const char *name = owner_name(geteuid(), c->a);

	for (const struct file *f = c->setup->conf.files; f != NULL;
	     f = f->next)
		if (access(f->path, R_OK) == -1)
			finding_add(c->to, FINDING_FAILURE, files,
			    arena_printf(c->a, "chown %s %s", name, f->path),
			    "%s: %s, who owns the spool, cannot read it: %s",
			    f->path, name, strerror(errno));
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

static bool
has_short(const struct option_value *secrets)
{
	for (size_t i = 0; i < secrets->n; i++)
		if (strlen(secrets->items[i]) < SHORT_SECRET)
			return true;
	return false;
}

static void
check_source(struct checkup *c, const struct source *s)
{
	const struct option_value *verify = option_named(s, "verify");
	const struct option_value *secret = option_named(s, "secret_file");
	const char *what = arena_printf(c->a, "source %s", s->name);

	if (verify != NULL && verify->n > 0 &&
	    strcmp(verify->items[0], "off") == 0)
		finding_add(c->to, FINDING_WARNING, what, "set secret_file",
		    "verify = off: whoever knows its URL can ring");
	else if (secret != NULL && secret->n == 0)
		finding_add(c->to, FINDING_WARNING, what, "set secret_file",
		    "no secret, so all is refused");
	else if (secret != NULL && has_short(secret))
		finding_add(c->to, FINDING_WARNING, what,
		    "make one with bellrelay secret, for both sides",
		    "a secret of less than %d bytes can be guessed",
		    SHORT_SECRET);
	else
		finding_add(c->to, FINDING_OK, what, NULL, "%s, with a secret",
		    s->kind->name);
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

static bool
is_placeholder(const char *value)
{
	return value != NULL && strstr(value, "YOUR-") != NULL;
}

/* At incident.io, but not where its alert sources are. */
static bool
is_astray(const char *url)
{
	static const char path[] = "/v2/alert_events/http/";
	static const char host[] = ".incident.io";
	const char *start = strstr(url, "://");
	size_t n;

	if (start == NULL)
		return false;
	start += 3;
	n = strcspn(start, ":/?#");
	return n >= sizeof(host) - 1 &&
	    memcmp(start + n - (sizeof(host) - 1), host, sizeof(host) - 1) ==
	    0 &&
	    strncmp(start + strcspn(start, "/"), path, sizeof(path) - 1) != 0;
}

/* What cannot be read has been refused with the configuration. */
static bool
has_certificate(const char *path)
{
	struct buf text = BUF_MAX(CONF_CA_MAX);
	struct file seen = { 0 };
	struct fail ignored = { 0 };
	bool has = file_read(path, FILE_OPEN, &text, &seen, &ignored) &&
	    strstr(text.data, "CERTIFICATE-----") != NULL;

	buf_free(&text);
	return has;
}

static void
check_ca(struct checkup *c, const char *what, const char *path)
{
	if (path != NULL && !has_certificate(path))
		finding_add(c->to, FINDING_FAILURE, what,
		    "wanted text with -----BEGIN CERTIFICATE-----, or leave "
		    "it out for the system's",
		    "no certificate in its ca_file %s", path);
}

static void
check_destination(struct checkup *c, const struct conf_destination *d)
{
	const char *what = arena_printf(c->a, "destination %s", d->name);

	check_ca(c, what, d->target.ca_file);
	if (is_placeholder(d->target.url))
		finding_add(c->to, FINDING_FAILURE, what,
		    "copy it from the alert source in incident.io",
		    "its url still has a placeholder, YOUR-...");
	else if (is_astray(d->target.url))
		finding_add(c->to, FINDING_WARNING, what,
		    "copy it from the alert source in incident.io",
		    "its url does not look like that of an alert source, "
		    "https://api.incident.io/v2/alert_events/http/...");
	if (is_placeholder(d->target.token))
		finding_add(c->to, FINDING_FAILURE, what,
		    arena_printf(
			c->a, "write the token into %s", d->token_file),
		    "its token is still a placeholder, YOUR-...");
	if (!is_used(&c->setup->conf, d))
		finding_add(c->to, FINDING_WARNING, what, NULL,
		    "no source or route names it");
}

static void
check_mute(struct checkup *c, const struct mute *m)
{
	const char *what = arena_printf(c->a, "mute %s", m->match.name);
	char end[WHEN_SIZE];

	if (mute_is_total(m))
		finding_add(c->to, FINDING_WARNING, what,
		    "wanted patterns, hours, or a time in to",
		    "it is for all alerts, and for ever: none rings");
	if (m->window.to > relay_now())
		return;
	when_write(m->window.to, end);
	finding_add(c->to, FINDING_NOTE, what, "take it out",
	    "it is over since %s", end);
}

/* Senders choose their keys, and know nothing of each other. */
static bool
chooses_keys(const struct source *s)
{
	return s->kind->own_keys && !s->namespaced;
}

static void
check_key(struct checkup *c, const struct source *s)
{
	if (s->kind->lacks_key != NULL && s->kind->lacks_key(s))
		finding_add(c->to, FINDING_NOTE,
		    arena_printf(c->a, "source %s", s->name), "give it a key",
		    "no key: what has a time or the id of a run in it is each "
		    "time another alert, and what resolves it is not found");
}

static void
check_keys(struct checkup *c)
{
	const struct conf *conf = &c->setup->conf;
	const char *first = NULL;

	for (size_t i = 0; i < conf->n_sources; i++) {
		const struct source *s = &conf->sources[i].source;

		check_key(c, s);
		if (!chooses_keys(s))
			continue;
		if (first != NULL)
			finding_add(c->to, FINDING_NOTE,
			    arena_printf(c->a, "source %s", s->name),
			    "give it a namespace, if their senders could "
			    "choose the same key",
			    "an alert with the same key is the same as one of "
			    "source %s",
			    first);
		else
			first = s->name;
	}
}

/* Whether another source tells of the same alerts. */
static bool
has_twin(const struct conf *conf, const struct source *s)
{
	for (size_t i = 0; i < conf->n_sources; i++) {
		const struct source *o = &conf->sources[i].source;

		if (o != s && strcmp(o->namespace, s->namespace) == 0)
			return true;
	}
	return false;
}

static void
check_failures(struct checkup *c, const struct source *s)
{
	const char *option =
	    s->kind->spares == NULL ? NULL : s->kind->spares(s);

	if (option == NULL || has_twin(&c->setup->conf, s))
		return;
	finding_add(c->to, FINDING_WARNING,
	    arena_printf(c->a, "source %s", s->name),
	    "take it out, or give the same namespace to the source that tells "
	    "of failures",
	    "%s, and no other source has its namespace: what fails rings "
	    "nowhere",
	    option);
}

static void
check_sections(struct checkup *c)
{
	const struct conf *conf = &c->setup->conf;

	for (size_t i = 0; i < conf->n_sources; i++) {
		check_source(c, &conf->sources[i].source);
		check_failures(c, &conf->sources[i].source);
	}
	for (size_t i = 0; i < conf->n_destinations; i++)
		check_destination(c, &conf->destinations[i]);
	for (size_t i = 0; i + 1 < conf->n_routes; i++)
		if (route_takes_all(&conf->routes[i].route))
			finding_add(c->to, FINDING_WARNING,
			    arena_printf(
				c->a, "route %s", conf->routes[i].route.name),
			    NULL,
			    "takes all alerts: no route behind it is ever "
			    "asked");
	for (size_t i = 0; i < conf->n_mutes; i++)
		check_mute(c, &conf->mutes[i]);
	check_keys(c);
}

/* ---- the file system ---- */

/* statfs(2); locks and syncs on these are not what the spool needs. */
static const struct {
	uint32_t magic;
	enum finding_grade grade;
	const char *name;
	const char *what;
} systems[] = {
#define NETWORK "a network file system: locks and syncs are not safe"
	{ 0x6969, FINDING_FAILURE, "NFS", NETWORK },
	{ 0x517b, FINDING_FAILURE, "SMB", NETWORK },
	{ 0xff534d42, FINDING_FAILURE, "CIFS", NETWORK },
	{ 0xfe534d42, FINDING_FAILURE, "SMB2", NETWORK },
	{ 0x01021997, FINDING_FAILURE, "9p", NETWORK },
	{ 0x00c36400, FINDING_FAILURE, "Ceph", NETWORK },
	{ 0x5346414f, FINDING_FAILURE, "AFS", NETWORK },
	{ 0x6b414653, FINDING_FAILURE, "AFS", NETWORK },
	{ 0x73757245, FINDING_FAILURE, "Coda", NETWORK },
	{ 0x0bd00bd0, FINDING_FAILURE, "Lustre", NETWORK },
	{ 0x47504653, FINDING_FAILURE, "GPFS", NETWORK },
	{ 0x19830326, FINDING_FAILURE, "BeeGFS", NETWORK },
	{ 0x01161970, FINDING_FAILURE, "GFS2", NETWORK },
	{ 0x7461636f, FINDING_FAILURE, "OCFS2", NETWORK },
#undef NETWORK
	{ 0x65735546, FINDING_WARNING, "FUSE",
	    "it may be a network file system behind it, whose locks and syncs "
	    "are not safe" },
	{ 0x01021994, FINDING_WARNING, "tmpfs",
	    "it loses everything at a reboot" },
	{ 0x858458f6, FINDING_WARNING, "ramfs",
	    "it loses everything at a reboot" },
	{ 0x794c7630, FINDING_WARNING, "overlayfs",
	    "a container loses it when it is made anew" },
	{ 0xef53, FINDING_OK, "ext4 (or ext2, ext3)", NULL },
	{ 0x58465342, FINDING_OK, "xfs", NULL },
	{ 0x9123683e, FINDING_OK, "btrfs", NULL },
	{ 0xf2f52010, FINDING_OK, "f2fs", NULL },
	{ 0x2fc12fc1, FINDING_OK, "zfs", NULL },
};

static void
check_system(struct checkup *c)
{
	const char *path = c->setup->conf.spool;
	struct statfs st;

	if (statfs(path, &st) == -1) {
		finding_add(c->to, FINDING_FAILURE, spool, NULL, "%s: %s", path,
		    strerror(errno));
		return;
	}
	for (size_t i = 0; i < COUNT(systems); i++) {
		if (systems[i].magic != (uint32_t)st.f_type)
			continue;
		if (systems[i].grade == FINDING_OK)
			finding_add(c->to, FINDING_OK, spool, NULL,
			    "%s is on %s", path, systems[i].name);
		else
			finding_add(c->to, systems[i].grade, spool,
			    "wanted a local disk", "%s is on %s: %s", path,
			    systems[i].name, systems[i].what);
	}
}

static void
check_few(struct checkup *c, uint64_t mib, bool counts, uint64_t inodes)
{
	if (mib < FEW_MIB)
		finding_add(c->to, FINDING_WARNING, spool, "make room",
		    "%llu MiB are free; wanted at least %d",
		    (unsigned long long)mib, FEW_MIB);
	if (counts && inodes < FEW_INODES)
		finding_add(c->to, FINDING_WARNING, spool,
		    "remove small files from that disk",
		    "%llu inodes are free; wanted at least %d",
		    (unsigned long long)inodes, FEW_INODES);
	if (mib >= FEW_MIB && (!counts || inodes >= FEW_INODES))
		finding_add(c->to, FINDING_OK, spool, NULL,
		    counts ? "%llu MiB and %llu inodes are free"
			   : "%llu MiB are free",
		    (unsigned long long)mib, (unsigned long long)inodes);
}

static void
check_room(struct checkup *c)
{
	struct statvfs st;
	struct fail f = { 0 };

	if (!spool_room(&c->setup->spool, 1, RESERVE, &f))
		finding_add(c->to, FINDING_FAILURE, spool,
		    "make room: webhooks are refused", "%s", f.text);
	else if (statvfs(c->setup->conf.spool, &st) == 0)
		check_few(c, (uint64_t)st.f_bavail * st.f_frsize / MIB,
		    st.f_files != 0, st.f_favail);
}

/* ---- the spool at work ---- */

/* What a command that ran as root left behind is closed to the responder. */
static void
check_entries(struct checkup *c, const char *path, int depth)
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
		at = arena_printf(c->a, "%s/%s", path, e->d_name);
		if (lstat(at, &st) == -1)
			continue;
		if (st.st_uid != geteuid())
			finding_add(c->to, FINDING_FAILURE, spool,
			    arena_printf(c->a, "chown -R %s %s",
				owner_name(geteuid(), c->a),
				c->setup->conf.spool),
			    "%s belongs to %s", at,
			    owner_name(st.st_uid, c->a));
		else if (S_ISDIR(st.st_mode) && depth > 0)
			check_entries(c, at, depth - 1);
	}
	(void)closedir(d);
}

/* A name in tmp/ that nobody else takes, and another. */
static void
random_names(char id[SPOOL_ID + 1], char other[SPOOL_ID + 2])
{
	unsigned char random[SPOOL_ID / 2];

	sign_random(random, sizeof(random));
	sign_hex(random, sizeof(random), id);
	(void)snprintf(other, SPOOL_ID + 2, "%s+", id);
}

/* What keeps an alert: write, sync, rename, sync. */
static bool
write_once(int dir, const char *name, const char *to, struct fail *f)
{
	static const char text[] = "bellrelay was here\n";
	int fd =
	    openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool did;

	if (fd == -1)
		return fail_sys(f, "a file");
	did = write(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1 &&
	    fsync(fd) == 0;
	if (!did)
		(void)fail_sys(f, "write and sync");
	(void)close(fd);
	if (did && renameat(dir, name, dir, to) == -1)
		did = fail_sys(f, "rename");
	if (did && fsync(dir) == -1)
		did = fail_sys(f, "sync of a directory");
	(void)unlinkat(dir, did ? to : name, 0);
	return did;
}

static bool
check_write(struct checkup *c)
{
	char id[SPOOL_ID + 1], other[SPOOL_ID + 2];
	const struct spool_box *b = &c->setup->boxes[0].box;
	struct fail f = { 0 };
	bool did;

	random_names(id, other);
	did =
	    write_once(c->setup->spool.tmp, id, other, &f) && spool_sync(b, &f);
	if (!did)
		finding_add(c->to, FINDING_FAILURE, spool,
		    "wanted a disk that is written to and synced",
		    "cannot be written to: %s", f.text);
	return did;
}

/* Each destination has directories of its own. */
static bool
check_parts(struct checkup *c, const struct setup_box *b)
{
	struct fail f = { 0 };

	if (spool_may_keep(&b->box, &f) && spool_may_tend(&b->box, &f))
		return true;
	finding_add(c->to, FINDING_FAILURE, spool,
	    arena_printf(c->a, "chmod -R u+rwX %s", c->setup->conf.spool),
	    "%s cannot be written to: %s", b->to->name, f.text);
	return false;
}

/* What another process is told that asks for the lock that we hold. */
static enum lock_got
ask_elsewhere(const struct setup_box *b, const char *id)
{
	struct fail ignored = { 0 };
	struct lock_hand hand = { .dir = -1, .fd = -1 };
	pid_t child = fork();
	int status = 0;

	if (child == 0)
		_exit(lock_open(b->box.dir, &hand, &ignored)
			? (int)lock_try(&hand, LOCK_CLAIM, id, &ignored)
			: (int)LOCK_FAILED);
	if (child == -1 || waitpid(child, &status, 0) != child ||
	    !WIFEXITED(status))
		return LOCK_FAILED;
	return (enum lock_got)WEXITSTATUS(status);
}

/* One process must keep the other out. */
static bool
check_locks(struct checkup *c, const struct setup_box *b)
{
	char id[SPOOL_ID + 1], other[SPOOL_ID + 2];
	struct fail f = { 0 };
	enum lock_got mine, theirs = LOCK_FAILED;

	random_names(id, other);
	mine = lock_try(&b->hands[0], LOCK_CLAIM, id, &f);
	if (mine == LOCK_GOT)
		theirs = ask_elsewhere(b, id);
	lock_drop(&b->hands[0], LOCK_CLAIM, id);
	if (mine == LOCK_GOT && theirs == LOCK_BUSY)
		return true;
	finding_add(c->to, FINDING_FAILURE, spool, "wanted a local disk",
	    theirs == LOCK_GOT ? "its locks keep nobody out%s" : "no locks: %s",
	    f.text);
	return false;
}

static bool
check_work(struct checkup *c)
{
	struct fail f = { 0 };
	bool good;

	if (!setup_spool(c->setup, &f)) {
		finding_add(c->to, FINDING_FAILURE, spool, NULL, "%s", f.text);
		return false;
	}
	check_room(c);
	good = check_write(c);
	for (size_t i = 0; i < c->setup->conf.n_destinations; i++)
		good = check_parts(c, &c->setup->boxes[i]) &&
		    check_locks(c, &c->setup->boxes[i]) && good;
	if (good)
		finding_add(c->to, FINDING_OK, spool, NULL,
		    "written, synced, renamed; a lock keeps another process "
		    "out");
	return true;
}

static void
check_owner(struct checkup *c)
{
	const char *path = c->setup->conf.spool;
	struct stat st;

	if (stat(path, &st) == -1)
		return;
	if (st.st_uid == 0)
		finding_add(c->to, FINDING_WARNING, spool,
		    "run bellrelay.fcgi as a user of its own, and chown it to "
		    "that user",
		    "%s belongs to root", path);
	if ((st.st_mode & (S_IROTH | S_IXOTH | S_IRGRP | S_IXGRP)) != 0)
		finding_add(c->to, FINDING_WARNING, spool,
		    arena_printf(c->a, "chmod 700 %s", path),
		    "others may look into it");
}

static bool
check_spool(struct checkup *c)
{
	struct fail f = { 0 };

	check_owner(c);
	if (!owner_become(c->setup->conf.spool, &f)) {
		/* It names the cure. */
		finding_add(c->to, FINDING_FAILURE, spool, NULL, "%s", f.text);
		return false;
	}
	check_readable(c);
	check_system(c);
	check_entries(c, c->setup->conf.spool, 1);
	return check_work(c);
}

bool
checkup(struct setup *s, struct findings *to)
{
	struct checkup c = { s, to, &to->arena };

	check_files(&c);
	check_sections(&c);
	return check_spool(&c);
}
