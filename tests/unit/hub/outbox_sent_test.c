/* hub/outbox_sent: what is under way, what goes again, what waits beside. */
/* with: tests/unit/store/rig.c tests/unit/hub/outbox/bench.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/hub/outbox/bench.h"

/* No more than the window is under way; what wasn't acknowledged goes again, in order, before the rest. */
static void test_lost(void **state)
{
	struct bench *b = bench_start();

	(void)state;
	b->broker.acknowledges = false;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	bench_add(b, OUTBOX_BROKER, 0, 0, 50);
	bench_until_got(b, 10);
	for (int i = 0; i < 3; i++)
		outbox_ready(b->outbox, OUTBOX_BROKER);
	bench_add(b, OUTBOX_BROKER, 0, 50, 1);
	assert_int_equal(b->broker.got, 10);
	for (unsigned i = 0; i < 10; i += 2) /* acknowledged in another order, some not */
		outbox_arrived(b->outbox, OUTBOX_BROKER, b->broker.number[8 - i]);
	outbox_arrived(b->outbox, OUTBOX_BROKER, b->broker.number[8]); /* twice */
	outbox_arrived(b->outbox, OUTBOX_BROKER, 4711);                /* never heard of */
	bench_until_got(b, 15);
	assert_bodies(&b->broker, 10, 5, 0, 10);
	outbox_way(b->outbox, OUTBOX_BROKER, NULL);
	assert_int_equal(bench_look(b, OUTBOX_BROKER).again, 10);
	b->broker.acknowledges = true;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	bench_until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 15 + 46);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(b->broker.number[15 + i], b->broker.number[2 * i + 1]);
	assert_bodies(&b->broker, 20, 41, 0, 10);
	assert_int_equal(bench_look(b, OUTBOX_BROKER).arrived, 51);
	bench_stop(b);
}

/* What is parked waits beside the window, and comes back, whole, when it is asked for. */
static void test_parked(void **state)
{
	struct bench *b = bench_start();
	uint64_t number[30];

	(void)state;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	b->broker.how = PARK;
	bench_add(b, OUTBOX_BROKER, 0, 0, 30); /* more than the window */
	bench_until_got(b, 30);
	memcpy(number, b->broker.number, sizeof(number));
	assert_int_equal(bench_look(b, OUTBOX_BROKER).waiting, 30);
	b->broker.how = TAKE;
	bench_add(b, OUTBOX_BROKER, 5, 0, 2);
	bench_until_got(b, 32);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(outbox_again(b->outbox, OUTBOX_BROKER, number[i]), 0);
		bench_turn(b);
	}
	assert_int_equal(b->broker.got, 35);
	assert_bodies(&b->broker, 32, 3, 0, 0);
	assert_int_equal(outbox_again(b->outbox, OUTBOX_BROKER, number[0]), -ENOENT);
	assert_int_equal(outbox_again(b->outbox, OUTBOX_BROKER, 4711), -ENOENT);
	b->broker.takes = 0; /* it stays parked */
	assert_int_equal(outbox_again(b->outbox, OUTBOX_BROKER, number[3]), -EAGAIN);
	b->broker.takes = UINT32_MAX;
	outbox_arrived(b->outbox, OUTBOX_BROKER, number[29]); /* from there, too */
	for (int i = 3; i < 29; i++)
		assert_int_equal(outbox_again(b->outbox, OUTBOX_BROKER, number[i]), 0);
	bench_until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 61);
	assert_bodies(&b->broker, 35, 26, 0, 3);
	bench_stop(b);
}

/* With the way gone, and after a restart, it is handed over like any other. */
static void test_parked_and_lost(void **state)
{
	struct bench *b = bench_start();

	(void)state;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	b->broker.how = PARK;
	bench_add(b, OUTBOX_BROKER, 0, 0, 20);
	bench_until_got(b, 20);
	outbox_way(b->outbox, OUTBOX_BROKER, NULL);
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	bench_until_got(b, 40);
	bench_restart(b);
	b->broker.how = TAKE;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	bench_until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 60);
	assert_bodies(&b->broker, 40, 20, 0, 0);
	bench_stop(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_parked),
		cmocka_unit_test(test_parked_and_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
