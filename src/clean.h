/*
 * The environment that the libraries obey, removed (facts/webservers-and-c.md,
 * 5.3): proxies, certificate stores, OpenSSL's, curl's and the resolver's.
 */
#ifndef CLEAN_H
#define CLEAN_H

/* umask 077, no core, and the variables above are gone. */
void clean_process(void);

#endif
