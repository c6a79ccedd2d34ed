/*
 * hub/lend.h - a service's UDP socket in the hands of its worker (hub.yaml: `socket: worker`).
 * The hub keeps the descriptor. It reads while there is no worker, or while the service's
 * circuit isn't closed; else the worker does, and the hub looks at what it counts now and then.
 *
 * What the worker says is for display, for the circuit of its own service, and for the time
 * when it isn't needed any more; nothing else rests on it.
 */
#ifndef HUB_LEND_H
#define HUB_LEND_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/worker.h"

struct hub;
struct input;
struct service;

enum lend_state {
	LEND_HOME, /* the hub reads it */
	LEND_OUT,  /* the worker does */
	LEND_BACK, /* the worker has been asked to leave it */
};

struct lend {
	struct input *input; /* whose socket it is; NULL: none is open */
	struct input *given; /* the one that the worker at hand was started with */
	enum lend_state state;
	uint32_t turn;          /* of the last MFW_RECEIVE or MFW_FINISH */
	uint64_t asked_ns;      /* when it was asked back */
	uint64_t look_ns;       /* when the counts are looked at next */
	struct mfw_counts seen; /* as the worker's were last time */
};

/* Something came: true: the service's worker has the socket now, or gets it. */
bool lend_give(struct service *service, struct input *input);
/* Is a worker reading it, or may it still be? */
bool lend_is_out(const struct service *service);
/* As soon as the worker has answered what it took. */
void lend_ask_back(struct service *service);
/* The input goes away, whoever reads it. */
void lend_forget(struct hub *hub, const struct input *input);
/* Takes the worker's counts over into the hub's. True: something came since the last time. */
bool lend_look(struct service *service);
void lend_look_at_all(struct hub *hub);

/* For worker.c: the descriptor for a new worker, or -1; fills in what it must know. */
int lend_descriptor(struct service *service, struct mfw_head *head);
/* A message that isn't about a slot. False: it makes no sense. */
bool lend_message(struct service *service, const struct mfw_message *message);
/* Before the worker's memory goes. */
void lend_ended(struct service *service);

/* For service.c: until when the worker may go on as it is, and what is wrong after that. */
uint64_t lend_patience(const struct service *service, const char **wrong);
/* That time has come, and nothing is wrong. */
void lend_tick(struct service *service);

#endif
