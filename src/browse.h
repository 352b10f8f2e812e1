/*
 * list: the alerts in the spool, a line each, or as JSON.
 */
#ifndef BROWSE_H
#define BROWSE_H

struct arena;
struct catalog;
struct command;
struct command_call;
struct setup;

extern const struct command browse_list;

/*
 * For every command that looks into the spool: configuration, owner, catalog.
 * EX_OK, or says why not and returns the exit status.  browse_close is
 * safe whatever the result.
 */
int browse_open(
    const struct command_call *call, struct setup *s, struct catalog *c);
void browse_close(struct setup *s, struct catalog *c);

#endif
