#include "answer.h"

#include "arena.h"
#include "array.h"
#include "fail.h"
#include "json.h"
#include "tree.h"

#include <stddef.h>

enum { RETRY_SECONDS = 30 };

/* Which refusals a sender does well to repeat unchanged. */
static const struct {
	int status;
	const char *title;
	bool retryable;
} statuses[] = {
	{ 200, "OK", false },
	{ 202, "Accepted", false },
	{ 400, "Bad Request", false },
	{ 403, "Forbidden", false },
	{ 404, "Not Found", false },
	{ 405, "Method Not Allowed", false },
	{ 408, "Request Timeout", true },
	{ 413, "Content Too Large", false },
	{ 415, "Unsupported Media Type", false },
	{ 422, "Unprocessable Content", false },
	{ 503, "Service Unavailable", true },
};

enum { LAST = COUNT(statuses) - 1 };

static size_t
find(int status)
{
	for (size_t i = 0; i < LAST; i++)
		if (statuses[i].status == status)
			return i;
	return LAST;
}

const char *
answer_word(enum answer_result result)
{
	static const char *const words[] = { "queued", "delivered", "unchanged",
		"ignored" };

	return words[result];
}

static struct tree *
item_tree(const struct answer_item *i, struct arena *a)
{
	struct tree *to = tree_new(a, TREE_OBJECT);

	tree_set_str(a, to, "result", answer_word(i->result));
	tree_set_str(a, to, "alert", i->alert);
	tree_set_str(a, to, "deduplication_key", i->key);
	tree_set_str(a, to, "status", i->resolved ? "resolved" : "firing");
	tree_set_str(a, to, "muted", i->muted);
	return to;
}

static struct tree *
list_tree(const struct answer_item *items, size_t n, struct arena *a)
{
	struct tree *list = tree_new(a, TREE_LIST);

	for (size_t i = 0; i < n; i++) {
		struct tree *one = item_tree(&items[i], a);

		tree_set_str(a, one, "destination", items[i].destination);
		(void)tree_push(list, one);
	}
	return list;
}

void
answer_json(struct answer *out, int status, const struct tree *t)
{
	buf_reset(&out->body);
	out->status = status;
	out->type = "application/json";
	json_write(t, JSON_PLAIN, &out->body);
	buf_puts(&out->body, "\n");
}

void
answer_items(struct answer *out, const struct answer_item *items, size_t n,
    bool only_200, struct arena *a)
{
	struct answer_item least = { .result = ANSWER_IGNORED };
	struct tree *to = tree_new(a, TREE_OBJECT);
	bool queued;

	out->items = items;
	out->n = n;
	if (n > 0)
		least = items[0];
	for (size_t i = 1; i < n; i++)
		if (items[i].result < least.result)
			least = items[i];
	queued = least.result == ANSWER_QUEUED;
	if (n > 0)
		to = item_tree(&least, a);
	else
		tree_set_str(a, to, "result", answer_word(least.result));
	if (n > 1)
		tree_set(a, to, "alerts", list_tree(items, n, a));
	answer_json(out, queued && !only_200 ? 202 : 200, to);
}

void
answer_problem(
    struct answer *out, int status, const char *detail, struct arena *a)
{
	struct tree *to = tree_new(a, TREE_OBJECT);
	size_t i = find(status);

	tree_set_str(a, to, "type", "about:blank");
	tree_set_str(a, to, "title", statuses[i].title);
	tree_set(a, to, "status", tree_num(a, statuses[i].status));
	tree_set_str(a, to, "detail", detail);
	tree_set(a, to, "retryable", tree_bool(a, statuses[i].retryable));
	answer_json(out, statuses[i].status, to);
	out->type = "application/problem+json";
	out->detail = arena_str(a, detail);
	if (statuses[i].status == 503)
		out->retry_after = RETRY_SECONDS;
}

void
answer_fail(struct answer *out, const struct fail *f, struct arena *a)
{
	switch (f->kind) {
	case FAIL_AUTH:
		/* One wording for no proof and a wrong one. */
		answer_problem(out, 403,
		    "the request does not prove that it comes from this source",
		    a);
		return;
	case FAIL_INPUT:
		answer_problem(out, 400, f->text, a);
		return;
	case FAIL_REFUSED:
		answer_problem(out, 422, f->text, a);
		return;
	default:
		answer_problem(out, 503,
		    "the alert could not be stored; send it again later", a);
	}
}

void
answer_write(const struct answer *a, struct buf *out)
{
	buf_printf(out, "Status: %d %s\r\n", a->status,
	    statuses[find(a->status)].title);
	buf_printf(out, "Content-Type: %s\r\n", a->type);
	buf_puts(out, "Cache-Control: no-store\r\n");
	if (a->allow != NULL)
		buf_printf(out, "Allow: %s\r\n", a->allow);
	if (a->retry_after > 0)
		buf_printf(out, "Retry-After: %d\r\n", a->retry_after);
	buf_printf(out, "Content-Length: %zu\r\n\r\n", a->body.len);
	if (!a->bare)
		buf_add(out, a->body.data, a->body.len);
}
