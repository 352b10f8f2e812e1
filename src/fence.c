#include "fence.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * linux/landlock.h of a newer kernel: what the build machine has may be older
 * than the kernel that we run on, and says which rights it knows.
 */
enum {
	ABI_VERSION = 1 << 0, /* of landlock_create_ruleset */
	RULE_BENEATH = 1,
	ABI_REFER = 2,
	ABI_TRUNCATE = 3,
	ABI_NET = 4,
	ABI_IOCTL = 5,
	ABI_SCOPE = 6,
};

enum {
	EXECUTE = 1 << 0,
	WRITE_FILE = 1 << 1,
	READ_FILE = 1 << 2,
	READ_DIR = 1 << 3,
	REMOVE_DIR = 1 << 4,
	REMOVE_FILE = 1 << 5,
	MAKE_DIR = 1 << 7,
	MAKE_REG = 1 << 8,
	FIRST = (1 << 13) - 1, /* all of version 1 */
	REFER = 1 << 13,
	TRUNCATE = 1 << 14,
	IOCTL_DEV = 1 << 15,
	OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV,
	NET_BIND = 1 << 0,
	SCOPE_ABSTRACT = 1 << 0,
	SCOPE_SIGNAL = 1 << 1,
};

struct ruleset {
	uint64_t fs, net, scoped;
};

struct beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

struct fence_place {
	struct fence_place *next;
	const char *path; /* without symbolic links */
	enum fence_right right;
	dev_t dev; /* the kernel goes by these: a successor of that name is */
	ino_t ino; /* outside */
};

static const uint64_t rights[] = {
	[FENCE_READ] = READ_FILE | READ_DIR,
	[FENCE_CHANGE] = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE |
	    REMOVE_FILE | REMOVE_DIR | MAKE_DIR | MAKE_REG | REFER,
};

/* ---- what is inside ---- */

/* Whether path is dir or below it. */
static bool
is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (n == 1)
		return true;
	return strncmp(path, dir, n) == 0 &&
	    (path[n] == '\0' || path[n] == '/');
}

static bool
is_still(const struct fence_place *p)
{
	struct stat st;

	return stat(p->path, &st) == 0 && st.st_dev == p->dev &&
	    st.st_ino == p->ino;
}

static bool
is_inside(const struct fence *f, const char *real, enum fence_right right)
{
	for (const struct fence_place *p = f->places; p != NULL; p = p->next)
		if (p->right >= right && is_below(real, p->path) && is_still(p))
			return true;
	return false;
}

void
fence_allow(struct fence *f, const char *path, enum fence_right right)
{
	char real[PATH_MAX];
	struct fence_place *p;
	struct stat st;

	if (f->up || realpath(path, real) == NULL || stat(real, &st) == -1 ||
	    is_inside(f, real, right))
		return;
	p = arena_alloc(&f->arena, sizeof(*p));
	*p = (struct fence_place){ f->places, arena_str(&f->arena, real), right,
		st.st_dev, st.st_ino };
	f->places = p;
}

bool
fence_holds(const struct fence *f, const char *path, enum fence_right right)
{
	char real[PATH_MAX];

	/* What is not there cannot be shut out. */
	return !f->up || realpath(path, real) == NULL ||
	    is_inside(f, real, right);
}

/* ---- the kernel's side ---- */

static uint64_t
known(long abi)
{
	return FIRST | REFER | (abi >= ABI_TRUNCATE ? (uint64_t)TRUNCATE : 0) |
	    (abi >= ABI_IOCTL ? (uint64_t)IOCTL_DEV : 0);
}

static int
make_ruleset(long abi)
{
	const struct ruleset r = {
		.fs = known(abi),
		.net = NET_BIND,
		.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL,
	};
	size_t size = abi >= ABI_SCOPE ? sizeof(r)
	    : abi >= ABI_NET           ? offsetof(struct ruleset, scoped)
				       : offsetof(struct ruleset, net);

	return (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
}

static bool
add_rule(int set, const struct fence_place *p, long abi)
{
	struct beneath rule = { .parent = open(p->path, O_PATH | O_CLOEXEC) };
	struct stat st;
	bool did;

	if (rule.parent == -1)
		return errno == ENOENT;
	rule.allowed = rights[p->right] & known(abi);
	did = fstat(rule.parent, &st) == 0;
	if (did && !S_ISDIR(st.st_mode))
		rule.allowed &= OF_FILES;
	did = did &&
	    syscall(SYS_landlock_add_rule, set, RULE_BENEATH, &rule, 0) == 0;
	(void)close(rule.parent);
	return did;
}

bool
fence_up(struct fence *f)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, ABI_VERSION);
	int set = abi >= ABI_REFER ? make_ruleset(abi) : -1;
	bool good = set != -1;

	for (const struct fence_place *p = f->places; good && p != NULL;
	     p = p->next)
		good = add_rule(set, p, abi);
	f->up = good && syscall(SYS_landlock_restrict_self, set, 0) == 0;
	if (set != -1)
		(void)close(set);
	return f->up;
}
