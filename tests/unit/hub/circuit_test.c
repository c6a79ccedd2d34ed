/* hub/circuit: what opens it, the trials, what closes it, by a clock of our own. */
#include "hub/circuit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sys/clock.h"

static struct circuit circuit;
static uint64_t now;

static int fresh(void **state)
{
	(void)state;
	circuit = (struct circuit){.most = 3};
	now = 1000 * CLOCK_S;
	return 0;
}

static enum circuit_news life(bool well)
{
	return circuit_life(&circuit, well, false, now);
}

static void open_by_lives(void)
{
	assert_int_equal(life(false), CIRCUIT_NO_NEWS);
	assert_int_equal(life(false), CIRCUIT_NO_NEWS);
	assert_int_equal(life(false), CIRCUIT_OPENED);
}

/* Waits until it lets one in, and has its life end so. */
static enum circuit_news trial(bool well)
{
	now += circuit_wait(&circuit, now);
	assert_true(circuit_lets_in(&circuit, now));
	assert_true(circuit_enter(&circuit));
	return circuit_life(&circuit, well, true, now);
}

static void test_in_a_row(void **state)
{
	(void)state;
	for (int i = 0; i < 99; i++) {
		assert_true(circuit_lets_in(&circuit, now));
		assert_false(circuit_enter(&circuit));
		assert_int_equal(life(i % 3 == 2), CIRCUIT_NO_NEWS); /* never three in a row */
	}
	assert_int_equal(circuit_wait(&circuit, now), 0);
	open_by_lives();
	assert_false(circuit.by_workers);
	assert_false(circuit_lets_in(&circuit, now));
	assert_int_equal(circuit_wait(&circuit, now), CLOCK_S);
	now += CLOCK_S - 1;
	assert_false(circuit_lets_in(&circuit, now));
	assert_int_equal(circuit_wait(&circuit, now), 1);
	now++;
	assert_true(circuit_lets_in(&circuit, now));
	assert_int_equal(circuit_wait(&circuit, now), 0);
}

static void test_never(void **state)
{
	(void)state;
	circuit.most = 0;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(life(false), CIRCUIT_NO_NEWS);
	assert_true(circuit_lets_in(&circuit, now));
}

static void test_one_trial_at_a_time(void **state)
{
	(void)state;
	open_by_lives();
	now += CLOCK_S;
	assert_true(circuit_enter(&circuit));
	assert_false(circuit_lets_in(&circuit, now));
	assert_false(circuit_lets_in(&circuit, now + 3600 * CLOCK_S));
	assert_true(circuit_wait(&circuit, now) > 0);
	circuit_untried(&circuit); /* it went away: the next one is the trial */
	assert_true(circuit_lets_in(&circuit, now));
	assert_true(circuit_enter(&circuit));
	assert_int_equal(circuit_life(&circuit, true, true, now), CIRCUIT_CLOSED_AGAIN);
	assert_true(circuit_lets_in(&circuit, now));
	assert_false(circuit_enter(&circuit));
	circuit_untried(&circuit); /* nothing to take back */
	assert_int_equal(circuit.state, CIRCUIT_CLOSED);
}

static void test_pauses_double(void **state)
{
	static const uint64_t seconds[] = {2, 4, 8, 16, 32, 60, 60, 60};

	(void)state;
	open_by_lives();
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		assert_int_equal(trial(false), CIRCUIT_NO_NEWS);
		assert_int_equal(circuit_wait(&circuit, now), seconds[i] * CLOCK_S);
	}
	assert_int_equal(trial(true), CIRCUIT_CLOSED_AGAIN);
	open_by_lives(); /* and it begins with a second again */
	assert_int_equal(circuit_wait(&circuit, now), CLOCK_S);
}

/* Lives that were under way when it opened. */
static void test_leftovers(void **state)
{
	(void)state;
	open_by_lives();
	for (int i = 0; i < 50; i++)
		assert_int_equal(life(false), CIRCUIT_NO_NEWS);
	assert_int_equal(circuit_wait(&circuit, now), CLOCK_S);
	now += CLOCK_S;
	assert_true(circuit_enter(&circuit));
	assert_int_equal(life(false), CIRCUIT_NO_NEWS); /* not the trial's: no verdict */
	assert_int_equal(circuit.state, CIRCUIT_TRYING);
	assert_int_equal(life(true), CIRCUIT_CLOSED_AGAIN); /* but one that goes well is one */
	assert_int_equal(circuit_life(&circuit, false, true, now), CIRCUIT_NO_NEWS);
	assert_true(circuit_lets_in(&circuit, now));
}

static void test_workers(void **state)
{
	(void)state;
	assert_int_equal(circuit_worker_failed(&circuit, false, now), CIRCUIT_NO_NEWS);
	assert_int_equal(circuit_worker_failed(&circuit, false, now), CIRCUIT_NO_NEWS);
	circuit_worker_useful(&circuit);
	for (unsigned i = 1; i < CIRCUIT_WORKERS; i++)
		assert_int_equal(circuit_worker_failed(&circuit, false, now), CIRCUIT_NO_NEWS);
	assert_int_equal(circuit_worker_failed(&circuit, false, now), CIRCUIT_OPENED);
	assert_true(circuit.by_workers);
	assert_int_equal(circuit_wait(&circuit, now), 100 * CLOCK_MS);
	now += 100 * CLOCK_MS;
	assert_true(circuit_enter(&circuit));
	assert_int_equal(circuit_worker_failed(&circuit, false, now), CIRCUIT_NO_NEWS);
	assert_int_equal(circuit_wait(&circuit, now), 200 * CLOCK_MS);
	assert_int_equal(trial(true), CIRCUIT_CLOSED_AGAIN);
}

static void test_cannot_start(void **state)
{
	(void)state;
	circuit.most = 0; /* is about lives only */
	assert_int_equal(circuit_worker_failed(&circuit, true, now), CIRCUIT_OPENED);
	assert_false(circuit_lets_in(&circuit, now));
	now += 100 * CLOCK_MS;
	assert_true(circuit_enter(&circuit));
	/* started now, but the life crashed: no reason to let all in */
	assert_int_equal(circuit_life(&circuit, false, true, now), CIRCUIT_NO_NEWS);
	assert_false(circuit.by_workers);
	assert_int_equal(circuit_wait(&circuit, now), 200 * CLOCK_MS);
	assert_int_equal(trial(true), CIRCUIT_CLOSED_AGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_in_a_row, fresh),
		cmocka_unit_test_setup(test_never, fresh),
		cmocka_unit_test_setup(test_one_trial_at_a_time, fresh),
		cmocka_unit_test_setup(test_pauses_double, fresh),
		cmocka_unit_test_setup(test_leftovers, fresh),
		cmocka_unit_test_setup(test_workers, fresh),
		cmocka_unit_test_setup(test_cannot_start, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
