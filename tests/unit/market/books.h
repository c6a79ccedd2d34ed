/* tests/unit/market/books.h - a ledger in a directory of its own, with accounts, keys and charges */
#ifndef TESTS_UNIT_MARKET_BOOKS_H
#define TESTS_UNIT_MARKET_BOOKS_H

#include "market/ledger.h"

#define BOOKS_NOW 1700000000000000000ll

/* In a directory; or where MAYFLY_TEST_POSTGRES names a server (postgresql://...?host=...), in its schemas book1, book2 ..., one after
 * the other, so that the same tests run on both. */
struct books {
	char directory[64];
	char where[512]; /* for ledger_open */
	bool postgres;
	int64_t later;
};

void books_make(struct books *books);
void books_remove(struct books *books);
struct ledger *books_open(const struct books *books);
/* An account, prepaid, which paid so much, and its key. In a transaction of their own. */
void books_account(struct ledger *ledger, const char *name, int64_t paid,
	struct ledger_account *account, struct ledger_key *key);
void books_key(struct ledger *ledger, const struct ledger_account *account, struct ledger_key *key);
/* Strings of it stay until the next one is made. */
struct ledger_charge books_charge(
	const struct ledger_key *key, const char *id, uint8_t body, int64_t amount);

#endif
