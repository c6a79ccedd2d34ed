/*
 * hub/paid.h - an event whose life a subscriber pays for: what lies between service_submit, the queue and the answer.
 *
 *	service_submit ──▶ paid_hold ──▶ queue, life, store ──▶ paid_charge ──▶ the answer leaves
 *	                    └─▶ refused (REFUSED_UNPAID), or the first answer again
 *
 * Charged is a life that went well and answers with a status below 400, for what it metered, at most the quote. All else is free:
 * refusals, failures, answers of 400 and more, and answers that nobody can have: the client is gone, gave no
 * Idempotency-Key, and the life did nothing but answer.
 *
 * The answer is kept in the ledger if it isn't larger than LEDGER_ANSWER. One that is larger is computed again, and not charged
 * again, if the same is asked once more.
 */
#ifndef HUB_PAID_H
#define HUB_PAID_H

#include <stdbool.h>

#include "abi/worker.h"
#include "hub/center.h"
#include "hub/paying.h"
#include "wire/effects.h"

struct reply;
struct task;

struct paid {
	struct paying paying;
	struct task *task; /* NULL: not yet */
	bool asked_twice;  /* it has an Idempotency-Key: who asks again gets the answer */
	bool replayed;     /* its answer is the first one */
	bool charged;      /* paying.first says what, and has the receipt */
	bool unkept;       /* its life was before, and what it answered is lost */
	bool over_budget;  /* budget is less than what it may cost */
	int64_t budget;    /* INT64_MAX: the client gave none */
	int64_t caused;    /* of that: what its calls came to */
	/* Does anybody wait for the answer still? NULL: always */
	bool (*waits)(const struct task *task);
	uint8_t input[32]; /* SHA-256 */
	/* a life that went well, while it is being charged: */
	struct mfw_message message;
	struct effects_reader effects; /* of `bytes` */
	struct mf_str output;
	uint8_t *bytes;
};

/* Is what it comes to only for who waits for it now? */
bool paid_is_his_alone(const struct task *task);
/* Why it wasn't held, or charged. */
enum unpaid paid_why(const struct paid *paid);

/* Of events of such a service, by this path: do they cost money here? */
bool paid_wanted(const struct service *service, struct mf_str path);

/* The text of a key (market_key_is_one). NULL: no memory. The caller's until it is a task's (task->paid), whose end frees it. */
struct paid *paid_make(struct hub *hub, const struct service *service, struct mf_str key);
void paid_free(struct paid *paid); /* NULL is fine */

/* The call of a life that somebody pays for is paid by him, out of what is left of the budget; before service_submit. False: no
 * memory. `waits` as in struct paid. */
bool paid_inherit(
	const struct task *caller, struct task *task, bool (*waits)(const struct task *task));
/* Such a call has ended. */
void paid_caused(const struct task *caller, const struct task *task);

/* What a receipt says of work of this service, whoever did it: all but input, output, and what the ledger and the signer know. */
struct receipt paid_receipt(
	const struct service *service, const char *event, uint64_t units, uint64_t cpu_ns);

/* The event is written, and has its quote. It is the till's, and goes on (service_go_on) or ends by itself. */
void paid_hold(struct task *task);
/* It is held, and was done before, by a hub that ended before it was charged: `answer`, as ids.h keeps it, is given when that is
 * made good. It ends by itself. */
void paid_was_done(struct task *task, struct mf_str answer);
/* The life went well and its state is kept; `effects` are judged. False: it costs nothing. True: it ends by itself when it is
 * charged, or can't be (life_paid, life_lost). */
bool paid_charge(
	struct task *task, const struct mfw_message *message, struct effects_reader effects);

#endif
