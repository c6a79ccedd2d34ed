/*
 * hub/failed.h - events whose lives failed and for which nobody waits (origin_ops.alone: MQTT, timers, schedules): they run
 * again later, as often and as late as the manifest's `retry` says, and end at last as dead letters, which an operator
 * looks at, tries again or removes (`mayfly dlq`). What asks for what it may not have is a dead letter at once.
 *
 * Both are capsules (image/capsule.h) in the database, each written in the transaction that ends the event for its source:
 * its id, the row of what was scheduled, the row of the try before. So a message is acknowledged when its failure is
 * kept, a restart forgets none of them, and none runs twice at a time.
 *
 * The tries that wait are here by number and time, at most FAILED_WAITING; what fails beyond that is a dead letter. Of
 * these the oldest go when there are more than FAILED_DEAD.
 */
#ifndef HUB_FAILED_H
#define HUB_FAILED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define FAILED_WAITING 1024u
#define FAILED_DEAD    10000u

struct ending;
struct failed;
struct history_end;
struct hub;
struct mfw_message;
struct store_tx;
struct task;

/* The hub's store is open. -errno. */
int failed_open(struct hub *hub);
void failed_close(struct hub *hub);
/* Services may have come, or time passed that nobody felt. */
void failed_look(struct hub *hub);

/* The life failed, and `ending` is how. True: it is kept, and the task ends by itself, or it was refused, for nothing can be
 * written now: its source has it still. False: it is the caller's to end, for somebody waits for it, it is too large
 * to be kept, or this hub has no database. */
bool failed_keep(struct task *task, const struct mfw_message *message, struct mf_str effects,
	const struct history_end *how, const struct ending *ending);
/* The same of an event that is refused without a life's own word: its workers died of it, one hung, its state doesn't fit.
 * False also where the event is as good as before. */
bool failed_give_up(struct task *task, const struct ending *ending);
/* Into a transaction that ends the task: if it was a try, that one is over. */
void failed_done(struct task *task, struct store_tx *tx);

/* A dead letter is tried once more, or removed. -ENOENT; -EAGAIN: nothing can be written at the moment. */
int failed_again(struct hub *hub, uint64_t number);
int failed_remove(struct hub *hub, uint64_t number);

#endif
