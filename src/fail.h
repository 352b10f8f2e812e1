/*
 * What went wrong, sorted by what the caller should do about it.
 *
 * A function that can fail returns bool, takes a struct fail last, and fills
 * it in exactly when it returns false.  It never logs and never exits.
 */
#ifndef FAIL_H
#define FAIL_H

#include <stdbool.h>

enum fail_kind {
	FAIL_NONE,    /* no failure; never reported */
	FAIL_AUTH,    /* the sender did not prove who it is */
	FAIL_INPUT,   /* the request is wrong; sending it again cannot help */
	FAIL_REFUSED, /* the receiver said no, for good */
	FAIL_RETRY,   /* nobody's fault that lasts; the sender should retry */
	FAIL_BROKEN,  /* we are: bad configuration, full disk, a bug */
};

/* Room for a path or three and, at the end, the cure. */
enum { FAIL_TEXT = 1024 };

struct fail {
	enum fail_kind kind;
	int sys; /* the errno that fail_sys was told of, else 0 */
	char text[FAIL_TEXT];
};

/* Record a failure unless one is already recorded.  Always returns false. */
bool fail_set(struct fail *f, enum fail_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * The same from errno: trouble that passes (no space, no memory, too many
 * files, an I/O error, a busy file) is FAIL_RETRY, all else FAIL_BROKEN.
 */
bool fail_sys(struct fail *f, const char *what);

/* A kind as a sysexits.h code. */
int fail_exit(enum fail_kind kind);

#endif
