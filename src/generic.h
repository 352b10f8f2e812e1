/*
 * Any sender of JSON, as the configuration describes it (DESIGN.md, 3b; ready
 * descriptions are in samples/generic/).
 *
 * Proof: proof = token (in the path) | basic | bearer | header (holds the
 * secret) | hmac (of the body, in the header) | standard-webhooks.
 *
 *	secret_file	one secret a line
 *	header		its name, for header and hmac
 *	algorithm	sha256 | sha1 | sha512
 *	encoding	hex | base64
 *	prefix		what stands before the digest, such as "sha256="
 *
 * Where things stand: each option is a list of entries, tried in turn.  An
 * entry that begins with / is a JSON Pointer (RFC 6901) into the alert; in
 * others {/pointer} is what stands there, and all else is said as it is.  An
 * entry counts if all its pointers lead to something.  Beyond the RFC, * as a
 * step leads to every member of a list; several values are joined by commas,
 * but of url and severity the first counts.
 *
 *	each		lists of alerts in the body, else the body is the one
 *			alert, or, if it is a list, each of its members
 *	key title description url type
 *	test_description connector failure_reason
 *			the first entry that counts
 *	status		the same; several values: firing if one is
 *	status_map	"value=firing", =resolved or =ignored, which is no
 *			alert; whatever the case of letters, and whether with _
 *			or -.  A value that is neither mapped nor one of the
 *			three is firing
 *	severity	the first; what has no pointer is for all that say none
 *	severity_map	"value=severity", found likewise; what was sent is
 *			severity_sent
 *	owners tags tables
 *			all entries together
 *	sender		metadata.source; else the source's name
 *	markdown	on | off: whether what is found for description is
 *
 * What leads nowhere is left out.  Without a key the key is the digest of all
 * of the alert but its status: any less could be the same in two alerts.  The
 * description shows the alert as it came where nothing else would tell what it
 * is: where no pointer leads to a description, nor to a title of an alert that
 * has a key.  A resolve of what is not known to fire is no alert: most such
 * senders tell of each success.
 */
#ifndef GENERIC_H
#define GENERIC_H

#include "source.h"

extern const struct source_kind source_generic;

#endif
