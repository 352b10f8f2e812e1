/*
 * Exchanges on request, for tests that bring their own server.
 *
 * Reads commands from standard input, a line each, words parted by tabs, and
 * answers each but `start` with a line of JSON.  "-" is a word left out.
 *
 *	start SLOT URL TOKEN CA_FILE CONNECT_MS TIMEOUT_MS BODY|SIZE
 *			BODY as it stands, "-" a GET, "=N" N bytes of JSON
 *	wait SLOT	until it is done: the answer
 *	race		until any is done: the answer, with its slot
 *	look SLOT	whether it is busy, and whether it has an answer
 *	stop SLOT	give it up
 *	listen MS	poll beside standard input: whether that can be read
 *	turn		one poll that waits for nothing
 *	url URL		what post_url_ok says
 *	sockets		how many sockets are open
 */
#include "buf.h"
#include "fail.h"
#include "post.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORDS = 9, BODY_MAX = 16 << 20, WAIT_MS = 60000 };

/* What a slot was started with, until it is used again. */
static struct buf kept[POST_SLOTS][4];

static int
slot_of(const char *word)
{
	return word[0] == '1' ? POST_DRAIN : POST_WEBHOOK;
}

static void
put(const char *name, const char *bytes, size_t n)
{
	printf(", \"%s\": \"", name);
	for (size_t i = 0; i < n; i++)
		printf("\\u%04x", (unsigned)(unsigned char)bytes[i]);
	printf("\"");
}

static void
say(int slot, const struct post_answer *a, int polls)
{
	printf("{\"slot\": %d, \"status\": %d, \"unknown\": %s, \"ms\": %ld, "
	       "\"polls\": %d, \"ended\": %s",
	    slot, a->status, a->unknown ? "true" : "false", a->ms, polls,
	    a->text[a->text_len] == '\0' ? "true" : "false");
	put("why", a->why, strlen(a->why));
	put("retry_after", a->retry_after, strlen(a->retry_after));
	put("date", a->date, strlen(a->date));
	put("text", a->text, a->text_len);
	printf("}\n");
	(void)fflush(stdout);
}

static void
say_bool(const char *a, bool is_a, const char *b, bool is_b)
{
	printf("{\"%s\": %s, \"%s\": %s}\n", a, is_a ? "true" : "false", b,
	    is_b ? "true" : "false");
	(void)fflush(stdout);
}

static const char *
keep(struct buf *b, const char *word)
{
	buf_reset(b);
	buf_puts(b, word);
	return strcmp(word, "-") == 0 ? NULL : b->data;
}

static const char *
make_body(struct buf *b, const char *word)
{
	long size = word[0] == '=' ? strtol(word + 1, NULL, 10) : 0;

	if (size == 0)
		return keep(b, word);
	buf_reset(b);
	buf_puts(b, "{\"title\":\"");
	while (b->len + 2 < (size_t)size)
		buf_puts(b, "x");
	buf_puts(b, "\"}");
	return b->data;
}

static void
start(struct post *p, char **word)
{
	int slot = slot_of(word[0]);
	struct post_target t = { .url = keep(&kept[slot][0], word[1]),
		.token = keep(&kept[slot][1], word[2]),
		.ca_file = keep(&kept[slot][2], word[3]),
		.connect_ms = strtol(word[4], NULL, 10) };
	const char *body = make_body(&kept[slot][3], word[6]);

	post_start(p, (enum post_slot)slot, &t, body,
	    body == NULL ? 0 : kept[slot][3].len, strtol(word[5], NULL, 10));
}

/* Polls until one of the slots from first to last has an answer. */
static void
wait_for(struct post *p, int first, int last)
{
	struct post_answer a;

	for (int polls = 0;; polls++) {
		for (int i = first; i <= last; i++)
			if (post_done(p, (enum post_slot)i, &a)) {
				say(i, &a, polls);
				return;
			}
		post_poll(p, WAIT_MS, NULL, 0, NULL);
	}
}

static void
look(struct post *p, int slot)
{
	struct post_answer a;
	bool busy = post_busy(p, (enum post_slot)slot);

	say_bool("busy", busy, "done", post_done(p, (enum post_slot)slot, &a));
}

static void
listen_here(struct post *p, long ms)
{
	int fds[] = { STDOUT_FILENO, STDIN_FILENO };
	bool ready[2] = { true, true };
	int silent[2];

	if (pipe(silent) == -1)
		exit(EXIT_FAILURE);
	fds[0] = silent[0];
	post_poll(p, ms, fds, 2, ready);
	say_bool("input", ready[1], "silent", ready[0]);
	(void)close(silent[0]);
	(void)close(silent[1]);
}

static void
check_url(const char *url)
{
	struct fail f = { 0 };
	bool good = post_url_ok(url, &f);

	printf("{\"ok\": %s, \"kind\": %d", good ? "true" : "false", f.kind);
	put("text", f.text, strlen(f.text));
	printf("}\n");
	(void)fflush(stdout);
}

static int
count_sockets(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++) {
		struct stat st;

		n += fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
	}
	return n;
}

static bool
obey(struct post *p, char **word)
{
	const char *verb = word[0];

	if (strcmp(verb, "start") == 0)
		start(p, word + 1);
	else if (strcmp(verb, "wait") == 0)
		wait_for(p, slot_of(word[1]), slot_of(word[1]));
	else if (strcmp(verb, "race") == 0)
		wait_for(p, 0, POST_SLOTS - 1);
	else if (strcmp(verb, "look") == 0)
		look(p, slot_of(word[1]));
	else if (strcmp(verb, "stop") == 0)
		post_stop(p, (enum post_slot)slot_of(word[1]));
	else if (strcmp(verb, "listen") == 0)
		listen_here(p, strtol(word[1], NULL, 10));
	else if (strcmp(verb, "turn") == 0)
		post_poll(p, 0, NULL, 0, NULL);
	else if (strcmp(verb, "url") == 0)
		check_url(word[1]);
	else if (strcmp(verb, "sockets") == 0)
		printf("{\"sockets\": %d}\n", count_sockets());
	else
		return false;
	(void)fflush(stdout);
	return true;
}

int
main(void)
{
	struct post *p;
	struct fail f = { 0 };
	char *line = NULL;
	size_t size = 0;
	bool good = true;

	for (int i = 0; i < POST_SLOTS * 4; i++)
		kept[i / 4][i % 4] = BUF_MAX(BODY_MAX);
	(void)setvbuf(stdin, NULL, _IONBF, 0);
	if (!post_open(&p, &f)) {
		fprintf(stderr, "%s\n", f.text);
		return EXIT_FAILURE;
	}
	while (good && getline(&line, &size, stdin) > 0) {
		char *word[WORDS] = { 0 }, *rest = line;

		line[strcspn(line, "\n")] = '\0';
		for (int i = 0; i < WORDS && rest != NULL; i++)
			word[i] = strsep(&rest, "\t");
		good = obey(p, word);
	}
	free(line);
	post_close(p);
	for (int i = 0; i < POST_SLOTS * 4; i++)
		buf_free(&kept[i / 4][i % 4]);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
