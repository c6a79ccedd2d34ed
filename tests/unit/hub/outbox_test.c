/* hub/outbox: messages go in their order, the urgent first, and never get lost. */
/* with: tests/unit/store/rig.c tests/unit/hub/outbox/bench.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/clock.h"
#include "tests/unit/hub/outbox/bench.h"

static void test_straight_through(void **state)
{
	struct bench *b = bench_start();
	struct store_out nowhere = {.destination = OUTBOX_UPSTREAM};

	(void)state;
	assert_int_equal(outbox_add(b->outbox, NULL, &nowhere), 0); /* isn't configured */
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	bench_add(b, OUTBOX_BROKER, 0, 0, 300);
	bench_until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 300);
	assert_bodies(&b->broker, 0, 300, 0, 0);
	assert_false(b->broker.late);
	assert_int_equal(bench_look(b, OUTBOX_BROKER).in, 300);
	assert_int_equal(bench_look(b, OUTBOX_BROKER).arrived, 300);
	assert_int_equal(bench_look(b, OUTBOX_BROKER).waiting, 0);
	bench_stop(b);
}

/* The urgent go first, whether they lie in memory or on the disk. */
static void test_priorities(void **state)
{
	struct bench *b = bench_start();

	(void)state;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	b->broker.takes = 0;
	bench_add(b, OUTBOX_BROKER, 3, 0, 1100); /* more than memory holds */
	bench_add(b, OUTBOX_BROKER, 1, 0, 700);
	bench_add(b, OUTBOX_BROKER, 9, 0, 5);
	bench_add(b, OUTBOX_BROKER, 3, 1100, 100);
	b->broker.takes = 600;
	outbox_ready(b->outbox, OUTBOX_BROKER);
	bench_until_got(b, 600);
	bench_add(b, OUTBOX_BROKER, 9, 5, 5); /* in the middle of it */
	b->broker.takes = UINT32_MAX;
	outbox_ready(b->outbox, OUTBOX_BROKER);
	bench_until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 1910);
	assert_bodies(&b->broker, 0, 5, 9, 0);
	assert_bodies(&b->broker, 5, 595, 3, 0);
	assert_bodies(&b->broker, 600, 5, 9, 5);
	assert_bodies(&b->broker, 605, 605, 3, 595);
	assert_bodies(&b->broker, 1210, 700, 1, 0);
	bench_stop(b);
}

/* What waits is there after a restart, in order; what arrived is not. */
static void test_restart(void **state)
{
	struct bench *b = bench_start();

	(void)state;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	outbox_bound(b->outbox, OUTBOX_UPSTREAM, (struct outbox_bounds){0});
	b->broker.takes = 7;
	bench_add(b, OUTBOX_BROKER, 0, 0, 40);
	bench_add(b, OUTBOX_UPSTREAM, 0, 0, 1);
	bench_until_got(b, 7);
	bench_restart(b); /* at once: the seven may not be deleted yet */
	assert_int_equal(bench_look(b, OUTBOX_BROKER).waiting, 33);
	assert_int_equal(bench_look(b, OUTBOX_UPSTREAM).waiting, 1);
	b->broker.takes = UINT32_MAX;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	bench_add(b, OUTBOX_BROKER, 0, 40, 10);
	bench_until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 50);
	assert_bodies(&b->broker, 0, 50, 0, 0);
	bench_stop(b);
}

/* A destination that is no more: nothing is added, what waits is kept for it, within its bounds. */
static void test_shut(void **state)
{
	struct bench *b = bench_start();
	struct store_out out = {.destination = OUTBOX_BROKER};

	(void)state;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	b->broker.takes = 0;
	bench_add(b, OUTBOX_BROKER, 0, 0, 5);
	assert_true(outbox_takes(b->outbox, OUTBOX_BROKER));
	outbox_bound(b->outbox, OUTBOX_BROKER, (struct outbox_bounds){.age_ns = 100 * CLOCK_S});
	outbox_shut(b->outbox, OUTBOX_BROKER);
	assert_false(outbox_takes(b->outbox, OUTBOX_BROKER));
	assert_int_equal(outbox_add(b->outbox, NULL, &out), 0);
	assert_int_equal(bench_look(b, OUTBOX_BROKER).waiting, 5);
	b->broker.takes = 2;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	bench_until_got(b, 2);
	outbox_shut(b->outbox, OUTBOX_BROKER);
	b->elapsed = (int64_t)(101 * CLOCK_S);
	bench_until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 2);
	bench_stop(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_straight_through),
		cmocka_unit_test(test_priorities),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_shut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
