#include "catalog.h"

#include "buf.h"
#include "command.h"
#include "conf.h"
#include "fail.h"
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BOXES_MAX = 1 << 20, /* bytes of lists */
	LETTERS_MAX = 1 << 28,
	NAMES_MAX = 1 << 30,
	PROBES = 256, /* files that are looked for by name */
};

/* ---- destinations ---- */

/* Only what has the look of one: the other directories have no pending. */
static bool
is_box(const struct spool *sp, const char *name)
{
	struct arena a = { 0 };
	struct stat st;
	bool is;

	if (name[0] == '.')
		return false;
	is = fstatat(sp->dir, arena_printf(&a, "%s/pending", name), &st,
		 AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode);
	arena_free(&a);
	return is;
}

static int
by_name(const void *x, const void *y)
{
	const struct catalog_box *a = x;
	const struct catalog_box *b = y;

	return strcmp(a->name, b->name);
}

static bool
add_boxes(struct catalog *c, DIR *d, const struct conf *conf, struct fail *f)
{
	struct buf list = BUF_MAX(BOXES_MAX);
	struct dirent *e;
	bool did;
	size_t n;

	while (errno = 0, (e = readdir(d)) != NULL)
		if (is_box(&c->spool, e->d_name)) {
			struct catalog_box b = { .name = arena_str(
						     &c->arena, e->d_name) };

			b.orphan = conf_destination(conf, b.name) == NULL;
			buf_add(&list, &b, sizeof(b));
		}
	did = errno == 0 || fail_sys(f, conf->spool);
	n = list.len / sizeof(*c->boxes);
	c->boxes = (void *)arena_copy(&c->arena, list.data, list.len);
	buf_free(&list);
	qsort(c->boxes, n, sizeof(*c->boxes), by_name);
	while (did && c->n < n) {
		struct catalog_box *b = &c->boxes[c->n];

		did = spool_box_open(&c->spool, b->name, &b->box, f);
		c->n += did;
	}
	return did;
}

bool
catalog_open(struct catalog *c, const struct conf *conf, struct fail *f)
{
	int fd;
	DIR *d;
	bool did;

	*c = (struct catalog){ .n = 0 };
	if (!spool_open(&c->spool, conf->spool, f))
		return false;
	fd = openat(c->spool.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd == -1 ? NULL : fdopendir(fd);
	did = d != NULL ? add_boxes(c, d, conf, f) : fail_sys(f, conf->spool);
	if (d != NULL)
		(void)closedir(d);
	else if (fd != -1)
		(void)close(fd);
	if (!did)
		catalog_close(c);
	return did;
}

void
catalog_close(struct catalog *c)
{
	for (size_t i = 0; i < c->n; i++)
		spool_box_close(&c->boxes[i].box);
	c->n = 0;
	spool_close(&c->spool);
	arena_free(&c->arena);
}

struct catalog_box *
catalog_find(const struct catalog *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->boxes[i].name, name) == 0)
			return &c->boxes[i];
	return NULL;
}

/* ---- tickets ---- */

static bool
look(const struct catalog_box *b, enum spool_where where, const char *name,
    struct catalog_ticket *out, struct arena *a, struct fail *f)
{
	struct buf text = BUF_MAX(SPOOL_FILE_MAX);
	bool did = spool_look(&b->box, where, name, &text, f);

	if (did) {
		const char *kept = arena_copy(a, text.data, text.len);

		did = ticket_parse(kept, text.len, &out->ticket, a, f) &&
		    tree_parse(kept, text.len, a, &out->whole, f);
	}
	out->where = where;
	buf_free(&text);
	return did;
}

/*
 * A ticket on its way from one place to the other is for a moment in both,
 * never in none; a copy in pending is never the older one.
 */
bool
catalog_ticket(const struct catalog_box *b, const char *id,
    struct catalog_ticket *out, struct arena *a, struct fail *f)
{
	char name[SPOOL_ID + 16];

	(void)snprintf(name, sizeof(name), "%s.json", id);
	if (look(b, SPOOL_PENDING, name, out, a, f))
		return true;
	if (f->kind != FAIL_NONE)
		return false;
	(void)snprintf(name, sizeof(name), "%.2s/%s.json", id, id);
	return look(b, SPOOL_SETTLED, name, out, a, f);
}

/* A repeat says again what the destination has accepted. */
static bool
is_owed(const struct ticket_event *head)
{
	return head != NULL && !head->repeat;
}

size_t
catalog_owed(const struct spool_box *b)
{
	const struct catalog_box at = { .box = *b };
	struct arena a = { 0 };
	struct spool_walk w;
	struct spool_name name;
	size_t n = 0;

	spool_walk_open(b, SPOOL_PENDING, &w);
	while (spool_walk_next(&w, &name)) {
		struct catalog_ticket t;
		struct fail f = { 0 };

		if (look(&at, SPOOL_PENDING, name.name, &t, &a, &f))
			n += is_owed(ticket_head(&t.ticket));
		else
			n += f.kind != FAIL_NONE;
		arena_reset(&a);
	}
	spool_walk_close(&w);
	n += w.broken != 0;
	arena_free(&a);
	return n;
}

bool
catalog_walked(const struct catalog_box *b, struct spool_walk *w)
{
	spool_walk_close(w);
	if (w->broken != 0)
		command_say("%s: cannot be listed whole: %s; look at the disk, "
			    "and at the modes below the spool",
		    b->name, strerror(w->broken));
	return w->broken == 0;
}

/* ---- dead letters ---- */

bool
catalog_letter(const struct catalog_box *b, const char *name,
    struct catalog_letter *out, struct arena *a, struct fail *f)
{
	struct buf text = BUF_MAX(SPOOL_FILE_MAX);
	struct tree *t = NULL;
	bool did = spool_look(&b->box, SPOOL_DEAD, name, &text, f) &&
	    tree_parse(arena_copy(a, text.data, text.len), text.len, a, &t, f);

	*out =
	    (struct catalog_letter){ .name = arena_str(a, name), .whole = t };
	buf_free(&text);
	if (!did)
		return false;
	out->key = tree_cstr(tree_get(t, "key"), a);
	out->source = tree_cstr(tree_get(t, "source"), a);
	out->why = tree_cstr(tree_get(t, "why"), a);
	out->answer = tree_cstr(tree_get(t, "answer"), a);
	out->at = tree_get_num(t, "at");
	out->status = tree_get_num(t, "answer_status");
	out->n = tree_get_num(tree_get(t, "event"), "n");
	out->resolved = tree_says(tree_at(t, "/event/status"), "resolved");
	out->superseded = tree_is(tree_get(t, "superseded"), TREE_TRUE);
	out->body = tree_at(t, "/event/body");
	return true;
}

static int
by_serial(const void *x, const void *y)
{
	const struct catalog_letter *a = x;
	const struct catalog_letter *b = y;

	return (a->n > b->n) - (a->n < b->n);
}

static int
by_file(const void *x, const void *y)
{
	const struct spool_name *a = x;
	const struct spool_name *b = y;

	return strcmp(a->name, b->name);
}

static size_t
count(const struct catalog_dead *d)
{
	return d->names.len / sizeof(struct spool_name);
}

static const struct spool_name *
name_at(const struct catalog_dead *d, size_t i)
{
	return (const struct spool_name *)(const void *)d->names.data + i;
}

bool
catalog_list_dead(const struct catalog_box *b, struct catalog_dead *out)
{
	struct spool_walk w;
	struct spool_name name;

	*out = (struct catalog_dead){ b, BUF_MAX(NAMES_MAX) };
	spool_walk_open(&b->box, SPOOL_DEAD, &w);
	while (spool_walk_next(&w, &name))
		buf_add(&out->names, &name, sizeof(name));
	qsort(out->names.data, count(out), sizeof(name), by_file);
	return catalog_walked(b, &w);
}

void
catalog_forget_dead(struct catalog_dead *d)
{
	buf_free(&d->names);
}

bool
catalog_next_dead(
    const struct catalog_dead *d, size_t *i, char id[SPOOL_ID + 1])
{
	if (*i >= count(d))
		return false;
	memcpy(id, name_at(d, *i)->id, SPOOL_ID + 1);
	while (*i < count(d) && strcmp(name_at(d, *i)->id, id) == 0)
		++*i;
	return true;
}

/* Where the names of an alert begin, or would. */
static size_t
first_of(const struct catalog_dead *d, const char *id)
{
	size_t low = 0;
	size_t high = count(d);

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(name_at(d, mid)->id, id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool
catalog_has_dead(const struct catalog_dead *d, const char *id)
{
	size_t i = first_of(d, id);

	return i < count(d) && strcmp(name_at(d, i)->id, id) == 0;
}

static bool
is_listed(const struct catalog_dead *d, const struct spool_name *name)
{
	return count(d) > 0 &&
	    bsearch(name, d->names.data, count(d), sizeof(*name), by_file) !=
	    NULL;
}

/* The serial that the alert's next event will have: none of its dead letters
 * is of a higher one. */
static uint64_t
next_serial(const struct catalog_box *b, const char *id, struct fail *f)
{
	struct catalog_ticket t;
	struct arena a = { 0 };
	uint64_t next = 1;

	if (catalog_ticket(b, id, &t, &a, f))
		next = t.ticket.next;
	arena_free(&a);
	return next;
}

static void
add_letter(const struct catalog_box *b, const char *name, struct buf *list,
    struct arena *a, struct fail *f)
{
	struct catalog_letter l;

	if (catalog_letter(b, name, &l, a, f))
		buf_add(list, &l, sizeof(l));
}

static void
add_listed(const struct catalog_dead *d, const char *id, struct buf *list,
    struct arena *a, struct fail *f)
{
	for (size_t i = first_of(d, id);
	     i < count(d) && strcmp(name_at(d, i)->id, id) == 0; i++)
		add_letter(d->at, name_at(d, i)->name, list, a, f);
}

/* What was buried after the list, of the serials that the alert has given. */
static void
add_later(const struct catalog_dead *d, const char *id, uint64_t next,
    struct buf *list, struct arena *a, struct fail *f)
{
	for (uint64_t n = 1; n < next; n++) {
		struct spool_name name = { .ino = 0 };

		(void)snprintf(name.name, sizeof(name.name),
		    "%.32s-%" PRIu64 ".json", id, n);
		if (!is_listed(d, &name))
			add_letter(d->at, name.name, list, a, f);
	}
}

/* An alert of many serials is cheaper to list anew. */
static void
add_anew(const struct catalog_box *b, const char *id, struct buf *list,
    struct arena *a, struct fail *f)
{
	struct catalog_dead d;

	if (catalog_list_dead(b, &d))
		add_listed(&d, id, list, a, f);
	else
		(void)fail_set(
		    f, FAIL_RETRY, "its dead letters are not all known");
	catalog_forget_dead(&d);
}

struct catalog_letter *
catalog_letters(const struct catalog_dead *d, const char *id, size_t *n,
    struct arena *a, struct fail *f)
{
	struct buf list = BUF_MAX(LETTERS_MAX);
	struct fail torn = { 0 };
	uint64_t next = next_serial(d->at, id, &torn);
	struct catalog_letter *all;

	if (torn.kind != FAIL_NONE || next > PROBES) {
		add_anew(d->at, id, &list, a, f);
	} else {
		add_listed(d, id, &list, a, f);
		add_later(d, id, next, &list, a, f);
	}
	*n = list.len / sizeof(*all);
	all = (void *)arena_copy(a, list.data, list.len);
	buf_free(&list);
	qsort(all, *n, sizeof(*all), by_serial);
	return all;
}

/* ---- state ---- */

void
catalog_pace(const struct spool_box *b, struct pace *out, struct arena *a)
{
	struct buf text = BUF_MAX(SPOOL_STATE + 16384);

	spool_record_get(b, "state.json", &text);
	pace_parse(text.data, text.len, out, a);
	buf_free(&text);
}
