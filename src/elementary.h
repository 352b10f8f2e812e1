/*
 * Elementary's alerts as `edr monitor` posts them in its workflow mode
 * (facts/elementary.md, 1.3).
 *
 * Proof: HTTP Basic, which is how edr sends what stands before the @ of a
 * URL, or a token in the path.  It sends no content type.
 *
 * A body is one alert, a list of them, or the text that edr sends after it
 * was refused, which holds the same JSON, perhaps cut short: an alert torn
 * before its other names is named by its own id.  What nobody foresaw or
 * cannot be read rings as warn.  Each alert replaces what was known.  edr
 * never says that one is over; a source of kind dbt with the same namespace
 * does.
 *
 * Options: secret_file; report_url, where Elementary's report is.
 */
#ifndef ELEMENTARY_H
#define ELEMENTARY_H

#include "source.h"

extern const struct source_kind source_elementary;

#endif
