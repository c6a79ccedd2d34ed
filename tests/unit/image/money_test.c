/* tests/unit/image/money_test.c - rates, amounts, and that they are rounded once and up */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "image/money.h"

static struct money_rate rate(const char *text)
{
	struct money_rate r;
	const char *wrong = money_rate_read(text, &r);

	if (wrong)
		fail_msg("%s %s", text, wrong);
	return r;
}

static void test_what_units_cost(void **state)
{
	static const struct {
		const char *rate;
		uint64_t units;
		int64_t amount;
	} table[] = {
		{"2 EUR", 3, 6000000},
		{"2.50 EUR", 3, 7500000},
		{"0.000001 EUR", 1, 1},
		{"0.0000001 EUR", 1, 1}, /* up */
		{"0.0000001 EUR", 10, 1},
		{"0.0000001 EUR", 11, 2},
		{"0.000000000002 EUR", 2000000000, 4000},
		{"0.000000000002 EUR", 2000000001, 4001},
		{"0 EUR", UINT64_MAX, 0},
		{"0.000000000000000000000001 EUR", INT64_MAX, 10},
		{"9223372036854.775807 EUR", 1, INT64_MAX},
		{"0.000001 EUR", INT64_MAX, INT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct money_rate r = rate(table[i].rate);
		int64_t amount = -1;

		assert_true(money_of(&r, table[i].units, &amount));
		assert_int_equal(amount, table[i].amount);
		assert_string_equal(r.currency, "EUR");
	}
}

static void test_too_much(void **state)
{
	struct money_rate r = rate("9223372036854.775808 EUR");
	int64_t amount = 5;

	(void)state;
	assert_false(money_of(&r, 1, &amount));
	r = rate("0.000001 EUR");
	assert_false(money_of(&r, (uint64_t)INT64_MAX + 1, &amount));
	r = rate("18446744073709551615 EUR");
	assert_false(money_of(&r, UINT64_MAX, &amount));
	assert_int_equal(amount, 5);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} table[] = {
		{"", "is no price"},
		{"EUR", "is no price"},
		{".5 EUR", "is no price"},
		{"5. EUR", "is no price"},
		{"-5 EUR", "is no price"},
		{"1e3 EUR", "has no currency of three capitals"},
		{"1.2.3 EUR", "has no currency of three capitals"},
		{"5", "has no currency: three capitals behind it"},
		{"5EUR", "has no currency of three capitals"},
		{"5 EUR ", "has no currency of three capitals"},
		{"5 EURO", "has no currency of three capitals"},
		{"5 eur", "has no currency of three capitals"},
		{"18446744073709551616 EUR", "has more digits than fit 64 bits"},
		{"0.0000000000000000000000001 EUR", "has more than 24 places"},
	};
	struct money_rate r;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *wrong = money_rate_read(table[i].text, &r);

		if (!wrong || !strstr(wrong, table[i].words))
			fail_msg("'%s' %s", table[i].text, wrong ? wrong : "is taken");
	}
}

static void test_amounts(void **state)
{
	char text[MONEY_TEXT], currency[MONEY_CURRENCY + 1];
	int64_t amount;

	(void)state;
	assert_null(money_read("12.345678 USD", &amount, currency));
	assert_int_equal(amount, 12345678);
	assert_string_equal(currency, "USD");
	assert_string_equal(money_write(amount, text), "12.345678");
	assert_string_equal(money_write(0, text), "0.000000");
	assert_string_equal(money_write(INT64_MAX, text), "9223372036854.775807");
	assert_non_null(strstr(money_read("1.2345678 USD", &amount, currency), "a millionth"));
	assert_non_null(strstr(money_read("9999999999999 USD", &amount, currency), "larger"));
	assert_non_null(money_read("1", &amount, currency));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_units_cost),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_amounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
