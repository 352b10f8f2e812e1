/*
 * bellrelay.fcgi: a FastCGI responder, or plain CGI where it is started so.
 *
 * One request at a time; the web server starts as many processes as it is
 * told to.  libfcgi takes a signal in the middle of a read for the end of the
 * request (facts/webservers-and-c.md, 0.2), so signals that end us are blocked
 * and come by a descriptor, between requests; only SIGALRM interrupts, to end
 * what a silent peer would make last for ever.
 */
#include "answer.h"
#include "clean.h"
#include "conf.h"
#include "drain.h"
#include "fail.h"
#include "health.h"
#include "log.h"
#include "memory.h"
#include "metrics.h"
#include "relay.h"
#include "request.h"
#include "watch.h"
#include "webhook.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	ACCEPT_SECONDS = 5,  /* to send the parameters */
	BODY_SECONDS = 30,   /* to send the body */
	CGI_DRAIN_MS = 1000, /* after a CGI answer */
	LAST_MS = 3000,      /* for who waits when we are told to leave */
	TURN_MS = 2000,      /* a process that leaves for a fresh one takes so
				long, and the next begins after it */
	LEAVING_MS = 250,    /* looks while leaving */
	CHUNK = 16384,
	SURPLUS = 16, /* times the limit that we read and forget */
	PATH_BYTES = 8192,
	LISTENER = 0, /* where FastCGI has its listening socket */
};

extern char **environ;

/* ---- time limits ---- */

static void
wake(int sig)
{
	(void)sig;
}

/* A blocked read ends with EINTR after so many seconds, and each one after. */
static void
limit(int seconds)
{
	struct itimerval t = { .it_interval = { .tv_sec = seconds > 0 },
		.it_value = { .tv_sec = seconds } };

	(void)setitimer(ITIMER_REAL, &t, NULL);
}

/* ---- one request ---- */

/* Where a request comes from and its answer goes. */
struct door {
	FCGX_Request *fcgi; /* NULL: plain CGI */
};

static const char *
param(const void *from, const char *name)
{
	const struct door *d = from;

	if (d->fcgi == NULL)
		return getenv(name);
	return FCGX_GetParam(name, d->fcgi->envp);
}

/* Bytes read; 0 at the end; -1 when it broke off, and *state says how. */
static int
get(const struct door *d, char *to, int n, enum request_body *state)
{
	int did, error;

	if (d->fcgi == NULL) {
		did = (int)read(STDIN_FILENO, to, (size_t)n);
		error = did == -1 ? errno : 0;
	} else {
		did = FCGX_GetStr(to, n, d->fcgi->in);
		error = did > 0 ? 0 : FCGX_GetError(d->fcgi->in);
	}
	if (error == 0)
		return did;
	/* libfcgi's own are negative: what came is no FastCGI. */
	*state = error == EINTR ? REQUEST_SLOW
	    : error > 0         ? REQUEST_BROKEN
				: REQUEST_LIED;
	return -1;
}

/*
 * The body to its end, as far as it fits; what is too much is read and
 * forgotten, within reason: libfcgi needs its input drained
 * (facts/costs.md, 2), and a client its answer.
 */
static void
read_body(const struct door *d, struct request *req)
{
	int64_t announced = request_length(req);
	size_t total = 0;
	char chunk[CHUNK];
	int n;

	req->state = REQUEST_WHOLE;
	while ((n = get(d, chunk, sizeof(chunk), &req->state)) > 0) {
		buf_add(&req->body, chunk, (size_t)n);
		total += (size_t)n;
		if (total > SURPLUS * (req->body.max + CHUNK))
			break;
	}
	if (req->state != REQUEST_WHOLE && req->state != REQUEST_LIED)
		return;
	if (req->body.full)
		req->state = REQUEST_LONG;
	else if (announced >= 0 && (size_t)announced != total)
		req->state = REQUEST_LIED;
}

static void
put(const struct door *d, const struct buf *text)
{
	const char *at = text->data;
	size_t left = text->len;

	if (d->fcgi != NULL) {
		(void)FCGX_PutStr(at, (int)left, d->fcgi->out);
		return;
	}
	while (left > 0) {
		ssize_t n = write(STDOUT_FILENO, at, left);

		if (n == -1 && errno != EINTR)
			return;
		if (n > 0) {
			at += n;
			left -= (size_t)n;
		}
	}
}

static void
look(struct relay *r, const struct request *req, struct answer *out)
{
	if (req->what == REQUEST_HEALTH)
		health_answer(r, req, out);
	else
		metrics_answer(r, req, out);
}

/* Answer what the path and the method ask for. */
static void
dispatch(struct relay *r, struct request *req, struct answer *out)
{
	switch (req->what) {
	case REQUEST_NOTHING:
		answer_problem(out, r->setup == NULL ? 503 : 404,
		    r->setup == NULL ? "bellrelay has no valid configuration"
				     : "there is no such source",
		    &r->arena);
		return;
	case REQUEST_WEBHOOK:
		if (req->is_post) {
			webhook_take(r, req, out);
			return;
		}
		answer_problem(out, 405, "a webhook is a POST", &r->arena);
		out->allow = "POST";
		return;
	default:
		if (req->is_get) {
			look(r, req, out);
			return;
		}
		answer_problem(out, 405, "this can only be read", &r->arena);
		out->allow = "GET, HEAD";
	}
}

static void
log_other(const struct request *req, const struct answer *a)
{
	struct log_line l;

	/* A webhook is logged where it is taken; a look is not worth a line. */
	if (a->status < 400 || (req->what == REQUEST_WEBHOOK && req->is_post))
		return;
	l = log_begin(relay_now(), "request");
	log_int(&l, "http", a->status);
	log_str(&l, "method", request_param(req, "REQUEST_METHOD"));
	log_str(&l, "why", a->detail);
	log_end(&l);
}

static void
serve(struct relay *r, const struct door *d)
{
	struct request req = { .param = param,
		.from = d,
		.body = BUF_MAX(relay_body_limit(r)),
		.now = relay_now() };
	struct answer out = ANSWER_NEW;
	struct buf text = BUF_MAX(ANSWER_MAX);

	relay_refresh(r, req.now);
	relay_fence(r);
	req.body.max = relay_body_limit(r);
	limit(BODY_SECONDS);
	read_body(d, &req);
	limit(0);
	request_route(
	    &req, r->setup == NULL ? NULL : &r->setup->conf, &r->arena);
	dispatch(r, &req, &out);
	out.bare = req.is_head;
	answer_write(&out, &text);
	put(d, &text);
	log_other(&req, &out);
	arena_reset(&r->arena);
	buf_free(&text);
	buf_free(&out.body);
	buf_free(&req.body);
}

/* ---- plain CGI ---- */

static bool
is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/*
 * Some servers end a CGI program once its answer is complete
 * (facts/webservers-and-c.md, 0.8); what remains is done by a child in a
 * session of its own.  Locks are opened anew there.
 */
static void
drain_on(const char *path)
{
	struct relay r;
	struct fail f = { 0 };
	int64_t end;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	/* The server's log, or a pipe that would keep the request open. */
	if (!is_file(STDERR_FILENO))
		(void)dup2(null, STDERR_FILENO);
	if (!relay_open(&r, path, &f) || r.setup == NULL ||
	    !setup_spool(r.setup, &f))
		return;
	drain_use(&r.drain, r.setup);
	end = relay_now() + CGI_DRAIN_MS;
	while (relay_now() < end) {
		int64_t wait = drain_step(&r.drain, relay_now());

		watch_step(&r, relay_now());
		if (!forward_busy(&r.drain.forward) &&
		    !post_busy(r.post, POST_WATCH) && wait >= end - relay_now())
			break;
		post_poll(r.post,
		    wait < CGI_DRAIN_MS ? (long)wait : CGI_DRAIN_MS, NULL, 0,
		    NULL);
	}
	while (forward_busy(&r.drain.forward) && post_busy(r.post, POST_DRAIN))
		post_poll(r.post, CGI_DRAIN_MS, NULL, 0, NULL);
	if (forward_busy(&r.drain.forward))
		(void)forward_settle(&r.drain.forward, relay_now(), &f);
	drain_tell(&r.drain, relay_now());
	relay_flush(&r);
	relay_close(&r);
}

/* What was counted is not for a later request; the spool it was counted for may
 * be in no state to be opened whole. */
static void
flush_cgi(struct relay *r)
{
	int dir;

	relay_flush(r);
	if (r->setup == NULL || !counters_any(&r->counters))
		return;
	dir = open(r->setup->conf.spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir != -1) {
		counters_flush(&r->counters, dir);
		(void)close(dir);
	}
}

static int
serve_cgi(const char *path)
{
	struct relay r;
	struct door d = { NULL };
	struct fail f = { 0 };

	if (!relay_open(&r, path, &f))
		return fail_exit(f.kind);
	serve(&r, &d);
	flush_cgi(&r);
	relay_close(&r);
	if (fork() == 0) {
		(void)setsid();
		if (fork() == 0)
			drain_on(path);
		_exit(0);
	}
	return EX_OK;
}

/* ---- FastCGI ---- */

static bool
readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void
accept_one(struct relay *r, FCGX_Request *fcgi)
{
	struct door d = { fcgi };

	limit(ACCEPT_SECONDS);
	if (FCGX_Accept_r(fcgi) != 0) {
		limit(0);
		return;
	}
	drain_yield(&r->drain);
	serve(r, &d);
	/* Finishing waits for the peer to close; it may not. */
	limit(ACCEPT_SECONDS);
	FCGX_Finish_r(fcgi);
	limit(0);
}

/* How a process came to be, and when it is to go. */
struct life {
	pid_t parent;
	bool seen;    /* the socket that we listen on, by its name */
	bool leaving; /* it is our turn */
	int64_t end;  /* of that turn */
};

/* Whether the directory of a name is there, from where we run. */
static bool
can_be_seen(const char *path)
{
	char dir[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
	char *slash;

	(void)snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	slash[slash == dir] = '\0';
	return access(dir, F_OK) == 0;
}

/*
 * Whether the socket that we listen on can no longer be reached.  A responder
 * that was started just as its server stopped has missed the signal.  One that
 * has another root than its server never saw it.
 */
static bool
is_orphan(struct life *l)
{
	struct sockaddr_un name = { .sun_family = AF_UNSPEC };
	socklen_t size = sizeof(name) - 1;

	if (getsockname(LISTENER, (struct sockaddr *)(void *)&name, &size) ==
		-1 ||
	    name.sun_family != AF_UNIX || name.sun_path[0] != '/')
		return false;
	if (access(name.sun_path, F_OK) == 0) {
		l->seen = true;
		return false;
	}
	return errno == ENOENT && (l->seen || can_be_seen(name.sun_path));
}

/* Whether whoever started us is there to start another: not so for a process
 * that spawn-fcgi left behind. */
static bool
is_supervised(const struct life *l)
{
	return getppid() == l->parent &&
	    (l->parent > 1 || getenv("INVOCATION_ID") != NULL);
}

/*
 * Whether to leave, so that a fresh process takes up what our fence shuts out:
 * one at a time, and the next no sooner than the server has started another.
 * A spool that was moved aside takes nothing more, whoever comes after us.
 */
static bool
is_outdated(const struct relay *r, struct life *l)
{
	struct fail ignored = { 0 };

	if (!r->outside)
		return false;
	if (r->setup->boxes == NULL || setup_moved(r->setup))
		return true;
	if (!is_supervised(l))
		return false;
	if (!l->leaving &&
	    lock_try(&r->setup->order, LOCK_DRAIN, NULL, &ignored) ==
		LOCK_GOT) {
		l->leaving = true;
		l->end = relay_now() + TURN_MS;
	}
	return l->leaving && relay_now() >= l->end &&
	    !forward_busy(&r->webhook) && !forward_busy(&r->drain.forward);
}

/* Who waits already is served: the backlog would be refused with the socket. */
static void
last_calls(struct relay *r, FCGX_Request *fcgi)
{
	int64_t end = relay_now() + LAST_MS;

	while (relay_now() < end && readable(LISTENER))
		accept_one(r, fcgi);
}

/* Idle work; how long it can wait for more. */
static long
idle(struct relay *r)
{
	struct fail f = { 0 };
	int64_t now = relay_now();
	long wait;

	relay_refresh(r, now);
	relay_fence(r);
	relay_flush(r);
	if (forward_busy(&r->webhook))
		(void)forward_settle(&r->webhook, now, &f);
	if (r->setup == NULL || !setup_spool(r->setup, &f))
		return 5000;
	if (r->drain.setup != r->setup && !forward_busy(&r->drain.forward))
		drain_use(&r->drain, r->setup);
	wait = (long)drain_step(&r->drain, now);
	watch_step(r, now);
	relay_flush(r);
	return r->outside && wait > LEAVING_MS ? LEAVING_MS : wait;
}

/* Webhooks go before idle work.  How long it can wait for more. */
static long
between(struct relay *r)
{
	if (!readable(LISTENER))
		return idle(r);
	relay_flush_late(r, relay_now());
	return 0;
}

static int
serve_fastcgi(const char *path, int signals)
{
	struct life life = { .parent = getppid() };
	FCGX_Request fcgi;
	struct relay r;
	struct fail f = { 0 };
	int fds[] = { LISTENER, signals };
	bool ready[] = { false, false };
	long wait = 0;

	memory_lend();
	(void)fcntl(LISTENER, F_SETFL, fcntl(LISTENER, F_GETFL) | O_NONBLOCK);
	if (!relay_open(&r, path, &f))
		return fail_exit(f.kind);
	(void)FCGX_InitRequest(&fcgi, LISTENER, 0);
	while (!ready[1] && !is_orphan(&life) && !is_outdated(&r, &life)) {
		post_poll(r.post, wait, fds, 2, ready);
		if (ready[0] && !ready[1])
			accept_one(&r, &fcgi);
		wait = between(&r);
	}
	last_calls(&r, &fcgi);
	relay_flush(&r);
	/* The server does not know that we go: whoever comes while all is put
	 * away in good order would find nobody. */
	if (r.outside)
		_exit(EX_OK);
	relay_close(&r);
	return EX_OK;
}

/* ---- start ---- */

static int
catch_signals(void)
{
	struct sigaction quiet = { .sa_handler = wake };
	sigset_t ends;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGINT);
	(void)sigaddset(&ends, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &ends, NULL);
	/* Before FCGX_Init, which leaves alone what is taken. */
	(void)sigaction(SIGALRM, &quiet, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	return signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A listening socket where standard input would be means FastCGI. */
static bool
is_fastcgi(void)
{
	int listening = 0;
	socklen_t size = sizeof(listening);

	return getsockopt(LISTENER, SOL_SOCKET, SO_ACCEPTCONN, &listening,
		   &size) == 0 &&
	    listening == 1;
}

static int
complain(const char *why)
{
	struct log_line l = log_begin(relay_now(), "start");

	log_str(&l, "result", "failed");
	log_str(&l, "why", why);
	log_end(&l);
	return EX_CONFIG;
}

/* Arguments are ignored: a web server may pass a query string as such. */
int
main(void)
{
	struct buf path = BUF_MAX(PATH_BYTES);
	struct fail f = { 0 };
	bool fastcgi = is_fastcgi();
	int signals;
	int code;

	clean_process();
	/* What a parent left open is not ours, and must not be held. */
	(void)close_range(STDERR_FILENO + 1, ~0U, 0);
	if (!fastcgi && getenv("REQUEST_METHOD") == NULL)
		return complain(
		    "to be started by a web server; see the README");
	signals = catch_signals();
	if (FCGX_Init() != 0)
		return complain("FCGX_Init failed");
	if (!conf_find(NULL, &path, &f))
		(void)complain(f.text);
	code =
	    fastcgi ? serve_fastcgi(path.data, signals) : serve_cgi(path.data);
	buf_free(&path);
	return code;
}
