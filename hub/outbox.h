/*
 * hub/outbox.h - what must reach somebody else: messages of lives whose transactions are committed, each on
 * the disk until whoever it is for has acknowledged it.
 *
 * A destination (the local broker, the upstream, an address) is a *way*: outbox_way says when it can take
 * messages; the outbox hands them over in order of priority, then of their commits, up to `window` at once;
 * the way says of each that it arrived (outbox_arrived) or that it has to be sent again (outbox_lost: the
 * connection broke). Deletions share the next commit.
 *
 * Newest messages come from memory, up to OUTBOX_NEAR bytes; beyond that, and after a start, they are read from the
 * store in pages. Bounds in bytes and age are the destination's; what is dropped (oldest of the lowest priority first)
 * is counted. One thread.
 */
#ifndef HUB_OUTBOX_H
#define HUB_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "store/store.h"

#define OUTBOX_NEAR (1u << 20)

struct hub;
struct outbox;

enum outbox_destination {
	OUTBOX_BROKER = 1,
	OUTBOX_UPSTREAM = 2,
	OUTBOX_ADDRESS = 3,
	OUTBOX_DESTINATIONS
};

/* store_out.flags */
#define OUTBOX_QOS    3u /* 0, 1 */
#define OUTBOX_RETAIN (1u << 2)
#define OUTBOX_LATE                                                                                \
	(1u << 3) /* was kept for longer than it takes to send: set when it is handed over */

struct outbox_way {
	/* Takes a copy of what it needs. False: not now; it calls outbox_ready when it can again. */
	bool (*send)(struct outbox_way *way, const struct store_out *out);
	unsigned window; /* messages handed over and not acknowledged */
};

struct outbox_bounds {
	uint64_t bytes, age_ns; /* 0: none */
};

struct outbox_counts {
	uint64_t in, arrived, again, dropped_bytes_full, dropped_too_old;
	uint64_t waiting, waiting_bytes, oldest_ns; /* now */
};

int outbox_open(struct outbox **outbox, struct hub *hub);
void outbox_close(struct outbox *outbox);
void outbox_bound(struct outbox *outbox, enum outbox_destination to, struct outbox_bounds bounds);
/* NULL: there is none (any more); what was handed over will be again. */
void outbox_way(struct outbox *outbox, enum outbox_destination to, struct outbox_way *way);

/* Is the destination configured? */
bool outbox_has(const struct outbox *outbox, enum outbox_destination to);
/* Into the transaction; its number. 0: it is refused, the destination isn't configured; or no memory, then the
 * transaction is to be dropped. */
uint64_t outbox_add(struct outbox *outbox, struct store_tx *tx, struct store_out *out);
/* The transaction is dropped, or failed: what was added for it never was. */
void outbox_dropped(struct outbox *outbox, struct store_tx *tx);
/* The transaction is committed: they may go. */
void outbox_committed(struct outbox *outbox, struct store_tx *tx);
void outbox_ready(struct outbox *outbox, enum outbox_destination to);
void outbox_arrived(struct outbox *outbox, enum outbox_destination to, uint64_t number);
/* Everything that was handed over and hasn't arrived is to be sent again, in order. */
void outbox_lost(struct outbox *outbox, enum outbox_destination to);
void outbox_look(
	const struct outbox *outbox, enum outbox_destination to, struct outbox_counts *counts);

#endif
