/*
 * hub/waiting.h - the account of events that wait in the hub's memory: one for all services, charged when an event
 * is taken and when it has ended. Bounded by limits.waiting; what connections hold has an account of its own (bytes.h).
 *
 * Three quarters of it are for events. A service may take one more as long as its own have not more than what is
 * free of that (dynamic thresholds, as switches share their buffers among ports: Choudhury and Hahne, 1998). So one that is
 * flooded alone gets half, n of them a part of n + 1 each, and for one that was quiet there is always as much again. The
 * last event taken may exceed the bound by its own size.
 *
 * The fourth quarter is for memory that workers share with the hub, where events lie at work (link.h). It stays in use until
 * the worker ends, so it is given in the same way: a slot that was never used before only as long as there is room for
 * it, whatever a worker needs to go on at all apart from that.
 *
 * Pure. `has` is the service's own part.
 */
#ifndef HUB_WAITING_H
#define HUB_WAITING_H

#include <stdbool.h>
#include <stddef.h>

struct waiting {
	size_t most, events, shared; /* bytes */
};

/* Of `part`, `used` is taken: may who has `has` take more? */
static inline bool waiting_allows(size_t part, size_t used, size_t has)
{
	return used < part && has < part - used;
}

/* May one more event come in? */
static inline bool waiting_event(const struct waiting *w, size_t has)
{
	return waiting_allows(w->most - w->most / 4, w->events, has);
}

/* May one more slot be used? */
static inline bool waiting_slot(const struct waiting *w, size_t has)
{
	return waiting_allows(w->most / 4, w->shared, has);
}

/* n more, or as many fewer. */
static inline void waiting_take(struct waiting *w, size_t *has, size_t n)
{
	w->events += n;
	*has += n;
}

static inline void waiting_give(struct waiting *w, size_t *has, size_t n)
{
	w->events -= n;
	*has -= n;
}

/* The worker has so much in use now. */
static inline void waiting_share(struct waiting *w, size_t *has, size_t now)
{
	w->shared = w->shared - *has + now;
	*has = now;
}

#endif
