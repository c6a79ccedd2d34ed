/* tests/unit/hub/tick_test.c - when timers tick */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/tick.h"

#define S   INT64_C(1000000000)
#define DAY (86400 * S)
#define NOW (1795341600 * S) /* 2026-11-22 10:00 UTC */

static int64_t utc(int64_t at)
{
	(void)at;
	return 0;
}

static void test_every(void **state)
{
	struct tick_rule rule, other;
	int64_t first;

	(void)state;
	tick_every(&rule, 10 * S, "meter", "sum");
	tick_every(&other, 10 * S, "meter", "read");
	assert_true(rule.phase_ns < 10 * S && rule.phase_ns != other.phase_ns);
	assert_true(tick_same(&rule, &rule) && !tick_same(&rule, &other));
	first = tick_next(&rule, 1000 * S, utc);
	assert_true(first > 1000 * S && first <= 1010 * S);
	assert_int_equal(tick_next(&rule, first - 1, utc), first);
	assert_int_equal(tick_next(&rule, first, utc), first + 10 * S);
	assert_int_equal(tick_newest(&rule, 1000 * S, first - 1, utc), 1000 * S);
	assert_int_equal(tick_newest(&rule, 1000 * S, first, utc), first);
	assert_int_equal(tick_newest(&rule, first, first + 10000 * S, utc), first + 10000 * S);
	assert_int_equal(tick_count(&rule, first, first, 9, utc), 0);
	assert_int_equal(tick_count(&rule, first, first - 100 * S, 9, utc), 0);
	assert_int_equal(tick_count(&rule, first - 1, first, 9, utc), 1);
	assert_int_equal(tick_count(&rule, first, first + 39 * S, 9, utc), 3);
	assert_int_equal(tick_count(&rule, first, first + DAY, 9, utc), 9);
	/* from before the beginning of time */
	assert_true(tick_next(&rule, -25 * S, utc) <= -15 * S);
}

static void test_cron(void **state)
{
	struct tick_rule rule = {0};

	(void)state;
	assert_null(cron_parse(&rule.cron, "30 3 * * *"));
	assert_int_equal(tick_next(&rule, NOW, utc), NOW - 23400 * S + DAY);
	assert_int_equal(tick_next(&rule, NOW + 1, utc), NOW - 23400 * S + DAY);
	assert_int_equal(tick_newest(&rule, 0, NOW, utc), NOW - 23400 * S);
	assert_int_equal(tick_newest(&rule, NOW - 23400 * S, NOW, utc), NOW - 23400 * S);
	assert_int_equal(tick_newest(&rule, NOW - 3600 * S, NOW, utc), NOW - 3600 * S);
	assert_int_equal(tick_newest(&rule, NOW + 3600 * S, NOW, utc), NOW + 3600 * S);
	assert_int_equal(tick_count(&rule, NOW - 3 * DAY, NOW, 9, utc), 3);
	assert_int_equal(tick_count(&rule, 0, NOW, 9, utc), 9);
	assert_null(cron_parse(&rule.cron, "* * * * *"));
	assert_int_equal(tick_newest(&rule, 0, NOW + 59 * S, utc), NOW);
	assert_int_equal(tick_next(&rule, NOW - 1, utc), NOW);
	assert_null(cron_parse(&rule.cron, "0 0 29 2 *"));
	assert_int_equal(tick_newest(&rule, 0, NOW, utc), 1709164800 * S); /* 2024 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every),
		cmocka_unit_test(test_cron),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
