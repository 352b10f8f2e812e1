/*
 * The seal of a file: its last member, by which a torn or altered file is
 * known for what it is.
 *
 *	{
 *	  "version": 1,
 *	  ...
 *	  "seal": "12 1380 9f86d081884c7d65..."
 *	}
 *
 * Generation (a number that grows with every write), bytes before the seal,
 * and SHA-256 of all that stands before the digest.
 */
#ifndef SEAL_H
#define SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum { SEAL_SIZE = 140 }; /* at most so many bytes are added */

/* Append text, a JSON object in pretty layout with at least one member. */
void seal_write(
    const char *text, size_t n, uint64_t generation, struct buf *out);

/*
 * Append the text as it was before sealing to out.  False, and nothing is
 * added, if the seal is not there or wrong.
 */
bool seal_open(
    const char *file, size_t n, uint64_t *generation, struct buf *out);

/*
 * The generation alone, from the last SEAL_SIZE bytes of a file or all of it.
 * False if there is no seal; whether it is right is not looked at.
 */
bool seal_peek(const char *end, size_t n, uint64_t *generation);

#endif
