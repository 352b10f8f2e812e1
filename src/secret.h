/*
 * Files with secrets in them, refused if others may read them.
 *
 * A failure is FAIL_BROKEN, names the file and the cure, and never holds a
 * byte of what is in it.
 */
#ifndef SECRET_H
#define SECRET_H

#include <stdbool.h>

#include "option.h"

struct arena;
struct fail;
struct file;

enum { SECRET_MAX = 64 * 1024 };

/* The token of a file: its first line, trimmed, without spaces. */
bool secret_token(const char *path, struct arena *a, const char **out,
    struct file *seen, struct fail *f);

/* The secrets of a file: each line, trimmed, that is not empty; at least one.
 */
bool secret_lines(const char *path, struct arena *a, struct option_value *out,
    struct file *seen, struct fail *f);

#endif
