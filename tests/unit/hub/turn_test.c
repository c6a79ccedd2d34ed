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

/* One that several share has as much more, within a bound. */
static void test_shares(void **state)
{
	struct turn one = {0}, three = {0}, many = {0};
	struct loop *loop;

	(void)state;
	turn_share(&three, 3);
	turn_share(&many, 1000);
	assert_int_equal(turn_ns(&one), TURN_NS);
	assert_int_equal(turn_ns(&three), 3 * TURN_NS);
	assert_int_equal(turn_ns(&many), TURN_SHARES * TURN_NS);
	assert_int_equal(loop_open(&loop), 0);
	loop_once(loop, 0);
	assert_true(turn_begin(&three, loop));
	while (turn_goes_on(&three))
		;
	turn_end(&three);
	assert_true(three.spent_ns >= 3 * TURN_NS);
	assert_false(turn_begin(&three, loop));
	loop_close(loop);
}

static void test_follows(void **state)
{
	struct turn turn = {0};
	struct loop *loop;

	(void)state;
	assert_int_equal(loop_open(&loop), 0);
	for (int round = 0; round < 3; round++)
		loop_once(loop, 0);
	assert_false(turn_follows(&turn, loop));
	assert_true(turn_begin(&turn, loop));
	loop_once(loop, 0);
	assert_true(turn_follows(&turn, loop));
	loop_once(loop, 0);
	assert_false(turn_follows(&turn, loop));
	loop_close(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
