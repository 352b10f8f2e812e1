/*
 * State on disk: one file a ticket, moved by rename (SPOOL.md).
 *
 *	DIR/tmp/                     writes that have not happened yet
 *	DIR/lock                     the order of an alert's webhooks (lock.h)
 *	DIR/corrupt/                 what could be read but not understood
 *	DIR/<box>/lock               locks; never renamed, replaced or unlinked
 *	DIR/<box>/state.json         ready, resting or held, and the pace
 *	DIR/<box>/summary.json       what waits, as the last drain saw it
 *	DIR/<box>/pending/<id>.json  what may owe something, or is muted
 *	DIR/<box>/settled/xx/<id>.json  what owes nothing
 *	DIR/<box>/dead/<id>-<n>.json  events refused for good
 *	DIR/<box>/dead/<id>-<n>-superseded.json  and since overtaken
 *	DIR/<box>/bell/<id>          hints: this one first
 *
 * An id is 32 lower-case hex digits.  A ticket's file is a JSON object whose
 * last member is its seal (seal.h).  A name in pending, settled or dead is
 * whole: it appears by rename or link, after fsync.
 *
 * Nothing here looks into a ticket: text goes in and comes out.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct buf;
struct fail;

enum {
	SPOOL_ID = 32,
	SPOOL_FILE_MAX = 4 << 20, /* bytes: what we are ready to read */
	SPOOL_STATE = 1024,       /* bytes of state.json */
};

struct spool {
	int dir;
	int tmp;
	int corrupt;
};

/* One destination's part of the spool. */
struct spool_box {
	const struct spool *sp;
	const char *name; /* borrowed */
	int dir;
	int pending;
	int settled;
	int dead;
	int bell;
};

/*
 * Open the spool at path, which must be a directory that we own or may write
 * to, and make what is missing in it.
 */
bool spool_open(struct spool *sp, const char *path, struct fail *f);
void spool_close(struct spool *sp);

/* Whether path still leads there, and to all of it: what was moved aside, or
 * has a disk mounted over it, is what nobody will look into again. */
bool spool_is_at(const struct spool *sp, const char *path);

/* Open a destination's part; its directories are made and synced first. */
bool spool_box_open(const struct spool *sp, const char *name,
    struct spool_box *b, struct fail *f);
void spool_box_close(struct spool_box *b);

/* Whether its name, in the spool as it is open, still leads to all of it. */
bool spool_box_is_at(const struct spool_box *b);

/*
 * Whether there is room for so many more files and bytes; FAIL_RETRY if it is
 * full, and for no other reason: the journal gives way to make room.
 */
bool spool_room(
    const struct spool *sp, size_t files, size_t bytes, struct fail *f);

/* Whether modes and mounts let us keep a ticket, and write what else there is;
 * f says what does not. */
bool spool_may_keep(const struct spool_box *b, struct fail *f);
bool spool_may_tend(const struct spool_box *b, struct fail *f);

/* What spool_load found. */
struct spool_found {
	bool there;
	bool pending;        /* the ticket is (also) in pending */
	bool settled;        /* the settled copy is the newer one */
	bool corrupt;        /* a torn copy was moved to corrupt/ */
	uint64_t generation; /* 0 if it is not there */
};

/*
 * Under edit: append the ticket's text, without its seal, to out.  Of two
 * copies the higher generation is the ticket.  A file read to its end that is
 * not what its seal says is moved to corrupt/; any error leaves all as it is.
 */
bool spool_load(const struct spool_box *b, const char *id, struct buf *out,
    struct spool_found *found, struct fail *f);

/* Without a lock, to look only: false and no failure if it is not there. */
enum spool_where { SPOOL_PENDING, SPOOL_SETTLED, SPOOL_DEAD };
bool spool_look(const struct spool_box *b, enum spool_where where,
    const char *name, struct buf *out, struct fail *f);

/* A file in tmp/ that may become a ticket. */
struct spool_draft {
	int fd; /* -1: none */
	char name[64];
};

/*
 * Write text ahead into a file that has no name yet: from then on there is
 * room for it, whatever else fills the disk.  Not synced.
 */
bool spool_draft(const struct spool_box *b, const char *id, uint64_t generation,
    const struct buf *text, struct spool_draft *d, struct fail *f);
bool spool_draft_sync(const struct spool_draft *d, struct fail *f);
void spool_draft_drop(const struct spool_box *b, struct spool_draft *d);

/* Under edit: a synced draft becomes the ticket, as by spool_store. */
bool spool_publish(const struct spool_box *b, const char *id,
    struct spool_draft *d, struct fail *f);

/*
 * Under edit: make text, a JSON object of pretty layout, the ticket, in
 * pending, with that generation: all or nothing, and the file is synced.
 * Its name is durable after spool_sync.  d gives its file and is used up, also
 * by a failure; NULL: none.
 */
bool spool_store(const struct spool_box *b, const char *id, uint64_t generation,
    const struct buf *text, struct spool_draft *d, struct fail *f);

/* Make the names in pending durable. */
bool spool_sync(const struct spool_box *b, struct fail *f);

/*
 * A ticket that owes nothing leaves pending in three steps, so that many can
 * share the cost of the second: under claim and edit it is linked to settled;
 * the name is made durable; under edit again, if it is still the generation
 * that was linked, it is unlinked from pending.  A copy that is settled
 * already must be older, and gives way.
 */
bool spool_link(const struct spool_box *b, const char *id, struct fail *f);
bool spool_sync_settled(
    const struct spool_box *b, const char *id, struct fail *f);
bool spool_unlink(const struct spool_box *b, const char *id, struct fail *f);

/* Under claim and edit: the ticket is no more. */
bool spool_remove(const struct spool_box *b, const char *id, struct fail *f);

/* A dead letter, durable when this returns; an equal name is replaced. */
bool spool_bury(const struct spool_box *b, const char *id, uint64_t n,
    const struct buf *text, struct fail *f);
/* Likewise, and the dead letter of that number goes for it: something newer has
 * overtaken it. */
bool spool_supersede(const struct spool_box *b, const char *id, uint64_t n,
    const struct buf *text, struct fail *f);
bool spool_unbury(const struct spool_box *b, const char *name, struct fail *f);

/* Under edit: whether a dead letter was torn, and now is in corrupt/.  False
 * and no failure if it is not there, or whole. */
bool spool_set_aside(const struct spool_box *b, const char *id,
    const char *name, struct fail *f);

/* Hints, which may fail unseen. */
void spool_ring(const struct spool_box *b, const char *id);
void spool_unring(const struct spool_box *b, const char *id);

/*
 * When a name last came or went, by the clock of the file system: a bell; a
 * ticket in pending or a dead letter.  ns since 1970; INT64_MAX: not known.
 */
int64_t spool_rang(const struct spool_box *b);
int64_t spool_changed(const struct spool_box *b);

/*
 * The names in a directory, one after the other, in no order.  What does
 * not look like one of ours is passed over.
 */
struct spool_walk {
	void *dir; /* NULL when it is over */
	enum spool_where where;
	const struct spool_box *box;
	int sub; /* of settled */
	bool bells;
	int broken; /* errno of what could not be read, else 0 */
};

struct spool_name {
	char id[SPOOL_ID + 1];
	char name[80]; /* for spool_look */
	ino_t ino;
	bool superseded; /* a dead letter, by its name */
};

void spool_walk_open(
    const struct spool_box *b, enum spool_where where, struct spool_walk *w);
void spool_walk_bells(const struct spool_box *b, struct spool_walk *w);
bool spool_walk_next(struct spool_walk *w, struct spool_name *out);
void spool_walk_close(struct spool_walk *w);

/*
 * The generation of the file in pending, which no two writes of a ticket
 * share; 0 if it is not there or cannot be read.  Its text is not looked at.
 */
uint64_t spool_generation(const struct spool_box *b, const char *id);

/*
 * What mostly tells one write of a pending ticket from the next, at the price
 * of a stat: a hint, as the number of a file that is gone is used again.
 */
struct spool_mark {
	ino_t ino;
	int64_t mtime_ns;
};

/* False if it is not there. */
bool spool_mark(
    const struct spool_box *b, const char *id, struct spool_mark *out);
bool spool_mark_same(const struct spool_mark *x, const struct spool_mark *y);

/*
 * A record of fixed size, overwritten in place and not synced; "" if there
 * is none or it cannot be read.  text is at most SPOOL_STATE - 1 bytes.
 * state.json is read and written under the state lock, summary.json
 * under the drain lock.  False if it was not written: the old record stands,
 * or none.
 */
void spool_record_get(
    const struct spool_box *b, const char *name, struct buf *out);
bool spool_record_put(
    const struct spool_box *b, const char *name, const struct buf *text);

/* How many files were set aside as torn. */
size_t spool_count_corrupt(const struct spool *sp);

/* Remove what was left behind in tmp/ before the time given (seconds). */
void spool_tidy(const struct spool *sp, int64_t before);

/* The id of a deduplication key. */
void spool_id(const char *key, char id[SPOOL_ID + 1]);

#endif
