/*
 * hub/spool.h - an input area that is being filled: by a connection that receives a body, or by whoever has a
 * payload too large to be copied twice. What was filled becomes the input of one event.
 *
 *	spool_begin ──▶ spool_room, spool_took | spool_append | spool_append_file ──▶ spool_give
 *	                                                                          └──▶ spool_end
 *
 * What lies in the area behind what was filled is an earlier input: the worker wipes it before the life. Whoever fills
 * in another order than from front to back (spool_room at the start gives all of it) leaves no gaps.
 */
#ifndef HUB_SPOOL_H
#define HUB_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "hub/areas.h"

struct service;
struct task;

#define SPOOL_DIGEST 32u

struct spool {
	struct areas *areas; /* NULL: it isn't begun */
	int number;
	uint64_t bytes; /* that were filled */
	uint64_t most;
	struct crypto_generichash_blake2b_state *hash; /* NULL: not asked for */
	uint8_t digest[SPOOL_DIGEST];
};

/* Takes one of the service's input areas. 0; -EAGAIN: none is free (areas_wait(service->areas, ...)); -ENOMEM; -EFBIG: it
 * has none. */
int spool_begin(struct spool *spool, struct service *service);
/* The same, and spool_digest will be asked for. -ENOMEM. */
int spool_hash(struct spool *spool);

/* Where the next bytes go, and how many there may be. */
uint8_t *spool_room(const struct spool *spool, size_t *most);
/* So many were written there. */
void spool_took(struct spool *spool, size_t n);
/* So many will be written there by somebody else, before the spool is given; for the digest these count instead. */
void spool_skip(struct spool *spool, size_t n, const void *instead, size_t instead_n);
/* Copies. -EFBIG: they don't fit, nothing was copied. */
int spool_append(struct spool *spool, const void *bytes, size_t n);
/* Reads them from a file, from `at` on, in this thread: in pieces of a MiB. -EFBIG; -EIO: it is shorter; -errno. */
int spool_append_file(struct spool *spool, int fd, uint64_t at, size_t n);

/* Of all bytes, with spool_hash: BLAKE2b. Once. */
struct mf_str spool_digest(struct spool *spool);

/* It is this task's input, between service_begin, which its service is the spool's, and service_submit. */
void spool_give(struct spool *spool, struct task *task);
/* It will be nobody's. Nothing if it isn't begun, or was given. */
void spool_end(struct spool *spool);
/* For whom it is; NULL: that service is gone. */
struct service *spool_service(const struct spool *spool);

#endif
