#include "buf.h"
#include "fail.h"
#include "lock.h"
#include "seal.h"
#include "spool.h"

#include "tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char id[] = "0123456789abcdef0123456789abcdef";
static const char text1[] = "{\n  \"n\": 1\n}";
static const char text2[] = "{\n  \"n\": 2\n}";

static char root[] = "/tmp/spool.XXXXXX";
static struct spool sp;
static struct spool_box box;

static bool
store(const char *text, uint64_t generation)
{
	struct buf b = BUF_MAX(1000);
	struct fail f = { 0 };
	bool did;

	buf_puts(&b, text);
	did = spool_store(&box, id, generation, &b, NULL, &f);
	buf_free(&b);
	return did;
}

/* All steps of it. */
static bool
settle(void)
{
	struct fail f = { 0 };

	return spool_link(&box, id, &f) && spool_sync_settled(&box, id, &f) &&
	    spool_unlink(&box, id, &f);
}

static const char *
load(struct spool_found *found)
{
	static struct buf b;
	struct fail f = { 0 };

	if (b.size > 0)
		buf_free(&b);
	b = BUF_MAX(1000);
	if (!spool_load(&box, id, &b, found, &f))
		return "(failed)";
	return b.data;
}

static int
files_in(const char *dir)
{
	char path[200];
	DIR *d;
	struct dirent *e;
	int n = 0;

	(void)snprintf(path, sizeof(path), "%s/%s", root, dir);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	if (d != NULL)
		closedir(d);
	return n;
}

/* Spoil one byte of a file. */
static void
spoil(const char *file)
{
	char path[200];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", root, file);
	fd = open(path, O_WRONLY);
	if (pwrite(fd, "X", 1, 3) != 1)
		abort();
	close(fd);
}

static void
tickets(void)
{
	struct spool_found found;
	struct fail f = { 0 };

	is(load(&found), "", "what is not there reads as nothing");
	ok(!found.there && found.generation == 0, "and is not there");
	ok(store(text1, 1), "a ticket is stored");
	is(load(&found), text1, "and reads as it was written");
	ok(found.there && found.pending && found.generation == 1,
	    "from pending, with its generation");
	ok(files_in("tmp") == 0, "tmp is empty again");
	ok(settle(), "it settles");
	is(load(&found), text1, "and reads the same");
	ok(!found.pending && files_in("d/pending") == 0, "from settled");
	ok(store(text2, 2), "a write brings it back to pending");
	is(load(&found), text2, "where the higher generation is the ticket");
	ok(settle() && files_in("d/pending") == 0,
	    "and takes the place of the one that is settled");
	is(load(&found), text2, "which is the ticket then");
	ok(store(text1, 1) && settle() && store(text2, 0),
	    "an older copy in pending");
	is(load(&found), text1, "the higher generation wins wherever it is");
	ok(found.pending && found.settled, "and it counts as pending");
	ok(spool_unlink(&box, id, &f) && files_in("d/pending") == 0,
	    "what was overtaken goes");
	is(load(&found), text1, "and leaves the newer where it is");
	ok(store(text2, 0), "an older copy again");
	spoil("d/pending/0123456789abcdef0123456789abcdef.json");
	is(load(&found), text1, "a torn copy does not hide the other");
	ok(found.corrupt && files_in("corrupt") == 1, "and is set aside");
	ok(spool_remove(&box, id, &f), "a ticket can be removed");
	is(load(&found), "", "and is no more");
}

static void
drafts(void)
{
	struct spool_draft d = { .fd = -1 };
	struct buf b = BUF_MAX(1000);
	struct buf longer = BUF_MAX(9000);
	struct fail f = { 0 };
	struct spool_found found;

	buf_puts(&b, text2);
	buf_printf(&longer, "{\n  \"n\": \"%08000d\"\n}", 3);
	ok(spool_draft(&box, id, 5, &b, &d, &f), "a ticket is written ahead");
	ok(files_in("tmp") == 1 && files_in("d/pending") == 0, "in tmp");
	ok(spool_draft_sync(&d, &f) && spool_publish(&box, id, &d, &f),
	    "and gets its name later");
	is(load(&found), text2, "whole");
	ok(found.generation == 5 && files_in("tmp") == 0 && d.fd == -1,
	    "and once");
	ok(spool_draft(&box, id, 6, &longer, &d, &f) &&
		spool_store(&box, id, 6, &b, &d, &f),
	    "or another text takes its file");
	is(load(&found), text2, "which is cut to its length");
	ok(files_in("tmp") == 0 && d.fd == -1, "nothing stays");
	ok(spool_generation(&box, id) == 6, "whose end tells its generation");
	ok(spool_generation(&box, "00000000000000000000000000000000") == 0,
	    "which one that is not there has not");
	ok(spool_draft(&box, id, 7, &b, &d, &f), "or it is");
	spool_draft_drop(&box, &d);
	ok(files_in("tmp") == 0, "given up");
	buf_free(&longer);
	ok(spool_bury(&box, id, 7, &b, &f) && files_in("d/dead") == 1,
	    "a dead letter is written");
	b.full = true;
	ok(!spool_store(&box, id, 6, &b, NULL, &f) && f.kind == FAIL_BROKEN,
	    "half a text is not");
	buf_free(&b);
	ok(!spool_store(&box, id, 6, &b, NULL, &f), "nor none");
	b = BUF_MAX(SPOOL_FILE_MAX);
	(void)memset(buf_room(&b, SPOOL_FILE_MAX), ' ', SPOOL_FILE_MAX);
	buf_grew(&b, SPOOL_FILE_MAX);
	ok(!spool_store(&box, id, 6, &b, NULL, &f),
	    "nor what is too much to be read again");
	is(load(&found), text2, "and what was there stays");
	buf_free(&b);
}

/* Of so many bytes. */
static void
fill(struct buf *b, size_t n)
{
	size_t inside = n - strlen("{\n\"x\":\"\"\n}");

	buf_reset(b);
	buf_puts(b, "{\n\"x\":\"");
	(void)memset(buf_room(b, inside), 'x', inside);
	buf_grew(b, inside);
	buf_puts(b, "\"\n}");
}

static void
largest(void)
{
	static const size_t less[] = { 0, 1, 4096, 16383, 16384, 16385 };
	struct buf b = BUF_MAX(SPOOL_FILE_MAX);
	struct buf got = BUF_MAX(SPOOL_FILE_MAX);

	for (size_t i = 0; i < sizeof(less) / sizeof(less[0]); i++) {
		struct spool_found found;
		struct fail f = { 0 };

		fill(&b, SPOOL_FILE_MAX - SEAL_SIZE - less[i]);
		ok(spool_store(&box, id, UINT64_MAX, &b, NULL, &f),
		    "%zu bytes are written: %s", b.len, f.text);
		buf_reset(&got);
		ok(spool_load(&box, id, &got, &found, &f) && found.there &&
			!found.corrupt && strcmp(got.data, b.data) == 0,
		    "and read: %s", f.text);
	}
	fill(&b, SPOOL_FILE_MAX - SEAL_SIZE + 1);
	(void)store(text2, 7);
	ok(!spool_store(&box, id, 8, &b, NULL, &(struct fail){ 0 }),
	    "one byte more is not");
	buf_free(&b);
	buf_free(&got);
}

static size_t
walked(enum spool_where where)
{
	struct spool_walk w;
	struct spool_name n;
	size_t count = 0;

	spool_walk_open(&box, where, &w);
	while (spool_walk_next(&w, &n))
		count += strcmp(n.id, id) == 0;
	spool_walk_close(&w);
	return count;
}

static void
walks(void)
{
	struct spool_walk w;
	struct spool_name n;
	int fd = openat(box.pending, "strange", O_CREAT | O_WRONLY, 0600);

	close(fd);
	ok(walked(SPOOL_PENDING) == 1, "a walk finds the pending ticket");
	ok(walked(SPOOL_SETTLED) == 0, "and none settled");
	(void)settle();
	ok(walked(SPOOL_SETTLED) == 1, "then settled, in any of 256 places");
	ok(walked(SPOOL_DEAD) == 1, "and the dead letter");
	spool_ring(&box, id);
	spool_walk_bells(&box, &w);
	ok(spool_walk_next(&w, &n) && strcmp(n.id, id) == 0, "a bell is heard");
	spool_walk_close(&w);
	spool_unring(&box, id);
	ok(files_in("d/bell") == 0, "once");
}

static void
locks(void)
{
	struct lock_hand one;
	struct lock_hand two;
	struct fail f = { 0 };
	int status;

	ok(lock_open(box.dir, &one, &f) && lock_open(box.dir, &two, &f),
	    "hands open");
	ok(lock_try(&one, LOCK_CLAIM, id, &f) == LOCK_GOT, "a claim is got");
	ok(lock_try(&two, LOCK_CLAIM, id, &f) == LOCK_BUSY,
	    "by one hand, also in one process");
	ok(lock_try(&two, LOCK_EDIT, id, &f) == LOCK_GOT,
	    "edit is another lock");
	ok(lock_try(&two, LOCK_CLAIM, "1123456789abcdef0123456789abcdef", &f) ==
		LOCK_GOT,
	    "another ticket is another lock");
	lock_drop(&one, LOCK_CLAIM, id);
	ok(lock_try(&two, LOCK_CLAIM, id, &f) == LOCK_GOT,
	    "until it is dropped");
	(void)fflush(stdout);
	if (fork() == 0)
		_exit(lock_try(&one, LOCK_CLAIM, id, &f) == LOCK_BUSY ? 0 : 1);
	wait(&status);
	ok(status == 0, "another process finds it busy");
	(void)renameat(box.dir, "lock", box.dir, "lock.old");
	close(openat(box.dir, "lock", O_CREAT | O_WRONLY, 0600));
	ok(lock_try(&one, LOCK_STATE, NULL, &f) == LOCK_FAILED,
	    "a lock file that was replaced locks nothing");
	lock_close(&one);
	lock_close(&two);
}

static void
states(void)
{
	struct buf b = BUF_MAX(2000);
	struct buf got = BUF_MAX(2000);
	struct stat st;

	buf_puts(&b, "{}");
	spool_record_put(&box, "state.json", &b);
	spool_record_get(&box, "state.json", &got);
	ok(memcmp(got.data, "{} ", 3) == 0, "a state reads as it was written");
	(void)fstatat(box.dir, "state.json", &st, 0);
	ok(st.st_size == SPOOL_STATE && got.len == SPOOL_STATE,
	    "padded to its size");
	buf_free(&b);
	buf_free(&got);
}

static void
refusals(void)
{
	struct fail f = { 0 };
	struct spool other;
	char command[300];

	ok(!spool_open(&other, "/nonexistent/spool", &f),
	    "a spool that is not there does not open");
	(void)chmod(root, 0777);
	f = (struct fail){ 0 };
	ok(!spool_open(&other, root, &f) && strstr(f.text, "chmod 700"),
	    "nor one that others may write to, and the cure is said");
	(void)chmod(root, 0700);
	f = (struct fail){ 0 };
	ok(spool_room(&sp, 1, 1, &f), "there is room %s", f.text);
	ok(!spool_room(&sp, 1, SIZE_MAX / 2, &f) && f.kind == FAIL_RETRY,
	    "not for everything");
	other = (struct spool){ .dir = -1 };
	f = (struct fail){ 0 };
	ok(spool_room(&other, 1, 1, &f) && f.kind == FAIL_NONE,
	    "what cannot be measured is not said to be full %s", f.text);
	spool_box_close(&box);
	spool_close(&sp);
	(void)snprintf(command, sizeof(command), "rm -r %s", root);
	ok(system(command) == 0, "all is cleared away");
}

int
main(void)
{
	struct fail f = { 0 };

	ok(mkdtemp(root) != NULL && spool_open(&sp, root, &f) &&
		spool_box_open(&sp, "d", &box, &f),
	    "a spool opens, and a box in it %s", f.text);
	ok(files_in("d/settled") == 256, "with 256 places for what is settled");
	tickets();
	drafts();
	largest();
	walks();
	states();
	locks();
	refusals();
	return tap_done();
}
