/* A thread beside the loop: it runs, hears no signals, and its owner's stay as they were. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/beside.h"

struct seen {
	sigset_t signals;
	size_t stack;
};

static void *look(void *context)
{
	struct seen *seen = context;
	pthread_attr_t attr;

	(void)pthread_sigmask(SIG_SETMASK, NULL, &seen->signals);
	(void)pthread_getattr_np(pthread_self(), &attr);
	(void)pthread_attr_getstacksize(&attr, &seen->stack);
	(void)pthread_attr_destroy(&attr);
	return context;
}

static void signals_are_the_starters(void **state)
{
	struct seen seen = {.stack = 0};
	sigset_t before, after;
	pthread_t thread;
	void *end;

	(void)state;
	(void)pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(beside_start(&thread, 512u << 10, look, &seen), 0);
	assert_int_equal(pthread_join(thread, &end), 0);
	(void)pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_ptr_equal(end, &seen);
	assert_int_equal(seen.stack, 512u << 10);
	for (int i = 1; i < 32; i++) {
		if (i != SIGKILL && i != SIGSTOP)
			assert_int_equal(sigismember(&seen.signals, i), 1);
		assert_int_equal(sigismember(&after, i), sigismember(&before, i));
	}
}

static void one_that_cannot_be(void **state)
{
	struct seen seen;
	pthread_t thread;

	(void)state;
	assert_int_equal(beside_start(&thread, SIZE_MAX / 4096 * 2048, look, &seen), -EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals_are_the_starters),
		cmocka_unit_test(one_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
