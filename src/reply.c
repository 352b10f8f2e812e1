#include "reply.h"

#include "arena.h"
#include "event.h"
#include "fail.h"
#include "tree.h"

enum { ID_MAX = 36, REQUEST_MAX = ID_MAX + sizeof(", request ") - 1 };

static const char *
with_error(const char *words, const struct tree *error, struct arena *a)
{
	const char *message = tree_cstr(tree_get(error, "message"), a);
	const char *field = tree_cstr(tree_at(error, "/source/field"), a);

	if (message == NULL)
		return words;
	if (field != NULL)
		message = arena_printf(a, "%s (%s)", message, field);
	return words == NULL ? message
			     : arena_printf(a, "%s; %s", words, message);
}

const char *
reply_words(const char *text, size_t n, size_t max, struct arena *a)
{
	struct fail ignored = { 0 };
	struct tree *t = NULL;
	const struct tree *errors;
	const char *words, *id;

	(void)tree_parse(text, n, a, &t, &ignored);
	errors = tree_get(t, "errors");
	words = with_error(NULL, t, a);
	if (tree_is(errors, TREE_LIST))
		for (const struct tree *e = errors->first; e != NULL;
		     e = e->next)
			words = with_error(words, e, a);
	id = tree_cstr(tree_get(t, "request_id"), a);
	if (words != NULL && id != NULL)
		words = arena_printf(a, "%s, request %s",
		    event_cut(a, words, max - REQUEST_MAX),
		    event_cut(a, id, ID_MAX));
	return event_cut(a, words != NULL ? words : text, max);
}
