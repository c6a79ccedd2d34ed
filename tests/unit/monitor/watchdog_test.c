/* The watchdog alone: watches whose kill only counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "monitor/watchdog.h"

static atomic_int killed, lasting;

/* In place of the library's: the time of day is about to be set back by an hour. */
int clock_gettime(clockid_t clock, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, clock, t);

	if (clock == CLOCK_REALTIME)
		t->tv_sec += 3600;
	return rc;
}

static void count(struct shell *shell)
{
	(void)shell;
	killed++;
}

static void count_lasting(struct shell *shell)
{
	(void)shell;
	lasting++;
}

static void sleep_ms(long ms)
{
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

static struct watch watch_of(uint64_t cpu_ms, uint64_t wall_ms)
{
	return (struct watch){.kill = count,
		.clock = CLOCK_MONOTONIC,
		.cpu_ns = cpu_ms * 1000000,
		.wall_ns = wall_ms * 1000000};
}

static void what_ends_in_time_lives(void **state)
{
	struct watch w = watch_of(1000, 1000);

	(void)state;
	killed = 0;
	assert_int_equal(watchdog_start(), 0);
	watchdog_add(&w);
	for (int i = 0; i < 30; i++) {
		watchdog_begin(&w);
		sleep_ms(2);
		assert_true(watchdog_end(&w));
	}
	watchdog_remove(&w);
	assert_int_equal(killed, 0);
}

static void what_overruns_is_killed_once(void **state)
{
	struct watch w = watch_of(30, 1000000), quiet = watch_of(1000000, 1000000);

	(void)state;
	killed = 0;
	watchdog_add(&w);
	watchdog_add(&quiet);
	watchdog_begin(&quiet);
	for (int i = 1; i <= 3; i++) {
		watchdog_begin(&w);
		while (killed < i)
			sleep_ms(1);
		sleep_ms(50);
		assert_int_equal(killed, i);
		assert_false(watchdog_end(&w));
	}
	assert_true(watchdog_end(&quiet));
	watchdog_remove(&w);
	watchdog_remove(&quiet);
}

/* After a while without lives its thread sleeps; the next life wakes it. */
static void it_wakes(void **state)
{
	struct watch w = watch_of(1000000, 20);

	(void)state;
	killed = 0;
	watchdog_add(&w);
	sleep_ms(600);
	watchdog_begin(&w);
	for (int i = 0; i < 2000 && killed == 0; i++)
		sleep_ms(1);
	assert_int_equal(killed, 1);
	assert_false(watchdog_end(&w));
	watchdog_remove(&w);
}

/* Waiting is not running: the CPU limit counts the CPU clock, the deadline the wall's. */
static void cpu_time_is_not_wall_time(void **state)
{
	struct watch w = watch_of(20, 200);

	(void)state;
	killed = 0;
	w.clock = CLOCK_PROCESS_CPUTIME_ID; /* this process sleeps */
	watchdog_add(&w);
	watchdog_begin(&w);
	sleep_ms(100);
	assert_int_equal(killed, 0);
	sleep_ms(300);
	assert_int_equal(killed, 1);
	assert_false(watchdog_end(&w));
	watchdog_remove(&w);
}

/* Whoever shares a bit with it may end it; other bits mean nothing to it. */
static void what_nobody_wants_is_killed(void **state)
{
	struct watch w = watch_of(1000000, 1000000);
	_Atomic uint32_t stop = 2;

	(void)state;
	killed = 0;
	w.stop_bit = 4;
	w.stop = (const uint32_t *)&stop;
	watchdog_add(&w);
	watchdog_begin(&w);
	sleep_ms(60);
	assert_int_equal(killed, 0);
	stop |= 4;
	for (int i = 0; i < 2000 && killed == 0; i++)
		sleep_ms(1);
	assert_int_equal(killed, 1);
	assert_false(watchdog_end(&w));
	stop &= ~4u;
	watchdog_begin(&w);
	sleep_ms(60);
	assert_true(watchdog_end(&w));
	assert_int_equal(killed, 1);
	watchdog_remove(&w);
}

/* Once in each life that it finds under way. */
static void what_lasts_is_told(void **state)
{
	struct watch w = watch_of(1000000, 1000000);

	(void)state;
	lasting = 0;
	w.lasts = count_lasting;
	watchdog_add(&w);
	for (int i = 1; i <= 3; i++) {
		watchdog_begin(&w);
		for (int k = 0; k < 2000 && lasting < i; k++)
			sleep_ms(1);
		sleep_ms(60);
		assert_true(watchdog_end(&w));
		watchdog_wait();
		assert_int_equal(lasting, i);
	}
	sleep_ms(60);
	assert_int_equal(lasting, 3);
	watchdog_remove(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_ends_in_time_lives),
		cmocka_unit_test(what_overruns_is_killed_once),
		cmocka_unit_test(it_wakes),
		cmocka_unit_test(cpu_time_is_not_wall_time),
		cmocka_unit_test(what_nobody_wants_is_killed),
		cmocka_unit_test(what_lasts_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
