#include "clean.h"

#include "array.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 1 << 16 };

/* A name that ends in _ stands for all that begin so, one that begins with _
 * for all that end so in either case. */
static const char *const obeyed[] = {
	/* libcurl, curl(1) "ENVIRONMENT" */
	"_PROXY",
	"CURL_",
	"SSLKEYLOGFILE",
	"NETRC",
	/* OpenSSL, openssl-env(7) */
	"SSL_CERT_",
	"OPENSSL_",
	"CTLOG_FILE",
	"RANDFILE",
	/* ld.so(8), resolver(5) and the rest of glibc */
	"LD_",
	"RES_OPTIONS",
	"LOCALDOMAIN",
	"HOSTALIASES",
	"RESOLV_",
	"GLIBC_TUNABLES",
	"MALLOC_",
	"GCONV_PATH",
	"LOCPATH",
	"NLSPATH",
};

static bool
matches(const char *name, size_t len, const char *pattern)
{
	size_t n = strlen(pattern);

	if (len < n)
		return false;
	if (pattern[0] == '_')
		return strncasecmp(name + len - n, pattern, n) == 0;
	return strncmp(name, pattern, n) == 0 &&
	    (len == n || pattern[n - 1] == '_');
}

static bool
is_obeyed(const char *variable)
{
	size_t len = strcspn(variable, "=");

	for (size_t i = 0; i < COUNT(obeyed); i++)
		if (matches(variable, len, obeyed[i]))
			return true;
	return false;
}

/*
 * A descriptor that is closed would become the first file that we open.
 * What stands in for it can be neither read nor written, as before.
 */
static void
keep_descriptors(void)
{
	static const int modes[] = { O_WRONLY, O_RDONLY, O_RDWR };

	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
			(void)open("/dev/null", modes[fd]);
}

/* Each destination takes some.  The soft limit, 1,024, is what select() can
 * count; we wait with poll(), and so does libfcgi where it serves us. */
static void
raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == -1 ||
	    files.rlim_cur >= FILES_MAX)
		return;
	files.rlim_cur =
	    files.rlim_max < FILES_MAX ? files.rlim_max : FILES_MAX;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

void
clean_process(void)
{
	const struct rlimit none = { 0, 0 };
	char **kept = environ;

	for (char **at = environ; at != NULL && *at != NULL; at++)
		if (!is_obeyed(*at))
			*kept++ = *at;
	if (kept != NULL)
		*kept = NULL;
	(void)umask(077);
	/* The limit does not hold for a core that goes to a program (core(5)),
	 * as it does under systemd-coredump and apport, and it would hold our
	 * secrets; a process that is not dumpable makes none at all. */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	/* What we might be made to start gains nothing by its set-uid bit. */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	raise_files();
	keep_descriptors();
}
