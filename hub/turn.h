/*
 * hub/turn.h - what one input, or one service's worker, may take of a round of the loop, so
 * that one that is flooded leaves time for the others. By time, not by number: a message may
 * cost one microsecond or a hundred. What has to wait does so where it is, in a socket, in a
 * ring, and has its turn in the next round, which begins at once.
 */
#ifndef HUB_TURN_H
#define HUB_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/clock.h"
#include "sys/loop.h"

#define TURN_NS (100 * CLOCK_US)

struct turn {
	uint64_t round; /* of the loop */
	uint64_t spent_ns, began_ns;
};

/* False: it has had its share of this round. */
static inline bool turn_begin(struct turn *turn, const struct loop *loop)
{
	if (turn->round != loop_round(loop)) {
		turn->round = loop_round(loop);
		turn->spent_ns = 0;
	}
	if (turn->spent_ns >= TURN_NS)
		return false;
	turn->began_ns = clock_mono_ns();
	return true;
}

/* Between two pieces of work: is there time for the next? */
static inline bool turn_goes_on(const struct turn *turn)
{
	return turn->spent_ns + (clock_mono_ns() - turn->began_ns) < TURN_NS;
}

static inline void turn_end(struct turn *turn)
{
	turn->spent_ns += clock_mono_ns() - turn->began_ns;
}

#endif
