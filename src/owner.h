/*
 * Whoever touches the spool is its owner: root becomes it, anyone else is
 * refused.  A file that root left in it would be closed to the responder.
 */
#ifndef OWNER_H
#define OWNER_H

#include <stdbool.h>

struct arena;
struct fail;

/*
 * Become the owner of the directory at path, for good.  A failure names the
 * cure; FAIL_AUTH: somebody else must do it.
 */
bool owner_become(const char *path, struct fail *f);

/* The name of a user, or its number. */
const char *owner_name(unsigned long uid, struct arena *a);

#endif
