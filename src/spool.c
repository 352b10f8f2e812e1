#include "spool.h"

#include "array.h"
#include "buf.h"
#include "fail.h"
#include "seal.h"
#include "sign.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char superseded[] = "-superseded.json";

enum {
	SUBS = 256,
	NAMES = 100, /* tries for a name in tmp */
	NAME_LONGEST = SPOOL_ID + 21 + sizeof(superseded) - 1,
	SPARE_BYTES = 128 << 10, /* what must stay free besides the new */
	SPARE_FILES = 16,
	STEP = 16384, /* of reading */
};

static const char readme[] =
    "This is the spool of bellrelay: its memory on disk.\n"
    "\n"
    "  tmp/                       writes that have not happened yet\n"
    "  lock                       locks; leave it where it is\n"
    "  DESTINATION/pending/       alerts that owe something to it, or are "
    "muted\n"
    "  DESTINATION/settled/xx/    alerts that owe nothing\n"
    "  DESTINATION/dead/          events that were refused for good\n"
    "  DESTINATION/bell/          hints: this one first\n"
    "  DESTINATION/lock           likewise\n"
    "  DESTINATION/state.json     ready, resting or held, the pace, and marks "
    "of\n"
    "                             what may have rung without a file\n"
    "  DESTINATION/summary.json   what waits, as the last drain saw it\n"
    "  corrupt/                   what could be read but not understood\n"
    "  counters/                  what metrics shows, a file for each host\n"
    "  journal/                   a line for each webhook, if the journal is "
    "on\n"
    "\n"
    "Look as you like: ls, cat and grep disturb nothing.  To act, use\n"
    "bellrelay list, show, retry and drop: a file that is edited by hand no\n"
    "longer matches its seal and goes to corrupt/.\n";

/* ---- directories ---- */

static bool
open_dir(int at, const char *name, int *out, struct fail *f)
{
	*out =
	    openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return *out != -1 || fail_sys(f, name);
}

static void
shut(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

static bool
make_dir(int at, const char *name, struct fail *f)
{
	return mkdirat(at, name, 0700) == 0 || errno == EEXIST ||
	    fail_sys(f, name);
}

static bool
sync_fd(int fd, const char *what, struct fail *f)
{
	return fsync(fd) == 0 || fail_sys(f, what);
}

/* From the beginning of the file on. */
static bool
write_all(int fd, const char *bytes, size_t n, struct fail *f)
{
	for (size_t at = 0; at < n;) {
		ssize_t did = pwrite(fd, bytes + at, n - at, (off_t)at);

		if (did == -1 && errno == EINTR)
			continue;
		if (did == -1)
			return fail_sys(f, "write");
		at += (size_t)did;
	}
	return true;
}

/* Best effort: nothing depends on it. */
static void
put_readme(int dir)
{
	int fd = openat(
	    dir, "README", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct fail ignored = { 0 };

	if (fd == -1)
		return;
	(void)write_all(fd, readme, sizeof(readme) - 1, &ignored);
	(void)close(fd);
}

static bool
own_dir(int dir, const char *path, struct fail *f)
{
	struct stat st;

	if (fstat(dir, &st) == -1)
		return fail_sys(f, path);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return fail_set(f, FAIL_BROKEN,
		    "spool: others may write to it; chmod 700 %s", path);
	return true;
}

/* For lock_open. */
static bool
make_lock(int dir, struct fail *f)
{
	int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd == -1)
		return fail_sys(f, "lock");
	(void)close(fd);
	return true;
}

bool
spool_open(struct spool *sp, const char *path, struct fail *f)
{
	*sp = (struct spool){ .dir = -1, .tmp = -1, .corrupt = -1 };
	sp->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sp->dir == -1)
		return fail_sys(f, "spool");
	if (!own_dir(sp->dir, path, f) || !make_dir(sp->dir, "tmp", f) ||
	    !make_dir(sp->dir, "corrupt", f) || !make_lock(sp->dir, f) ||
	    !open_dir(sp->dir, "tmp", &sp->tmp, f) ||
	    !open_dir(sp->dir, "corrupt", &sp->corrupt, f)) {
		spool_close(sp);
		return false;
	}
	put_readme(sp->dir);
	return true;
}

void
spool_close(struct spool *sp)
{
	shut(&sp->dir);
	shut(&sp->tmp);
	shut(&sp->corrupt);
}

/* Whether a name leads to what is open; one that cannot be asked may. */
static bool
leads_to(int dir, const char *name, int fd)
{
	struct stat ours;
	struct stat named;

	if (fstatat(dir, name, &named, 0) == -1)
		return errno != ENOENT && errno != ENOTDIR;
	return fstat(fd, &ours) == 0 && ours.st_dev == named.st_dev &&
	    ours.st_ino == named.st_ino;
}

bool
spool_is_at(const struct spool *sp, const char *path)
{
	return leads_to(AT_FDCWD, path, sp->dir) &&
	    leads_to(sp->dir, "tmp", sp->tmp) &&
	    leads_to(sp->dir, "corrupt", sp->corrupt);
}

static bool
make_subs(int settled, struct fail *f)
{
	for (int i = 0; i < SUBS; i++) {
		char sub[3];

		(void)snprintf(sub, sizeof(sub), "%02x", i);
		if (!make_dir(settled, sub, f))
			return false;
	}
	return sync_fd(settled, "settled", f);
}

/*
 * The lock file is made last: where it is, all else is there and durable.
 * Two processes may do this at once; each step is the same for both.
 */
static bool
make_box(const struct spool *sp, struct spool_box *b, struct fail *f)
{
	struct buf text = BUF_MAX(SPOOL_STATE);

	if (!make_subs(b->settled, f) || !sync_fd(b->dir, b->name, f) ||
	    !sync_fd(sp->dir, "spool", f))
		return false;
	/* An empty record means a full bucket, a lost one an empty bucket. */
	buf_puts(&text, "{}");
	(void)spool_record_put(b, "state.json", &text);
	buf_free(&text);
	return make_lock(b->dir, f) && sync_fd(b->dir, b->name, f);
}

static bool
open_box(const struct spool *sp, struct spool_box *b, struct fail *f)
{
	static const char *const dirs[] = { "pending", "settled", "dead",
		"bell" };
	int *const fds[] = { &b->pending, &b->settled, &b->dead, &b->bell };

	if (!make_dir(sp->dir, b->name, f) ||
	    !open_dir(sp->dir, b->name, &b->dir, f))
		return false;
	for (size_t i = 0; i < COUNT(dirs); i++)
		if (!make_dir(b->dir, dirs[i], f) ||
		    !open_dir(b->dir, dirs[i], fds[i], f))
			return false;
	return faccessat(b->dir, "lock", F_OK, 0) == 0 || make_box(sp, b, f);
}

bool
spool_box_open(const struct spool *sp, const char *name, struct spool_box *b,
    struct fail *f)
{
	*b = (struct spool_box){ .sp = sp,
		.name = name,
		.dir = -1,
		.pending = -1,
		.settled = -1,
		.dead = -1,
		.bell = -1 };
	if (open_box(sp, b, f))
		return true;
	spool_box_close(b);
	return false;
}

void
spool_box_close(struct spool_box *b)
{
	shut(&b->dir);
	shut(&b->pending);
	shut(&b->settled);
	shut(&b->dead);
	shut(&b->bell);
}

bool
spool_box_is_at(const struct spool_box *b)
{
	return leads_to(b->sp->dir, b->name, b->dir) &&
	    leads_to(b->dir, "pending", b->pending) &&
	    leads_to(b->dir, "settled", b->settled) &&
	    leads_to(b->dir, "dead", b->dead) &&
	    leads_to(b->dir, "bell", b->bell);
}

bool
spool_room(const struct spool *sp, size_t files, size_t bytes, struct fail *f)
{
	struct statvfs st;

	/* What is written next will tell. */
	if (fstatvfs(sp->dir, &st) == -1)
		return true;
	if ((uint64_t)st.f_bavail * st.f_frsize < bytes + SPARE_BYTES)
		return fail_set(f, FAIL_RETRY, "spool: the disk is full");
	/* Some file systems have no fixed number of files and say 0. */
	if (st.f_files != 0 && st.f_favail < files + SPARE_FILES)
		return fail_set(f, FAIL_RETRY, "spool: no free inodes");
	return true;
}

static bool
may_write(int dir, const char *name, struct fail *f)
{
	return faccessat(dir, ".", R_OK | W_OK | X_OK, AT_EACCESS) == 0 ||
	    fail_sys(f, name);
}

bool
spool_may_keep(const struct spool_box *b, struct fail *f)
{
	return may_write(b->sp->tmp, "tmp/", f) &&
	    may_write(b->pending, "pending/", f);
}

static bool
may_record(const struct spool_box *b, const char *name, struct fail *f)
{
	return faccessat(b->dir, name, R_OK | W_OK, AT_EACCESS) == 0 ||
	    errno == ENOENT || fail_sys(f, name);
}

bool
spool_may_tend(const struct spool_box *b, struct fail *f)
{
	return may_write(b->settled, "settled/", f) &&
	    may_write(b->dead, "dead/", f) && may_write(b->bell, "bell/", f) &&
	    may_record(b, "state.json", f) && may_record(b, "summary.json", f);
}

/* ---- names ---- */

void
spool_id(const char *key, char id[SPOOL_ID + 1])
{
	unsigned char sum[SIGN_MAX];

	sign_digest(SIGN_SHA256, key, strlen(key), sum);
	sign_hex(sum, SPOOL_ID / 2, id);
}

static bool
hex_digits(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= '0' && s[i] <= '9') ||
			(s[i] >= 'a' && s[i] <= 'f')))
			return false;
	return true;
}

static void
ticket_name(const char *id, char name[64])
{
	(void)snprintf(name, 64, "%s.json", id);
}

static void
settled_name(const char *id, char name[64])
{
	(void)snprintf(name, 64, "%.2s/%s.json", id, id);
}

/* ---- reading ---- */

/* Up to the ceiling of out. */
static bool
read_all(int fd, struct buf *out, struct fail *f)
{
	ssize_t n = 1;

	while (n != 0 && out->len < out->max) {
		size_t left = out->max - out->len;
		size_t want = left < STEP ? left : STEP;

		n = read(fd, buf_room(out, want), want);
		if (n > 0)
			buf_grew(out, (size_t)n);
		else if (n == -1 && errno != EINTR)
			return fail_sys(f, "read");
	}
	return true;
}

enum got { GOT, ABSENT, TORN, FAILED };

/* A file read to its end, and its seal. */
static enum got
fetch(int dir, const char *name, struct buf *text, uint64_t *generation,
    struct fail *f)
{
	/* A byte more than allowed, to see that there is one. */
	struct buf file = BUF_MAX(SPOOL_FILE_MAX + 1);
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	enum got got = FAILED;

	if (fd == -1)
		return errno == ENOENT ? ABSENT
				       : (fail_sys(f, name) ? GOT : FAILED);
	if (read_all(fd, &file, f))
		got = file.len <= SPOOL_FILE_MAX &&
			seal_open(file.data, file.len, generation, text)
		    ? GOT
		    : TORN;
	(void)close(fd);
	buf_free(&file);
	return got;
}

/* Two of one alert are two files. */
static bool
set_aside(const struct spool_box *b, int dir, const char *name, const char *id,
    struct fail *f)
{
	char to[256];

	for (int i = 0; i < NAMES; i++) {
		(void)snprintf(to, sizeof(to), "%s-%s-%ld-%d.json", b->name, id,
		    (long)getpid(), i);
		if (faccessat(b->sp->corrupt, to, F_OK, AT_SYMLINK_NOFOLLOW) ==
		    -1)
			break;
	}
	return renameat(dir, name, b->sp->corrupt, to) == 0 ||
	    fail_sys(f, "corrupt");
}

/* One of the two places; on success *text has the ticket or nothing. */
static bool
load_from(const struct spool_box *b, int dir, const char *name, const char *id,
    struct buf *text, struct spool_found *found, uint64_t *generation,
    struct fail *f)
{
	*generation = 0;
	switch (fetch(dir, name, text, generation, f)) {
	case GOT:
		found->there = true;
		return true;
	case ABSENT:
		return true;
	case TORN:
		found->corrupt = true;
		return set_aside(b, dir, name, id, f);
	default:
		return false;
	}
}

bool
spool_load(const struct spool_box *b, const char *id, struct buf *out,
    struct spool_found *found, struct fail *f)
{
	struct buf pending = BUF_MAX(SPOOL_FILE_MAX);
	struct buf settled = BUF_MAX(SPOOL_FILE_MAX);
	uint64_t newer = 0;
	uint64_t older = 0;
	char name[64];
	char other[64];
	bool did;

	*found = (struct spool_found){ 0 };
	ticket_name(id, name);
	settled_name(id, other);
	did = load_from(b, b->pending, name, id, &pending, found, &newer, f) &&
	    load_from(b, b->settled, other, id, &settled, found, &older, f);
	found->pending = pending.len > 0;
	found->settled = older > newer;
	if (did && found->there && older > newer)
		buf_add(out, settled.data, settled.len);
	else if (did && found->there)
		buf_add(out, pending.data, pending.len);
	found->generation = older > newer ? older : newer;
	buf_free(&pending);
	buf_free(&settled);
	return did;
}

static int
place(const struct spool_box *b, enum spool_where where)
{
	return where == SPOOL_PENDING ? b->pending
	    : where == SPOOL_SETTLED  ? b->settled
				      : b->dead;
}

bool
spool_look(const struct spool_box *b, enum spool_where where, const char *name,
    struct buf *out, struct fail *f)
{
	uint64_t generation;

	switch (fetch(place(b, where), name, out, &generation, f)) {
	case GOT:
		return true;
	case TORN:
		return fail_set(f, FAIL_BROKEN,
		    "%s: torn or altered; it goes to corrupt/ when it is sent, "
		    "retried or dropped",
		    name);
	default:
		return false;
	}
}

/* ---- writing ---- */

static bool
make_tmp(const struct spool_box *b, const char *id, struct spool_draft *d,
    struct fail *f)
{
	static unsigned counter;

	for (int i = 0; i < NAMES; i++) {
		(void)snprintf(d->name, sizeof(d->name), "%s.%ld.%u", id,
		    (long)getpid(), counter++);
		d->fd = openat(b->sp->tmp, d->name,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (d->fd != -1)
			return true;
		if (errno != EEXIST)
			break;
	}
	return fail_sys(f, "tmp");
}

/* What could not be read again must not be written over what can. */
static bool
is_writable(const struct buf *text, struct fail *f)
{
	if (!text->full && text->len > 0 &&
	    text->len <= SPOOL_FILE_MAX - SEAL_SIZE)
		return true;
	return fail_set(
	    f, FAIL_BROKEN, "spool: a file of over %d bytes", SPOOL_FILE_MAX);
}

/* The sealed text, instead of what the file held before. */
static bool
fill(const struct spool_draft *d, uint64_t generation, const struct buf *text,
    struct fail *f)
{
	struct buf file = BUF_MAX(SPOOL_FILE_MAX + SEAL_SIZE);
	struct stat st;
	bool did;

	seal_write(text->data, text->len, generation, &file);
	did = write_all(d->fd, file.data, file.len, f);
	/* A shorter one than before has something behind it. */
	if (did &&
	    (fstat(d->fd, &st) == -1 ||
		(st.st_size != (off_t)file.len &&
		    ftruncate(d->fd, (off_t)file.len) == -1)))
		did = fail_sys(f, "write");
	buf_free(&file);
	return did;
}

void
spool_draft_drop(const struct spool_box *b, struct spool_draft *d)
{
	if (d->fd == -1)
		return;
	shut(&d->fd);
	(void)unlinkat(b->sp->tmp, d->name, 0);
}

bool
spool_draft(const struct spool_box *b, const char *id, uint64_t generation,
    const struct buf *text, struct spool_draft *d, struct fail *f)
{
	if (!is_writable(text, f) || !make_tmp(b, id, d, f))
		return false;
	if (fill(d, generation, text, f))
		return true;
	spool_draft_drop(b, d);
	return false;
}

bool
spool_draft_sync(const struct spool_draft *d, struct fail *f)
{
	return sync_fd(d->fd, "write", f);
}

/* A written and synced file gets its name, or goes.  close can report an
 * error too. */
static bool
name_it(const struct spool_box *b, struct spool_draft *d, bool written, int dir,
    const char *name, struct fail *f)
{
	if (close(d->fd) == -1)
		written = fail_sys(f, "write");
	d->fd = -1;
	if (written && renameat(b->sp->tmp, d->name, dir, name) == 0)
		return true;
	if (written)
		(void)fail_sys(f, "rename");
	(void)unlinkat(b->sp->tmp, d->name, 0);
	return false;
}

/* Sealed text into tmp, then by rename to its place. */
static bool
replace(const struct spool_box *b, const char *id, struct spool_draft *d,
    uint64_t generation, const struct buf *text, int dir, const char *name,
    struct fail *f)
{
	struct spool_draft own = { .fd = -1 };

	if (!is_writable(text, f)) {
		if (d != NULL)
			spool_draft_drop(b, d);
		return false;
	}
	if (d == NULL || d->fd == -1) {
		d = &own;
		if (!make_tmp(b, id, d, f))
			return false;
	}
	return name_it(b, d,
	    fill(d, generation, text, f) && spool_draft_sync(d, f), dir, name,
	    f);
}

bool
spool_store(const struct spool_box *b, const char *id, uint64_t generation,
    const struct buf *text, struct spool_draft *d, struct fail *f)
{
	char name[64];

	ticket_name(id, name);
	return replace(b, id, d, generation, text, b->pending, name, f);
}

bool
spool_publish(const struct spool_box *b, const char *id, struct spool_draft *d,
    struct fail *f)
{
	char name[64];

	ticket_name(id, name);
	return name_it(b, d, true, b->pending, name, f);
}

bool
spool_sync(const struct spool_box *b, struct fail *f)
{
	return sync_fd(b->pending, "pending", f);
}

static bool
gone(int dir, const char *name, struct fail *f)
{
	return unlinkat(dir, name, 0) == 0 || errno == ENOENT ||
	    fail_sys(f, name);
}

bool
spool_sync_settled(const struct spool_box *b, const char *id, struct fail *f)
{
	char sub[3] = { id[0], id[1], '\0' };
	int fd;
	bool did;

	if (!open_dir(b->settled, sub, &fd, f))
		return false;
	did = sync_fd(fd, "settled", f);
	(void)close(fd);
	return did;
}

bool
spool_link(const struct spool_box *b, const char *id, struct fail *f)
{
	char from[64];
	char to[64];

	ticket_name(id, from);
	settled_name(id, to);
	if (linkat(b->pending, from, b->settled, to, 0) == 0)
		return true;
	if (errno != EEXIST)
		return fail_sys(f, "settled");
	return gone(b->settled, to, f) &&
	    (linkat(b->pending, from, b->settled, to, 0) == 0 ||
		fail_sys(f, "settled"));
}

bool
spool_unlink(const struct spool_box *b, const char *id, struct fail *f)
{
	char from[64];

	ticket_name(id, from);
	return gone(b->pending, from, f);
}

bool
spool_remove(const struct spool_box *b, const char *id, struct fail *f)
{
	char from[64];
	char to[64];

	ticket_name(id, from);
	settled_name(id, to);
	return gone(b->settled, to, f) && spool_sync_settled(b, id, f) &&
	    gone(b->pending, from, f) && spool_sync(b, f);
}

bool
spool_bury(const struct spool_box *b, const char *id, uint64_t n,
    const struct buf *text, struct fail *f)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s-%" PRIu64 ".json", id, n);
	return replace(b, id, NULL, n, text, b->dead, name, f) &&
	    sync_fd(b->dead, "dead", f);
}

bool
spool_supersede(const struct spool_box *b, const char *id, uint64_t n,
    const struct buf *text, struct fail *f)
{
	char name[80];
	char old[64];

	(void)snprintf(old, sizeof(old), "%s-%" PRIu64 ".json", id, n);
	(void)snprintf(
	    name, sizeof(name), "%s-%" PRIu64 "%s", id, n, superseded);
	return replace(b, id, NULL, n, text, b->dead, name, f) &&
	    sync_fd(b->dead, "dead", f) && spool_unbury(b, old, f);
}

bool
spool_unbury(const struct spool_box *b, const char *name, struct fail *f)
{
	return gone(b->dead, name, f) && sync_fd(b->dead, "dead", f);
}

bool
spool_set_aside(
    const struct spool_box *b, const char *id, const char *name, struct fail *f)
{
	struct buf text = BUF_MAX(SPOOL_FILE_MAX);
	uint64_t generation;
	enum got got = fetch(b->dead, name, &text, &generation, f);

	buf_free(&text);
	return got == TORN && set_aside(b, b->dead, name, id, f);
}

/* ---- hints ---- */

void
spool_ring(const struct spool_box *b, const char *id)
{
	int fd = openat(b->bell, id, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	shut(&fd);
}

void
spool_unring(const struct spool_box *b, const char *id)
{
	(void)unlinkat(b->bell, id, 0);
}

/* The bytes at the end of a file, where its seal is. */
static bool
read_end(int fd, char end[SEAL_SIZE], size_t *n)
{
	struct stat st;
	off_t from;
	ssize_t did;

	if (fstat(fd, &st) == -1)
		return false;
	from = st.st_size > SEAL_SIZE ? st.st_size - SEAL_SIZE : 0;
	do
		did = pread(fd, end, SEAL_SIZE, from);
	while (did == -1 && errno == EINTR);
	*n = did > 0 ? (size_t)did : 0;
	return did > 0;
}

uint64_t
spool_generation(const struct spool_box *b, const char *id)
{
	char end[SEAL_SIZE];
	char name[64];
	uint64_t found = 0;
	size_t n;
	int fd;

	ticket_name(id, name);
	fd = openat(b->pending, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return 0;
	if (!read_end(fd, end, &n) || !seal_peek(end, n, &found))
		found = 0;
	(void)close(fd);
	return found;
}

static int64_t
changed(int dir)
{
	struct stat st;

	if (fstat(dir, &st) == -1)
		return INT64_MAX;
	return (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

int64_t
spool_rang(const struct spool_box *b)
{
	return changed(b->bell);
}

int64_t
spool_changed(const struct spool_box *b)
{
	int64_t pending = changed(b->pending);
	int64_t dead = changed(b->dead);

	return pending > dead ? pending : dead;
}

bool
spool_mark(const struct spool_box *b, const char *id, struct spool_mark *out)
{
	struct stat st;
	char name[64];

	ticket_name(id, name);
	if (fstatat(b->pending, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return false;
	out->ino = st.st_ino;
	out->mtime_ns =
	    (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	return true;
}

bool
spool_mark_same(const struct spool_mark *x, const struct spool_mark *y)
{
	return x->ino == y->ino && x->mtime_ns == y->mtime_ns;
}

/* ---- records ---- */

void
spool_record_get(const struct spool_box *b, const char *name, struct buf *out)
{
	int fd = openat(b->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char record[SPOOL_STATE];
	size_t n = 0;
	ssize_t did = 1;

	if (fd == -1)
		return;
	/* What stands behind the record is not ours, and never written over. */
	while (did > 0 && n < sizeof(record)) {
		did = pread(fd, record + n, sizeof(record) - n, (off_t)n);
		if (did == -1 && errno == EINTR)
			did = 1;
		else if (did > 0)
			n += (size_t)did;
	}
	if (did != -1)
		buf_add(out, record, n);
	(void)close(fd);
}

bool
spool_record_put(
    const struct spool_box *b, const char *name, const struct buf *text)
{
	char record[SPOOL_STATE];
	size_t n = text->len < SPOOL_STATE ? text->len : SPOOL_STATE - 1;
	int fd = openat(
	    b->dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool did;

	if (fd == -1)
		return false;
	memset(record, ' ', sizeof(record));
	memcpy(record, text->data, n);
	record[sizeof(record) - 1] = '\n';
	did = pwrite(fd, record, sizeof(record), 0) == sizeof(record);
	/* What a failed write leaves reads as an empty bucket: safe. */
	if (!did && ftruncate(fd, 0) == -1)
		n = 0;
	(void)close(fd);
	return did;
}

/* ---- walking ---- */

static bool
walk_dir(struct spool_walk *w, int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	w->dir = fd == -1 ? NULL : fdopendir(fd);
	if (w->dir != NULL)
		return true;
	w->broken = errno;
	shut(&fd);
	return false;
}

void
spool_walk_open(
    const struct spool_box *b, enum spool_where where, struct spool_walk *w)
{
	*w = (struct spool_walk){ .box = b, .where = where };
	(void)walk_dir(w, b->dir,
	    where == SPOOL_PENDING       ? "pending"
		: where == SPOOL_SETTLED ? "settled/00"
					 : "dead");
}

void
spool_walk_bells(const struct spool_box *b, struct spool_walk *w)
{
	*w = (struct spool_walk){ .box = b, .bells = true };
	(void)walk_dir(w, b->dir, "bell");
}

static bool
good_name(const struct spool_walk *w, const char *name)
{
	size_t n = strlen(name);

	if (n < SPOOL_ID || n > NAME_LONGEST || !hex_digits(name, SPOOL_ID))
		return false;
	if (w->bells)
		return n == SPOOL_ID;
	if (strcmp(name + n - 5, ".json") != 0)
		return false;
	return w->where == SPOOL_DEAD ? name[SPOOL_ID] == '-'
				      : n == SPOOL_ID + 5;
}

static bool
is_superseded(const char *name)
{
	size_t n = strlen(name);
	size_t tail = sizeof(superseded) - 1;

	return n > tail && strcmp(name + n - tail, superseded) == 0;
}

/* The next of the 256 directories of settled. */
static bool
walk_on(struct spool_walk *w)
{
	char name[16];

	spool_walk_close(w);
	if (w->bells || w->where != SPOOL_SETTLED || ++w->sub >= SUBS)
		return false;
	(void)snprintf(name, sizeof(name), "settled/%02x", w->sub);
	return walk_dir(w, w->box->dir, name);
}

bool
spool_walk_next(struct spool_walk *w, struct spool_name *out)
{
	while (w->dir != NULL) {
		struct dirent *e;

		errno = 0;
		e = readdir(w->dir);
		if (e == NULL) {
			w->broken = errno != 0 ? errno : w->broken;
			(void)walk_on(w);
			continue;
		}
		if (!good_name(w, e->d_name))
			continue;
		memcpy(out->id, e->d_name, SPOOL_ID);
		out->id[SPOOL_ID] = '\0';
		if (w->where == SPOOL_SETTLED && !w->bells)
			settled_name(out->id, out->name);
		else
			(void)snprintf(
			    out->name, sizeof(out->name), "%.79s", e->d_name);
		out->superseded = is_superseded(out->name);
		out->ino = e->d_ino;
		return true;
	}
	return false;
}

void
spool_walk_close(struct spool_walk *w)
{
	if (w->dir != NULL)
		(void)closedir(w->dir);
	w->dir = NULL;
}

size_t
spool_count_corrupt(const struct spool *sp)
{
	int fd = openat(sp->dir, "corrupt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;
	size_t n = 0;

	if (d == NULL) {
		shut(&fd);
		return 0;
	}
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	(void)closedir(d);
	return n;
}

void
spool_tidy(const struct spool *sp, int64_t before)
{
	int fd = openat(sp->dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL) {
		shut(&fd);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		struct stat st;

		if (hex_digits(e->d_name, 1) &&
		    fstatat(sp->tmp, e->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
			0 &&
		    S_ISREG(st.st_mode) && st.st_mtim.tv_sec < before)
			(void)unlinkat(sp->tmp, e->d_name, 0);
	}
	(void)closedir(d);
}
