/* hub/coap/bodies: block by block, both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/coap/bodies.h"

static struct bytes_total total;
static struct bodies *bodies;
static uint8_t bytes[5000];

static int setup(void **state)
{
	(void)state;
	total = (struct bytes_total){.most = 100000};
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	return bodies_open(&bodies, &total);
}

static int teardown(void **state)
{
	(void)state;
	bodies_close(bodies);
	assert_int_equal(total.held, 0);
	return 0;
}

/* Block `num` of `n` bytes, each block 16 << szx. */
static struct coap_message block_of(uint32_t num, uint8_t szx, size_t n)
{
	size_t size = BLOCK_SIZE(szx), from = num * size;
	bool more = from + size < n;

	return (struct coap_message){.given = HAS_BLOCK1,
		.block1 = {num, more, szx},
		.payload = mf_str_of(bytes + from, more ? size : n - from)};
}

static enum bodies_taken take(uint64_t key, const struct coap_message *m, struct mf_str *body)
{
	return bodies_take(bodies, key, m, 4000, CLOCK_S, body);
}

static void test_whole(void **state)
{
	struct mf_str body;

	(void)state;
	for (uint8_t szx = 0; szx <= BLOCK_SZX_MOST; szx++)
		for (size_t n = 1; n < 200; n++) {
			uint32_t last = (uint32_t)((n - 1) / BLOCK_SIZE(szx));

			for (uint32_t num = 0; num <= last; num++) {
				struct coap_message m = block_of(num, szx, n);

				assert_int_equal(take(n, &m, &body),
					num == last ? BODIES_WHOLE : BODIES_MORE);
			}
			assert_int_equal(body.n, n);
			assert_memory_equal(body.p, bytes, n);
		}
}

/* A body of nothing is one, too. */
static void test_empty(void **state)
{
	struct coap_message none = block_of(0, 0, 0);
	struct mf_str body = {bytes, 1};

	(void)state;
	assert_int_equal(take(1, &none, &body), BODIES_WHOLE);
	assert_int_equal(body.n, 0);
}

static void test_two_at_once(void **state)
{
	struct coap_message first = block_of(0, 0, 20), second = block_of(1, 0, 20);
	struct mf_str body;

	(void)state;
	assert_int_equal(take(1, &first, &body), BODIES_MORE);
	assert_int_equal(take(2, &second, &body), BODIES_INCOMPLETE);
	assert_int_equal(take(2, &first, &body), BODIES_MORE);
	assert_int_equal(take(1, &first, &body), BODIES_MORE); /* it begins again */
	assert_int_equal(take(1, &second, &body), BODIES_WHOLE);
	assert_int_equal(body.n, 20);
	assert_int_equal(take(2, &second, &body), BODIES_WHOLE);
	assert_int_equal(take(2, &second, &body), BODIES_INCOMPLETE);
}

static void test_blocks_again(void **state)
{
	struct mf_str body;

	(void)state;
	for (uint32_t num = 0; num < 3; num++) {
		struct coap_message m = block_of(num, 0, 50);

		assert_int_equal(take(1, &m, &body), BODIES_MORE);
		if (num > 0)
			assert_int_equal(take(1, &m, &body), BODIES_MORE);
	}
	struct coap_message gap = block_of(1, 0, 17), last = block_of(3, 0, 50);

	assert_int_equal(take(1, &gap, &body), BODIES_INCOMPLETE); /* an end in the middle */
	assert_int_equal(take(1, &last, &body), BODIES_WHOLE);
	assert_int_equal(body.n, 50);
	assert_memory_equal(body.p, bytes, 50);
}

static void test_refusals(void **state)
{
	struct coap_message m = block_of(0, 0, 20);
	struct mf_str body;

	(void)state;
	m.block1.szx = 7;
	assert_int_equal(take(1, &m, &body), BODIES_BAD);
	m = block_of(0, 0, 20);
	m.payload.n = 15;
	assert_int_equal(take(1, &m, &body), BODIES_BAD);
	m = block_of(0, 0, 20);
	m.given |= HAS_SIZE1;
	m.size1 = 4001;
	assert_int_equal(take(1, &m, &body), BODIES_TOO_BIG);
	m.size1 = 4000;
	assert_int_equal(take(1, &m, &body), BODIES_MORE);
	m = block_of(3, 6, 4001);
	assert_int_equal(take(1, &m, &body), BODIES_TOO_BIG);
	m = block_of(0, 0, 20);
	m.block1.num = BLOCK_NUM_MOST;
	m.block1.szx = 6;
	assert_int_equal(take(1, &m, &body), BODIES_BAD);
	m.payload = mf_str_of(bytes, 1024);
	assert_int_equal(take(1, &m, &body), BODIES_TOO_BIG);
}

/* What nobody goes on with makes room. */
static void test_bounded(void **state)
{
	struct coap_message first = block_of(0, 0, 20), second = block_of(1, 0, 20);
	struct mf_str body;
	unsigned n = 0;

	(void)state;
	while (take(n, &first, &body) == BODIES_MORE)
		n++;
	assert_true(n == BODIES_MOST || total.held > total.most - 2000);
	assert_int_equal(bodies_take(bodies, 9999, &first, 4000, CLOCK_S + BODIES_IDLE_NS, &body),
		BODIES_MORE);
	assert_int_equal(bodies_take(bodies, 9999, &second, 4000, CLOCK_S + BODIES_IDLE_NS, &body),
		BODIES_WHOLE);
	assert_int_equal(bodies_expire(bodies, CLOCK_S + BODIES_IDLE_NS), 0);
	assert_int_equal(total.held, 0);
}

static void test_answer(void **state)
{
	struct coap_message answer = {.code = 69, .given = HAS_FORMAT, .format = 42}, got;

	(void)state;
	answer.payload = mf_str_of(bytes, 2100);
	assert_false(bodies_find(bodies, 1, CLOCK_S, &got));
	bodies_keep(bodies, 1, &answer, CLOCK_S);
	assert_true(bodies_find(bodies, 1, CLOCK_S, &got));
	assert_int_equal(got.code, 69);
	assert_int_equal(got.format, 42);
	assert_true(bodies_cut(&got, 2, 6));
	assert_int_equal(got.payload.n, 52);
	assert_memory_equal(got.payload.p, bytes + 2048, 52);
	assert_false(got.block2.more);
	assert_true(bodies_find(bodies, 1, CLOCK_S, &got));
	assert_true(bodies_cut(&got, 0, 6));
	assert_int_equal(got.size2, 2100);
	assert_true(got.block2.more);
	assert_true(bodies_find(bodies, 1, CLOCK_S, &got));
	assert_false(bodies_cut(&got, 3, 6));
	assert_false(bodies_cut(&got, BLOCK_NUM_MOST + 1, 6));
	assert_true(bodies_find(bodies, 1, CLOCK_S + BODIES_IDLE_NS - 1, &got));
	assert_int_equal(bodies_expire(bodies, CLOCK_S), CLOCK_S + 2 * BODIES_IDLE_NS - 1);
	assert_false(bodies_find(bodies, 1, CLOCK_S + 2 * BODIES_IDLE_NS, &got));
}

/* A whole number of blocks has no empty one behind it. */
static void test_last_block(void **state)
{
	struct coap_message answer = {.payload = mf_str_of(bytes, 64)};

	(void)state;
	assert_true(bodies_cut(&answer, 1, 1));
	assert_false(answer.block2.more);
	assert_int_equal(answer.payload.n, 32);
	answer.payload = mf_str_of(bytes, 64);
	assert_false(bodies_cut(&answer, 2, 1));
	answer.payload = mf_str_of(NULL, 0);
	assert_true(bodies_cut(&answer, 0, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blocks_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_block, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
