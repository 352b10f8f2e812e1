#include "summary.h"

#include "array.h"
#include "buf.h"
#include "fail.h"
#include "json.h"
#include "tree.h"

static const struct {
	const char *name;
	size_t at;
} members[] = {
	{ "at", offsetof(struct summary, at) },
	{ "owed", offsetof(struct summary, owed) },
	{ "oldest", offsetof(struct summary, oldest) },
	{ "due", offsetof(struct summary, due) },
	{ "dead", offsetof(struct summary, dead) },
	{ "muted", offsetof(struct summary, muted) },
	{ "unread", offsetof(struct summary, unread) },
};

enum { MEMBERS = COUNT(members) };

void
summary_write(const struct summary *s, struct arena *a, struct buf *out)
{
	struct tree *to = tree_new(a, TREE_OBJECT);

	for (size_t i = 0; i < MEMBERS; i++)
		tree_set(a, to, members[i].name,
		    tree_num(a,
			*(const int64_t *)(const void *)((const char *)s +
			    members[i].at)));
	json_write(to, JSON_PRETTY, out);
}

void
summary_parse(const char *text, size_t n, struct summary *out, struct arena *a)
{
	struct tree *from = NULL;
	struct fail ignored = { 0 };

	*out = (struct summary){ 0 };
	if (!tree_parse(text, n, a, &from, &ignored))
		return;
	for (size_t i = 0; i < MEMBERS; i++)
		(void)tree_int(tree_get(from, members[i].name),
		    (int64_t *)(void *)((char *)out + members[i].at));
}
