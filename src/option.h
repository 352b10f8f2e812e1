/*
 * What an adapter can be told, in neutral types: the adapter declares a table
 * of options, the configuration fills the values in.
 */
#ifndef OPTION_H
#define OPTION_H

#include <stddef.h>

enum option_type {
	OPTION_TEXT,   /* a string */
	OPTION_URL,    /* one to which alerts link */
	OPTION_LIST,   /* strings */
	OPTION_SECRET, /* names a file; the values are its lines, trimmed */
	OPTION_CHOICE, /* one of choices, NULL-terminated; the first is default
			*/
};

/* A table ends with a NULL name. */
struct option {
	const char *name;
	enum option_type type;
	const char *const *choices;
};

/* The strings of one option: none if it was not given (a choice: its
 * default).  In the same order as the table. */
struct option_value {
	const char **items;
	size_t n;
};

#endif
