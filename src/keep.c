#include "keep.h"

#include "arena.h"
#include "buf.h"
#include "fail.h"
#include "log.h"

static void
say_corrupt(const struct spool_box *b, const char *id, int64_t now)
{
	struct log_line l = log_begin(now, "corrupt");

	log_str(&l, "destination", b->name);
	log_str(&l, "alert", id);
	log_trouble(&l, "its file is torn or altered; moved to corrupt/");
	log_end(&l);
}

bool
keep_load(const struct spool_box *b, const char *id, struct keep *out,
    int64_t now, struct arena *a, struct fail *f)
{
	struct buf text = BUF_MAX(SPOOL_FILE_MAX);
	struct spool_found found;
	bool did = spool_load(b, id, &text, &found, f);

	*out = (struct keep){ 0 };
	if (found.corrupt)
		say_corrupt(b, id, now);
	if (did && found.there) {
		out->there = true;
		out->pending = found.pending;
		out->settled = found.pending && found.settled;
		out->generation = found.generation;
		/* The ticket borrows from its text. */
		did = ticket_parse(arena_copy(a, text.data, text.len), text.len,
		    &out->ticket, a, f);
	}
	buf_free(&text);
	return did;
}

bool
keep_store(const struct spool_box *b, const char *id, const struct keep *k,
    struct spool_draft *d, struct arena *a, struct fail *f)
{
	struct buf text = BUF_MAX(SPOOL_FILE_MAX);
	bool did;

	ticket_write(&k->ticket, a, &text);
	did = spool_store(b, id, k->generation + 1, &text, d, f);
	buf_free(&text);
	return did;
}

bool
keep_draft(const struct spool_box *b, const char *id, const struct keep *k,
    struct spool_draft *d, struct arena *a, struct fail *f)
{
	struct buf text = BUF_MAX(SPOOL_FILE_MAX);
	bool did;

	ticket_write(&k->ticket, a, &text);
	did = spool_draft(b, id, k->generation + 1, &text, d, f);
	buf_free(&text);
	return did;
}
