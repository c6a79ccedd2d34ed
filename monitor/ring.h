/*
 * monitor/ring.h - the worker's end of what abi/worker.h describes. The hub may be
 * in an attacker's hands: every index and size from shared memory is copied and
 * checked, and nonsense ends the worker.
 *
 * Threads: any number of them take and put; two mutexes inside.
 */
#ifndef MONITOR_RING_H
#define MONITOR_RING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/worker.h"

struct ring {
	uint8_t *shared;
	struct mfw_head head; /* the checked copy */
	struct mfw_status *status;
	struct mfw_socket *socket;
	struct mfw_ring *to_worker, *to_hub;
	uint32_t taken, put; /* ours; what shared memory says is for the hub */
	uint32_t told,
		told_at[MFW_TOLD]; /* messages that told of something: how many, the last few's place */
	int wake_worker, wake_hub;
	pthread_mutex_t take_lock, put_lock;
};

/* Maps the shared memory; 0, or -EINVAL if its head isn't one. */
int ring_open(struct ring *ring, int shared_fd, int wake_worker, int wake_hub);

/* The next message, a copy whose slot and kind are checked; waits for it. -EINVAL: the hub
 * wrote nonsense. */
int ring_take(struct ring *ring, struct mfw_message *message);
/* The same for whoever waits for a socket too: 1, or 0: there is none. */
int ring_take_now(struct ring *ring, struct mfw_message *message);
/* Before it waits for ring->wake_worker: false if there is a message after all. */
bool ring_sleep(struct ring *ring);
/* After wake_worker became readable. */
void ring_woken(struct ring *ring);
/* -EINVAL: the hub's ring is full, which an honest hub's never is. */
int ring_put(struct ring *ring, const struct mfw_message *message);
/* A message that tells of a life on the socket: `id` is its event's, text[0 ... bytes] what it logged.
 * Left out if the hub hasn't yet read the last MFW_TOLD of them. */
void ring_tell_of(struct ring *ring, struct mfw_message *message, const char id[static 32],
	const uint8_t *text);
/* Tells the hub even if it doesn't sleep: the state has changed. */
void ring_tell(struct ring *ring);

/* Where the hub says that it doesn't want the slot's life any more: the bit slot % 32 of that. */
const uint32_t *ring_stop(const struct ring *ring, uint32_t slot);

uint8_t *ring_event(const struct ring *ring, uint32_t slot);
uint8_t *ring_effects(const struct ring *ring, uint32_t slot);

#endif
