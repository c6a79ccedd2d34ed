/*
 * hub/bytes.h - bytes of a connection that wait: a message not yet whole, a reply not yet
 * taken. All of them together are bounded, so that peers can't fill the hub's memory.
 */
#ifndef HUB_BYTES_H
#define HUB_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes_total {
	size_t held, most;
};

struct bytes {
	uint8_t *p;
	size_t at, n, room; /* those from at to n are there */
};

static inline size_t bytes_left(const struct bytes *b)
{
	return b->n - b->at;
}

/* False: no memory, or too much is held by all. */
bool bytes_add(struct bytes *b, struct bytes_total *total, const void *p, size_t n);
/* The first n are done with; when none are left no memory is held. */
void bytes_use(struct bytes *b, struct bytes_total *total, size_t n);
void bytes_free(struct bytes *b, struct bytes_total *total);

#endif
