/*
 * market/recall.h - what a bad version of a service was paid for: its receipts, and the charges taken back.
 *
 * A charge is taken back by a void (ledger_void): an entry that refers to it, of which there is one at most. So whoever begins again
 * gives nothing twice, and invoices show it.
 *
 * Errors: those of market/ledger.h; -EUCLEAN: a receipt can't be read.
 */
#ifndef MARKET_RECALL_H
#define MARKET_RECALL_H

#include "market/ledger.h"
#include "market/receipt.h"

struct recall_what {
	const char *service, *version;
	const uint8_t *image; /* SHA-256; NULL: any of that version */
	int64_t from, to;     /* wall, ns: made from here until before there; 0, both: any time */
	const struct recall_set *kept; /* charges that stand; NULL: none */
};

struct recall_charge {
	uint64_t entry;
	const char *account;
	const struct receipt *receipt;
	struct mf_str text; /* of the receipt */
	bool taken_back;    /* already */
};

/* Numbers of entries. Zeros are an empty one. */
struct recall_set {
	uint64_t *at;
	size_t count, room;
};
int recall_set_add(struct recall_set *set, uint64_t number);        /* -ENOMEM */
bool recall_set_has(const struct recall_set *set, uint64_t number); /* after recall_set_sort */
void recall_set_sort(struct recall_set *set);
void recall_set_free(struct recall_set *set);

/* Every charge of that version, oldest first, until `each` returns false. The transaction is its own. */
int recall_each(struct ledger *ledger, const struct recall_what *what,
	bool (*each)(const struct recall_charge *charge, void *context), void *context);

/* How many were taken back, and how much; those that were before don't count. Some hundred are one transaction: after an error
 * what was done stays done. */
struct recall_sum {
	uint64_t charges;
	int64_t amount;
};
int recall_take_back(struct ledger *ledger, const struct recall_what *what, struct mf_str note,
	int64_t now, struct recall_sum *sum);

#endif
