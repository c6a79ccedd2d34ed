/*
 * hub/paying.h - one piece of work that a subscriber pays for, of a request (hub/paid.h) or a job: as much as it may cost is held
 * before it is begun; at its end it is charged, with a receipt, or the hold is released. Nothing blocks: the ledger is the
 * till's (hub/till.h).
 *
 *	paying_hold ──▶ done: verdict LEDGER_DONE ──▶ ... the work ... ──▶ paying_charge ──▶ done ──▶ paying_drop
 *	                      another, or error   ──▶ refuse or answer again ──────────────────────▶ paying_drop
 *	                                              the work failed ────────────────────────────▶ paying_drop
 *
 * paying_drop releases what is still held. Until then the struct is the caller's, at one place; between a call and
 * its `done`, which comes once, on the loop's thread and never before the call returns, it is the till's.
 */
#ifndef HUB_PAYING_H
#define HUB_PAYING_H

#include "hub/quota.h"
#include "hub/till.h"
#include "sys/clock.h"

struct center;

struct paying {
	/* the caller's, before paying_hold: */
	struct hub *hub;
	uint8_t hash[MARKET_KEY_HASH]; /* of the subscriber's key (market_key_hash) */
	const char *service;           /* its name, until paying_drop */
	char idempotency[LEDGER_ID];   /* within the account: one charge */
	size_t idempotency_n;
	uint8_t body
		[CHAIN_HASH]; /* of the request: the same again, or another with the same idempotency? */
	int64_t most;         /* what it may cost */
	uint64_t patience_ns; /* it will be charged or released by then */
	bool quick;           /* `prepare` takes microseconds */
	bool counts;          /* for the plan's rate and at_once, until paying_drop */
	int (*prepare)(struct paying
			*p); /* on the till's thread, before the hold: fills in `body`; NULL */
	void (*done)(struct paying *p);
	void *context; /* the caller's */
	/* what came of it: */
	int error; /* of the ledger: 0 or -errno, and no verdict */
	enum ledger_verdict verdict;
	enum quota_result quota; /* QUOTA_OK, or why it isn't held all the same */
	uint64_t wait_ns;        /* the same: for how long */
	struct ledger_subscriber
		subscriber; /* where the key is known; figures from before the hold */
	bool held;
	/* LEDGER_AGAIN: what was answered the first time. After paying_charge: what it came to. `type`, `answer`: copies, of
	 * LEDGER_AGAIN only */
	struct ledger_first first;
	char receipt_text[RECEIPT_MOST]; /* first.receipt: the line, without its end */
	/* its own: */
	struct receipt receipt;
	struct ledger_charge charge;
	struct quota *running;
	uint8_t *copy;
	bool out; /* the till has it */
	struct till_work work;
};

/* More than the till can take, or the ledger can't be written: false, nothing happens; refuse the work. */
bool paying_can(const struct hub *hub);
/* Of a rate that is known before the ledger is asked: `done` isn't called then, and p->quota says why. */
bool paying_admits(struct paying *p);
/* The same of a request whose body hasn't come yet: nothing is counted. */
bool paying_would_admit(struct paying *p);
/* `done`: verdict LEDGER_DONE and quota QUOTA_OK: it is held, go on. */
void paying_hold(struct paying *p);

/* It went well. The receipt without account, currency, price, time and signature; `type` and `answer` stay where they are until
 * `done`. Without a hold (after a restart, say) it is charged if what is left allows it. */
struct paying_end {
	struct receipt receipt;
	int64_t amount;
	uint64_t status;
	struct mf_str type, answer; /* what is answered if the same comes again; empty: not kept */
	int (*prepare)(
		struct paying *p); /* on the till's thread: fills in hashes of p->receipt; NULL */
};
void paying_charge(struct paying *p, const struct paying_end *end);
/* What is held stays so for longer. `done`: error -ENOENT, nothing is held any more. */
void paying_extend(struct paying *p, uint64_t patience_ns);
/* Releases what is held, as soon as the ledger can be written; nothing of `p` is used afterwards but by its caller. */
void paying_drop(struct paying *p);

/* Holds of a hub that is gone end with their time. Those of requests that this hub held before it was started again end now, if
 * nobody else uses its ledger (`alone`): they have at most PAYING_SHORT_NS left. Jobs hold for longer. */
#define PAYING_SHORT_NS (3600 * CLOCK_S)
void paying_begin(struct hub *hub, bool alone);
/* The till has nothing any more; holds that the ledger didn't take back run out. */
void paying_close(struct center *center);

#endif
