#include "request.h"

#include "arena.h"
#include "conf.h"
#include "scan.h"

#include <string.h>
#include <strings.h>

enum { SEGMENTS = 64 };

const char *
request_param(const struct request *r, const char *name)
{
	const char *value = r->param(r->from, name);

	return value == NULL ? "" : value;
}

/*
 * SCRIPT_NAME and PATH_INFO together are the path however a server splits it
 * (facts/webservers-and-c.md, 0.7); base is where info begins, as far as the
 * server says so.
 */
struct place {
	const char *base;
	const char *info;
	bool escaped;
	bool looks; /* whether healthz and metrics may be there */
};

/*
 * Of the URI as it was asked for, which servers leave as it is.  Where the
 * server says what is behind BASE, that alone decides on healthz and metrics:
 * the URI's own BASE is a guess, and could open what is_at_base closes.
 */
static struct place
uri_place(const struct request *r, const char *script, struct arena *a)
{
	char *uri = arena_str(a, request_param(r, "REQUEST_URI"));
	bool looks = request_param(r, "PATH_INFO")[0] == '\0';
	size_t n = strlen(script);

	uri[strcspn(uri, "?#")] = '\0';
	if (n > 0 && strncmp(uri, script, n) == 0 && uri[n] == '/')
		return (struct place){ script, uri + n, true, looks };
	return (struct place){ "", uri, true, looks };
}

/* Split at slashes; empty segments do not count. */
static size_t
split(const struct place *p, const char *segments[SEGMENTS], struct arena *a)
{
	char *path = arena_printf(a, "%s%s", p->base, p->info);
	char *rest = NULL;
	size_t n = 0;

	for (char *s = strtok_r(path, "/", &rest); s != NULL && n < SEGMENTS;
	     s = strtok_r(NULL, "/", &rest))
		segments[n++] = p->escaped ? scan_percent(s) : s;
	return n;
}

/*
 * Whether a name stands right behind BASE, as far as the server says where
 * that ends: BASE/x/metrics would pass by a rule of its for BASE/metrics.
 */
static bool
is_at_base(const struct place *p, const char *name)
{
	size_t n = strlen(name);

	if (!p->looks)
		return false;
	if (p->info[0] == '\0' || p->base[0] == '\0')
		return true;
	return p->info[0] == '/' && strncmp(p->info + 1, name, n) == 0 &&
	    (p->info[n + 1] == '\0' || strcmp(p->info + n + 1, "/") == 0);
}

static void
route_name(struct request *r, const struct conf *c, const struct place *p,
    const char *name)
{
	if (strcmp(name, "healthz") == 0 && is_at_base(p, name))
		r->what = REQUEST_HEALTH;
	else if (strcmp(name, "metrics") == 0 && is_at_base(p, name))
		r->what = REQUEST_METRICS;
	else if (c != NULL && (r->source = conf_source(c, name)) != NULL)
		r->what = REQUEST_WEBHOOK;
}

static void
route_place(struct request *r, const struct conf *c, const struct place *p,
    struct arena *a)
{
	const char *segments[SEGMENTS];
	size_t n = split(p, segments, a);

	if (n > 0)
		route_name(r, c, p, segments[n - 1]);
	if (r->what != REQUEST_NOTHING || n < 2 || c == NULL)
		return;
	/* BASE/<source>/<token> */
	r->source = conf_source(c, segments[n - 2]);
	if (r->source != NULL) {
		r->what = REQUEST_WEBHOOK;
		r->token = segments[n - 1];
	}
}

void
request_route(struct request *r, const struct conf *c, struct arena *a)
{
	const char *method = request_param(r, "REQUEST_METHOD");
	const struct place given = { request_param(r, "SCRIPT_NAME"),
		request_param(r, "PATH_INFO"), false, true };
	const struct place asked = uri_place(r, given.base, a);

	r->is_post = strcmp(method, "POST") == 0;
	r->is_head = strcmp(method, "HEAD") == 0;
	r->is_get = r->is_head || strcmp(method, "GET") == 0;
	route_place(r, c, &given, a);
	if (r->what == REQUEST_NOTHING)
		route_place(r, c, &asked, a);
}

int64_t
request_length(const struct request *r)
{
	const char *text = request_param(r, "CONTENT_LENGTH");
	struct scan s = { (const unsigned char *)text, strlen(text) };
	unsigned long n;

	if (text[0] == '\0' || strcmp(text, "-1") == 0)
		return -1;
	if (!scan_number(&s, INT64_MAX, &n) || s.left > 0)
		return INT64_MAX;
	return (int64_t)n;
}

bool
request_has_type(const struct request *r)
{
	return request_param(r, "CONTENT_TYPE")[0] != '\0';
}

bool
request_is_json(const struct request *r)
{
	const char *type = request_param(r, "CONTENT_TYPE");
	size_t n = strcspn(type, "; \t");

	if (n == strlen("application/json") &&
	    strncasecmp(type, "application/json", n) == 0)
		return true;
	return n > strlen("application/+json") &&
	    strncasecmp(type, "application/", 12) == 0 &&
	    strncasecmp(type + n - 5, "+json", 5) == 0;
}
