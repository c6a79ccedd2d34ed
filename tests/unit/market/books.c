/* tests/unit/market/books.c - see books.h */
#include "tests/unit/market/books.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void books_make(struct books *books)
{
	static unsigned made;

	snprintf(books->directory, sizeof(books->directory), "/tmp/mayfly-books-XXXXXX");
	assert_non_null(mkdtemp(books->directory));
	books->postgres = getenv("MAYFLY_TEST_POSTGRES") != NULL;
	snprintf(books->where, sizeof(books->where), "%s", books->directory);
	if (books->postgres)
		snprintf(books->where, sizeof(books->where), "%s&options=-csearch_path%%3Dbook%u",
			getenv("MAYFLY_TEST_POSTGRES"), ++made);
}

void books_remove(struct books *books)
{
	char command[sizeof(books->directory) + 16];

	snprintf(command, sizeof(command), "rm -rf %s", books->directory);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a directory of ours */
}

struct ledger *books_open(const struct books *books)
{
	char error[LEDGER_ERROR_MAX] = "";
	struct ledger *ledger = NULL;
	int e = ledger_open(&ledger, books->where, NULL, false, error);

	assert_string_equal(error, "");
	assert_int_equal(e, 0);
	return ledger;
}

static void add_key(struct ledger *ledger, uint64_t account, struct ledger_key *key)
{
	char text[MARKET_KEY_TEXT];

	*key = (struct ledger_key){.account = account,
		.made = BOOKS_NOW,
		.most = LEDGER_UNLIMITED,
		.day_most = LEDGER_UNLIMITED};
	market_key_new(false, text);
	market_key_hash(mf_str_of(text, MARKET_KEY_LETTERS), key->hash);
	market_key_show(mf_str_of(text, MARKET_KEY_LETTERS), key->shown);
	assert_int_equal(ledger_key_add(ledger, key), 0);
}

void books_account(struct ledger *ledger, const char *name, int64_t paid,
	struct ledger_account *account, struct ledger_key *key)
{
	uint64_t entry;

	*account = (struct ledger_account){.plan = "prepaid",
		.credit = LEDGER_AS_PLANNED,
		.day_most = LEDGER_AS_PLANNED,
		.made = BOOKS_NOW};
	snprintf(account->name, sizeof(account->name), "%s", name);
	assert_int_equal(ledger_begin(ledger, true), 0);
	assert_int_equal(ledger_account_add(ledger, account), 0);
	assert_int_equal(
		ledger_pay(ledger, account->number, paid, BOOKS_NOW, MF_STR("paid"), &entry), 0);
	add_key(ledger, account->number, key);
	assert_int_equal(ledger_commit(ledger), 0);
}

void books_key(struct ledger *ledger, const struct ledger_account *account, struct ledger_key *key)
{
	assert_int_equal(ledger_begin(ledger, true), 0);
	add_key(ledger, account->number, key);
	assert_int_equal(ledger_commit(ledger), 0);
}

struct ledger_charge books_charge(
	const struct ledger_key *key, const char *id, uint8_t body, int64_t amount)
{
	static char answer[64], receipt[64], name[32];
	struct ledger_charge c = {.key = key->number,
		.service = MF_STR("linalg"),
		.amount = amount,
		.at = BOOKS_NOW,
		.status = 200,
		.type = MF_STR("text/plain")};

	snprintf(name, sizeof(name), "%s", id);
	snprintf(answer, sizeof(answer), "answer of %s", id);
	snprintf(receipt, sizeof(receipt), "receipt of %s", id);
	memset(c.body, body, sizeof(c.body));
	c.idempotency = mf_str_of(name, strlen(name));
	c.answer = mf_str_of(answer, strlen(answer));
	c.receipt = mf_str_of(receipt, strlen(receipt));
	return c;
}
