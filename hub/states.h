/*
 * hub/states.h - services' state as the loop sees it: what was put and isn't committed yet, above a bounded
 * cache, above the database (docs/decisions/032, 035).
 *
 * A value that was put is seen at once by the next life, whose transaction stands behind the one that writes
 * it. If a commit fails, all that isn't committed is forgotten (states_forget); a transaction that is dropped
 * instead of submitted is undone (states_undo).
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

#define STATES_CACHE                                                                               \
	(1u << 20) /* bytes of values that aren't pending, with what it takes to keep them */
#define STATES_KEY_MAX  255u
#define STATES_READ_MAX 64u /* keys attached to one event; a manifest's list has no more */

struct manifest;
struct states;
struct states_seen;

int states_open(struct states **states, struct store *store);
void states_close(struct states *states);

/* *value lies there until the next call. 0, also where there is none (version 0); -errno. */
int states_get(
	struct states *states, uint32_t service, struct mf_str key, struct store_value *value);
/* Into the overlay and into the transaction, which is the newest; what version it is from now on. value.p
 * NULL: it is deleted. 0: no memory, then the transaction is to be dropped. */
uint64_t states_put(struct states *states, struct store_tx *tx, uint32_t service, struct mf_str key,
	struct mf_str value);
/* The transaction was reported as done, in the order of submission: nothing of it is pending any more. */
void states_committed(struct states *states, struct store_tx *tx);
/* The newest transaction is dropped: what it put never was. */
void states_undo(struct states *states, struct store_tx *tx);
/* A commit failed: all that was pending never happened. */
void states_forget(struct states *states);
/* Bytes of all that is kept, pending or not. */
size_t states_bytes(const struct states *states);

/* The keys that an event is to have attached, by its manifest and subject; one whose part is missing, or that
 * is longer than STATES_KEY_MAX, is left out. How many. `to` points into `room` (of STATES_KEYS_ROOM) and
 * into the manifest. */
#define STATES_KEYS_ROOM (STATES_READ_MAX * STATES_KEY_MAX)
unsigned states_keys(const struct manifest *manifest, struct mf_str subject,
	char room[static STATES_KEYS_ROOM], struct mf_str to[static STATES_READ_MAX]);

/* Attaches them to an event that has no state yet, and says in *seen (the caller's to free) which versions
 * it saw. -E2BIG: they don't fit, *needed is how large the event would be, at least; -ENOMEM, or what the
 * database says. */
int states_attach(struct states *states, uint32_t service, const struct manifest *manifest,
	struct event_writer *writer, struct states_seen **seen, size_t *needed);
/* Has a value another version than the one that was seen? Then *key is which. */
bool states_changed(struct states *states, uint32_t service, const struct states_seen *seen,
	struct mf_str *key);
/* Was a value seen that wasn't committed then, and isn't known to be now? */
bool states_unsure(const struct states *states, const struct states_seen *seen);
/* May what was seen be void, for a commit has failed since? states_changed knows. */
bool states_doubtful(const struct states *states, const struct states_seen *seen);

#endif
