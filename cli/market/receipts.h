/*
 * cli/market/receipts.h - a file of receipts, a line each, read one by one: all must be signed by one key, and none may stand
 * there twice. 40 bytes of memory a receipt.
 */
#ifndef CLI_MARKET_RECEIPTS_H
#define CLI_MARKET_RECEIPTS_H

#include "cli/keys.h"
#include "market/receipt.h"

struct receipts {
	const char *command, *file;
	const struct sign_key *key;
	/* A receipt that is right so far: an exit status. `text`: its line, without its end. */
	int (*each)(struct receipts *receipts, const struct receipt *receipt, struct mf_str text);
	void *context;
	unsigned line; /* at hand, from 1 on */
	unsigned count;
	struct receipts_seen *seen;
	unsigned room;
};

/* STATUS_OK, or an exit status with what is wrong said. */
int receipts_read(struct receipts *receipts);
/* "FILE" line N: why. STATUS_DENIED */
int receipts_bad(const struct receipts *receipts, unsigned line, const char *why);

#endif
