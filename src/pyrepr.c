#include "pyrepr.h"

#include "array.h"
#include "buf.h"
#include "fail.h"
#include "printable.h"
#include "tree.h"

#include <float.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TABLES = COUNT(printable_versions),
	RANGES = COUNT(printable_ranges),
	CHUNK = 128, /* bytes of text for which room is made at a time */
	GROWTH = 6,  /* what a byte of text becomes at most: %5Cx7f */
	SPARE = 16,  /* and room for a character that the chunk cuts */
};

size_t
pyrepr_tables(void)
{
	return TABLES;
}

const char *
pyrepr_version(size_t table)
{
	return printable_versions[table];
}

/* ---- what a byte becomes ---- */

/*
 * quote_plus of a character that repr() leaves as it is, else of no length.
 * Four bytes, to be copied as one word.
 */
struct cell {
	char text[3];
	unsigned char len;
};

#define DIGIT(n) (char)((n) < 10 ? '0' + (n) : 'A' + (n)-10)
#define SAFE(c) \
	(((c) >= '0' && (c) <= '9') || ((c) >= 'A' && (c) <= 'Z') || \
	    ((c) >= 'a' && (c) <= 'z') || (c) == '_' || (c) == '.' || \
	    (c) == '-' || (c) == '~')
#define SPECIAL(c) ((c) < 0x20 || (c) == '\'' || (c) == '\\' || (c) == 0x7f)
#define FIRST(c) (SAFE(c) ? (c) : (c) == ' ' ? '+' : '%')
#define LEN(c) (SPECIAL(c) ? 0 : SAFE(c) || (c) == ' ' ? 1 : 3)
#define CELL(c) \
	{ \
		{ FIRST(c), DIGIT((c) >> 4), DIGIT((c)&15) }, LEN(c) \
	}
#define CELLS4(c) CELL(c), CELL((c) + 1), CELL((c) + 2), CELL((c) + 3)
#define CELLS16(c) CELLS4(c), CELLS4((c) + 4), CELLS4((c) + 8), CELLS4((c) + 12)

/* The upper half is zero: those are parts of longer characters. */
static const struct cell cells[256] = { CELLS16(0x00), CELLS16(0x10),
	CELLS16(0x20), CELLS16(0x30), CELLS16(0x40), CELLS16(0x50),
	CELLS16(0x60), CELLS16(0x70) };

#define ONES ((uint64_t)0x0101010101010101u)

/* ---- writing ---- */

/* The rest of out's memory, filled by hand: a call a byte is too slow. */
struct writer {
	char *at;
	char *end;
	struct buf *out;
	uint32_t table; /* its bit */
	bool varies;
	size_t range;                 /* where the last character was found */
	struct pyrepr_floats *floats; /* or NULL */
	size_t taken;                 /* bytes of them */
	const struct tree *open[TREE_DEPTH];
};

/* What is written becomes out's, and ends in a NUL even if it is nothing. */
static void
commit(struct writer *w)
{
	buf_grew(w->out, (size_t)(w->at - (w->out->data + w->out->len)));
}

static bool
more_room(struct writer *w, size_t n)
{
	struct buf *b = w->out;

	commit(w);
	w->at = w->end = buf_room(b, n);
	if (w->at == NULL) {
		w->at = w->end = b->data + b->len;
		return false;
	}
	w->end = b->data + (b->size - 1 < b->max ? b->size - 1 : b->max);
	return true;
}

/* Whether n bytes may be written; if not, out is full and says so. */
static inline bool
room(struct writer *w, size_t n)
{
	return (size_t)(w->end - w->at) >= n || more_room(w, n);
}

static inline void
put(struct writer *w, const char *s, size_t n)
{
	if (!room(w, n))
		return;
	memcpy(w->at, s, n);
	w->at += n;
}

#define PUT(w, s) put(w, s, sizeof(s) - 1)

/* The caller has made room for what follows, and for a byte more. */

/* Which of eight ASCII bytes lie between two, as their high bits. */
static inline uint64_t
between(uint64_t w, unsigned char low, unsigned char high)
{
	return (w + ONES * (0x80u - low)) & ~(w + ONES * (0x7fu - high));
}

/* Whether all of eight bytes stay as they are (nearly: ~ is left out). */
static inline bool
all_safe(const unsigned char *p)
{
	uint64_t w, safe;

	memcpy(&w, p, sizeof(w));
	safe = between(w | ONES * 0x20, 'a', 'z') | between(w, '0', '9') |
	    between(w, '-', '.') | between(w, '_', '_');
	return (safe & ~w & ONES * 0x80) == ONES * 0x80;
}

/* Up to stop or the first character that is special, which is returned. */
static inline const unsigned char *
put_plain(struct writer *w, const unsigned char *p, const unsigned char *stop)
{
	char *o = w->at;

	if (stop - p >= 8 && all_safe(p)) {
		do {
			memcpy(o, p, 8);
			o += 8;
			p += 8;
		} while (stop - p >= 8 && all_safe(p));
		/* The last eight overlap what has just been written. */
		if (p < stop && stop - p < 8 && all_safe(stop - 8)) {
			o += stop - p;
			p = stop;
			memcpy(o - 8, p - 8, 8);
		}
	}
	for (; p < stop; p++) {
		const struct cell *c = &cells[*p];

		if (c->len == 0)
			break;
		memcpy(o, c, sizeof(*c));
		o += c->len;
	}
	w->at = o;
	return p;
}

static inline void
put_percent(struct writer *w, unsigned char c)
{
	w->at[0] = '%';
	w->at[1] = DIGIT(c >> 4);
	w->at[2] = DIGIT(c & 15);
	w->at += 3;
}

static void
put_hex(struct writer *w, char letter, uint32_t c, int digits)
{
	memcpy(w->at, "%5C", 3);
	w->at[3] = letter;
	w->at += 4;
	for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
		*w->at++ = "0123456789abcdef"[c >> shift & 15];
}

/* ---- strings ---- */

/* The tables that print a character from U+0080 on, as bits. */
static uint32_t
printed(struct writer *w, uint32_t c)
{
	size_t low = 0, high = RANGES;

	if (printable_ranges[w->range].from <= c &&
	    (w->range + 1 == RANGES || c < printable_ranges[w->range + 1].from))
		return printable_ranges[w->range].printed;
	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (printable_ranges[middle].from <= c)
			low = middle;
		else
			high = middle;
	}
	w->range = low;
	return printable_ranges[low].printed;
}

/* The character at p, which is not ASCII, and its length; p is WTF-8. */
static uint32_t
decode(const unsigned char *p, size_t *len)
{
	if (p[0] < 0xe0) {
		*len = 2;
		return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
	}
	if (p[0] < 0xf0) {
		*len = 3;
		return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 |
		    (p[2] & 0x3fu);
	}
	*len = 4;
	return (p[0] & 0x07u) << 18 | (p[1] & 0x3fu) << 12 |
	    (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
}

static size_t
put_long(struct writer *w, const unsigned char *p)
{
	size_t len;
	uint32_t c = decode(p, &len);
	uint32_t by = printed(w, c);

	if (by != 0 && by != (1u << TABLES) - 1)
		w->varies = true;
	if (by & w->table)
		for (size_t i = 0; i < len; i++)
			put_percent(w, p[i]);
	else if (c <= 0xff)
		put_hex(w, 'x', c, 2);
	else if (c <= 0xffff)
		put_hex(w, 'u', c, 4);
	else
		put_hex(w, 'U', c, 8);
	return len;
}

/* A backslash or a control character. */
static void
put_escape(struct writer *w, unsigned char c)
{
	const char *short_form = c == '\t' ? "%5Ct"
	    : c == '\n'                    ? "%5Cn"
	    : c == '\r'                    ? "%5Cr"
					   : NULL;

	if (c == '\\') {
		memcpy(w->at, "%5C%5C", 6);
		w->at += 6;
	} else if (short_form != NULL) {
		memcpy(w->at, short_form, 4);
		w->at += 4;
	} else {
		put_hex(w, 'x', c, 2);
	}
}

/*
 * repr() of a string.  The quotes around it are single until a single one is
 * found in it: if no double one is, they change, else it is escaped.
 */
static void
put_repr(struct writer *w, const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	const unsigned char *end = p + n;
	const char *single = NULL; /* what it becomes, once it is known */
	size_t opened;

	PUT(w, "%27");
	opened = (size_t)(w->at - w->out->data);
	while (p < end) {
		const unsigned char *stop = end - p > CHUNK ? p + CHUNK : end;

		if (!room(w, GROWTH * (size_t)(stop - p) + SPARE))
			return;
		while ((p = put_plain(w, p, stop)) < stop) {
			if (*p >= 0x80) {
				p += put_long(w, p);
			} else if (*p != '\'') {
				put_escape(w, *p++);
			} else {
				if (single == NULL)
					single = memchr(s, '"', n) == NULL
					    ? "%27"
					    : "%5C%27";
				put(w, single, strlen(single));
				p++;
			}
		}
	}
	if (single == NULL || single[1] == '5') {
		PUT(w, "%27");
	} else {
		w->out->data[opened - 1] = '2';
		PUT(w, "%22");
	}
}

/* str() of a string.  False if it holds a surrogate. */
static bool
put_str(struct writer *w, const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	const unsigned char *end = p + n;

	while (p < end) {
		const unsigned char *stop = end - p > CHUNK ? p + CHUNK : end;

		if (!room(w, GROWTH * (size_t)(stop - p) + SPARE))
			return true;
		while ((p = put_plain(w, p, stop)) < stop) {
			if (*p == 0xed && p[1] >= 0xa0)
				return false;
			put_percent(w, *p++);
		}
	}
	return true;
}

/* ---- floats ---- */

/*
 * A decimal: 0.DIGITS times ten to the power of point.  No zero at either end;
 * no digits at all for zero.
 */
struct decimal {
	int n;
	int64_t point;
	char digit[17]; /* 17 tell any two doubles apart */
};

enum {
	SURE = 15, /* DBL_DIG: so many digits survive a double */
	MOST = 17,
	SURE_LOW = -306, /* points of numbers that are */
	SURE_HIGH = 308, /* normal doubles without doubt */
	FIXED_LOW = -3,  /* points of numbers that Python writes */
	FIXED_HIGH = 16, /* without an exponent */
	TEXT = 64,
	LONGEST = 32, /* -2.2250738585072014e%2B308 and some */
};

static void
strip(struct decimal *d)
{
	while (d->n > 0 && d->digit[d->n - 1] == '0')
		d->n--;
}

static int64_t
read_exponent(const char *s, const char *end)
{
	bool minus = *s == '-';
	int64_t n = 0;

	/* So large a one outweighs any number of zeros before it. */
	for (s += *s == '-' || *s == '+'; s < end; s++)
		if (n < INT64_MAX / 20)
			n = n * 10 + (*s - '0');
	return minus ? -n : n;
}

/* A float's text without its sign; false if its digits are more than SURE. */
static bool
read_decimal(const char *s, const char *end, struct decimal *d)
{
	bool fraction = false;

	d->n = 0;
	d->point = 0;
	for (; s < end && *s != 'e' && *s != 'E'; s++) {
		if (*s == '.') {
			fraction = true;
			continue;
		}
		if (d->n == 0 && *s == '0') {
			d->point -= fraction;
			continue;
		}
		d->point += !fraction;
		if (d->n < SURE)
			d->digit[d->n++] = *s;
		else if (*s != '0')
			return false;
	}
	strip(d);
	if (s < end)
		d->point += read_exponent(s + 1, end);
	return true;
}

/* The double that a text stands for.  Nothing here calls setlocale, so the
 * decimal point of strtod and snprintf is a point. */
static double
to_double(const char *s, size_t n)
{
	char small[TEXT];
	struct buf large = BUF_MAX(n);
	double x;

	if (n < sizeof(small)) {
		memcpy(small, s, n);
		small[n] = '\0';
		return strtod(small, NULL);
	}
	buf_add(&large, s, n);
	x = strtod(large.data, NULL);
	buf_free(&large);
	return x;
}

static bool
reads_as(const struct decimal *d, double x)
{
	char text[TEXT];
	int n = snprintf(
	    text, sizeof(text), "0.%.*se%d", d->n, d->digit, (int)d->point);

	return n > 0 && strtod(text, NULL) == x;
}

/* x > 0, rounded to n digits. */
static void
rounded(double x, int n, struct decimal *d)
{
	char text[TEXT]; /* d.ddde+xx */
	int len = snprintf(text, sizeof(text), "%.*e", n - 1, x);
	const char *e = memchr(text, 'e', (size_t)len);

	d->digit[0] = text[0];
	memcpy(d->digit + 1, text + 2, n > 1 ? (size_t)n - 1 : 0);
	d->n = n;
	d->point = read_exponent(e + 1, text + len) + 1;
}

/* One more in the last place. */
static void
raise_last(struct decimal *d)
{
	while (d->n > 0 && d->digit[d->n - 1] == '9')
		d->n--;
	if (d->n > 0) {
		d->digit[d->n - 1]++;
		return;
	}
	d->digit[d->n++] = '1';
	d->point++;
}

/*
 * Of n digits those that read as x.  At a power of two, doubles lie closer
 * below than above, and there alone the nearest n digits may read as
 * another double while the next above read as x (46 of them; facts 5.4).
 */
static bool
try_digits(double x, int n, struct decimal *d)
{
	rounded(x, n, d);
	if (reads_as(d, x))
		return true;
	raise_last(d);
	return reads_as(d, x);
}

/*
 * The fewest digits that read as x > 0.  Of a normal double no two texts of
 * up to 15 digits are the same, so if 15 do, they are its shortest but for
 * zeros.  Below, every number of digits has to be asked: if n digits do, so
 * do n + 1, and those that were sent do: more need not be asked, of numbers
 * that cost a stranger little and us much.
 */
static void
shortest(double x, int sent, struct decimal *d)
{
	int low = 1, high = sent < MOST ? sent : MOST;

	if (x >= DBL_MIN) {
		low = SURE;
		while (!try_digits(x, low, d) && low < high)
			low++;
		strip(d);
		return;
	}
	while (low < high) {
		int n = (low + high) / 2;

		rounded(x, n, d);
		if (reads_as(d, x))
			high = n;
		else
			low = n + 1;
	}
	rounded(x, low, d);
	strip(d);
}

static void
put_zeros(struct writer *w, int64_t n)
{
	for (; n > 0; n--)
		*w->at++ = '0';
}

static void
put_digits(struct writer *w, const struct decimal *d, int from, int to)
{
	for (int i = from; i < to; i++)
		*w->at++ = i < d->n ? d->digit[i] : '0';
}

static void
put_exponent(struct writer *w, int n)
{
	int size = n < 0 ? -n : n;

	PUT(w, "e");
	if (n < 0)
		PUT(w, "-");
	else
		PUT(w, "%2B");
	if (size >= 100)
		*w->at++ = (char)('0' + size / 100);
	*w->at++ = (char)('0' + size / 10 % 10);
	*w->at++ = (char)('0' + size % 10);
}

static void
put_decimal(struct writer *w, const struct decimal *d)
{
	int point = (int)d->point;

	if (!room(w, LONGEST))
		return;
	if (d->n == 0) {
		PUT(w, "0.0");
	} else if (point < FIXED_LOW || point > FIXED_HIGH) {
		put_digits(w, d, 0, 1);
		if (d->n > 1)
			PUT(w, ".");
		put_digits(w, d, 1, d->n);
		put_exponent(w, point - 1);
	} else if (point <= 0) {
		PUT(w, "0.");
		put_zeros(w, -point);
		put_digits(w, d, 0, d->n);
	} else {
		put_digits(w, d, 0, point);
		PUT(w, ".");
		put_digits(w, d, point, d->n > point ? d->n : point + 1);
	}
}

enum { INFINITE = -1 }; /* digits of what is too large */

/* What is not sure: through a double, with so many digits at most. */
static void
through_double(const char *s, size_t n, int sent, struct decimal *d)
{
	double x = to_double(s, n);

	memset(d, 0, sizeof(*d));
	if (x > DBL_MAX)
		d->n = INFINITE;
	else if (x > 0)
		shortest(x, sent, d);
}

/* The same, from what an earlier text of this tree took. */
static void
work_out(struct writer *w, const char *s, size_t n, int sent, struct decimal *d)
{
	struct pyrepr_floats *floats = w->floats;

	if (floats != NULL && floats->whole) {
		memcpy(d, floats->worked.data + w->taken, sizeof(*d));
		w->taken += sizeof(*d);
		return;
	}
	through_double(s, n, sent, d);
	if (floats != NULL)
		buf_add(&floats->worked, d, sizeof(*d));
}

/* repr() of a float. */
static void
put_float(struct writer *w, const char *s, size_t n)
{
	const char *end = s + n;
	struct decimal d;
	int sent = MOST;

	if (*s == 'N') {
		PUT(w, "nan");
		return;
	}
	if (*s == '-') {
		PUT(w, "-");
		s++;
	}
	if (*s != 'I' && read_decimal(s, end, &d)) {
		if (d.n == 0 || (d.point >= SURE_LOW && d.point <= SURE_HIGH)) {
			put_decimal(w, &d);
			return;
		}
		sent = d.n;
	}
	work_out(w, s, (size_t)(end - s), sent, &d);
	if (d.n == INFINITE)
		PUT(w, "inf");
	else
		put_decimal(w, &d);
}

/* ---- values ---- */

/* What reads the same as str() and as repr(). */
static void
put_scalar(struct writer *w, const struct tree *t)
{
	switch (t->type) {
	case TREE_NULL:
		PUT(w, "None");
		break;
	case TREE_TRUE:
		PUT(w, "True");
		break;
	case TREE_FALSE:
		PUT(w, "False");
		break;
	case TREE_INT:
		if (t->len == 2 && memcmp(t->text, "-0", 2) == 0)
			PUT(w, "0");
		else
			put(w, t->text, t->len);
		break;
	default:
		put_float(w, t->text, t->len);
	}
}

static bool
is_open(const struct tree *t)
{
	return t->type == TREE_LIST || t->type == TREE_OBJECT;
}

static void
put_close(struct writer *w, const struct tree *t)
{
	if (t->type == TREE_LIST)
		PUT(w, "%5D");
	else
		PUT(w, "%7D");
}

static void
put_key(struct writer *w, const struct tree *in, const struct tree *t)
{
	if (in->type != TREE_OBJECT)
		return;
	put_repr(w, t->key, t->key_len);
	PUT(w, "%3A+");
}

/* repr() of a list or object.  False if it is too deep. */
static bool
put_nested(struct writer *w, const struct tree *t)
{
	size_t depth = 0;

	for (;;) {
		if (is_open(t)) {
			if (depth == TREE_DEPTH)
				return false;
			if (t->type == TREE_LIST)
				PUT(w, "%5B");
			else
				PUT(w, "%7B");
			w->open[depth++] = t;
			if (t->first != NULL) {
				put_key(w, t, t->first);
				t = t->first;
				continue;
			}
			put_close(w, w->open[--depth]);
		} else if (t->type == TREE_STR) {
			put_repr(w, t->text, t->len);
		} else {
			put_scalar(w, t);
		}
		while (depth > 0 && t->next == NULL) {
			t = w->open[--depth];
			put_close(w, t);
		}
		if (depth == 0)
			return true;
		t = t->next;
		PUT(w, "%2C+");
		put_key(w, w->open[depth - 1], t);
	}
}

static bool
put_member(struct writer *w, const struct tree *t, struct fail *f)
{
	if (!put_str(w, t->key, t->key_len))
		return fail_set(f, FAIL_AUTH,
		    "half a surrogate pair in a key: nobody can sign that");
	PUT(w, "=");
	if (t->type == TREE_STR) {
		if (!put_str(w, t->text, t->len))
			return fail_set(f, FAIL_AUTH,
			    "half a surrogate pair in a top-level string: "
			    "nobody can sign that");
		return true;
	}
	if (!is_open(t)) {
		put_scalar(w, t);
		return true;
	}
	if (!put_nested(w, t))
		return fail_set(
		    f, FAIL_INPUT, "more than %d levels", TREE_DEPTH);
	return true;
}

bool
pyrepr_urlencode_again(const struct tree *t, size_t table,
    struct pyrepr_floats *floats, struct buf *out, bool *varies, struct fail *f)
{
	struct writer w = {
		.out = out, .table = 1u << table, .floats = floats
	};
	bool did = true;

	*varies = false;
	if (!tree_is(t, TREE_OBJECT))
		return fail_set(f, FAIL_INPUT, "not a JSON object");
	if (floats != NULL && !floats->whole)
		buf_reset(&floats->worked);
	w.at = w.end = out->data + out->len;
	for (const struct tree *m = t->first; m != NULL && did; m = m->next) {
		if (m != t->first)
			PUT(&w, "&");
		did = put_member(&w, m, f);
	}
	commit(&w);
	*varies = w.varies;
	if (floats != NULL)
		floats->whole = did && !floats->worked.full;
	return did;
}

bool
pyrepr_urlencode(const struct tree *t, size_t table, struct buf *out,
    bool *varies, struct fail *f)
{
	return pyrepr_urlencode_again(t, table, NULL, out, varies, f);
}
