/*
 * test: a sample alert straight to a destination, past spool and pace.
 */
#ifndef TRIAL_H
#define TRIAL_H

struct command;

extern const struct command trial_test;

/* What to do about a destination that answers so, 0: not at all; or NULL. */
const char *trial_cure(int status);

#endif
