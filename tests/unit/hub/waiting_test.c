#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/waiting.h"

#define MOST  16000u
#define EVENT 100u

/* Until it may have no more; how much that is. */
static size_t flood(struct waiting *w, size_t *has)
{
	while (waiting_event(w, *has))
		waiting_take(w, has, EVENT);
	return *has;
}

static bool about(size_t a, size_t b)
{
	return a + EVENT >= b && a <= b + EVENT;
}

static void test_one_gets_half(void **state)
{
	struct waiting w = {.most = MOST};
	size_t one = 0, two = 0;

	(void)state;
	assert_true(about(flood(&w, &one), MOST * 3 / 4 / 2));
	/* and leaves half of the rest to the next */
	assert_true(about(flood(&w, &two), MOST * 3 / 4 / 4));
	assert_int_equal(w.events, one + two);
}

/* Whoever takes what he may whenever he may, there is as much for all. */
static void test_many_get_the_same(void **state)
{
	struct waiting w = {.most = MOST};
	size_t has[9] = {0}, spare = 0;

	(void)state;
	for (int round = 0; round < 1000; round++)
		for (unsigned i = 0; i < 9; i++) {
			if (waiting_event(&w, has[i]))
				waiting_take(&w, &has[i], EVENT);
			else if (has[i] > 0) /* a life ends */
				waiting_give(&w, &has[i], EVENT);
		}
	for (unsigned i = 0; i < 9; i++)
		assert_in_range(
			has[i], MOST * 3 / 4 / 10 - 2 * EVENT, MOST * 3 / 4 / 10 + 2 * EVENT);
	assert_true(w.events <= MOST * 3 / 4);
	assert_true(waiting_event(&w, spare)); /* one that was quiet */
}

/* An event may be larger than all that is free: then nobody gets more until it has ended. */
static void test_a_large_one(void **state)
{
	struct waiting w = {.most = MOST};
	size_t large = 0, other = 0;

	(void)state;
	waiting_take(&w, &large, 10 * MOST);
	assert_false(waiting_event(&w, other));
	assert_false(waiting_event(&w, large));
	waiting_give(&w, &large, 10 * MOST);
	assert_true(waiting_event(&w, other));
	assert_int_equal(w.events, 0);
	assert_int_equal(large, 0);
}

static void test_slots(void **state)
{
	struct waiting w = {.most = MOST};
	size_t one = 0, two = 0, events = 0;

	(void)state;
	while (waiting_slot(&w, one))
		waiting_share(&w, &one, one + EVENT);
	assert_true(about(one, MOST / 4 / 2));
	assert_true(waiting_slot(&w, two));
	waiting_share(&w, &two, 3 * EVENT);
	assert_int_equal(w.shared, one + two);
	assert_true(waiting_event(&w, events)); /* theirs is a part of its own */
	waiting_share(&w, &one, 0);
	assert_int_equal(one, 0);
	assert_int_equal(w.shared, two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_gets_half),
		cmocka_unit_test(test_many_get_the_same),
		cmocka_unit_test(test_a_large_one),
		cmocka_unit_test(test_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
