/*
 * tests/taken/taken.h - what the parts of the taken-over worker share.
 */
#ifndef TESTS_TAKEN_TAKEN_H
#define TESTS_TAKEN_TAKEN_H

#include <stddef.h>
#include <stdint.h>

#include "abi/guest.h"
#include "abi/worker.h"
#include "monitor/monitor.h"
#include "monitor/ring.h"

extern struct taken {
	struct ring *ring;
	uint32_t slot;    /* of the order at hand */
	uint32_t remains; /* not 0: so many bytes of its slot are what is left of a crash */
	volatile unsigned scribble; /* which parts of the shared memory; enum scribble */
} taken;

enum scribble {
	SCRIBBLE_EFFECTS = 1,
	SCRIBBLE_EVENTS = 2,
	SCRIBBLE_MESSAGES = 4, /* of the ring to the hub */
	SCRIBBLE_INDICES = 8,  /* of both rings */
	SCRIBBLE_STATUS = 16,
	SCRIBBLE_SOCKET = 32,
};

/* worker.c: appends an effect to what the "life" leaves. */
void taken_effect(unsigned kind, uint32_t status, const char *name, const void *body, uint32_t n);

/* orders.c: does what one line says, "word argument ...". May never come back. */
void taken_obey(char *order, struct life *life);
/* Before the jail. */
void taken_prepare(void);

/* calls.c: one system call: what it returned, or TRAPPED. */
#define TRAPPED (-4096L)
long taken_call(long number, const long argument[static 6]);
/* Each system call number in [from, to) that isn't trapped, and each attack that gets anywhere, in
 * words; "" if there is none. */
void taken_sweep(long from, long to, char *words, size_t size);
void taken_attack(long hub, char *words, size_t size);

/* lies.c */
void taken_lie(const char *how, struct life *life);
void taken_scribble_thread(void);

#endif
