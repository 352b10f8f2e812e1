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
 * (facts/webservers-and-c.md, 0.7).
 */
static char *
path_of(const struct request *r, struct arena *a)
{
	const char *script = request_param(r, "SCRIPT_NAME");
	const char *info = request_param(r, "PATH_INFO");
	char *path;

	if (script[0] != '\0' || info[0] != '\0')
		return arena_printf(a, "%s%s", script, info);
	path = arena_str(a, request_param(r, "REQUEST_URI"));
	path[strcspn(path, "?#")] = '\0';
	return path;
}

/* Split at slashes; empty segments do not count. */
static size_t
split(char *path, const char *segments[SEGMENTS])
{
	size_t n = 0;
	char *rest = NULL;

	for (char *s = strtok_r(path, "/", &rest); s != NULL && n < SEGMENTS;
	     s = strtok_r(NULL, "/", &rest))
		segments[n++] = s;
	return n;
}

/*
 * Whether a name stands right behind BASE, as far as the server says where
 * that ends: BASE/x/metrics would pass by a rule of its for BASE/metrics.
 */
static bool
is_at_base(const struct request *r, const char *name)
{
	const char *info = request_param(r, "PATH_INFO");
	size_t n = strlen(name);

	if (info[0] == '\0' || request_param(r, "SCRIPT_NAME")[0] == '\0')
		return true;
	return info[0] == '/' && strncmp(info + 1, name, n) == 0 &&
	    (info[n + 1] == '\0' || strcmp(info + n + 1, "/") == 0);
}

static void
route_name(struct request *r, const struct conf *c, const char *name)
{
	if (strcmp(name, "healthz") == 0 && is_at_base(r, name))
		r->what = REQUEST_HEALTH;
	else if (strcmp(name, "metrics") == 0 && is_at_base(r, name))
		r->what = REQUEST_METRICS;
	else if (c != NULL && (r->source = conf_source(c, name)) != NULL)
		r->what = REQUEST_WEBHOOK;
}

void
request_route(struct request *r, const struct conf *c, struct arena *a)
{
	const char *method = request_param(r, "REQUEST_METHOD");
	const char *segments[SEGMENTS];
	size_t n = split(path_of(r, a), segments);

	r->is_post = strcmp(method, "POST") == 0;
	r->is_head = strcmp(method, "HEAD") == 0;
	r->is_get = r->is_head || strcmp(method, "GET") == 0;
	if (n > 0)
		route_name(r, c, segments[n - 1]);
	if (r->what != REQUEST_NOTHING || n < 2 || c == NULL)
		return;
	/* BASE/<source>/<token> */
	r->source = conf_source(c, segments[n - 2]);
	if (r->source != NULL) {
		r->what = REQUEST_WEBHOOK;
		r->token = segments[n - 1];
	}
}

int64_t
request_length(const struct request *r)
{
	const char *text = request_param(r, "CONTENT_LENGTH");
	struct scan s = { (const unsigned char *)text, strlen(text) };
	unsigned long n;

	if (!scan_number(&s, INT64_MAX, &n) || s.left > 0)
		return -1;
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
