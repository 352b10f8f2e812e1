#include "event.h"

#include "arena.h"
#include "array.h"
#include "buf.h"
#include "json.h"
#include "source.h"
#include "table.h"
#include "tree.h"
#include "when.h"
#include "wording.h"

#include <stdlib.h>
#include <string.h>

enum {
	WORD_NEAR = 24,        /* characters that a cut gives up for a word */
	MEASURE_MAX = 1 << 30, /* bytes of JSON; far above any body limit */
};

static const char ellipsis[] = "\xe2\x80\xa6";

/* ---- text ---- */

/* How many bytes of white space or of a control character begin at p: none
 * of them may end a line, or do worse, where the text is shown. */
static inline size_t
blank(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	if ((u[0] > ' ' && u[0] < 0x7f) || u[0] == '\0')
		return 0;
	if (u[0] <= 0x7f)
		return 1;
	if (u[0] == 0xc2 && u[1] >= 0x80 && u[1] <= 0xa0)
		return 2; /* C1 controls, no-break space */
	if (u[0] == 0xe2 && u[1] == 0x80 && (u[2] == 0xa8 || u[2] == 0xa9))
		return 3; /* line and paragraph separator */
	return 0;
}

static const char *
skip_blanks(const char *p)
{
	for (size_t n = blank(p); n > 0; n = blank(p))
		p += n;
	return p;
}

/* The text on one line, a space for each run of blanks, none at the ends. */
static const char *
one_line(struct arena *a, const char *text)
{
	char *line = arena_alloc(a, strlen(text) + 1);
	char *o = line;
	const char *p = skip_blanks(text);

	while (*p != '\0') {
		if (blank(p) == 0) {
			*o++ = *p++;
			continue;
		}
		p = skip_blanks(p);
		if (*p != '\0')
			*o++ = ' ';
	}
	*o = '\0';
	return line;
}

static bool
begins_character(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

/* Where the character number n of text begins, or its end. */
static const char *
character(const char *text, size_t n)
{
	for (; *text != '\0'; text++)
		if (begins_character(*text) && n-- == 0)
			break;
	return text;
}

const char *
event_cut(struct arena *a, const char *text, size_t max)
{
	const char *end, *near;

	/* No character takes less than a byte. */
	if (strlen(text) <= max || *character(text, max) == '\0')
		return text;
	if (max == 0)
		return "";
	end = near = character(text, max - 1);
	for (size_t n = 0; n < WORD_NEAR && near > text && *near != ' '; n++)
		near--;
	if (near > text && *near == ' ')
		end = near;
	while (end > text && (end[-1] == ' ' || end[-1] == ','))
		end--;
	return arena_printf(a, "%.*s%s", (int)(end - text), text, ellipsis);
}

static bool
alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z');
}

static bool
ends_word(const char *p)
{
	return *p == '\0' || blank(p) > 0;
}

/* Whether the character at p, the first of its line, begins a block
 * (CommonMark 0.30, 4 and 5). */
static bool
begins_block(const char *p)
{
	switch (*p) {
	case '#':
	case '>':
	case '=':
		return true;
	case '-':
	case '+':
		return ends_word(p + 1) || p[1] == p[0];
	default:
		return false;
	}
}

/* Whether the underscore at p could begin or end emphasis: inside a word, as
 * in most names of tables, it cannot (CommonMark 0.30, 6.2). */
static bool
emphasises(char before, const char *p)
{
	return !alphanumeric(before) || !alphanumeric(p[strspn(p, "_")]);
}

/* numbered: all before p, and something, is digits. */
static bool
means_something(const char *p, char before, bool first, bool numbered)
{
	switch (*p) {
	case '\\':
	case '`':
	case '*':
	case '[':
	case ']':
	case '<':
	case '~':
	case '|':
		return true;
	case '_':
		return emphasises(before, p);
	case '&':
		return alphanumeric(p[1]) || p[1] == '#';
	case '.':
	case ')':
		return numbered && ends_word(p + 1);
	default:
		return first && begins_block(p);
	}
}

void
event_markdown(struct buf *out, const char *text)
{
	const char *first = skip_blanks(text);
	const char *p = first, *from = first;
	bool digits = true;
	char before = ' ';

	for (; *p != '\0'; p++) {
		if (blank(p) > 0) {
			buf_add(out, from, (size_t)(p - from));
			from = p = skip_blanks(p);
			if (*p == '\0')
				return;
			buf_puts(out, " ");
			before = ' ';
			digits = false;
		}
		if (means_something(
			p, before, p == first, digits && p > first)) {
			buf_add(out, from, (size_t)(p - from));
			buf_puts(out, "\\");
			from = p;
		}
		before = *p;
		digits = digits && *p >= '0' && *p <= '9';
	}
	buf_add(out, from, (size_t)(p - from));
}

/* ---- merging ---- */

/* What the configuration can fill in.  The sender's own values of these are
 * kept in the alert's member `sender`: an explicit null falls back to the
 * configuration, and what that no longer says is forgotten. */
static const char *const filled[] = { "severity", "owners", "tags",
	"environment" };

struct name {
	const char *text;
	size_t len;
};

#define NAME(text) \
	{ \
		text, sizeof(text) - 1 \
	}

static const struct name alert_order[] = { NAME("title"), NAME("status"),
	NAME("description"), NAME("source_url"), NAME("metadata"),
	NAME("sender"), NAME("words"), NAME("added"), NAME("picked"),
	NAME("facts") };

static const struct name metadata_order[] = { NAME("source"), NAME("severity"),
	NAME("owners"), NAME("tags"), NAME("environment"),
	NAME("test_description"), NAME("connector"), NAME("failure_reason"),
	NAME("tables"), NAME("alert_feedback"), NAME("type"), NAME("rule_type"),
	NAME("group_id"), NAME("account_id"), NAME("incident_id"),
	NAME("received_at") };

/* As deep as the tree. */
static void
drop_nulls(struct tree *t)
{
	struct tree **at = &t->first;

	t->last = NULL;
	while (*at != NULL) {
		struct tree *m = *at;

		if (m->type == TREE_NULL) {
			*at = m->next;
			continue;
		}
		if (m->type == TREE_LIST || m->type == TREE_OBJECT)
			drop_nulls(m);
		t->last = m;
		at = &m->next;
	}
}

/* Of what lies too deep only the text is kept: a ticket is read by the same
 * strict reader, and there the alert lies deeper than where it came from. */
static void
flatten(struct arena *a, struct tree *t, size_t levels)
{
	struct buf b = BUF_MAX(MEASURE_MAX);

	if (t->type != TREE_LIST && t->type != TREE_OBJECT)
		return;
	if (levels > 0) {
		for (struct tree *m = t->first; m != NULL; m = m->next)
			flatten(a, m, levels - 1);
		return;
	}
	json_write(t, JSON_PLAIN, &b);
	t->type = TREE_STR;
	t->text = arena_copy(a, b.data, b.len);
	t->len = b.len;
	buf_free(&b);
}

/* The member of that name, made an object if it is none. */
static struct tree *
object(struct arena *a, struct tree *in, const char *name)
{
	if (!tree_is(tree_get(in, name), TREE_OBJECT))
		tree_set(a, in, name, tree_new(a, TREE_OBJECT));
	return tree_get(in, name);
}

static size_t
place(const struct tree *t, const struct name *names, size_t n)
{
	size_t i = 0;

	while (i < n && !tree_named(t, names[i].text, names[i].len))
		i++;
	return i;
}

/* Put the members of these (at most 16) names first, in their order: equal
 * alerts shall be equal bytes, whatever made them. */
static void
in_order(struct tree *t, const struct name *names, size_t n)
{
	struct tree *first[16] = { NULL };
	struct tree *others = NULL, *last = NULL;
	struct tree **other = &others, **at = &t->first;

	for (struct tree *m = t->first; m != NULL; m = m->next) {
		size_t i = place(m, names, n);

		if (i < n) {
			first[i] = m;
		} else {
			*other = last = m;
			other = &m->next;
		}
	}
	for (size_t i = 0; i < n; i++)
		if (first[i] != NULL) {
			*at = t->last = first[i];
			at = &first[i]->next;
		}
	*other = NULL;
	*at = others;
	if (last != NULL)
		t->last = last;
}

_Static_assert(COUNT(metadata_order) <= 16 && COUNT(alert_order) <= 16,
    "in_order has room");

/* Take the fill-ins out of metadata that was merged onto known. */
static void
restore(struct arena *a, struct tree *metadata, const struct tree *known,
    const struct tree *change)
{
	const struct tree *sender = tree_get(known, "sender");
	const struct tree *changed = tree_get(change, "metadata");

	if (!tree_is(sender, TREE_OBJECT) || tree_is(changed, TREE_NULL))
		return;
	for (size_t i = 0; i < COUNT(filled); i++)
		if (tree_get(changed, filled[i]) == NULL)
			tree_set(a, metadata, filled[i],
			    tree_get(sender, filled[i]));
}

/* The kind of source whose words the alert has; NULL: not known. */
static const struct tree *
teller(const struct tree *alert)
{
	return tree_at(alert, "/sender/kind");
}

static void
remember(struct arena *a, struct tree *alert, const struct tree *metadata,
    const struct tree *kind)
{
	struct tree *sender = tree_new(a, TREE_OBJECT);

	for (size_t i = 0; i < COUNT(filled); i++)
		tree_set(a, sender, filled[i], tree_get(metadata, filled[i]));
	tree_set(a, sender, "kind", kind);
	tree_set(a, alert, "sender", sender);
}

/* Whether the words of another, who knows more, are to stay. */
static bool
defers(const struct source *s, const struct tree *known)
{
	const struct tree *kind = teller(known);

	return s->kind->terse && tree_is(kind, TREE_STR) &&
	    !tree_says(kind, s->kind->name);
}

static int rank(const struct tree *t);

/* The severity before a map of the configuration made it another. */
static const struct tree *
sent_severity(const struct tree *alert)
{
	const struct tree *sent = tree_at(alert, "/metadata/severity_sent");

	return sent != NULL ? sent : tree_at(alert, "/metadata/severity");
}

/* Nothing is graver than a word of which nobody knows how grave it is. */
static bool
is_graver(const struct tree *change, const struct tree *known)
{
	const struct tree *was = sent_severity(known);

	return (was == NULL || rank(was) > 0) &&
	    rank(sent_severity(change)) > rank(was);
}

/* A status, and a severity that is raised: it shall ring as what it is. */
static const struct tree *
without_words(
    struct arena *a, const struct tree *change, const struct tree *known)
{
	struct tree *bare = tree_new(a, TREE_OBJECT);
	struct tree *metadata = tree_new(a, TREE_OBJECT);

	tree_set(a, bare, "status", tree_get(change, "status"));
	if (is_graver(change, known)) {
		tree_set(a, metadata, "severity",
		    tree_at(change, "/metadata/severity"));
		tree_set(a, bare, "metadata", metadata);
	}
	return bare;
}

static void
fill(
    struct arena *a, struct tree *metadata, const char *name, const char *value)
{
	if (value != NULL && tree_get(metadata, name) == NULL)
		tree_set(a, metadata, name, tree_str(a, value));
}

static bool
has(const struct tree *list, const char *text)
{
	for (const struct tree *t = list->first; t != NULL; t = t->next)
		if (tree_says(t, text))
			return true;
	return false;
}

/* The sender's and the source's, each once. */
static void
unite(struct arena *a, struct tree *metadata, const char *name,
    const struct option_value *more)
{
	const struct tree *own = tree_get(metadata, name);
	struct tree *list = tree_new(a, TREE_LIST);

	if (more->n == 0)
		return;
	if (tree_is(own, TREE_STR))
		(void)tree_push(list, tree_copy(a, own));
	else if (tree_is(own, TREE_LIST))
		for (const struct tree *t = own->first; t != NULL; t = t->next)
			(void)tree_push(list, tree_copy(a, t));
	for (size_t i = 0; i < more->n; i++)
		if (!has(list, more->items[i]))
			(void)tree_push(list, tree_str(a, more->items[i]));
	tree_set(a, metadata, name, list);
}

/* What the sender does not say: of scalars the first that is known, of lists
 * all. */
static void
fill_in(struct arena *a, struct tree *alert, const struct source *s)
{
	struct tree *metadata = tree_get(alert, "metadata");
	const struct table *const *tables = table_match(s->tables, alert, a);
	const struct table *grave = table_severity(tables);

	if (grave != NULL)
		fill(a, metadata, "severity", grave->severity);
	fill(a, metadata, "severity", s->severity);
	fill(a, metadata, "environment", s->environment);
	for (; *tables != NULL; tables++) {
		unite(a, metadata, "owners", &(*tables)->owners);
		unite(a, metadata, "tags", &(*tables)->tags);
	}
	unite(a, metadata, "owners", &s->owners);
	unite(a, metadata, "tags", &s->tags);
}

static void
receipt(struct arena *a, struct tree *metadata, const struct tree *known,
    int64_t now)
{
	const struct tree *first = tree_at(known, "/metadata/received_at");
	char when[WHEN_SIZE];

	if (!tree_is(first, TREE_STR)) {
		when_write(now, when);
		first = tree_str(a, arena_str(a, when));
	}
	tree_set(a, metadata, "received_at", first);
}

/* The title on one line and not too long; never empty. */
static struct tree *
title(const struct tree *alert, struct arena *a)
{
	const char *text = tree_cstr(tree_get(alert, "title"), a);
	const char *source;

	text = text == NULL ? "" : one_line(a, text);
	if (*text != '\0')
		return tree_str(a, event_cut(a, text, EVENT_TITLE_MAX));
	source = tree_cstr(tree_at(alert, "/metadata/source"), a);
	if (source == NULL || *source == '\0')
		return tree_str(a, "Alert");
	text = arena_printf(a, "Alert from %s", one_line(a, source));
	return tree_str(a, event_cut(a, text, EVENT_TITLE_MAX));
}

struct tree *
event_merge(const struct source *s, const struct tree *known,
    const struct tree *change, bool whole, int64_t now, struct arena *a)
{
	bool deferring = defers(s, known);
	const struct tree *base = whole && !deferring ? NULL : known;
	struct tree *alert, *metadata;

	if (deferring && !event_resolved(known))
		change = without_words(a, change, known);
	alert = tree_merge(a, base, change);
	if (!tree_is(alert, TREE_OBJECT))
		alert = tree_new(a, TREE_OBJECT);
	drop_nulls(alert);
	flatten(a, alert, EVENT_DEPTH);
	metadata = object(a, alert, "metadata");
	restore(a, metadata, base, change);
	wording_undo(alert, base, change, a);
	if (s->kind->word != NULL)
		s->kind->word(alert, a);

	metadata = object(a, alert, "metadata");
	receipt(a, metadata, known, now);
	wording_base(s->wording, alert, a);
	remember(a, alert, metadata,
	    deferring ? teller(known) : tree_str(a, s->kind->name));
	fill_in(a, alert, s);
	wording_add(s->wording, alert, a);
	tree_set(a, alert, "title", title(alert, a));
	wording_say(s->wording, alert, a);
	tree_set(a, alert, "title", title(alert, a));
	in_order(metadata, metadata_order, COUNT(metadata_order));
	in_order(alert, alert_order, COUNT(alert_order));
	return alert;
}

/* ---- reading a merged alert ---- */

bool
event_resolved(const struct tree *alert)
{
	return tree_says(tree_get(alert, "status"), "resolved");
}

/* Letters and digits only, in lower case. */
static const struct {
	const char *word;
	int severity;
} severities[] = {
	{ "critical", 5 },
	{ "fatal", 5 },
	{ "emergency", 5 },
	{ "sev1", 5 },
	{ "p1", 5 },
	{ "error", 4 },
	{ "fail", 4 },
	{ "failure", 4 },
	{ "failed", 4 },
	{ "major", 4 },
	{ "high", 4 },
	{ "sev2", 4 },
	{ "p2", 4 },
	{ "warn", 3 },
	{ "warning", 3 },
	{ "moderate", 3 },
	{ "medium", 3 },
	{ "normal", 3 },
	{ "sev3", 3 },
	{ "p3", 3 },
	{ "minor", 2 },
	{ "low", 2 },
	{ "sev4", 2 },
	{ "p4", 2 },
	{ "info", 1 },
	{ "informational", 1 },
	{ "notice", 1 },
	{ "sev5", 1 },
	{ "p5", 1 },
};

static int
rank(const struct tree *t)
{
	char word[16];
	size_t n = 0;

	if (!tree_is(t, TREE_STR))
		return 0;
	for (size_t i = 0; i < t->len; i++) {
		char c = t->text[i];

		if (!alphanumeric(c))
			continue;
		if (n == sizeof(word) - 1)
			return 0;
		word[n++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	word[n] = '\0';
	for (size_t i = 0; i < COUNT(severities); i++)
		if (strcmp(word, severities[i].word) == 0)
			return severities[i].severity;
	return 0;
}

int
event_severity(const struct tree *alert)
{
	int known = rank(tree_at(alert, "/metadata/severity"));

	/* What it was mapped to may be a word of the user's own. */
	if (known != 0)
		return known;
	return rank(tree_at(alert, "/metadata/severity_sent"));
}

/* ---- the body ---- */

/* No less than t takes as JSON, cheaply. */
static size_t
bound(const struct tree *t)
{
	size_t size = 8 + 6 * (size_t)t->key_len;

	if (t->type != TREE_LIST && t->type != TREE_OBJECT)
		return size + 6 * t->len;
	for (const struct tree *m = t->first; m != NULL; m = m->next)
		size += bound(m);
	return size;
}

/* What t takes as JSON. */
static size_t
measure(const struct tree *t)
{
	struct buf b = BUF_MAX(MEASURE_MAX);
	size_t size;

	json_write(t, JSON_PLAIN, &b);
	size = b.full ? MEASURE_MAX : b.len;
	buf_free(&b);
	return size;
}

static size_t
escaped(char c)
{
	if (c == '"' || c == '\\' || (c >= '\b' && c <= '\r' && c != '\v'))
		return 2;
	return (unsigned char)c < ' ' ? 6 : 1;
}

/* Cut text so that it takes at most max bytes as a JSON string, quotes not
 * counted: behind a line if one ends in the second half.  NULL if nothing
 * would be left. */
static const char *
cut_bytes(struct arena *a, const char *text, size_t max)
{
	const char *end = text, *line = text;
	size_t size = sizeof(ellipsis) - 1;

	for (const char *p = text; *p != '\0' && size <= max; p++) {
		if (begins_character(*p))
			end = p;
		if (p > text && p[-1] == '\n')
			line = p;
		size += escaped(*p);
	}
	if (line - text > (end - text) / 2)
		end = line;
	if (end == text)
		return NULL;
	return arena_printf(a, "%.*s%s", (int)(end - text), text, ellipsis);
}

static void
cut_description(struct arena *a, struct tree *body)
{
	const char *text = tree_cstr(tree_get(body, "description"), a);
	size_t size = measure(body);
	size_t has, over;

	if (text == NULL || size < EVENT_MAX)
		return;
	over = size - (EVENT_MAX - 1);
	has = measure(tree_str(a, text)) - 2;
	text = has > over ? cut_bytes(a, text, has - over) : NULL;
	tree_set(
	    a, body, "description", text == NULL ? NULL : tree_str(a, text));
}

struct weight {
	struct tree *member;
	size_t size;
};

static int
heavier(const void *x, const void *y)
{
	const struct weight *u = x, *v = y;

	return (u->size < v->size) - (u->size > v->size);
}

/* The members of metadata with what each takes, the largest first. */
static struct weight *
weigh(struct arena *a, const struct tree *metadata, size_t n)
{
	struct weight *w = arena_alloc(a, n * sizeof(*w));
	size_t i = 0;

	for (struct tree *m = metadata->first; m != NULL; m = m->next, i++) {
		w[i].member = m;
		w[i].size = measure(m) + m->key_len + sizeof("\"\":") - 1;
	}
	if (n > 1)
		qsort(w, n, sizeof(*w), heavier);
	return w;
}

/* metadata is the body's own; its children are the alert's. */
static void
drop_metadata(struct arena *a, struct tree *body)
{
	struct tree *metadata = tree_get(body, "metadata");
	size_t size = measure(body);
	size_t n = tree_count(metadata);
	struct weight *w;

	if (n == 0 || size < EVENT_MAX)
		return;
	w = weigh(a, metadata, n);
	for (size_t i = 0; i < n && size >= EVENT_MAX; i++) {
		size -= w[i].size;
		w[i].member->type = TREE_NULL;
	}
	drop_nulls(metadata);
	if (metadata->first == NULL)
		tree_set(a, body, "metadata", NULL);
}

/* A list of its own with the same values. */
static struct tree *
copy_members(struct arena *a, const struct tree *t, const char *but)
{
	struct tree *copy = tree_new(a, TREE_OBJECT);

	const struct tree *other = tree_get(t, but);

	for (const struct tree *m = t->first; m != NULL; m = m->next)
		if (m != other)
			(void)tree_add(a, copy, m->key, m->key_len, m);
	return copy;
}

static void
shrink(struct arena *a, struct tree *body)
{
	const struct tree *metadata = tree_get(body, "metadata");

	if (measure(body) < EVENT_MAX)
		return;
	if (metadata != NULL)
		tree_set(
		    a, body, "metadata", copy_members(a, metadata, "extra"));
	cut_description(a, body);
	drop_metadata(a, body);
	if (measure(body) >= EVENT_MAX)
		tree_set(a, body, "source_url", NULL);
}

static inline void
put(struct arena *a, struct tree *body, const char *name,
    const struct tree *value)
{
	(void)tree_add(a, body, name, strlen(name), value);
}

static inline void
put_text(struct arena *a, struct tree *body, const struct tree *alert,
    const char *name)
{
	const struct tree *t = tree_get(alert, name);

	if (tree_is(t, TREE_STR) && t->len > 0)
		put(a, body, name, t);
}

struct tree *
event_body(const struct tree *alert, const char *key, struct arena *a)
{
	struct tree *body = tree_new(a, TREE_OBJECT);
	const struct tree *metadata = tree_get(alert, "metadata");

	put(a, body, "title", title(alert, a));
	put(a, body, "deduplication_key", tree_str(a, key));
	put(a, body, "status",
	    tree_str(a, event_resolved(alert) ? "resolved" : "firing"));
	put_text(a, body, alert, "description");
	put_text(a, body, alert, "source_url");
	if (tree_is(metadata, TREE_OBJECT) && metadata->first != NULL)
		put(a, body, "metadata", metadata);
	if (bound(body) >= EVENT_MAX)
		shrink(a, body);
	return body;
}
