/*
 * fuzz/lib/worker.h - a worker without a process: the hub starts it as any other, and the fuzzer
 * holds its end of the shared memory. In the place of hub/spawn.c.
 */
#ifndef FUZZ_LIB_WORKER_H
#define FUZZ_LIB_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/worker.h"
#include "base/str.h"

/* The one that lives now; one at a time. */
struct worker_end {
	bool lives;
	uint8_t *memory;
	size_t bytes;
	struct mfw_head head;
	struct mfw_ring *in, *out; /* from the hub, to the hub */
	uint32_t taken, put;
	bool scribbled;   /* the fuzzer wrote there: what the hub wrote may be gone */
	unsigned started; /* how many there were */
};
extern struct worker_end worker_end;

/* As a sound worker would. False: none lives, or nothing is there. */
bool worker_take(struct mfw_message *message);
bool worker_put(const struct mfw_message *message);
void worker_state(enum mfw_state state, const uint8_t snapshot[32]);
/* What the hub wrote for a slot, and where its effects go; NULL: there is no such slot. */
uint8_t *worker_event(uint32_t slot);
uint8_t *worker_effects(uint32_t slot);
void worker_wake_hub(void);
void worker_say(struct mf_str words);
/* It ends: > 0 by this signal, else with this exit status, negated. */
void worker_die(int how);

#endif
