/*
 * plan.h - an operation that is larger than a life: cut into tasks for lives (docs/jobs.md has the plan's form). A life
 * that plans sees the heads of the operands only.
 *
 * A product is cut into tiles of the result, each computed from a panel of rows of a and one of columns of b; where those don't
 * fit, or where that is cheaper, the sum over k is cut too, and each task adds to what the one before it left. All other operations are one task, or
 * too large.
 */
#ifndef LINALG_PLAN_H
#define LINALG_PLAN_H

#include "abi/job.h"
#include "linalg.h"

/* `request` as the client's, but its body is what the hub asks (struct mf_job_ask). The plan, or what else must be seen, is
 * JSON in `output`; or a problem. */
void linalg_plan(const struct request *request, struct answer *answer);

/* ------------------------------------------------------------- inside: plan_ask.c */

struct ask {
	struct mf_job_ask head;
	const uint8_t *sizes, *extracts, *end;
};

/* An array whose elements the life doesn't see. */
struct place {
	uint32_t operand;
	uint64_t offset; /* of its elements */
};

/* A part of an operand that the life must see first. */
struct look {
	uint32_t operand; /* bytes 0: nothing */
	uint64_t offset, bytes;
};

bool ask_read(struct mf_str bytes, struct ask *ask);
uint64_t ask_size(const struct ask *ask, uint32_t operand);
uint64_t ask_bytes(const struct ask *ask); /* of all operands */
/* The operands of c, and where their elements are. False: the problem is set, or something must be seen. */
bool ask_operands(const struct ask *ask, struct call *c, struct place place[static OPERANDS_MOST],
	struct look *look);

/* ------------------------------------------------------------ inside: plan_split.c */

/* In how many parts, and how large all but the last are. */
struct cut {
	uint64_t parts, size;
};

struct split {
	struct cut m, n, k;
	unsigned levels; /* of Strassen's way in each task */
};

#define TASKS_MOST 6000u /* their text then fits a plan's */

/* Tiles whose operands fit a life's input, whose result and work its output; of all ways to cut the one that costs least. `c` has
 * its shape. False: there would be too many. */
bool split_product(const struct call *c, const struct mf_job_ask *limits, struct split *split);

#endif
