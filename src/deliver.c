#include "deliver.h"

#include "catalog.h"
#include "command.h"
#include "conf.h"
#include "drain.h"
#include "fail.h"
#include "relay.h"
#include "setup.h"
#include "watch.h"
#include "when.h"

#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

enum { POLL_MS = 1000, TELL_MS = 200 };

struct delivery {
	struct relay relay;
	sigset_t ends;
	int signals;
	bool stop;
	bool seen;    /* somebody sits before it */
	bool watched; /* the watch had its look, after all was tried */
	int64_t told;
};

/* ---- signals ---- */

static void
catch_signals(struct delivery *d)
{
	(void)sigemptyset(&d->ends);
	(void)sigaddset(&d->ends, SIGINT);
	(void)sigaddset(&d->ends, SIGTERM);
	(void)sigaddset(&d->ends, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &d->ends, NULL);
	d->signals = signalfd(-1, &d->ends, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The first one asks us to end; a second one ends us, which loses nothing. */
static void
heed(struct delivery *d)
{
	struct signalfd_siginfo info;

	if (read(d->signals, &info, sizeof(info)) == sizeof(info))
		(void)sigprocmask(SIG_UNBLOCK, &d->ends, NULL);
	command_say("ending after the call in flight");
}

/* ---- progress ---- */

static void
tell(struct delivery *d, bool last)
{
	const size_t *ended = d->relay.drain.ended;
	int64_t now = relay_now();

	if (!d->seen || (!last && now >= d->told && now < d->told + TELL_MS))
		return;
	d->told = now;
	/* Back at the left, so that what is logged next writes over it. */
	(void)fprintf(stderr, "\r\033[K%zu delivered, %zu to go\r",
	    ended[FORWARD_DELIVERED], drain_owed(&d->relay.drain));
	if (last)
		(void)fprintf(stderr, "\033[K");
}

/* ---- the run ---- */

static void
end_call(struct delivery *d)
{
	struct forward *fw = &d->relay.drain.forward;

	while (forward_busy(fw) && post_busy(d->relay.post, POST_DRAIN))
		post_poll(d->relay.post, POLL_MS, NULL, 0, NULL);
	if (forward_busy(fw))
		(void)drain_step(&d->relay.drain, relay_now());
}

/* Once all was tried: the heartbeat, and word of what does not get through. */
static bool
watch(struct delivery *d)
{
	if (!d->watched) {
		drain_tell(&d->relay.drain, relay_now());
		watch_step(&d->relay, relay_now());
	} else if (post_busy(d->relay.post, POST_WATCH))
		post_poll(d->relay.post, POLL_MS, NULL, 0, NULL);
	else
		return false;
	d->watched = true;
	return true;
}

static void
run(struct delivery *d)
{
	while (!d->stop) {
		int64_t wait = drain_step(&d->relay.drain, relay_now());

		relay_flush_late(&d->relay, relay_now());
		tell(d, false);
		if (wait > 0 && drain_over(&d->relay.drain, relay_now())) {
			if (!watch(d))
				break;
			continue;
		}
		post_poll(d->relay.post, (long)wait, &d->signals, 1, &d->stop);
	}
	if (d->stop)
		heed(d);
	end_call(d);
	drain_tell(&d->relay.drain, relay_now());
	relay_flush(&d->relay);
}

/* ---- what came of it ---- */

/* A destination that is called no oftener than so. */
static void
say_rate(const struct setup_box *to, const struct pace *p)
{
	int64_t now = relay_now();
	int64_t room = pace_room(p, to->to->rate, now);
	char at[WHEN_SIZE];

	if (room == now)
		return;
	when_write(room, at);
	command_say("destination %s: at its rate of %u in a minute the next "
		    "call may go at %s",
	    to->to->name, to->to->rate, at);
}

static void
say_state(const struct setup_box *to)
{
	struct arena a = { 0 };
	char since[WHEN_SIZE];
	struct pace p;

	catalog_pace(&to->box, &p, &a);
	when_write(p.since, since);
	if (p.mode == PACE_HELD)
		command_say("destination %s is held since %s: it answered 401, "
			    "403 or 404; see its url and token_file, "
			    "bellrelay test %s",
		    to->to->name, since, to->to->name);
	if (p.mode == PACE_RESTING)
		command_say("destination %s rests since %s: it is not reached, "
			    "or limits us; bellrelay list --pending says more",
		    to->to->name, since);
	if (p.mode != PACE_READY)
		say_rate(to, &p);
	arena_free(&a);
}

static int
report(const struct delivery *d, bool due)
{
	const size_t *ended = d->relay.drain.ended;
	const struct setup *s = d->relay.setup;
	size_t owed = 0;

	for (size_t i = 0; i < s->conf.n_destinations; i++) {
		size_t n = catalog_owed(&s->boxes[i].box);

		owed += n;
		if (n > 0 && !due)
			say_state(&s->boxes[i]);
	}
	if (ended[FORWARD_LATER] > 0 && !due)
		command_say("bellrelay list --pending says what failed, "
			    "bellrelay show ALERT why");
	if (!due)
		(void)printf("%zu delivered, %zu refused, %zu failed; %zu %s\n",
		    ended[FORWARD_DELIVERED], ended[FORWARD_DEAD],
		    ended[FORWARD_LATER], owed,
		    owed == 1 ? "alert still waits" : "alerts still wait");
	return owed == 0 ? EX_OK : EX_TEMPFAIL;
}

static int
deliver(struct delivery *d, bool due)
{
	struct relay *r = &d->relay;
	struct fail f = { 0 };

	if (!setup_spool(r->setup, &f))
		return command_failed(&f, EX_CANTCREAT);
	catch_signals(d);
	d->seen = isatty(STDERR_FILENO) == 1;
	r->drain.force = !due;
	r->drain.once = true;
	drain_use(&r->drain, r->setup);
	run(d);
	tell(d, true);
	return report(d, due);
}

/* As the spool's owner, from the configuration that the command found. */
static int
open_relay(struct delivery *d, const struct setup *s)
{
	struct fail f = { 0 };
	int code = command_owner(&s->conf);

	if (code != EX_OK)
		return code;
	if (!relay_open(&d->relay, s->conf.path, &f))
		return command_failed(&f, EX_SOFTWARE);
	if (d->relay.setup != NULL)
		return EX_OK;
	command_say("%s", d->relay.broken);
	return EX_CONFIG;
}

static int
drain(const struct command_call *call)
{
	struct delivery d = { .stop = false };
	struct setup found;
	int code = command_conf(call, &found);

	if (code != EX_OK)
		return code;
	code = open_relay(&d, &found);
	if (code == EX_OK)
		code = deliver(&d, command_option(call, "--due") != NULL);
	if (d.relay.post != NULL)
		relay_close(&d.relay);
	setup_close(&found);
	return code;
}

const struct command deliver_drain = {
	.name = "drain",
	.summary = "deliver what waits",
	.usage = "[--due]",
	.text =
	    "  Tries everything that waits once, whatever its schedule.  A\n"
	    "  destination that rests or is held is probed with one alert at\n"
	    "  once, by each run with the next, and gets the others if it\n"
	    "  takes that.  Safe beside the responder and any number of\n"
	    "  others.  What is logged goes to stderr, unless that is a\n"
	    "  terminal.  An interrupt ends it after the call in flight.\n"
	    "\n"
	    "  Under plain CGI and mod_fcgid a cron line delivers what was "
	    "not\n"
	    "  delivered at once:\n"
	    "\n"
	    "      * * * * *  /usr/local/bin/bellrelay drain --due "
	    "2>>$HOME/bellrelay.log\n",
	.codes = "  0   nothing waits\n"
		 "  73  the spool cannot be used\n"
		 "  75  something still waits\n"
		 "  77  the spool belongs to somebody else\n"
		 "  78  the configuration is broken\n",
	.options = { { "--due", NULL,
	    "keep the schedule, and print nothing: for cron", false } },
	.run = drain,
};
