/*
 * The environment that the libraries obey, removed (facts/webservers-and-c.md,
 * 5.3): proxies, certificate stores, OpenSSL's, curl's and the resolver's.
 */
#ifndef CLEAN_H
#define CLEAN_H

/*
 * umask 077, no core (the process is not dumpable), no new privileges, as many
 * open files as are allowed, and the variables above are gone; all others stay,
 * for CGI and for ${NAME} in the configuration. Of the first three descriptors
 * none is closed: the log would else be written into whatever is opened first.
 * Before any thread and any use of a library.
 */
void clean_process(void);

#endif
