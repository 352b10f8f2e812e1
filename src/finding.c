#include "finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TEXT = 2048 };

void
finding_add(struct findings *f, enum finding_grade grade, const char *what,
    const char *cure, const char *fmt, ...)
{
	struct finding *found = arena_alloc(&f->arena, sizeof(*found));
	char text[TEXT];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	*found = (struct finding){
		.grade = grade,
		.what = what,
		.text = arena_str(&f->arena, text),
		.cure = cure,
	};
	if (f->last == NULL)
		f->first = found;
	else
		f->last->next = found;
	f->last = found;
	f->count[grade]++;
}

void
finding_add_silence(struct findings *f, const char *what, const char *why)
{
	char *text = arena_str(&f->arena, why);
	char *cure = strstr(text, "; ");

	if (cure != NULL) {
		*cure = '\0';
		cure += 2;
	}
	finding_add(f, FINDING_FAILURE, what, cure, "%s", text);
}

const char *
finding_word(enum finding_grade grade)
{
	static const char *const words[] = {
		[FINDING_OK] = "ok",
		[FINDING_NOTE] = "note",
		[FINDING_WARNING] = "warning",
		[FINDING_FAILURE] = "failure",
	};

	return words[grade];
}
