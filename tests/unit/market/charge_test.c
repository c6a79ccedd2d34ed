/* tests/unit/market/charge_test.c - what a life costs is never more than was quoted */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "market/charge.h"

/* 0.5 EUR a unit, 2 EUR at least. */
static const struct market_price price = {
	.rate = {.digits = 5, .places = 1, .currency = "EUR"}, .minimum = 2000000};

static void test_charges(void **state)
{
	static const struct {
		uint64_t quoted, metered;
		int64_t quote;
		uint64_t units;
		int64_t amount;
		bool overrun;
	} table[] = {
		{10, 10, 5000000, 10, 5000000, false}, {10, 9, 5000000, 9, 4500000, false},
		{10, 1, 5000000, 1, 2000000, false}, /* the minimum */
		{10, 0, 5000000, 0, 0, false},       /* refused, or nothing was done */
		{10, 11, 5000000, 10, 5000000, true}, {10, UINT64_MAX, 5000000, 10, 5000000, true},
		{1, 1, 2000000, 1, 2000000, false}, {0, 0, 0, 0, 0, false},
		{0, 5, 0, 0, 0, true}, /* what wasn't quoted isn't charged */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct market_quote quote;
		struct market_charge c;

		assert_true(market_quote(&price, table[i].quoted, &quote));
		assert_int_equal(quote.amount, table[i].quote);
		c = market_charge(&price, &quote, table[i].metered);
		assert_int_equal(c.metered, table[i].metered);
		assert_int_equal(c.units, table[i].units);
		assert_int_equal(c.amount, table[i].amount);
		assert_int_equal(c.overrun, table[i].overrun);
		assert_true(c.amount <= quote.amount);
	}
}

static void test_too_much(void **state)
{
	struct market_quote quote;

	(void)state;
	assert_false(market_quote(&price, UINT64_MAX, &quote));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_charges),
		cmocka_unit_test(test_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
