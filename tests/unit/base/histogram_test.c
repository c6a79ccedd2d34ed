/* base/histogram.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/histogram.h"

static void buckets_take_what_is_up_to_their_bound(void **state)
{
	struct histogram h = {0};

	(void)state;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		histogram_add(&h, histogram_bound(i));
		assert_int_equal(h.bucket[i], 1);
		histogram_add(&h, histogram_bound(i) + 1);
		assert_int_equal(h.bucket[i + 1], 1);
		h.bucket[i + 1] = 0;
	}
	histogram_add(&h, 0);
	assert_int_equal(h.bucket[0], 2);
	histogram_add(&h, UINT64_MAX);
	assert_int_equal(h.bucket[HISTOGRAM_BUCKETS], 1);
}

static void bounds_rise(void **state)
{
	(void)state;
	assert_int_equal(histogram_bound(0), 5000);
	for (unsigned i = 1; i < HISTOGRAM_BUCKETS; i++)
		assert_true(histogram_bound(i) > histogram_bound(i - 1));
	assert_int_equal(histogram_bound(HISTOGRAM_BUCKETS - 1), 10000000000u);
}

static void sum_count_and_merge(void **state)
{
	struct histogram a = {0}, b = {0};

	(void)state;
	histogram_add(&a, 7000);
	histogram_add(&b, 7000);
	histogram_add(&b, 1000000);
	histogram_merge(&a, &b);
	assert_int_equal(histogram_count(&a), 3);
	assert_int_equal(a.sum_ns, 1014000);
	assert_int_equal(a.bucket[1], 2);
	assert_int_equal(histogram_count(&b), 2);
}

static void quantiles(void **state)
{
	struct histogram h = {0};

	(void)state;
	assert_int_equal(histogram_quantile(&h, 500), 0); /* none at all */
	for (int i = 0; i < 100; i++)
		histogram_add(&h, 20000); /* between 10 us and 25 us */
	assert_int_equal(histogram_quantile(&h, 1000), 25000);
	assert_int_equal(histogram_quantile(&h, 500), 17500);
	assert_in_range(histogram_quantile(&h, 0), 10000, 10200);
	histogram_add(&h, 2000000);
	assert_in_range(histogram_quantile(&h, 990), 24000, 25000);
	assert_in_range(histogram_quantile(&h, 1000), 1000000, 2500000);
	for (int i = 0; i < 200; i++)
		histogram_add(&h, 60000000000u);
	assert_int_equal(histogram_quantile(&h, 990), 10000000000u);
}

static void one_value_counts_for_all(void **state)
{
	struct histogram h = {0};

	(void)state;
	histogram_add(&h, 30000);
	for (unsigned permille = 0; permille <= 1000; permille += 100)
		assert_int_equal(histogram_quantile(&h, permille), 50000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_take_what_is_up_to_their_bound),
		cmocka_unit_test(bounds_rise),
		cmocka_unit_test(sum_count_and_merge),
		cmocka_unit_test(quantiles),
		cmocka_unit_test(one_value_counts_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
