/*
 * incident.io's own alert events (facts/incidentio.md, 1): whoever can send
 * them to incident.io can send them here, also at
 * BASE/v2/alert_events/http/<source>, and is answered as incident.io answers:
 * 202 with status, message and deduplication_key, or its envelope of errors.
 *
 * Proof: the secret as incident.io takes its token: Authorization Bearer, or
 * Basic (as password, or as user without one), or ?token=; or in the path.
 *
 * The key is the sender's own, so that it is the one that incident.io knows;
 * where a namespace is configured it is <namespace>/<key>, and the answer still
 * says the sender's.
 *
 * An event replaces what was known of its key.  What incident.io requires or
 * would refuse degrades, so that it rings: a status that is none is firing, a
 * missing title is the description's first line, a key that is missing is the
 * digest of namespace, title and source_url; if both are missing, of the
 * description; if that is too, of all but the status.  A list or an object in
 * the place of a text is kept in the metadata, under that name, and as a key
 * makes another alert of it.  What holds nothing of an event at all is refused
 * with 422, as incident.io does.
 *
 * Monte Carlo's own channel "incident.io" posts its webhook: it is known by
 * its shape and read as montecarlo.h says.
 */
#ifndef INCIDENTIO_H
#define INCIDENTIO_H

#include "source.h"

extern const struct source_kind source_incidentio;

#endif
