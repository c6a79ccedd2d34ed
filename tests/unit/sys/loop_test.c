/* sys/loop: timers in order, sources that go away in the middle of a round, work put off. */
#include "sys/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/clock.h"

#define TIMERS 500

static struct loop *loop;

static int setup(void **state)
{
	(void)state;
	return loop_open(&loop);
}

static int teardown(void **state)
{
	(void)state;
	loop_close(loop);
	return 0;
}

/* ------------------------------------------------------------------- timers */

static struct loop_timer timers[TIMERS];
static uint64_t last_at;
static unsigned fired;

static void fire(struct loop_timer *timer)
{
	assert_true(timer->at >= last_at);
	assert_true(timer->at <= clock_mono_ns());
	last_at = timer->at;
	fired++;
}

static uint64_t some_ms(void)
{
	return (unsigned)rand() % 50u * CLOCK_MS;
}

static unsigned early;
static void set_to_the_past(struct loop_timer *timer)
{
	early++;
	assert_int_equal(loop_timer_set(loop, timer, loop_now(loop) - CLOCK_S), 0);
}

/* A timer that is set again to what was already is no end of all others. */
static void test_timers_of_the_past(void **state)
{
	struct loop_timer timer = {.fire = set_to_the_past};

	(void)state;
	early = 0;
	assert_int_equal(loop_timer_set(loop, &timer, loop_now(loop) - 1), 0);
	alarm(30);
	for (unsigned i = 1; i < 4; i++) {
		assert_int_equal(loop_once(loop, -1), 0);
		assert_int_equal(early, i);
	}
	alarm(0);
	loop_timer_clear(loop, &timer);
}

static void test_timers(void **state)
{
	uint64_t start = clock_mono_ns();
	unsigned set = TIMERS;

	(void)state;
	srand(7);
	for (unsigned i = 0; i < TIMERS; i++) {
		timers[i].fire = fire;
		assert_int_equal(loop_timer_set(loop, &timers[i], start + some_ms()), 0);
	}
	for (unsigned i = 0; i < TIMERS; i += 3) /* some move */
		loop_timer_set(loop, &timers[i], start + some_ms());
	for (unsigned i = 1; i < TIMERS; i += 5, set--) { /* some are cleared, twice */
		loop_timer_clear(loop, &timers[i]);
		loop_timer_clear(loop, &timers[i]);
	}
	while (fired < set)
		assert_int_equal(loop_once(loop, 1000), 0);
	assert_true(clock_mono_ns() - start < CLOCK_S);
	assert_int_equal(loop_once(loop, 0), 0);
	assert_int_equal(fired, set);
}

/* ------------------------------------------------------------------ sources */

static struct half {
	struct loop_source source;
	int fd;
	struct half *other;
	unsigned seen;
} halves[2];

/* Whoever is first takes the other away. */
static void take_away(struct loop_source *source, uint32_t events)
{
	struct half *h = LOOP_OWNER(source, struct half, source);

	assert_true(events & EPOLLIN);
	h->seen++;
	loop_remove(loop, h->other->fd, &h->other->source);
	loop_remove(loop, h->fd, &h->source);
}

static void test_removed(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		halves[i].fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
		halves[i].source.ready = take_away;
		halves[i].other = &halves[1 - i];
		assert_int_equal(loop_add(loop, halves[i].fd, EPOLLIN, &halves[i].source), 0);
	}
	assert_int_equal(loop_once(loop, 1000), 0);
	assert_int_equal(loop_once(loop, 0), 0);
	assert_int_equal(halves[0].seen + halves[1].seen, 1);
	close(halves[0].fd);
	close(halves[1].fd);
}

/* ------------------------------------------------------------------ put off */

static struct loop_later laters[3];
static int order[8], ran;

static void later(struct loop_later *l)
{
	order[ran++] = (int)(l - laters);
	if (l == &laters[0] && ran < 4)
		loop_later(loop, &laters[2]); /* in the same round, behind the others */
}

static struct loop_later again;
static unsigned runs;

static void run_again(struct loop_later *l)
{
	if (++runs < 5)
		loop_later(loop, l);
}

/* What puts itself off runs once a round, and the loop doesn't wait in between. */
static void test_later_again(void **state)
{
	(void)state;
	again.run = run_again;
	runs = 0;
	loop_later(loop, &again);
	for (unsigned i = 1; i <= 5; i++) {
		loop_once(loop, -1);
		assert_int_equal(runs, i);
	}
	loop_later(loop, &again);
	loop_once(loop, -1);
	assert_int_equal(runs, 6);
	runs = 0;
	loop_later(loop, &again);
	loop_once(loop, -1); /* puts itself off, and is taken back */
	loop_later_cancel(loop, &again);
	loop_once(loop, 0);
	assert_int_equal(runs, 1);
}

static void test_later(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		laters[i].run = later;
	loop_later(loop, &laters[0]);
	loop_later(loop, &laters[1]);
	loop_later(loop, &laters[0]); /* queued once */
	loop_later(loop, &laters[2]);
	loop_later_cancel(loop, &laters[2]);
	loop_later_cancel(loop, &laters[2]);
	assert_int_equal(loop_once(loop, 1000), 0); /* doesn't wait */
	assert_int_equal(ran, 3);
	assert_int_equal(order[0], 0);
	assert_int_equal(order[1], 1);
	assert_int_equal(order[2], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_timers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timers_of_the_past, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_later_again, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
