/* hub/near: a worker is held on the hub's core while events come one by one, and only then. */
#include "hub/near.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static pid_t child;
static cpu_set_t all;

static int setup(void **state)
{
	cpu_set_t one;

	(void)state;
	if (sched_getaffinity(0, sizeof(all), &all) < 0)
		return -1;
	child = fork();
	if (child == 0)
		for (;;)
			pause();
	/* we stay where we are, so that the answer is known */
	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	return sched_setaffinity(0, sizeof(one), &one);
}

static int teardown(void **state)
{
	(void)state;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return sched_setaffinity(0, sizeof(all), &all);
}

static int cores(void)
{
	cpu_set_t set;

	assert_int_equal(sched_getaffinity(child, sizeof(set), &set), 0);
	return CPU_COUNT(&set);
}

static void hand_over(struct near *near, unsigned times, unsigned under_way, unsigned idle)
{
	while (times-- > 0)
		near_handover(near, child, under_way, idle);
}

static void test_moves(void **state)
{
	struct near near;

	(void)state;
	if (CPU_COUNT(&all) < 2)
		skip();
	near_reset(&near, false);
	hand_over(&near, 100, 1, 90);
	assert_int_equal(cores(), CPU_COUNT(&all)); /* not yet */
	hand_over(&near, 100, 1, 90);
	assert_int_equal(cores(), 1);
	assert_int_equal(near.core, sched_getcpu());
	hand_over(&near, 2, 9, 90); /* a moment's crowd is none */
	hand_over(&near, 1, 1, 90);
	assert_int_equal(near.core, sched_getcpu());
	hand_over(&near, 10, 9, 90);
	assert_int_equal(near.core, -1);
	hand_over(&near, 1000, 1, 10); /* one by one, but the hub is busy */
	assert_int_equal(near.core, -1);
}

static void test_not_allowed(void **state)
{
	struct near near;

	(void)state;
	near_reset(&near, true);
	hand_over(&near, 1000, 1, 90);
	assert_int_equal(near.core, -1);
	assert_int_equal(cores(), CPU_COUNT(&all));
	near_reset(&near, false);
	for (int i = 0; i < 1000; i++)
		near_handover(&near, 0x7ffffff0, 1, 90); /* nobody */
	assert_true(near.off);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_moves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_allowed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
