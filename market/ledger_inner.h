/*
 * market/ledger_inner.h - what the files of the ledger share; nobody else includes it.
 *
 *	ledger.c             open, transactions
 *	ledger_tables.c      tables and statements
 *	ledger_accounts.c    plans, accounts
 *	ledger_keys.c        keys
 *	ledger_entries.c     entries: written, read
 *	ledger_charge.c      holds, charges
 *	ledger_verify.c      all of it, looked at
 *	ledger_moves.c       what entries did to accounts, with their receipts
 */
#ifndef MARKET_LEDGER_INNER_H
#define MARKET_LEDGER_INNER_H

#include <errno.h>
#include <string.h>

#include "market/ledger.h"
#include "store/sql.h"

#define LEDGER_DAY_NS 86400000000000ll

enum statement {
	HEAD,
	HEAD_PUT,
	HEAD_LOOK,
	PLAN_PUT,
	PLAN_GET,
	PLAN_REMOVE,
	PLAN_USERS,
	PLANS,
	ACCOUNT_ADD,
	ACCOUNT_GET,
	ACCOUNT_SET,
	ACCOUNTS,
	KEY_ADD,
	KEY_FIND,
	SUBSCRIBER,
	KEY_GET,
	KEY_EXPIRE,
	KEY_REVOKE,
	KEYS,
	ENTRY_ADD,
	POSTING_ADD,
	POSTINGS_ADD,
	BALANCE_ADD,
	BALANCE_HELD,
	ENTRIES,
	ENTRY_ONE,
	VOID_OF,
	STANDING,
	CHARGE_ADD,
	HOLD_ADD,
	HOLD_UNTIL,
	HOLD_REMOVE,
	HOLDS_OLD,
	SPENT_HELD,
	SPENT_ADD,
	CHARGES,
	SPENT_ALL,
	COUNTS,
	MOVES,
	STATEMENTS
};
extern const struct sql_schema ledger_schema;

struct ledger {
	struct sql *sql;
	char currency[8];
	bool open; /* a transaction is */
	int error; /* of it */
	bool added;
	bool headed;     /* what follows is known: the head's row is ours */
	uint64_t number; /* of the last entry */
	uint8_t hash[CHAIN_HASH];
	uint8_t room[LEDGER_ANSWER + LEDGER_RECEIPT + LEDGER_TYPE + 1024];
};

/* Notes an error in the transaction, and gives it back. */
int ledger_note(struct ledger *ledger, int error);
/* In a transaction only. Those of store/sql.h with ledger_note; out: strings lie in ledger->room. */
int ledger_do(
	struct ledger *ledger, enum statement which, const struct sql_value *in, unsigned count);
int ledger_one(struct ledger *ledger, enum statement which, const struct sql_value *in,
	unsigned count, struct sql_value *out, unsigned columns);
/* Nobody waits for it: its error comes later, of ledger_commit at the latest. */
int ledger_put(
	struct ledger *ledger, enum statement which, const struct sql_value *in, unsigned count);
#define LEDGER_IN(...)                                                                             \
	(const struct sql_value[]){__VA_ARGS__},                                                   \
		(unsigned)(sizeof((const struct sql_value[]){__VA_ARGS__}) /                       \
			sizeof(struct sql_value))

/* A text of at most `most` letters and a zero byte behind them. False: it is something else. */
bool ledger_take_text(const struct sql_value *from, char *to, size_t most);
bool ledger_take_hash(const struct sql_value *from, uint8_t to[static 32]);
static inline struct sql_value ledger_text(const char *text)
{
	return sql_text(mf_str_of(text, strlen(text)));
}

/* Numbers it, links it, writes it and changes the balances. */
int ledger_append(struct ledger *ledger, struct chain_entry *entry);
/* The same without the balances. */
int ledger_write(struct ledger *ledger, struct chain_entry *entry);
/* Is a balance with that added still one? */
bool ledger_is_balance(int64_t balance, int64_t amount);
/* One row of ENTRIES is a posting with its entry; fills in all but the postings. False: it is no entry. */
bool ledger_take_entry(
	const struct sql_value *row, struct chain_entry *entry, uint8_t hash[static CHAIN_HASH]);

#endif
