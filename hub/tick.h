/*
 * hub/tick.h - when a timer ticks, as numbers. Pure.
 *
 * A tick is a moment of one clock, in nanoseconds: for `every` of the elapsed time (hub/time.h), at
 * multiples of the period, put off by a part of it that the timer's name decides, so that not all
 * timers of a hub go off at once, and the same ones tick again after a restart; for cron of the wall's,
 * at full minutes of the local time.
 */
#ifndef HUB_TICK_H
#define HUB_TICK_H

#include <stdbool.h>
#include <stdint.h>

#include "image/cron.h"

struct tick_rule {
	uint64_t every_ns; /* 0: cron */
	uint64_t phase_ns; /* below every_ns */
	struct cron cron;
};

/* From the period and the names of service and timer. */
void tick_every(struct tick_rule *rule, uint64_t every_ns, const char *service, const char *timer);
bool tick_same(const struct tick_rule *a, const struct tick_rule *b);

/* The first tick after `after`. */
int64_t tick_next(const struct tick_rule *rule, int64_t after, cron_zone *zone);
/* The last one that isn't after `now` but after `after`; `after` if there is none. */
int64_t tick_newest(const struct tick_rule *rule, int64_t after, int64_t now, cron_zone *zone);
/* How many there are after `after` and not after `now`; at most `most`. */
unsigned tick_count(
	const struct tick_rule *rule, int64_t after, int64_t now, unsigned most, cron_zone *zone);

#endif
