/* hub/tick.c - see tick.h */
#include "hub/tick.h"

#include <string.h>

#define S INT64_C(1000000000)

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* FNV-1a: it only has to differ. */
static uint64_t hash(uint64_t h, const char *text)
{
	do
		h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	while (*text++);
	return h;
}

void tick_every(struct tick_rule *rule, uint64_t every_ns, const char *service, const char *timer)
{
	uint64_t h = hash(hash(UINT64_C(0xcbf29ce484222325), service), timer);

	*rule = (struct tick_rule){.every_ns = every_ns, .phase_ns = h % every_ns};
}

bool tick_same(const struct tick_rule *a, const struct tick_rule *b)
{
	const struct cron *c = &a->cron, *d = &b->cron;

	return a->every_ns == b->every_ns && a->phase_ns == b->phase_ns &&
		c->minutes == d->minutes && c->hours == d->hours && c->days == d->days &&
		c->months == d->months && c->weekdays == d->weekdays && c->any_day == d->any_day &&
		c->any_weekday == d->any_weekday;
}

int64_t tick_next(const struct tick_rule *rule, int64_t after, cron_zone *zone)
{
	int64_t every = (int64_t)rule->every_ns, phase = (int64_t)rule->phase_ns;

	if (every == 0)
		return cron_next(&rule->cron, floor_div(after, S), zone) * S;
	return (floor_div(after - phase, every) + 1) * every + phase;
}

/* Cron's: looked for in ever longer times before now. */
static int64_t newest_cron(
	const struct tick_rule *rule, int64_t after, int64_t now, cron_zone *zone)
{
	int64_t back = 60 * S, next, found;

	do {
		back *= 8;
		found = now - after > back ? now - back : after;
		next = tick_next(rule, found, zone);
	} while (next > now && found > after);
	if (next > now)
		return after;
	do {
		found = next;
		next = tick_next(rule, found, zone);
	} while (next <= now);
	return found;
}

int64_t tick_newest(const struct tick_rule *rule, int64_t after, int64_t now, cron_zone *zone)
{
	int64_t every = (int64_t)rule->every_ns, phase = (int64_t)rule->phase_ns, newest;

	if (every == 0)
		return after < now ? newest_cron(rule, after, now, zone) : after;
	newest = floor_div(now - phase, every) * every + phase;
	return newest > after ? newest : after;
}

unsigned tick_count(
	const struct tick_rule *rule, int64_t after, int64_t now, unsigned most, cron_zone *zone)
{
	int64_t every = (int64_t)rule->every_ns, phase = (int64_t)rule->phase_ns, n;
	unsigned count = 0;

	if (now <= after)
		return 0;
	if (every > 0) {
		n = floor_div(now - phase, every) - floor_div(after - phase, every);
		return n < (int64_t)most ? (unsigned)n : most;
	}
	while (count < most && (after = tick_next(rule, after, zone)) <= now)
		count++;
	return count;
}
