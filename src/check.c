#include "check.h"

#include "backlog.h"
#include "buf.h"
#include "checkup.h"
#include "command.h"
#include "conf.h"
#include "finding.h"
#include "relay.h"
#include "setup.h"

#include <sysexits.h>

enum { CONF_MAX = 16 << 20 };

static void
print_conf(const struct conf *conf)
{
	struct buf text = BUF_MAX(CONF_MAX);

	conf_print(conf, &text);
	command_print(&text);
	buf_free(&text);
}

/* A line each, of all that is not as it should be. */
static void
say(const struct findings *all)
{
	for (const struct finding *f = all->first; f != NULL; f = f->next)
		if (f->grade != FINDING_OK)
			command_say("%s: %s: %s%s%s",
			    f->grade == FINDING_FAILURE
				? "error"
				: finding_word(f->grade),
			    f->what, f->text, f->cure == NULL ? "" : "; ",
			    f->cure == NULL ? "" : f->cure);
}

static int
check(const struct command_call *call)
{
	struct setup setup;
	struct findings found = { .first = NULL };
	int code = command_conf(call, &setup);

	if (code != EX_OK)
		return code;
	print_conf(&setup.conf);
	if (checkup(&setup, &found))
		backlog_orphans(&setup, &found, relay_now());
	say(&found);
	command_say(
	    "note: under plain CGI and mod_fcgid a cron line is part of "
	    "it: * * * * * %s -c %s drain --due",
	    command_program(&found.arena), setup.conf.path);
	code = found.count[FINDING_FAILURE] > 0 ? EX_CONFIG : EX_OK;
	command_say("%s: %s", setup.conf.path,
	    code == EX_OK ? "fine" : "to be mended, see above");
	setup_close(&setup);
	arena_free(&found.arena);
	return code;
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
