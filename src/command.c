#include "command.h"

#include "arena.h"
#include "buf.h"
#include "conf.h"
#include "display.h"
#include "fail.h"
#include "json.h"
#include "near.h"
#include "owner.h"
#include "setup.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	LINE_BYTES = 4096,
	PATH_BYTES = 8192,
	CHUNK = 64 << 10,
	JSON_BYTES = 64 << 20,
	HELP_COLUMN = 20,
};

/* ---- arguments ---- */

static bool
is_option(const char *arg)
{
	return arg[0] == '-' && arg[1] != '\0';
}

/*
 * If arg is the option name, or name=value: its value, which may be the next
 * argument; *args moves to the last that was used.
 */
static bool
option_is(const struct command_option *o, char *const **args,
    const char **value, struct fail *f)
{
	const char *arg = **args;
	size_t n = strlen(o->name);

	if (strncmp(arg, o->name, n) != 0 || (arg[n] != '\0' && arg[n] != '='))
		return false;
	*value = NULL;
	if (o->value == NULL)
		*value = arg[n] == '\0' ? "" : NULL;
	else if (arg[n] == '=')
		*value = arg + n + 1;
	else if ((*args)[1] != NULL)
		*value = *++*args;
	if (*value == NULL)
		(void)fail_set(f, FAIL_INPUT,
		    o->value == NULL ? "%s takes no value" : "%s: no %s given",
		    o->name, o->value);
	return true;
}

bool
command_common(struct command_call *call, char *const **args, struct fail *f)
{
	static const struct command_option conf = { "-c", "FILE", NULL, false };
	const char *arg = **args;

	if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
		call->help = true;
	else if (strcmp(arg, "--version") == 0)
		call->version = true;
	else if (!option_is(&conf, args, &call->conf, f))
		return false;
	++*args;
	return f->kind == FAIL_NONE;
}

static bool
no_option(const struct command *c, const char *arg, struct fail *f)
{
	struct near n = near_new(arg);

	for (size_t i = 0; c->options[i].name != NULL; i++)
		near_add(&n, c->options[i].name);
	near_add(&n, "--help");
	(void)fail_set(f, FAIL_INPUT, "no such option as %.60s; wanted %s", arg,
	    near_wanted(&n));
	near_free(&n);
	return false;
}

static bool
take_option(struct command_call *call, char *const **args, struct fail *f)
{
	const struct command *c = call->command;

	if (command_common(call, args, f))
		return true;
	if (f->kind != FAIL_NONE)
		return false;
	for (size_t i = 0; c->options[i].name != NULL; i++)
		if (option_is(&c->options[i], args, &call->values[i], f)) {
			++*args;
			return f->kind == FAIL_NONE;
		}
	return no_option(c, **args, f);
}

static bool
take_operand(struct command_call *call, const char *arg, struct fail *f)
{
	if (call->n >= call->command->most)
		return fail_set(f, FAIL_INPUT,
		    "%.60s is one argument too many; wanted: %s %s", arg,
		    call->command->name, call->command->usage);
	call->operands[call->n++] = arg;
	return true;
}

static bool
is_complete(const struct command_call *call, struct fail *f)
{
	const struct command *c = call->command;

	for (size_t i = 0; c->options[i].name != NULL; i++)
		if (c->options[i].must && call->values[i] == NULL)
			return fail_set(f, FAIL_INPUT,
			    "%s is missing; wanted: %s %s", c->options[i].name,
			    c->name, c->usage);
	if (call->n < c->least)
		return fail_set(f, FAIL_INPUT,
		    "too few arguments; wanted: %s %s", c->name, c->usage);
	return true;
}

bool
command_parse(struct command_call *call, char *const *args, struct fail *f)
{
	bool options = true;

	while (*args != NULL) {
		if (options && strcmp(*args, "--") == 0) {
			options = false;
			args++;
		} else if (options && is_option(*args)) {
			if (!take_option(call, &args, f))
				return false;
		} else if (!take_operand(call, *args++, f)) {
			return false;
		}
	}
	return call->help || call->version || is_complete(call, f);
}

const char *
command_option(const struct command_call *call, const char *name)
{
	const struct command_option *o = call->command->options;

	for (size_t i = 0; o[i].name != NULL; i++)
		if (strcmp(o[i].name, name) == 0)
			return call->values[i];
	return NULL;
}

/* ---- help ---- */

static void
help_option(const char *name, const char *value, const char *what)
{
	char left[HELP_COLUMN * 2];

	(void)snprintf(
	    left, sizeof(left), "%s %s", name, value == NULL ? "" : value);
	(void)printf("  %-*s %s\n", HELP_COLUMN, left, what);
}

void
command_help(const struct command *c)
{
	(void)printf("NAME\n  bellrelay %s - %s\n\n", c->name, c->summary);
	(void)printf("SYNOPSIS\n  bellrelay [-c FILE] %s%s%s\n\n", c->name,
	    c->usage[0] == '\0' ? "" : " ", c->usage);
	if (c->text != NULL)
		(void)printf("DESCRIPTION\n%s\n", c->text);
	(void)printf("OPTIONS\n");
	help_option("-c", "FILE", "the configuration");
	for (size_t i = 0; c->options[i].name != NULL; i++)
		help_option(c->options[i].name, c->options[i].value,
		    c->options[i].what);
	help_option("--help", NULL, "this text");
	help_option("--version", NULL, "the version");
	(void)printf("\nEXIT STATUS\n%s", c->codes);
}

/* ---- messages ---- */

__attribute__((format(printf, 1, 0))) static void
say(const char *fmt, va_list ap)
{
	struct buf line = BUF_MAX(LINE_BYTES * 8);
	char text[LINE_BYTES];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	buf_puts(&line, "bellrelay: ");
	display_puts(&line, text);
	buf_puts(&line, "\n");
	(void)fwrite(line.data, 1, line.len, stderr);
	buf_free(&line);
}

void
command_say(const char *fmt, ...)
{
	va_list ap;

	/* In the order in which it was said, where both are a terminal. */
	(void)fflush(stdout);
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
command_progress(const char *fmt, ...)
{
	va_list ap;

	if (isatty(STDERR_FILENO) != 1)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

int
command_failed(const struct fail *f, int code)
{
	command_say("%s", f->text);
	return code;
}

int
command_spoilt(const char *box, const char *id, const struct fail *f)
{
	/* To try an error of the disk again does not mend it. */
	if (f->kind == FAIL_RETRY && f->sys != EIO) {
		command_say("%s/%s: %s", box, id, f->text);
		return EX_TEMPFAIL;
	}
	command_say(
	    "%s/%s: %s%s", box, id, f->text, f->sys == 0 ? "" : COMMAND_LOOK);
	return EX_IOERR;
}

/* ---- input ---- */

/* To the end, or a byte past the ceiling. */
static bool
read_all(int fd, struct buf *out)
{
	for (;;) {
		size_t left = out->max - out->len;
		size_t want = left < CHUNK ? left : CHUNK;
		ssize_t n;

		if (want == 0)
			return true;
		n = read(fd, buf_room(out, want), want);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		buf_grew(out, (size_t)n);
	}
}

int
command_body(const struct command_call *call, size_t i, struct buf *out)
{
	const char *path = i < call->n ? call->operands[i] : "-";
	bool is_file = strcmp(path, "-") != 0;
	int fd = is_file ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	bool did;

	*out = BUF_MAX(COMMAND_BODY + 1);
	if (fd == -1) {
		command_say("%s: %s", path, strerror(errno));
		return EX_NOINPUT;
	}
	did = read_all(fd, out);
	if (!did)
		command_say("%s: %s", is_file ? path : "standard input",
		    strerror(errno));
	if (is_file)
		(void)close(fd);
	if (!did)
		return EX_IOERR;
	if (out->len > 0 && out->len <= COMMAND_BODY)
		return EX_OK;
	if (out->len > 0)
		command_say("the body is over %d bytes", COMMAND_BODY);
	else if (is_file)
		command_say("not JSON: %s is empty", path);
	else
		command_say("not JSON: nothing came on standard input; wanted "
			    "a body, there or in a FILE");
	return EX_DATAERR;
}

int
command_json(const struct command_call *call, size_t i, struct buf *body,
    struct arena *a, const struct tree **out)
{
	struct fail f = { 0 };
	struct tree *tree = NULL;
	int code = command_body(call, i, body);

	if (code != EX_OK)
		return code;
	if (!tree_parse(body->data, body->len, a, &tree, &f))
		return command_failed(&f, EX_DATAERR);
	*out = tree;
	return EX_OK;
}

int
command_conf(const struct command_call *call, struct setup *out)
{
	struct buf path = BUF_MAX(PATH_BYTES);
	struct fail f = { 0 };
	bool did;

	*out = (struct setup){ 0 };
	did =
	    conf_find(call->conf, &path, &f) && setup_read(out, path.data, &f);
	buf_free(&path);
	if (did)
		return EX_OK;
	setup_close(out);
	return command_failed(&f, EX_CONFIG);
}

int
command_owner(const struct conf *c)
{
	struct fail f = { 0 };

	if (owner_become(c->spool, &f))
		return EX_OK;
	return command_failed(&f, f.kind == FAIL_AUTH ? EX_NOPERM : EX_CONFIG);
}

const struct conf_source *
command_source(const struct conf *c, const char *name)
{
	const struct conf_source *found = conf_source(c, name);
	struct near n = near_new(name);

	for (size_t i = 0; i < c->n_sources; i++)
		near_add(&n, c->sources[i].source.name);
	if (found == NULL)
		command_say(
		    "no such source as %s; wanted %s", name, near_wanted(&n));
	near_free(&n);
	return found;
}

/* ---- output ---- */

const char *
command_program(struct arena *a)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe));

	return n <= 0 ? "bellrelay" : arena_copy(a, exe, (size_t)n);
}

void
command_print(const struct buf *text)
{
	(void)fwrite(text->data, 1, text->len, stdout);
}

void
command_print_json(const struct tree *t)
{
	struct buf text = BUF_MAX(JSON_BYTES);
	struct buf safe = BUF_MAX(JSON_BYTES);

	json_write(t, JSON_PRETTY, &text);
	display_json(&safe, text.data, text.len);
	buf_puts(&safe, "\n");
	command_print(&safe);
	buf_free(&safe);
	buf_free(&text);
}
