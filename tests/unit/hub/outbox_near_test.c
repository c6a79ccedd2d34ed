/* hub/outbox_near: what goes next is read ahead, in order; what a way looks for is found. */
/* with: tests/unit/store/rig.c tests/unit/hub/outbox/bench.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/clock.h"
#include "tests/unit/hub/outbox/bench.h"

/* More than fits into memory waits, then goes in order; what goes late says so. */
static void test_backlog(void **state)
{
	struct bench *b = bench_start();

	(void)state;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	b->broker.takes = 0;
	bench_add(b, OUTBOX_BROKER, 0, 0, 1);
	bench_turn(b);
	bench_add(b, OUTBOX_BROKER, 0, 1, 2999);
	b->elapsed = (int64_t)(60 * CLOCK_S);
	assert_int_equal(bench_look(b, OUTBOX_BROKER).waiting, 3000);
	assert_int_equal(bench_look(b, OUTBOX_BROKER).oldest_ns, 60 * CLOCK_S);
	b->broker.takes = UINT32_MAX;
	outbox_ready(b->outbox, OUTBOX_BROKER);
	bench_until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 3000);
	assert_bodies(&b->broker, 0, 3000, 0, 0);
	assert_true(b->broker.late);
	bench_stop(b);
}

/* Every third, until there is no room. */
struct wants {
	unsigned room, shown, taken;
};

static enum outbox_want every_third(void *context, const struct store_out *out)
{
	struct wants *w = context;

	(void)out;
	if (w->shown % 3 == 0 && w->taken == w->room)
		return OUTBOX_STOP;
	if (w->shown++ % 3)
		return OUTBOX_SKIP;
	w->taken++;
	return OUTBOX_TAKE;
}

/* What is left is handed over no more, but it is found; what the way has isn't found again. */
static void test_left(void **state)
{
	struct bench *b = bench_start();
	struct wants w = {.room = 200};
	uint64_t first, at;

	(void)state;
	b->broker.acknowledges = false;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	bench_add(b, OUTBOX_BROKER, 0, 0, 4);
	bench_until_got(b, 4); /* under way */
	first = at = b->broker.number[0];
	b->broker.how = PARK;
	bench_add(b, OUTBOX_BROKER, 0, 4, 1);
	b->broker.how = LEAVE;
	bench_add(b, OUTBOX_BROKER, 0, 5, 1500); /* more than memory holds */
	bench_until_got(b, 1505);
	assert_int_equal(bench_look(b, OUTBOX_BROKER).waiting, 1505);
	bench_turn(b);
	assert_int_equal(b->broker.got, 1505);

	/* the first 96 of 100 rows are new; of them 32 are taken */
	assert_int_equal(outbox_scan(b->outbox, OUTBOX_BROKER, &at, 100, every_third, &w), 1);
	assert_int_equal(at, first + 100);
	assert_int_equal(w.shown, 96);
	assert_int_equal(w.taken, 32);
	while (outbox_scan(b->outbox, OUTBOX_BROKER, &at, 100, every_third, &w) == 1 &&
		w.taken < w.room)
		;
	assert_int_equal(at, first + 4 + 600);
	w.room = UINT32_MAX;
	while (outbox_scan(b->outbox, OUTBOX_BROKER, &at, 100, every_third, &w) == 1)
		;
	assert_int_equal(w.taken, 500);
	assert_int_equal(at, first + 1504);
	w = (struct wants){
		.room = UINT32_MAX}; /* from the start: those that are parked aren't shown */
	at = 0;
	while (outbox_scan(b->outbox, OUTBOX_BROKER, &at, 100, every_third, &w) == 1)
		;
	assert_int_equal(w.shown, 1000);

	b->broker.how = TAKE;
	assert_int_equal(outbox_again(b->outbox, OUTBOX_BROKER, first + 5), 0);
	assert_string_equal(b->broker.body[1505], "0:5");
	assert_int_equal(outbox_again(b->outbox, OUTBOX_BROKER, first + 7), -ENOENT);
	bench_stop(b);
}

/* What lies in memory, to go next, is taken from there. */
static void test_left_and_near(void **state)
{
	struct wants w = {.room = 3};
	struct bench *b = bench_start();
	uint64_t at = 0;

	(void)state;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	b->broker.takes = 0;
	bench_add(b, OUTBOX_BROKER, 0, 0, 9);
	assert_int_equal(outbox_scan(b->outbox, OUTBOX_BROKER, &at, 100, every_third, &w), 0);
	assert_int_equal(w.taken, 3);
	b->broker.takes = UINT32_MAX;
	outbox_ready(b->outbox, OUTBOX_BROKER);
	bench_until_got(b, 6);
	bench_turn(b);
	assert_int_equal(b->broker.got, 6);
	assert_string_equal(b->broker.body[0], "0:1");
	assert_string_equal(b->broker.body[5], "0:8");
	bench_stop(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backlog),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_left_and_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
