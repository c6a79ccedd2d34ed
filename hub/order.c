/* hub/order.c - a list of what is ready, a hash table of lines. */
#include "hub/order.h"

#include <sodium/crypto_shorthash.h>
#include <stdlib.h>
#include <string.h>

#include "hub/task.h"

/* Of the table: about four tasks a part if each has a key of its own. */
#define SIZE_LEAST 64u
#define SHARE      4u

/* To find its place by arrival, a task looks at so many that are ready; then it stays where it
 * is, a little before its turn. */
#define LOOK_MOST 32u

/* ------------------------------------------------------------------- ready */

static void ready_before(struct order *o, struct task *task, struct task *next)
{
	struct task *prev = next ? next->order.prev : o->last;

	task->order.state = ORDER_READY;
	task->order.next = next;
	task->order.prev = prev;
	*(prev ? &prev->order.next : &o->first) = task;
	*(next ? &next->order.prev : &o->last) = task;
}

static void ready_remove(struct order *o, struct task *task)
{
	struct task *next = task->order.next, *prev = task->order.prev;

	*(prev ? &prev->order.next : &o->first) = next;
	*(next ? &next->order.prev : &o->last) = prev;
}

/* Most of what is ready came later, so the look begins at the front. */
static void ready_by_arrival(struct order *o, struct task *task)
{
	struct task *at = o->first;

	for (unsigned n = 0; n < LOOK_MOST && at; n++, at = at->order.next)
		if (at->order.arrival > task->order.arrival)
			break;
	ready_before(o, task, at);
}

/* ------------------------------------------------------------------- lines */

bool order_keyed(struct order *order, unsigned most)
{
	unsigned size = SIZE_LEAST;

	if (order->table)
		return true;
	while (size < most / SHARE)
		size *= 2;
	order->table = calloc(size, sizeof(struct task *));
	order->size = size;
	return order->table != NULL;
}

void order_rest(struct order *order)
{
	free(order->table);
	order->table = NULL;
}

/* Where the head of this key's line is linked, or would be. */
static struct task **find(struct order *o, uint64_t key)
{
	struct task **at = &o->table[key & (o->size - 1)];

	while (*at && (*at)->order.key != key)
		at = &(*at)->order.chain;
	return at;
}

static void join(struct task *head, struct task *task)
{
	struct task *last = head->order.last;

	task->order.state = ORDER_BEHIND;
	task->order.next = NULL;
	task->order.prev = last;
	*(last ? &last->order.next : &head->order.first) = task;
	head->order.last = task;
}

static void leave(struct task *head, struct task *task)
{
	struct task *next = task->order.next, *prev = task->order.prev;

	*(prev ? &prev->order.next : &head->order.first) = next;
	*(next ? &next->order.prev : &head->order.last) = prev;
}

/* The head of a line is gone: the next takes its place in the table, and is ready. */
static void pass_on(struct order *o, struct task **at, struct task *head)
{
	struct task *next = head->order.first;

	if (!next) {
		*at = head->order.chain;
		return;
	}
	leave(head, next);
	next->order.first = head->order.first;
	next->order.last = head->order.last;
	next->order.chain = head->order.chain;
	*at = next;
	ready_by_arrival(o, next);
}

/* -------------------------------------------------------------------- keys */

_Static_assert(ORDER_SEED == crypto_shorthash_KEYBYTES, "ORDER_SEED");
_Static_assert(sizeof(uint64_t) == crypto_shorthash_BYTES, "a hash");

/* Each piece is hashed with what came before it mixed into the seed. */
uint64_t order_hash(
	const uint8_t seed[static ORDER_SEED], const struct key *key, const struct key_event *event)
{
	uint64_t mixed[2], hash = 0;

	for (unsigned i = 0; i < key->count; i++) {
		struct mf_str piece = key_item(key, i, event);

		memcpy(mixed, seed, sizeof(mixed));
		mixed[0] ^= hash;
		crypto_shorthash((uint8_t *)&hash, piece.p, piece.n, (const uint8_t *)mixed);
	}
	return hash != 0 ? hash : 1;
}

/* ------------------------------------------------------------------ public */

void order_add(struct order *order, struct task *task, uint64_t key)
{
	struct task **at;

	task->order = (struct order_place){.key = key, .arrival = ++order->arrivals};
	if (key != 0) {
		at = find(order, key);
		if (*at) {
			join(*at, task);
			return;
		}
		*at = task;
	}
	ready_before(order, task, NULL);
}

struct task *order_next(const struct order *order)
{
	return order->first;
}

void order_post(struct order *order, struct task *task)
{
	ready_remove(order, task);
	task->order.state = ORDER_POSTED;
}

void order_back(struct order *order, struct task *task)
{
	ready_by_arrival(order, task);
}

void order_end(struct order *order, struct task *task)
{
	struct task **at = task->order.key != 0 ? find(order, task->order.key) : NULL;

	if (at && *at && task->order.state == ORDER_BEHIND) {
		leave(*at, task);
		return;
	}
	if (task->order.state == ORDER_READY)
		ready_remove(order, task);
	if (at)
		pass_on(order, at, task);
}
