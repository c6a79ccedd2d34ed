/* hub/weigh: what makes a new version the worse one, and what doesn't. */
#include "hub/weigh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct weigh_limits limits = {.least = 50, .errors = 100, .slower = 200};
static char why[WEIGH_WHY];

/* So many lives, each as long; of those so many failed. */
static struct weigh_side side(unsigned lives, unsigned failures, uint64_t ns)
{
	struct weigh_side s = {.lives = lives, .failures = failures};

	for (unsigned i = 0; i < lives; i++)
		histogram_add(&s.run, ns);
	return s;
}

static bool worse(struct weigh_side new, struct weigh_side old)
{
	return weigh_is_worse(&new, &old, &limits, why);
}

static void test_the_same_is_not_worse(void **state)
{
	(void)state;
	assert_false(worse(side(0, 0, 0), side(0, 0, 0)));
	assert_false(worse(side(100, 0, 1000000), side(1000, 0, 1000000)));
	assert_false(worse(side(100, 10, 1000000), side(1000, 100, 1000000)));
}

static void test_failures(void **state)
{
	(void)state;
	assert_false(worse(side(2, 2, 1000), side(1000, 0, 1000))); /* too few to say anything */
	assert_true(worse(side(3, 3, 1000), side(1000, 0, 1000)));
	assert_string_equal(why,
		"3 of 3 lives failed (100.0 %), of the old version's 0 of 1000 "
		"(0.0 %)");
	assert_false(worse(side(400, 4, 1000), side(1000, 0, 1000))); /* 1 %: as many as may be */
	assert_true(worse(side(400, 5, 1000), side(1000, 0, 1000)));
	assert_false(worse(side(400, 24, 1000), side(100, 5, 1000)));
	assert_true(worse(side(400, 25, 1000), side(100, 5, 1000)));
	assert_true(worse(side(400, 25, 1000), side(0, 0, 1000)));
}

static void test_times(void **state)
{
	(void)state;
	assert_false(worse(side(49, 0, 9000000), side(1000, 0, 1000000))); /* too few of the new */
	assert_false(worse(side(1000, 0, 9000000), side(49, 0, 1000000))); /* or of the old */
	assert_true(worse(side(50, 0, 9000000), side(50, 0, 1000000)));
	assert_non_null(strstr(why, "half of its lives runs for"));
	assert_false(worse(side(1000, 0, 60000), side(1000, 0, 20000))); /* nobody feels that */
	assert_false(weigh_is_worse(&(struct weigh_side){.lives = 0},
		&(struct weigh_side){.lives = 0}, &(struct weigh_limits){0}, why));
}

static void test_any_time_may_do(void **state)
{
	const struct weigh_limits any = {.least = 50, .errors = 100, .slower = 0};
	struct weigh_side new = side(50, 0, 9000000), old = side(50, 0, 1000);

	(void)state;
	assert_false(weigh_is_worse(&new, &old, &any, why));
}

static void test_the_slowest(void **state)
{
	struct weigh_side new = side(980, 0, 1000000), old = side(1000, 0, 1000000), few;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		histogram_add(&new.run, 100000000);
	assert_true(worse(new, old));
	assert_non_null(strstr(why, "the slowest of a hundred"));
	few = side(190, 0, 1000000);
	for (unsigned i = 0; i < 9; i++)
		histogram_add(&few.run, 100000000);
	assert_false(worse(few, old));
}

static void test_since(void **state)
{
	struct weigh_side before = side(10, 2, 5000), now = side(30, 3, 5000), d;

	(void)state;
	d = weigh_since(&now, &before);
	assert_int_equal(d.lives, 20);
	assert_int_equal(d.failures, 1);
	assert_int_equal(histogram_count(&d.run), 20);
	assert_int_equal(d.run.sum_ns, 20 * 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_is_not_worse),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_any_time_may_do),
		cmocka_unit_test(test_the_slowest),
		cmocka_unit_test(test_since),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
