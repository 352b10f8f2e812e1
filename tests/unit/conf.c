/*
 * Kinds of its own, so that one has an option that the other lacks; they stand
 * in for those of source.c.
 */
#include "conf.h"

#include "buf.h"
#include "fail.h"

#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const on_off[] = { "on", "off", NULL };
static const struct option signed_options[] = {
	{ "secret_file", OPTION_SECRET, NULL },
	{ "verify", OPTION_CHOICE, on_off },
	{ NULL, OPTION_TEXT, NULL },
};
static const struct option plain_options[] = {
	{ "header", OPTION_TEXT, NULL },
	{ "fields", OPTION_LIST, NULL },
	{ "verify", OPTION_LIST, NULL },
	{ "homepage", OPTION_URL, NULL },
	{ NULL, OPTION_TEXT, NULL },
};
static const struct source_kind signed_kind = {
	.name = "montecarlo",
	.options = signed_options,
};
static const struct source_kind plain_kind = {
	.name = "plain",
	.options = plain_options,
};
static const struct source_kind bare_kind = {
	.name = "bare",
};
const struct source_kind *const source_kinds[] = { &signed_kind, &plain_kind,
	&bare_kind, NULL };

#define SPOOL "spool = spool\n"
#define URL1 "url = \"https://a.example/1\" "
#define DEST "destination oncall { " URL1 "token_file = token }\n"
#define SRC "source mc { kind = montecarlo destination = oncall }\n"
#define GOOD SPOOL DEST SRC

/* A good configuration but for something in its destination, or its source;
 * what is inserted begins in line 2, or in line 3. */
#define IN_DEST(text) \
	SPOOL "destination oncall { " text " " URL1 "token_file = token " \
	      "}\n" SRC
#define IN_SRC(text) \
	SPOOL DEST "source mc { kind = montecarlo destination = oncall " text \
		   " }\n"

static char dir[] = "/tmp/bellrelay-conf-XXXXXX";

static const char *
in_dir(const char *name)
{
	static char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
put_bytes(const char *name, mode_t mode, const void *bytes, size_t n)
{
	const char *path = in_dir(name);
	int fd;

	(void)chmod(path, 0600);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1 || write(fd, bytes, n) != (ssize_t)n ||
	    fchmod(fd, mode) == -1 || close(fd) == -1) {
		printf("Bail out! %s: %s\n", path, strerror(errno));
		exit(1);
	}
}

static void
put(const char *name, mode_t mode, const char *text)
{
	put_bytes(name, mode, text, strlen(text));
}

/* Read the file of that name; the failure's text without the directory, or
 * "" if there is none. */
static const char *
why(const char *name)
{
	static char text[sizeof(((struct fail *)0)->text)];
	struct conf c = { .path = NULL };
	struct fail f = { 0 };
	char *out = text;

	if (conf_read(in_dir(name), &c, &f) != (f.kind == FAIL_NONE) ||
	    (f.kind != FAIL_NONE && f.kind != FAIL_BROKEN))
		(void)snprintf(f.text, sizeof(f.text), "of the wrong kind");
	conf_free(&c);
	for (const char *s = f.text; *s != '\0';)
		if (strncmp(s, dir, strlen(dir)) == 0)
			s += strlen(dir) + 1;
		else
			*out++ = *s++;
	*out = '\0';
	return text;
}

static const struct {
	const char *text;
	const char *want; /* "": accepted; NULL: post.c has the words */
	const char *why;
} texts[] = {
	{ GOOD, "", "the least that there can be" },
	{ SRC DEST SPOOL, "", "in any order" },
	{ "\xef\xbb\xbf# from Windows\r\nspool = spool\r\n" DEST SRC, "",
	    "a byte order mark and carriage returns do no harm" },
	{ "// one\n# two\n/* three\n */ spool = spool # four\n" DEST SRC, "",
	    "comments" },
	{ IN_SRC("owners = { 'a', b, } tags = { \"c\" }"), "",
	    "options may share a line, and a list may end in a comma" },
	{ IN_SRC("environment = ''"), "", "an empty text is none" },

	/* names */
	{ IN_DEST("rtae = 5"), "conf:2: unknown name rtae; wanted rate?",
	    "a slip of the pen in an option" },
	{ SPOOL "destinaton a {\n}\n",
	    "conf:2: unknown name destinaton; wanted destination?",
	    "a slip of the pen in a section" },
	{ SPOOL "# c\n# d\n/* e\n f */\nfrobnicate = 1\n" DEST SRC,
	    "conf:6: unknown name frobnicate; wanted spool, body_limit, "
	    "keep_days, max_pending, journal, journal_max, journal_days, "
	    "journal_redact, status, status_token_file, heartbeat_url ...",
	    "a name that is like no other, on its own line after comments" },
	{ IN_SRC("\n header = x"),
	    "conf:4: a source of this kind has no header; wanted secret_file, "
	    "verify, kind, destination, environment, severity, owners, tags, "
	    "namespace, title, description, metadata, severity_map",
	    "an option of another kind" },
	{ IN_SRC("realm = x"),
	    "conf:3: unknown name realm; wanted kind, destination, "
	    "environment, severity, owners, tags, namespace, title, "
	    "description, metadata, severity_map, secret_file, verify, header "
	    "...",
	    "an option of a later version" },
	{ "journal = some\n" SPOOL DEST SRC,
	    "conf:1: journal: wanted off, outcomes or full",
	    "a choice of three" },
	{ "self_alert = b\n" SPOOL DEST SRC,
	    "conf:1: self_alert: no such destination as b; wanted oncall",
	    "a self_alert to nowhere" },
	{ "journal_redact = { \"/a\",\n a }\n" SPOOL DEST SRC,
	    "conf:2: journal_redact: \"a\" is no JSON Pointer; wanted one such "
	    "as \"/payload/owner\"",
	    "a redaction that leads nowhere" },
	{ "journal_redact = {\n\"/a~1b\", \"/payload/~2\" }\n" SPOOL DEST SRC,
	    "conf:2: journal_redact: not a JSON Pointer (RFC 6901): wanted ~0 "
	    "for ~ and ~1 for / in a name",
	    "nor does what is no pointer" },
	{ "journal_redact = { \"/a\", \"/b/0\" }\n" SPOOL DEST SRC, "",
	    "redactions that are JSON Pointers" },
	{ "heartbeat_url = \"http://example.com/\"\n" SPOOL DEST SRC,
	    "conf:1: heartbeat_url: example.com is not this machine: the url "
	    "must begin with https:",
	    "a heartbeat that is not encrypted" },
	{ SPOOL DEST SRC "realm r {\n}\n",
	    "conf:4: unknown name realm; wanted spool, body_limit, keep_days, "
	    "max_pending, journal, journal_max, journal_days, journal_redact, "
	    "status, status_token_file, heartbeat_url ...",
	    "a section of a later version" },
	{ IN_SRC("rate = 5"),
	    "conf:3: unknown name rate; wanted kind, destination, "
	    "environment, severity, owners, tags, namespace, title, "
	    "description, metadata, severity_map, secret_file, verify, header "
	    "...",
	    "an option of another section" },
	{ DEST SRC SPOOL "destination|oncall|rate = 5\n",
	    "conf:4: unquoted |; wanted the value in double quotes",
	    "libConfuse's way into another section" },
	{ SPOOL DEST SRC "\"keep_days\" = 5\n",
	    "conf:4: a value where no value can be; wanted the name of an "
	    "option",
	    "a name in quotes" },
	{ SPOOL DEST SRC "\".\" = 5\n",
	    "conf:4: a value where no value can be; wanted the name of an "
	    "option",
	    "the name that marks the end" },
	{ SPOOL DEST SRC ". = 5\n",
	    "conf:4: a value where no value can be; wanted the name of an "
	    "option",
	    "and without quotes" },

	/* once */
	{ SPOOL "keep_days = 1\nkeep_days = 1\n" DEST SRC,
	    "conf:3: keep_days is given twice; wanted it once (it stands in "
	    "line 2)",
	    "an option given twice" },
	{ IN_DEST("token_file = token\n"),
	    "conf:3: token_file is given twice; wanted it once (it stands in "
	    "line 2)",
	    "an option given twice in a section" },
	{ IN_SRC("owners = { a }\nowners = { b }"),
	    "conf:4: owners is given twice; wanted it once (it stands in line "
	    "3)",
	    "a list given twice" },
	{ IN_SRC("owners = { a }\nowners += { b }"),
	    "conf:4: +=; wanted the whole list at once, behind =",
	    "a list appended to" },
	{ SPOOL DEST SRC DEST,
	    "conf:4: a second destination oncall; wanted "
	    "each name once",
	    "two destinations of one name" },
	{ SPOOL DEST SRC SRC,
	    "conf:4: a second source mc; wanted each name once",
	    "two sources of one name" },

	/* numbers */
	{ IN_DEST("rate = 1"), "", "the least rate" },
	{ IN_DEST("rate = 60000"), "", "the greatest rate" },
	{ IN_DEST("rate = \"7\""), "", "a number in quotes" },
	{ IN_DEST("resend_after = 0"), "", "zero is no leading zero" },
#define RATE \
	"conf:2: rate: wanted a whole number of events in 60 seconds from 1 " \
	"to 60000, without leading zeros"
	{ IN_DEST("rate = 0"), RATE, "one less than the least" },
	{ IN_DEST("rate = 60001"), RATE, "one more than the greatest" },
	{ IN_DEST("rate = 99999999999999999999999"), RATE,
	    "a number that no machine has" },
	{ IN_DEST("rate = 010"), RATE, "what libConfuse reads as eight" },
	{ IN_DEST("rate = 0x10"), RATE, "what libConfuse reads as sixteen" },
	{ IN_DEST("rate = -1"), RATE, "a negative number" },
	{ IN_DEST("rate = 10s"), RATE, "something after a number" },
	{ IN_DEST("rate = \"10 \""), RATE, "a space after a number" },
	{ IN_DEST("rate = \" 10\""), RATE, "a space before a number" },
	{ IN_DEST("rate = 1.5"), RATE, "a fraction" },
	{ IN_DEST("rate = 1e2"), RATE, "an exponent" },
	{ IN_DEST("rate = ''"), RATE, "nothing" },
	{ IN_DEST("rate = { 10 }"),
	    "conf:2: rate: wanted one value, without braces",
	    "a number in braces" },
	{ IN_DEST("rate = 10 20"),
	    "conf:2: unknown name 20; wanted url, token_file, rate, "
	    "connect_timeout, timeout, retry_for, ca_file, updates, refire, "
	    "resend_after",
	    "two numbers" },
	{ SPOOL DEST SRC "body_limit = 100\n",
	    "conf:4: body_limit: wanted a whole number of bytes from 1024 to "
	    "67108864, without leading zeros",
	    "a limit that no webhook keeps" },

	/* choices */
	{ IN_DEST("updates = none refire = severity"), "", "choices" },
	{ IN_DEST("\nupdates = some"), "conf:3: updates: wanted none or all",
	    "no such choice" },
	{ IN_DEST("refire = OFF"), "conf:2: refire: wanted off or severity",
	    "a choice is not in capitals" },
	{ IN_SRC("verify = offf"), "conf:3: verify: not offf; wanted off?",
	    "a kind's choice" },
	{ IN_SRC("verify = x"), "conf:3: verify: not x; wanted on, off",
	    "which nothing is near to" },
	{ IN_SRC("verify = { off }"),
	    "conf:3: verify: wanted one value, without braces",
	    "a kind's choice is no list, though another kind's is" },

	/* words and text */
	{ IN_SRC("tags = { *finance }"),
	    "conf:3: unquoted *; wanted the value in double quotes",
	    "a star, which libConfuse drops" },
	{ IN_SRC("tags = { finance.* }"),
	    "conf:3: unquoted *; wanted the value in double quotes",
	    "a star at the end" },
	{ IN_SRC("tags = { a? }"),
	    "conf:3: unquoted ?; wanted the value in double quotes",
	    "a question mark" },
	{ IN_SRC("tags = { a#b }"),
	    "conf:3: unquoted #; wanted the value in double quotes",
	    "what would be cut by a comment" },
	{ SPOOL DEST SRC "keep_days = 5;\n",
	    "conf:4: unquoted ;; wanted the value in double quotes",
	    "a semicolon" },
	{ IN_SRC("tags = { \xe9 }"),
	    "conf:3: unquoted byte 0xe9; wanted the value in double quotes",
	    "a letter beyond ASCII without quotes" },
	{ IN_SRC("tags = { \"\xc3\xa9\" }"), "", "and with them" },
	{ IN_SRC("tags = { \"\xe9\" }"),
	    "conf:3: a value that is not UTF-8; save the file as UTF-8",
	    "Latin-1" },
	{ IN_SRC("tags = { \"\xed\xa0\x80\" }"),
	    "conf:3: a value that is not UTF-8; save the file as UTF-8",
	    "a surrogate" },
	{ IN_SRC("tags = { \"\xc0\xaf\" }"),
	    "conf:3: a value that is not UTF-8; save the file as UTF-8",
	    "an over-long form" },
	{ IN_SRC("tags = { \"a\tb\" }"),
	    "conf:3: a control character in a value; wanted text alone",
	    "a tab in a value" },
	{ IN_SRC("environment = \"prod"),
	    "conf:3: text without its closing \"; wanted it on the same line",
	    "text that does not end on its line" },
	{ IN_SRC("environment = 'prod"),
	    "conf:3: text without its closing '; wanted it on the same line",
	    "in single quotes neither" },
	{ "spool = \"sp\\\nool\"\n" DEST SRC,
	    "conf:1: a \\ before something else than \" \\ $; wanted \\\\",
	    "text that goes on in the next line" },
	{ "spool = \"sp\\101\"\n" DEST SRC,
	    "conf:1: a \\ before something else than \" \\ $; wanted \\\\",
	    "an octal escape, which could be a NUL" },
	{ "spool = \"C:\\new\"\n" DEST SRC,
	    "conf:1: a \\ before something else than \" \\ $; wanted \\\\",
	    "a line feed by accident" },
	{ "spool = x\"y\"\n" DEST SRC,
	    "conf:1: unquoted \"; wanted the value in double quotes",
	    "a quote in a word" },

	/* the environment */
	{ IN_SRC("environment = \"x-${BELLRELAY_T_SET}\""), "",
	    "a variable that is set" },
	{ IN_SRC("environment = \"${BELLRELAY_T_EMPTY}\""), "",
	    "a variable that is set to nothing" },
	{ IN_SRC("environment = \"\\${NAME} $ $x\""), "",
	    "dollars that mean themselves" },
	{ IN_SRC("\nenvironment = \"${BELLRELAY_T_UNSET}\""),
	    "conf:4: ${BELLRELAY_T_UNSET} is not set; wanted it in the "
	    "environment",
	    "a variable that is not set, which libConfuse makes nothing" },
#define VARIABLE \
	"conf:3: ${ without a plain name; wanted ${NAME}, or \\${ for the " \
	"characters themselves"
	{ IN_SRC("environment = \"${BELLRELAY_T_UNSET:-prod}\""), VARIABLE,
	    "a variable with a default" },
	{ IN_SRC("environment = \"${}\""), VARIABLE, "one without a name" },
	{ IN_SRC("environment = \"${A B}\""), VARIABLE, "one with a space" },
	{ IN_SRC("environment = \"${HOME\""), VARIABLE, "one without its }" },
	{ IN_SRC("environment = ${HOME}"),
	    "conf:3: unquoted $; wanted the value in double quotes",
	    "a variable without quotes" },
	{ IN_SRC("environment = '${HOME}'"),
	    "conf:3: ${ in single quotes, where it means nothing; wanted "
	    "double quotes, with \\${ for the characters themselves",
	    "a variable in single quotes" },
	{ IN_SRC("environment = \"${BELLRELAY_T_EVIL}\""),
	    "conf:3: a control character in a value; wanted text alone",
	    "a variable with a line feed" },

	/* the end */
	{ SPOOL DEST "source mc {\n kind = montecarlo\n destination = oncall\n",
	    "conf:3: a section that does not end; wanted }",
	    "a file that ends in a section" },
	{ SPOOL DEST "source mc {\n kind = montecarlo\n owners = { a }\n",
	    "conf:3: a section that does not end; wanted }",
	    "even after a list that did" },
	{ SPOOL DEST SRC "source b { owners = {\n a,\n",
	    "conf:4: a list that does not end; wanted }",
	    "a file that ends in a list" },
	{ GOOD "/* so\nfar\n", "conf:4: a comment that does not end; wanted */",
	    "a file that ends in a comment" },
	{ GOOD "keep_days =\n",
	    "conf:5: the file ends in the middle of an option",
	    "a file that ends before a value" },
	{ GOOD "keep_days", "conf:4: the file ends in the middle of an option",
	    "a file that ends before =" },
	{ GOOD "source x", "conf:4: the file ends in the middle of an option",
	    "a file that ends before {" },
	{ GOOD "}\n", "conf:4: a } that closes nothing; wanted a name",
	    "a brace too many" },

	/* structure */
	{ "spool spool\n" DEST SRC,
	    "conf:1: missing equal sign after option 'spool'", "no =" },
	{ "spool = = spool\n" DEST SRC, "conf:1: unexpected token '='",
	    "two =" },
	{ "spool = { spool }\n" DEST SRC,
	    "conf:1: spool: wanted one value, without braces",
	    "a path in braces" },
	{ SPOOL "destination { }\n",
	    "conf:2: missing title for section 'destination'",
	    "a section without a name" },
	{ SPOOL "destination a b { }\n",
	    "conf:2: missing opening brace for section 'destination'",
	    "a section with two" },
	{ IN_SRC("source b { }"),
	    "conf:3: unknown name source; wanted kind, destination, "
	    "environment, severity, owners, tags, namespace, title, "
	    "description, metadata, severity_map, secret_file, verify, header "
	    "...",
	    "a section in a section" },
	{ IN_SRC("owners = { a b }"),
	    "conf:3: wanted a comma between the entries of a list",
	    "a list without commas" },
	{ IN_SRC("owners = { , a }"), "conf:3: unexpected token ','",
	    "a comma before all entries" },
	{ IN_SRC("owners = { { a } }"), "conf:3: unexpected token '{'",
	    "a list in a list" },
	{ IN_SRC("owners = {}"),
	    "conf:3: an empty list; wanted an entry, or the option left out",
	    "an empty list" },
	{ IN_SRC("owners = { a, '' }"),
	    "conf:3: owners: an empty entry; wanted text", "an empty entry" },
	{ IN_SRC("owners = {\n a,\n b,\n a }"),
	    "conf:6: owners: a stands there twice; wanted once",
	    "an entry given twice, at its own line" },
	{ SPOOL DEST SRC "inclde(\"x\")\n",
	    "conf:4: a ( where none can be; wanted include(\"FILE\") or "
	    "double quotes",
	    "a misspelt include" },

	/* what must be there */
	{ "", "conf:1: spool is missing; wanted the directory for what waits",
	    "an empty file" },
	{ DEST SRC "\n",
	    "conf:3: spool is missing; wanted the directory for what waits",
	    "no spool" },
	{ "spool = ''\n" DEST SRC,
	    "conf:1: spool is empty; wanted the directory for what waits",
	    "an empty spool" },
	{ SPOOL, "conf:1: no destination; wanted destination NAME { ... }",
	    "no destination" },
	{ SPOOL DEST, "conf:2: no source; wanted source NAME { ... }",
	    "no source" },
	{ SPOOL "\ndestination a { token_file = token }\n" SRC,
	    "conf:3: url is missing; wanted the URL of the alert source",
	    "a destination without a URL" },
	{ SPOOL "destination a { url = \"\" token_file = token }\n" SRC,
	    "conf:2: url is empty; wanted the URL of the alert source",
	    "an empty URL" },
	{ SPOOL "destination a { " URL1 "}\n" SRC,
	    "conf:2: token_file is missing; wanted the file with its token",
	    "a destination without a token" },
	{ SPOOL DEST "source a { destination = oncall }\n",
	    "conf:3: kind is missing; wanted the kind of sender",
	    "a source without a kind" },
	{ SPOOL DEST "source a { kind = montecalro destination = oncall }\n",
	    "conf:3: kind: no such kind as montecalro; wanted montecarlo?",
	    "a misspelt kind" },
	{ SPOOL DEST "source a { kind = datadog destination = oncall }\n",
	    "conf:3: kind: no such kind as datadog; wanted montecarlo, plain, "
	    "bare",
	    "an unknown kind" },
	{ SPOOL DEST "source a { kind = bare destination = oncall }\n", "",
	    "a kind without options" },
	{ SPOOL DEST
	    "source a { kind = bare destination = oncall header = x }\n",
	    "conf:3: a source of this kind has no header; wanted kind, "
	    "destination, environment, severity, owners, tags, namespace, "
	    "title, description, metadata, severity_map",
	    "has none" },
	{ SPOOL DEST "source a { kind = montecarlo }\n",
	    "conf:3: destination is missing; wanted where its alerts go",
	    "a source without a destination" },
	{ SPOOL DEST
	    "source a { kind = montecarlo destination = {\noncall,\noncal }}\n",
	    "conf:5: destination: no such destination as oncal; wanted "
	    "oncall?",
	    "a source with an unknown destination" },
	{ SPOOL DEST
	    "source a { kind = montecarlo destination = { oncall, oncall } }\n",
	    "conf:3: destination: oncall stands there twice; wanted once",
	    "a destination given twice" },

	/* URLs */
	{ SPOOL DEST "destination b { " URL1 "token_file = token }\n" SRC,
	    "conf:3: url: destination oncall has the same; wanted one "
	    "destination for each URL",
	    "two destinations with one URL" },

	{ SPOOL "destination a {\nurl = \"gopher://a.example/\" "
		"token_file = token }\n" SRC,
	    NULL, "a URL that nothing may be sent to" },

	/* names of sections */
	{ SPOOL DEST "source 0-_9z { kind = plain destination = oncall }\n", "",
	    "a name of all that may be" },
#define A_NAME \
	"conf:3: wanted a name of a-z, 0-9, _ and -, that begins with none " \
	"of the last two, of at most 64 characters"
	{ SPOOL DEST "source MC { }\n", A_NAME, "capitals in a name" },
	{ SPOOL DEST "source -mc { }\n", A_NAME, "a name that begins with -" },
	{ SPOOL DEST "source _mc { }\n", A_NAME, "a name that begins with _" },
	{ SPOOL DEST "source ../mc { }\n", A_NAME, "a name that is a path" },
	{ SPOOL DEST "source \"m c\" { }\n", A_NAME, "a name with a space" },
	{ SPOOL DEST "source '' { }\n", A_NAME, "an empty name" },
	{ SPOOL DEST "source aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"
		     "ffffffffffggggg { }\n",
	    A_NAME, "a name that is too long" },
	{ SPOOL DEST "destination tmp { }\n",
	    "conf:3: the name tmp is taken; wanted another",
	    "a name that the spool takes" },
	{ SPOOL DEST "source journal { }\n",
	    "conf:3: the name journal is taken; wanted another",
	    "for a source too" },
	{ SPOOL DEST "destination corrupt { }\n",
	    "conf:3: the name corrupt is taken; wanted another", "corrupt" },
	{ SPOOL DEST "destination counters { }\n",
	    "conf:3: the name counters is taken; wanted another", "counters" },
	{ SPOOL DEST "destination README { }\n",
	    "conf:3: the name README is taken; wanted another", "README" },

	{ SPOOL DEST "destination lock { }\n",
	    "conf:3: the name lock is taken; wanted another", "lock" },

	/* routes */
	{ "route r { destination = oncall }\n" GOOD, "",
	    "a route that takes all, before what it names" },
	{ GOOD "route r { sources = \"m*\" types = { a } severities = { b, c } "
	       "tables = \"*.x.*\"\ntags = d owners = e destination = { "
	       "oncall } }\n",
	    "", "a route with all that it can have" },
	{ GOOD "route r { tables = \"*\" }\n",
	    "conf:4: destination is missing; wanted where the alerts go that "
	    "it takes",
	    "a route to nowhere" },
	{ GOOD "route r { destination = onclal }\n",
	    "conf:4: destination: no such destination as onclal; wanted "
	    "oncall?",
	    "a route to what is not there" },
	{ GOOD "route r { destination = oncall\nsources = { \"*\",\nmx } }\n",
	    "conf:6: sources: no such source as mx; wanted mc?",
	    "a route for a source that is not there" },
	{ GOOD "route r { destination = oncall table = a }\n",
	    "conf:4: unknown name table; wanted tables?",
	    "a slip of the pen in a route" },
	{ GOOD "route r { destination = oncall }\n\nroute r { }\n",
	    "conf:6: a second route r; wanted each name once",
	    "two routes of one name" },
	{ GOOD "route R { destination = oncall }\n",
	    "conf:4: wanted a name of a-z, 0-9, _ and -, that begins with none "
	    "of the last two, of at most 64 characters",
	    "a route's name is a name" },

	/* tables */
	{ "table \"*.x.*\" { owners = a }\n" GOOD "table y { tags = { b } }\n"
	  "table 'z' { severity = major }",
	    "", "tables" },
	{ GOOD "table *.x { owners = a }\n",
	    "conf:4: unquoted *; wanted the value in double quotes",
	    "a pattern without quotes" },
	{ GOOD "table \"\" { owners = a }\n",
	    "conf:4: an empty pattern; wanted one such as \"*.finance.*\"",
	    "an empty pattern" },
	{ GOOD "table \"*\" { severity = '' }\n",
	    "conf:4: table \"*\" says nothing; wanted owners, tags or severity",
	    "a table that says nothing" },
	{ GOOD "table x { tags = a }\ntable y { tags = a }\ntable \"x\" { "
	       "tags = a }\n",
	    "conf:6: a second table \"x\"; wanted each pattern once",
	    "two tables of one pattern" },
	{ GOOD "table x { tag = a }\n",
	    "conf:4: unknown name tag; wanted tags?",
	    "a slip of the pen in a table" },

	/* mutes */
	{ "mute m { }\n" GOOD, "", "a mute of all, before the sources" },
	{ GOOD "mute m { sources = \"m*\" types = { a } severities = { b, c } "
	       "tables = \"*.x.*\"\ntags = d owners = e from = 2026-12-24 "
	       "to = \"2027-01-02T06:00\" hours = { \"22:00-06:00\", "
	       "\"sat,sun\" } timezone = \"CET-1CEST,M3.5.0,M10.5.0/3\" }\n",
	    "", "a mute with all that it can have" },
	{ GOOD "mute m { from = \"2026-12-24T18:00:00+01:00\" "
	       "to = \"2026-12-24 17:00:01Z\" }\n",
	    "", "offsets, one second after the other" },
	{ GOOD "mute m { from = \"2026-12-24T18:00+01:00\" "
	       "to = 2026-12-24T17:01Z }\n",
	    "", "offsets behind minutes" },
	{ GOOD "mute m { sources = mx }\n",
	    "conf:4: sources: no such source as mx; wanted mc?",
	    "a mute of a source that is not there" },
	{ GOOD "mute m {\nfrom = 2026-12-24\nto = 2026-12-24 }\n",
	    "conf:6: to: it is not after from; wanted a later time",
	    "a mute that ends before it begins" },
	{ GOOD "mute m {\nfrom = \"2026-12-24T19:00\" timezone = "
	       "\"CET-1\"\nto = \"2026-12-24T18:00:00Z\" }\n",
	    "conf:6: to: it is not after from; wanted a later time",
	    "also when only the offsets tell" },
	{ GOOD "mute m {\n\nto = \"2027-02-29\" }\n",
	    "conf:6: to: wanted a day such as 2026-12-24, or a time such as "
	    "2026-12-24T18:00 or 2026-12-24T18:00+01:00",
	    "a day that is none" },
	{ GOOD "mute m { from = tomorrow }\n",
	    "conf:4: from: wanted a day such as 2026-12-24, or a time such as "
	    "2026-12-24T18:00 or 2026-12-24T18:00+01:00",
	    "a word for a time" },
	{ GOOD "mute m { hours = { \"sat\",\n\"22-6\" } }\n",
	    "conf:5: hours: wanted hours such as \"22:00-06:00\", \"sat,sun\" "
	    "or \"mon-fri 22:00-06:00\"",
	    "hours that are none" },
	{ GOOD "mute m { timezone = \"Europe/Berlni\" }\n",
	    "conf:4: timezone: not in /usr/share/zoneinfo (package tzdata); "
	    "wanted a name such as Europe/Berlin, or a rule such as "
	    "CET-1CEST,M3.5.0,M10.5.0/3",
	    "a time zone that is not there" },
	{ GOOD "mute m { timezone = \"../../../etc/passwd\" }\n",
	    "conf:4: timezone: not in /usr/share/zoneinfo (package tzdata); "
	    "wanted a name such as Europe/Berlin, or a rule such as "
	    "CET-1CEST,M3.5.0,M10.5.0/3",
	    "nor anywhere else" },
	{ GOOD "mute m { table = a }\n",
	    "conf:4: unknown name table; wanted tables?",
	    "a slip of the pen in a mute" },
	{ GOOD "mute m { }\n\nmute m { }\n",
	    "conf:6: a second mute m; wanted each name once",
	    "two mutes of one name" },

	/* words */
	{ IN_SRC("title = \"[{environment}] {title} {/a~1b/0} {{}}\" "
		 "description = '{description}\\n{tables}{metadata.x}' "
		 "metadata = { \"team=data\", \"a={/a}={/b}\" } severity_map "
		 "= { \"a=b=c\", \"*=minor\" }") "severity_map = { \"x=y\" }",
	    "", "templates, more metadata and severities" },
#define FIELD_OF(option, hole) \
	option ": an alert has no field {" hole "}; wanted {title}, " \
	       "{severity} ..., {metadata.NAME} for any of its metadata, " \
	       "{/a/pointer} into the body, or {{ for a brace"
	{ IN_SRC("\ntitle = \"{titel}\""),
	    "conf:4: " FIELD_OF("title", "titel"),
	    "a field that no alert has" },
	{ IN_SRC("description = \"{}\""),
	    "conf:3: " FIELD_OF("description", ""), "a hole without a field" },
	{ IN_SRC("title = \"{metadata.}\""),
	    "conf:3: " FIELD_OF("title", "metadata."),
	    "metadata without a name" },
	{ IN_SRC("title = \"{ title }\""),
	    "conf:3: " FIELD_OF("title", " title "), "spaces in a hole" },
	{ IN_SRC("title = \"a { b\""),
	    "conf:3: title: a { alone; wanted {field}, or {{ for the brace "
	    "itself",
	    "a hole that does not end" },
	{ IN_SRC("title = \"a } b\""),
	    "conf:3: title: a } alone; wanted {field}, or }} for the brace "
	    "itself",
	    "a brace that closes nothing" },
	{ IN_SRC("metadata = { \"a=b\",\n\"c={/x~2}\" }"),
	    "conf:4: metadata: {/x~2}: not a JSON Pointer (RFC 6901): "
	    "wanted ~0 for ~ and ~1 for / in a name",
	    "a bad pointer, at its own line" },
#define A_MEMBER \
	"conf:3: metadata: wanted \"name=text\", such as " \
	"\"team=data-platform\" or \"group={/payload/group_id}\""
	{ IN_SRC("metadata = team"), A_MEMBER, "metadata without =" },
	{ IN_SRC("metadata = \"=x\""), A_MEMBER, "without a name" },
	{ IN_SRC("metadata = \"x=\""), A_MEMBER, "without a text" },
	{ IN_SRC("metadata = { \"a=b\", \"a=c\" }"),
	    "conf:3: metadata: a is set twice; wanted once",
	    "a name that is set twice" },
	{ IN_SRC("metadata = \"received_at={title}\""),
	    "conf:3: metadata: received_at is not to be set; wanted another "
	    "name",
	    "a name that is ours" },
#define A_MAP \
	"severity_map: wanted \"sent=severity\", such as \"SEV-1=critical\""
	{ IN_SRC("severity_map = { \"a=b\",\nc }"), "conf:4: " A_MAP,
	    "a severity without =" },
	{ IN_SRC("severity_map = { \"x=1\",\n\"x=2\" }"),
	    "conf:4: severity_map: x stands there twice; wanted once",
	    "a severity with two meanings" },
	{ IN_SRC("severity_map = { \"x=1\", \"X=1\" }"),
	    "conf:3: severity_map: X stands there twice; wanted once",
	    "also in another case" },
	{ IN_SRC("severity_map = { \"SEV_1=1\",\n\"sev-1=2\" }"),
	    "conf:4: severity_map: sev-1 is the same as SEV_1, as _ and - are "
	    "alike there; wanted one of them",
	    "and with - for _" },
	{ IN_SRC("severity_map = { \"SEV[1_3]=1\", \"SEV[1-3]=2\" }"), "",
	    "but a bracket with - is a range" },
	{ GOOD "severity_map = { \"x=1\", \"y=2\", \"x=3\" }",
	    "conf:4: severity_map: x stands there twice; wanted once",
	    "and for all sources" },
	{ IN_SRC("tags = { \"x=1\", \"x=2\" }"), "",
	    "an = means nothing in another list" },

/* links */
#define NO_LINK \
	"conf:4: homepage: wanted a URL that begins with https:// or http://"
	{ GOOD "source p { kind = plain destination = oncall "
	       "homepage = \"https://a.example/x?y#z\" }",
	    "", "a link" },
	{ GOOD "source p { kind = plain destination = oncall "
	       "homepage = \"HTTP://localhost:8080\" }",
	    "", "another" },
	{ GOOD "source p { kind = plain destination = oncall homepage = "
	       "nonsense }",
	    NO_LINK, "a word for a link" },
	{ GOOD "source p { kind = plain destination = oncall homepage = "
	       "\"https://\" }",
	    NO_LINK, "a link to nowhere" },
	{ GOOD "source p { kind = plain destination = oncall homepage = "
	       "\"https://a b\" }",
	    NO_LINK, "a link with a space" },
	{ GOOD "source p { kind = plain destination = oncall homepage = "
	       "\"ftp://a\" }",
	    NO_LINK, "a link to something else" },
	{ GOOD "\nseverity_map = \"=b\"\n", "conf:5: " A_MAP,
	    "a severity for nothing" },
	{ GOOD "severity_map = \"b=\"\n", "conf:4: " A_MAP,
	    "no severity for something" },

	/* include */
	{ SPOOL "include(\"rest\")\n", "", "an include" },
	{ SPOOL "include ( rest ) # so\n", "", "with spaces, without quotes" },
	{ SPOOL "include(sub/include-up)\n", "",
	    "an include in an include, relative to its file" },
	{ SPOOL DEST SRC "include(\"rest\")\n",
	    "rest:1: a second destination oncall; wanted each name once",
	    "an error in an include is there" },
	{ SPOOL "include(rest)\n\nkeep_days = x\n",
	    "conf:4: keep_days: wanted a whole number of days from 1 to 3650, "
	    "without leading zeros",
	    "an error after an include is not" },
	{ SPOOL "\ninclude(sub/option)\n" DEST SRC "keep_days = 1\n",
	    "conf:6: keep_days is given twice; wanted it once (it stands in "
	    "line 2 of sub/option)",
	    "an option that an include has given" },
	{ GOOD "include(sub/string)\n",
	    "sub/string:3: text without its closing \"; wanted it on the same "
	    "line",
	    "an include with open text" },
	{ GOOD "include(sub/section)\n}\n",
	    "sub/section:2: a section that does not end; wanted }",
	    "an include that leaves its section open" },
	{ GOOD "include(sub/brace)\n",
	    "sub/brace:1: a } that closes nothing; wanted a name",
	    "an include that closes what is not its own" },
	{ GOOD "include(missing)\n",
	    "conf:4: include: missing: No such file or directory",
	    "an include that is not there" },
	{ GOOD "include(sub)\n",
	    "conf:4: include: sub: a directory; wanted a regular file",
	    "an include that is a directory" },
	{ GOOD "include(fifo)\n",
	    "conf:4: include: fifo: not a file; wanted a regular file",
	    "an include that is a pipe" },
	{ GOOD "include(\"/dev/zero\")\n",
	    "conf:4: include: /dev/zero: not a file; wanted a regular file",
	    "an include that is a device" },
	{ GOOD "include(conf)\n", "conf:4: include: conf includes itself",
	    "an include of itself" },
	{ GOOD "include(sub/ring)\n",
	    "sub/ring:1: include: conf includes itself",
	    "an include of itself by way of another" },
	{ IN_SRC("include(rest)"),
	    "conf:3: include() in a section; wanted it outside of all",
	    "an include in a section" },
	{ GOOD "include = x\n", "conf:4: wanted include(\"FILE\")",
	    "an include that is an option" },
	{ GOOD "include(\"\")\n", "conf:4: wanted include(\"FILE\")",
	    "an include of nothing" },
	{ GOOD "include(\"rest\"\n", "conf:4: wanted include(\"FILE\")",
	    "an include without its )" },
	{ GOOD "include(", "conf:4: the file ends too early",
	    "a file that ends in an include" },

/* tokens */
#define TOKEN(file) \
	SPOOL "destination oncall { " URL1 "\ntoken_file = " file " }\n" SRC
	{ TOKEN("nowhere"),
	    "conf:3: token_file: nowhere: No such file or directory; "
	    "install -m 600 -o USER /dev/null nowhere, for the user that "
	    "bellrelay.fcgi runs as, then write it in",
	    "a token that is not there" },
	{ TOKEN("open"),
	    "conf:3: token_file: open: others may read it; chmod 600 open",
	    "a token that others may read" },
	{ TOKEN("group"),
	    "conf:3: token_file: group: others may read it; chmod 600 group",
	    "a token that the group may read" },
	{ TOKEN("writable"),
	    "conf:3: token_file: writable: others may change it; chmod 600 "
	    "writable",
	    "a token that others may change" },
	{ TOKEN("link"),
	    "conf:3: token_file: link: a symbolic link; name the file itself",
	    "a token behind a symbolic link" },
	{ TOKEN("sub"),
	    "conf:3: token_file: sub: a directory; wanted a regular file",
	    "a token that is a directory" },
	{ TOKEN("empty"),
	    "conf:3: token_file: empty: wanted the token in its first line",
	    "an empty token file" },
	{ TOKEN("late"),
	    "conf:3: token_file: late: wanted the token in its first line",
	    "a token that is not in the first line" },
	{ TOKEN("words"),
	    "conf:3: token_file: words: wanted a token of visible ASCII "
	    "characters alone",
	    "a token with a space" },
	{ TOKEN("bom"),
	    "conf:3: token_file: bom: wanted a token of visible ASCII "
	    "characters alone",
	    "a token with a byte order mark" },
	{ TOKEN("delete"),
	    "conf:3: token_file: delete: wanted a token of visible ASCII "
	    "characters alone",
	    "a token with a control character" },
	{ TOKEN("huge"), "conf:3: token_file: huge: over 65536 bytes",
	    "a token file that is too large" },
	{ TOKEN("''"),
	    "conf:3: token_file is empty; wanted the file with its token",
	    "a token file without a name" },

	/* secrets */
	{ IN_SRC("secret_file = secrets"), "", "secrets" },
	{ IN_SRC("secret_file = open"),
	    "conf:3: secret_file: open: others may read it; chmod 600 open",
	    "a secret that others may read" },
	{ IN_SRC("secret_file = empty"),
	    "conf:3: secret_file: empty: wanted a secret a line",
	    "an empty secret file" },
	{ IN_SRC("secret_file = blank"),
	    "conf:3: secret_file: blank: wanted a secret a line",
	    "a secret file of empty lines" },
	{ IN_SRC("secret_file = control"),
	    "conf:3: secret_file: control: wanted a secret a line, without "
	    "control characters",
	    "a secret with a control character" },
	{ IN_SRC("secret_file = ''"),
	    "conf:3: secret_file: an empty entry; wanted text",
	    "a secret file without a name" },
	{ IN_DEST("ca_file = missing"),
	    "conf:2: ca_file: missing: No such file or directory",
	    "certificates that are not there" },
};

static void
files(void)
{
	static char huge[65537];

	memset(huge, 'x', sizeof(huge));
	put("token", 0600, " inc-token \nsecond line\n");
	put("secrets", 0400, "\n first secret \n\n#second\r\n");
	put("open", 0604, "s3cr3t\n");
	put("group", 0640, "s3cr3t\n");
	put("writable", 0602, "s3cr3t\n");
	put("empty", 0600, "");
	put("blank", 0600, " \n\n\t\n");
	put("late", 0600, "\ns3cr3t\n");
	put("words", 0600, "s3cr3t s3cr3t\n");
	put("bom", 0600, "\xef\xbb\xbfs3cr3t\n");
	put("delete", 0600, "s3cr3t\x7f\n");
	put("control", 0600, "s3cr3t\001\n");
	put_bytes("huge", 0600, huge, sizeof(huge));
	put("certificates", 0644, "certificates\n");
	put("rest", 0644, DEST SRC);
	(void)mkdir(in_dir("sub"), 0700);
	put("sub/include-up", 0644, "include(\"../rest\")");
	put("sub/option", 0644, "\nkeep_days = 1");
	put("sub/string", 0644, "# c\n\nkeep_days = \"5\n");
	put("sub/section", 0644, "\nsource b {\n");
	put("sub/brace", 0644, "}");
	put("sub/ring", 0644, "include(\"../conf\")\n");
	(void)mkfifo(in_dir("fifo"), 0600);
	if (symlink("token", in_dir("link")) == -1 && errno != EEXIST)
		abort();
}

static void
refusals(void)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put("conf", 0644, texts[i].text);
		if (texts[i].want != NULL)
			is(why("conf"), texts[i].want, texts[i].why);
		else
			ok(strncmp(why("conf"), "conf:3: url: ", 13) == 0, "%s",
			    texts[i].why);
	}
}

/* What cannot be written in a table. */
static void
odd_files(void)
{
	static const char nul[] = SPOOL "# a\0b\n" DEST SRC;
	struct buf long_one = BUF_MAX(4 << 20);

	is(why("nowhere"), "nowhere: No such file or directory",
	    "no configuration");
	is(why("sub"), "sub: a directory; wanted a regular file",
	    "a directory");
	is(why("fifo"), "fifo: not a file; wanted a regular file",
	    "a pipe, without waiting for a writer");
	put_bytes("conf", 0644, nul, sizeof(nul) - 1);
	is(why("conf"), "conf:2: a NUL byte; wanted a text file",
	    "a NUL, even in a comment");
	for (size_t i = 0; i < 70; i++)
		buf_printf(&long_one, "name%zu = x\n", i);
	put("conf", 0644, long_one.data);
	is(why("conf"), "conf:65: over 64 options in one section",
	    "more options than there can be");
	buf_reset(&long_one);
	buf_puts(&long_one, SPOOL DEST "source mc { owners = { ");
	for (size_t i = 0; i < 1001; i++)
		buf_printf(&long_one, "o%zu,", i);
	buf_puts(&long_one, "} }\n");
	put("conf", 0644, long_one.data);
	is(why("conf"), "conf:3: over 1000 entries in one list",
	    "more entries than anybody writes");
	buf_reset(&long_one);
	while (long_one.len < 1 << 20)
		buf_puts(&long_one, "# a comment that goes on and on\n");
	buf_puts(&long_one, "#");
	put("conf", 0644, long_one.data);
	is(why("conf"), "conf: over 1048576 bytes", "a file over 1 MiB");
	buf_reset(&long_one);
	for (size_t i = 0; i < 100; i++)
		buf_puts(&long_one, "include(blank)\n");
	put("conf", 0644, long_one.data);
	is(why("conf"), "conf:100: over 100 files", "a hundred includes");
	buf_free(&long_one);

	char name[201];

	memset(name, 'n', 200);
	name[200] = '\0';
	put(name, 0644, "x = 1\n");
	ok(strncmp(why(name), "...nnn", 6) == 0 &&
		strstr(why(name), "n:1: unknown name x; wanted spool") != NULL,
	    "a long path leaves room for the reason");
}

static void
unreadable(void)
{
	put("conf", 0600, GOOD);
	if (geteuid() == 0) {
		(void)chmod(dir, 0755);
		if (seteuid(65534) == -1)
			return;
		is(why("conf"), "conf: user id 65534 may not read it",
		    "a configuration that we may not read");
		if (seteuid(0) == -1)
			abort();
		put("conf", 0644, GOOD);
		if (seteuid(65534) == -1)
			abort();
		is(why("conf"),
		    "conf:2: token_file: token: user id 65534 may not read it; "
		    "if bellrelay.fcgi runs as that user: chown 65534 token, "
		    "else run this as the user that it runs as",
		    "a token that is somebody else's");
		if (seteuid(0) == -1)
			abort();
		return;
	}
	(void)chmod(in_dir("conf"), 0);
	ok(strstr(why("conf"), "may not read it") != NULL,
	    "a configuration that we may not read");
}

static void
no_secret_is_told(void)
{
	static const char *const bad[] = { "open", "words", "bom", "late" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[400];

		(void)snprintf(text, sizeof(text), TOKEN("%s"), bad[i]);
		put("conf", 0644, text);
		ok(strstr(why("conf"), "s3cr3t") == NULL,
		    "no secret in the message about %s", bad[i]);
	}
}

static void
values(void)
{
	struct conf c = { .path = NULL };
	struct fail f = { 0 };
	const struct conf_destination *d;
	const struct conf_source *s;
	bool done;

	put("conf", 0644,
	    "spool = \"/var/spool/b\" body_limit = 2048 keep_days = 7\n"
	    "max_pending = 9\n" DEST "destination other {\n"
	    "url = \"http://127.0.0.1:8080/x\" token_file = 'sub/../token'\n"
	    "rate = 60 connect_timeout = 2 timeout = 5 retry_for = 1\n"
	    "ca_file = certificates updates = none refire = severity\n"
	    "resend_after = 0 }\n" SRC
	    "source full { kind = montecarlo destination = { other, oncall }\n"
	    "environment = \"${BELLRELAY_T_SET} \\\\ \\\" \\$\" severity = "
	    "'min\\'or\\x' owners = { \"ann@example.com\", bob } tags = one\n"
	    "namespace = shared secret_file = secrets verify = off }\n"
	    "source p { kind = plain destination = other fields = { x, y }\n"
	    "header = 'X-Y' }");
	done = conf_read(in_dir("conf"), &c, &f);
	ok(done, "all options at once: %s", f.text);
	if (!done)
		return;
	is(c.path, in_dir("conf"), "its path");
	is(c.spool, "/var/spool/b", "an absolute path stays");
	ok(c.body_limit == 2048 && c.keep_days == 7 && c.max_pending == 9,
	    "numbers");
	d = conf_destination(&c, "oncall");
	ok(d != NULL && d == &c.destinations[0], "a destination is found");
	ok(conf_destination(&c, "mc") == NULL && conf_source(&c, "x") == NULL,
	    "or not");
	is(d->target.url, "https://a.example/1", "its URL");
	is(d->target.token, "inc-token", "its token, trimmed");
	is(d->token_file, in_dir("token"), "relative to the file");
	ok(d->rate == 120 && d->target.connect_ms == 3000 &&
		d->timeout_ms == 8000 && d->retry_hours == 72 &&
		d->resend_after == 600 && d->updates && !d->refire &&
		d->target.ca_file == NULL,
	    "the defaults");
	d = conf_destination(&c, "other");
	ok(d->rate == 60 && d->target.connect_ms == 2000 &&
		d->timeout_ms == 5000 && d->retry_hours == 1 &&
		d->resend_after == 0 && !d->updates && d->refire,
	    "and all else");
	is(d->target.ca_file, in_dir("certificates"), "certificates");
	s = conf_source(&c, "mc");
	ok(s->source.kind == &signed_kind && s->to.n == 1 &&
		s->to.items[0] == &c.destinations[0],
	    "a source knows its kind and where to");
	is(s->source.namespace, "mc", "its namespace is its name");
	ok(s->source.environment == NULL && s->source.severity == NULL &&
		s->source.owners.n == 0 && s->source.tags.n == 0,
	    "what is not given is not there");
	ok(s->source.values[0].n == 0 && s->source.values[1].n == 1,
	    "no secret, but a choice");
	is(s->source.values[1].items[0], "on", "which is the first");
	s = conf_source(&c, "full");
	ok(s->to.n == 2 && s->to.items[0] == &c.destinations[1],
	    "two, in order");
	is(s->source.environment, "value \\ \" $", "double quotes");
	is(s->source.severity, "min'or\\x", "single quotes");
	ok(s->source.owners.n == 2, "a list");
	is(s->source.owners.items[1], "bob", "its entries");
	is(s->source.tags.items[0], "one", "a list of one without braces");
	is(s->source.namespace, "shared", "a namespace");
	ok(s->source.values[0].n == 2, "two secrets");
	is(s->source.values[0].items[0], "first secret", "a line, trimmed");
	is(s->source.values[0].items[1], "#second", "which may begin with #");
	is(s->source.values[1].items[0], "off", "a choice");
	s = conf_source(&c, "p");
	is(s->source.values[0].items[0], "X-Y", "a kind's text");
	ok(s->source.values[1].n == 2, "a kind's list");
	conf_free(&c);
	ok(c.arena.blocks == NULL && c.files == NULL, "all of it is freed");
}

/* Times of a mute are those of its zone, if they say no other. */
static void
mutes(void)
{
	struct conf c = { .path = NULL };
	struct fail f = { 0 };

	put("conf", 0644,
	    GOOD "mute a { from = \"2026-12-24T18:00\" to = 2026-12-27 "
		 "timezone = \"CET-1\" }\n"
		 "mute b { from = 2026-12-24T18:00:00Z timezone = \"CET-1\" }\n"
		 "mute c { from = 2026-12-24 hours = sat }\n");
	ok(conf_read(in_dir("conf"), &c, &f), "it reads: %s", f.text);
	ok(c.n_mutes == 3, "mutes, in order");
	is(c.mutes[0].match.name, "a", "by name");
	ok(c.mutes[0].window.from == INT64_C(1798131600000),
	    "a time of the zone");
	ok(c.mutes[0].window.to == INT64_C(1798326000000),
	    "a day is its midnight there");
	ok(c.mutes[1].window.from == INT64_C(1798135200000),
	    "a time with an offset");
	ok(c.mutes[1].window.to == WINDOW_NEVER, "without an end");
	ok(c.mutes[2].window.from == INT64_C(1798070400000),
	    "UTC, if there is no zone");
	ok(c.mutes[2].window.hourly && !mute_is_total(&c.mutes[2]),
	    "with hours");
	conf_free(&c);
	put("conf", 0644,
	    GOOD "mute a { timezone = \"Europe/Berlin\" hours = { mon-sun } }");
	ok(conf_read(in_dir("conf"), &c, &f), "a zone by its name: %s", f.text);
	ok(zone_ahead(&c.mutes[0].window.zone, INT64_C(1798131600000)) ==
		3600000,
	    "it is known how far ahead it is");
	ok(mute_is_total(&c.mutes[0]), "all days are for ever");
	conf_free(&c);
}

/* A rule has no file, so that nothing is missing or has changed. */
static void
ruled_zones(void)
{
	static const char *const rules[] = { "MSK-3", "CET-1", "UTC0", "GMT-0",
		"<+03>-3", "CET-1CEST,M3.5.0,M10.5.0/3" };

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct conf c = { .path = NULL };
		struct fail f = { 0 };
		char text[1024];
		bool there = true;

		(void)snprintf(text, sizeof(text),
		    GOOD "mute a { timezone = \"%s\" }\n", rules[i]);
		put("conf", 0644, text);
		ok(conf_read(in_dir("conf"), &c, &f), "%s: %s", rules[i],
		    f.text);
		for (const struct file *at = c.files; at; at = at->next)
			there = there && access(at->path, R_OK) == 0;
		ok(there, "%s: each file is there", rules[i]);
		ok(!conf_stale(&c), "%s: and not stale", rules[i]);
		conf_free(&c);
	}
}

/* What is printed reads as the same, wherever it is read. */
static void
round_trip(void)
{
	struct buf first = BUF_MAX(65536), second = BUF_MAX(65536);
	struct conf a = { .path = NULL }, b = { .path = NULL };
	struct fail f = { 0 };

	put("conf", 0644,
	    IN_SRC(
		"environment = \"\\\"\\\\\\${x} \xc3\xa9 '#{},=\"\n"
		"owners = { a, \"b c\" } verify = off secret_file = "
		"secrets") "source p { kind = plain destination = oncall "
			   "fields = { x, y } metadata = \"a={{\" "
			   "title = '\\n{title}' }\n"
			   "severity_map = \"*=\\\"\"\n"
			   "route b { tables = { \"*.\\\"x\", y } destination "
			   "= oncall }\n"
			   "table \"*.\\\"z\" { tags = q severity = s }\n"
			   "route a { destination = { oncall } sources = p }\n"
			   "mute z { sources = p hours = { \"sat\" } "
			   "timezone = \"CET-1\" }\n"
			   "mute y { tables = \"*.\\\"y\" to = 2027-01-01 }\n");
	ok(conf_read(in_dir("conf"), &a, &f), "it reads: %s", f.text);
	conf_print(&a, &first);
	put("sub/printed", 0644, first.data);
	ok(conf_read(in_dir("sub/printed"), &b, &f), "it reads again: %s",
	    f.text);
	conf_print(&b, &second);
	is(second.data, first.data, "and prints the same");
	ok(strstr(first.data, "rate = 120\n") != NULL &&
		strstr(first.data, "\tverify = \"off\"\n") != NULL,
	    "defaults and a kind's options included");
	ok(strstr(first.data, "inc-token") == NULL &&
		strstr(first.data, "first secret") == NULL,
	    "but no secret");
	conf_free(&a);
	conf_free(&b);
	buf_free(&first);
	buf_free(&second);
}

/* The token's file by another with the same contents and time. */
static void
replace_by_its_like(void)
{
	char from[PATH_MAX];
	struct timespec times[2];
	struct stat st;

	put("new", 0600, " inc-token \nsecond line\n");
	(void)snprintf(from, sizeof(from), "%s", in_dir("new"));
	(void)stat(in_dir("token"), &st);
	times[0] = times[1] = st.st_mtim;
	(void)utimensat(AT_FDCWD, from, times, 0);
	(void)rename(from, in_dir("token"));
}

static void
staleness(void)
{
	static const struct {
		const char *name;
		const char *text;
		mode_t mode;
	} changed[] = {
		{ "conf", SPOOL "include(stale)\n#\n", 0644 },
		{ "stale", DEST SRC "#\n", 0644 },
		{ "token", "changed-token", 0600 },
		{ "secrets", "changed", 0600 },
		{ "certificates", "changed", 0644 },
	};

	for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) {
		struct conf c = { .path = NULL };
		struct fail f = { 0 };

		files();
		put("conf", 0644, SPOOL "include(stale)\n");
		put("stale", 0644,
		    "destination oncall { " URL1 "token_file = token ca_file = "
		    "certificates }\n"
		    "source mc { kind = montecarlo secret_file = secrets "
		    "destination = oncall }\n");
		ok(conf_read(in_dir("conf"), &c, &f) && !conf_stale(&c),
		    "fresh: %s", f.text);
		put(changed[i].name, changed[i].mode, changed[i].text);
		ok(conf_stale(&c), "stale once %s has changed",
		    changed[i].name);
		conf_free(&c);
	}

	struct conf c = { .path = NULL };
	struct fail f = { 0 };

	files();
	put("conf", 0644, GOOD);
	ok(conf_read(in_dir("conf"), &c, &f), "fresh again");
	ok(!conf_stale(&c), "reading does not make it stale");
	replace_by_its_like();
	ok(conf_stale(&c), "a file that was replaced by its like is another");
	(void)unlink(in_dir("token"));
	ok(conf_stale(&c), "so is one that is gone");
	conf_free(&c);
	files();
}

/* A broken text leaves nothing behind in libConfuse, which has but one
 * state for all. */
static void
again_and_again(void)
{
	int first = open("/dev/null", O_RDONLY | O_CLOEXEC);
	bool all = true;
	int last;

	(void)close(first);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put("conf", 0644, texts[i].text);
		(void)why("conf");
		put("conf", 0644, GOOD);
		all = all && why("conf")[0] == '\0';
	}
	ok(all, "after each of these a good one is read as ever");
	last = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ok(last == first, "and no descriptor is left open");
	(void)close(last);
}

static void
relative(void)
{
	struct conf c = { .path = NULL };
	struct fail f = { 0 };
	int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	put("conf", 0644, GOOD);
	ok(chdir(dir) == 0 && conf_read("conf", &c, &f), "a relative path: %s",
	    f.text);
	ok(fchdir(here) == 0, "and back");
	is(c.spool, in_dir("spool"), "stays good wherever the process goes");
	ok(!conf_stale(&c), "and fresh");
	conf_free(&c);
	(void)close(here);
}

static void
finding(void)
{
	struct buf out = BUF_MAX(PATH_MAX);
	struct fail none = { 0 }, empty = { 0 }, missing = { 0 }, lost = { 0 };
	const struct passwd *user = getpwuid(geteuid());
	char home[PATH_MAX], beside[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", beside, sizeof(beside) - 20);
	int fd;

	put("conf", 0644, GOOD);
	ok(conf_find(in_dir("conf"), &out, &none), "named by -c");
	is(out.data, in_dir("conf"), "it is that");
	buf_reset(&out);
	(void)setenv("BELLRELAY_CONFIG", in_dir("conf"), 1);
	ok(!conf_find(in_dir("x"), &out, &missing),
	    "named by -c but not there: nothing else will do");
	ok(strstr(missing.text, "/x: No such file or directory (named by -c)"),
	    "and it says so");
	buf_reset(&out);
	ok(conf_find(NULL, &out, &none), "named by BELLRELAY_CONFIG");
	is(out.data, in_dir("conf"), "it is that");
	buf_reset(&out);
	(void)setenv("BELLRELAY_CONFIG", "", 1);
	ok(!conf_find(NULL, &out, &empty), "an empty name is none");
	is(empty.text,
	    "BELLRELAY_CONFIG is empty; wanted the configuration's file",
	    "and it says so");
	(void)unsetenv("BELLRELAY_CONFIG");

	while (n > 0 && beside[n - 1] != '/')
		n--;
	(void)snprintf(beside + n, 20, "bellrelay.conf");
	(void)snprintf(home, sizeof(home), "%s/.bellrelay/bellrelay.conf",
	    user != NULL ? user->pw_dir : "");
	if (access(home, F_OK) == 0 || access(beside, F_OK) == 0 ||
	    access("/etc/bellrelay/bellrelay.conf", F_OK) == 0) {
		buf_free(&out);
		ok(true, "# SKIP this machine has a configuration");
		return;
	}
	(void)setenv("HOME", dir, 1);
	(void)mkdir(in_dir(".bellrelay"), 0700);
	put(".bellrelay/bellrelay.conf", 0644, GOOD);
	ok(!conf_find(NULL, &out, &lost), "nowhere, HOME notwithstanding");
	ok(strstr(lost.text, home) != NULL &&
		strstr(lost.text, " /etc/bellrelay/bellrelay.conf") != NULL,
	    "and it says where it looked");
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1) {
		buf_free(&out);
		ok(true, "# SKIP the program's directory is not ours");
		return;
	}
	(void)close(fd);
	ok(conf_find(NULL, &out, &none), "beside the program");
	is(out.data, beside, "it is that");
	(void)unlink(beside);
	buf_free(&out);
}

static int
forget(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

static void
quiet(const char *log)
{
	struct stat st;

	(void)fflush(stderr);
	ok(stat(log, &st) == 0 && st.st_size == 0,
	    "nothing was ever written to stderr");
}

int
main(void)
{
	char log[PATH_MAX];
	int usual = dup(STDERR_FILENO);

	if (mkdtemp(dir) == NULL) {
		perror(dir);
		return 1;
	}
	(void)snprintf(log, sizeof(log), "%s", in_dir("stderr"));
	if (freopen(log, "w", stderr) == NULL)
		return 1;
	(void)setenv("BELLRELAY_T_SET", "value", 1);
	(void)setenv("BELLRELAY_T_EMPTY", "", 1);
	(void)setenv("BELLRELAY_T_EVIL", "a\nb", 1);
	(void)unsetenv("BELLRELAY_T_UNSET");
	files();
	refusals();
	odd_files();
	unreadable();
	no_secret_is_told();
	values();
	round_trip();
	mutes();
	ruled_zones();
	staleness();
	again_and_again();
	relative();
	finding();
	quiet(log);
	(void)dup2(usual, STDERR_FILENO);
	(void)close(usual);
	(void)nftw(dir, forget, 8, FTW_DEPTH | FTW_PHYS);
	return tap_done();
}
