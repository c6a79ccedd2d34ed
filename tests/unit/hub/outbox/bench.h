/* tests/unit/hub/outbox/bench.h - an outbox with a loop, a store and clocks that a test sets, and a broker. */
#ifndef TESTS_UNIT_HUB_OUTBOX_BENCH_H
#define TESTS_UNIT_HUB_OUTBOX_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/outbox.h"
#include "sys/loop.h"
#include "tests/unit/store/rig.h"

enum { MOST = 6000 };

/* A broker. */
struct broker {
	struct outbox_way way;
	struct outbox *outbox;
	enum outbox_destination to;
	bool acknowledges, late;
	enum { TAKE, PARK, LEAVE } how;
	unsigned takes; /* so many more */
	unsigned got;
	uint64_t number[MOST];
	char body[MOST][24];
	char last[200];
	uint32_t flags; /* of the last */
	int64_t wall_ns;
};

struct bench {
	struct rig rig;
	struct loop *loop;
	struct loop_source source;
	struct outbox *outbox;
	struct broker broker;
	int64_t elapsed, wall; /* wall 0: nobody knows */
	bool unsure;
	unsigned reported;
};

struct bench *bench_start(void);
void bench_stop(struct bench *b);
void bench_restart(struct bench *b);
void bench_done(struct store_tx *tx, int error);
void bench_turn(struct bench *b);
/* `count` messages, a transaction each, numbered from `from`. */
void bench_add(struct bench *b, enum outbox_destination to, uint32_t priority, unsigned from,
	unsigned count);
struct outbox_counts bench_look(struct bench *b, enum outbox_destination to);
/* Until the store has no more than `rows` of them. */
void bench_until_rows(struct bench *b, enum outbox_destination to, uint64_t rows);
void bench_until_got(struct bench *b, unsigned got);
void assert_bodies(const struct broker *broker, unsigned from, unsigned count, uint32_t priority,
	unsigned first);

#endif
