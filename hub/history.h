/*
 * hub/history.h - capsules (image/capsule.h) of lives, in the hub's database: of those that had effects, in
 * the same transaction, and of those that failed. What `mayfly trace`, `replay` and `rehearse` ask for.
 *
 * Pure lives that went well leave nothing there. The oldest capsules go first (store_options.history_bytes).
 */
#ifndef HUB_HISTORY_H
#define HUB_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/worker.h"
#include "base/str.h"

#define HISTORY_LARGE (1u << 20)   /* a larger capsule isn't kept */
#define HISTORY_INPUT (512u << 10) /* nor with it the input area of a life that had more there */

struct capsule;
struct hub;
struct store_life;
struct store_tx;
struct task;

/* How the life ended; `why` may be NULL. */
struct history_end {
	enum mfw_result result;
	bool denied;
	const char *why;
};

/* Its capsule becomes a part of the transaction, and task->life its number. `effects`: as the life left them,
 * in the hub's own memory; may be empty. The event still lies where the worker read it. False: no memory. */
bool history_add(struct task *task, struct store_tx *tx, const struct mfw_message *message,
	struct mf_str effects, const struct history_end *end);

/* The same of a capsule that lies in the transaction's room. */
void history_keep(struct task *task, struct store_tx *tx, struct mf_str capsule);
/* That transaction will be dropped. */
void history_forget(struct task *task);

/* The same in a transaction of its own, for which nobody waits: a life that failed. */
void history_add_failed(struct task *task, const struct mfw_message *message, struct mf_str effects,
	const struct history_end *end);

/* The capsule as bytes, in the transaction's room; n 0: it is too large, p NULL: no memory. */
struct mf_str history_capsule(struct task *task, struct store_tx *tx,
	const struct mfw_message *message, struct mf_str effects, const struct history_end *end);

#endif
