/*
 * hub/task.h - one accepted event on its way through the hub, and who waits for its
 * outcome.
 *
 * An input (in_udp.c, in_tcp.c ...) gets a task from service_begin, writes the event into
 * it, and gives it back with service_submit. From then on the service owns it, and calls
 * exactly one function of its origin, once; after that the task is gone.
 */
#ifndef HUB_TASK_H
#define HUB_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/guest.h"
#include "base/str.h"
#include "hub/areas.h"
#include "hub/order.h"
#include "hub/pricing.h"
#include "store/store.h"
#include "sys/net.h"
#include "wire/event.h"
#include "wire/words.h"

#define TASK_ID 32 /* hexadecimal digits: of events that have no other id */

/* Of an event's identity. */
enum task_identity {
	TASK_IDENTITY = 1u << 0, /* it has one: who sends it again means the same event */
	TASK_CHECK = 1u << 1,    /* it may have been here before */
	TASK_KEEP =
		1u << 2, /* who sends it again wants the answer, not only that it was dealt with */
};

/* An event lies in the till's hands (paid.h), in the queue, at the worker, or in the store's (commit.h). */
enum task_phase { TASK_HOLDING, TASK_WAITING, TASK_POSTED, TASK_COMMITTING };

struct commit;
struct failing;
struct paid;
struct calls;
struct service;
struct states_seen;
struct task;

struct reply {
	uint32_t status; /* as in HTTP */
	struct mf_str content_type, headers, body;
	const struct areas_hold *output; /* the body lies in this output area; NULL: it doesn't */
};

struct origin_ops {
	const char *source; /* "udp" */
	/* NULL. It is in the queue, in its order, and may be refused there. */
	void (*joined)(struct task *task);
	/* The life went well; reply is NULL if it gave none. What it points to is gone on return. */
	void (*reply)(struct task *task, const struct reply *reply);
	void (*refuse)(struct task *task, enum refusal why);
	/* The event was here before, and its effects are done: what was kept of its answer, NULL: none.
	 * NULL: as `reply`. */
	void (*duplicate)(struct task *task, const struct reply *reply);
	/* Nobody waits for the reply, who would ask again: retries and dead letters are the hub's. */
	bool alone;
	/* Bytes that the input keeps for each event until its end. */
	size_t keeps;
};

struct task {
	struct task *next, *prev;
	struct service *service;
	/* the input's own: */
	const struct origin_ops *origin;
	void *context;
	struct net_address peer;
	uint8_t local[20]; /* in_udp: to which of the machine's addresses it came */
	/* the event: */
	struct mf_event head; /* the only copy that is trusted; goes to the slot when posted */
	struct event_writer writer;
	char id[STORE_ID_MAX + 1];
	unsigned identity;       /* enum task_identity; 0: it has none */
	bool named;              /* its id is written already, and the same whenever it is tried */
	uint8_t request[32];     /* TASK_KEEP: what was asked, hashed by the input */
	struct task *same;       /* ids.c: the next in the same part of its table */
	struct commit *commit;   /* commit.c: what its transaction is about */
	uint64_t life;           /* history.c: its number there; 0: it isn't */
	struct failing *failing; /* failed.c: what is being kept of its life */
	unsigned tries;          /* failed.c: lives that failed, before this event was made again */
	int64_t wall_ns;         /* when it happened, if not now; 0: now */
	struct mf_str subject;   /* the same: a copy, while its transaction is there */
	struct calls *calls;     /* call.c: what its lives asked others; owned */
	struct states_seen *seen; /* states.c: what was attached; owned */
	uint32_t bare;            /* bytes of the event before that was; 0: nothing is */
	int area; /* areas.h: whose input is its payload, and where it runs; -1: none yet */
	struct areas_hold output; /* where its reply lies; areas NULL: not in an area */
	int slot;                 /* of the service's link; -1: the event lies in `bytes` */
	uint8_t *bytes;           /* owned */
	struct pricing price;
	uint64_t run_ns;   /* its life's, once that has ended */
	struct paid *paid; /* paid.h: a subscriber pays for it; owned. NULL: nobody does */
	/* its way: */
	struct order_place order;
	unsigned attempt; /* earlier lives that the worker took with it */
	unsigned races;   /* lives that saw state which changed meanwhile */
	enum task_phase phase;
	bool cold;        /* a worker had to start for it */
	bool trial;       /* the circuit is open: this one is let through to see */
	size_t holds;     /* bytes, as the account has it (waiting.h) */
	uint64_t most_ns; /* it may take no longer, whatever its service says; 0: that decides */
	uint64_t accepted_ns, deadline_ns;
	uint64_t committing_ns; /* TASK_COMMITTING: since when */
};

struct task_list {
	struct task *first, *last;
	unsigned count;
};
void task_append(struct task_list *list, struct task *task);
void task_prepend(struct task_list *list, struct task *task);
void task_unlink(struct task_list *list, struct task *task);

/* Tasks that are not in use, so that an event costs no allocation. */
struct task_pool {
	struct task *spare;
	unsigned count;
};
struct task *task_get(struct task_pool *pool); /* NULL: no memory */
void task_put(struct task_pool *pool, struct task *task);
void task_pool_close(struct task_pool *pool);

/* A random id: of a task, or of an answer that has none. */
void task_make_id(char id[static TASK_ID + 1]);

/* The event, between service_begin and service_submit, is the one that these pieces name within its source
 * and service (who sends, by which way, its own id there): its id follows from them, and is the same when
 * it comes again, also after a restart. `flags`: TASK_CHECK, TASK_KEEP. */
void task_identify(struct task *task, const struct mf_str *pieces, unsigned count, unsigned flags);
/* That id. `service`: its name. */
void task_identity_id(char id[static TASK_ID + 1], enum mf_source source, const char *service,
	const struct mf_str *pieces, unsigned count);

/* The event is as good as before: refused for this reason, it may be submitted again. */
bool task_may_come_again(const struct task *task, enum refusal why);

/* Copies up to `size` bytes of the payload, from wherever the event lies; how many. */
size_t task_payload(const struct task *task, void *to, size_t size);

#endif
