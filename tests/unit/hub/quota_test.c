/* hub/quota: rates and how many at once, of accounts and not of keys */
#include "hub/quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sys/clock.h"

#define START (1000 * CLOCK_S)

static const uint8_t *key(unsigned n)
{
	static uint8_t hash[MARKET_KEY_HASH];

	memset(hash, 0, sizeof(hash));
	memcpy(hash, &n, sizeof(n));
	return hash;
}

static unsigned begin_all(struct quota *quota, uint64_t now, unsigned most)
{
	uint64_t wait;
	unsigned n = 0;

	while (n < most && quota_begin(quota, now, &wait) == QUOTA_OK)
		n++;
	return n;
}

static void test_rate(void **state)
{
	struct quotas all = {0};
	struct quota *q = quotas_learn(&all, key(1), 7, 10, 0, START);
	uint64_t wait = 0;

	(void)state;
	assert_ptr_equal(quotas_find(&all, key(1)), q);
	assert_int_equal(begin_all(q, START, 100), 10);
	assert_int_equal(quota_begin(q, START, &wait), QUOTA_RATE);
	assert_int_equal(wait, CLOCK_S / 10);
	assert_int_equal(quota_begin(q, START + wait - 1, &wait), QUOTA_RATE);
	assert_int_equal(wait, 1);
	assert_int_equal(begin_all(q, START + CLOCK_S / 10, 100), 1);
	assert_int_equal(
		begin_all(q, START + 100 * CLOCK_S, 100), 10); /* it doesn't save up more */
	quotas_close(&all);
}

static void test_at_once(void **state)
{
	struct quotas all = {0};
	struct quota *q = quotas_learn(&all, key(1), 7, 0, 3, START);
	uint64_t wait = 0;

	(void)state;
	assert_int_equal(begin_all(q, START, 100), 3);
	assert_int_equal(quota_begin(q, START, &wait), QUOTA_AT_ONCE);
	assert_true(wait > 0);
	quota_end(q);
	assert_int_equal(begin_all(q, START, 100), 1);
	quotas_close(&all);
}

/* Another key of the account is no way round, and what the plan says now counts from now on. */
static void test_of_an_account(void **state)
{
	struct quotas all = {0};
	struct quota *q = quotas_learn(&all, key(1), 7, 0, 2, START);

	(void)state;
	assert_ptr_equal(quotas_learn(&all, key(2), 7, 0, 2, START), q);
	assert_ptr_not_equal(quotas_learn(&all, key(3), 7 + QUOTA_TABLE, 0, 2, START), q);
	assert_null(quotas_find(&all, key(4)));
	assert_int_equal(begin_all(quotas_find(&all, key(1)), START, 100), 2);
	assert_int_equal(begin_all(quotas_find(&all, key(2)), START, 100), 0);
	assert_ptr_equal(quotas_learn(&all, key(1), 7, 0, 0, START), q);
	assert_int_equal(begin_all(q, START, 100), 100);
	quotas_close(&all);
}

/* Whoever makes up no keys, but has many, doesn't fill the memory; who is at work is remembered. */
static void test_many(void **state)
{
	struct quotas all = {0};
	struct quota *busy = quotas_learn(&all, key(1000000), 5, 0, 1, START);

	(void)state;
	assert_int_equal(begin_all(busy, START, 9), 1);
	for (unsigned i = 0; i < 3 * QUOTA_KEYS; i++)
		assert_non_null(quotas_learn(&all, key(i), 10 + i, 5, 0, START));
	assert_true(all.count <= QUOTA_KEYS + 1);
	assert_ptr_equal(quotas_find(&all, key(1000000)), busy);
	assert_int_equal(begin_all(busy, START, 9), 0);
	quotas_close(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_of_an_account),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
