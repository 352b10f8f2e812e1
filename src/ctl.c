/*
 * bellrelay: the command line.
 *
 * What there is to do is in the rooms of the table below, which also is the
 * usage.
 */
#include "array.h"
#include "browse.h"
#include "check.h"
#include "clean.h"
#include "command.h"
#include "deliver.h"
#include "doctor.h"
#include "fail.h"
#include "log.h"
#include "migrate.h"
#include "near.h"
#include "preview.h"
#include "prove.h"
#include "rehearse.h"
#include "replay.h"
#include "story.h"
#include "tend.h"
#include "trial.h"
#include "verify.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const struct command *const commands[] = {
	&check_command,
	&doctor_command,
	&trial_test,
	&rehearse_try,
	&browse_list,
	&story_show,
	&deliver_drain,
	&tend_retry,
	&tend_drop,
	&tend_prune,
	&migrate_move,
	&replay_command,
	&preview_map,
	&verify_command,
	&prove_sign,
	&prove_canonical,
	&prove_secret,
};

enum { COMMANDS = COUNT(commands) };

static void
usage(FILE *to)
{
	(void)fprintf(to, "usage: bellrelay [-c FILE] COMMAND\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		(void)fprintf(to, "  %s%s%s\n        %s\n", commands[i]->name,
		    commands[i]->usage[0] == '\0' ? "" : " ",
		    commands[i]->usage, commands[i]->summary);
	(void)fprintf(to,
	    "\nFILE absent or - is standard input.  Exit statuses are those "
	    "of sysexits.h.\n"
	    "bellrelay COMMAND --help says more, bellrelay --version what "
	    "this is.\n");
}

static int
version(void)
{
	(void)printf("bellrelay %s\n", VERSION);
	return EX_OK;
}

static const struct command *
find(const char *name, struct fail *f)
{
	struct near n = near_new(name);
	const struct command *found = NULL;

	for (size_t i = 0; i < COMMANDS; i++) {
		near_add(&n, commands[i]->name);
		if (strcmp(commands[i]->name, name) == 0)
			found = commands[i];
	}
	if (found == NULL)
		(void)fail_set(f, FAIL_INPUT,
		    "no such command as %.60s; wanted %s", name,
		    near_wanted(&n));
	near_free(&n);
	return found;
}

static int
misused(const struct fail *f)
{
	(void)command_failed(f, EX_USAGE);
	command_say("bellrelay --help says what there is");
	return EX_USAGE;
}

static int
run(struct command_call *call, char *const *args)
{
	struct fail f = { 0 };

	call->command = find(*args, &f);
	if (call->command == NULL || !command_parse(call, args + 1, &f))
		return misused(&f);
	if (call->help)
		command_help(call->command);
	else if (call->version)
		return version();
	else
		return call->command->run(call);
	return EX_OK;
}

static int
start(char *const *args)
{
	struct command_call call = { 0 };
	struct fail f = { 0 };

	while (
	    *args != NULL && **args == '-' && command_common(&call, &args, &f))
		;
	if (f.kind == FAIL_NONE && *args != NULL && **args == '-')
		(void)fail_set(&f, FAIL_INPUT,
		    "no such option as %.60s; wanted -c, --help or --version",
		    *args);
	if (f.kind != FAIL_NONE)
		return misused(&f);
	if (call.version)
		return version();
	if (*args != NULL)
		return run(&call, args);
	usage(call.help ? stdout : stderr);
	return call.help ? EX_OK : EX_USAGE;
}

/* What was to be on stdout and is not makes a yes worthless. */
static int
finish(int code)
{
	bool did = fflush(stdout) == 0 && ferror(stdout) == 0;

	if (did && close(STDOUT_FILENO) == 0)
		return code;
	command_say("stdout: %s", strerror(errno));
	return EX_IOERR;
}

/* A web server may pass a query string as arguments (RFC 3875, 4.4). */
static bool
is_cgi(void)
{
	return getenv("GATEWAY_INTERFACE") != NULL ||
	    getenv("REQUEST_METHOD") != NULL;
}

int
main(int argc, char **argv)
{
	clean_process();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	if (is_cgi()) {
		(void)printf("Status: 403 Forbidden\r\n"
			     "Content-Type: text/plain\r\n\r\n"
			     "bellrelay is not for the web; bellrelay.fcgi "
			     "is.\n");
		return finish(EX_OK);
	}
	log_spare_terminal();
	return finish(argc > 0 ? start(argv + 1) : EX_USAGE);
}
