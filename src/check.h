/*
 * check: the configuration in effect, and all that could keep it from working
 * on this machine, each with its cure.  Touches nothing outside.
 */
#ifndef CHECK_H
#define CHECK_H

struct command;

extern const struct command check_command;

#endif
