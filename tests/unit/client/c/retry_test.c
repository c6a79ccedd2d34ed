/* client/c/retry: which failures are tried again, and after how long */
#include "client/c/inner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ALWAYS 1000u

static unsigned tries(struct outcome o, unsigned flags)
{
	unsigned n = 1;

	while (n < ALWAYS && retry_may(&o, flags, n))
		n++;
	return n;
}

static void which(void **state)
{
	static const struct {
		enum mayfly_error error;
		int status;
		bool retry_after;
		unsigned tries;
	} cases[] = {
		{MAYFLY_UNREACHABLE, 0, false, ALWAYS},
		{MAYFLY_REFUSED, 503, false, ALWAYS},
		{MAYFLY_REFUSED, 429, false, ALWAYS},
		{MAYFLY_REFUSED, 502, true, ALWAYS},
		{MAYFLY_REFUSED, 409, true, ALWAYS},
		{MAYFLY_REFUSED, 502, false, 3},
		{MAYFLY_REFUSED, 504, false, 3},
		{MAYFLY_REFUSED, 408, false, 3},
		{MAYFLY_REFUSED, 409, false, 1},
		{MAYFLY_REFUSED, 400, true, 1},
		{MAYFLY_REFUSED, 404, false, 1},
		{MAYFLY_REFUSED, 413, true, 1},
		{MAYFLY_REFUSED, 500, true, 1},
		{MAYFLY_REFUSED, 507, true, 1},
		{MAYFLY_UNTRUSTED, 0, false, 1},
		{MAYFLY_DEADLINE, 0, false, 1},
		{MAYFLY_NO_HTTP, 0, false, 1},
		{MAYFLY_STOPPED, 200, false, 1},
		{MAYFLY_TOO_LARGE, 200, false, 1},
		{MAYFLY_OK, 200, false, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome o = {cases[i].error, cases[i].status, cases[i].retry_after, true};

		assert_int_equal(tries(o, MAYFLY_PURE), cases[i].tries);
		assert_int_equal(tries(o, MAYFLY_ONCE), 1); /* it may have arrived */
		assert_int_equal(tries(o, MAYFLY_ONE_TRY), 1);
		o.sent = false;
		assert_int_equal(tries(o, MAYFLY_ONE_TRY), 1);
		assert_int_equal(tries(o, MAYFLY_ONCE), cases[i].tries);
	}
}

static void pauses_grow_and_are_bounded(void **state)
{
	(void)state;
	for (unsigned n = 1; n < 100; n++) {
		uint64_t least = retry_pause_ns(n, 0, 0), most = retry_pause_ns(n, 0, UINT64_MAX);

		assert_true(least >= 25000000 && most < 5000000000);
		assert_true(most < 2 * least);
		assert_true(retry_pause_ns(n + 1, 0, 0) >= least);
	}
	assert_true(retry_pause_ns(0, 0, 0) > 0);
	assert_true(retry_pause_ns(1, 7, 3) >= 7000000000 && retry_pause_ns(1, 7, 3) < 8000000000);
	assert_true(retry_pause_ns(1, UINT64_MAX, 3) == NEVER / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which),
		cmocka_unit_test(pauses_grow_and_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
