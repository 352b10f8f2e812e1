/*
 * test: a sample alert straight to a destination, past spool and pace.
 */
#ifndef TRIAL_H
#define TRIAL_H

struct command;

extern const struct command trial_test;

#endif
