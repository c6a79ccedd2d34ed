/*
 * hub/outbox.h - what must reach somebody else: messages of lives whose transactions are committed, each on
 * the disk until whoever it is for has acknowledged it.
 *
 * A destination (the local broker, the upstream, an address) is a *way*: outbox_way says when it can take
 * messages; the outbox hands them over in order of priority, then of their commits, up to `window` at once;
 * the way says of each that it arrived (outbox_arrived) or that all have to be sent again (outbox_lost: the
 * connection broke). Deletions of many share a transaction.
 *
 * The next messages to go lie in memory, up to OUTBOX_NEAR bytes; what is behind them, and all after a
 * start, is read from the store in pages. Bounds in bytes and age are the destination's; what is
 * dropped (oldest of the lowest priority first) is counted, and told upstream in a message of its own:
 *
 *	mayfly/dropped {"for": "upstream", "full": 12, "old": 0}
 *
 * One waits at most for each destination, and goes before all others: what was dropped since
 * the last that went. One thread.
 *
 * A way that serves many, one of which may be gone for long, lets messages wait beside its window:
 * parked, each is a few dozen bytes here and comes back when the way asks for it; left, it costs nothing, and
 * the way finds it where it lies.
 */
#ifndef HUB_OUTBOX_H
#define HUB_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "store/store.h"

#define OUTBOX_NEAR (1u << 20)

struct loop;
struct outbox;

enum outbox_destination {
	OUTBOX_BROKER = 1,
	OUTBOX_UPSTREAM = 2,
	OUTBOX_ADDRESS = 3,
	OUTBOX_DESTINATIONS
};
extern const char *const outbox_names[OUTBOX_DESTINATIONS]; /* "broker" ... */

/* store_out.flags */
#define OUTBOX_QOS    3u /* 0, 1 */
#define OUTBOX_RETAIN (1u << 2)
#define OUTBOX_LATE                                                                                \
	(1u << 3) /* was kept for OUTBOX_LATE_NS or more, or by a hub before this one: set when
				 * it is handed over */
#define OUTBOX_UNSURE                                                                              \
	(1u << 4) /* the clock was wrong then, and wall_ns is what it was reckoned to be */

#define OUTBOX_CALLBACK (1u << 5) /* the end of a job, whose id it has: signed (hub/callbacks.h) */

#define OUTBOX_LATE_NS (2 * CLOCK_S)

#define OUTBOX_DROPPED "mayfly/dropped" /* the name of a message that says what was dropped */

struct outbox_way {
	/* Takes a copy of what it needs. False: not now; it calls outbox_ready when it can again. May call
	 * outbox_arrived, outbox_park and outbox_leave of this message. */
	bool (*send)(struct outbox_way *way, const struct store_out *out);
	unsigned window; /* messages handed over and not acknowledged */
};

struct outbox_bounds {
	uint64_t bytes, age_ns; /* 0: none */
};

struct outbox_counts {
	uint64_t in, arrived, again, dropped_full, dropped_old;
	uint64_t waiting, waiting_bytes; /* now; with those under way */
	uint64_t oldest_ns;              /* age of the oldest that waits */
};

struct outbox_options {
	struct loop *loop;
	struct store *store;
	int64_t (*elapsed_ns)(void *context); /* time kept: never goes back, across boots too */
	/* What time it is; false: not for sure. NULL: nobody knows better than the messages. */
	bool (*wall_ns)(void *context, int64_t *now);
	void *context;
};

int outbox_open(struct outbox **outbox, const struct outbox_options *options);
/* What was not acknowledged stays in the store. */
void outbox_close(struct outbox *outbox);

/* The destination is one that messages may be for (outbox_way does so too). */
void outbox_bound(struct outbox *outbox, enum outbox_destination to, struct outbox_bounds bounds);
/* NULL: there is none (any more); what was handed over will be again. */
void outbox_way(struct outbox *outbox, enum outbox_destination to, struct outbox_way *way);
/* No messages are for it any more: outbox_add refuses them. What waits stays, within its bounds. */
void outbox_shut(struct outbox *outbox, enum outbox_destination to);
bool outbox_takes(const struct outbox *outbox, enum outbox_destination to);

/* Into the transaction, with out->destination; its number (which is set), and the flag OUTBOX_UNSURE, if it is so.
 * 0: it is refused, the destination isn't configured. */
uint64_t outbox_add(struct outbox *outbox, struct store_tx *tx, struct store_out *out);
/* The transaction is committed (called by its done): they may go. */
void outbox_committed(struct outbox *outbox, const struct store_tx *tx);
void outbox_ready(struct outbox *outbox, enum outbox_destination to);
void outbox_arrived(struct outbox *outbox, enum outbox_destination to, uint64_t number);
/* It waits beside the window, until outbox_again; meanwhile the bounds may drop it. */
void outbox_park(struct outbox *outbox, enum outbox_destination to, uint64_t number);
/* One that was parked is handed over once more, now. 0; -ENOENT: it is gone; -EAGAIN: the way didn't take it, or
 * the store can't be read: it is parked as before. Not to be called while something is handed over. */
int outbox_again(struct outbox *outbox, enum outbox_destination to, uint64_t number);
/* It stays in the store, and is handed over no more before the way, or the hub, begins anew. */
void outbox_leave(struct outbox *outbox, enum outbox_destination to, uint64_t number);
/* Of a destination whose messages all have priority 0: those behind *number, in order, at most `most`, that the way
 * hasn't got. Those that it wants are parked. *number becomes the last that it was shown and didn't put off.
 * 1: there may be more; 0: there are none, what is committed from now on comes as ever; -errno: as before. */
enum outbox_want { OUTBOX_SKIP, OUTBOX_TAKE, OUTBOX_STOP };
typedef enum outbox_want outbox_wants(void *context, const struct store_out *out);
int outbox_scan(struct outbox *outbox, enum outbox_destination to, uint64_t *number, unsigned most,
	outbox_wants *wants, void *context);
/* Everything that was handed over and hasn't arrived is to be sent again, in order. */
void outbox_lost(struct outbox *outbox, enum outbox_destination to);
void outbox_look(
	const struct outbox *outbox, enum outbox_destination to, struct outbox_counts *counts);

#endif
