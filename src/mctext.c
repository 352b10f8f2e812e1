#include "mctext.h"

#include "arena.h"
#include "array.h"
#include "buf.h"
#include "event.h"
#include "tree.h"

#include <string.h>

enum {
	LINES = 200,            /* events that get a line of their own */
	LINES_MAX = 32 * 1024,  /* bytes of them */
	SAYS_MAX = 500,         /* characters of what an event says */
	NAME_MAX_CHARS = 200,   /* characters of any other piece */
	VALUE_MAX = 12,         /* characters from which a rounded value reads
				   better */
	HITS = 3,               /* values of an event that are shown */
	TABLES = 3,             /* tables that a title names */
	WORDING_MAX = 64 * 1024 /* bytes; lines and some pieces */
};

/* ---- pieces of text ---- */

/* A scalar's text, cut to max characters; NULL for nothing. */
static const char *
piece(const struct tree *t, size_t max, struct arena *a)
{
	const char *s;

	if (t == NULL)
		return NULL;
	if (t->type == TREE_TRUE || t->type == TREE_FALSE)
		return t->type == TREE_TRUE ? "true" : "false";
	s = tree_cstr(t, a);
	if (s == NULL || s[strspn(s, " \t\r\n")] == '\0')
		return NULL;
	return event_cut(a, s, max);
}

static const char *
name(const struct tree *t, struct arena *a)
{
	return piece(t, NAME_MAX_CHARS, a);
}

static const char *
first_of(const char *x, const char *y)
{
	return x != NULL ? x : y;
}

static char
lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static char
upper(char c)
{
	return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

static bool
is_letter(char c)
{
	return lower(c) >= 'a' && lower(c) <= 'z';
}

static bool
starts(const char *text, size_t len, const char *word)
{
	for (size_t i = 0; word[i] != '\0'; i++)
		if (i == len || lower(text[i]) != word[i])
			return false;
	return true;
}

/* ---- facts ---- */

const struct tree *
mctext_rule(const struct tree *payload)
{
	const struct tree *events = tree_get(payload, "event_list");
	const struct tree *rule = NULL;

	if (tree_is(events, TREE_LIST))
		for (const struct tree *e = events->first; e != NULL;
		     e = e->next)
			if (tree_is(rule = tree_get(e, "rule"), TREE_OBJECT))
				return rule;
	rule = tree_get(payload, "rule");
	return tree_is(rule, TREE_OBJECT) ? rule : NULL;
}

/* What piece would give something for. */
static bool
is_text(const struct tree *t)
{
	for (size_t i = 0; tree_is(t, TREE_STR) && i < t->len; i++)
		if (strchr(" \t\r\n", t->text[i]) == NULL || t->text[i] == '\0')
			return true;
	return false;
}

const struct tree *
mctext_table(const struct tree *event)
{
	const struct tree *t = tree_get(event, "table_name");

	if (!is_text(t))
		t = tree_at(event, "/rule/comparisons/0/full_table_id");
	return is_text(t) ? t : NULL;
}

static const char volume[] = "volume", freshness[] = "freshness";

/* What a word of len letters tells of the kind of trouble, or NULL. */
static const char *
nature_of_word(const char *word, size_t len)
{
	static const struct {
		char word[sizeof(freshness)];
		unsigned char len;
		const char *nature;
	} words[] = {
		{ "volume", 6, volume },
		{ "row", 3, volume },
		{ "rows", 4, volume },
		{ "size", 4, volume },
		{ "freshness", 9, freshness },
		{ "fresh", 5, freshness },
		{ "stale", 5, freshness },
		{ "updated", 7, freshness },
		{ "update", 6, freshness },
		{ "updates", 7, freshness },
	};

	for (size_t i = 0; i < COUNT(words); i++)
		if (len == words[i].len && starts(word, len, words[i].word))
			return words[i].nature;
	return NULL;
}

/* What kind of trouble, as far as a text tells. */
static const char *
nature_of(const struct tree *t)
{
	const char *nature = NULL;

	if (!tree_is(t, TREE_STR))
		return NULL;
	for (size_t from = 0, at = 0; at <= t->len; at++) {
		const char *one;

		if (at < t->len && is_letter(t->text[at]))
			continue;
		one = nature_of_word(t->text + from, at - from);
		if (one != NULL && nature != NULL && one != nature)
			return NULL;
		nature = first_of(nature, one);
		from = at + 1;
	}
	return nature;
}

/* The sub-types of an alert (facts/montecarlo.md, 4.2): one, or a list of
 * those that agree. */
static const char *
nature_of_all(const struct tree *t)
{
	const char *nature = NULL;

	if (!tree_is(t, TREE_LIST))
		return nature_of(t);
	for (const struct tree *m = t->first; m != NULL; m = m->next) {
		const char *one = nature_of(m);

		if (one == NULL || (nature != NULL && one != nature))
			return NULL;
		nature = one;
	}
	return nature;
}

/* GraphQL's names of operators as people write them. */
static const char *
sign(const char *op)
{
	static const struct {
		const char *name;
		const char *sign;
	} signs[] = {
		{ "EQ", "=" },
		{ "NEQ", "\xe2\x89\xa0" },
		{ "LT", "<" },
		{ "LTE", "\xe2\x89\xa4" },
		{ "GT", ">" },
		{ "GTE", "\xe2\x89\xa5" },
		{ "INSIDE_RANGE", "inside" },
		{ "OUTSIDE_RANGE", "outside" },
		{ "IS_NULL", "is null" },
		{ "IS_NOT_NULL", "is not null" },
		{ "AUTO", "automatic" },
		{ "AUTO_HIGH", "automatic, too high" },
		{ "AUTO_LOW", "automatic, too low" },
	};

	for (size_t i = 0; i < COUNT(signs); i++)
		if (strcmp(op, signs[i].name) == 0)
			return signs[i].sign;
	return op;
}

/* A line that is being written; what comes next is set off from what is
 * there. */
struct line {
	struct buf *out;
	bool begun;
	struct arena *arena;
};

static void
next_part(struct line *l, const char *separator)
{
	if (l->begun)
		buf_puts(l->out, separator);
	l->begun = true;
}

static const char *
value_of(const struct tree *hit, struct arena *a)
{
	const char *value = name(tree_get(hit, "value"), a);
	const char *rounded = name(tree_get(hit, "value_rounded"), a);

	if (value != NULL && rounded != NULL && strlen(value) > VALUE_MAX)
		return rounded;
	return first_of(value, rounded);
}

static void
put_hit(struct line *l, const struct tree *hit, const char *metric, bool again)
{
	struct arena *a = l->arena;
	const char *when =
	    first_of(name(tree_get(hit, "measurement_timestamp"), a),
		name(tree_get(hit, "timestamp"), a));

	next_part(l, again ? ", " : ": ");
	if (!again) {
		event_markdown(l->out, metric);
		buf_puts(l->out, " is ");
	}
	event_markdown(l->out, value_of(hit, a));
	if (when != NULL) {
		buf_puts(l->out, " (");
		event_markdown(l->out, when);
		buf_puts(l->out, ")");
	}
}

/* The values that broke the rule: "m is 50.0 (Jan 15, 06:10PM), 51.0 and 7
 * more". */
static void
put_hits(struct line *l, const struct tree *hits, const char *metric)
{
	size_t n = 0, more = 0;

	if (!tree_is(hits, TREE_LIST))
		return;
	for (const struct tree *h = hits->first; h != NULL; h = h->next) {
		const char *field;

		if (n == HITS || value_of(h, l->arena) == NULL) {
			more += n == HITS;
			continue;
		}
		field = name(tree_get(h, "field"), l->arena);
		put_hit(l, h, first_of(field, metric), n++ > 0);
	}
	if (more > 0)
		buf_printf(l->out, " and %zu more", more);
}

static void
put_limit(struct line *l, const struct tree *comparison)
{
	struct arena *a = l->arena;
	const char *op = name(tree_get(comparison, "operator"), a);
	const char *limit = name(tree_get(comparison, "threshold"), a);
	const char *low = name(tree_get(comparison, "lower_threshold"), a);
	const char *high = name(tree_get(comparison, "upper_threshold"), a);

	if (op == NULL && limit == NULL)
		return;
	if (limit == NULL && low != NULL && high != NULL)
		limit = arena_printf(a, "%s to %s", low, high);
	next_part(l, ", ");
	event_markdown(l->out,
	    arena_printf(a, "threshold %s %s", op == NULL ? "" : sign(op),
		limit == NULL ? "" : limit));
}

static void
put_limits(struct line *l, const struct tree *event, const struct tree *rule)
{
	const struct tree *list = tree_at(event, "/data/rule_comparisons");
	size_t n = 0;

	if (!tree_is(list, TREE_LIST) || list->first == NULL)
		list = tree_get(rule, "comparisons");
	if (!tree_is(list, TREE_LIST))
		return;
	for (const struct tree *c = list->first; c != NULL && n < HITS;
	     c = c->next, n++)
		put_limit(l, c);
}

static const char *
metric_of(const struct tree *event, const struct tree *rule, struct arena *a)
{
	const char *metric =
	    name(tree_at(event, "/data/metric_display_name"), a);

	if (metric == NULL)
		metric = name(tree_at(rule, "/comparisons/0/metric"), a);
	return first_of(metric, "the value");
}

static void
put_text(struct line *l, const char *text)
{
	if (text == NULL)
		return;
	next_part(l, ": ");
	event_markdown(l->out, text);
}

/* "- **artemis**: test rule: m is 50.0 (Jan 15, 06:10PM), threshold > 49.0".
 * False for an event that says nothing. */
static bool
put_line(struct buf *out, const struct tree *event, const struct tree *other,
    struct arena *a)
{
	const struct tree *own = tree_get(event, "rule");
	const struct tree *rule = tree_is(own, TREE_OBJECT) ? own : other;
	const struct tree *table = mctext_table(event);
	struct line l = { out, false, a };

	buf_puts(out, "- ");
	if (table != NULL) {
		next_part(&l, "");
		buf_puts(out, "**");
		event_markdown(out, name(table, a));
		buf_puts(out, "**");
	}
	put_text(&l, piece(tree_get(event, "event_details"), SAYS_MAX, a));
	put_text(&l, name(tree_get(rule, "description"), a));
	put_hits(&l, tree_at(event, "/data/hits"), metric_of(event, rule, a));
	put_limits(&l, event, rule);
	return l.begun;
}

/* What a list of events comes to. */
struct sum {
	struct buf lines;
	int64_t n, more;
	const struct tree *says;
	int64_t said;
	const char *nature;
	bool mixed;
};

static void
add_nature(struct sum *s, const struct tree *event)
{
	const char *nature = nature_of(tree_get(event, "event_details"));

	s->mixed = s->mixed || nature == NULL ||
	    (s->nature != NULL && nature != s->nature);
	s->nature = nature;
}

static void
add_event(struct sum *s, const struct tree *event, const struct tree *rule,
    struct arena *a)
{
	const struct tree *says = tree_get(event, "event_details");
	size_t was = s->lines.len;

	add_nature(s, event);
	if (tree_is(says, TREE_STR) && says->len > 0) {
		s->said++;
		s->says = s->says == NULL ? says : s->says;
	}
	if (s->n++ == LINES)
		s->lines.full = true;
	if (!s->lines.full) {
		buf_puts(&s->lines, was > 0 ? "\n" : "");
		if (!put_line(&s->lines, event, rule, a))
			buf_cut(&s->lines, was);
	}
	if (s->lines.full) {
		buf_cut(&s->lines, was);
		s->more++;
	}
}

static inline void
set_text(struct arena *a, struct tree *facts, const char *name, const char *s)
{
	tree_set(a, facts, name,
	    s == NULL ? tree_new(a, TREE_NULL) : tree_str(a, s));
}

static inline void
set_number(struct arena *a, struct tree *facts, const char *name, int64_t n)
{
	tree_set(
	    a, facts, name, n == 0 ? tree_new(a, TREE_NULL) : tree_num(a, n));
}

static void
set_events(struct arena *a, struct tree *facts, const struct tree *list,
    const struct tree *rule)
{
	struct sum s = { .lines = BUF_MAX(LINES_MAX) };

	if (tree_is(list, TREE_LIST))
		for (const struct tree *e = list->first; e != NULL; e = e->next)
			if (e->type == TREE_OBJECT)
				add_event(&s, e, rule, a);
	set_text(a, facts, "says", piece(s.says, SAYS_MAX, a));
	set_number(a, facts, "said", s.said);
	set_text(a, facts, "nature", s.mixed ? NULL : s.nature);
	set_text(a, facts, "lines",
	    s.lines.len == 0 ? NULL : arena_copy(a, s.lines.data, s.lines.len));
	set_number(a, facts, "more", s.more);
	buf_free(&s.lines);
}

/* The name of a rule: what its author wrote, else what it measures. */
static const char *
rule_name(const struct tree *rule, struct arena *a)
{
	return first_of(name(tree_get(rule, "description"), a),
	    name(tree_at(rule, "/comparisons/0/metric"), a));
}

struct tree *
mctext_facts(
    const struct tree *payload, const struct tree *rule, struct arena *a)
{
	static const char *const sub_types[] = { "sub_types", "subTypes",
		"sub_type" };
	struct tree *facts = tree_new(a, TREE_OBJECT);
	const struct tree *events = tree_get(payload, "event_list");
	const char *nature = nature_of(tree_get(rule, "rule_type"));

	if (tree_is(events, TREE_LIST) || tree_is(events, TREE_NULL))
		set_events(a, facts, events, rule);
	if (rule != NULL || tree_get(facts, "lines") != NULL)
		set_text(a, facts, "rule", rule_name(rule, a));
	for (size_t i = 0; nature == NULL && i < COUNT(sub_types); i++)
		nature = nature_of_all(tree_get(payload, sub_types[i]));
	if (nature != NULL)
		set_text(a, facts, "nature", nature);
	return facts;
}

/* ---- words ---- */

/* What the words are made from. */
struct words {
	struct arena *arena;
	const char *kind; /* what broke, in a word or two */
	const char *group;
	const char *rule;
	const char *rule_type;
	const char *says;
	int64_t said;
	const struct tree *tables; /* a list, or NULL */
	size_t n_tables;
	const char *lines;
	int64_t more;
};

/* The type without open_ and _incident, its words apart. */
static const char *
bare_type(const char *type, struct arena *a)
{
	size_t n;
	char *bare;

	if (starts(type, strlen(type), "open_"))
		type += strlen("open_");
	n = strlen(type);
	if (n > strlen("_incident") &&
	    starts(type + n - strlen("_incident"), n, "_incident"))
		n -= strlen("_incident");
	bare = arena_copy(a, type, n);
	for (size_t i = 0; i < n; i++)
		bare[i] = (char)(bare[i] == '_' ? ' ' : lower(bare[i]));
	return bare;
}

/* How the common types are called; {} is where the nature goes.  Only some of
 * the names have ever been published (facts/montecarlo.md, 1.6). */
static const char *
kind_of(const char *type, const char *nature, struct arena *a)
{
	static const struct {
		const char *bare;
		const char *kind;
		const char *natural;
	} kinds[] = {
		{ "anomaly", "Anomaly", "anomaly" },
		{ "anomalies", "Anomaly", "anomaly" },
		{ "custom rule anomaly", "Rule breach", "rule breach" },
		{ "custom rule anomalies", "Rule breach", "rule breach" },
		{ "dbt error", "dbt error", NULL },
		{ "dbt errors", "dbt errors", NULL },
		{ "pseudo integration test", "Test of the integration", NULL },
	};
	const char *bare = type == NULL ? "" : bare_type(type, a);
	char *kind;

	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (strcmp(bare, kinds[i].bare) != 0)
			continue;
		if (nature == NULL || kinds[i].natural == NULL)
			return kinds[i].kind;
		kind = arena_printf(a, "%s %s", nature, kinds[i].natural);
		kind[0] = upper(kind[0]);
		return kind;
	}
	if (*bare == '\0')
		return "Monte Carlo alert";
	kind = arena_str(a, bare);
	kind[0] = upper(kind[0]);
	return kind;
}

/* " on a, b and c in zeus:ares"; first stands before the first table. */
static void
put_where(struct buf *b, const struct words *w, const char *first)
{
	const struct tree *t = w->tables == NULL ? NULL : w->tables->first;

	for (size_t n = 0; t != NULL && n < TABLES; t = t->next, n++) {
		const char *table = name(t, w->arena);

		buf_puts(b,
		    n == 0                     ? first
			: n + 1 == w->n_tables ? " and "
					       : ", ");
		buf_puts(b, table == NULL ? "?" : table);
	}
	if (w->n_tables > TABLES)
		buf_printf(b, " and %zu more", w->n_tables - TABLES);
	if (w->group != NULL) {
		buf_puts(b, " in ");
		buf_puts(b, w->group);
	}
}

/* Whether a sentence that begins so wants a table for its subject. */
static bool
wants_subject(const char *says)
{
	static const char *const verbs[] = { "has ", "had ", "have ", "is ",
		"was ", "are ", "were ", "did ", "does ", "contains ", "grew ",
		"shrank ", "dropped ", "fell ", "rose ", "increased ",
		"decreased ", "changed ", "stopped ", "exceeded ", "lost ",
		"gained " };
	size_t n = strlen(says);

	for (size_t i = 0; i < COUNT(verbs); i++)
		if (starts(says, n, verbs[i]))
			return true;
	return false;
}

/* "artemis in zeus:ares has 42 rows", "artemis: no update in 8 hours". */
static void
put_sentence(struct buf *b, const struct words *w)
{
	char *says = arena_str(w->arena, w->says);
	size_t n = strlen(says);
	bool whole = w->n_tables == 1 && wants_subject(says);

	if (w->n_tables != 1)
		buf_puts(b, w->kind);
	put_where(b, w, w->n_tables == 1 ? "" : " on ");
	if (n > 1 && says[n - 1] == '.')
		says[n - 1] = '\0';
	if (whole)
		says[0] = lower(says[0]);
	buf_puts(b, whole ? " " : ": ");
	buf_puts(b, says);
	if (w->said > 1)
		buf_printf(b, " and %lld more", (long long)w->said - 1);
}

static const char *
title(const struct words *w)
{
	struct buf b = BUF_MAX(WORDING_MAX);
	const char *text;

	if (w->rule == NULL && w->says != NULL && w->n_tables <= 1) {
		put_sentence(&b, w);
	} else {
		buf_puts(&b, w->kind);
		if (w->rule != NULL)
			buf_printf(&b, ": %s", w->rule);
		put_where(&b, w, " on ");
	}
	text = arena_copy(w->arena, b.data, b.len);
	buf_free(&b);
	return text;
}

/* custom_sql reads as custom SQL. */
static const char *
rule_type_words(const char *type, struct arena *a)
{
	char *words;

	if (strcmp(type, "custom_sql") == 0)
		return "custom SQL";
	words = arena_str(a, type);
	for (char *p = words; *p != '\0'; p++)
		*p = (char)(*p == '_' ? ' ' : *p);
	return words;
}

static void
put_heading(struct buf *b, const struct words *w)
{
	buf_puts(b, "**");
	event_markdown(b, w->kind);
	buf_puts(b, "**");
	if (w->rule_type != NULL) {
		buf_puts(b, " (");
		event_markdown(b, rule_type_words(w->rule_type, w->arena));
		buf_puts(b, ")");
	}
	if (w->group != NULL) {
		buf_puts(b, " in ");
		event_markdown(b, w->group);
	}
}

/* NULL if there is nothing to say beyond the title. */
static const char *
description(const struct words *w)
{
	struct buf b = BUF_MAX(WORDING_MAX);
	const char *text;

	if (w->lines == NULL && w->rule == NULL && w->group == NULL)
		return NULL;
	put_heading(&b, w);
	if (w->lines != NULL) {
		buf_puts(&b, "\n\n");
		buf_puts(&b, w->lines);
	} else if (w->rule != NULL) {
		buf_puts(&b, "\n\n- ");
		event_markdown(&b, w->rule);
	}
	if (w->more > 0)
		buf_printf(&b, "\n- and %lld more events", (long long)w->more);
	text = arena_copy(w->arena, b.data, b.len);
	buf_free(&b);
	return text;
}

static struct words
words_of(const struct tree *alert, struct arena *a)
{
	const struct tree *m = tree_get(alert, "metadata");
	const struct tree *facts = tree_get(alert, "facts");
	const struct tree *tables = tree_get(m, "tables");
	struct words w = { .arena = a };

	w.kind = kind_of(name(tree_get(m, "type"), a),
	    name(tree_get(facts, "nature"), a), a);
	w.group = name(tree_get(m, "group_id"), a);
	w.rule = name(tree_get(facts, "rule"), a);
	w.rule_type = name(tree_get(m, "rule_type"), a);
	/* The kind says it already. */
	if (tree_is(tree_get(facts, "nature"), TREE_STR) &&
	    nature_of(tree_get(m, "rule_type")) != NULL)
		w.rule_type = NULL;
	w.says = tree_cstr(tree_get(facts, "says"), a);
	(void)tree_int(tree_get(facts, "said"), &w.said);
	w.tables = tree_is(tables, TREE_LIST) ? tables : NULL;
	w.n_tables = tree_count(w.tables);
	w.lines = tree_cstr(tree_get(facts, "lines"), a);
	(void)tree_int(tree_get(facts, "more"), &w.more);
	return w;
}

void
mctext_word(struct tree *alert, struct arena *a)
{
	struct words w = words_of(alert, a);
	const char *text = description(&w);

	set_text(a, alert, "title", title(&w));
	tree_set(
	    a, alert, "description", text == NULL ? NULL : tree_str(a, text));
}
