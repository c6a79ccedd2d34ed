/* tests/taken/lies.c - what can be written into the ring and the memory that the hub reads. */
#include <pthread.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/taken/taken.h"

/* ------------------------------------------------------------------- lies */

static struct mfw_message death(void)
{
	return (struct mfw_message){.kind = MFW_DEATH, .slot = taken.slot};
}

static void put(struct mfw_message m)
{
	(void)ring_put(taken.ring, &m);
}

/* The index that says how far the ring is filled; an honest message would put it right again. */
_Noreturn static void set_tail(uint32_t more)
{
	struct mfw_ring *to_hub = taken.ring->to_hub;

	__atomic_fetch_add(&to_hub->tail, more, __ATOMIC_SEQ_CST);
	ring_tell(taken.ring);
	for (;;)
		poll(NULL, 0, -1);
}

/* A message that is wrong in one member. */
static void put_wrong(const char *how)
{
	struct mfw_message m = death();

	if (strcmp(how, "kind") == 0)
		m.kind = 99;
	else if (strcmp(how, "birth") == 0)
		m.kind = MFW_BIRTH;
	else if (strcmp(how, "suspended") == 0)
		m.kind = MFW_SUSPENDED;
	else if (strcmp(how, "finished") == 0)
		m.kind = MFW_FINISHED;
	else if (strcmp(how, "told") == 0)
		m.kind = MFW_TOLD_LOG;
	else if (strcmp(how, "result") == 0)
		m.result = MFW_RESULTS;
	else if (strcmp(how, "bytes") == 0)
		m.bytes = taken.ring->head.effects_area + 1;
	else if (strcmp(how, "stranger") == 0)
		m.slot = (m.slot + 7) % taken.ring->head.slots;
	else if (strcmp(how, "no slot") == 0)
		m.slot = ~0u;
	put(m);
}

/* Each ends the relation, but for the last two, which only look odd. */
void taken_lie(const char *how, struct life *life)
{
	if (strcmp(how, "twice") == 0)
		put(death()); /* the other one comes when this "life" ends */
	else if (strcmp(how, "tail") == 0)
		set_tail(MFW_RING + 1);
	else if (strcmp(how, "back") == 0)
		set_tail(~0u);
	else if (strcmp(how, "numbers") == 0) {
		life->result = MFW_ERR_CRASHED;
		life->vector = ~0u;
		life->address = life->touched = ~0ull;
		life->birth_ns = life->run_ns = ~0ull;
	} else if (strcmp(how, "status") == 0) {
		memset(taken.ring->status, 0xff, sizeof(*taken.ring->status));
	} else {
		put_wrong(how);
	}
}

/* --------------------------------------------------------------- scribbling */

static uint64_t state = 88172645463325252;

static uint64_t next(void) /* xorshift64 */
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Somewhere in an area of so many bytes: one, four or eight bytes of anything, often small. */
static void scribble(void *area, size_t bytes)
{
	volatile uint8_t *p = (uint8_t *)area + next() % (bytes - 8) / 4 * 4;
	uint64_t v = next() & 1 ? next() : next() % 64;

	switch (next() % 3) {
	case 0: *p = (uint8_t)v; break;
	case 1: *(volatile uint32_t *)p = (uint32_t)v; break;
	default:
		for (unsigned i = 0; i < 8; i++)
			p[i] = (uint8_t)(v >> 8 * i);
	}
}

static void scribble_once(unsigned parts)
{
	struct ring *r = taken.ring;

	if (parts & SCRIBBLE_EFFECTS)
		for (uint32_t i = 0; i < 4; i++)
			scribble(ring_effects(r, i), 512);
	if (parts & SCRIBBLE_EVENTS)
		for (uint32_t i = 0; i < 4; i++)
			scribble(ring_event(r, i), 512);
	if (parts & SCRIBBLE_MESSAGES)
		scribble(r->to_hub->message, sizeof(r->to_hub->message));
	if (parts & SCRIBBLE_INDICES) {
		scribble(r->to_hub, 256);
		scribble(r->to_worker, sizeof(*r->to_worker));
	}
	if (parts & SCRIBBLE_STATUS)
		scribble(r->status, sizeof(*r->status));
	if (parts & SCRIBBLE_SOCKET)
		scribble(r->socket, sizeof(*r->socket));
}

static void *scribbler(void *up)
{
	pthread_barrier_wait(up);
	for (;;) {
		unsigned parts = taken.scribble;

		if (parts == 0)
			poll(NULL, 0, 2);
		else
			for (unsigned i = 0; i < 200; i++)
				scribble_once(parts);
	}
	return NULL;
}

void taken_scribble_thread(void)
{
	static pthread_barrier_t up; /* its start takes system calls that the jail hasn't */
	pthread_t id;

	pthread_barrier_init(&up, NULL, 2);
	pthread_create(&id, NULL, scribbler, &up);
	pthread_barrier_wait(&up);
}
