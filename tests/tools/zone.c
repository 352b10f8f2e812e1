/*
 * For test_zones.py: each line of standard input names a file of the time zone
 * database and seconds since 1970; printed is how far ahead of UTC it is at
 * each.
 */
#include "arena.h"
#include "buf.h"
#include "fail.h"
#include "file.h"
#include "when.h"
#include "zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;

static struct zone
open_zone(const char *path)
{
	struct buf bytes = BUF_MAX(1 << 16);
	struct file file = { 0 };
	struct fail f = { 0 };
	struct zone z;

	if (!file_read(path, FILE_OPEN, &bytes, &file, &f) ||
	    !zone_parse_file(bytes.data, bytes.len, &arena, &z)) {
		fprintf(stderr, "%s: not read %s\n", path, f.text);
		exit(1);
	}
	buf_free(&bytes);
	return z;
}

int
main(void)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		char *rest = line;
		struct zone z = open_zone(strsep(&rest, " \n"));

		for (char *word; (word = strsep(&rest, " \n")) != NULL;)
			if (*word != '\0')
				printf("%lld ",
				    (long long)(zone_ahead(&z,
						    strtoll(word, NULL, 10) *
							WHEN_SECOND) /
					WHEN_SECOND));
		printf("\n");
	}
	free(line);
	arena_free(&arena);
	return 0;
}
