/* hub/turn: a share of each round, no more. */
#include "hub/turn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_share(void **state)
{
	struct turn turn = {0}, other = {0};
	struct loop *loop;

	(void)state;
	assert_int_equal(loop_open(&loop), 0);
	for (int round = 0; round < 3; round++) {
		loop_once(loop, 0);
		assert_true(turn_begin(&turn, loop));
		while (turn_goes_on(&turn))
			;
		turn_end(&turn);
		assert_true(turn.spent_ns >= TURN_NS);
		assert_false(turn_begin(&turn, loop)); /* not again in this round */
		assert_true(turn_begin(&other, loop)); /* others don't feel it */
		turn_end(&other);
	}
	loop_close(loop);
}

/* Many short pieces add up. */
static void test_pieces(void **state)
{
	struct turn turn = {0};
	struct loop *loop;
	uint64_t began = clock_mono_ns();
	unsigned pieces = 0;

	(void)state;
	assert_int_equal(loop_open(&loop), 0);
	for (; turn_begin(&turn, loop); pieces++)
		turn_end(&turn);
	assert_true(pieces > 1);
	assert_true(clock_mono_ns() - began >= TURN_NS);
	loop_close(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
