#include "buf.h"
#include "seal.h"

#include "tap.h"

static const char text[] = "{\n  \"key\": \"a\",\n  \"n\": 1\n}";

int
main(void)
{
	struct buf file = BUF_MAX(4096);
	struct buf got = BUF_MAX(4096);
	uint64_t generation = 0;
	size_t torn = 0;
	size_t flipped = 0;

	seal_write(text, strlen(text), 18446744073709551615u, &file);
	ok(file.len - strlen(text) <= SEAL_SIZE, "a seal has a bounded size");
	ok(strstr(file.data, "\"seal\": \"18446744073709551615 ") != NULL,
	    "it is a member of the object, for all to see");
	ok(seal_open(file.data, file.len, &generation, &got) &&
		generation == 18446744073709551615u,
	    "an unbroken seal opens");
	is(got.data, text, "and gives back what was sealed");

	generation = 0;
	ok(seal_peek(file.data + file.len - SEAL_SIZE / 2, SEAL_SIZE / 2,
	       &generation) == false,
	    "half of a seal tells no generation");
	ok(seal_peek(file.data, file.len, &generation) &&
		generation == 18446744073709551615u,
	    "the end of a file does");

	for (size_t n = 0; n < file.len; n++)
		torn += seal_open(file.data, n, &generation, &got);
	ok(torn == 0, "no file that was cut short opens");
	for (size_t i = 0; i < file.len; i++) {
		file.data[i] ^= 1;
		flipped += seal_open(file.data, file.len, &generation, &got);
		file.data[i] ^= 1;
	}
	ok(flipped == 0, "no file with a bit flipped opens");
	buf_puts(&file, "\n");
	ok(!seal_open(file.data, file.len, &generation, &got),
	    "nor one with a byte more");
	is(got.data, text, "and a failure adds nothing");
	ok(!seal_open("", 0, &generation, &got), "nor an empty one");
	buf_free(&file);
	buf_free(&got);
	return tap_done();
}
