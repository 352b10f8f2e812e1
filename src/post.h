/*
 * HTTPS POSTs that do not wait.  The one room that knows libcurl.
 *
 * One multi handle a process keeps connections and certificates
 * (facts/webservers-and-c.md, 5.4; facts/costs.md, 3).  A slot is one
 * exchange; a process has three: the webhook's, the drain's, and the watch's.
 */
#ifndef POST_H
#define POST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fail;
struct post;

/* What an exchange saw on its way; "" and 0 where it did not come so far. */
struct post_way {
	char address[64];   /* of the server, that was connected to */
	long found_ms;      /* until its name was resolved */
	long connected_ms;  /* until it was connected, TLS included */
	char tls[96];       /* version and cipher */
	int64_t expires;    /* when its certificate does, ms since 1970 */
	char type[96];      /* the Content-Type header */
	char location[256]; /* where it was redirected to, and did not go */
};

/* Where to.  All borrowed; url has been checked by post_url_ok. */
struct post_target {
	const char *url;
	const char *token;   /* sent as Authorization: Bearer; NULL: none */
	const char *ca_file; /* NULL: the system's certificates */
	long connect_ms;
	/* For who looks, rather than sends. */
	struct post_way *way; /* to be filled; or NULL */
	bool plain;           /* http to any host: nothing here is secret */
	bool here;            /* this very machine is asked, whatever its name
				 resolves to */
};

enum post_slot { POST_WEBHOOK, POST_DRAIN, POST_WATCH, POST_SLOTS };

/* How an exchange ended. */
struct post_answer {
	int status;           /* HTTP status; 0: there was no answer */
	bool unknown;         /* the event may have been taken all the same */
	long ms;              /* how long it took */
	char why[240];        /* if status is 0: "CAUSE" or "CAUSE; CURE" */
	char retry_after[64]; /* the header's text, or "" */
	char date[64];        /* the Date header, or "" */
	char text[2048];      /* the beginning of the body, NUL-terminated */
	size_t text_len;
};

bool post_open(struct post **out, struct fail *f);
void post_close(struct post *p);

/*
 * Whether url is one we may send to: https, or http to a loopback address
 * (127.0.0.0/8, ::1, localhost), without user, password, control characters
 * or spaces.  FAIL_BROKEN with the reason otherwise.
 */
bool post_url_ok(const char *url, struct fail *f);

/*
 * Begin an exchange: a POST of the n bytes of JSON, or with body NULL a GET.
 * body and t must live until it is done.  timeout_ms bounds the whole.
 */
void post_start(struct post *p, enum post_slot slot,
    const struct post_target *t, const char *body, size_t n, long timeout_ms);

/*
 * Let exchanges go on for at most wait_ms, or until one is done or one of the
 * n descriptors, 16 at most, can be read.  ready[i] says which can; ready may
 * be NULL if n is 0.
 */
void post_poll(
    struct post *p, long wait_ms, const int *fds, size_t n, bool *ready);

bool post_busy(const struct post *p, enum post_slot slot);

/* The answer, once after each start: false while the slot is busy or idle. */
bool post_done(struct post *p, enum post_slot slot, struct post_answer *out);

/* Give an exchange up; there is no answer to it. */
void post_stop(struct post *p, enum post_slot slot);

#endif
