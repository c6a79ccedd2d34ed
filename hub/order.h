/*
 * hub/order.h - which of a service's waiting events may go to the worker: in the order of
 * their arrival, but never two of the same key at once. Behind an event that is ready or at
 * the worker those of its key stand in line; other keys overtake them.
 *
 * Every operation takes constant time but for short chains of a hash table, however long the
 * lines are. Pure: no I/O, no clock. A task is here from order_add to order_end.
 */
#ifndef HUB_ORDER_H
#define HUB_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "image/key.h"

struct task;

enum order_state { ORDER_READY, ORDER_BEHIND, ORDER_POSTED };

/* A task's. */
struct order_place {
	uint64_t key;     /* a hash; 0: none, stands in no line */
	uint64_t arrival; /* a number */
	enum order_state state;
	struct task *next, *prev;  /* among the ready, or in the line where it is behind */
	struct task *first, *last; /* the line behind this one */
	struct task *chain;        /* the next head of a line in the same part of the table */
};

struct order {
	struct task *first, *last; /* ready, as they arrived */
	struct task **table;       /* heads of lines; NULL: no key has come yet */
	unsigned size;
	uint64_t arrivals;
};

/* What an event's key comes to: a hash with a secret seed (SipHash-2-4), so that nobody can
 * make up events that meet in one line. Never 0. */
#define ORDER_SEED 16u
uint64_t order_hash(const uint8_t seed[static ORDER_SEED], const struct key *key,
	const struct key_event *event);

/* Before the first task with a key, of at most `most` tasks; false: no memory. */
bool order_keyed(struct order *order, unsigned most);
/* Gives back what order_keyed took; no task may be here. */
void order_rest(struct order *order);

void order_add(struct order *order, struct task *task, uint64_t key);
/* The one to post next; NULL: none may go. */
struct task *order_next(const struct order *order);
void order_post(struct order *order, struct task *task);
/* It was posted, and isn't any more: it is ready again, in its old place. */
void order_back(struct order *order, struct task *task);
/* It is gone, from wherever it was; the next of its key is ready. */
void order_end(struct order *order, struct task *task);

#endif
