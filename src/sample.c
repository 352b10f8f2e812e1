#include "sample.h"

#include "buf.h"

#include <stddef.h>
#include <string.h>

#include "samples.h"

const struct sample *
sample_next(const char *kind, const struct sample *s)
{
	s = s == NULL ? samples : s + 1;
	while (s->name != NULL && strcmp(s->kind, kind) != 0)
		s++;
	return s->name == NULL ? NULL : s;
}

const struct sample *
sample_find(const char *kind, const char *name)
{
	const struct sample *s = NULL;

	while ((s = sample_next(kind, s)) != NULL)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

void
sample_body(const struct sample *s, struct buf *out)
{
	for (size_t i = 0; s->lines[i] != NULL; i++) {
		buf_puts(out, s->lines[i]);
		buf_puts(out, "\n");
	}
}
