/*
 * move: the alerts of a destination that is no longer configured go to
 * another (SPOOL.md, ORPHANS).
 */
#ifndef MIGRATE_H
#define MIGRATE_H

struct command;

extern const struct command migrate_move;

#endif
