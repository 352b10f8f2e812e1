/*
 * What a file system takes at most: write, sync, rename, sync the directory.
 *
 *	primitive DIRECTORY PROCESSES COUNT BYTES
 *
 * Prints the seconds that COUNT files of so many bytes took in all.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool
keep(int dir, const char *from, const char *to, const char *data, size_t n)
{
	int fd = openat(dir, from, O_WRONLY | O_CREAT | O_EXCL, 0600);

	return fd != -1 && write(fd, data, n) == (ssize_t)n && fsync(fd) == 0 &&
	    close(fd) == 0 && renameat(dir, from, dir, to) == 0;
}

static int
work(const char *path, size_t me, size_t processes, size_t count, size_t bytes)
{
	int root = open(path, O_RDONLY | O_DIRECTORY);
	int pending = openat(root, "pending", O_RDONLY | O_DIRECTORY);
	char *data = malloc(bytes);

	if (data == NULL)
		return 1;
	memset(data, 'x', bytes);
	for (size_t i = me; i < count; i += processes) {
		char from[64], to[64];

		(void)snprintf(from, sizeof(from), "tmp/%zu", i);
		(void)snprintf(to, sizeof(to), "pending/%zu.json", i);
		if (!keep(root, from, to, data, bytes) || fsync(pending) == -1)
			return 1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct timespec from, to;
	size_t processes, count, bytes;
	int status, bad = 0;

	if (argc != 5 || chdir(argv[1]) == -1 || mkdir("tmp", 0700) == -1 ||
	    mkdir("pending", 0700) == -1)
		return 64;
	processes = strtoul(argv[2], NULL, 10);
	count = strtoul(argv[3], NULL, 10);
	bytes = strtoul(argv[4], NULL, 10);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (size_t i = 0; i < processes; i++)
		if (fork() == 0)
			_exit(work(".", i, processes, count, bytes));
	while (wait(&status) != -1)
		bad |= status;
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%.6f\n",
	    (double)(to.tv_sec - from.tv_sec) +
		(double)(to.tv_nsec - from.tv_nsec) / 1e9);
	return bad != 0;
}
