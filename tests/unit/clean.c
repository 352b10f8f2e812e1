#include "clean.h"

#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *name;
	bool stays;
	const char *why;
} variables[] = {
	{ "http_proxy", false, "curl would send http through a proxy" },
	{ "HTTP_PROXY", false, "a header could set it (httpoxy)" },
	{ "no_proxy", false, "curl would leave one out" },
	{ "https_proxy", false, "curl would send our alerts to a proxy" },
	{ "HTTPS_PROXY", false, "in either case" },
	{ "ALL_PROXY", false, "whatever the scheme" },
	{ "SSL_CERT_FILE", false, "OpenSSL would trust other certificates" },
	{ "SSL_CERT_DIR", false, "or a directory of them" },
	{ "SSLKEYLOGFILE", false, "curl would write the session keys there" },
	{ "OPENSSL_CONF", false, "OpenSSL would load engines from there" },
	{ "CURL_SSL_BACKEND", false, "curl would change its TLS library" },
	{ "OPENSSL_MODULES", false, "or providers" },
	{ "OPENSSL_ia32cap", false, "or compute otherwise" },
	{ "CURL_HOME", false, "curl would read a file there" },
	{ "LD_PRELOAD", false, "a child would load it" },
	{ "LD_LIBRARY_PATH", false, "or other libraries" },
	{ "LD_AUDIT", false, "or this one beside them" },
	{ "RES_OPTIONS", false, "the resolver would obey" },
	{ "LOCALDOMAIN", false, "the resolver would search there" },
	{ "HOSTALIASES", false, "the resolver would rename hosts" },
	{ "PATH", true, "others stay" },
	{ "SSL_CERTAINLY", true, "a name that only begins alike stays" },
	{ "RES_OPTIONS2", true, "so does one that is longer" },
	{ "PROXY", true, "so does one that is shorter" },
	{ "REQUEST_METHOD", true, "CGI needs its own" },
	{ "BELLRELAY_CONFIG", true, "so do we" },
};

enum { N = sizeof(variables) / sizeof(variables[0]) };

/* How a process ends that is cleaned and then dies by a signal. */
static int
death(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

		(void)setrlimit(RLIMIT_CORE, &all);
		clean_process();
		(void)signal(SIGQUIT, SIG_DFL);
		(void)raise(SIGQUIT);
	}
	(void)waitpid(child, &status, 0);
	return status;
}

/* Which descriptor the first file gets where all three were closed. */
static int
first_file(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		for (int fd = 0; fd <= STDERR_FILENO; fd++)
			(void)close(fd);
		clean_process();
		_exit(open("/dev/null", O_RDONLY));
	}
	(void)waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int
main(void)
{
	struct rlimit core;
	struct rlimit files;
	int file = first_file();
	int status = death();

	for (size_t i = 0; i < N; i++)
		(void)setenv(variables[i].name, "value", 1);
	(void)umask(0);
	(void)getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = 64;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	clean_process();
	for (size_t i = 0; i < N; i++)
		ok((getenv(variables[i].name) != NULL) == variables[i].stays,
		    "%s: %s", variables[i].name, variables[i].why);
	is(getenv("PATH"), "value", "what stays keeps its value");
	ok(umask(0) == 077, "new files are the owner's alone");
	ok(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 &&
		core.rlim_max == 0,
	    "no core, for good");
	ok(prctl(PR_GET_DUMPABLE) == 0,
	    "nor one through a pipe, to which the limit does not apply");
	ok(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
	    "no new privileges, whatever is started");
	ok(getrlimit(RLIMIT_NOFILE, &files) == 0 &&
		files.rlim_cur ==
		    (files.rlim_max < 65536 ? files.rlim_max : 65536),
	    "as many open files as are allowed, within reason");
	ok(WIFSIGNALED(status) && !WCOREDUMP(status),
	    "a signal that dumps core dumps none");
	ok(file > STDERR_FILENO,
	    "no file becomes the log where there was none (%d)", file);
	(void)clearenv();
	clean_process();
	ok(true, "an empty environment is clean already");
	return tap_done();
}
