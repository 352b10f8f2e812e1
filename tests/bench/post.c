/*
 * The bare POST: libcurl, one connection, nothing kept, nothing read.
 *
 *	post URL BODY COUNT
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

static size_t
ignore(char *data, size_t size, size_t n, void *given)
{
	(void)data;
	(void)given;
	return size * n;
}

int
main(int argc, char **argv)
{
	static char body[1 << 20];
	struct curl_slist *headers = NULL;
	CURL *curl;
	FILE *f;
	size_t n;

	if (argc != 4 || (f = fopen(argv[2], "rb")) == NULL)
		return 64;
	n = fread(body, 1, sizeof(body), f);
	fclose(f);
	headers = curl_slist_append(headers, "Content-Type: application/json");
	headers = curl_slist_append(
	    headers, "Authorization: Bearer 0123456789abcdef0123456789abcdef");
	curl = curl_easy_init();
	curl_easy_setopt(curl, CURLOPT_URL, argv[1]);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)n);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
	for (long i = atol(argv[3]); i > 0; i--) {
		long status = 0;

		if (curl_easy_perform(curl) != CURLE_OK)
			return 1;
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
		if (status != 202)
			return 1;
	}
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	curl_global_cleanup();
	return 0;
}
