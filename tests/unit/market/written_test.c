/* Amounts and times as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "market/ledger.h"
#include "market/written.h"

static void amounts(void **state)
{
	char text[WRITTEN_AMOUNT];
	int64_t n;
	json_t *j;

	(void)state;
	assert_true(written_read_amount("12.5", false, &n) && n == 12500000);
	assert_true(written_read_amount("-0.000001", true, &n) && n == -1);
	assert_false(written_read_amount("-0.000001", false, &n));
	assert_false(written_read_amount("0.0000001", true, &n));
	assert_true(written_read_amount("1000000000", false, &n) && n == LEDGER_AMOUNT_MOST);
	assert_false(written_read_amount("1000000000.000001", false, &n));
	assert_false(written_read_amount("none", false, &n));
	assert_true(written_read_limit("none", &n) && n == LEDGER_UNLIMITED);
	assert_false(written_read_limit("-1", &n));
	assert_string_equal(written_amount(-12500000, text), "-12.500000");
	assert_string_equal(written_amount(INT64_MAX - 1, text), "9223372036854.775806");
	assert_string_equal(written_amount(LEDGER_UNLIMITED, text), "none");
	j = written_amount_json(LEDGER_UNLIMITED);
	assert_true(json_is_null(j));
	json_decref(j);
}

static void times(void **state)
{
	char text[WRITTEN_TIME];
	int64_t n;

	(void)state;
	assert_true(written_read_time("2d", &n) && n == 172800000000000);
	assert_true(written_read_time("30m", &n) && n == 1800000000000);
	assert_false(written_read_time("d", &n));
	assert_false(written_read_time("-2d", &n));
	assert_false(written_read_time("99999999999999999999d", &n));
	assert_false(written_read_time("99999999d", &n));
	assert_string_equal(written_date(1700000000999999999, text), "2023-11-14T22:13:20Z");
	assert_string_equal(written_date(0, text), "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(amounts), cmocka_unit_test(times)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
