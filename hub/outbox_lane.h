/*
 * hub/outbox_lane.h - what the files of the outbox share: one destination's messages.
 *
 *	store:  [ sent ] [ near ] [ far ............................ ]   in the order in which they go
 *
 * `sent` were handed over, some of them are `parked`; when they arrived they are `gone` and then being deleted:
 * until that is committed they are rows of the store, and passed over where it is read. `near` is the first part of those that wait,
 * in memory; `far` says that there may be more behind it. A message that comes with a higher
 * priority than some of near goes into it; what then is too much at its end is forgotten, for the store has it.
 */
#ifndef HUB_OUTBOX_LANE_H
#define HUB_OUTBOX_LANE_H

#include "hub/outbox.h"
#include "sys/clock.h"
#include "sys/loop.h"

/* Messages in memory: more would make the search for the place of an urgent one long. */
#define NEAR_MOST 1024u
/* Arrived, and not deleted: more than this, and no more are sent until the store writes again. */
#define GONE_MOST 8192u
/* Rows that one transaction deletes, and how long the first of them may wait for others. While a backlog goes, a life's
 * commit waits for such a one: 512 let more go in a second, and an event wait three times as long (bench/outbox). */
#define DELETE_MOST 128u
#define DELETE_NS   (10 * CLOCK_MS)

/* Where a message stands among those of its destination. */
struct place {
	uint32_t priority;
	uint64_t number; /* 0: before all */
};

struct near_message {
	struct near_message *next, *prev;
	struct store_out out; /* strings in bytes */
	size_t size;
	uint8_t bytes[];
};

struct sent {
	struct sent *next;
	struct store_out out; /* its strings have lengths, no bytes */
	bool dropped;         /* was never handed over */
};
struct sent_list {
	struct sent *first, *last;
	unsigned count;
};

/* A message that says what was dropped. */
struct dropped_report {
	struct store_out out; /* number 0: none waits */
	uint64_t full, old;
};

struct lane {
	struct outbox *outbox;
	enum outbox_destination to;
	bool configured, ready, far, failed; /* failed: the store could not be read */
	struct outbox_way *way;
	struct outbox_bounds bounds;
	struct outbox_counts counts;
	struct near_message *first, *last;
	size_t near_bytes;
	unsigned near_count;
	struct place read_to; /* far begins behind it */
	struct sent_list under_way, parked, gone, deleting;
	struct place farthest; /* of all in those lists: what lies behind is in none */
	struct dropped_report report;
	uint64_t age_look_ns; /* when those that are too old are looked for */
};

struct tidying;

struct outbox {
	struct outbox_options options;
	struct lane lanes[OUTBOX_DESTINATIONS]; /* 0 isn't used */
	uint64_t committed; /* the last number of a message that was reported as committed */
	uint64_t before;    /* the last number of a hub before this one */
	struct loop_later pump;
	struct loop_timer tidy;
	struct tidying *tidying; /* the transaction that deletes; NULL: none is under way */
};

#define EACH_LANE(outbox, lane)                                                                    \
	(struct lane *lane = (outbox)->lanes + 1; lane < (outbox)->lanes + OUTBOX_DESTINATIONS;    \
		lane++)

/* --- outbox_near.c */
bool place_before(struct place a, struct place b);
struct place place_of(const struct store_out *out);
/* A message that was committed. */
void near_add(struct lane *lane, const struct store_out *out);
/* The next to go; NULL: there is none, or the store can't be read (failed). */
struct near_message *near_first(struct lane *lane);
/* Frees the first. */
void near_take(struct lane *lane);
/* Frees this one, if it is there. */
void near_remove(struct lane *lane, uint64_t number);
/* The row at this place, for the caller to free; NULL: there is none (0 in *error), or it can't be read. */
struct near_message *near_read(struct lane *lane, struct place at, int *error);
/* They are in the store. */
void near_forget(struct lane *lane);

/* --- outbox_sent.c */
void sent_move(struct sent_list *from, struct sent_list *to);
void sent_free(struct lane *lane);
/* To those under way; false: no memory. */
bool sent_add(struct lane *lane, const struct store_out *out);
/* To those that are being deleted. */
bool sent_drop(struct lane *lane, const struct store_out *out);
/* The deletion is committed; or it failed: what arrived is gone as before, what was to be dropped is still there. */
void sent_deleted(struct lane *lane, bool done);
/* What was handed over is to be sent again, what is parked too. */
void sent_lost(struct lane *lane);
/* The last of those under way was not taken. */
void sent_take_back(struct lane *lane);
/* Is it in one of the lists, or not reported yet? */
bool sent_has(const struct lane *lane, const struct store_out *out);
/* The same, but for those that are parked. */
bool sent_is_kept(const struct lane *lane, const struct store_out *out);
/* From under way, or parked, to gone; false: it isn't there. */
bool sent_arrived(struct lane *lane, uint64_t number);
/* From under way to parked, and back. */
void sent_park(struct lane *lane, uint64_t number);
void sent_unpark(struct lane *lane, uint64_t number);
const struct sent *sent_parked(const struct lane *lane, uint64_t number);
/* It is under way, and parked, no more. */
void sent_leave(struct lane *lane, uint64_t number);

/* --- outbox_tidy.c: deletions, bounds, reports of what was dropped */
void tidy_soon(struct outbox *outbox, uint64_t in_ns);
/* Some are gone: at once where they fill a transaction, else when more may have come. */
void tidy_gone(struct lane *lane);
void tidy_fire(struct loop_timer *timer);
/* What remains to be deleted; nothing is reported to this outbox any more. */
void tidy_close(struct outbox *outbox);
bool tidy_is_over(const struct lane *lane);
/* If it is a report: what is dropped from now on is another's. */
void tidy_handed_over(struct outbox *outbox, const struct store_out *out);

#endif
