#include "post.h"

#include "fail.h"
#include "memory.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	BODY_READ = 64 << 10, /* bytes of an answer that we wait for */
	CONNECTIONS = 4,
	IDLE_SECONDS = 110, /* for which a connection is kept */
	HEADER_MAX = 4200,
};

struct slot {
	struct post *post;
	CURL *easy;
	struct curl_slist *headers;
	bool busy;
	bool done;
	CURLcode code;
	const struct post_target *to;
	long timeout_ms;
	size_t read; /* bytes of the answer's body so far */
	char error[CURL_ERROR_SIZE];
	struct post_answer answer;
};

struct post {
	CURLM *multi;
	struct slot slots[POST_SLOTS];
};

/* ---- opening ---- */

bool
post_open(struct post **out, struct fail *f)
{
	struct post *p = memory_resize(NULL, sizeof(*p));

	memset(p, 0, sizeof(*p));
	*out = p;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (p->multi = curl_multi_init()) == NULL)
		return fail_set(f, FAIL_BROKEN, "libcurl does not start");
	(void)curl_multi_setopt(
	    p->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS);
	for (size_t i = 0; i < POST_SLOTS; i++) {
		p->slots[i].post = p;
		p->slots[i].easy = curl_easy_init();
		if (p->slots[i].easy == NULL)
			return fail_set(
			    f, FAIL_BROKEN, "libcurl does not start");
	}
	return true;
}

void
post_close(struct post *p)
{
	for (size_t i = 0; i < POST_SLOTS; i++) {
		post_stop(p, (enum post_slot)i);
		curl_easy_cleanup(p->slots[i].easy);
	}
	(void)curl_multi_cleanup(p->multi);
	free(p);
}

/* ---- where we may send to ---- */

static bool
is_loopback(const char *host)
{
	unsigned a[4];
	char end;

	if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	return sscanf(host, "%3u.%3u.%3u.%3u%c", &a[0], &a[1], &a[2], &a[3],
		   &end) == 4 &&
	    a[0] == 127 && a[1] < 256 && a[2] < 256 && a[3] < 256;
}

static bool
part(CURLU *u, CURLUPart what, char out[256])
{
	char *s = NULL;
	bool there = curl_url_get(u, what, &s, 0) == CURLUE_OK && s != NULL;

	(void)snprintf(out, 256, "%s", there ? s : "");
	curl_free(s);
	return there;
}

static bool
parts_ok(CURLU *u, struct fail *f)
{
	char scheme[256];
	char host[256];
	char other[256];

	if (part(u, CURLUPART_USER, other) ||
	    part(u, CURLUPART_PASSWORD, other))
		return fail_set(f, FAIL_BROKEN,
		    "the URL holds a user or password; use token_file");
	if (!part(u, CURLUPART_SCHEME, scheme) ||
	    !part(u, CURLUPART_HOST, host))
		return fail_set(f, FAIL_BROKEN, "the URL has no host");
	if (strcmp(scheme, "https") == 0 ||
	    (strcmp(scheme, "http") == 0 && is_loopback(host)))
		return true;
	return fail_set(f, FAIL_BROKEN,
	    "the URL must begin with https:// (http:// only to this machine)");
}

bool
post_url_ok(const char *url, struct fail *f)
{
	CURLU *u;
	bool did;

	for (const char *p = url; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return fail_set(f, FAIL_BROKEN,
			    "the URL holds a space or a control character");
	u = curl_url();
	did = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK
	    ? parts_ok(u, f)
	    : fail_set(f, FAIL_BROKEN, "not a URL; wanted https://...");
	curl_url_cleanup(u);
	return did;
}

/* ---- an exchange ---- */

static size_t
take_body(char *bytes, size_t size, size_t n, void *to)
{
	struct slot *s = to;
	struct post_answer *a = &s->answer;
	size_t room = sizeof(a->text) - 1 - a->text_len;
	size_t len = size * n < room ? size * n : room;

	memcpy(a->text + a->text_len, bytes, len);
	a->text_len += len;
	a->text[a->text_len] = '\0';
	s->read += size * n;
	/* Enough was heard; the status counts all the same. */
	return s->read > BODY_READ ? 0 : size * n;
}

static void
take_value(const char *line, size_t n, const char *name, char out[64])
{
	size_t len = strlen(name);

	if (n <= len || strncasecmp(line, name, len) != 0)
		return;
	line += len;
	n -= len;
	while (n > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		n--;
	}
	while (n > 0 && (unsigned char)line[n - 1] <= ' ')
		n--;
	(void)snprintf(out, 64, "%.*s", n < 63 ? (int)n : 63, line);
}

static size_t
take_header(char *line, size_t size, size_t n, void *to)
{
	struct slot *s = to;

	take_value(line, size * n, "Retry-After:", s->answer.retry_after);
	take_value(line, size * n, "Date:", s->answer.date);
	return size * n;
}

static void
set_headers(struct slot *s)
{
	char line[HEADER_MAX];
	static const char *const plain[] = { "Content-Type: application/json",
		"Accept: application/json", "Expect:" };

	curl_slist_free_all(s->headers);
	s->headers = NULL;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		s->headers = curl_slist_append(s->headers, plain[i]);
	if (s->to->token != NULL) {
		(void)snprintf(line, sizeof(line), "Authorization: Bearer %s",
		    s->to->token);
		s->headers = curl_slist_append(s->headers, line);
	}
	(void)curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, s->headers);
}

/* What holds for every exchange (facts/webservers-and-c.md, 5.4). */
static void
set_common(struct slot *s)
{
	CURL *e = s->easy;

	(void)curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(
	    e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(e, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	(void)curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)IDLE_SECONDS);
	(void)curl_easy_setopt(e, CURLOPT_USERAGENT, "bellrelay/" VERSION);
	(void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	(void)curl_easy_setopt(
	    e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* libcurl keeps the certificates only where it has one file of them
	 * and no directory (facts/costs.md, 3). */
	(void)curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
	(void)curl_easy_setopt(e, CURLOPT_ERRORBUFFER, s->error);
	(void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl_easy_setopt(e, CURLOPT_WRITEDATA, s);
	(void)curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
	(void)curl_easy_setopt(e, CURLOPT_HEADERDATA, s);
	(void)curl_easy_setopt(e, CURLOPT_PRIVATE, s);
}

void
post_start(struct post *p, enum post_slot slot, const struct post_target *t,
    const char *body, size_t n, long timeout_ms)
{
	struct slot *s = &p->slots[slot];

	post_stop(p, slot);
	curl_easy_reset(s->easy);
	s->busy = true;
	s->done = false;
	s->to = t;
	s->timeout_ms = timeout_ms;
	s->read = 0;
	s->error[0] = '\0';
	s->answer = (struct post_answer){ 0 };
	set_common(s);
	set_headers(s);
	(void)curl_easy_setopt(s->easy, CURLOPT_URL, t->url);
	if (t->ca_file != NULL)
		(void)curl_easy_setopt(s->easy, CURLOPT_CAINFO, t->ca_file);
	(void)curl_easy_setopt(s->easy, CURLOPT_CONNECTTIMEOUT_MS,
	    t->connect_ms < timeout_ms ? t->connect_ms : timeout_ms);
	(void)curl_easy_setopt(s->easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	if (body != NULL) {
		(void)curl_easy_setopt(
		    s->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n);
		(void)curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, body);
	}
	(void)curl_multi_add_handle(p->multi, s->easy);
}

static void
explain(struct slot *s)
{
	struct post_answer *a = &s->answer;
	const char *text =
	    s->error[0] != '\0' ? s->error : curl_easy_strerror(s->code);

	switch (s->code) {
	case CURLE_OPERATION_TIMEDOUT:
		(void)snprintf(a->why, sizeof(a->why), "no answer in %ld ms",
		    s->timeout_ms);
		return;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		(void)snprintf(a->why, sizeof(a->why),
		    "the certificate is not trusted (%.120s); is ca_file "
		    "right?",
		    text);
		return;
	default:
		(void)snprintf(a->why, sizeof(a->why), "%.200s", text);
	}
}

static void
finish(struct slot *s, CURLcode code)
{
	struct post_answer *a = &s->answer;
	curl_off_t before = 0;
	curl_off_t total = 0;
	long status = 0;

	(void)curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(s->easy, CURLINFO_PRETRANSFER_TIME_T, &before);
	(void)curl_easy_getinfo(s->easy, CURLINFO_TOTAL_TIME_T, &total);
	s->code = code;
	/* A status that was read is an answer, whatever became of the rest. */
	a->status = status >= 200 ? (int)status : 0;
	a->unknown = a->status == 0 && before > 0;
	a->ms = (long)(total / 1000);
	if (a->status == 0)
		explain(s);
	(void)curl_multi_remove_handle(s->post->multi, s->easy);
	s->busy = false;
	s->done = true;
}

static void
collect(struct post *p)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(p->multi, &left)) != NULL) {
		struct slot *s = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &s);
		finish(s, m->data.result);
	}
}

void
post_poll(struct post *p, long wait_ms, const int *fds, size_t n, bool *ready)
{
	struct curl_waitfd extra[8] = { 0 };
	int running = 0;
	int events;

	for (size_t i = 0; i < n; i++) {
		extra[i].fd = fds[i];
		extra[i].events = CURL_WAIT_POLLIN;
		ready[i] = false;
	}
	(void)curl_multi_perform(p->multi, &running);
	collect(p);
	for (size_t i = 0; i < POST_SLOTS; i++)
		if (p->slots[i].done)
			wait_ms = 0;
	(void)curl_multi_poll(
	    p->multi, extra, (unsigned)n, (int)wait_ms, &events);
	(void)curl_multi_perform(p->multi, &running);
	collect(p);
	for (size_t i = 0; i < n; i++)
		ready[i] = extra[i].revents != 0;
}

bool
post_busy(const struct post *p, enum post_slot slot)
{
	return p->slots[slot].busy;
}

bool
post_done(struct post *p, enum post_slot slot, struct post_answer *out)
{
	struct slot *s = &p->slots[slot];

	if (!s->done)
		return false;
	*out = s->answer;
	s->done = false;
	return true;
}

void
post_stop(struct post *p, enum post_slot slot)
{
	struct slot *s = &p->slots[slot];

	if (s->busy)
		(void)curl_multi_remove_handle(p->multi, s->easy);
	s->busy = false;
	s->done = false;
	curl_slist_free_all(s->headers);
	s->headers = NULL;
}
