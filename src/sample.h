/*
 * Bodies as the senders of each kind post them, to try a source with.  They
 * are part of the program: src/samples/list names them.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

struct buf;

struct sample {
	const char *kind;
	const char *name;
	const char *end;          /* the sample that ends its alert, or NULL */
	const char *shows;        /* in a few words */
	const char *const *lines; /* of the body, NULL-terminated */
};

/* The first sample of a kind, for NULL, and the one behind another; NULL if
 * there is none. */
const struct sample *sample_next(const char *kind, const struct sample *s);

/* NULL if the kind has none of that name. */
const struct sample *sample_find(const char *kind, const char *name);

/* Append the body. */
void sample_body(const struct sample *s, struct buf *out);

#endif
