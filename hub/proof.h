/*
 * hub/proof.h - a center's ledger, looked at as a whole while the hub goes on: on a thread and with a connection of its own, so that
 * neither the loop nor paid work waits for it. One at a time.
 */
#ifndef HUB_PROOF_H
#define HUB_PROOF_H

#include <stdbool.h>

#include "market/ledger.h"

struct proof;
struct hub;

struct proof_asked {
	bool receipts; /* also: are all of them signed by this center? */
	/* On the loop's thread, once. -errno with one line in error: it couldn't be looked at. */
	void (*done)(
		void *context, int e, const struct ledger_verified *verified, const char *error);
	void *context;
};
/* 0; -EBUSY: one is under way; -errno. `done` isn't called then. */
int proof_begin(struct hub *hub, const struct proof_asked *asked);
/* Waits for the one that is under way; it looks at no charge more. */
void proof_close(struct hub *hub);

#endif
