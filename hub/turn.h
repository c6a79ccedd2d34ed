/*
 * hub/turn.h - what one input, or one service's worker, may take of a round of the loop, so
 * that one that is flooded leaves time for the others. By time, not by number: a message may
 * cost one microsecond or a hundred. What has to wait does so where it is, in a socket, in a
 * ring, and has its turn in the next round, which begins at once.
 *
 * A listener that several services share has a turn for each of them: else those behind it would starve beside services
 * with inputs of their own.
 */
#ifndef HUB_TURN_H
#define HUB_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/clock.h"
#include "sys/loop.h"

#define TURN_NS     (100 * CLOCK_US)
#define TURN_SHARES 32u /* at most: 3.2 ms of a round */

struct turn {
	unsigned shares; /* services; 0: one */
	uint64_t round;  /* of the loop */
	uint64_t spent_ns, began_ns;
};

static inline void turn_share(struct turn *turn, unsigned services)
{
	turn->shares = services < TURN_SHARES ? services : TURN_SHARES;
}

static inline uint64_t turn_ns(const struct turn *turn)
{
	return TURN_NS * (turn->shares > 0 ? turn->shares : 1);
}

/* Had it one in the last round, or in this one? Then there may be more to do than one piece of work. */
static inline bool turn_follows(const struct turn *turn, const struct loop *loop)
{
	return turn->round + 1 >= loop_round(loop);
}

/* False: it has had its share of this round. */
static inline bool turn_begin(struct turn *turn, const struct loop *loop)
{
	if (turn->round != loop_round(loop)) {
		turn->round = loop_round(loop);
		turn->spent_ns = 0;
	}
	if (turn->spent_ns >= turn_ns(turn))
		return false;
	turn->began_ns = clock_mono_ns();
	return true;
}

/* Between two pieces of work: is there time for the next? */
static inline bool turn_goes_on(const struct turn *turn)
{
	return turn->spent_ns + (clock_mono_ns() - turn->began_ns) < turn_ns(turn);
}

static inline void turn_end(struct turn *turn)
{
	turn->spent_ns += clock_mono_ns() - turn->began_ns;
}

#endif
