/*
 * hub/weigh.h - is a new version of a service worse than the old one? By what both did in the same time: lives that failed, and how long
 * lives ran. Pure.
 */
#ifndef HUB_WEIGH_H
#define HUB_WEIGH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"

#define WEIGH_WHY 160

/* What one version did. */
struct weigh_side {
	uint64_t lives, failures; /* of the lives: those that failed, or answered 5xx */
	struct histogram run;
};

struct weigh_limits {
	uint64_t least;  /* lives of each, to compare times */
	unsigned errors; /* so many ten thousandths more of its lives may fail */
	unsigned
		slower; /* its median may be so many percent of the old one's; 0: times don't matter */
};

/* Fewer failures say nothing, whatever their rate. */
#define WEIGH_FAILURES 3u
/* For the slowest of a hundred there must be some; and it may be off by the limit twice over. */
#define WEIGH_SLOWEST 1000u
/* Nobody feels less. */
#define WEIGH_MEDIAN_NS  200000u
#define WEIGH_SLOWEST_NS 2000000u

/* What was done since `before`. */
struct weigh_side weigh_since(const struct weigh_side *now, const struct weigh_side *before);
/* True: it is, and one line in why. */
bool weigh_is_worse(const struct weigh_side *new, const struct weigh_side *old,
	const struct weigh_limits *limits, char why[static WEIGH_WHY]);

#endif
