/*
 * Who watches bellrelay: itself, as far as it can.
 *
 *	heartbeat_url	is asked at most once a minute, after a drain that left
 *			nothing overdue; incident.io's heartbeat source rings
 *			when that stops
 *	self_alert	a destination that is told, under a key of its own,
 *			when alerts to some destination do not get through,
 *			and told again when it is over
 */
#ifndef WATCH_H
#define WATCH_H

#include <stdint.h>

struct relay;

/*
 * One step, between drains.  Never waits; the heartbeat's exchange goes on
 * beside other work.
 */
void watch_step(struct relay *r, int64_t now);

#endif
