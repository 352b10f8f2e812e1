#include "refusals.h"

#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 50, AT_ONCE = 3, NOW = 1000 };

static char root[] = "/tmp/refusals.XXXXXX";

/* A process that begins once nobody holds the pipe open for writing. */
static void
refuse(int dir, const char *source, const int gate[2])
{
	char byte;

	(void)fflush(stdout);
	if (fork() != 0)
		return;
	(void)close(gate[1]);
	(void)!read(gate[0], &byte, 1);
	refusals_note(dir, source, NOW);
	_exit(0);
}

static bool
is_many_at_once(int dir, int round)
{
	char source[32];
	int gate[2];

	(void)snprintf(source, sizeof(source), "source-%d", round);
	if (pipe(gate) == -1)
		return false;
	for (int i = 0; i < AT_ONCE; i++)
		refuse(dir, source, gate);
	(void)close(gate[1]);
	while (wait(NULL) > 0)
		;
	(void)close(gate[0]);
	return refusals_many(dir, source, NOW);
}

int
main(void)
{
	char command[300];
	int many = 0;
	int dir;

	ok(mkdtemp(root) != NULL, "a directory");
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int round = 0; round < ROUNDS; round++)
		many += is_many_at_once(dir, round);
	ok(many == ROUNDS, "three at once are three, in three processes: %d",
	    many);
	(void)close(dir);
	(void)snprintf(command, sizeof(command), "rm -r %s", root);
	ok(system(command) == 0, "all is cleared away");
	return tap_done();
}
