/*
 * hub/heads.h - what a price looks at of an input that lies in blobs: the heads of its arrays (image/price_heads.h), read one after
 * another on the disk cache's thread. Arrays that go on from one blob in the next are read by nobody: each begins and ends in one.
 */
#ifndef HUB_HEADS_H
#define HUB_HEADS_H

#include "image/price_heads.h"
#include "store/blobs.h"

struct hub;

struct heads {
	/* the caller's, until done; the blobs are pinned */
	struct hub *hub;
	struct blob *const *blobs;
	unsigned count;
	unsigned wanted; /* arrays that the formula looks at */
	/* 0: input.array has them, as far as there are so many; -EINVAL: what is there is no array, *why in words; else the cache's
	 * own error. It may come before heads_read returns. */
	void (*done)(struct heads *heads, int error, const char *why);
	void *context;
	struct price_input input;
	/* its own */
	unsigned next; /* the blob whose head is read */
	uint64_t at;   /* from where */
	struct blob_op op;
	size_t n;
	uint8_t head[PRICE_HEAD_MOST];
};

void heads_read(struct heads *heads);

#endif
