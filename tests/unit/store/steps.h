/*
 * tests/unit/store/steps.h - a history that can be checked: the i-th transaction writes i everywhere. So what
 * is in the database must be all of 1 to n, for some n, and nothing of what comes behind.
 */
#ifndef TESTS_STORE_STEPS_H
#define TESTS_STORE_STEPS_H

#include "tests/unit/store/rig.h"

/* Not submitted yet; NULL: too much waits. */
struct store_tx *step_begin(struct store *store, unsigned i, enum store_durability durability,
	store_done *done, void *context);
/* Up to where it goes; asserts that it is whole. */
unsigned steps_check(struct store *store);
/* What the closed database counts for trimming is what is there. */
void steps_counts(const char *directory);

#endif
