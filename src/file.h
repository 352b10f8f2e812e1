/*
 * A regular file, read whole, and whether it has changed since.
 */
#ifndef FILE_H
#define FILE_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

struct buf;
struct fail;

/* A file as it was when it was read. */
struct file {
	struct file *next;
	const char *path; /* borrowed */
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec ctime; /* moves with contents and with mode */
};

enum file_sort {
	FILE_OPEN,   /* anybody may know what is in it */
	FILE_SECRET, /* refused if it is a symbolic link, or if group or
			others may read or change it */
};

/*
 * Append the file's bytes to out, whose ceiling is the file's.  A failure is
 * FAIL_BROKEN, names the path and the cure, never the contents.  seen->path
 * is path; nothing waits, whatever the path names.
 */
bool file_read(const char *path, enum file_sort sort, struct buf *out,
    struct file *seen, struct fail *f);

/* Whether it is no longer there or no longer what it was. */
bool file_changed(const struct file *seen);

#endif
