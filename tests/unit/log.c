#include "log.h"

#include "tap.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char line[8192];
static int pipes[2];

/* What the line was, as another process would read it. */
static const char *
heard(void)
{
	ssize_t n = read(pipes[0], line, sizeof(line) - 1);

	line[n > 0 ? n : 0] = '\0';
	return line;
}

static const struct {
	const char *value;
	const char *want;
	const char *why;
} values[] = {
	{ "delivered", " v=delivered\n", "a plain word stands as it is" },
	{ "https://a/b?c", " v=https://a/b?c\n",
	    "so does what looks like one" },
	{ "two words", " v=\"two words\"\n", "a space asks for quotes" },
	{ "", " v=\"\"\n", "nothing is quoted" },
	{ "a=b", " v=\"a=b\"\n", "a value cannot pass for another name" },
	{ "say \"hi\"", " v=\"say \\x22hi\\x22\"\n",
	    "a quote does not end the quotes" },
	{ "\"", " v=\"\\x22\"\n", "not even alone" },
	{ "back\\slash", " v=\"back\\x5cslash\"\n",
	    "a backslash is escaped, so that escapes can be told" },
	{ "ev\nil=1", " v=\"ev\\x0ail=1\"\n",
	    "a line feed does not begin a line" },
	{ "a\r\tb", " v=\"a\\x0d\\x09b\"\n", "nor does any control" },
	{ "\x1b[2J", " v=\"\\x1b[2J\"\n", "a terminal is not moved" },
	{ "\x7f", " v=\"\\x7f\"\n", "nor by DEL" },
	{ "\xc2\x9b", " v=\"\\xc2\\x9b\"\n", "nor by C1 controls" },
	{ "\xe2\x80\xae", " v=\"\\xe2\\x80\\xae\"\n",
	    "text does not run backwards" },
	{ "\xc3\xa9", " v=\"\\xc3\\xa9\"\n", "letters beyond ASCII too" },
	{ "\xff", " v=\"\\xff\"\n", "bytes that are no text at all" },
};

static void
one(const char *value)
{
	struct log_line l = log_begin(0, "test");

	log_str(&l, "v", value);
	log_end(&l);
}

static void
lengths(void)
{
	char value[301], want[512];
	struct log_line l;

	memset(value, 'a', sizeof(value) - 1);
	value[200] = '\0';
	one(value);
	(void)snprintf(want, sizeof(want), " v=%s\n", value);
	is(strstr(heard(), " v="), want, "200 bytes of value are written");

	memset(value, 'a', sizeof(value) - 1);
	value[300] = '\0';
	one(value);
	(void)snprintf(want, sizeof(want), " v=%.200s...\n", value);
	is(strstr(heard(), " v="), want, "what is longer is cut, and marked");

	memset(value, '\n', sizeof(value) - 1);
	one(value);
	heard();
	ok(strlen(strstr(line, " v=")) == strlen(" v=\"\"\n") + 4 * 200 + 3 &&
		strcmp(line + strlen(line) - 9, "\\x0a...\"\n") == 0,
	    "the cut counts bytes of the value, not of its escapes");

	l = log_begin(0, "test");
	for (int i = 0; i < 50; i++)
		log_str(&l, "v", value);
	log_int(&l, "late", 1);
	log_end(&l);
	heard();
	ok(strlen(line) <= 4096 && strlen(line) > 3200,
	    "a line is at most 4096 bytes");
	ok(strcmp(line + strlen(line) - 9, "...\" ...\n") == 0,
	    "it is cut between values, marked, and ends as a line");
	ok(strstr(line, "late") == NULL,
	    "what comes after the cut is left out");
}

static bool
ends(const char *end)
{
	size_t n = strlen(line), k = strlen(end);

	return n >= k && n <= 4096 && strcmp(line + n - k, end) == 0 &&
	    strchr(line, '\n') == line + n - 1;
}

/* Lines of any length near the limit, all but full and too full. */
static void
full(void)
{
	int bad = 0;

	for (int pad = 1; pad <= 20; pad++) {
		struct log_line l;
		int fits = 0;

		for (l = log_begin(0, "x"); !l.text.full; fits++)
			log_str(&l, &"ppppppppppppppppppppp"[21 - pad], "1 34");
		log_end(&l);
		heard();
		bad += !ends("p=\"1 34\" ...\n");

		l = log_begin(0, "x");
		while (--fits > 0)
			log_str(&l, &"ppppppppppppppppppppp"[21 - pad], "1 34");
		log_end(&l);
		heard();
		bad += !ends("p=\"1 34\"\n");
	}
	ok(bad == 0, "near the limit no value is cut and each line ends");
}

int
main(void)
{
	char want[256];
	struct log_line l;
	int terminal = dup(STDERR_FILENO);

	if (pipe(pipes) == -1 || dup2(pipes[1], STDERR_FILENO) == -1)
		return EXIT_FAILURE;
	for (size_t i = 0; i < COUNT(values); i++) {
		one(values[i].value);
		is(strstr(heard(), " v="), values[i].want, values[i].why);
	}

	l = log_begin(INT64_C(1744888638000), "webhook");
	log_str(&l, "b", "2");
	log_str(&l, "none", NULL);
	log_int(&l, "a", -1);
	log_int(&l, "least", INT64_MIN);
	log_end(&l);
	(void)snprintf(want, sizeof(want),
	    "time=2025-04-17T11:17:18.000Z pid=%ld event=webhook b=2 a=-1 "
	    "least=-9223372036854775808\n",
	    (long)getpid());
	is(heard(), want, "time, process and event, then values as added");
	lengths();
	full();

	(void)close(STDERR_FILENO);
	l = log_begin(0, "lost");
	errno = ENOSPC;
	log_end(&l);
	ok(errno == ENOSPC,
	    "without a stderr nothing happens, to errno either");
	(void)dup2(terminal, STDERR_FILENO);
	return tap_done();
}
