#include "doctor.h"

#include "backlog.h"
#include "buf.h"
#include "checkup.h"
#include "command.h"
#include "conf.h"
#include "display.h"
#include "fail.h"
#include "finding.h"
#include "post.h"
#include "reach.h"
#include "relay.h"
#include "setup.h"
#include "tree.h"
#include "wiring.h"

#include <string.h>

enum {
	TEXT_MAX = 4 << 20,
	PATH_BYTES = 8192,
	GRADE_WIDTH = 8,
	WHAT_WIDTH = 24
};

/* The plugin API of Nagios: exit status and first word. */
static const struct {
	int code;
	const char *word;
} verdicts[] = {
	[FINDING_OK] = { 0, "OK" },
	[FINDING_NOTE] = { 0, "OK" },
	[FINDING_WARNING] = { 1, "WARNING" },
	[FINDING_FAILURE] = { 2, "CRITICAL" },
};

static enum finding_grade
worst(const struct findings *all)
{
	enum finding_grade grade = FINDING_FAILURE;

	while (grade > FINDING_OK && all->count[grade] == 0)
		grade--;
	return grade;
}

/* ---- the examination ---- */

static void
examine_world(struct setup *s, bool open, const char *url, struct findings *to)
{
	struct post *post = NULL;
	struct fail f = { 0 };

	if (!post_open(&post, &f)) {
		finding_add(to, FINDING_FAILURE, "network", NULL, "%s", f.text);
		return;
	}
	reach(s, open, post, to);
	if (url != NULL)
		wiring(s, url, post, to);
	else
		finding_add(to, FINDING_NOTE, "web server",
		    "bellrelay doctor URL, with the address of BASE or of a "
		    "source",
		    "not asked");
	post_close(post);
}

static void
examine(const struct command_call *call, struct findings *to)
{
	struct buf path = BUF_MAX(PATH_BYTES);
	struct setup s = { 0 };
	struct fail f = { 0 };
	bool open;

	if (!conf_find(call->conf, &path, &f) ||
	    !setup_read(&s, path.data, &f)) {
		finding_add(to, FINDING_FAILURE, "configuration",
		    "mend it, then: bellrelay check", "%s", f.text);
	} else {
		finding_add(to, FINDING_OK, "configuration", NULL, "%s",
		    arena_str(&to->arena, s.conf.path));
		open = checkup(&s, to);
		if (open)
			backlog(&s, to, relay_now());
		examine_world(
		    &s, open, call->n > 0 ? call->operands[0] : NULL, to);
	}
	setup_close(&s);
	buf_free(&path);
}

/* ---- for people, and the first line for Nagios ---- */

/* In it a | begins figures. */
static void
put_first(struct buf *out, const struct findings *all)
{
	enum finding_grade grade = worst(all);
	size_t from = out->len;

	buf_printf(out, "%s - ", verdicts[grade].word);
	if (grade <= FINDING_NOTE)
		buf_puts(out, "nothing is wrong");
	else
		buf_printf(out, "failures: %zu, warnings: %zu",
		    all->count[FINDING_FAILURE], all->count[FINDING_WARNING]);
	for (const struct finding *f = all->first; f != NULL; f = f->next)
		if (grade > FINDING_NOTE && f->grade == grade) {
			buf_puts(out, "; ");
			display_puts(out, f->what);
			buf_puts(out, ": ");
			display_puts(out, f->text);
		}
	for (char *bar; (bar = strchr(out->data + from, '|')) != NULL;)
		*bar = '/';
	buf_puts(out, "\n");
}

static void
put_finding(struct buf *out, const struct finding *f)
{
	display_column(out, finding_word(f->grade), GRADE_WIDTH);
	buf_puts(out, " ");
	if (strlen(f->what) < WHAT_WIDTH)
		display_column(out, f->what, WHAT_WIDTH);
	else
		display_puts(out, f->what);
	buf_puts(out, " ");
	display_puts(out, f->text);
	buf_puts(out, "\n");
	if (f->cure == NULL || f->grade == FINDING_OK)
		return;
	buf_printf(out, "%*s-> ", GRADE_WIDTH + WHAT_WIDTH + 2, "");
	display_puts(out, f->cure);
	buf_puts(out, "\n");
}

static void
print_text(const struct findings *all)
{
	struct buf out = BUF_MAX(TEXT_MAX);

	put_first(&out, all);
	for (const struct finding *f = all->first; f != NULL; f = f->next)
		put_finding(&out, f);
	command_print(&out);
	buf_free(&out);
}

/* ---- for programs ---- */

static void
print_json(struct findings *all)
{
	struct arena *a = &all->arena;
	struct tree *to = tree_new(a, TREE_OBJECT);
	struct tree *list = tree_new(a, TREE_LIST);

	for (const struct finding *f = all->first; f != NULL; f = f->next) {
		struct tree *one = tree_new(a, TREE_OBJECT);

		tree_set_str(a, one, "finding", finding_word(f->grade));
		tree_set_str(a, one, "what", f->what);
		tree_set_str(a, one, "text", f->text);
		if (f->cure != NULL)
			tree_set_str(a, one, "cure", f->cure);
		(void)tree_push(list, one);
	}
	tree_set_str(a, to, "status", verdicts[worst(all)].word);
	tree_set_num(a, to, "failures", (int64_t)all->count[FINDING_FAILURE]);
	tree_set_num(a, to, "warnings", (int64_t)all->count[FINDING_WARNING]);
	tree_set(a, to, "findings", list);
	command_print_json(to);
}

static int
doctor(const struct command_call *call)
{
	struct findings all = { .first = NULL };
	int code;

	examine(call, &all);
	code = verdicts[worst(&all)].code;
	if (command_option(call, "--json") != NULL)
		print_json(&all);
	else
		print_text(&all);
	arena_free(&all.arena);
	return code;
}

const struct command doctor_command = {
	.name = "doctor",
	.summary = "say what is wrong, here or on the way, and the cure",
	.usage = "[URL] [--json]",
	.text =
	    "  Does what check does, tells what the spool knows, and asks the\n"
	    "  world: each destination for its name, connection, certificate,\n"
	    "  clock and token, by a resolve that pages nobody; and, given "
	    "the\n"
	    "  URL of BASE or of a source, the web server, as a sender would.\n"
	    "  A line a finding, the cure under it; the first line sums up.\n"
	    "  Destinations that rest are left to; nothing is opened or\n"
	    "  delivered.  Made for people, Nagios and monit alike.\n",
	.codes = "  0   nothing is wrong\n"
		 "  1   there are warnings\n"
		 "  2   something must be mended\n",
	.least = 0,
	.most = 1,
	.options = { { "--json", NULL, "the findings as JSON", false } },
	.run = doctor,
};
