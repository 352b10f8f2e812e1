/*
 * Python's urllib.parse.urlencode(json.loads(body)), byte for byte: the text
 * that a Monte Carlo signature covers (facts/montecarlo.md, 5).
 *
 * The top level is written as str(), all below as repr().  What repr()
 * escapes depends on the Unicode version of the sender's Python; each
 * version is one data file, src/printable/VERSION.txt, and one table here.
 */
#ifndef PYREPR_H
#define PYREPR_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

struct fail;
struct tree;

enum { PYREPR_TIMES = 8 };

/* How many tables there are; table 0 is the one to try first. */
size_t pyrepr_tables(void);

/* The Unicode version of a table, such as "14.0". */
const char *pyrepr_version(size_t table);

/*
 * Append the text for object.  *varies is set if it would be another text
 * under some other table, and cleared otherwise.  Fails with FAIL_INPUT if t is
 * no object, and with FAIL_AUTH if a key or string of the top level holds a
 * lone surrogate, where Python raises and no signature can exist.  A ceiling of
 * PYREPR_TIMES the body's size is never too low.
 */
bool pyrepr_urlencode(const struct tree *t, size_t table, struct buf *out,
    bool *varies, struct fail *f);

/*
 * The floats of one tree that take long to print, worked out for its first
 * text: they are the same under every table.  The caller frees worked.
 */
struct pyrepr_floats {
	struct buf worked;
	bool whole;
};

#define PYREPR_FLOATS ((struct pyrepr_floats){ .worked = BUF_MAX(16 << 20) })

/* The same, for who asks for one tree's text under several tables. */
bool pyrepr_urlencode_again(const struct tree *t, size_t table,
    struct pyrepr_floats *floats, struct buf *out, bool *varies,
    struct fail *f);

#endif
