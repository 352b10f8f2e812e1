/*
 * A command of bellrelay: its name, what it takes, what its help says, how it
 * is run.  Results go to stdout, messages for people to stderr; what a command
 * returns is the exit status, as in sysexits.h.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct buf;
struct command_call;
struct conf;
struct conf_source;
struct fail;
struct setup;
struct tree;

/* The cure, behind an errno of the spool. */
#define COMMAND_LOOK "; look at the disk, and at the modes below the spool"

enum {
	COMMAND_OPTIONS = 6,
	COMMAND_OPERANDS = 2,
	COMMAND_BODY = 16 << 20, /* bytes that are read of a FILE */
};

struct command_option {
	const char *name;  /* "--due"; a table ends with NULL */
	const char *value; /* what follows it, as the help calls it; or NULL */
	const char *what;
	bool must;
};

struct command {
	const char *name;
	const char *summary; /* one line */
	const char *usage;   /* what follows the name */
	const char *text;    /* what more there is to say; may be NULL */
	const char *codes;   /* the exit statuses, a line each */
	size_t least, most;  /* operands */
	struct command_option options[COMMAND_OPTIONS];
	int (*run)(const struct command_call *call);
};

/* How it was called.  All borrowed. */
struct command_call {
	const struct command *command;
	const char *conf;                    /* of -c, or NULL */
	const char *values[COMMAND_OPTIONS]; /* "" if it takes none; or NULL */
	const char *operands[COMMAND_OPERANDS];
	size_t n;
	bool help;    /* asked for, instead of all else */
	bool version; /* likewise */
};

/*
 * Read the arguments behind the command's name, which end with NULL; call has
 * its command and is else as the arguments before the name left it.
 */
bool command_parse(
    struct command_call *call, char *const *args, struct fail *f);

/* Take one of the options that every command has; *args moves behind it.
 * False and no failure if it is none of them. */
bool command_common(
    struct command_call *call, char *const **args, struct fail *f);

/* The value of an option, "" if it has none; NULL if it was not given. */
const char *command_option(const struct command_call *call, const char *name);

/* The help of one command, on stdout. */
void command_help(const struct command *c);

/* One line to stderr, with all that is not fit for a terminal escaped. */
void command_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same, if somebody watches: what is under way, where stderr is a
 * terminal. */
void command_progress(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/* A failure's text likewise; returns code. */
int command_failed(const struct fail *f, int code);

/* What of an alert the spool did not give or take, with the cure, if it was
 * the disk; returns EX_TEMPFAIL if that passes, else EX_IOERR. */
int command_spoilt(const char *box, const char *id, const struct fail *f);

/*
 * All of the FILE that is operand i; absent or "-" is standard input.  Returns
 * EX_OK, or says why not and returns the exit status.
 */
int command_body(const struct command_call *call, size_t i, struct buf *out);

/* The same for a body that must be JSON. */
int command_json(const struct command_call *call, size_t i, struct buf *body,
    struct arena *a, const struct tree **out);

/* Find and read the configuration; likewise.  The spool is not opened. */
int command_conf(const struct command_call *call, struct setup *out);

/* Become the spool's owner, see owner.h; likewise. */
int command_owner(const struct conf *c);

/* The source of that name; NULL if there is none, which is said. */
const struct conf_source *command_source(
    const struct conf *c, const char *name);

/* The whole path of this program, in a: for a line that a shell or cron is to
 * run. */
const char *command_program(struct arena *a);

/* Text, fit for a terminal, and JSON, on stdout. */
void command_print(const struct buf *text);
void command_print_json(const struct tree *t);

#endif
