/*
 * How a Monte Carlo alert reads to people: title and description.
 *
 * incident.io shows the words of an alert's first event for as long as it is
 * open (facts/incidentio.md, 0.6), so they hold only what stays true: what
 * broke and where, never an owner, a severity or a feedback.
 *
 * A webhook is boiled down to facts, few and bounded, kept with the alert; the
 * merged facts make the words.  The members of facts are
 *
 *	says	what the first event that says something says
 *	said	how many events say something
 *	nature	"volume" or "freshness", if all that is known says so
 *	rule	the rule, as its author described it
 *	lines	Markdown, a line an event, of the first events
 *	more	how many events have no line
 */
#ifndef MCTEXT_H
#define MCTEXT_H

struct arena;
struct tree;

/*
 * The facts in a webhook's payload, as a change: null where an event_list
 * or a rule is there but does not say.  rule is what mctext_rule found.
 */
struct tree *mctext_facts(
    const struct tree *payload, const struct tree *rule, struct arena *a);

/* The rule that was broken: the first event's that has one, else the
 * payload's.  NULL if there is none. */
const struct tree *mctext_rule(const struct tree *payload);

/* What an event is about: its table as it was sent, or NULL. */
const struct tree *mctext_table(const struct tree *event);

/* Set title and description from facts and metadata. */
void mctext_word(struct tree *alert, struct arena *a);

#endif
