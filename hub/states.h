/*
 * hub/states.h - services' state as the loop sees it: what was put and isn't committed yet, above a bounded
 * cache, above the database (docs/decisions/032).
 *
 * A value that was put is seen at once by the next life, whose transaction stands behind the one that writes
 * it. If a commit fails, all that isn't committed is forgotten (states_forget).
 *
 * Also the manifest's `reads`: "lamp/{1}" names the key lamp/ and the first part of the event's topic or path.
 * One thread.
 */
#ifndef HUB_STATES_H
#define HUB_STATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "store/store.h"
#include "wire/event.h"

#define STATES_CACHE    (1u << 20) /* bytes of values that aren't pending */
#define STATES_KEY_MAX  255u
#define STATES_READ_MAX 64u /* keys attached to one event */

struct states;
struct manifest;

int states_open(struct states **states, struct store *store);
void states_close(struct states *states);

/* *value lies there until the next call. 0, also where there is none (version 0); -errno. */
int states_get(
	struct states *states, uint32_t service, struct mf_str key, struct store_value *value);
/* Into the overlay and into the transaction; what it is from now on. value.p NULL: it is deleted. 0: no memory. */
uint64_t states_put(struct states *states, struct store_tx *tx, uint32_t service, struct mf_str key,
	struct mf_str value);
/* The transaction was reported as done: nothing of it is pending any more. */
void states_committed(struct states *states, struct store_tx *tx);
/* A commit failed: all that was pending never happened. */
void states_forget(struct states *states);

/* The keys that an event is to have attached, by its manifest and subject. How many, or -EINVAL: a key is too
 * long, or its part is missing: such a key is left out. `to` points into `room`. */
unsigned states_keys(const struct manifest *manifest, struct mf_str subject, char *room,
	size_t size, struct mf_str to[static STATES_READ_MAX]);

#endif
