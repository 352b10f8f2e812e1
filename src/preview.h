/*
 * map: the alert event that a body would become, without proof, spool or
 * network.
 */
#ifndef PREVIEW_H
#define PREVIEW_H

struct command;

extern const struct command preview_map;

#endif
