/*
 * What can be seen from here: the modes of the files, what the sections lack,
 * whether the spool can do what it must.  Opens no connection.
 */
#ifndef CHECKUP_H
#define CHECKUP_H

#include <stdbool.h>

struct findings;
struct setup;

/*
 * All of it.  On the way root becomes the spool's owner.  Whether the spool is
 * open, and we are who may work in it.
 */
bool checkup(struct setup *s, struct findings *to);

#endif
