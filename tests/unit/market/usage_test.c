/* Usage as CloudEvents: cursors, and charges that can't be told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "market/receipt.h"
#include "market/usage.h"
#include "tests/unit/market/books.h"

static void charge(struct ledger *l, const struct ledger_key *key, unsigned n, bool sound)
{
	struct receipt r = {.price = 5, .quantity = n, .at = BOOKS_NOW, .currency = "EUR"};
	struct ledger_charge c;
	struct ledger_first first;
	char text[RECEIPT_MOST];
	int length;

	snprintf(r.event, sizeof(r.event), "e%u", n);
	length = receipt_text(&r, text);
	assert_true(length > 0);
	c = books_charge(key, r.event, 1, 5);
	if (sound)
		c.receipt = mf_str_of(text, (size_t)length);
	assert_int_equal(ledger_begin(l, true), 0);
	assert_int_equal(ledger_charge(l, &c, &first), LEDGER_DONE);
	assert_int_equal(ledger_commit(l), 0);
}

/* How many events there are from an entry on; *next: where to go on. */
static size_t count(struct ledger *l, uint64_t account, uint64_t *next, unsigned most, bool *more)
{
	char error[USAGE_ERROR_MAX];
	struct usage usage;
	size_t n;

	assert_int_equal(ledger_look(l), 0);
	assert_int_equal(usage_read(l, *next, 1000, account, most, &usage, error), 0);
	ledger_rollback(l);
	n = json_array_size(usage.events);
	json_decref(usage.events);
	*next = usage.next;
	*more = usage.more;
	return n;
}

static void cursors(void **state)
{
	struct books books;
	struct ledger_account anna, berta;
	struct ledger_key key, other;
	struct ledger *l;
	uint64_t next = 1;
	bool more;

	(void)state;
	books_make(&books);
	l = books_open(&books);
	books_account(l, "anna", 1000, &anna, &key); /* entry 1 */
	for (unsigned i = 0; i < 3; i++)
		charge(l, &key, i, true);                /* 2 to 4 */
	books_account(l, "berta", 1000, &berta, &other); /* 5 */
	assert_int_equal(count(l, 0, &next, 2, &more), 2);
	assert_int_equal(next, 4);
	assert_true(more);
	assert_int_equal(count(l, 0, &next, 2, &more), 1);
	assert_int_equal(next, 6);
	assert_false(more);
	assert_int_equal(count(l, 0, &next, 2, &more), 0);
	assert_int_equal(next, 6);
	next = 1;
	assert_int_equal(count(l, berta.number, &next, 2, &more), 0);
	assert_int_equal(next, 6);
	next = 3;
	assert_int_equal(count(l, anna.number, &next, 10, &more), 2);
	assert_int_equal(next, 6);
	ledger_close(l);
	books_remove(&books);
}

static void what_cannot_be_told_is_not_left_out(void **state)
{
	char error[USAGE_ERROR_MAX];
	struct books books;
	struct ledger_account anna;
	struct ledger_key key;
	struct usage usage;
	struct ledger *l;

	(void)state;
	books_make(&books);
	l = books_open(&books);
	books_account(l, "anna", 1000, &anna, &key);
	charge(l, &key, 0, true);
	charge(l, &key, 1, false);
	assert_int_equal(ledger_look(l), 0);
	assert_int_equal(usage_read(l, 1, 1000, 0, 10, &usage, error), -EUCLEAN);
	assert_null(usage.events);
	assert_ptr_equal(strstr(error, "entry 3: its receipt: it is no JSON"), error);
	assert_int_equal(usage_read(l, 1, 1000, 0, 1, &usage, error), 0);
	json_decref(usage.events);
	assert_int_equal(usage.next, 3);
	ledger_rollback(l);
	ledger_close(l);
	books_remove(&books);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cursors),
		cmocka_unit_test(what_cannot_be_told_is_not_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
