/*
 * A fast stand-in for incident.io: takes everything, a thread a connection.
 *
 *	standin MILLISECONDS
 *
 * Prints its port, then answers each POST with 202 after so long, until its
 * standard input ends.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_MAX = 1 << 20, BACKLOG = 512 };

static long wait_ms;

static const char said[] = "{\"status\":\"success\",\"message\":\"Event "
			   "accepted for processing\","
			   "\"deduplication_key\":\"-\"}";
static char answer[512];

/* How many bytes the request at data takes, 0 if it is not all there. */
static size_t
request(const char *data, size_t n)
{
	const char *end = memmem(data, n, "\r\n\r\n", 4);
	const char *length;
	size_t size;

	if (end == NULL)
		return 0;
	size = (size_t)(end - data) + 4;
	length = strcasestr(data, "\r\nContent-Length:");
	if (length != NULL && length < end)
		size += strtoul(strchr(length, ':') + 1, NULL, 10);
	return size <= n ? size : 0;
}

static bool
respond(int sock)
{
	struct timespec t = { wait_ms / 1000, wait_ms % 1000 * 1000000 };

	if (wait_ms > 0)
		nanosleep(&t, NULL);
	return write(sock, answer, strlen(answer)) == (ssize_t)strlen(answer);
}

static void *
serve(void *given)
{
	int sock = (int)(intptr_t)given;
	char *data = malloc(REQUEST_MAX + 1);
	size_t have = 0;
	ssize_t got = 1;

	while (data != NULL && have < REQUEST_MAX) {
		size_t size;

		data[have] = '\0';
		size = request(data, have);
		if (size > 0) {
			if (!respond(sock))
				break;
			have -= size;
			memmove(data, data + size, have);
			continue;
		}
		got = read(sock, data + have, REQUEST_MAX - have);
		if (got <= 0)
			break;
		have += (size_t)got;
	}
	free(data);
	close(sock);
	return NULL;
}

static void *
accept_all(void *given)
{
	int listener = (int)(intptr_t)given;

	for (;;) {
		int sock = accept(listener, NULL, NULL);
		pthread_t thread;
		int on = 1;

		if (sock == -1)
			continue;
		setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (pthread_create(
			&thread, NULL, serve, (void *)(intptr_t)sock) == 0)
			pthread_detach(thread);
		else
			close(sock);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;
	char c;

	if (argc != 2)
		return 64;
	wait_ms = atol(argv[1]);
	(void)snprintf(answer, sizeof(answer),
	    "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    sizeof(said) - 1, said);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&at, size) == -1 ||
	    listen(listener, BACKLOG) == -1 ||
	    getsockname(listener, (struct sockaddr *)&at, &size) == -1 ||
	    pthread_create(
		&thread, NULL, accept_all, (void *)(intptr_t)listener) != 0) {
		perror("standin");
		return 1;
	}
	printf("%u\n", (unsigned)ntohs(at.sin_port));
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		continue;
	return 0;
}
