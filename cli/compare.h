/*
 * cli/compare.h - do two lives ask for the same? What `mayfly replay` and `mayfly rehearse` say.
 */
#ifndef CLI_COMPARE_H
#define CLI_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "abi/worker.h"
#include "wire/effects.h"

/* One side: how a life ended and what it left. */
struct compare_side {
	const char *result;    /* "ok", "crashed", "denied" ... */
	struct mf_str effects; /* struct mf_effects and its records, unchecked; empty: none */
};

struct compare_list {
	struct effect *at; /* they point into the side's effects */
	unsigned count;
};

struct compare {
	struct compare_side then, now;
	struct compare_list effects_then, effects_now;
	/* What differs lies in the middle: so many at the front and at the back are the same. */
	unsigned front, back;
	bool same_result; /* how it ended */
	bool same;        /* all of it */
};

/* compare_free also after a failure. -ENOMEM. */
int compare_lives(struct compare *compare, struct compare_side then, struct compare_side now);
void compare_free(struct compare *compare);
/* What differs, a line each: "- put on = 1", "+ put on = 0"; nothing if they are the same. */
void compare_print(FILE *to, const struct compare *compare);
/* "removed", "added": lists of effects. */
void compare_json(json_t *to, const struct compare *compare);

#endif
