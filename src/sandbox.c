#include "sandbox.h"

#include "arena.h"
#include "array.h"
#include "conf.h"
#include "fence.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Name service, certificates and what libraries load late.  Directories, where
 * they hold what is replaced by a new file (resolv.conf, certificates).
 */
static const char *const needed[] = {
	"/etc",
	"/lib",
	"/lib64",
	"/usr/lib",
	"/usr/lib64",
	"/usr/local/lib",
	"/usr/share",
	"/usr/local/share",
	"/run/systemd/resolve",
	"/run/resolvconf",
	"/run/NetworkManager",
	"/run/nscd",
	"/var/lib/sss",
	"/proc/sys",
	"/sys/devices/system/cpu",
	"/dev/urandom",
	"/dev/random",
};

/* Of the file at path; itself, if all of the machine would be. */
static const char *
place_of(const char *path, struct arena *a)
{
	char *dir = arena_str(a, path);
	char *slash = strrchr(dir, '/');

	if (slash == NULL || slash == dir)
		return path;
	*slash = '\0';
	return dir;
}

/* Where the name stands and where it leads: either may be replaced. */
static void
allow_file(struct fence *f, const char *path)
{
	char real[PATH_MAX];

	fence_allow(f, place_of(path, &f->arena), FENCE_READ);
	if (realpath(path, real) != NULL)
		fence_allow(f, place_of(real, &f->arena), FENCE_READ);
}

static bool
holds_files(const struct conf *c, const char *dir)
{
	size_t n = strlen(dir);

	for (const struct file *file = c->files; file != NULL;
	     file = file->next)
		if (strncmp(file->path, dir, n) == 0)
			return true;
	return false;
}

/*
 * The directory around the spool where it is the system's, such as /var/spool,
 * so that a spool that was moved aside, or has a disk mounted over it, finds
 * its successor inside.  Not one that is ours to change, nor one of the first
 * level.
 */
static const char *
room_of(const struct conf *c, struct arena *a)
{
	const char *around = place_of(c->spool, a);

	return access(around, W_OK) == 0 || strchr(around + 1, '/') == NULL ||
		holds_files(c, around)
	    ? c->spool
	    : around;
}

void
sandbox_enter(struct fence *f, const struct conf *c)
{
	for (size_t i = 0; i < COUNT(needed); i++)
		fence_allow(f, needed[i], FENCE_READ);
	for (const struct file *file = c->files; file != NULL;
	     file = file->next)
		allow_file(f, file->path);
	allow_file(f, "/etc/resolv.conf");
	allow_file(f, "/proc/self/exe");
	fence_allow(f, "/dev/null", FENCE_CHANGE);
	fence_allow(f, room_of(c, &f->arena), FENCE_CHANGE);
	(void)fence_up(f);
}

bool
sandbox_outside(const struct fence *f, const struct conf *c)
{
	bool outside = false;

	for (const struct file *file = c->files; file != NULL;
	     file = file->next) {
		if (fence_holds(f, file->path, FENCE_READ))
			continue;
		/* This asks for modes alone: Landlock lets it pass. */
		if (access(file->path, R_OK) == -1)
			return false;
		outside = true;
	}
	if (c->spool == NULL || fence_holds(f, c->spool, FENCE_CHANGE))
		return outside;
	return access(c->spool, R_OK | W_OK | X_OK) == 0;
}
