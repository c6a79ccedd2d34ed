#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/jobs/copy.h"

#define SOURCE 4096u
#define TARGET 4096u

static uint8_t source[SOURCE];

static void copy_rows(uint8_t *to, const struct job_piece *p)
{
	for (uint64_t r = 0; r < p->rows; r++)
		for (uint64_t i = 0; i < p->row; i++)
			to[p->to + r * p->to_stride + i] = source[p->from + r * p->from_stride + i];
}

/* As plan.c takes them. */
static struct job_piece random_piece(void)
{
	struct job_piece p = {
		.row = 1u + (unsigned)rand() % 60, .rows = 1u + (unsigned)rand() % 20};

	p.to_stride = p.row + (unsigned)(rand() % 3 ? rand() % 40 : 0);
	p.from_stride = (unsigned)rand() % 100;
	p.to = (unsigned)rand() % (TARGET - (p.rows - 1) * p.to_stride - p.row + 1);
	p.from = (unsigned)rand() % (SOURCE - (p.rows - 1) * p.from_stride - p.row + 1);
	return p;
}

/* Window by window it comes to the same as row by row. */
static void test_windows(void **state)
{
	static uint8_t whole[TARGET], parts[TARGET + 1];

	(void)state;
	srand(7);
	for (unsigned i = 0; i < SOURCE; i++)
		source[i] = (uint8_t)rand();
	for (unsigned round = 0; round < 2000; round++) {
		struct job_piece pieces[5], rows;
		struct job_bytes bytes = {TARGET, pieces, 5};
		uint64_t window = 1u + (unsigned)rand() % (round % 2 ? 300 : TARGET);

		memset(whole, 0, sizeof(whole));
		memset(parts, 0, sizeof(parts));
		for (unsigned i = 0; i < 5; i++) {
			pieces[i] = random_piece();
			copy_rows(whole, &pieces[i]);
		}
		for (uint64_t at = 0; at < TARGET; at += window) {
			struct job_cut cut = {0};
			uint64_t n = window < TARGET - at ? window : TARGET - at;

			while (job_cut(&bytes, at, n, &cut, &rows)) {
				assert_true(rows.row > 0 && rows.rows > 0);
				assert_true(
					rows.to + (rows.rows - 1) * rows.to_stride + rows.row <= n);
				copy_rows(parts + at, &rows);
			}
		}
		assert_memory_equal(whole, parts, TARGET);
	}
}

/* Whole rows come at once. */
static void test_few(void **state)
{
	const struct job_piece piece = {.row = 10, .rows = 100, .from_stride = 20, .to_stride = 12};
	const struct job_bytes bytes = {2000, &piece, 1};
	struct job_cut cut = {0};
	struct job_piece rows;

	(void)state;
	assert_true(job_cut(&bytes, 0, 2000, &cut, &rows));
	assert_int_equal(rows.rows, 100);
	assert_false(job_cut(&bytes, 0, 2000, &cut, &rows));
}

static void test_dense(void **state)
{
	struct job_piece p[2] = {
		{.to = 0, .row = 4, .rows = 1}, {.to = 4, .row = 5, .rows = 3, .to_stride = 5}};
	struct job_bytes bytes = {19, p, 2};

	(void)state;
	assert_true(job_bytes_dense(&bytes));
	bytes.bytes = 20;
	assert_false(job_bytes_dense(&bytes));
	bytes.bytes = 21;
	p[1].to_stride = 6;
	assert_false(job_bytes_dense(&bytes));
	p[1].to_stride = 5;
	p[1].to = 6;
	assert_false(job_bytes_dense(&bytes)); /* a gap, and no piece that is missing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_dense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
