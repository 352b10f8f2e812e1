#include "wiring.h"

#include "array.h"
#include "buf.h"
#include "command.h"
#include "conf.h"
#include "fail.h"
#include "finding.h"
#include "owner.h"
#include "post.h"
#include "setup.h"
#include "tree.h"

#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

enum {
	POLL_MS = 1000,
	CONNECT_MS = 3000,
	WHOLE_MS = 15000,
	CAP = 128 << 10, /* mod_fcgid's own limit for a body */
	BODY_MAX = 64 << 20,
	LEVELS = 5, /* of v2/alert_events/http/SOURCE/TOKEN */
};

static const char what[] = "web server";

/* Not a name that a source can have, so nothing is ever taken there. */
static const char nowhere[] = "Doctor";

struct wiring {
	struct setup *s;
	struct post *p;
	struct findings *to;
	struct arena *a; /* theirs */
	const char *base;
	bool here;   /* this machine is asked, whatever the name resolves to */
	bool secret; /* the status token is sent */
	bool away;   /* redirected: no secret goes there */
	struct post_answer answer;
	struct post_way way;
	struct tree *said; /* the answer's JSON, or NULL */
};

/* ---- the URL ---- */

static char *
last_segment(char *url)
{
	char *from = strstr(url, "://");
	char *slash;

	from = from == NULL ? url : from + 3;
	slash = strrchr(from, '/');
	return slash == NULL ? NULL : slash + 1;
}

static void
trim(char *url)
{
	size_t n = strcspn(url, "?#");

	while (n > 0 && url[n - 1] == '/')
		n--;
	url[n] = '\0';
}

static void
drop_segment(char *url)
{
	char *last = last_segment(url);

	if (last != NULL) {
		last[-1] = '\0';
		trim(url);
	}
}

static bool
ends_in_source(const struct conf *c, char *url)
{
	const char *last = last_segment(url);

	return last != NULL && conf_source(c, last) != NULL;
}

/* BASE alone, of a URL of healthz, of a source, or of a source and its token.
 */
static const char *
base_of(const struct conf *c, const char *url, struct arena *a)
{
	static const char drop_in[] = "/v2/alert_events/http";
	char *base = arena_str(a, url);
	char *last, *shorter;
	size_t n;

	trim(base);
	last = last_segment(base);
	shorter = arena_str(a, base);
	drop_segment(shorter);
	if (last != NULL &&
	    (strcmp(last, "healthz") == 0 || strcmp(last, "metrics") == 0))
		return shorter;
	if (!ends_in_source(c, base) && ends_in_source(c, shorter))
		base = shorter;
	if (ends_in_source(c, base))
		drop_segment(base);
	n = strlen(base);
	if (n > sizeof(drop_in) - 1 &&
	    strcmp(base + n - (sizeof(drop_in) - 1), drop_in) == 0)
		base[n - (sizeof(drop_in) - 1)] = '\0';
	return base;
}

/* ---- one exchange ---- */

static void
ask(struct wiring *w, const char *path, const char *token, const char *body,
    size_t n)
{
	struct post_target t = {
		.url = arena_printf(w->a, "%s/%s", w->base, path),
		.token = token,
		.connect_ms = CONNECT_MS,
		.way = &w->way,
		.plain = !w->secret,
		.here = w->here,
	};
	struct fail ignored = { 0 };

	command_progress("asking %s", w->base);
	post_start(w->p, POST_DRAIN, &t, body, n, WHOLE_MS);
	while (!post_done(w->p, POST_DRAIN, &w->answer))
		post_poll(w->p, POLL_MS, NULL, 0, NULL);
	w->said = NULL;
	(void)tree_parse(
	    w->answer.text, w->answer.text_len, w->a, &w->said, &ignored);
}

/* Whether it is bellrelay that answered. */
static bool
is_ours(const struct wiring *w)
{
	static const char *const words[] = { "ok", "degraded", "failing" };

	if (tree_get(w->said, "retryable") != NULL)
		return true;
	for (size_t i = 0; i < COUNT(words); i++)
		if (tree_says(tree_get(w->said, "status"), words[i]))
			return true;
	return false;
}

static bool
is_health(const struct wiring *w)
{
	return is_ours(w) && tree_get(w->said, "retryable") == NULL;
}

/* ---- who answers, if not bellrelay ---- */

static const struct {
	int status;
	const char *text;
	const char *cure;
} strangers[] = {
	{ 401, "the web server asks for a login",
	    "except BASE from it: senders have none" },
	{ 403, "the web server forbids it",
	    "Require all granted, Options +ExecCGI; under suexec the owner and "
	    "modes of program and directory" },
	{ 404, "nothing is mounted there",
	    "take BASE from the file of lighttpd-conf/, apache-conf/ or "
	    "other-conf/ in use; its virtual host must be the one asked" },
	{ 405, "the web server knows no such method there",
	    "mount bellrelay there as a program, not as a file" },
	{ 500, "the program does not start, or ended without an answer",
	    "see the web server's error log; its user must be allowed to run "
	    "bellrelay.fcgi" },
	{ 502, "the web server gets no answer from bellrelay's socket",
	    "start the responders; the web server's user must be allowed to "
	    "write to the socket" },
	{ 503, "the web server does not reach bellrelay's socket",
	    "start the responders; the web server's user must be allowed to "
	    "write to the socket" },
	{ 504, "bellrelay does not answer the web server in time",
	    "start more responders; see the log for what keeps them" },
};

static bool
is_program(const struct wiring *w)
{
	return (w->answer.text_len >= 4 &&
		   memcmp(w->answer.text, "\177ELF", 4) == 0) ||
	    strstr(w->way.type, "octet-stream") != NULL;
}

static void
say_stranger(struct wiring *w)
{
	int status = w->answer.status;

	for (size_t i = 0; i < COUNT(strangers); i++)
		if (strangers[i].status == status) {
			finding_add(w->to, FINDING_FAILURE, what,
			    strangers[i].cure, "%s (HTTP %d)",
			    strangers[i].text, status);
			return;
		}
	if (is_program(w))
		finding_add(w->to, FINDING_FAILURE, what,
		    "Options +ExecCGI and the handler, as in apache-conf/",
		    "it hands out the program instead of running it");
	else
		finding_add(w->to, FINDING_FAILURE, what,
		    "mount bellrelay in the virtual host that serves this URL, "
		    "before what else takes the path",
		    "what answers is not bellrelay but a page or another "
		    "program (HTTP %d)",
		    status);
}

/* ---- healthz ---- */

static void
judge_scheme(struct wiring *w)
{
	struct fail ignored = { 0 };

	if (strncmp(w->base, "http:", 5) == 0 &&
	    !post_url_ok(w->base, &ignored))
		finding_add(w->to, FINDING_WARNING, what,
		    "serve it by https alone",
		    "plain http: whoever is on the way reads the alerts and "
		    "the tokens of senders");
}

/* With the status token, if it may be sent there; else with any, to be seen. */
static void
ask_health(struct wiring *w)
{
	struct fail ignored = { 0 };
	const char *token = w->s->conf.status_token.token;

	w->secret = token != NULL && !w->away && post_url_ok(w->base, &ignored);
	ask(w, "healthz?request", w->secret ? token : "bellrelay-doctor", NULL,
	    0);
}

/* Whether the address goes on behind BASE; the latter is then looked at. */
static bool
is_mounted_above(struct wiring *w)
{
	const char *given = w->base;
	char *base = arena_str(w->a, given);

	for (size_t i = 0; i < LEVELS && last_segment(base) != NULL; i++) {
		drop_segment(base);
		w->base = base;
		ask_health(w);
		if (is_health(w))
			return true;
	}
	w->base = given;
	ask_health(w);
	return false;
}

static void
say_word(struct wiring *w)
{
	const struct tree *status = tree_get(w->said, "status");

	if (tree_says(status, "ok"))
		finding_add(w->to, FINDING_OK, what, NULL,
		    "%s/healthz is answered by bellrelay: ok", w->base);
	else if (tree_says(status, "degraded"))
		finding_add(w->to, FINDING_WARNING, what,
		    "see the findings of spool and destinations, and the log",
		    "bellrelay answers: degraded");
	else if (tree_says(status, "failing"))
		finding_add(w->to, FINDING_FAILURE, what,
		    "see the findings of configuration and spool, and the log; "
		    "it may run with another configuration, or as another user",
		    "bellrelay answers: failing, webhooks are refused");
	else if (w->answer.status == 404 && is_mounted_above(w))
		finding_add(w->to, FINDING_FAILURE, what,
		    "mend the address; bellrelay check prints the sources",
		    "bellrelay is reached at %s, but what follows in the "
		    "address is no source of its configuration",
		    w->base);
	else if (w->answer.status == 404)
		finding_add(w->to, FINDING_FAILURE, what,
		    "pass SCRIPT_NAME and PATH_INFO, or REQUEST_URI, as the "
		    "shipped files do",
		    "bellrelay is reached, but what follows BASE in the path "
		    "(PATH_INFO) is lost");
	else
		finding_add(w->to, FINDING_FAILURE, what, NULL,
		    "bellrelay answers healthz with HTTP %d", w->answer.status);
}

static bool
is_redirect(const struct wiring *w)
{
	return w->answer.status >= 300 && w->answer.status < 400;
}

/* From http to https is the one that is meant well. */
static void
say_redirect(struct wiring *w)
{
	bool secure = strncmp(w->base, "http:", 5) == 0 &&
	    strncmp(w->way.location, "https:", 6) == 0;

	finding_add(w->to, secure ? FINDING_WARNING : FINDING_FAILURE, what,
	    "give senders the address that it leads to",
	    "redirects (HTTP %d) to %s, and senders do not follow with a POST",
	    w->answer.status, w->way.location);
	if (!secure)
		return;
	w->base = base_of(&w->s->conf, w->way.location, w->a);
	w->away = true;
}

/* Whether bellrelay answers healthz. */
static bool
look_at_health(struct wiring *w)
{
	ask_health(w);
	if (is_redirect(w)) {
		say_redirect(w);
		ask_health(w);
	}
	if (w->answer.status == 0)
		finding_add_silence(w->to, what, w->answer.why);
	else if (is_redirect(w))
		say_redirect(w);
	else if (!is_ours(w))
		say_stranger(w);
	else
		say_word(w);
	return is_health(w);
}

/* ---- what came of the request, and who answers ---- */

static int64_t
number(const struct wiring *w, const char *name)
{
	int64_t n = -1;

	(void)tree_int(tree_get(tree_get(w->said, "request"), name), &n);
	return n;
}

static const char auth_cure[] =
    "Apache: CGIPassAuth On, or the rewrite rule of apache-conf/htaccess-*; "
    "elsewhere pass it as HTTP_AUTHORIZATION";

static void
judge_authorization(struct wiring *w)
{
	if (tree_is(tree_at(w->said, "/request/authorization"), TREE_TRUE))
		finding_add(w->to, FINDING_OK, what, NULL,
		    "Authorization is passed on");
	else
		finding_add(w->to, FINDING_FAILURE, what, auth_cure,
		    "Authorization is not passed on: tokens and passwords of "
		    "senders are lost");
}

static void
judge_user(struct wiring *w)
{
	int64_t user = number(w, "user");
	int64_t owner = number(w, "spool_user");
	const char *name;

	if (user < 0 || owner < 0)
		return;
	name = owner_name((unsigned long)user, w->a);
	if (user == 0 && owner == 0)
		finding_add(w->to, FINDING_WARNING, what,
		    "run it as a user of its own, and chown the spool to that "
		    "user",
		    "bellrelay.fcgi runs as root, who owns the spool");
	else if (user == owner)
		finding_add(w->to, FINDING_OK, what, NULL,
		    "bellrelay.fcgi runs as %s, who owns the spool", name);
	else
		finding_add(w->to, FINDING_FAILURE, what,
		    arena_printf(
			w->a, "chown -R %s %s", name, w->s->conf.spool),
		    "bellrelay.fcgi runs as %s, and the spool belongs to %s",
		    name, owner_name((unsigned long)owner, w->a));
}

static void
judge_spool(struct wiring *w)
{
	struct stat st;

	if (stat(w->s->conf.spool, &st) == -1 || number(w, "spool_inode") < 0 ||
	    (number(w, "spool_inode") == (int64_t)st.st_ino &&
		number(w, "spool_device") == (int64_t)st.st_dev))
		return;
	finding_add(w->to, FINDING_WARNING, what,
	    arena_printf(w->a,
		"name this configuration to it: BELLRELAY_CONFIG=%s; on "
		"another machine run doctor there",
		w->s->conf.path),
	    "the spool that it works in is not the one of this configuration");
}

static void
judge_version(struct wiring *w)
{
	const char *theirs = tree_cstr(tree_get(w->said, "version"), w->a);

	if (theirs != NULL && strcmp(theirs, VERSION) != 0)
		finding_add(w->to, FINDING_WARNING, what,
		    "start the responders anew",
		    "bellrelay.fcgi is version %s, this is %s", theirs,
		    VERSION);
}

static void
judge_request(struct wiring *w)
{
	judge_authorization(w);
	judge_user(w);
	judge_spool(w);
	judge_version(w);
}

/* Details are for whom `status` allows: the token, or this very machine. */
static void
look_at_request(struct wiring *w)
{
	bool secret = w->secret;

	if (tree_get(w->said, "request") == NULL && !secret &&
	    w->s->conf.status != CONF_STATUS_OFF) {
		w->here = true;
		ask_health(w);
		w->here = false;
	}
	if (tree_get(w->said, "request") != NULL)
		judge_request(w);
	else if (secret && w->s->conf.status != CONF_STATUS_OFF)
		finding_add(w->to, FINDING_FAILURE, what, auth_cure,
		    "the status token is not taken: Authorization is not "
		    "passed on, or it runs with another configuration");
	else
		finding_add(w->to, FINDING_NOTE, what,
		    "run doctor on that machine, with a URL of 127.0.0.1, or "
		    "set status_token_file",
		    "healthz tells us no details: whether Authorization is "
		    "passed on, and who answers, was not seen");
}

/* ---- large bodies ---- */

static bool
takes(struct wiring *w, size_t n)
{
	struct buf body = BUF_MAX(BODY_MAX);
	bool did;

	memset(buf_room(&body, n), ' ', n);
	buf_grew(&body, n);
	ask(w, nowhere, NULL, body.data, n);
	did = is_ours(w);
	buf_free(&body);
	return did;
}

static void
look_at_bodies(struct wiring *w)
{
	static const char cure[] =
	    "raise FcgidMaxRequestLen, LimitRequestBody, client_max_body_size "
	    "or server.max-request-size to body_limit";
	size_t limit = w->s->conf.body_limit;
	size_t small = limit < CAP + 1024 ? limit : CAP + 1024;

	if (limit > BODY_MAX)
		limit = BODY_MAX;
	if (!takes(w, 2))
		finding_add(w->to, FINDING_NOTE, what, NULL,
		    "a POST to %s/%s does not arrive, so large bodies were not "
		    "tried",
		    w->base, nowhere);
	else if (!takes(w, small))
		finding_add(w->to, FINDING_FAILURE, what, cure,
		    "bodies of %zu bytes do not arrive (HTTP %d)", small,
		    w->answer.status);
	else if (!takes(w, limit))
		finding_add(w->to, FINDING_WARNING, what, cure,
		    "bodies of %zu bytes do not arrive (HTTP %d)", limit,
		    w->answer.status);
	else
		finding_add(w->to, FINDING_OK, what, NULL,
		    "bodies arrive up to body_limit, %zu bytes", limit);
}

void
wiring(struct setup *s, const char *url, struct post *p, struct findings *to)
{
	struct wiring w = { .s = s, .p = p, .to = to, .a = &to->arena };

	w.base = base_of(&s->conf, url, w.a);
	judge_scheme(&w);
	if (!look_at_health(&w))
		return;
	look_at_request(&w);
	look_at_bodies(&w);
}
