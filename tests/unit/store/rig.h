/*
 * tests/unit/store/rig.h - a store in a directory of its own, and what its callbacks saw: that they came
 * once, in the order of submission.
 */
#ifndef TESTS_STORE_RIG_H
#define TESTS_STORE_RIG_H

#include "store/store.h"

struct rig {
	char directory[64];
	struct store *store;
	struct store_options options;
	unsigned begun, done, failed;
	int error; /* of the last that was reported */
};

/* A new directory, default options; rig_start opens; rig_open does both. */
void rig_init(struct rig *rig);
void rig_start(struct rig *rig);
void rig_open(struct rig *rig);
/* Closes and opens it. */
void rig_again(struct rig *rig);
/* Closes, and removes the directory. */
void rig_close(struct rig *rig);
void rig_remove(struct rig *rig);

/* Transactions must be submitted as they are begun. */
struct store_tx *rig_begin(struct rig *rig, enum store_durability durability);
void rig_done(struct store_tx *tx, int error);
/* Until so many were reported. */
void rig_wait(struct rig *rig, unsigned done);
/* Submits, waits, and wants it to succeed. */
void rig_commit(struct rig *rig, struct store_tx *tx);

#endif
