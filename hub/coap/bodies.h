/*
 * hub/coap/bodies.h - bodies that don't fit into one message (RFC 7959): requests that come block by block,
 * and answers of which a client fetches one block after the other. All of them, of all listeners and
 * connections, are bounded together (hub/bytes.h); what nobody goes on with is dropped. One thread.
 */
#ifndef HUB_COAP_BODIES_H
#define HUB_COAP_BODIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/bytes.h"
#include "hub/coap/message.h"
#include "sys/clock.h"

#define BODIES_MOST    256u           /* of each kind */
#define BODIES_IDLE_NS (60 * CLOCK_S) /* then it is dropped */
#define BODIES_BUSY_NS (10 * CLOCK_S) /* until then no other takes its place */

struct bodies;

enum bodies_taken {
	BODIES_WHOLE,      /* that was the last block */
	BODIES_MORE,       /* 2.31 */
	BODIES_INCOMPLETE, /* 4.08: blocks before it are missing */
	BODIES_BAD,        /* 4.00: no block */
	BODIES_TOO_BIG,    /* 4.13 */
	BODIES_FULL        /* 5.03 */
};

int bodies_open(struct bodies **bodies, struct bytes_total *total);
void bodies_close(struct bodies *bodies);

/* A block of a request, which has Block1. `key` says whose it is, and of what (a hash of endpoint, method,
 * path and query); `most` is how long the body may be. *body lies there until the next call. */
enum bodies_taken bodies_take(struct bodies *bodies, uint64_t key,
	const struct coap_message *request, size_t most, uint64_t now_ns, struct mf_str *body);
/* An answer that is longer than a block: all of it, for the blocks behind the first. */
void bodies_keep(
	struct bodies *bodies, uint64_t key, const struct coap_message *answer, uint64_t now_ns);
/* The answer that was kept for that key, with all of its payload; false: there is none. */
bool bodies_find(struct bodies *bodies, uint64_t key, uint64_t now_ns, struct coap_message *answer);
/* Cuts one block out of an answer: its payload, Block2, and Size2 in the first. False: there is no such block. */
bool bodies_cut(struct coap_message *answer, uint32_t num, uint8_t szx);
/* Those that nobody went on with are gone. When to look again; 0: none is left. */
uint64_t bodies_expire(struct bodies *bodies, uint64_t now_ns);

#endif
