/*
 * monitor/socket.h - a worker's own UDP socket (abi/worker.h): datagrams are received, lived and
 * answered here, without a hop over the hub. Only services that can do nothing but reply have
 * one; an effect of another kind refuses its life.
 *
 * Threads: one struct socket a worker, made before the jail; one struct receiver a thread.
 */
#ifndef MONITOR_SOCKET_H
#define MONITOR_SOCKET_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "monitor/monitor.h"
#include "monitor/ring.h"

struct receiver;

struct socket {
	struct ring *ring;
	const struct mfi_image *note; /* after the jail */
	uint64_t deadline_ns;
	/* threads that have taken datagrams and not answered them yet, + MARK unless it is ours */
	_Atomic uint32_t at_work;
	pthread_mutex_t lock;     /* of the next two */
	uint32_t turn;            /* of the hub's last word about it */
	bool finished;            /* it was left, and the hub knows */
	_Atomic uint64_t telling; /* a second, and how often was told in it: 32 bits each */
};

/* ring and note are borrowed. */
void socket_init(struct socket *socket, struct ring *ring, const struct mfi_image *note);
/* NULL: no memory. */
struct receiver *receiver_open(struct socket *socket);
void receiver_close(struct receiver *receiver);

/* Takes datagrams if there are any, and answers them. True: there may be more. */
bool receiver_round(struct receiver *receiver, struct shell *shell);
/* Waits for the ring or a datagram. */
void receiver_wait(struct receiver *receiver);
/* MFW_RECEIVE or MFW_FINISH came. */
void socket_heed(struct socket *socket, const struct mfw_message *message);

#endif
