/*
 * hub/till.h - the thread that owns the ledger (market/ledger.h) of a hub that is a center, and has receipts signed
 * (market/signer.h). The loop hands it works, and hears of them when they are in the ledger, or can't be.
 *
 *	loop's thread                   till's thread
 *	till_do(work) ──▶ queue ──▶ all that wait: prepare, sign │ begin, run, run ..., commit
 *	work->done    ◀── loop  ◀── ended
 *
 * All that wait go into one transaction, which is durable if one of them is. If a run or the commit fails the
 * transaction is undone, and each of them runs again in one of its own: one that can't be done is in nobody's way. So `run` may
 * be called more than once, and may have effects on the ledger and on its own work only.
 *
 * What the ledger can't do at all (a full disk, a server that is gone) all of them hear of, and till_takes is false for
 * a while: nothing is begun that couldn't be charged.
 *
 * Handing a work over and back takes as long as a hold does. So one that is `quick` and comes alone is done on the loop's thread, if the ledger
 * is a file and nobody has it at that moment: no flush, no waiting. Its `done` comes at the end of the round.
 *
 * Works are the caller's, and stay where they are until `done`, which is always called, once, on the loop's thread.
 */
#ifndef HUB_TILL_H
#define HUB_TILL_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/hub.h"
#include "market/ledger.h"
#include "market/receipt.h"
#include "market/signer.h"

struct config;
struct till;

struct till_work {
	struct till_work *next; /* the till's */
	bool durable;           /* on the disk before `done` */
	bool quick; /* not durable, and a matter of microseconds: the loop's thread does it where it can at once */
	struct receipt *
		receipt; /* is signed before `run`; NULL: none. -EPIPE: nobody signs; -EINVAL: not such a one */
	/* NULL; on the till's thread, once, before all else: what takes long and needs no ledger. 0 or -errno */
	int (*prepare)(struct till_work *work);
	/* On the till's thread, in a transaction. 0 or more: it went well; -errno: what it did is undone. */
	int (*run)(struct till_work *work, struct ledger *ledger);
	void (*done)(struct till_work *work, int error); /* 0; -errno: it isn't in the ledger */
	int error;                                       /* the till's */
};

struct till_counts {
	uint64_t taken;                                /* works that the thread has begun with */
	uint64_t quick;                                /* on the loop's thread */
	uint64_t works, transactions, flushes, failed; /* of transactions; of works */
	uint64_t alone;                                /* works that ran again, alone */
	uint64_t receipts;
};

/* Above this many that wait nothing new is begun. */
#define TILL_MOST 4096u

/* `ledger`: a directory, or postgresql://...; one must be there. `signer`: taken over; socket -1: nothing can be signed. -errno with one line in error. */
struct till_options {
	struct loop *loop;
	const char *ledger;
	struct signer signer;
	void (*lost)(void *context); /* NULL; the signer is gone; one that hangs is ended */
	void *context;
	unsigned sign_ms, drain_ms; /* for a signature; for a report in till_drain. 0: 5 s, 10 s */
};
/* till_close in both cases. */
int till_open(struct till **till, const struct till_options *options,
	char error[static LEDGER_ERROR_MAX]);
/* Does all that waits; done is called for it. NULL is fine. */
void till_close(struct till *till);
/* Waits until nothing does any more. What the ledger doesn't do in time fails with -EIO, untried. */
void till_drain(struct till *till);

/* May something new be begun? Ends and releases of what was begun are always taken. */
bool till_takes(const struct till *till);
void till_do(struct till *till, struct till_work *work);
/* How many are not done yet. */
unsigned till_waiting(const struct till *till);
const char *till_currency(const struct till *till);
/* The public one, which receipts are checked with; NULL: nothing is signed here. */
const uint8_t *till_key(const struct till *till);
/* Its process; -1: there is none. */
pid_t till_signer(const struct till *till);
struct till_counts till_counted(struct till *till);

#endif
