/*
 * The files of a configuration, made into one text that libConfuse cannot
 * misread.
 *
 * libConfuse 3.3 miscounts lines after a comment, takes a file that ends
 * inside a section, drops an unquoted '*', makes an unset ${NAME} empty, lets
 * the last of two values win, and ends the process on a read error.  So each
 * file is read into memory, refused where it could be taken in two ways, and
 * written anew: no comments, include() resolved, each value in double quotes
 * behind the line in which it stands.  What is accepted:
 *
 *	name = value		a comment as in C, or from # to the end
 *	name = { value, value }
 *	name value { name = value ... }
 *	include("file")		between sections, relative to its file
 *
 *	a name	letters, digits, _ and -
 *	a value	a word of letters, digits and _ - . / : @
 *		"text", in which \" \\ and \$ stand for themselves and
 *			${NAME} for the environment's, which must be set
 *		'text', in which \' and \\ stand for themselves
 *
 * Text ends on the line where it begins, is UTF-8, has no control characters.
 */
#ifndef PLAIN_H
#define PLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

struct arena;
struct fail;
struct file;

enum { PLAIN_NAMES = 64 };

/* The names given so far in one section. */
struct plain_scope {
	const char *names[PLAIN_NAMES];
	unsigned lines[PLAIN_NAMES];
	size_t n;
};

/* Lines are those of text; plain_fail says where they came from. */
struct plain {
	struct arena *arena;
	struct buf text;    /* for libConfuse */
	unsigned line;      /* its last */
	struct file *files; /* all that were read, the last first */
	struct part *parts; /* which lines are whose, the last first */
	struct reader *reader;
	struct buf token;
	unsigned last; /* what the last token was */
	const char *name;
	unsigned section_line, list_line; /* where they began */
	unsigned depth;
	bool in_list;
	size_t n_files, n_sections, n_entries, bytes;
	struct plain_scope top, section;
};

/* A value as libConfuse gives it back. */
struct plain_value {
	const char *text;
	unsigned line;
	bool in_list; /* in braces */
};

/* Read path, which is absolute.  plain_free is safe whatever the result. */
bool plain_read(
    struct plain *p, struct arena *a, const char *path, struct fail *f);
void plain_free(struct plain *p);

struct plain_value plain_value(const char *given);

/* The name under which a last value stands at the end, which no file can
 * give: a parse that has it has read all. */
#define PLAIN_END "."

/* "FILE:LINE: " and what was wanted there.  Always false. */
bool plain_fail(const struct plain *p, unsigned line, struct fail *f,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* A path as the file means it in which it stands. */
const char *plain_path(const struct plain *p, unsigned line, const char *path);

#endif
