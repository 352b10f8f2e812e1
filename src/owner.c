#include "owner.h"

#include "arena.h"
#include "fail.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *
owner_name(unsigned long uid, struct arena *a)
{
	const struct passwd *user = getpwuid((uid_t)uid);

	return user != NULL ? arena_str(a, user->pw_name)
			    : arena_printf(a, "#%lu", uid);
}

/*
 * The groups that the responder has, which runs as that user; a user who is in
 * no database has the spool's alone.
 */
static bool
take_groups(const struct stat *st, gid_t *gid)
{
	const struct passwd *user = getpwuid(st->st_uid);

	*gid = user != NULL ? user->pw_gid : st->st_gid;
	return user != NULL ? initgroups(user->pw_name, *gid) == 0
			    : setgroups(1, gid) == 0;
}

/* Groups first: afterwards it is no longer allowed. */
static bool
change_to(const struct stat *st, struct fail *f)
{
	gid_t gid;

	if (!take_groups(st, &gid) || setresgid(gid, gid, gid) == -1 ||
	    setresuid(st->st_uid, st->st_uid, st->st_uid) == -1)
		return fail_sys(f, "change to the spool's owner");
	if (getuid() != st->st_uid || geteuid() != st->st_uid ||
	    getegid() != gid || setuid(0) == 0)
		return fail_set(
		    f, FAIL_BROKEN, "change to the spool's owner: still root");
	return true;
}

static bool
not_ours(const char *path, const struct stat *st, struct fail *f)
{
	struct arena a = { 0 };
	const char *name = owner_name(st->st_uid, &a);

	(void)fail_set(f, FAIL_AUTH,
	    "the spool %s belongs to %s; sudo -u %s bellrelay ...", path, name,
	    name);
	arena_free(&a);
	return false;
}

bool
owner_become(const char *path, struct fail *f)
{
	struct stat st;

	if (stat(path, &st) == -1 && errno == EACCES)
		return fail_set(f, FAIL_AUTH,
		    "the spool %s: %s; run it as the user that bellrelay.fcgi "
		    "runs as: sudo -u USER bellrelay ...",
		    path, strerror(errno));
	if (stat(path, &st) == -1)
		return fail_set(f, FAIL_BROKEN,
		    "the spool %s: %s; make it for the user that "
		    "bellrelay.fcgi "
		    "runs as: install -d -m 700 -o USER %s",
		    path, strerror(errno), path);
	if (!S_ISDIR(st.st_mode))
		return fail_set(
		    f, FAIL_BROKEN, "the spool %s is not a directory", path);
	if (geteuid() == st.st_uid)
		return true;
	return geteuid() == 0 ? change_to(&st, f) : not_ours(path, &st, f);
}
