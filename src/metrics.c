#include "metrics.h"

#include "answer.h"
#include "array.h"
#include "buf.h"
#include "catalog.h"
#include "fail.h"
#include "health.h"
#include "orphan.h"
#include "relay.h"
#include "request.h"
#include "when.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 4096 };

static const struct {
	const char *name;
	const char *type;
	const char *help;
} families[] = {
	{ "bellrelay_webhooks_total", "counter", "webhooks answered" },
	{ "bellrelay_webhook_seconds", "histogram", "time to answer one" },
	{ "bellrelay_deliveries_total", "counter", "events sent" },
	{ "bellrelay_delivery_seconds", "histogram", "time to send one" },
};

/* ---- the counters ---- */

/* Without the zeros that keep its place in the file. */
static void
put_count(const char *line, const char *end, struct buf *out)
{
	const char *digits = memrchr(line, ' ', (size_t)(end - line));

	if (digits == NULL)
		return;
	buf_add(out, line, (size_t)(digits + 1 - line));
	do
		digits++;
	while (*digits == '0' && digits + 1 < end);
	buf_add(out, digits, (size_t)(end + 1 - digits));
}

/* Lines that belong to a family, in the order of the file. */
static void
put_family(const char *text, const char *name, struct buf *out)
{
	size_t len = strlen(name);

	for (const char *line = text; *line != '\0';) {
		const char *end = strchr(line, '\n');
		const char *rest = line + len;

		if (end == NULL)
			return;
		if (strncmp(line, name, len) == 0 &&
		    (*rest == '{' || strncmp(rest, "_bucket{", 8) == 0 ||
			strncmp(rest, "_count{", 7) == 0))
			put_count(line, end, out);
		/* Kept in whole milliseconds, shown in seconds. */
		if (strncmp(line, name, len) == 0 &&
		    strncmp(rest, "_sum_ms{", 8) == 0) {
			const char *labels = rest + 7;
			const char *value =
			    memchr(labels, ' ', (size_t)(end - labels));

			if (value != NULL)
				buf_printf(out, "%s_sum%.*s %.3f\n", name,
				    (int)(value - labels), labels,
				    strtod(value, NULL) / WHEN_SECOND);
		}
		line = end + 1;
	}
}

static void
put_counters(const struct relay *r, struct buf *out)
{
	struct buf text = BUF_MAX(COUNTERS_MAX);

	counters_read(r->setup->spool.dir, &text);
	for (size_t i = 0; i < COUNT(families); i++) {
		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n",
		    families[i].name, families[i].help, families[i].name,
		    families[i].type);
		put_family(text.data, families[i].name, out);
	}
	buf_free(&text);
}

/* ---- the gauges ---- */

struct gauge {
	const char *name;
	const char *help;
	int64_t (*value)(const struct health_box *h, int64_t now);
};

static int64_t
age(int64_t t, int64_t now)
{
	return t == 0 || t > now ? 0 : (now - t) / WHEN_SECOND;
}

static int64_t
pending(const struct health_box *h, int64_t now)
{
	(void)now;
	return h->summary.owed;
}

static int64_t
oldest(const struct health_box *h, int64_t now)
{
	return age(h->summary.oldest, now);
}

static int64_t
dead(const struct health_box *h, int64_t now)
{
	(void)now;
	return h->summary.dead;
}

static int64_t
muted(const struct health_box *h, int64_t now)
{
	(void)now;
	return h->summary.muted;
}

static int64_t
unread(const struct health_box *h, int64_t now)
{
	(void)now;
	return h->summary.unread;
}

static int64_t
ready(const struct health_box *h, int64_t now)
{
	(void)now;
	return h->pace.mode == PACE_READY;
}

static int64_t
held(const struct health_box *h, int64_t now)
{
	(void)now;
	return h->pace.mode == PACE_HELD;
}

static int64_t
success(const struct health_box *h, int64_t now)
{
	(void)now;
	return h->pace.success / WHEN_SECOND;
}

static const struct gauge gauges[] = {
	{ "bellrelay_pending", "alerts that owe an event", pending },
	{ "bellrelay_oldest_pending_seconds", "age of the oldest of these",
	    oldest },
	{ "bellrelay_dead_letters", "events refused for good", dead },
	{ "bellrelay_muted", "alerts that a mute keeps quiet", muted },
	{ "bellrelay_unread", "pending alerts that cannot be read", unread },
	{ "bellrelay_ready", "1 if neither resting nor held", ready },
	{ "bellrelay_held", "1 if something must be mended", held },
	{ "bellrelay_last_success_timestamp_seconds",
	    "when it last accepted an event", success },
};

/* What is kept for destinations that are no longer configured. */
static void
put_orphans(struct relay *r, struct buf *out)
{
	struct buf dead = BUF_MAX(COUNTERS_MAX);
	struct fail ignored = { 0 };
	struct catalog c;

	if (!catalog_open(&c, &r->setup->conf, &ignored))
		return;
	buf_puts(out,
	    "# HELP bellrelay_orphan_pending alerts that wait for what is no "
	    "longer configured\n"
	    "# TYPE bellrelay_orphan_pending gauge\n");
	for (size_t i = 0; i < c.n; i++) {
		const char *name = c.boxes[i].name;
		struct summary s;

		/* Whoever made such a directory, it is no name of ours. */
		if (!c.boxes[i].orphan || strpbrk(name, "\"\\\n") != NULL)
			continue;
		orphan_look(&c.boxes[i], &s, &r->arena);
		buf_printf(out,
		    "bellrelay_orphan_pending{destination=\"%s\"} %" PRId64
		    "\n",
		    name, s.owed);
		buf_printf(&dead,
		    "bellrelay_orphan_dead_letters{destination=\"%s\"} "
		    "%" PRId64 "\n",
		    name, s.dead);
	}
	buf_printf(out,
	    "# HELP bellrelay_orphan_dead_letters its dead letters\n"
	    "# TYPE bellrelay_orphan_dead_letters gauge\n%s",
	    dead.data);
	buf_free(&dead);
	catalog_close(&c);
}

static void
put_gauges(struct relay *r, int64_t now, struct buf *out)
{
	for (size_t g = 0; g < COUNT(gauges); g++) {
		buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n",
		    gauges[g].name, gauges[g].help, gauges[g].name);
		for (size_t i = 0; i < r->setup->conf.n_destinations; i++) {
			const struct setup_box *b = &r->setup->boxes[i];
			struct health_box h;

			health_look(b, &h, &r->arena);
			buf_printf(out, "%s{destination=\"%s\"} %" PRId64 "\n",
			    gauges[g].name, b->to->name,
			    gauges[g].value(&h, now));
		}
	}
	put_orphans(r, out);
	buf_printf(out,
	    "# HELP bellrelay_corrupt_files torn files set aside\n"
	    "# TYPE bellrelay_corrupt_files gauge\n"
	    "bellrelay_corrupt_files %zu\n"
	    "# HELP bellrelay_configuration_broken 1 if a change is not in "
	    "use\n"
	    "# TYPE bellrelay_configuration_broken gauge\n"
	    "bellrelay_configuration_broken %d\n",
	    spool_count_corrupt(&r->setup->spool), r->broken[0] != '\0');
}

void
metrics_answer(struct relay *r, const struct request *req, struct answer *out)
{
	struct fail f = { 0 };

	if (!health_may_see(r, req)) {
		answer_problem(
		    out, 403, "metrics are not for everybody", &r->arena);
		return;
	}
	if (!setup_spool(r->setup, &f)) {
		answer_problem(
		    out, 503, "the spool cannot be opened", &r->arena);
		return;
	}
	relay_flush(r);
	out->status = 200;
	out->type = "text/plain; version=0.0.4";
	put_counters(r, &out->body);
	put_gauges(r, req->now, &out->body);
}
