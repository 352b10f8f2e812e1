#include "lock.h"

#include "fail.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	HASH_DIGITS = 15, /* 60 bits: 2h+17 still fits off_t */
	TRIES = 400,
	PAUSE_NS = 5 * 1000 * 1000,
};

bool
lock_open(int dir, struct lock_hand *h, struct fail *f)
{
	struct stat st;

	h->dir = dir;
	h->fd = openat(dir, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (h->fd == -1 || fstat(h->fd, &st) == -1)
		return fail_sys(f, "lock");
	h->dev = st.st_dev;
	h->ino = st.st_ino;
	return true;
}

void
lock_close(struct lock_hand *h)
{
	if (h->fd != -1)
		(void)close(h->fd);
	h->fd = -1;
}

static off_t
place(enum lock_kind kind, const char *id)
{
	off_t h = 0;

	if (id == NULL)
		return kind == LOCK_DRAIN ? 0 : 1;
	for (int i = 0; i < HASH_DIGITS; i++)
		h = h * 16 + (id[i] <= '9' ? id[i] - '0' : id[i] - 'a' + 10);
	return 2 * h + (kind == LOCK_EDIT ? 16 : 17);
}

/* A lock on a file that is no longer the one of that name keeps nobody out. */
static bool
same_file(const struct lock_hand *h, struct fail *f)
{
	struct stat named;

	if (fstatat(h->dir, "lock", &named, AT_SYMLINK_NOFOLLOW) == -1)
		return fail_sys(f, "lock");
	if (h->dev != named.st_dev || h->ino != named.st_ino)
		return fail_set(f, FAIL_RETRY, "lock: the file was replaced");
	return true;
}

static int
apply(const struct lock_hand *h, short type, off_t at)
{
	struct flock l = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1
	};

	return fcntl(h->fd, F_OFD_SETLK, &l);
}

bool
lock_is_at(const struct lock_hand *h)
{
	struct stat named;

	if (fstatat(h->dir, "lock", &named, AT_SYMLINK_NOFOLLOW) == -1)
		return errno != ENOENT && errno != ENOTDIR;
	return h->dev == named.st_dev && h->ino == named.st_ino;
}

enum lock_got
lock_try(const struct lock_hand *h, enum lock_kind kind, const char *id,
    struct fail *f)
{
	if (!same_file(h, f))
		return LOCK_FAILED;
	if (apply(h, F_WRLCK, place(kind, id)) == 0)
		return LOCK_GOT;
	if (errno == EAGAIN || errno == EACCES || errno == EINTR)
		return LOCK_BUSY;
	(void)fail_sys(f, "lock");
	return LOCK_FAILED;
}

bool
lock_wait(const struct lock_hand *h, enum lock_kind kind, const char *id,
    struct fail *f)
{
	struct timespec pause = { .tv_nsec = PAUSE_NS };

	for (int i = 0; i < TRIES; i++) {
		switch (lock_try(h, kind, id, f)) {
		case LOCK_GOT:
			return true;
		case LOCK_FAILED:
			return false;
		case LOCK_BUSY:
			(void)nanosleep(&pause, NULL);
		}
	}
	return fail_set(f, FAIL_RETRY, "lock: busy for 2 s");
}

void
lock_drop(const struct lock_hand *h, enum lock_kind kind, const char *id)
{
	(void)apply(h, F_UNLCK, place(kind, id));
}
