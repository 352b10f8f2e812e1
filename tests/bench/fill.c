/*
 * Copies of a settled ticket, each of an alert of its own, not synced.
 *
 *	fill TICKET SETTLED COUNT
 *
 * TICKET is a file that bellrelay wrote, of the published examples' alert;
 * SETTLED is the directory in which its like belong.
 */
#include "buf.h"
#include "seal.h"
#include "spool.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char incident[] = "f83867b6-8f25-428b-807c-08518f63384c";

static bool
read_ticket(const char *path, struct buf *text)
{
	static char file[1 << 20];
	FILE *f = fopen(path, "rb");
	uint64_t generation;
	size_t n;

	if (f == NULL)
		return false;
	n = fread(file, 1, sizeof(file), f);
	fclose(f);
	return seal_open(file, n, &generation, text);
}

static bool
write_ticket(int settled, const char *text, size_t n, const char *key)
{
	struct buf file = BUF_MAX(1 << 21);
	char id[SPOOL_ID + 1], name[64];
	bool good;
	int fd;

	spool_id(key, id);
	(void)snprintf(name, sizeof(name), "%.2s/%s.json", id, id);
	seal_write(text, n, 1, &file);
	fd = openat(settled, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	good = fd != -1 &&
	    write(fd, file.data, file.len) == (ssize_t)file.len &&
	    close(fd) == 0;
	buf_free(&file);
	return good;
}

int
main(int argc, char **argv)
{
	struct buf text = BUF_MAX(1 << 20);
	char key[sizeof(incident)];
	int settled;
	size_t count;
	char *at[64];
	size_t n = 0;

	if (argc != 4 || !read_ticket(argv[1], &text))
		return 64;
	settled = open(argv[2], O_RDONLY | O_DIRECTORY);
	count = strtoul(argv[3], NULL, 10);
	for (char *p = text.data; n < 64 && (p = strstr(p, incident)) != NULL;)
		at[n++] = p++;
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(key, sizeof(key),
		    "00000000-8f25-428b-807c-%012x", (unsigned)i);
		for (size_t k = 0; k < n; k++)
			memcpy(at[k], key, sizeof(key) - 1);
		if (!write_ticket(settled, text.data, text.len, key)) {
			perror("fill");
			return 1;
		}
	}
	return n > 0 ? 0 : 65;
}
