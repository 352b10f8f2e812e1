#include "arena.h"
#include "reply.h"

#include "tap.h"

#define LONG "30 letters 40 letters 50 letters 60 letters 7"
#define UUID "0aa6d7a3-6ba1-43f1-b5f1-f3a1a4d3c9f0"

static struct arena arena;

static const struct {
	const char *text, *words;
	size_t max;
} cases[] = {
	{ "{\"type\":\"validation_error\",\"status\":422,\"request_id\":\"r-"
	  "1\","
	  "\"errors\":[{\"code\":\"is_required\",\"message\":\"is required\","
	  "\"source\":{\"field\":\"title\"}},{\"message\":\"too long\"}]}",
	    "is required (title); too long, request r-1", 100 },
	{ "{\"message\":\"slow down\"}", "slow down", 100 },
	{ "{\"errors\":[\"no object\",{\"code\":1}]}",
	    "{\"errors\":[\"no object\",{\"code\":1}]}", 100 },
	{ "{\"request_id\":\"r-1\"}", "{\"request_id\":\"r-1\"}", 100 },
	{ "<html>Bad Gateway</html>", "<html>Bad Gateway</html>", 100 },
	{ "", "", 100 },
	{ "one two three four", "one two\u2026", 10 },
	{ "{\"message\":\"" LONG " and so on\",\"request_id\":\"" UUID "\"}",
	    LONG " and so\u2026, request " UUID, 100 },
	{ "{\"message\":\"m\",\"request_id\":\"" LONG "\"}",
	    "m, request 30 letters 40 letters 50 letters 60\u2026", 100 },
	{ "{\"message\":\"\\u0000\"}", "\uFFFD", 100 },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		is(reply_words(cases[i].text, strlen(cases[i].text),
		       cases[i].max, &arena),
		    cases[i].words, cases[i].text);
		arena_reset(&arena);
	}
	arena_free(&arena);
	return tap_done();
}
