/*
 * A JSON value, kept exactly as it was written.
 *
 * The reader accepts what CPython's json.loads accepts from bytes, and
 * nothing else (facts/montecarlo.md, 5.5): RFC 8259 plus NaN, Infinity and
 * -Infinity; a byte order mark, UTF-16 and UTF-32 are recognised as there.
 * Beyond json.loads it refuses nesting deeper than TREE_DEPTH.  Of a
 * key that stands twice in an object the last value is kept, in the first
 * place.
 *
 * Text is WTF-8: UTF-8 in which a lone surrogate, written \ud800 or raw, is
 * encoded like any other code point.  It may hold NUL.  It need not end in
 * one.  Numbers keep the text they were written with.
 *
 * A node belongs to one list or object.  Everything lives in the arena;
 * unescaped text is borrowed from the input, which must live as long.
 */
#ifndef TREE_H
#define TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;
struct fail;

enum { TREE_DEPTH = 256, TREE_DIGITS = 4300 };

enum tree_type {
	TREE_NULL,
	TREE_FALSE,
	TREE_TRUE,
	TREE_INT,   /* text: digits, perhaps after a minus, no leading zero */
	TREE_FLOAT, /* text: as written, also NaN, Infinity, -Infinity */
	TREE_STR,
	TREE_LIST,
	TREE_OBJECT,
};

struct tree {
	enum tree_type type;
	uint32_t key_len;
	const char *key; /* its name in the object around it, else NULL */
	struct tree *next;
	union {
		struct {
			const char *text; /* numbers and strings */
			size_t len;
		};
		struct {
			struct tree *first; /* lists and objects */
			struct tree *last;
		};
	};
};

/*
 * Read n bytes as one JSON value.  A failure is FAIL_INPUT and says what is
 * wrong and at which byte; it never repeats the input, and *out is NULL.
 */
bool tree_parse(const void *bytes, size_t n, struct arena *a, struct tree **out,
    struct fail *f);

/* Whether t is the member of that name. */
static inline bool
tree_named(const struct tree *t, const char *name, size_t len)
{
	return t->key_len == len &&
	    (len == 0 ||
		(t->key[0] == name[0] && memcmp(t->key, name, len) == 0));
}

/* The member of that name; NULL if there is none or t is no object or NULL. */
struct tree *tree_member(const struct tree *t, const char *name, size_t len);

/* Inline, so that the length of a literal costs nothing. */
static inline struct tree *
tree_get(const struct tree *t, const char *name)
{
	return tree_member(t, name, strlen(name));
}

/*
 * The value at a JSON Pointer (RFC 6901); "" is t itself.  NULL if there is
 * none.
 */
struct tree *tree_at(const struct tree *t, const char *pointer);

/* Whether the n bytes, which begin with /, are one: 0 or 1 is behind each ~.
 * A failure is FAIL_BROKEN. */
bool tree_pointer_ok(const char *pointer, size_t n, struct fail *f);

/* How many children a list or object has; 0 for all else. */
size_t tree_count(const struct tree *t);

static inline bool
tree_is(const struct tree *t, enum tree_type type)
{
	return t != NULL && t->type == type;
}

/* Whether t is a string that reads exactly s. */
bool tree_says(const struct tree *t, const char *s);

/*
 * A string's text as a C string made fit to send: lone surrogates and
 * NUL become U+FFFD.  A number's text as written.  NULL for anything else.
 */
const char *tree_cstr(const struct tree *t, struct arena *a);

/* A whole number that fits; false if t is anything else. */
bool tree_int(const struct tree *t, int64_t *out);

/* Making values.  Strings are borrowed, not copied; names too. */
struct tree *tree_new(struct arena *a, enum tree_type type);
struct tree *tree_strn(struct arena *a, const char *s, size_t n);
static inline struct tree *
tree_str(struct arena *a, const char *s)
{
	return tree_strn(a, s, strlen(s));
}
struct tree *tree_num(struct arena *a, int64_t n);
struct tree *tree_bool(struct arena *a, bool b);

/* The same value as a node of its own; children are shared, not copied. */
struct tree *tree_copy(struct arena *a, const struct tree *t);

/* Append item, which must be in no list or object yet; returns item. */
struct tree *tree_push(struct tree *list, struct tree *item);

/* Append a copy of value's node under a name that object has not yet. */
struct tree *tree_add(struct arena *a, struct tree *object, const char *name,
    size_t len, const struct tree *value);

/*
 * Put a copy of value's node (see tree_copy) under name, in the place of one
 * of that name, else last.  A NULL value removes the name.
 */
void tree_setn(struct arena *a, struct tree *object, const char *name,
    size_t len, const struct tree *value);
static inline void
tree_set(struct arena *a, struct tree *object, const char *name,
    const struct tree *value)
{
	tree_setn(a, object, name, strlen(name), value);
}

/* The same for a number, for a string and for true; a NULL string and a no
 * change nothing. */
void tree_set_num(
    struct arena *a, struct tree *object, const char *name, int64_t n);
void tree_set_str(
    struct arena *a, struct tree *object, const char *name, const char *s);
void tree_set_yes(
    struct arena *a, struct tree *object, const char *name, bool yes);

/* A member's whole number, 0 if there is none. */
int64_t tree_get_num(const struct tree *t, const char *name);

/*
 * A new value: target changed by patch as RFC 7396 says (a null in the patch
 * removes, an object merges, all else replaces).  target may be NULL.
 */
struct tree *tree_merge(
    struct arena *a, const struct tree *target, const struct tree *patch);

#endif
