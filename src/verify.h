/*
 * verify: whether a Monte Carlo signature is right, and if not, which of the
 * usual mistakes it shows.  Says neither the secret nor the right signature.
 */
#ifndef VERIFY_H
#define VERIFY_H

struct command;

extern const struct command verify_command;

#endif
