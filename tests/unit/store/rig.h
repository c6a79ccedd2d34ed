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

/* A string of C as bytes, and whether bytes are those. */
struct mf_str rig_str(const char *s);
void rig_same(struct mf_str s, const char *want);
/* Puts a value, and wants it to succeed; wants it to be there, or nothing if `want` is NULL. */
void rig_put(struct rig *rig, uint32_t service, const char *key, const char *value);
void rig_state(struct rig *rig, uint32_t service, const char *key, const char *want);

#endif
