/*
 * market/chain.h - what the ledger's hashes are of. Pure.
 *
 * An entry is one transaction of double-entry bookkeeping: postings to books that sum up to zero. Entries have
 * numbers from 1 on without gaps. Each has a hash, SHA-256 of
 *
 *	"mayfly ledger entry 1" and a zero byte
 *	number, at, kind, account, refers           8 bytes each
 *	the digest of its charge or, where it has none, 32 zero bytes
 *	the note: its length in 8 bytes, and its bytes
 *	how many postings there are, in 8 bytes; of each book, account, amount: 8 bytes each
 *	the hash of the entry before, 32 bytes; of the first: 32 zero bytes
 *
 * Numbers are big-endian, negative ones in two's complement. So no bit of an entry can change, none can be taken away and
 * none be put between others without another last hash; whoever has noted that one (`mayfly ledger verify` shows it) can prove it.
 *
 * The digest of a charge is SHA-256 of "mayfly ledger charge 1" and a zero byte; account, key, amount, at, status: 8 bytes
 * each; then idempotency key, the body's hash, content type, answer, receipt: of each its length in 8 bytes, and its bytes.
 */
#ifndef MARKET_CHAIN_H
#define MARKET_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define CHAIN_HASH     32u
#define CHAIN_POSTINGS 8u   /* of an entry, at most */
#define CHAIN_NOTE     512u /* bytes of a note, at most */

/* The numbers are in the file. */
enum chain_kind {
	CHAIN_CHARGE = 1, /* balance to sales */
	CHAIN_PAYMENT,    /* cash to balance; negative: paid back */
	CHAIN_CREDIT,     /* credits to balance: a present, or an excuse */
	CHAIN_VOID,       /* the postings of `refers` the other way round */
	CHAIN_KINDS
};
extern const char *const chain_kind_names[CHAIN_KINDS];

/* What a posting changes. Amounts are what is owed to the subscriber, or came from somewhere: positive in BALANCE is
 * money that an account has. */
enum chain_book {
	CHAIN_BALANCE = 1, /* of an account */
	CHAIN_SALES,       /* what charges brought in */
	CHAIN_CASH,        /* what was paid, negative */
	CHAIN_CREDITS,     /* what was given, negative */
	CHAIN_BOOKS
};
extern const char *const chain_book_names[CHAIN_BOOKS];

struct chain_posting {
	uint64_t book, account; /* account 0: the center's own */
	int64_t amount;         /* in millionths of the currency */
};

struct chain_entry {
	uint64_t number;
	int64_t at; /* wall, ns */
	uint64_t kind;
	uint64_t account; /* whom it is about; 0: nobody */
	uint64_t refers;  /* to an entry; 0: none */
	uint8_t charge[CHAIN_HASH];
	struct mf_str note;
	struct chain_posting posting[CHAIN_POSTINGS];
	unsigned postings;
};

struct chain_charge {
	uint64_t account, key;
	int64_t amount, at;
	uint64_t status; /* the answer's */
	struct mf_str idempotency, body, type, answer, receipt;
};

/* Do the postings sum up to zero, without an overflow on the way? */
bool chain_balanced(const struct chain_entry *entry);
void chain_hash(const struct chain_entry *entry, const uint8_t previous[static CHAIN_HASH],
	uint8_t hash[static CHAIN_HASH]);
void chain_digest(const struct chain_charge *charge, uint8_t digest[static CHAIN_HASH]);

#endif
