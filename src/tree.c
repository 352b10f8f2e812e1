#include "tree.h"

#include "arena.h"
#include "fail.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include <endian.h>
#include <stdint.h>
#include <string.h>

/* Objects of up to so many members are searched one by one, larger ones
 * sorted: nothing a stranger sends takes quadratic time. */
enum { FEW = 16, NODES = 32 };

/* ---- reading ---- */

struct reader {
	const unsigned char *at;
	const unsigned char *end;
	const unsigned char *zero; /* where positions are counted from */
	const char *note; /* what they are positions in, if not input */
	struct arena *arena;
	struct fail *fail;
	/*
	 * The innermost list or object that is open.  While one is open, its
	 * next is the one around it: it has no successor yet.
	 */
	struct tree *in;
	size_t depth;
	bool fresh;         /* nothing has been read of it yet */
	struct tree *spare; /* nodes to come, made some at a time */
	size_t spares;
};

static bool
wrong(struct reader *r, const unsigned char *at, const char *what)
{
	return fail_set(r->fail, FAIL_INPUT, "not JSON: %s at byte %zu%s", what,
	    (size_t)(at - r->zero), r->note);
}

static inline int
peek(const struct reader *r)
{
	return r->at < r->end ? *r->at : -1;
}

static inline void
skip_space(struct reader *r)
{
	const unsigned char *p = r->at;

	while (
	    p < r->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	r->at = p;
}

/*
 * The first byte that is no plain ASCII of a string: a quote, a backslash, a
 * control character or part of a longer character; or end.  Half of a body
 * is strings, so this is where reading is fast or slow.
 */
static inline const unsigned char *
plain(const unsigned char *p, const unsigned char *end)
{
	const uint64_t ones = 0x0101010101010101u;

#ifdef __SSE2__
	for (; end - p >= 16; p += 16) {
		__m128i w = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i quote = _mm_cmpeq_epi8(w, _mm_set1_epi8('"'));
		__m128i slash = _mm_cmpeq_epi8(w, _mm_set1_epi8('\\'));
		/* As signed bytes, those from 0x80 on are below 0x20 too. */
		__m128i odd = _mm_cmplt_epi8(w, _mm_set1_epi8(0x20));
		int found = _mm_movemask_epi8(
		    _mm_or_si128(_mm_or_si128(quote, slash), odd));

		if (found != 0)
			return p + __builtin_ctz((unsigned)found);
	}
#endif
	/* A borrow can only spoil bytes behind the first one found. */
	for (; end - p >= 8; p += 8) {
		uint64_t w;

		memcpy(&w, p, sizeof(w));
		w = le64toh(w);
		w = (w | (w - ones * 0x20) | ((w ^ ones * '"') - ones) |
			((w ^ ones * '\\') - ones)) &
		    ones * 0x80;
		if (w != 0)
			return p + __builtin_ctzll(w) / 8;
	}
	while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/*
 * How many bytes the character at p takes, 0 if it is none.  Surrogates pass
 * (Python's surrogatepass), overlong forms and what is past U+10FFFF do not.
 */
static size_t
sequence(const unsigned char *p, const unsigned char *end)
{
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (p[0] < 0xc2 || p[0] > 0xf4 || (size_t)(end - p) < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static char *
put_code(char *o, uint32_t c)
{
	if (c < 0x80) {
		*o++ = (char)c;
		return o;
	}
	if (c < 0x800) {
		*o++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*o++ = (char)(0xe0 | c >> 12);
		} else {
			*o++ = (char)(0xf0 | c >> 18);
			*o++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*o++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*o++ = (char)(0x80 | (c & 0x3f));
	return o;
}

static bool
is_high(uint32_t c)
{
	return c >= 0xd800 && c <= 0xdbff;
}

static bool
is_low(uint32_t c)
{
	return c >= 0xdc00 && c <= 0xdfff;
}

static uint32_t
join(uint32_t high, uint32_t low)
{
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* The number that \uXXXX at p stands for, or UINT32_MAX if it is none. */
static uint32_t
unicode_escape(const unsigned char *p, const unsigned char *end)
{
	uint32_t c = 0;

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return UINT32_MAX;
	for (size_t i = 2; i < 6; i++) {
		unsigned letter = (p[i] | 0x20u) - 'a';

		if (p[i] >= '0' && p[i] <= '9')
			c = c << 4 | (p[i] - (unsigned)'0');
		else if (letter < 6)
			c = c << 4 | (letter + 10);
		else
			return UINT32_MAX;
	}
	return c;
}

/* Decode the escape at *p, step over it; NULL if it is none. */
static char *
put_escape(char *o, const unsigned char **p, const unsigned char *end)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	const char *letter = memchr(letters, (*p)[1], sizeof(letters) - 1);
	uint32_t c, low;

	if (letter != NULL) {
		*o++ = meanings[letter - letters];
		*p += 2;
		return o;
	}
	c = unicode_escape(*p, end);
	if (c == UINT32_MAX)
		return NULL;
	*p += 6;
	/* Only two escapes are ever joined: raw halves stay halves. */
	low = is_high(c) ? unicode_escape(*p, end) : UINT32_MAX;
	if (is_low(low)) {
		c = join(c, low);
		*p += 6;
	}
	return put_code(o, c);
}

static bool
unescape(struct reader *r, const unsigned char *p, const unsigned char *end,
    const char **out, size_t *len)
{
	/* No escape is shorter than what it stands for. */
	char *text = arena_alloc(r->arena, (size_t)(end - p));
	char *o = text;

	while (p < end) {
		const unsigned char *slash = memchr(p, '\\', (size_t)(end - p));
		size_t n = (size_t)((slash == NULL ? end : slash) - p);

		memcpy(o, p, n);
		o += n;
		p += n;
		if (p == end)
			break;
		o = put_escape(o, &p, end);
		if (o == NULL)
			return wrong(r, p, "a bad escape");
	}
	*out = text;
	*len = (size_t)(o - text);
	return true;
}

/* A string, from its opening quote to past its closing one. */
static bool
string(struct reader *r, const char **out, size_t *len)
{
	const unsigned char *from = r->at + 1;
	const unsigned char *p = from;
	bool escaped = false;

	while ((p = plain(p, r->end)) < r->end && *p != '"') {
		size_t n = *p == '\\' ? 2 : sequence(p, r->end);

		if (*p < 0x20)
			return wrong(r, p, "a control character in a string");
		if (n == 0)
			return wrong(r, p, "a string that is not UTF-8");
		if ((size_t)(r->end - p) < n)
			break;
		escaped = escaped || *p == '\\';
		p += n;
	}
	if (p >= r->end || *p != '"')
		return wrong(r, r->at, "no end of the string that begins");
	r->at = p + 1;
	if (escaped)
		return unescape(r, from, p, out, len);
	*out = (const char *)from;
	*len = (size_t)(p - from);
	return true;
}

static const unsigned char *
digits(const unsigned char *p, const unsigned char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

static const unsigned char *
exponent(const unsigned char *p, const unsigned char *end)
{
	const unsigned char *from = p;
	const unsigned char *stop;

	if (p == end || (*p != 'e' && *p != 'E'))
		return from;
	p++;
	if (p < end && (*p == '+' || *p == '-'))
		p++;
	stop = digits(p, end);
	return stop > p ? stop : from;
}

static bool
word(struct reader *r, struct tree *t, enum tree_type type, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, text, n) != 0)
		return wrong(r, r->at, "no value");
	t->type = type;
	t->text = (const char *)r->at;
	t->len = n;
	r->at += n;
	return true;
}

static bool
number(struct reader *r, struct tree *t)
{
	const unsigned char *first = r->at + (peek(r) == '-');
	const unsigned char *p, *whole;

	if (first > r->at && first < r->end && *first == 'I')
		return word(r, t, TREE_FLOAT, "-Infinity");
	if (first < r->end && *first == '0')
		whole = first + 1;
	else
		whole = digits(first, r->end);
	if (whole == first)
		return wrong(r, r->at, "no value");
	p = whole;
	if (p < r->end && *p == '.' && digits(p + 1, r->end) > p + 1)
		p = digits(p + 1, r->end);
	p = exponent(p, r->end);
	t->type = p == whole ? TREE_INT : TREE_FLOAT;
	/* CPython's own limit: int() of longer text is a ValueError. */
	if (t->type == TREE_INT && whole - first > TREE_DIGITS)
		return wrong(r, r->at, "a whole number of over 4300 digits");
	t->text = (const char *)r->at;
	t->len = (size_t)(p - r->at);
	r->at = p;
	return true;
}

static bool
enter(struct reader *r, struct tree *t, enum tree_type type)
{
	if (r->depth == TREE_DEPTH)
		return wrong(r, r->at, "more than 256 levels");
	t->type = type;
	t->first = NULL;
	t->last = NULL;
	t->next = r->in;
	r->in = t;
	r->depth++;
	r->fresh = true;
	r->at++;
	return true;
}

static bool
value(struct reader *r, struct tree *t)
{
	r->fresh = false;
	switch (peek(r)) {
	case '"':
		t->type = TREE_STR;
		return string(r, &t->text, &t->len);
	case '{':
		return enter(r, t, TREE_OBJECT);
	case '[':
		return enter(r, t, TREE_LIST);
	case 'n':
		return word(r, t, TREE_NULL, "null");
	case 't':
		return word(r, t, TREE_TRUE, "true");
	case 'f':
		return word(r, t, TREE_FALSE, "false");
	case 'N':
		return word(r, t, TREE_FLOAT, "NaN");
	case 'I':
		return word(r, t, TREE_FLOAT, "Infinity");
	default:
		return number(r, t);
	}
}

static inline struct tree *
next_node(struct reader *r)
{
	struct tree *t;

	if (r->spares == 0) {
		/* No more than can still come: a value takes two bytes. */
		r->spares = (size_t)(r->end - r->at) / 2 + 1;
		r->spares = r->spares < NODES ? r->spares : NODES;
		r->spare =
		    arena_alloc(r->arena, r->spares * sizeof(struct tree));
	}
	t = r->spare++;
	r->spares--;
	t->key = NULL;
	t->key_len = 0;
	t->next = NULL;
	return t;
}

static inline void
append(struct tree *in, struct tree *t)
{
	if (in->first == NULL)
		in->first = t;
	else
		in->last->next = t;
	in->last = t;
}

static bool
key(struct reader *r, struct tree *t)
{
	size_t len = 0;

	if (peek(r) != '"')
		return wrong(r, r->at, "no key in double quotes");
	if (!string(r, &t->key, &len))
		return false;
	t->key_len = (uint32_t)len;
	skip_space(r);
	if (peek(r) != ':')
		return wrong(r, r->at, "no colon");
	r->at++;
	skip_space(r);
	return true;
}

/* ---- members by key ---- */

static int
key_order(const struct tree *x, const char *name, size_t len)
{
	if (x->key_len != len)
		return x->key_len < len ? -1 : 1;
	return memcmp(x->key, name, len);
}

/* The members in the order of key_order, those of one key as they came. */
static struct tree **
sorted(const struct tree *object, size_t n, struct arena *a)
{
	struct tree **from = arena_alloc(a, n * sizeof(struct tree *));
	struct tree **to = arena_alloc(a, n * sizeof(struct tree *));
	size_t i = 0;

	for (struct tree *t = object->first; t != NULL; t = t->next)
		from[i++] = t;
	for (size_t run = 1; run < n; run *= 2) {
		struct tree **done = to;

		for (size_t left = 0; left < n; left += 2 * run) {
			size_t middle = left + run < n ? left + run : n;
			size_t end = middle + run < n ? middle + run : n;
			size_t x = left, y = middle;

			for (i = left; i < end; i++) {
				bool take = x < middle &&
				    (y == end ||
					key_order(from[x], from[y]->key,
					    from[y]->key_len) <= 0);

				to[i] = take ? from[x++] : from[y++];
			}
		}
		to = from;
		from = done;
	}
	return from;
}

static void
take_value(struct tree *to, const struct tree *from)
{
	to->type = from->type;
	if (from->type == TREE_LIST || from->type == TREE_OBJECT) {
		to->first = from->first;
		to->last = from->last;
	} else {
		to->text = from->text;
		to->len = from->len;
	}
}

/* Remove the members that have lost their key. */
static void
unlink_keyless(struct tree *object)
{
	struct tree *kept = NULL;

	for (struct tree *t = object->first; t != NULL; t = t->next) {
		if (t->key == NULL)
			continue;
		if (kept == NULL)
			object->first = t;
		else
			kept->next = t;
		kept = t;
	}
	if (kept == NULL)
		object->first = NULL;
	else
		kept->next = NULL;
	object->last = kept;
}

static bool
unique_few(struct tree *object)
{
	bool same = false;

	for (struct tree *t = object->first; t != NULL; t = t->next) {
		struct tree *e = object->first;

		while (e != t &&
		    (e->key == NULL || !tree_named(e, t->key, t->key_len)))
			e = e->next;
		if (e == t)
			continue;
		take_value(e, t);
		t->key = NULL;
		same = true;
	}
	return same;
}

static bool
unique_many(struct tree *object, size_t n, struct arena *a)
{
	struct tree **s = sorted(object, n, a);
	size_t first = 0;
	bool same = false;

	for (size_t i = 1; i < n; i++) {
		if (!tree_named(s[i], s[first]->key, s[first]->key_len)) {
			first = i;
			continue;
		}
		take_value(s[first], s[i]);
		s[i]->key = NULL;
		same = true;
	}
	return same;
}

/* Of each key the last value stays, in the first place. */
static void
unique(struct tree *object, struct arena *a)
{
	size_t n = tree_count(object);

	if (n <= FEW ? unique_few(object) : unique_many(object, n, a))
		unlink_keyless(object);
}

/* ---- the loop over all values ---- */

/* Behind a value, or the opening of in: go to the next value or leave in. */
static bool
step(struct reader *r, struct tree *in, bool *left)
{
	char close = in->type == TREE_OBJECT ? '}' : ']';

	skip_space(r);
	*left = peek(r) == close;
	if (*left) {
		if (in->type == TREE_OBJECT)
			unique(in, r->arena);
		r->in = in->next;
		in->next = NULL;
		r->depth--;
		r->fresh = false;
		r->at++;
		return true;
	}
	if (r->fresh)
		return true;
	if (peek(r) != ',')
		return wrong(r, r->at,
		    close == '}' ? "no comma or closing brace"
				 : "no comma or closing bracket");
	r->at++;
	skip_space(r);
	return true;
}

static bool
read_all(struct reader *r, struct tree *root)
{
	skip_space(r);
	if (!value(r, root))
		return false;
	while (r->in != NULL) {
		struct tree *in = r->in;
		struct tree *t;
		bool left;

		if (!step(r, in, &left))
			return false;
		if (left)
			continue;
		t = next_node(r);
		if (in->type == TREE_OBJECT && !key(r, t))
			return false;
		if (!value(r, t))
			return false;
		append(in, t);
	}
	skip_space(r);
	if (r->at < r->end)
		return wrong(r, r->at, "something behind the value");
	return true;
}

/* ---- encodings (json.detect_encoding) ---- */

struct encoding {
	size_t mark; /* bytes of the byte order mark */
	size_t unit; /* bytes of a code unit: 1, 2, 4 */
	bool big;    /* its first byte is the most significant */
};

static struct encoding
detect(const unsigned char *p, size_t n)
{
	if (n >= 4 && memcmp(p, "\0\0\xfe\xff", 4) == 0)
		return (struct encoding){ 4, 4, true };
	if (n >= 4 && memcmp(p, "\xff\xfe\0\0", 4) == 0)
		return (struct encoding){ 4, 4, false };
	if (n >= 2 && memcmp(p, "\xfe\xff", 2) == 0)
		return (struct encoding){ 2, 2, true };
	if (n >= 2 && memcmp(p, "\xff\xfe", 2) == 0)
		return (struct encoding){ 2, 2, false };
	if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		return (struct encoding){ 3, 1, false };
	if (n >= 4 && p[0] == 0)
		return (struct encoding){ 0, p[1] != 0 ? 2 : 4, true };
	if (n >= 4 && p[1] == 0)
		return (struct encoding){ 0, p[2] != 0 || p[3] != 0 ? 2 : 4,
			false };
	if (n == 2 && (p[0] == 0 || p[1] == 0))
		return (struct encoding){ 0, 2, p[0] == 0 };
	return (struct encoding){ 0, 1, false };
}

static uint32_t
unit_at(const unsigned char *p, const struct encoding *e)
{
	uint32_t c = 0;

	for (size_t i = 0; i < e->unit; i++)
		c = c << 8 | p[e->big ? i : e->unit - 1 - i];
	return c;
}

/* The text from r->at on as UTF-8, in the arena. */
static bool
transcode(struct reader *r, const struct encoding *e)
{
	size_t units = (size_t)(r->end - r->at) / e->unit;
	/* A unit of two bytes becomes three at most, two such units four. */
	char *text = arena_alloc(r->arena, units * (e->unit == 2 ? 3 : 4));
	char *o = text;

	for (size_t i = 0; i < units; i++, r->at += e->unit) {
		uint32_t c = unit_at(r->at, e);
		uint32_t low = 0;

		if (c > 0x10ffff)
			return wrong(r, r->at, "no Unicode character");
		if (e->unit == 2 && is_high(c) && i + 1 < units)
			low = unit_at(r->at + 2, e);
		if (is_low(low)) {
			c = join(c, low);
			i++;
			r->at += 2;
		}
		o = put_code(o, c);
	}
	if (r->at < r->end)
		return wrong(r, r->at, "half a character");
	r->zero = r->at = (const unsigned char *)text;
	r->end = (const unsigned char *)o;
	r->note = " of its UTF-8 form";
	return true;
}

bool
tree_parse(const void *bytes, size_t n, struct arena *a, struct tree **out,
    struct fail *f)
{
	struct encoding e = detect(bytes, n);
	const unsigned char *zero = bytes;
	struct reader r = {
		.at = zero + e.mark,
		.end = zero + n,
		.zero = zero,
		.note = "",
		.arena = a,
		.fail = f,
	};
	struct tree *root;

	*out = NULL;
	/* key_len has 32 bits; a body limit stands long before this one. */
	if (n > UINT32_MAX / 4)
		return fail_set(f, FAIL_INPUT, "not JSON: over a gigabyte");
	if (e.unit > 1 && !transcode(&r, &e))
		return false;
	root = next_node(&r);
	if (!read_all(&r, root))
		return false;
	*out = root;
	return true;
}

/* ---- looking ---- */

struct tree *
tree_member(const struct tree *t, const char *name, size_t len)
{
	if (!tree_is(t, TREE_OBJECT))
		return NULL;
	for (struct tree *m = t->first; m != NULL; m = m->next)
		if (tree_named(m, name, len))
			return m;
	return NULL;
}

/* Whether the n bytes of a pointer's token mean t's key. */
static bool
token_is(const char *token, size_t n, const struct tree *t)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++, at++) {
		char c = token[i];

		if (c == '~') {
			if (++i == n || (token[i] != '0' && token[i] != '1'))
				return false;
			c = token[i] == '0' ? '~' : '/';
		}
		if (at == t->key_len || t->key[at] != c)
			return false;
	}
	return at == t->key_len;
}

static struct tree *
element(const struct tree *list, const char *token, size_t n)
{
	size_t index = 0;

	if (n == 0 || n > 9 || (n > 1 && token[0] == '0'))
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (token[i] < '0' || token[i] > '9')
			return NULL;
		index = index * 10 + (size_t)(token[i] - '0');
	}
	for (struct tree *t = list->first; t != NULL; t = t->next)
		if (index-- == 0)
			return t;
	return NULL;
}

struct tree *
tree_at(const struct tree *t, const char *pointer)
{
	while (t != NULL && *pointer == '/') {
		const char *token = pointer + 1;
		size_t n = strcspn(token, "/");
		struct tree *m = NULL;

		if (t->type == TREE_LIST)
			m = element(t, token, n);
		else if (t->type == TREE_OBJECT)
			for (m = t->first; m != NULL; m = m->next)
				if (token_is(token, n, m))
					break;
		t = m;
		pointer = token + n;
	}
	return *pointer == '\0' ? (struct tree *)t : NULL;
}

bool
tree_pointer_ok(const char *pointer, size_t n, struct fail *f)
{
	for (size_t i = 0; i < n; i++)
		if (pointer[i] == '~' &&
		    (i + 1 == n ||
			(pointer[i + 1] != '0' && pointer[i + 1] != '1')))
			return fail_set(f, FAIL_BROKEN,
			    "not a JSON Pointer (RFC 6901): wanted ~0 for ~ "
			    "and ~1 for / in a name");
	return true;
}

size_t
tree_count(const struct tree *t)
{
	size_t n = 0;

	if (tree_is(t, TREE_LIST) || tree_is(t, TREE_OBJECT))
		for (const struct tree *m = t->first; m != NULL; m = m->next)
			n++;
	return n;
}

bool
tree_says(const struct tree *t, const char *s)
{
	size_t n = strlen(s);

	return tree_is(t, TREE_STR) && t->len == n &&
	    memcmp(t->text, s, n) == 0;
}

/* Whether text is fit to send as it is: no NUL, and no sign of a surrogate. */
static bool
is_clean(const char *text, size_t n)
{
	return n == 0 ||
	    (memchr(text, '\0', n) == NULL && memchr(text, 0xed, n) == NULL);
}

const char *
tree_cstr(const struct tree *t, struct arena *a)
{
	static const char replacement[] = "\xef\xbf\xbd";
	char *text, *o;

	if (tree_is(t, TREE_INT) || tree_is(t, TREE_FLOAT) ||
	    (tree_is(t, TREE_STR) && is_clean(t->text, t->len)))
		return arena_copy(a, t->text, t->len);
	if (!tree_is(t, TREE_STR))
		return NULL;
	text = o = arena_alloc(a, 3 * t->len + 1);
	for (size_t i = 0; i < t->len; i++) {
		const unsigned char *p = (const unsigned char *)t->text + i;
		/* The lead byte of a surrogate is its alone with A0 behind. */
		bool half = p[0] == 0xed && p[1] >= 0xa0;

		if (half)
			i += 2;
		if (half || p[0] == '\0') {
			memcpy(o, replacement, 3);
			o += 3;
		} else {
			*o++ = (char)p[0];
		}
	}
	*o = '\0';
	return text;
}

bool
tree_int(const struct tree *t, int64_t *out)
{
	bool minus;
	uint64_t n = 0;

	if (!tree_is(t, TREE_INT) || t->len > 20)
		return false;
	minus = t->text[0] == '-';
	if (t->len - minus > 19)
		return false;
	for (size_t i = minus; i < t->len; i++)
		n = n * 10 + (uint64_t)(t->text[i] - '0');
	if (n > (uint64_t)INT64_MAX + minus)
		return false;
	*out = minus ? (int64_t)(0 - n) : (int64_t)n;
	return true;
}

/* ---- making ---- */

static struct tree *
node(struct arena *a)
{
	struct tree *t = arena_alloc(a, sizeof(*t));

	t->key = NULL;
	t->key_len = 0;
	t->next = NULL;
	return t;
}

struct tree *
tree_new(struct arena *a, enum tree_type type)
{
	struct tree *t = node(a);

	t->type = type;
	if (type == TREE_LIST || type == TREE_OBJECT) {
		t->first = NULL;
		t->last = NULL;
	} else {
		t->text = "";
		t->len = 0;
	}
	return t;
}

struct tree *
tree_strn(struct arena *a, const char *s, size_t n)
{
	struct tree *t = node(a);

	t->type = TREE_STR;
	t->text = s;
	t->len = n;
	return t;
}

struct tree *
tree_num(struct arena *a, int64_t n)
{
	enum { SIZE = sizeof("-9223372036854775808") };
	char *end = (char *)arena_alloc(a, SIZE) + SIZE;
	uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
	char *p = end;
	struct tree *t;

	do
		*--p = (char)('0' + left % 10);
	while ((left /= 10) > 0);
	if (n < 0)
		*--p = '-';
	t = tree_strn(a, p, (size_t)(end - p));
	t->type = TREE_INT;
	return t;
}

struct tree *
tree_bool(struct arena *a, bool b)
{
	return tree_new(a, b ? TREE_TRUE : TREE_FALSE);
}

struct tree *
tree_copy(struct arena *a, const struct tree *t)
{
	struct tree *copy = node(a);

	take_value(copy, t);
	return copy;
}

struct tree *
tree_push(struct tree *list, struct tree *item)
{
	append(list, item);
	return item;
}

struct tree *
tree_add(struct arena *a, struct tree *object, const char *name, size_t len,
    const struct tree *value)
{
	struct tree *t = tree_copy(a, value);

	t->key = name;
	t->key_len = (uint32_t)len;
	append(object, t);
	return t;
}

void
tree_setn(struct arena *a, struct tree *object, const char *name, size_t len,
    const struct tree *value)
{
	struct tree *t = tree_member(object, name, len);

	if (value == NULL) {
		if (t != NULL) {
			t->key = NULL;
			unlink_keyless(object);
		}
		return;
	}
	if (t == NULL)
		(void)tree_add(a, object, name, len, value);
	else
		take_value(t, value);
}

/* ---- merging ---- */

/* A way to find the members of an object, NULL for one without any. */
struct index {
	const struct tree *object;
	struct tree **sorted; /* NULL for few */
	size_t n;
};

static struct index
index_of(const struct tree *t, struct arena *a)
{
	struct index x = { tree_is(t, TREE_OBJECT) ? t : NULL, NULL,
		tree_count(t) };

	if (x.object != NULL && x.n > FEW)
		x.sorted = sorted(t, x.n, a);
	return x;
}

static const struct tree *
index_find(const struct index *x, const char *name, size_t len)
{
	size_t low = 0, high = x->n;

	if (x->sorted == NULL)
		return tree_member(x->object, name, len);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = key_order(x->sorted[middle], name, len);

		if (order == 0)
			return x->sorted[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* What is still to do: depth costs memory here, not stack. */
struct work {
	struct work *next;
	struct tree *node;        /* its children are another tree's yet */
	const struct tree *patch; /* to apply to it, or NULL */
};

static void
add_work(struct arena *a, struct work **todo, struct tree *t,
    const struct tree *patch)
{
	struct work *w;

	if (patch == NULL && t->type != TREE_LIST && t->type != TREE_OBJECT)
		return;
	w = arena_alloc(a, sizeof(*w));
	w->next = *todo;
	w->node = t;
	w->patch = patch;
	*todo = w;
}

/* Give t children of its own, in which patch (an object or NULL) has won. */
static void
renew(struct arena *a, struct work **todo, struct tree *t,
    const struct tree *patch)
{
	const struct tree old = *t;
	struct index was = index_of(&old, a);
	struct index now = index_of(patch, a);

	t->first = t->last = NULL;
	for (const struct tree *m = old.first; m != NULL; m = m->next) {
		const struct tree *p =
		    patch == NULL ? NULL : index_find(&now, m->key, m->key_len);

		if (!tree_is(p, TREE_NULL))
			add_work(
			    a, todo, tree_add(a, t, m->key, m->key_len, m), p);
	}
	for (const struct tree *p = patch == NULL ? NULL : patch->first;
	     p != NULL; p = p->next) {
		struct tree *made;

		if (p->type == TREE_NULL ||
		    index_find(&was, p->key, p->key_len) != NULL)
			continue;
		made = tree_add(a, t, p->key, p->key_len, p);
		if (p->type == TREE_OBJECT)
			made->first = made->last = NULL;
		add_work(a, todo, made, p->type == TREE_OBJECT ? p : NULL);
	}
}

struct tree *
tree_merge(struct arena *a, const struct tree *target, const struct tree *patch)
{
	struct tree *root =
	    target == NULL ? tree_new(a, TREE_NULL) : tree_copy(a, target);
	struct work *todo = NULL;

	add_work(a, &todo, root, patch);
	while (todo != NULL) {
		struct work *w = todo;
		bool merge = w->patch != NULL && w->patch->type == TREE_OBJECT;

		todo = w->next;
		if (w->patch != NULL && !merge)
			take_value(w->node, w->patch);
		else if (merge && w->node->type != TREE_OBJECT)
			take_value(w->node, tree_new(a, TREE_OBJECT));
		if (w->node->type == TREE_LIST || w->node->type == TREE_OBJECT)
			renew(a, &todo, w->node, merge ? w->patch : NULL);
	}
	return root;
}

void
tree_set_num(struct arena *a, struct tree *object, const char *name, int64_t n)
{
	tree_set(a, object, name, tree_num(a, n));
}

void
tree_set_str(
    struct arena *a, struct tree *object, const char *name, const char *s)
{
	if (s != NULL)
		tree_set(a, object, name, tree_str(a, s));
}

void
tree_set_yes(struct arena *a, struct tree *object, const char *name, bool yes)
{
	if (yes)
		tree_set(a, object, name, tree_bool(a, true));
}

int64_t
tree_get_num(const struct tree *t, const char *name)
{
	int64_t n = 0;

	(void)tree_int(tree_get(t, name), &n);
	return n;
}
