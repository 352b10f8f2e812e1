/*
 * drain: what waits is delivered now, by a process that ends.
 */
#ifndef DELIVER_H
#define DELIVER_H

struct command;

extern const struct command deliver_drain;

#endif
