#include "health.h"

#include "answer.h"
#include "fail.h"
#include "relay.h"
#include "request.h"
#include "tree.h"

/* Whether a webhook would now be refused. */
static bool
failing(struct relay *r)
{
	struct fail f = { 0 };

	return r->setup == NULL || !setup_spool(r->setup, &f) ||
	    !spool_room(&r->setup->spool, 1, 1, &f);
}

void
health_answer(struct relay *r, const struct request *req, struct answer *out)
{
	struct tree *to = tree_new(&r->arena, TREE_OBJECT);
	bool bad = failing(r);
	const char *word = bad     ? "failing"
	    : r->broken[0] != '\0' ? "degraded"
				   : "ok";

	if (req->what != REQUEST_HEALTH) {
		answer_problem(out, 404, "there is no such place", &r->arena);
		return;
	}
	tree_set(&r->arena, to, "status", tree_str(&r->arena, word));
	answer_json(out, bad ? 503 : 200, to);
}
