#include "fail.h"

#include "array.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const int codes[] = {
	[FAIL_NONE] = EX_OK,
	[FAIL_AUTH] = EX_NOPERM,
	[FAIL_INPUT] = EX_DATAERR,
	[FAIL_REFUSED] = EX_UNAVAILABLE,
	[FAIL_RETRY] = EX_TEMPFAIL,
	[FAIL_BROKEN] = EX_SOFTWARE,
};

static const int passing[] = { EAGAIN, EBUSY, EDEADLK, EDQUOT, EFBIG, EINTR,
	EIO, EMFILE, ENFILE, ENOLCK, ENOMEM, ENOSPC, EROFS, ESTALE, ETIMEDOUT };

bool
fail_set(struct fail *f, enum fail_kind kind, const char *fmt, ...)
{
	va_list ap;

	if (f->kind != FAIL_NONE)
		return false;
	f->kind = kind;
	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	return false;
}

bool
fail_sys(struct fail *f, const char *what)
{
	int why = errno;
	enum fail_kind kind = FAIL_BROKEN;

	for (size_t i = 0; i < COUNT(passing); i++)
		if (passing[i] == why)
			kind = FAIL_RETRY;
	if (f->kind == FAIL_NONE)
		f->sys = why;
	return fail_set(f, kind, "%s: %s", what, strerror(why));
}

int
fail_exit(enum fail_kind kind)
{
	return codes[kind];
}
