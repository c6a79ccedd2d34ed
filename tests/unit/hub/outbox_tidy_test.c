/* hub/outbox_tidy: bounds in bytes and age, whatever the clock says. */
/* with: tests/unit/store/rig.c tests/unit/hub/outbox/bench.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "hub/time.h"
#include "sys/clock.h"
#include "tests/unit/hub/outbox/bench.h"

/* A bound in bytes: the oldest of the lowest priority go, and upstream is told. */
static void test_full(void **state)
{
	struct bench *b = bench_start();
	unsigned kept, low;

	(void)state;
	outbox_bound(b->outbox, OUTBOX_UPSTREAM, (struct outbox_bounds){.bytes = 30000});
	bench_add(b, OUTBOX_UPSTREAM, 5, 0, 100);
	bench_add(b, OUTBOX_UPSTREAM, 1, 0, 600);
	/* until there is room, and every deletion and the report are committed */
	while (bench_look(b, OUTBOX_UPSTREAM).waiting_bytes > 30000 ||
		bench_look(b, OUTBOX_UPSTREAM).dropped_full +
				bench_look(b, OUTBOX_UPSTREAM).waiting !=
			701)
		bench_turn(b);
	kept = (unsigned)bench_look(b, OUTBOX_UPSTREAM).waiting - 1; /* and the report */
	low = kept - 100;
	assert_true(kept > 200 && kept < 500);
	assert_int_equal(bench_look(b, OUTBOX_UPSTREAM).dropped_full, 700 - kept);
	assert_int_equal(bench_look(b, OUTBOX_UPSTREAM).dropped_old, 0);
	b->broker.to = OUTBOX_UPSTREAM;
	outbox_way(b->outbox, OUTBOX_UPSTREAM, &b->broker.way);
	b->broker.takes = 1;
	bench_until_got(b, 1);
	{
		char want[200];

		snprintf(want, sizeof(want),
			OUTBOX_DROPPED " {\"for\": \"upstream\", \"full\": %u, \"old\": 0}",
			700 - kept);
		assert_string_equal(b->broker.last, want);
	}
	b->broker.takes = UINT32_MAX;
	outbox_ready(b->outbox, OUTBOX_UPSTREAM);
	bench_until_rows(b, OUTBOX_UPSTREAM, 0);
	assert_int_equal(b->broker.got, 1 + kept);
	assert_bodies(&b->broker, 1, 100, 5, 0);
	assert_bodies(&b->broker, 101, low, 1, 600 - low); /* the youngest */
	bench_stop(b);
}

/* A bound in age, whatever the priority; those under way are spared. */
static void test_old(void **state)
{
	struct bench *b = bench_start();

	(void)state;
	b->broker.acknowledges = false;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	outbox_bound(b->outbox, OUTBOX_BROKER, (struct outbox_bounds){.age_ns = 100 * CLOCK_S});
	bench_add(b, OUTBOX_BROKER, 0, 0, 20);
	bench_add(b, OUTBOX_BROKER, 7, 0, 20);
	bench_until_got(b, 10);
	b->elapsed = (int64_t)(90 * CLOCK_S);
	bench_add(b, OUTBOX_BROKER, 0, 20, 20);
	b->elapsed = (int64_t)(101 * CLOCK_S);
	while (bench_look(b, OUTBOX_BROKER).dropped_old < 30)
		bench_turn(b);
	assert_int_equal(b->broker.got, 10);
	b->broker.acknowledges = true;
	for (unsigned i = 0; i < 10; i++)
		outbox_arrived(b->outbox, OUTBOX_BROKER, b->broker.number[i]);
	bench_until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 30);
	assert_bodies(&b->broker, 10, 20, 0, 20);
	assert_int_equal(bench_look(b, OUTBOX_BROKER).dropped_old, 30);
	bench_stop(b);
}

static void assert_last(
	const struct bench *b, const char *body, bool late, bool unsure, int64_t wall_ns)
{
	assert_string_equal(b->broker.body[b->broker.got - 1], body);
	assert_int_equal((b->broker.flags & OUTBOX_LATE) != 0, late);
	assert_int_equal((b->broker.flags & OUTBOX_UNSURE) != 0, unsure);
	assert_int_equal(b->broker.wall_ns, wall_ns);
}

#define S    ((int64_t)CLOCK_S)
#define WALL (TIME_PAST + 1000 * 86400 * S)

static void clock_is(struct bench *b, struct timekept *t)
{
	b->elapsed = (int64_t)time_elapsed(t);
	b->wall = time_wall(t);
	b->unsure = t->wrong;
}

static void clock_says(struct bench *b, struct timekept *t, int64_t uptime, int64_t machine)
{
	time_read(t, (struct time_reading){.boot_ns = (uint64_t)uptime, .wall_ns = machine});
	clock_is(b, t);
}

/* What says so isn't dropped itself, nor counted. */
static void test_old_report(void **state)
{
	struct bench *b = bench_start();

	(void)state;
	outbox_bound(b->outbox, OUTBOX_UPSTREAM,
		(struct outbox_bounds){.bytes = 1, .age_ns = 100 * CLOCK_S});
	bench_add(b, OUTBOX_UPSTREAM, 0, 0, 20);
	bench_until_rows(b, OUTBOX_UPSTREAM, 1);
	b->elapsed = (int64_t)(1000 * CLOCK_S);
	outbox_bound(b->outbox, OUTBOX_UPSTREAM, (struct outbox_bounds){.age_ns = 100 * CLOCK_S});
	for (int i = 0; i < 20; i++)
		(void)loop_once(b->loop, 5);
	assert_int_equal(bench_look(b, OUTBOX_UPSTREAM).waiting, 1);
	b->broker.to = OUTBOX_UPSTREAM;
	outbox_way(b->outbox, OUTBOX_UPSTREAM, &b->broker.way);
	bench_until_got(b, 1);
	assert_string_equal(b->broker.last,
		OUTBOX_DROPPED " {\"for\": \"upstream\", \"full\": 20, \"old\": 0}");
	bench_stop(b);
}

/* The power fails, and the machine comes up in 1970: nothing is too old for that, or young again; when the
 * clock is set, what came meanwhile hears when that was. */
static void test_1970(void **state)
{
	struct bench *b = bench_start();
	struct timekept t;

	(void)state;
	time_begin(&t, (struct time_reading){(uint64_t)(900 * S), WALL, true}, 0, 0);
	clock_is(b, &t);
	outbox_bound(b->outbox, OUTBOX_BROKER, (struct outbox_bounds){.age_ns = 3600 * CLOCK_S});
	bench_add(b, OUTBOX_BROKER, 0, 0, 2);
	time_begin(&t, (struct time_reading){(uint64_t)(5 * S), 5 * S, false}, b->elapsed, b->wall);
	clock_is(b, &t);
	bench_restart(b);
	assert_true(b->unsure);
	outbox_bound(b->outbox, OUTBOX_BROKER, (struct outbox_bounds){.age_ns = 3600 * CLOCK_S});
	bench_add(b, OUTBOX_BROKER, 0, 2, 3);
	clock_says(b, &t, 1805 * S, 1805 * S);
	b->broker.takes = 3;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	bench_until_got(b, 2);
	bench_until_got(b, 3);
	assert_last(b, "0:2", true, true, WALL); /* as it was reckoned */
	clock_says(b, &t, 1806 * S, WALL + 86400 * S);
	assert_false(b->unsure);
	b->broker.takes = 1;
	outbox_ready(b->outbox, OUTBOX_BROKER);
	bench_until_got(b, 4);
	assert_last(b, "0:3", true, false, WALL + 86400 * S - 1801 * S);
	assert_int_equal(bench_look(b, OUTBOX_BROKER).dropped_old, 0);
	clock_says(b, &t, 5 * S + 3601 * S, WALL + 86400 * S + 1800 * S);
	while (bench_look(b, OUTBOX_BROKER).dropped_old < 1)
		bench_turn(b);
	bench_add(b, OUTBOX_BROKER, 0, 5, 1);
	b->broker.takes = 1;
	outbox_ready(b->outbox, OUTBOX_BROKER);
	bench_until_got(b, 5);
	assert_last(b, "0:5", false, false, WALL + 86400 * S + 1800 * S);
	bench_stop(b);
}

/* What a hub before this one left is late, however little it knows of the time between. */
static void test_late_by_a_restart(void **state)
{
	struct bench *b = bench_start();

	(void)state;
	b->wall = WALL;
	outbox_bound(b->outbox, OUTBOX_BROKER, (struct outbox_bounds){0});
	bench_add(b, OUTBOX_BROKER, 0, 0, 1);
	bench_restart(b);
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	bench_until_got(b, 1);
	assert_last(b, "0:0", true, false, WALL);
	bench_add(b, OUTBOX_BROKER, 0, 1, 1);
	bench_until_got(b, 2);
	assert_last(b, "0:1", false, false, WALL);
	bench_stop(b);
}

/* The bounds spare what is under way, not what is parked: whoever asks for that hears that it is gone. */
static void test_parked_and_old(void **state)
{
	struct bench *b = bench_start();

	(void)state;
	b->broker.acknowledges = false;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	outbox_bound(b->outbox, OUTBOX_BROKER, (struct outbox_bounds){.age_ns = 100 * CLOCK_S});
	bench_add(b, OUTBOX_BROKER, 0, 0, 1);
	b->broker.how = PARK;
	bench_add(b, OUTBOX_BROKER, 0, 1, 5);
	bench_until_got(b, 6);
	b->elapsed = (int64_t)(101 * CLOCK_S);
	while (bench_look(b, OUTBOX_BROKER).dropped_old < 5)
		bench_turn(b);
	assert_int_equal(outbox_again(b->outbox, OUTBOX_BROKER, b->broker.number[3]), -ENOENT);
	outbox_arrived(b->outbox, OUTBOX_BROKER, b->broker.number[0]);
	bench_until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 6);
	bench_stop(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_old),
		cmocka_unit_test(test_old_report),
		cmocka_unit_test(test_1970),
		cmocka_unit_test(test_late_by_a_restart),
		cmocka_unit_test(test_parked_and_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
