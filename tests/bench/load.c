/*
 * A load of signed webhooks, each of an alert of its own.
 *
 *	load PORT PATH SECRET BODY COUNT CONNECTIONS SERIES
 *
 * Every INCIDENT in BODY (the id of the published examples) becomes one that
 * SERIES and a number make.  All are signed before the clock starts.  Prints
 * one line of JSON: seconds, microseconds of the percentiles, and how many
 * answers had which status and result.
 */
#include "arena.h"
#include "buf.h"
#include "fail.h"
#include "pyrepr.h"
#include "sign.h"
#include "tree.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char incident[] = "f83867b6-8f25-428b-807c-08518f63384c";

enum { ANSWER_MAX = 16384, STATUSES = 600 };

static struct buf *requests;
static int64_t *took;
static size_t count, port;
static atomic_size_t next;
static atomic_size_t statuses[STATUSES], lost, delivered, queued;

static int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- requests --------------------------------------------------------------
 */

static bool
sign(const struct buf *body, const char *secret, char *hex)
{
	struct arena a = { NULL };
	struct buf text = BUF_MAX(1 << 24);
	unsigned char mac[SIGN_MAX];
	struct fail f = { 0 };
	struct tree *t;
	bool varies, good;

	good = tree_parse(body->data, body->len, &a, &t, &f) &&
	    pyrepr_urlencode(t, 0, &text, &varies, &f);
	if (good) {
		sign_hmac(SIGN_SHA512, secret, strlen(secret), text.data,
		    text.len, mac);
		sign_hex(mac, sign_size(SIGN_SHA512), hex);
	}
	buf_free(&text);
	arena_free(&a);
	return good;
}

static bool
make(struct buf *out, const struct buf *body, const char *path,
    const char *secret, const char *series, size_t n)
{
	struct buf mine = BUF_MAX(1 << 22);
	char hex[2 * SIGN_MAX + 1], id[sizeof(incident)];
	bool good;

	(void)snprintf(
	    id, sizeof(id), "%.8s-8f25-428b-807c-%012x", series, (unsigned)n);
	buf_add(&mine, body->data, body->len);
	for (char *p = mine.data; (p = strstr(p, incident)) != NULL;)
		memcpy(p, id, sizeof(id) - 1);
	good = sign(&mine, secret, hex);
	*out = BUF_MAX(1 << 22);
	buf_printf(out,
	    "POST %s HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Type: application/json\r\nx-mcd-signature: %s\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    path, hex, mine.len);
	buf_add(out, mine.data, mine.len);
	buf_free(&mine);
	return good;
}

/* ---- connections -----------------------------------------------------------
 */

static int
dial(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	int sock = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(sock, (struct sockaddr *)&to, sizeof(to)) == -1) {
		perror("load: connect");
		exit(1);
	}
	return sock;
}

/* Whether a whole answer is there; one without a length is none. */
static bool
whole(const char *data, size_t have)
{
	const char *end = strstr(data, "\r\n\r\n");
	const char *length = strcasestr(data, "\r\nContent-Length:");

	return end != NULL && length != NULL && length < end &&
	    have >= (size_t)(end - data) + 4 +
		strtoul(strchr(length, ':') + 1, NULL, 10);
}

static bool
exchange(int sock, const struct buf *request, char *answer)
{
	size_t have = 0;

	if (send(sock, request->data, request->len, MSG_NOSIGNAL) !=
	    (ssize_t)request->len)
		return false;
	answer[0] = '\0';
	while (!whole(answer, have)) {
		ssize_t n = read(sock, answer + have, ANSWER_MAX - have);

		if (n <= 0)
			return false;
		have += (size_t)n;
		answer[have] = '\0';
	}
	return true;
}

static void
note(const char *answer)
{
	unsigned long status = strtoul(answer + strlen("HTTP/1.1 "), NULL, 10);

	if (status < STATUSES)
		statuses[status]++;
	delivered += strstr(answer, "\"result\":\"delivered\"") != NULL;
	queued += strstr(answer, "\"result\":\"queued\"") != NULL;
}

static void *
client(void *given)
{
	char answer[ANSWER_MAX + 1];
	int sock = dial();

	for (size_t i = next++; i < count; i = next++) {
		int64_t from = now();
		bool good = exchange(sock, &requests[i], answer);

		took[i] = now() - from;
		if (good)
			note(answer);
		else
			lost++;
		if (!good || strcasestr(answer, "Connection: close") != NULL) {
			close(sock);
			sock = dial();
		}
	}
	close(sock);
	return given;
}

/* ---- what came of it -------------------------------------------------------
 */

static int
by_time(const void *x, const void *y)
{
	int64_t u = *(const int64_t *)x, v = *(const int64_t *)y;

	return (u > v) - (u < v);
}

static void
report(int64_t us)
{
	qsort(took, count, sizeof(*took), by_time);
	printf("{\"seconds\": %.6f, \"p50\": %lld, \"p90\": %lld, \"p99\": "
	       "%lld, \"lost\": %zu, \"delivered\": %zu, \"queued\": %zu, "
	       "\"statuses\": {",
	    (double)us / 1e6, (long long)took[count / 2],
	    (long long)took[count * 9 / 10], (long long)took[count * 99 / 100],
	    (size_t)lost, (size_t)delivered, (size_t)queued);
	for (size_t i = 0, n = 0; i < STATUSES; i++)
		if (statuses[i] > 0)
			printf("%s\"%zu\": %zu", n++ > 0 ? ", " : "", i,
			    (size_t)statuses[i]);
	puts("}}");
}

static bool
read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	char chunk[4096];
	size_t n;

	if (f == NULL)
		return false;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(out, chunk, n);
	fclose(f);
	return true;
}

int
main(int argc, char **argv)
{
	struct buf body = BUF_MAX(1 << 20);
	size_t connections;
	pthread_t *clients;
	int64_t from;

	if (argc != 8 || !read_file(argv[4], &body))
		return 64;
	port = strtoul(argv[1], NULL, 10);
	count = strtoul(argv[5], NULL, 10);
	connections = strtoul(argv[6], NULL, 10);
	requests = calloc(count, sizeof(*requests));
	took = calloc(count, sizeof(*took));
	clients = calloc(connections, sizeof(*clients));
	for (size_t i = 0; i < count; i++)
		if (!make(&requests[i], &body, argv[2], argv[3], argv[7], i))
			return 65;
	from = now();
	for (size_t i = 0; i < connections; i++)
		if (pthread_create(&clients[i], NULL, client, NULL) != 0)
			return 71;
	for (size_t i = 0; i < connections; i++)
		pthread_join(clients[i], NULL);
	report(now() - from);
	return 0;
}
