/*
 * hub/ids.h - which events were here before: the ids that the store keeps, by hash, and the events with an
 * identity that are at work (docs/decisions/036). The table holds hashes only, 8 bytes an id and 256 KiB;
 * what an id's row says is read when its hash is found. One thread.
 *
 * Also how an answer is kept in such a row, for who asks again.
 */
#ifndef HUB_IDS_H
#define HUB_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "hub/task.h"
#include "store/store.h"

#define IDS_MOST        131072u     /* as the store keeps */
#define IDS_ANSWER_MOST (64u << 10) /* bytes of an answer; a larger one isn't kept */

struct ids;

/* Reads all that the store has. -errno. */
int ids_open(struct ids **ids, struct store *store);
void ids_close(struct ids *ids);

enum ids_found {
	IDS_NEW,
	IDS_RUNNING, /* its first is at work */
	IDS_DONE,    /* *done is its row, until the next read of the store */
};
enum ids_found ids_find(struct ids *ids, struct mf_str id, struct store_id *done);
void ids_begin(
	struct ids *ids, struct task *task); /* it has an identity, and is at work from now on */
void ids_end(struct ids *ids, struct task *task); /* until now */
/* Its row is committed. */
void ids_done(struct ids *ids, struct mf_str id, uint64_t number);

/* What answers an event, and what it asked (task.request), as bytes for store_id.answer: how many, 0: too
 * many. `reply` NULL: there was none. */
size_t ids_answer_bytes(const struct reply *reply);
void ids_answer_write(const struct task *task, const struct reply *reply, uint8_t *to);
/* Of an event that somebody pays for (paid.h) it has so many more bytes, behind the others: what its life metered. */
#define IDS_ANSWER_METERED 8u
struct ids_answer {
	const uint8_t *request; /* 32 bytes */
	uint64_t metered;
	bool empty;
	struct reply reply;
};
/* False: none was kept, or it isn't one. */
bool ids_answer_read(struct mf_str bytes, struct ids_answer *answer);

#endif
