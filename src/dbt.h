/*
 * dbt: the webhooks of dbt Cloud's jobs, and dbt's own run_results.json and
 * sources.json posted as they are (facts/elementary.md, 6).
 *
 * Proof: Authorization holds the hex HMAC-SHA256 of the body, as dbt Cloud
 * has it, or HTTP Basic; or a token is in the path.
 *
 * A result that failed is an alert under the key that a source of kind
 * elementary with the same namespace gives it.  One that passed resolves what
 * is open under that key, whoever opened it, and is nothing if nothing is; but
 * a run that looks at no data, or at a sample of it, resolves nothing.  A job
 * is an alert of its own: its next success resolves it.
 *
 * A result whose status nobody foresaw has failed.  What cannot be read, and a
 * job's event or status that nobody foresaw, rings as warn, the event under a
 * key of its own.
 *
 * Options: secret_file; cloud_url, where dbt Cloud is, for links to runs;
 * failures = ring | ignore, the latter where edr sends the same failures and
 * only the passes are wanted.
 */
#ifndef DBT_H
#define DBT_H

#include "source.h"

extern const struct source_kind source_dbt;

#endif
