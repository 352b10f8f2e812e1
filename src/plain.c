#include "plain.h"

#include "arena.h"
#include "fail.h"
#include "file.h"
#include "scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BYTES_MAX = 1 << 20, /* of all files together */
	FILES_MAX = 100,
	SECTIONS_MAX = 10000,
	ENTRIES_MAX = 1000, /* of a list */
	VALUE_MAX = 65536,
	/* Each byte of a value may become four; a value gains its line. */
	TEXT_MAX = 32 << 20,
	PLACE_MAX = 80, /* of a path in a message */
};

/* What a token was to the one after it. */
enum { START, NAME, TITLE, EQUALS, OPEN, CLOSE, LIST, COMMA, VALUE };

/* Lines from `from` on are those of file from line on. */
struct part {
	struct part *next;
	unsigned from;
	const char *file;
	unsigned line;
};

/* A file that is being read, in the one that includes it. */
struct reader {
	struct reader *outer;
	struct scan in;
	struct file file;
};

static const struct part *
part_of(const struct plain *p, unsigned line)
{
	const struct part *part = p->parts;

	while (part->next != NULL && part->from > line)
		part = part->next;
	return part;
}

static unsigned
line_in(const struct part *part, unsigned line)
{
	return part->line + (line - part->from);
}

bool
plain_fail(
    const struct plain *p, unsigned line, struct fail *f, const char *fmt, ...)
{
	const struct part *part = part_of(p, line);
	size_t len = strlen(part->file);
	char what[sizeof(f->text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return fail_set(f, FAIL_BROKEN, "%s%s:%u: %s",
	    len > PLACE_MAX ? "..." : "",
	    part->file + (len > PLACE_MAX ? len - PLACE_MAX : 0),
	    line_in(part, line), what);
}

const char *
plain_path(const struct plain *p, unsigned line, const char *path)
{
	const char *file = part_of(p, line)->file;

	if (path[0] == '/')
		return arena_str(p->arena, path);
	return arena_printf(
	    p->arena, "%.*s/%s", (int)(strrchr(file, '/') - file), file, path);
}

static void
newline(struct plain *p)
{
	buf_puts(&p->text, "\n");
	p->line++;
}

/* From the next line on, the lines are file's. */
static void
begin_part(struct plain *p, const char *file, unsigned line)
{
	struct part *part = arena_alloc(p->arena, sizeof(*part));

	newline(p);
	*part = (struct part){ p->parts, p->line, file, line };
	p->parts = part;
}

/* ---- one token ---- */

static bool
is_name(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool
is_word(int c)
{
	return is_name(c) || c == '.' || c == '/' || c == ':' || c == '@';
}

static bool
may_follow_word(int c)
{
	return c == -1 || strchr(" \t\r\n={}(),+", c) != NULL;
}

/* How many bytes a UTF-8 character takes that begins with c; 0: none does. */
static size_t
utf8_claims(unsigned char c)
{
	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	return c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* How many bytes the UTF-8 character at s takes; 0 if it is none. */
static size_t
utf8_length(const unsigned char *s)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = utf8_claims(s[0]);
	unsigned code = s[0] & (0xffu >> (n + 1));

	if (n < 2)
		return n;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3fu);
	}
	/* Not over-long, no surrogate. */
	if (code < least[n] || code > 0x10ffff || code >> 11 == 0x1b)
		return 0;
	return n;
}

/* Whether the token is text that can be shown and sent. */
static bool
token_ok(struct plain *p, struct fail *f)
{
	const unsigned char *s = (const unsigned char *)p->token.data;
	size_t n;

	if (p->token.full)
		return plain_fail(p, p->line, f,
		    "a value over %d bytes; wanted a shorter one", VALUE_MAX);
	for (; *s != '\0'; s += n) {
		n = utf8_length(s);
		if (n == 0)
			return plain_fail(p, p->line, f,
			    "a value that is not UTF-8; save the file as "
			    "UTF-8");
		if (*s < ' ' || *s == 0x7f)
			return plain_fail(p, p->line, f,
			    "a control character in a value; wanted text "
			    "alone");
	}
	return true;
}

static bool
unquoted(const struct plain *p, int c, struct fail *f)
{
	if (c == '(' || c == ')')
		return plain_fail(p, p->line, f,
		    "a %c where none can be; wanted include(\"FILE\") or "
		    "double quotes",
		    c);
	if (c > ' ' && c < 0x7f)
		return plain_fail(p, p->line, f,
		    "unquoted %c; wanted the value in double quotes", c);
	return plain_fail(p, p->line, f,
	    "unquoted byte 0x%02x; wanted the value in double quotes", c);
}

static bool
take_word(struct plain *p, struct scan *in, struct fail *f)
{
	while (is_word(scan_peek(in)))
		buf_add(&p->token, scan_take(in, 1), 1);
	if (!may_follow_word(scan_peek(in)))
		return unquoted(p, scan_peek(in), f);
	return token_ok(p, f);
}

/* The rest of ${NAME}. */
static bool
take_variable(struct plain *p, struct scan *in, struct fail *f)
{
	struct buf name = BUF_MAX(256);
	const char *value;

	while (is_name(scan_peek(in)) && scan_peek(in) != '-')
		buf_add(&name, scan_take(in, 1), 1);
	if (!scan_eat(in, '}') || name.len == 0 || name.full) {
		buf_free(&name);
		return plain_fail(p, p->line, f,
		    "${ without a plain name; wanted ${NAME}, or \\${ for "
		    "the characters themselves");
	}
	value = getenv(name.data);
	if (value == NULL)
		plain_fail(p, p->line, f,
		    "${%.80s} is not set; wanted it in the environment",
		    name.data);
	else
		buf_puts(&p->token, value);
	buf_free(&name);
	return value != NULL;
}

static bool
take_escape(struct plain *p, struct scan *in, char quote, struct fail *f)
{
	int c = scan_peek(in);

	if (c == quote || c == '\\' || (c == '$' && quote == '"')) {
		buf_add(&p->token, scan_take(in, 1), 1);
		return true;
	}
	if (quote == '\'') {
		buf_puts(&p->token, "\\");
		return true;
	}
	return plain_fail(p, p->line, f,
	    "a \\ before something else than \" \\ $; wanted \\\\");
}

static bool
take_quoted(struct plain *p, struct scan *in, char quote, struct fail *f)
{
	bool taken = true;

	(void)scan_take(in, 1);
	while (taken && !scan_eat(in, quote)) {
		if (in->left == 0 || scan_peek(in) == '\n')
			return plain_fail(p, p->line, f,
			    "text without its closing %c; wanted it on the "
			    "same line",
			    quote);
		if (scan_eat(in, '\\'))
			taken = take_escape(p, in, quote, f);
		else if (!scan_word(in, "${"))
			buf_add(&p->token, scan_take(in, 1), 1);
		else if (quote == '"')
			taken = take_variable(p, in, f);
		else
			return plain_fail(p, p->line, f,
			    "${ in single quotes, where it means nothing; "
			    "wanted double quotes, with \\${ for the "
			    "characters themselves");
	}
	return taken && token_ok(p, f);
}

/* Read a word or a quoted text into p->token. */
static bool
take_text(struct plain *p, struct scan *in, struct fail *f)
{
	int c = scan_peek(in);

	buf_reset(&p->token);
	if (c == '"' || c == '\'')
		return take_quoted(p, in, (char)c, f);
	if (is_word(c))
		return take_word(p, in, f);
	if (c == -1)
		return plain_fail(p, p->line, f, "the file ends too early");
	return unquoted(p, c, f);
}

/* ---- what it means ---- */

static void
put_value(struct plain *p)
{
	buf_printf(&p->text, " \"%u%c", p->line, p->in_list ? '{' : '=');
	for (const char *s = p->token.data; *s != '\0'; s++)
		if (*s < ' ' || strchr("\"\\$\x7f", *s) != NULL)
			buf_printf(&p->text, "\\x%02x", (unsigned char)*s);
		else
			buf_add(&p->text, s, 1);
	buf_puts(&p->text, "\"");
}

struct plain_value
plain_value(const char *given)
{
	struct plain_value v;
	char *end;

	v.line = (unsigned)strtoul(given, &end, 10);
	v.in_list = *end == '{';
	v.text = end + 1;
	return v;
}

static bool
twice(struct plain *p, unsigned first, struct fail *f)
{
	const struct part *part = part_of(p, first);
	bool here = part->file == part_of(p, p->line)->file;

	return plain_fail(p, p->line, f,
	    "%.40s is given twice; wanted it once (it stands in line %u%s"
	    "%.80s)",
	    p->name, line_in(part, first), here ? "" : " of ",
	    here ? "" : part->file);
}

/* After the name: a second value would win in silence. */
static bool
once(struct plain *p, struct fail *f)
{
	struct plain_scope *s = p->depth > 0 ? &p->section : &p->top;

	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->names[i], p->name) == 0)
			return twice(p, s->lines[i], f);
	if (s->n == PLAIN_NAMES)
		return plain_fail(p, p->line, f,
		    "over %d options in one section", PLAIN_NAMES);
	s->names[s->n] = p->name;
	s->lines[s->n++] = p->line;
	return true;
}

static bool
open_brace(struct plain *p, struct fail *f)
{
	if (p->last == EQUALS) {
		p->in_list = true;
		p->n_entries = 0;
		p->list_line = p->line;
		p->last = LIST;
		return true;
	}
	p->depth++;
	p->section.n = 0;
	p->section_line = p->line;
	p->last = OPEN;
	return ++p->n_sections <= SECTIONS_MAX ||
	    plain_fail(p, p->line, f, "over %d sections", SECTIONS_MAX);
}

static bool
close_brace(struct plain *p, struct fail *f)
{
	if (p->last == LIST)
		return plain_fail(p, p->line, f,
		    "an empty list; wanted an entry, or the option left out");
	if (p->in_list)
		p->in_list = false;
	else if (p->depth == 0)
		return plain_fail(
		    p, p->line, f, "a } that closes nothing; wanted a name");
	else
		p->depth--;
	p->last = CLOSE;
	return true;
}

static bool
take_mark(struct plain *p, struct scan *in, struct fail *f)
{
	char c = (char)*scan_take(in, 1);

	buf_add(&p->text, &c, 1);
	if (c == '{')
		return open_brace(p, f);
	if (c == '}')
		return close_brace(p, f);
	if (c == ',') {
		p->last = COMMA;
		return true;
	}
	if (p->last == NAME && !once(p, f))
		return false;
	p->last = EQUALS;
	return true;
}

/* ---- one file ---- */

static bool read_file(struct plain *p, const char *path, struct fail *f);

static void
skip_blanks(struct scan *in)
{
	while (scan_eat(in, ' ') || scan_eat(in, '\t'))
		;
}

/* What follows the word include. */
static bool
include(struct plain *p, struct scan *in, struct fail *f)
{
	const struct part *part = part_of(p, p->line);
	unsigned line = line_in(part, p->line);

	if (p->depth > 0)
		return plain_fail(p, p->line, f,
		    "include() in a section; wanted it outside of all");
	skip_blanks(in);
	if (!scan_eat(in, '('))
		return plain_fail(p, p->line, f, "wanted include(\"FILE\")");
	skip_blanks(in);
	if (!take_text(p, in, f))
		return false;
	skip_blanks(in);
	if (!scan_eat(in, ')') || p->token.len == 0)
		return plain_fail(p, p->line, f, "wanted include(\"FILE\")");
	if (!read_file(p, plain_path(p, p->line, p->token.data), f))
		return false;
	begin_part(p, part->file, line);
	return true;
}

static bool
take_token(struct plain *p, struct scan *in, struct fail *f)
{
	bool quoted = scan_peek(in) == '"' || scan_peek(in) == '\'';

	if (!take_text(p, in, f))
		return false;
	if (p->in_list && p->last == VALUE)
		return plain_fail(p, p->line, f,
		    "wanted a comma between the entries of a list");
	if (p->in_list && ++p->n_entries > ENTRIES_MAX)
		return plain_fail(
		    p, p->line, f, "over %d entries in one list", ENTRIES_MAX);
	if (p->last == EQUALS || p->last == LIST || p->last == COMMA ||
	    p->last == NAME) {
		p->last = p->last == NAME ? TITLE : VALUE;
		put_value(p);
		return true;
	}
	for (const char *s = p->token.data; *s != '\0'; s++)
		quoted = quoted || !is_name(*s);
	if (quoted || p->token.len == 0)
		return plain_fail(p, p->line, f,
		    "a value where no value can be; wanted the name of an "
		    "option");
	if (strcmp(p->token.data, "include") == 0)
		return include(p, in, f);
	p->name = arena_str(p->arena, p->token.data);
	p->last = NAME;
	buf_printf(&p->text, " %s", p->name);
	return true;
}

static bool
skip_comment(struct plain *p, struct scan *in, struct fail *f)
{
	unsigned begin = p->line;

	while (!scan_word(in, "*/")) {
		if (in->left == 0)
			return plain_fail(p, begin, f,
			    "a comment that does not end; wanted */");
		if (scan_eat(in, '\n'))
			newline(p);
		else
			(void)scan_take(in, 1);
	}
	return true;
}

static void
skip_line(struct scan *in)
{
	while (in->left > 0 && scan_peek(in) != '\n')
		(void)scan_take(in, 1);
}

static bool
step(struct plain *p, struct scan *in, struct fail *f)
{
	if (scan_eat(in, ' ') || scan_eat(in, '\t'))
		return true;
	if (scan_word(in, "\r\n") || scan_eat(in, '\n')) {
		newline(p);
		return true;
	}
	if (scan_word(in, "/*"))
		return skip_comment(p, in, f);
	if (scan_eat(in, '#') || scan_word(in, "//")) {
		skip_line(in);
		return true;
	}
	if (scan_word(in, "+="))
		return plain_fail(p, p->line, f,
		    "+=; wanted the whole list at once, behind =");
	if (strchr("={},", scan_peek(in)) != NULL)
		return take_mark(p, in, f);
	return take_token(p, in, f);
}

static bool
end_file(struct plain *p, struct fail *f)
{
	if (p->in_list)
		return plain_fail(
		    p, p->list_line, f, "a list that does not end; wanted }");
	if (p->depth > 0)
		return plain_fail(p, p->section_line, f,
		    "a section that does not end; wanted }");
	if (p->last != START && p->last != VALUE && p->last != CLOSE)
		return plain_fail(
		    p, p->line, f, "the file ends in the middle of an option");
	return true;
}

static unsigned
lines(const unsigned char *from, const unsigned char *to)
{
	unsigned n = 0;

	for (; from < to; from++)
		n += *from == '\n';
	return n;
}

static bool
read_text(struct plain *p, struct scan *in, struct fail *f)
{
	const unsigned char *nul = memchr(in->at, '\0', in->left);

	if (nul != NULL)
		return plain_fail(p, p->line + lines(in->at, nul), f,
		    "a NUL byte; wanted a text file");
	(void)scan_word(in, "\xef\xbb\xbf");
	while (in->left > 0)
		if (!step(p, in, f))
			return false;
	return end_file(p, f);
}

static bool
not_inside(struct plain *p, const struct file *file, struct fail *f)
{
	for (struct reader *r = p->reader; r != NULL; r = r->outer)
		if (r->file.dev == file->dev && r->file.ino == file->ino)
			return plain_fail(p, p->line, f,
			    "include: %s includes itself", r->file.path);
	return true;
}

static bool
load(struct plain *p, const char *path, struct buf *text, struct file *file,
    struct fail *f)
{
	struct fail inner = { 0 };

	if (++p->n_files > FILES_MAX)
		return plain_fail(p, p->line, f, "over %d files", FILES_MAX);
	if (!file_read(path, FILE_OPEN, text, file, &inner)) {
		if (p->reader == NULL)
			return fail_set(f, inner.kind, "%s", inner.text);
		return plain_fail(p, p->line, f, "include: %s", inner.text);
	}
	return not_inside(p, file, f);
}

static bool
read_file(struct plain *p, const char *path, struct fail *f)
{
	struct reader *r = arena_alloc(p->arena, sizeof(*r));
	struct buf text = BUF_MAX(BYTES_MAX - p->bytes);
	bool done;

	/* Also one that cannot be read is one of the configuration's. */
	r->file = (struct file){ .next = p->files, .path = path };
	p->files = &r->file;
	done = load(p, path, &text, &r->file, f);
	if (done) {
		r->outer = p->reader;
		r->in = (struct scan){ (unsigned char *)text.data, text.len };
		p->reader = r;
		p->bytes += text.len;
		begin_part(p, path, 1);
		done = read_text(p, &r->in, f);
		p->reader = r->outer;
	}
	buf_free(&text);
	return done;
}

/* The last line that is not empty. */
static unsigned
last_line(const struct plain *p)
{
	bool empty = p->text.data[p->text.len - 1] == '\n';

	return empty && part_of(p, p->line)->from < p->line ? p->line - 1
							    : p->line;
}

bool
plain_read(struct plain *p, struct arena *a, const char *path, struct fail *f)
{
	*p = (struct plain){
		.arena = a,
		.text = BUF_MAX(TEXT_MAX),
		.line = 1,
		.token = BUF_MAX(VALUE_MAX),
	};
	if (!read_file(p, path, f))
		return false;
	buf_printf(&p->text, " \"%s\" = \"%u=\"\n", PLAIN_END, last_line(p));
	if (p->text.full)
		return fail_set(f, FAIL_BROKEN,
		    "%s: over %d bytes when "
		    "expanded",
		    path, TEXT_MAX);
	return true;
}

void
plain_free(struct plain *p)
{
	buf_free(&p->text);
	buf_free(&p->token);
}
