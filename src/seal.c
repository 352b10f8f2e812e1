#include "seal.h"

#include "buf.h"
#include "scan.h"
#include "sign.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DIGEST = 32, HEX = 2 * DIGEST };

static const char tail[] = "\n}";
static const char head[] = ",\n  \"seal\": \"";
static const char foot[] = "\"\n}\n";

static void
digest(const char *bytes, size_t n, char hex[HEX + 1])
{
	unsigned char sum[SIGN_MAX];

	sign_digest(SIGN_SHA256, bytes, n, sum);
	sign_hex(sum, DIGEST, hex);
}

void
seal_write(const char *text, size_t n, uint64_t generation, struct buf *out)
{
	size_t start = out->len;
	size_t body = n - strlen(tail);
	char hex[HEX + 1];

	buf_add(out, text, body);
	buf_printf(out, "%s%" PRIu64 " %zu ", head, generation, body);
	digest(out->data + start, out->len - start, hex);
	buf_puts(out, hex);
	buf_puts(out, foot);
}

/* Where the seal begins, or NULL: the last place that looks like it. */
static const char *
find(const char *file, size_t n)
{
	size_t len = strlen(head);
	size_t from = n > SEAL_SIZE ? n - SEAL_SIZE : 0;

	for (size_t i = n; i-- > from;)
		if (n - i >= len && memcmp(file + i, head, len) == 0)
			return file + i;
	return NULL;
}

bool
seal_open(const char *file, size_t n, uint64_t *generation, struct buf *out)
{
	const char *at = find(file, n);
	struct scan s;
	unsigned long number;
	unsigned long length;
	char hex[HEX + 1];

	if (at == NULL)
		return false;
	s.at = (const unsigned char *)at + strlen(head);
	s.left = n - (size_t)(at - file) - strlen(head);
	if (!scan_number(&s, UINT64_MAX, &number) || !scan_eat(&s, ' ') ||
	    !scan_number(&s, SIZE_MAX, &length) || !scan_eat(&s, ' ') ||
	    length != (size_t)(at - file) || s.left != HEX + strlen(foot))
		return false;
	digest(file, n - s.left, hex);
	if (!scan_word(&s, hex) || !scan_word(&s, foot))
		return false;
	*generation = number;
	buf_add(out, file, length);
	buf_puts(out, tail);
	return !out->full;
}

bool
seal_peek(const char *end, size_t n, uint64_t *generation)
{
	const char *at = find(end, n);
	unsigned long number;
	struct scan s;

	if (at == NULL)
		return false;
	s.at = (const unsigned char *)at + strlen(head);
	s.left = n - (size_t)(at - end) - strlen(head);
	if (!scan_number(&s, UINT64_MAX, &number))
		return false;
	*generation = number;
	return true;
}
