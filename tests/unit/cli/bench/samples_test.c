/* cli/bench/samples.c: percentiles of known samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/bench/bench.h"

static void none(void **state)
{
	struct samples s = {0};

	(void)state;
	assert_int_equal(samples_part(&s, 0.5), 0);
}

static void one(void **state)
{
	struct samples s = {0};

	(void)state;
	samples_add(&s, 7);
	assert_int_equal(samples_part(&s, 0), 7);
	assert_int_equal(samples_part(&s, 0.5), 7);
	assert_int_equal(samples_part(&s, 0.99), 7);
	free(s.ns);
}

/* 1 ... 10001 in an order that isn't theirs; 7 and 10001 have no common factor */
static void many(void **state)
{
	struct samples s = {0};

	(void)state;
	for (uint64_t i = 0; i < 10001; i++)
		samples_add(&s, i * 7 % 10001 + 1);
	assert_int_equal(s.count, 10001);
	assert_int_equal(samples_part(&s, 0), 1);
	assert_int_equal(samples_part(&s, 0.5), 5001);
	assert_int_equal(samples_part(&s, 0.99), 9901);
	assert_int_equal(samples_part(&s, 1), 10001);
	free(s.ns);
}

static void joined(void **state)
{
	struct samples a = {0}, b = {0};

	(void)state;
	samples_add(&a, 1);
	samples_add(&b, 2);
	samples_add(&b, UINT64_MAX);
	samples_join(&a, &b);
	assert_int_equal(a.count, 3);
	assert_int_equal(samples_part(&a, 0.5), 2);
	assert_true(samples_part(&a, 1) == UINT64_MAX);
	free(a.ns);
	free(b.ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none),
		cmocka_unit_test(one),
		cmocka_unit_test(many),
		cmocka_unit_test(joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
