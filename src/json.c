#include "json.h"

#include "buf.h"
#include "tree.h"

#include <json-c/json.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What a text may grow to while it is cleaned; json-c counts in int. */
enum { TEXT_MAX = INT_MAX / 4 };

static const char replacement[] = "\xef\xbf\xbd";

/* How many bytes the character at p takes, 0 if it is none fit to send. */
static size_t
character(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (p[0] == '\0' || (p[0] >= 0x80 && p[0] < 0xc2) || p[0] > 0xf4 ||
	    n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* How many bytes are stepped over where there is no character: of a lone
 * surrogate all three, so that it becomes one U+FFFD. */
static size_t
spoilt(const unsigned char *p, size_t left)
{
	return p[0] == 0xed && left >= 3 && p[1] >= 0xa0 ? 3 : 1;
}

/* Replace out's contents with text fit to send. */
static void
clean(const char *text, size_t len, struct buf *out)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t from = 0, at = 0;

	buf_reset(out);
	while (at < len) {
		size_t n = character(p + at, len - at);

		if (n > 0) {
			at += n;
			continue;
		}
		buf_add(out, text + from, at - from);
		buf_puts(out, replacement);
		at += spoilt(p + at, len - at);
		from = at;
	}
	buf_add(out, text + from, at - from);
}

static json_object *
string(const struct buf *text)
{
	return json_object_new_string_len(text->data, (int)text->len);
}

/* Whether text, digits alone, is a number of 64 bits without a sign. */
static bool
unsigned_64(const struct buf *text, uint64_t *out)
{
	*out = 0;
	if (text->len > 20 || text->data[0] == '-')
		return false;
	for (size_t i = 0; i < text->len; i++)
		if (__builtin_mul_overflow(*out, 10, out) ||
		    __builtin_add_overflow(
			*out, (uint64_t)(text->data[i] - '0'), out))
			return false;
	return true;
}

static json_object *
number(const struct tree *t, const struct buf *text)
{
	int64_t n;
	uint64_t big;
	double d;

	if (tree_int(t, &n))
		return json_object_new_int64(n);
	if (t->type == TREE_INT)
		return unsigned_64(text, &big) ? json_object_new_uint64(big)
					       : string(text);
	d = strtod(text->data, NULL);
	return isfinite(d) ? json_object_new_double_s(d, text->data)
			   : string(text);
}

/* text is room to work in.  As deep as the tree: TREE_DEPTH and what we put
 * around it. */
static json_object *
convert(const struct tree *t, struct buf *text)
{
	json_object *o;

	switch (t->type) {
	case TREE_NULL:
		return NULL;
	case TREE_FALSE:
	case TREE_TRUE:
		return json_object_new_boolean(t->type == TREE_TRUE);
	case TREE_LIST:
		o = json_object_new_array();
		for (const struct tree *m = t->first; m != NULL; m = m->next)
			json_object_array_add(o, convert(m, text));
		return o;
	case TREE_OBJECT:
		o = json_object_new_object();
		for (const struct tree *m = t->first; m != NULL; m = m->next) {
			json_object *value = convert(m, text);

			clean(m->key, m->key_len, text);
			json_object_object_add(o, text->data, value);
		}
		return o;
	case TREE_INT:
	case TREE_FLOAT:
	case TREE_STR:
		break;
	}
	clean(t->text, t->len, text);
	return t->type == TREE_STR ? string(text) : number(t, text);
}

void
json_write(const struct tree *t, enum json_layout layout, struct buf *out)
{
	struct buf text = BUF_MAX(TEXT_MAX);
	json_object *o = convert(t, &text);
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE;
	size_t n;
	const char *s;

	if (layout == JSON_PRETTY)
		flags |= JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
	s = json_object_to_json_string_length(o, flags, &n);
	buf_add(out, s, n);
	json_object_put(o);
	buf_free(&text);
}
