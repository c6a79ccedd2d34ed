/*
 * hub/kept.h - a service's snapshot, kept for a while after its worker ended, so that the next one
 * starts without mf_init. The worker writes and seals it before it looks at an event
 * (monitor/keep.h); to the hub it is bytes that belong to this service, and can harm no other.
 *
 * Nothing idle costs: all that is kept has a bound, and goes when no event came for some time.
 */
#ifndef HUB_KEPT_H
#define HUB_KEPT_H

#include <stdint.h>

/* Of one snapshot, whatever the image asks for; of all; and how long. */
#define KEPT_ONE (8u << 20)
#define KEPT_ALL (32u << 20)
#define KEPT_NS  (600 * CLOCK_S)

struct service;

struct kept {
	int fd;         /* -1: none */
	uint64_t bytes; /* counted in hub->kept_bytes; 0: not sealed, or a worker writes it */
	uint64_t until_ns;
};

/* For a new worker: a snapshot, or room for one; -1: neither. */
int kept_descriptor(struct service *service);
/* The worker has ended: is it worth keeping? */
void kept_after(struct service *service);
/* For the service's timer, while there is no worker. */
void kept_tick(struct service *service);
void kept_drop(struct service *service);

#endif
