/*
 * Monte Carlo's webhooks (facts/montecarlo.md; DESIGN.md, 3).
 *
 * Proof: X-MCD-Signature, 128 lower-case hex digits, HMAC-SHA512 over the text
 * of pyrepr.h.
 *
 * A webhook is a change: what it carries is set, a null clears, what is absent
 * stays.  alert_feedback, declared_alert_severity and owner may stand in
 * `payload` or beside it; if in both, payload counts.  A rule may stand in an
 * event or in payload; if in both, the event's counts.
 *
 * Options: secret_file, and verify = on | off.
 */
#ifndef MONTECARLO_H
#define MONTECARLO_H

#include "source.h"

extern const struct source_kind source_montecarlo;

#endif
