/*
 * What check and doctor find: how grave, about what, and what to do about it.
 * One wording for both.
 */
#ifndef FINDING_H
#define FINDING_H

#include <stddef.h>

#include "arena.h"

enum finding_grade {
	FINDING_OK,
	FINDING_NOTE, /* to know; nothing is wrong */
	FINDING_WARNING,
	FINDING_FAILURE,
	FINDING_GRADES,
};

struct finding {
	const struct finding *next;
	enum finding_grade grade;
	const char *what; /* "spool", "destination oncall" */
	const char *text;
	const char *cure; /* NULL: there is nothing to do */
};

/* In the order in which they were found; all lives in the arena. */
struct findings {
	struct arena arena;
	const struct finding *first;
	struct finding *last;
	size_t count[FINDING_GRADES];
};

/* what and cure are borrowed, and may be in the arena. */
void finding_add(struct findings *f, enum finding_grade grade, const char *what,
    const char *cure, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* An exchange that ended without an answer; why is as in struct post_answer. */
void finding_add_silence(struct findings *f, const char *what, const char *why);

/* "ok", "note", "warning", "failure". */
const char *finding_word(enum finding_grade grade);

#endif
