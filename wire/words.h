/*
 * wire/words.h - why an event has no reply, and how to say so in the words of the protocol
 * that is spoken on a plain socket. Pure; for whoever reads that socket: the hub, or a worker.
 */
#ifndef WIRE_WORDS_H
#define WIRE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/worker.h"

/* Each input says it in its protocol's own words. */
enum refusal {
	REFUSED_BUSY,     /* the queue is full */
	REFUSED_DOWN,     /* no worker can be had */
	REFUSED_STOPPING, /* the hub ends */
	REFUSED_TOO_BIG,  /* the event doesn't fit */
	REFUSED_LATE,     /* waited, or ran, past its deadline */
	REFUSED_FAILED,   /* the life crashed, failed or broke its limits */
	REFUSED_MEMORY,   /* it needed more memory than it may have */
	REFUSED_DENIED,   /* it asked for what it may not have */
	REFUSED_OPEN,     /* its lives fail again and again: none is tried for a while */
	REFUSED_STORE,    /* what it asks for can't be kept: the database can't be written */
	REFUSED_FULL,     /* the hub has no memory for more that waits (limits.waiting) */
	REFUSED_UNPAID,   /* it isn't paid for: no money, no right, too much at once */
	REFUSALS
};
extern const char *const refusal_names[REFUSALS];

/* What it means for whoever waits that a life ended so; not for MFW_OK. */
enum refusal refusal_of(enum mfw_result result);
/* It is of the service's or the hub's state, not of the event: the same one may be taken later. */
bool refusal_passes(enum refusal why);

enum words { WORDS_NONE, WORDS_DNS };

#define WORDS_MOST 512 /* of a refusal; as much of the event is looked at */

/* NULL, or "dns". */
enum words words_named(const char *protocol);

/* The refusal of `event`, or 0: the protocol has no words for it (or for such an event). */
size_t words_refuse(enum words words, enum refusal why, const uint8_t *event, size_t n,
	uint8_t to[static WORDS_MOST]);

#endif
