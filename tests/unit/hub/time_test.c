/* tests/unit/hub/time_test.c - clocks that are set, begin in 1970, and machines that sleep */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/time.h"
#include "sys/clock.h"

#define S    INT64_C(1000000000)
#define DAY  (86400 * S)
#define YEAR (365 * DAY)
#define WALL (TIME_PAST + 3 * YEAR)

static struct time_reading reading(int64_t boot, int64_t wall)
{
	return (struct time_reading){.boot_ns = (uint64_t)boot, .wall_ns = wall};
}

static void test_as_ever(void **state)
{
	struct timekept t;

	(void)state;
	assert_int_equal(time_begin(&t, reading(10 * S, WALL), 0, 0), TIME_AS_EVER);
	assert_int_equal(time_wall(&t), WALL);
	assert_int_equal(time_elapsed(&t), 10 * S);
	assert_int_equal(time_read(&t, reading(20 * S, WALL + 10 * S)), TIME_AS_EVER);
	assert_int_equal(time_wall(&t), WALL + 10 * S);
	assert_int_equal(time_elapsed(&t), 20 * S);
	/* slewed for a day: no step */
	assert_int_equal(
		time_read(&t, reading(20 * S + DAY, WALL + DAY + 10 * S + 40 * S)), TIME_AS_EVER);
	assert_int_equal(t.stepped, 0);
	/* the machine slept for three days: its uptime knows */
	assert_int_equal(
		time_read(&t, reading(20 * S + 4 * DAY, WALL + 4 * DAY + 50 * S)), TIME_AS_EVER);
	assert_int_equal(time_elapsed(&t), 20 * S + 4 * DAY);
	assert_int_equal(t.stepped, 0);
}

static void test_to_1970_and_back(void **state)
{
	struct timekept t;

	(void)state;
	time_begin(&t, reading(10 * S, WALL), 0, 0);
	assert_int_equal(time_read(&t, reading(11 * S, 5 * S)), TIME_WRONG);
	assert_int_equal(time_wall(&t), WALL + S);
	assert_int_equal(time_elapsed(&t), 11 * S);
	assert_int_equal(time_read(&t, reading(71 * S, 65 * S)), TIME_AS_EVER);
	assert_int_equal(time_wall(&t), WALL + 61 * S);
	/* set again, and wrong again: not said again, and time goes on */
	assert_int_equal(time_read(&t, reading(72 * S, YEAR)), TIME_AS_EVER);
	assert_int_equal(time_wall(&t), WALL + 62 * S);
	assert_int_equal(time_read(&t, reading(73 * S, WALL + 100 * S)), TIME_RIGHT);
	assert_int_equal(t.step_ns, 37 * S);
	assert_int_equal(time_wall(&t), WALL + 100 * S);
	assert_int_equal(time_elapsed(&t), 73 * S);
	assert_int_equal(t.stepped, 3);
}

static void test_set_while_right(void **state)
{
	struct timekept t;

	(void)state;
	time_begin(&t, reading(10 * S, WALL), 0, 0);
	assert_int_equal(time_read(&t, reading(11 * S, WALL + 5 * YEAR)), TIME_FORWARD);
	assert_int_equal(t.step_ns, 5 * YEAR - S);
	assert_int_equal(time_wall(&t), WALL + 5 * YEAR);
	assert_int_equal(time_read(&t, reading(12 * S, WALL + 2 * S)), TIME_BACK);
	assert_int_equal(time_wall(&t), WALL + 2 * S);
	assert_int_equal(time_elapsed(&t), 12 * S);
	/* a few seconds are taken, and not worth a word */
	assert_int_equal(time_read(&t, reading(13 * S, WALL + 33 * S)), TIME_AS_EVER);
	assert_int_equal(time_wall(&t), WALL + 33 * S);
	assert_int_equal(t.stepped, 3);
}

static void test_across_restarts(void **state)
{
	struct timekept t;

	(void)state;
	/* an hour without the hub, on the same machine */
	assert_int_equal(
		time_begin(&t, reading(DAY, WALL + 3600 * S), 70 * DAY, WALL), TIME_AS_EVER);
	assert_int_equal(time_elapsed(&t), 70 * DAY + 3600 * S);
	/* another boot, and 1970: as if no time had passed */
	assert_int_equal(time_begin(&t, reading(9 * S, 7 * S), 70 * DAY, WALL), TIME_WRONG);
	assert_int_equal(time_elapsed(&t), 70 * DAY);
	assert_int_equal(time_wall(&t), WALL);
	assert_int_equal(time_read(&t, reading(10 * S, 8 * S)), TIME_AS_EVER);
	assert_int_equal(time_elapsed(&t), 70 * DAY + S);
	assert_int_equal(time_wall(&t), WALL + S);
	/* NTP comes: the wall jumps, elapsed doesn't */
	assert_int_equal(time_read(&t, reading(11 * S, WALL + DAY)), TIME_RIGHT);
	assert_int_equal(time_wall(&t), WALL + DAY);
	assert_int_equal(time_elapsed(&t), 70 * DAY + 2 * S);
	/* nothing is known, and 1970: what is known is that this release exists */
	assert_int_equal(time_begin(&t, reading(9 * S, 7 * S), 0, 0), TIME_WRONG);
	assert_int_equal(time_wall(&t), TIME_PAST);
	assert_int_equal(time_elapsed(&t), 9 * S);
	/* the uptime is more than what was kept: it doesn't go back */
	time_begin(&t, reading(5 * DAY, WALL - S), DAY, WALL);
	assert_int_equal(time_elapsed(&t), 5 * DAY);
}

static void test_behind_what_was_known(void **state)
{
	struct timekept t;
	struct time_reading now = reading(S, WALL - YEAR);

	(void)state;
	assert_int_equal(time_begin(&t, reading(S, WALL - S), 0, WALL), TIME_AS_EVER);
	assert_int_equal(time_wall(&t), WALL - S);
	assert_int_equal(time_begin(&t, now, 0, WALL), TIME_WRONG);
	assert_int_equal(time_wall(&t), WALL);
	/* the last run was wrong, says the network */
	now.synced = true;
	assert_int_equal(time_begin(&t, now, 0, WALL), TIME_AS_EVER);
	assert_int_equal(time_wall(&t), WALL - YEAR);
	time_begin(&t, reading(S, WALL - YEAR), 0, WALL);
	now = reading(2 * S, WALL - YEAR + S);
	now.synced = true;
	assert_int_equal(time_read(&t, now), TIME_RIGHT);
	assert_int_equal(time_wall(&t), WALL - YEAR + S);
	/* but not of 1970 */
	now = reading(3 * S, 3 * S);
	now.synced = true;
	assert_int_equal(time_read(&t, now), TIME_WRONG);
	assert_int_equal(time_wall(&t), WALL - YEAR + 2 * S);
	now.boot_ns += S;
	now.wall_ns += S;
	assert_int_equal(time_read(&t, now), TIME_AS_EVER);
	assert_int_equal(time_wall(&t), WALL - YEAR + 3 * S);
}

static void test_nonsense(void **state)
{
	struct timekept t;

	(void)state;
	time_begin(&t, reading(10 * S, WALL), -5, -5);
	assert_int_equal(time_elapsed(&t), 10 * S);
	time_read(&t, reading(5 * S, WALL));
	assert_int_equal(time_elapsed(&t), 10 * S);
	time_begin(&t, reading(10 * S, 7 * S), INT64_MAX, INT64_MAX);
	assert_int_equal(time_wall(&t), TIME_PAST);
	assert_int_equal(time_elapsed(&t), 10 * S);
}

static void test_of_this_machine(void **state)
{
	struct time_reading a = time_now(false), b = time_now(true);
	char text[TIME_TEXT];

	(void)state;
	assert_true(b.boot_ns >= a.boot_ns && a.boot_ns > 0);
	assert_false(a.synced);
	assert_string_equal(time_text(7 * S, text), "1970-01-01 00:00:07 UTC");
	assert_string_equal(time_text(WALL, text), "2026-12-31 00:00:00 UTC");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_ever),
		cmocka_unit_test(test_to_1970_and_back),
		cmocka_unit_test(test_set_while_right),
		cmocka_unit_test(test_across_restarts),
		cmocka_unit_test(test_behind_what_was_known),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_of_this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
