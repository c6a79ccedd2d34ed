/* hub/order: by hand, against a slow model, with long lines. */
#include "hub/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/task.h"

#define MOST 20000u

static struct order order;
static struct task *tasks; /* MOST of them */

static int fresh(void **state)
{
	(void)state;
	memset(&order, 0, sizeof(order));
	tasks = calloc(MOST, sizeof(*tasks));
	assert_non_null(tasks);
	assert_true(order_keyed(&order, MOST));
	return 0;
}

static int done(void **state)
{
	(void)state;
	order_rest(&order);
	free(tasks);
	return 0;
}

static void post_next(const struct task *wanted)
{
	struct task *task = order_next(&order);

	assert_ptr_equal(task, wanted);
	if (task)
		order_post(&order, task);
}

static void test_no_keys(void **state)
{
	(void)state;
	order_rest(&order); /* isn't needed for it */
	for (unsigned i = 0; i < 4; i++)
		order_add(&order, &tasks[i], 0);
	order_end(&order, &tasks[1]); /* never ran */
	post_next(&tasks[0]);
	post_next(&tasks[2]);
	post_next(&tasks[3]);
	post_next(NULL);
	order_back(&order, &tasks[2]);
	order_end(&order, &tasks[0]);
	order_back(&order, &tasks[3]);
	post_next(&tasks[2]);
	post_next(&tasks[3]);
}

static void test_one_of_a_key(void **state)
{
	/* keys 7 and 7 + 2^32 share a part of the table */
	static const uint64_t keys[] = {7, 7, 7 + (1ull << 32), 7, 0, 7 + (1ull << 32)};

	(void)state;
	for (unsigned i = 0; i < 6; i++)
		order_add(&order, &tasks[i], keys[i]);
	post_next(&tasks[0]);
	post_next(&tasks[2]);
	post_next(&tasks[4]);
	post_next(NULL);
	order_end(&order, &tasks[2]);
	post_next(&tasks[5]);
	order_end(&order, &tasks[0]);
	post_next(&tasks[1]);
	post_next(NULL);
	order_end(&order, &tasks[5]);
	order_end(&order, &tasks[4]);
	order_end(&order, &tasks[1]);
	post_next(&tasks[3]);
	order_end(&order, &tasks[3]);
	order_add(&order, &tasks[6], 7); /* the line is gone, and begins anew */
	post_next(&tasks[6]);
}

/* Refused while it stands behind another: for its deadline came. */
static void test_out_of_the_line(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++)
		order_add(&order, &tasks[i], 9);
	post_next(&tasks[0]);
	order_end(&order, &tasks[2]);
	order_end(&order, &tasks[4]);
	order_end(&order, &tasks[0]);
	post_next(&tasks[1]);
	order_add(&order, &tasks[5], 9);
	order_end(&order, &tasks[1]);
	order_end(&order, &tasks[3]); /* ready, and refused */
	post_next(&tasks[5]);
	order_end(&order, &tasks[5]);
	post_next(NULL);
}

/* A worker died: what it had keeps its place, and its key. */
static void test_taken_back(void **state)
{
	static const uint64_t keys[] = {1, 2, 1, 3, 2};

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		order_add(&order, &tasks[i], keys[i]);
	post_next(&tasks[0]);
	post_next(&tasks[1]);
	order_back(&order, &tasks[1]); /* the last first, as service.c does */
	order_back(&order, &tasks[0]);
	post_next(&tasks[0]);
	order_end(&order, &tasks[0]);
	post_next(&tasks[1]);
	post_next(&tasks[2]); /* before 3, which came later */
	post_next(&tasks[3]);
	post_next(NULL);
	order_end(&order, &tasks[1]);
	post_next(&tasks[4]);
}

/* ------------------------------------------------------- against a slow model */

enum fate { WAITS, RUNS, GONE };

/* May this one go, by the rule alone? */
static bool may_go(const enum fate *fate, unsigned i)
{
	for (unsigned j = 0; j < i; j++)
		if (fate[j] != GONE && tasks[j].order.key != 0 &&
			tasks[j].order.key == tasks[i].order.key)
			return false;
	return fate[i] == WAITS;
}

static unsigned pick(const enum fate *fate, unsigned n, enum fate wanted)
{
	unsigned at = (unsigned)rand() % n;

	for (unsigned i = 0; i < n; i++)
		if (fate[(at + i) % n] == wanted)
			return (at + i) % n;
	return n;
}

static void check_next(const enum fate *fate, unsigned n)
{
	struct task *next = order_next(&order);

	for (unsigned i = 0; i < n; i++)
		if (may_go(fate, i)) { /* the oldest that may: lists here are short */
			assert_ptr_equal(next, &tasks[i]);
			return;
		}
	assert_null(next);
}

static void test_model(void **state)
{
	enum fate fate[200];
	unsigned n = 0, i;

	(void)state;
	srand(1);
	for (unsigned step = 0; step < 20000; step++) {
		switch (n < 30 ? rand() % 5 : 1 + rand() % 4) {
		case 0:
			order_add(&order, &tasks[n], (uint64_t)(rand() % 6));
			fate[n++] = WAITS;
			break;
		case 1:
			if (order_next(&order)) {
				i = (unsigned)(order_next(&order) - tasks);
				order_post(&order, &tasks[i]);
				fate[i] = RUNS;
			}
			break;
		case 2:
		case 3:
			i = n ? pick(fate, n, rand() % 4 ? RUNS : WAITS) : n;
			if (i < n) {
				order_end(&order, &tasks[i]);
				fate[i] = GONE;
			}
			break;
		default:
			i = n ? pick(fate, n, RUNS) : n;
			if (i < n && rand() % 8 == 0) {
				order_back(&order, &tasks[i]);
				fate[i] = WAITS;
			}
		}
		check_next(fate, n);
		if (n == 30 && pick(fate, n, WAITS) == n && pick(fate, n, RUNS) == n)
			n = 0;
	}
}

/* One hot key fills the queue; the others pass it. */
static void test_long_lines(void **state)
{
	const unsigned half = MOST / 2;

	(void)state;
	for (unsigned i = 0; i < half; i++)
		order_add(&order, &tasks[i], 42);
	for (unsigned i = half; i < MOST; i++)
		order_add(&order, &tasks[i], i * 0x9e3779b97f4a7c15ull | 1);
	post_next(&tasks[0]);
	for (unsigned i = half; i < MOST; i++) {
		post_next(&tasks[i]);
		order_end(&order, &tasks[i]);
	}
	post_next(NULL);
	for (unsigned i = 0; i + 1 < half; i++) {
		order_end(&order, &tasks[i]);
		post_next(&tasks[i + 1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_keys, fresh, done),
		cmocka_unit_test_setup_teardown(test_one_of_a_key, fresh, done),
		cmocka_unit_test_setup_teardown(test_out_of_the_line, fresh, done),
		cmocka_unit_test_setup_teardown(test_taken_back, fresh, done),
		cmocka_unit_test_setup_teardown(test_model, fresh, done),
		cmocka_unit_test_setup_teardown(test_long_lines, fresh, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
