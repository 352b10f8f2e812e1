/*
 * try: a sample through proof, mapping and delivery, as its sender would post
 * it.
 */
#ifndef REHEARSE_H
#define REHEARSE_H

struct command;

extern const struct command rehearse_try;

#endif
