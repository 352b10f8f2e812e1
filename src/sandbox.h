/*
 * What a responder needs of the machine, and a fence around that: the spool to
 * change; to read the directories of its configuration, secrets and
 * certificates, and of what name service and TLS look up.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>

struct conf;
struct fence;

/* Put the fence up, if the kernel has one. */
void sandbox_enter(struct fence *f, const struct conf *c);

/*
 * Whether c, as far as it could be read, names what the fence shuts out and a
 * fresh process could use.
 */
bool sandbox_outside(const struct fence *f, const struct conf *c);

#endif
