/*
 * The command replay: the journal's bodies through today's mapping, and what
 * would differ; sent only by order (SPOOL.md, RETRY).
 */
#ifndef REPLAY_H
#define REPLAY_H

struct command;

extern const struct command replay_command;

#endif
