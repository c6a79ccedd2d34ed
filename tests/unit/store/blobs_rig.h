/* tests/unit/store/blobs_rig.h - a disk cache in a directory of its own, and waiting for it. */
#ifndef TESTS_UNIT_STORE_BLOBS_RIG_H
#define TESTS_UNIT_STORE_BLOBS_RIG_H

#include "store/blobs.h"
#include "store/digest.h"

struct blobs_rig {
	struct blobs_options options;
	struct blobs *blobs;
	char directory[64];
};

/* An operation whose end is waited for. */
struct waited {
	struct blob_op op;
	bool ended;
	int error;
};

void blobs_rig_open(struct blobs_rig *rig, uint64_t most);
/* Closed and opened again. */
void blobs_rig_again(struct blobs_rig *rig);
void blobs_rig_close(struct blobs_rig *rig);

void waited_init(struct waited *w);
int waited_end(struct blobs_rig *rig, struct waited *w);
/* All that is under way, the cache's own too. */
void blobs_rig_settle(struct blobs_rig *rig);

/* n bytes that depend on `seed`; freed by the caller. */
uint8_t *blobs_rig_bytes(size_t n, unsigned seed);
void blobs_rig_hash(const void *p, size_t n, uint8_t hash[static BLOB_HASH]);
/* Puts them; error of blob_put. `hash` of them. */
int blobs_rig_put(struct blobs_rig *rig, size_t n, unsigned seed, uint8_t hash[static BLOB_HASH]);
/* Reads the whole blob and compares it with these. */
int blobs_rig_read(
	struct blobs_rig *rig, const uint8_t hash[static BLOB_HASH], size_t n, unsigned seed);
/* The path of a file there. */
const char *blobs_rig_path(
	const struct blobs_rig *rig, const uint8_t hash[static BLOB_HASH], const char *suffix);
/* How many files there are once the disk's thread has done what it was asked for. */
unsigned blobs_rig_files(struct blobs_rig *rig);

#endif
