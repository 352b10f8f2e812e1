/*
 * Fivetran's webhooks: what Elementary calls pipeline alerts
 * (facts/elementary.md, 7).
 *
 * Proof: X-Fivetran-Signature-256, the HMAC-SHA256 of the body in hex of
 * either case.
 *
 * A failed sync or connection is an alert of its connector; its next
 * successful sync resolves it.  A connection that works again does not: no
 * data has come by then.  Transformations are alerts of their own.  An event
 * that nobody foresaw rings as warn, under a key of its own.
 *
 * Option: secret_file.
 */
#ifndef FIVETRAN_H
#define FIVETRAN_H

#include "source.h"

extern const struct source_kind source_fivetran;

#endif
