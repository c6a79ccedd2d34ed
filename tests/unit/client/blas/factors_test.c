/* client/blas/factors: names of what is kept, by what it could be used for */
#include "client/blas/factors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct factor_kind_of lu = {'d', 0, 40}, lower = {'d', 'L', 40};
static char name[FACTOR_NAME];

/* Another name for each number. */
static const char *named(unsigned i)
{
	snprintf(name, sizeof(name), "%064u", i);
	return name;
}

static void for_what_it_is(void **state)
{
	static const struct factor_kind_of others[] = {{'s', 0, 40}, {'d', 0, 41}, {'d', 'U', 40}};
	struct factors f = {0};

	(void)state;
	assert_false(factors_may(&f, &lu, 0));
	factors_add(&f, &lu, named(1), 10);
	assert_true(factors_may(&f, &lu, 5) && factors_has(&f, &lu, named(1), 5));
	assert_false(factors_has(&f, &lu, named(2), 5));
	assert_false(factors_may(&f, &lower, 5) || factors_has(&f, &lower, named(1), 5));
	for (unsigned i = 0; i < 3; i++)
		assert_false(factors_may(&f, &others[i], 5));
}

static void until_its_time_is_over(void **state)
{
	struct factors f = {0};

	(void)state;
	factors_add(&f, &lu, named(1), 10);
	assert_false(factors_may(&f, &lu, 10) || factors_has(&f, &lu, named(1), 10));
	factors_add(&f, &lu, named(1), 20); /* kept anew */
	assert_true(factors_has(&f, &lu, named(1), 10));
	factors_drop(&f, named(2));
	assert_true(factors_may(&f, &lu, 10));
	factors_drop(&f, named(1));
	assert_false(factors_may(&f, &lu, 10) || factors_has(&f, &lu, named(1), 10));
}

static void the_oldest_goes(void **state)
{
	struct factors f = {0};

	(void)state;
	for (unsigned i = 0; i < FACTORS + 3; i++)
		factors_add(&f, &lu, named(i), 100 + i);
	for (unsigned i = 0; i < FACTORS + 3; i++)
		assert_int_equal(factors_has(&f, &lu, named(i), 50), i >= 3);
	factors_drop(&f, named(5));
	factors_add(&f, &lu, named(77), 100);
	assert_true(factors_has(&f, &lu, named(3), 50) && factors_has(&f, &lu, named(77), 50));
}

static void nobody_solves(void **state)
{
	struct factors f = {0};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		assert_true(factors_wanted(&f));
		factors_add(&f, &lu, named(i), 10);
	}
	assert_false(factors_wanted(&f));
	factors_used(&f);
	assert_true(factors_wanted(&f));
}

static void names_that_are_none(void **state)
{
	struct factors f = {0};

	(void)state;
	factors_add(&f, &lu, "", 10);
	factors_add(&f, &lu, "abc", 10);
	assert_false(factors_may(&f, &lu, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(for_what_it_is),
		cmocka_unit_test(until_its_time_is_over),
		cmocka_unit_test(the_oldest_goes),
		cmocka_unit_test(nobody_solves),
		cmocka_unit_test(names_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
