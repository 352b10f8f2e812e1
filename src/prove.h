/*
 * A Monte Carlo proof by hand: canonical, sign, verify, and a new secret.
 */
#ifndef PROVE_H
#define PROVE_H

struct command;

extern const struct command prove_canonical;
extern const struct command prove_sign;
extern const struct command prove_secret;

#endif
