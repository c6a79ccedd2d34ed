/*
 * market/usage.h - what was used, as CloudEvents 1.0 in JSON, for programs that meter and bill: an event a charge, and one for
 * each charge that was taken back. Read in the order of the ledger, from an entry on: its number is the cursor.
 *
 *	{"specversion": "1.0", "id": ID, "source": "mayfly:KEY", "type": "mayfly.charge", "subject": ACCOUNT, "time": TIME,
 *	 "datacontenttype": "application/json",
 *	 "data": {"entry": 7, "event": "…", "service": "linalg", "version": "1.2.3", "unit": "flop", "quantity": "54000000",
 *	          "amount": "0.000108", "currency": "EUR", "receipt": "{…}"}}
 *
 * ID is the receipt's (market/invoice.h): the same however often it is exported, and no other has it. KEY is the key that signed. Of a
 * charge that was taken back the type is "mayfly.charge.voided", the id ends with ".void", quantity and amount are negative, `entry`
 * is the void's and `refers` the charge's. Quantities and amounts are texts: they may pass 2^53.
 */
#ifndef MARKET_USAGE_H
#define MARKET_USAGE_H

#include <jansson.h>

#include "market/ledger.h"

#define USAGE_ERROR_MAX 512
#define USAGE_BATCH     "application/cloudevents-batch+json"

struct usage {
	json_t *events; /* an array; the caller's */
	uint64_t next;  /* the entry to go on from: all before it was read */
	bool more;      /* there may be more */
};

/* Up to `most` events of an account (0: of all) from entry `from` (1 at least) on, of `span` entries. Between ledger_look or ledger_begin and its end. 0, or
 * -errno with one line in error: -EUCLEAN: a charge has no receipt that can be read. */
int usage_read(struct ledger *ledger, uint64_t from, uint64_t span, uint64_t account, unsigned most,
	struct usage *usage, char error[static USAGE_ERROR_MAX]);

#endif
