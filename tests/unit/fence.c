#include "fence.h"

#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char top[] = "/tmp/fence-XXXXXX";

static bool
opens(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd != -1)
		(void)close(fd);
	return fd != -1;
}

static bool
is_shut(const char *path, int flags)
{
	return !opens(path, flags) && errno == EACCES;
}

static bool
runs(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		(void)execl("/bin/true", "true", (char *)NULL);
		_exit(99);
	}
	(void)waitpid(child, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool
binds(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int s = socket(AF_INET, SOCK_STREAM, 0);
	bool did = bind(s, (struct sockaddr *)(void *)&any, sizeof(any)) == 0;

	(void)close(s);
	return did;
}

/* What a library that is loaded late needs. */
static bool
maps(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *at = fd == -1
	    ? MAP_FAILED
	    : mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	if (fd != -1)
		(void)close(fd);
	return at != MAP_FAILED;
}

static void
make(void)
{
	static const char *const dirs[] = { "spool", "spool/a", "spool/b",
		"etc", "other" };

	if (mkdtemp(top) == NULL || chdir(top) == -1)
		abort();
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		(void)mkdir(dirs[i], 0700);
	(void)opens("etc/conf", O_CREAT | O_WRONLY);
	(void)opens("other/file", O_CREAT | O_WRONLY);
	if (symlink("../other/file", "spool/link") == -1)
		abort();
}

/* What has taken the place of what was allowed. */
static void
replaced(void)
{
	struct fence f = { .up = false };

	fence_allow(&f, "other", FENCE_READ);
	f.up = true;
	ok(fence_holds(&f, "other", FENCE_READ), "what was allowed is inside");
	(void)rename("other", "aside");
	(void)mkdir("other", 0700);
	ok(!fence_holds(&f, "other", FENCE_READ),
	    "a directory that took its place is not");
	(void)rmdir("other");
	(void)rename("aside", "other");
	arena_free(&f.arena);
}

static int
inside(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	struct fence f = { .up = false };

	replaced();
	ok(fence_holds(&f, "/", FENCE_CHANGE),
	    "without a fence all may be used");
	fence_allow(&f, "spool", FENCE_CHANGE);
	fence_allow(&f, "etc", FENCE_READ);
	fence_allow(&f, "/lib", FENCE_READ);
	fence_allow(&f, "/usr/lib", FENCE_READ);
	fence_allow(&f, "nowhere", FENCE_READ);
	fence_allow(&f, "/proc", FENCE_READ); /* for the leak sanitizer */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (abi < 2) {
		ok(!fence_up(&f), "a kernel without Landlock has no fence");
		ok(fence_holds(&f, "other", FENCE_CHANGE),
		    "and all may be used");
		ok(true, "skipped: the rest, for want of Landlock");
		arena_free(&f.arena);
		return tap_done();
	}
	ok(fence_up(&f), "the fence is put up");

	ok(opens("spool/a/new", O_CREAT | O_EXCL | O_WRONLY),
	    "a file of the spool can be made");
	ok(rename("spool/a/new", "spool/b/new") == 0,
	    "and moved between its directories");
	ok(link("spool/b/new", "spool/a/too") == 0, "and linked there");
	ok(opens("spool/a/too", O_WRONLY | O_TRUNC), "and cut");
	ok(unlink("spool/a/too") == 0, "and removed");
	ok(mkdir("spool/c", 0700) == 0 && rmdir("spool/c") == 0,
	    "so can a directory");
	ok(opens("spool", O_RDONLY | O_DIRECTORY), "and looked through");

	ok(opens("etc/conf", O_RDONLY), "the configuration can be read");
	ok(is_shut("etc/conf", O_WRONLY), "not changed");
	ok(is_shut("etc/new", O_CREAT | O_WRONLY), "nor joined");
	ok(unlink("etc/conf") == -1, "nor removed");

	ok(is_shut("other/file", O_RDONLY), "all else cannot be read");
	ok(is_shut("spool/link", O_RDONLY), "nor by a link");
	ok(is_shut("/", O_RDONLY | O_DIRECTORY), "nor looked through");
	ok(rename("spool/b/new", "other/new") == -1, "nothing moves out");
	ok(!runs(), "no program is run");
	ok(maps("/lib/x86_64-linux-gnu/libc.so.6") ||
		!opens("/lib/x86_64-linux-gnu/libc.so.6", O_RDONLY),
	    "but a library can be loaded");
	ok(abi < 4 || !binds(), "no port is bound");

	ok(fence_holds(&f, "spool/a", FENCE_CHANGE), "the spool is inside");
	ok(fence_holds(&f, "etc/conf", FENCE_READ), "the configuration too");
	ok(!fence_holds(&f, "etc/conf", FENCE_CHANGE), "to read alone");
	ok(!fence_holds(&f, "other/file", FENCE_READ), "what else is not");
	ok(!fence_holds(&f, "spool/link", FENCE_READ),
	    "a link is where it leads");
	ok(fence_holds(&f, "other/nothing", FENCE_READ),
	    "what is not there is not shut out");
	arena_free(&f.arena);
	return tap_done();
}

/* Who is inside cannot clean up. */
int
main(void)
{
	int status = 0;
	pid_t child;

	make();
	child = fork();
	if (child == 0)
		return inside();
	(void)waitpid(child, &status, 0);
	if (fork() == 0)
		(void)execl("/bin/rm", "rm", "-rf", top, (char *)NULL);
	(void)wait(NULL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
