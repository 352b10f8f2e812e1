#include "post.h"

#include "arena.h"
#include "array.h"
#include "buf.h"
#include "fail.h"
#include "scan.h"
#include "when.h"

#include <curl/curl.h>

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum {
	FDS_MAX = 16,
	KEPT_MAX = 4,             /* connections that nobody uses now */
	BODY_READ_MAX = 64 << 10, /* of an answer */
	CA_SECONDS = 3600,
};

/* What a URL says of where it leads. */
struct place {
	char host[96]; /* with the port, if one is given; for people */
	bool plain;    /* http, to this very machine */
};

enum state { IDLE, BUSY, DONE };

struct slot {
	CURL *easy;
	struct curl_slist *headers;
	enum state state;
	struct scan unsent;
	bool begun;   /* connected, the request comes next */
	bool given;   /* libcurl has some of the body */
	size_t heard; /* bytes of the answer's body */
	long connect_ms;
	long timeout_ms;
	bool own_ca;
	struct place place;
	struct post_way *way;
	struct curl_slist *detour; /* of `here` */
	struct post_answer answer;
	char error[CURL_ERROR_SIZE];
};

struct post {
	struct arena arena; /* holds this very struct */
	CURLM *multi;
	struct slot slots[POST_SLOTS];
	bool news;     /* done since the last poll */
	bool distrust; /* the certificates at hand may be old */
};

/* ---- where to ---- */

static bool
is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	char text[INET6_ADDRSTRLEN];
	size_t n = strlen(host);

	/* libcurl takes this name for loopback and asks nobody (7.78). */
	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (n < 2 || n - 2 >= sizeof(text) || host[0] != '[')
		return false;
	memcpy(text, host + 1, n - 2);
	text[n - 2] = '\0';
	return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool
check_place(const char *scheme, const char *host, const char *port, bool any,
    struct place *out, struct fail *f)
{
	(void)snprintf(out->host, sizeof(out->host), "%.80s%s%.6s", host,
	    port == NULL ? "" : ":", port == NULL ? "" : port);
	out->plain = strcmp(scheme, "http") == 0;
	if (strcmp(scheme, "https") == 0)
		return true;
	if (!out->plain)
		return fail_set(f, FAIL_BROKEN,
		    "the url begins with %.20s:, wanted https:", scheme);
	return any || is_loopback(host) ||
	    fail_set(f, FAIL_BROKEN,
		"%s is not this machine: the url must begin with https:",
		out->host);
}

static bool
parse_url(
    CURLU *u, const char *url, bool any, struct place *out, struct fail *f)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	CURLUcode rc = curl_url_set(u, CURLUPART_URL, url,
	    CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
	bool did;

	if (rc == CURLUE_USER_NOT_ALLOWED)
		return fail_set(f, FAIL_BROKEN,
		    "a user or password in the url: the token belongs in "
		    "token_file");
	if (rc == CURLUE_OK)
		rc = curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
	if (rc == CURLUE_OK)
		rc = curl_url_get(u, CURLUPART_HOST, &host, 0);
	if (rc == CURLUE_OK)
		(void)curl_url_get(u, CURLUPART_PORT, &port, 0);
	did = rc == CURLUE_OK ? check_place(scheme, host, port, any, out, f)
			      : fail_set(f, FAIL_BROKEN,
				    "not a url (%s): wanted https://HOST/PATH",
				    curl_url_strerror(rc));
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	return did;
}

/* any: plain http may lead anywhere. */
static bool
find_place(const char *url, bool any, struct place *out, struct fail *f)
{
	CURLU *u;
	bool did;

	for (const char *c = url; *c != '\0'; c++)
		if (*c <= 0x20 || *c >= 0x7f)
			return fail_set(f, FAIL_BROKEN,
			    "a space, a control or a letter beyond ASCII in "
			    "the url: write it as %%XX");
	u = curl_url();
	did = parse_url(u, url, any, out, f);
	curl_url_cleanup(u);
	return did;
}

bool
post_url_ok(const char *url, struct fail *f)
{
	struct place place;

	return find_place(url, false, &place, f);
}

/* ---- what libcurl asks and tells on the way ---- */

static int
on_begin(void *from, char *to, char *at, int to_port, int at_port)
{
	struct slot *s = from;

	(void)to, (void)at, (void)to_port, (void)at_port;
	s->begun = true;
	return CURL_PREREQFUNC_OK;
}

/*
 * The body is read through here, and not given as CURLOPT_POSTFIELDS, so that
 * an exchange never sends its event twice.
 *
 * libcurl sends a request anew, up to five times, where a kept connection ends
 * before a byte of answer (7.88, transfer.c, Curl_retry_request), although the
 * server may have acted on it: a second event, past pace and ticket.  What was
 * read here cannot be read again, so it does that only as long as none of the
 * body was sent; else it gives up, and the outcome is unknown like any other.
 * (CURLOPT_FORBID_RETRY_ON_REUSE comes with 8.16.)
 *
 * The first case is the ordinary one.  A kept TLS connection whose server said
 * good-bye passes for a living one, as the look that libcurl takes sees a byte
 * waiting (vtls/openssl.c, ossl_check_cxn).  The head of the request goes out
 * on it; the good-bye is read before the body follows, and all of the request
 * takes a new connection.
 */
static size_t
on_read(char *out, size_t size, size_t n, void *from)
{
	struct slot *s = from;

	n *= size;
	if (n > s->unsent.left)
		n = s->unsent.left;
	if (n > 0)
		memcpy(out, scan_take(&s->unsent, n), n);
	s->given = true;
	return n;
}

static void
keep_header(const char *line, size_t n, const char *name, char *out, size_t max)
{
	size_t skip = strlen(name);

	if (n < skip || strncasecmp(line, name, skip) != 0)
		return;
	while (skip < n && (line[skip] == ' ' || line[skip] == '\t'))
		skip++;
	while (n > skip && (unsigned char)line[n - 1] <= ' ')
		n--;
	/* Half of a header would say something else. */
	if (out[0] != '\0' || n - skip >= max)
		return;
	memcpy(out, line + skip, n - skip);
	out[n - skip] = '\0';
}

static size_t
on_header(char *line, size_t size, size_t n, void *from)
{
	struct post_answer *a = &((struct slot *)from)->answer;

	n *= size;
	/* After 100 Continue comes another answer. */
	if (n >= 5 && memcmp(line, "HTTP/", 5) == 0)
		a->retry_after[0] = a->date[0] = '\0';
	keep_header(
	    line, n, "Retry-After:", a->retry_after, sizeof(a->retry_after));
	keep_header(line, n, "Date:", a->date, sizeof(a->date));
	return n;
}

static size_t
on_body(char *bytes, size_t size, size_t n, void *from)
{
	struct slot *s = from;
	struct post_answer *a = &s->answer;
	size_t room = sizeof(a->text) - 1 - a->text_len;

	n *= size;
	memcpy(a->text + a->text_len, bytes, n < room ? n : room);
	a->text_len += n < room ? n : room;
	s->heard += n;
	return s->heard > BODY_READ_MAX ? 0 : n;
}

/* ---- the way there ---- */

/* libcurl says it to people alone, and OpenSSL is sign's to know. */
static int
on_debug(CURL *easy, curl_infotype sort, char *text, size_t n, void *from)
{
	static const char says[] = "SSL connection using ";
	struct post_way *w = ((struct slot *)from)->way;
	size_t skip = sizeof(says) - 1;

	(void)easy;
	if (sort != CURLINFO_TEXT || n < skip || memcmp(text, says, skip) != 0)
		return 0;
	while (n > skip && (unsigned char)text[n - 1] <= ' ')
		n--;
	(void)snprintf(
	    w->tls, sizeof(w->tls), "%.*s", (int)(n - skip), text + skip);
	return 0;
}

static void
set_way(struct slot *s, const struct post_target *t)
{
	CURL *e = s->easy;

	s->way = t->way;
	if (t->here) {
		s->detour = curl_slist_append(NULL, "::127.0.0.1:");
		(void)curl_easy_setopt(e, CURLOPT_CONNECT_TO, s->detour);
		(void)curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
	}
	if (s->way == NULL)
		return;
	*s->way = (struct post_way){ .found_ms = 0 };
	(void)curl_easy_setopt(e, CURLOPT_CERTINFO, 1L);
	(void)curl_easy_setopt(e, CURLOPT_VERBOSE, 1L);
	(void)curl_easy_setopt(e, CURLOPT_DEBUGFUNCTION, on_debug);
	(void)curl_easy_setopt(e, CURLOPT_DEBUGDATA, s);
}

/* The first certificate is the server's own. */
static int64_t
expiry(CURL *e)
{
	static const char says[] = "Expire date:";
	struct curl_certinfo *info = NULL;

	if (curl_easy_getinfo(e, CURLINFO_CERTINFO, &info) != CURLE_OK ||
	    info == NULL || info->num_of_certs < 1)
		return 0;
	for (struct curl_slist *l = info->certinfo[0]; l != NULL; l = l->next)
		if (strncmp(l->data, says, sizeof(says) - 1) == 0)
			return (int64_t)curl_getdate(
				   l->data + sizeof(says) - 1, NULL) *
			    WHEN_SECOND;
	return 0;
}

static long
ms_until(CURL *e, CURLINFO what)
{
	curl_off_t us = 0;

	(void)curl_easy_getinfo(e, what, &us);
	return (long)(us / 1000);
}

static void
keep_text(CURL *e, CURLINFO what, char *to, size_t size)
{
	char *text = NULL;

	(void)curl_easy_getinfo(e, what, &text);
	(void)snprintf(to, size, "%s", text == NULL ? "" : text);
}

static void
note_way(struct slot *s)
{
	struct post_way *w = s->way;
	CURL *e = s->easy;
	long plain, secure;

	if (w == NULL)
		return;
	keep_text(e, CURLINFO_PRIMARY_IP, w->address, sizeof(w->address));
	keep_text(e, CURLINFO_CONTENT_TYPE, w->type, sizeof(w->type));
	keep_text(e, CURLINFO_REDIRECT_URL, w->location, sizeof(w->location));
	w->found_ms = ms_until(e, CURLINFO_NAMELOOKUP_TIME_T);
	plain = ms_until(e, CURLINFO_CONNECT_TIME_T);
	secure = ms_until(e, CURLINFO_APPCONNECT_TIME_T);
	w->connected_ms = secure > plain ? secure : plain;
	w->expires = expiry(e);
}

/* ---- settings (facts/webservers-and-c.md, 5.4) ---- */

static const struct {
	CURLoption name;
	long value;
} numbers[] = {
	{ CURLOPT_NOSIGNAL, 1 },
	/* A name server that does not answer would hold the process. */
	{ CURLOPT_QUICK_EXIT, 1 },
	{ CURLOPT_FOLLOWLOCATION, 0 },
	{ CURLOPT_PATH_AS_IS, 1 },
	/* HTTP/2 costs twice (facts/costs.md, 3). */
	{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
	{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
	{ CURLOPT_SSL_VERIFYPEER, 1 },
	{ CURLOPT_SSL_VERIFYHOST, 2 },
	{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
	{ CURLOPT_TCP_KEEPALIVE, 1 },
	{ CURLOPT_TCP_KEEPIDLE, 30 },
	{ CURLOPT_TCP_KEEPINTVL, 15 },
	/* Load balancers forget a silent connection after a minute or more,
	 * and want rid of old ones. */
	{ CURLOPT_MAXAGE_CONN, 50 },
	{ CURLOPT_MAXLIFETIME_CONN, 3600 },
	{ CURLOPT_UPLOAD_BUFFERSIZE, 16384 },
};

static const struct {
	CURLoption name;
	const char *value;
} texts[] = {
	/* Not what the environment says. */
	{ CURLOPT_PROXY, "" },
	{ CURLOPT_NOPROXY, "*" },
	/* A directory of certificates keeps libcurl from keeping what it read
	 * (facts/costs.md, 3). */
	{ CURLOPT_CAPATH, NULL },
	{ CURLOPT_USERAGENT, "bellrelay/" VERSION },
};

static bool
set_constants(CURL *e)
{
	bool good = true;

	for (size_t i = 0; i < COUNT(numbers); i++)
		good = good &&
		    curl_easy_setopt(e, numbers[i].name, numbers[i].value) ==
			CURLE_OK;
	for (size_t i = 0; i < COUNT(texts); i++)
		good = good &&
		    curl_easy_setopt(e, texts[i].name, texts[i].value) ==
			CURLE_OK;
	return good;
}

static void
set_callbacks(struct slot *s)
{
	CURL *e = s->easy;

	(void)curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_begin);
	(void)curl_easy_setopt(e, CURLOPT_PREREQDATA, s);
	(void)curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
	(void)curl_easy_setopt(e, CURLOPT_READDATA, s);
	(void)curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(e, CURLOPT_HEADERDATA, s);
	(void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(e, CURLOPT_WRITEDATA, s);
	(void)curl_easy_setopt(e, CURLOPT_ERRORBUFFER, s->error);
}

/* Where to, and whom to trust there. */
static bool
set_target(struct post *p, struct slot *s, const struct post_target *t)
{
	CURL *e = s->easy;

	if (t->ca_file != NULL &&
	    curl_easy_setopt(e, CURLOPT_CAINFO, t->ca_file) != CURLE_OK)
		return false;
	/* After a refusal the file is read again: it may have been mended. */
	(void)curl_easy_setopt(
	    e, CURLOPT_CA_CACHE_TIMEOUT, p->distrust ? 1L : (long)CA_SECONDS);
	(void)curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, s->connect_ms);
	(void)curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, s->timeout_ms);
	return curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR,
		   s->place.plain ? "http" : "https") == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_URL, t->url) == CURLE_OK;
}

static void
add_header(struct slot *s, const char *line)
{
	s->headers = curl_slist_append(s->headers, line);
}

static bool
add_token(struct slot *s, const char *token)
{
	struct buf line = BUF_MAX(64 << 10);

	for (const char *c = token; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return false;
	buf_printf(&line, "Authorization: Bearer %s", token);
	if (!line.full)
		add_header(s, line.data);
	buf_free(&line);
	return !line.full;
}

static void
set_body(struct slot *s, const char *body, size_t n)
{
	s->unsent = (struct scan){ (const unsigned char *)body, n };
	if (body == NULL)
		return;
	(void)curl_easy_setopt(s->easy, CURLOPT_POST, 1L);
	(void)curl_easy_setopt(
	    s->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n);
	add_header(s, "Content-Type: application/json");
	/* No asking first: it costs a second where nobody answers that. */
	add_header(s, "Expect:");
}

/* ---- how it ended ---- */

/* What happened, and what to do about it, for those that have no own words. */
static const struct {
	CURLcode code;
	const char *cause;
	bool detail; /* libcurl's words tell more */
	const char *cure;
} causes[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, "this host is not found", false,
	    "look at the url, and at this machine's name service (DNS)" },
	{ CURLE_SSL_CONNECT_ERROR, "no TLS connection", true,
	    "it must speak TLS 1.2 or later" },
	{ CURLE_GOT_NOTHING, "it closed the connection without an answer",
	    false, NULL },
	{ CURLE_SEND_FAIL_REWIND,
	    "it closed the kept connection without an answer", false, NULL },
	{ CURLE_RECV_ERROR, "the connection broke before an answer", true,
	    NULL },
	{ CURLE_SEND_ERROR, "the connection broke before an answer", true,
	    NULL },
	{ CURLE_UNSUPPORTED_PROTOCOL, "what it answers is not HTTP", false,
	    "look at the port in the url" },
	{ CURLE_WEIRD_SERVER_REPLY, "what it answers is not HTTP", false,
	    "look at the port in the url" },
};

static void
add(struct post_answer *a, const char *text)
{
	size_t n = strlen(a->why);

	(void)snprintf(a->why + n, sizeof(a->why) - n, "%s", text);
}

static void
say(struct slot *s, const char *cause, const char *detail, const char *cure)
{
	struct post_answer *a = &s->answer;

	add(a, s->place.host);
	add(a, ": ");
	add(a, cause);
	if (detail != NULL && detail[0] != '\0') {
		add(a, " (");
		add(a, detail);
		add(a, ")");
	}
	if (cure != NULL) {
		add(a, "; ");
		add(a, cure);
	}
}

static void
say_late(struct slot *s)
{
	long connect =
	    s->connect_ms < s->timeout_ms ? s->connect_ms : s->timeout_ms;
	char span[WHEN_SIZE], cause[WHEN_SIZE + 32];

	when_span(s->begun ? s->timeout_ms : connect, span);
	(void)snprintf(cause, sizeof(cause), "no %s within %s",
	    s->begun ? "answer" : "connection", span);
	say(s, cause, NULL,
	    s->begun
		? NULL
		: "look at the url, the name service (DNS) and the firewall");
}

static void
say_untrusted(struct slot *s)
{
	static const char same[] = "SSL certificate problem: ";
	const char *detail = s->error;
	const char *cure = "name the authority that signed it in ca_file";
	long reason = 0;

	if (strncmp(detail, same, strlen(same)) == 0)
		detail += strlen(same);
	(void)curl_easy_getinfo(s->easy, CURLINFO_SSL_VERIFYRESULT, &reason);
	/* OpenSSL's x509_vfy.h: 9 not yet valid, 10 has expired.  Where only
	 * the name is wrong, which libcurl looks at, there is no number. */
	if (reason == 9 || reason == 10)
		cure = "it must be renewed, or this machine's clock is wrong";
	else if (reason <= 1)
		cure = "look at the host in the url";
	say(s, "its certificate does not pass", detail, cure);
}

static void
explain(struct slot *s, CURLcode code)
{
	long number = 0;

	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		say_late(s);
		return;
	case CURLE_PEER_FAILED_VERIFICATION:
		say_untrusted(s);
		return;
	case CURLE_SSL_CACERT_BADFILE:
		say(s, "the certificates to trust cannot be read", NULL,
		    s->own_ca ? "look at ca_file"
			      : "install ca-certificates, or set ca_file");
		return;
	case CURLE_COULDNT_CONNECT:
		(void)curl_easy_getinfo(s->easy, CURLINFO_OS_ERRNO, &number);
		say(s, "no connection",
		    number == 0 ? s->error : strerror((int)number),
		    "look at the url and the firewall");
		return;
	default:
		break;
	}
	for (size_t i = 0; i < COUNT(causes); i++)
		if (causes[i].code == code) {
			say(s, causes[i].cause,
			    causes[i].detail ? s->error : NULL, causes[i].cure);
			return;
		}
	say(s, curl_easy_strerror(code), s->error, NULL);
}

static void
leave(struct slot *s, enum state state)
{
	curl_slist_free_all(s->headers);
	curl_slist_free_all(s->detour);
	s->headers = s->detour = NULL;
	s->state = state;
}

/*
 * An answer is one whose status line was read.  What its headers and body came
 * to does not matter then: with 202 incident.io has taken the event, whether
 * or not the connection lives to tell its key.  And without any of its body
 * an event cannot have been taken.
 */
static void
finish(struct post *p, struct slot *s, CURLcode code)
{
	struct post_answer *a = &s->answer;
	long status = 0, connects = 0;
	curl_off_t us = 0;

	(void)curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(s->easy, CURLINFO_TOTAL_TIME_T, &us);
	(void)curl_easy_getinfo(s->easy, CURLINFO_NUM_CONNECTS, &connects);
	a->ms = (long)(us / 1000);
	a->status = status < 200 ? 0 : (int)status;
	a->unknown = a->status == 0 && s->given;
	if (a->status == 0)
		explain(s, code);
	if (code == CURLE_PEER_FAILED_VERIFICATION ||
	    code == CURLE_SSL_CACERT_BADFILE)
		p->distrust = true;
	else if (a->status != 0 && connects > 0 && !s->place.plain)
		p->distrust = false;
	note_way(s);
	(void)curl_multi_remove_handle(p->multi, s->easy);
	leave(s, DONE);
	p->news = true;
}

/* ---- exchanges ---- */

void
post_stop(struct post *p, enum post_slot slot)
{
	struct slot *s = &p->slots[slot];

	if (s->state == BUSY)
		(void)curl_multi_remove_handle(p->multi, s->easy);
	leave(s, IDLE);
}

static bool
prepare(struct post *p, struct slot *s, const struct post_target *t,
    const char *body, size_t n, struct fail *f)
{
	if (!find_place(t->url, t->plain, &s->place, f))
		return false;
	if (t->token != NULL && !add_token(s, t->token))
		return fail_set(f, FAIL_BROKEN,
		    "a control character in the token, or too much of it: "
		    "look at token_file");
	curl_easy_reset(s->easy);
	set_callbacks(s);
	set_way(s, t);
	set_body(s, body, n);
	if (!set_constants(s->easy) || !set_target(p, s, t) ||
	    curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, s->headers) !=
		CURLE_OK)
		return fail_set(f, FAIL_BROKEN,
		    "this libcurl does not know a setting; 7.88 does");
	return true;
}

static void
advance(struct post *p)
{
	const CURLMsg *m;
	int n;

	(void)curl_multi_perform(p->multi, &n);
	while ((m = curl_multi_info_read(p->multi, &n)) != NULL)
		for (size_t i = 0; i < POST_SLOTS; i++)
			if (p->slots[i].easy == m->easy_handle) {
				/* It frees m. */
				finish(p, &p->slots[i], m->data.result);
				break;
			}
}

void
post_start(struct post *p, enum post_slot slot, const struct post_target *t,
    const char *body, size_t n, long timeout_ms)
{
	struct slot *s = &p->slots[slot];
	struct fail f = { 0 };

	post_stop(p, slot);
	*s = (struct slot){ .easy = s->easy,
		.connect_ms = t->connect_ms > 0 ? t->connect_ms : 1,
		.timeout_ms = timeout_ms > 0 ? timeout_ms : 1,
		.own_ca = t->ca_file != NULL };
	if (prepare(p, s, t, body, n, &f) &&
	    curl_multi_add_handle(p->multi, s->easy) == CURLM_OK) {
		s->state = BUSY;
		/* On a kept connection the request is out when we return. */
		advance(p);
		return;
	}
	add(&s->answer, f.text);
	leave(s, DONE);
	p->news = true;
}

void
post_poll(struct post *p, long wait_ms, const int *fds, size_t n, bool *ready)
{
	struct curl_waitfd extra[FDS_MAX];

	n = n < FDS_MAX ? n : FDS_MAX;
	for (size_t i = 0; i < n; i++)
		extra[i] = (struct curl_waitfd){ fds[i], CURL_WAIT_POLLIN, 0 };
	advance(p);
	if (wait_ms < 0 || p->news)
		wait_ms = 0;
	(void)curl_multi_poll(p->multi, extra, (unsigned)n,
	    wait_ms < INT_MAX ? (int)wait_ms : INT_MAX, NULL);
	advance(p);
	p->news = false;
	for (size_t i = 0; i < n; i++)
		ready[i] = extra[i].revents != 0;
}

bool
post_busy(const struct post *p, enum post_slot slot)
{
	return p->slots[slot].state == BUSY;
}

bool
post_done(struct post *p, enum post_slot slot, struct post_answer *out)
{
	struct slot *s = &p->slots[slot];

	if (s->state != DONE)
		return false;
	s->state = IDLE;
	*out = s->answer;
	return true;
}

/* ---- life ---- */

bool
post_open(struct post **out, struct fail *f)
{
	const curl_version_info_data *v;
	struct arena a = { 0 };

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return fail_set(f, FAIL_BROKEN, "libcurl does not start");
	v = curl_version_info(CURLVERSION_NOW);
	if ((v->features & CURL_VERSION_SSL) == 0 ||
	    (v->features & CURL_VERSION_ASYNCHDNS) == 0) {
		curl_global_cleanup();
		return fail_set(f, FAIL_BROKEN,
		    "libcurl %s lacks TLS, or name look-ups that do not wait",
		    v->version);
	}
	*out = arena_alloc(&a, sizeof(**out));
	**out = (struct post){ .arena = a, .multi = curl_multi_init() };
	for (size_t i = 0; i < POST_SLOTS; i++)
		(*out)->slots[i].easy = curl_easy_init();
	(void)curl_multi_setopt(
	    (*out)->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_MAX);
	return true;
}

void
post_close(struct post *p)
{
	struct arena a;

	if (p == NULL)
		return;
	for (size_t i = 0; i < POST_SLOTS; i++) {
		post_stop(p, (enum post_slot)i);
		curl_easy_cleanup(p->slots[i].easy);
	}
	(void)curl_multi_cleanup(p->multi);
	curl_global_cleanup();
	a = p->arena;
	arena_free(&a);
}
