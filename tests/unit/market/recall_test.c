/* market/recall: the charges of one version, and taken back once. */
#include "market/recall.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/market/books.h"

static struct books books;
static struct ledger *ledger;
static struct ledger_account anna;
static struct ledger_key key;
static unsigned count;

static int setup(void **state)
{
	(void)state;
	count = 0;
	books_make(&books);
	ledger = books_open(&books);
	books_account(ledger, "anna", 50000000, &anna, &key);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ledger_close(ledger);
	books_remove(&books);
	return 0;
}

static uint64_t put(const char *text, size_t n, const char *event, int64_t price)
{
	struct ledger_charge c = books_charge(&key, event, 1, price);
	struct ledger_first first;

	c.receipt = mf_str_of(text, n);
	assert_int_equal(ledger_begin(ledger, true), 0);
	assert_int_equal(ledger_charge(ledger, &c, &first), LEDGER_DONE);
	assert_int_equal(ledger_commit(ledger), 0);
	return first.entry;
}

static uint64_t charge(const char *service, const char *version, int64_t price, uint8_t image)
{
	struct receipt r = {.price = price, .at = BOOKS_NOW + count, .currency = "EUR"};
	char text[RECEIPT_MOST];
	int n;

	snprintf(r.account, sizeof(r.account), "anna");
	snprintf(r.event, sizeof(r.event), "e%u", count++);
	snprintf(r.service, sizeof(r.service), "%s", service);
	snprintf(r.version, sizeof(r.version), "%s", version);
	snprintf(r.unit, sizeof(r.unit), "flop");
	memset(r.image, image, sizeof(r.image));
	n = receipt_text(&r, text);
	assert_true(n > 0);
	return put(text, (size_t)n, r.event, price);
}

static struct recall_set found;
static unsigned taken_back;

static bool note(const struct recall_charge *c, void *context)
{
	(void)context;
	assert_string_equal(c->account, "anna");
	assert_string_equal(c->receipt->service, "linalg");
	assert_true(c->text.n > 0);
	taken_back += c->taken_back;
	assert_int_equal(recall_set_add(&found, c->entry), 0);
	return true;
}

/* How many there are. */
static size_t look(const struct recall_what *what)
{
	size_t n;

	taken_back = 0;
	assert_int_equal(recall_each(ledger, what, note, NULL), 0);
	n = found.count;
	recall_set_free(&found);
	return n;
}

static int64_t balance(void)
{
	struct ledger_account a;

	assert_int_equal(ledger_look(ledger), 0);
	assert_int_equal(ledger_account_get(ledger, "anna", &a), 0);
	ledger_rollback(ledger);
	return a.balance;
}

static void test_which(void **state)
{
	uint8_t image[32];
	struct recall_what what = {.service = "linalg", .version = "1.0"};

	(void)state;
	memset(image, 7, sizeof(image));
	charge("linalg", "1.0", 100, 7);
	charge("linalg", "1.0", 200, 8);
	charge("linalg", "1.1", 400, 9);
	charge("dns", "1.0", 800, 7);
	assert_int_equal(look(&what), 2);
	what.image = image;
	assert_int_equal(look(&what), 1);
	what.image = NULL;
	what.from = BOOKS_NOW + 1;
	assert_int_equal(look(&what), 1);
	what.to = BOOKS_NOW + 1;
	assert_int_equal(look(&what), 0);
	what = (struct recall_what){.service = "linalg", .version = "2.0"};
	assert_int_equal(look(&what), 0);
}

static void test_taken_back_once(void **state)
{
	const struct recall_what what = {.service = "linalg", .version = "1.0"};
	struct recall_set kept = {0};
	struct recall_what but = what;
	struct recall_sum sum;
	int64_t before;

	(void)state;
	charge("linalg", "1.0", 100, 7);
	assert_int_equal(recall_set_add(&kept, charge("linalg", "1.0", 200, 7)), 0);
	charge("linalg", "1.0", 0, 7); /* nothing to give */
	charge("linalg", "1.1", 400, 7);
	but.kept = &kept;
	before = balance();
	assert_int_equal(
		recall_take_back(ledger, &but, MF_STR("it was wrong"), BOOKS_NOW, &sum), 0);
	assert_int_equal(sum.charges, 1);
	assert_int_equal(sum.amount, 100);
	assert_int_equal(balance(), before + 100);
	assert_int_equal(look(&what), 3);
	assert_int_equal(taken_back, 1);
	assert_int_equal(
		recall_take_back(ledger, &what, MF_STR("it was wrong"), BOOKS_NOW, &sum), 0);
	assert_int_equal(sum.amount, 200);
	assert_int_equal(
		recall_take_back(ledger, &what, MF_STR("it was wrong"), BOOKS_NOW, &sum), 0);
	assert_int_equal(sum.charges, 0);
	assert_int_equal(balance(), before + 300);
	recall_set_free(&kept);
}

/* More than one transaction takes. */
static void test_many(void **state)
{
	const struct recall_what what = {.service = "linalg", .version = "1.0"};
	struct ledger_verified v;
	struct recall_sum sum;

	(void)state;
	for (unsigned i = 0; i < 250; i++)
		charge("linalg", "1.0", 1 + i % 3, 7);
	assert_int_equal(recall_take_back(ledger, &what, MF_STR("all"), BOOKS_NOW, &sum), 0);
	assert_int_equal(sum.charges, 250);
	assert_int_equal(balance(), 50000000);
	assert_int_equal(ledger_verify(ledger, NULL, NULL, &v), 0);
	assert_string_equal(v.wrong, "");
	assert_int_equal(v.sales, 0);
}

static void test_a_receipt_that_is_none(void **state)
{
	const struct recall_what what = {.service = "linalg", .version = "1.0"};

	(void)state;
	put("{}", 2, "x", 5);
	assert_int_equal(recall_each(ledger, &what, note, NULL), -EUCLEAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_which, setup, teardown),
		cmocka_unit_test_setup_teardown(test_taken_back_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_receipt_that_is_none, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
