/* tests/unit/services/linalg/ops_factor_test.c - factors, multiplied again */
/* link: -Wl,--no-as-needed -llapack -lblas -lm -Wl,--as-needed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/services/linalg/arrays.h"

static const uint64_t shapes[][2] = {{7, 7}, {9, 4}, {4, 9}, {1, 5}, {5, 1}, {1, 1}, {40, 35}};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static void test_cholesky(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		enum npy_type type = i & 1 ? NPY_F8 : NPY_F4;
		struct array b = array_random(type, 6, 6), bt = array_turned(&b, 't');
		struct array a = array_product(&b, &bt), back, other;

		for (unsigned j = 0; j < 6; j++)
			AT(&a, j, j) += 1;
		request_begin();
		request_add(&a, i & 2);
		request_ask("cholesky", i & 4 ? "uplo=upper" : "", 1);
		assert_int_equal(answer_fortran(0), (i & 2) != 0);
		other = array_turned(answer_array(0), 't');
		back = i & 4 ? array_product(&other, answer_array(0))
			     : array_product(answer_array(0), &other);
		array_near(&back, &a);
		for (unsigned r = 0; r < 6; r++)
			for (unsigned s = r + 1; s < 6; s++)
				assert_true((i & 4 ? AT(answer_array(0), s, r)
						   : AT(answer_array(0), r, s)) == 0);
		arrays_forget();
	}
}

/* L U with its rows exchanged back. */
static struct array multiplied(const struct array *lu, const struct array *pivots)
{
	uint64_t k = lu->rows < lu->columns ? lu->rows : lu->columns;
	struct array l = array_of(lu->type, 2, lu->rows, k),
		     u = array_of(lu->type, 2, k, lu->columns);
	struct array a;

	for (uint64_t i = 0; i < lu->rows; i++)
		for (uint64_t j = 0; j < lu->columns; j++)
			if (i > j)
				AT(&l, i, j) = AT(lu, i, j);
			else
				AT(&u, i, j) = AT(lu, i, j);
	for (uint64_t i = 0; i < k; i++)
		AT(&l, i, i) = 1;
	a = array_product(&l, &u);
	for (uint64_t i = k; i-- > 0;)
		for (uint64_t j = 0; j < a.columns; j++) {
			uint64_t other = (uint64_t)creal(pivots->at[i]) - 1;
			double complex x = AT(&a, i, j);

			AT(&a, i, j) = AT(&a, other, j);
			AT(&a, other, j) = x;
		}
	return a;
}

static void test_lu(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4 * SHAPES; i++) {
		enum npy_type type = i & 1 ? NPY_F8 : NPY_F4;
		struct array a = array_random(type, shapes[i / 4][0], shapes[i / 4][1]), back;

		request_begin();
		request_add(&a, i & 2);
		request_ask("lu", "", 2);
		back = multiplied(answer_array(0), answer_array(1));
		array_near(&back, &a);
		arrays_forget();
	}
}

static void test_lu_of_a_singular_matrix(void **state)
{
	struct array a = array_of(NPY_F8, 2, 3, 3);

	(void)state;
	AT(&a, 1, 0) = 1;
	request_begin();
	request_add(&a, true);
	request_ask("lu", "", 2);
	assert_true(AT(answer_array(0), 1, 1) == 0);
	arrays_forget();
}

static bool is_upper(const struct array *r)
{
	for (uint64_t j = 0; j < r->columns; j++)
		for (uint64_t i = j + 1; i < r->rows; i++)
			if (AT(r, i, j) != 0)
				return false;
	return true;
}

static bool is_orthogonal(const struct array *q)
{
	struct array t = array_turned(q, 't'), one = array_product(&t, q);

	for (uint64_t i = 0; i < one.rows; i++)
		AT(&one, i, i) -= 1;
	for (uint64_t i = 0; i < one.rows * one.columns; i++)
		if (!(cabs(one.at[i]) < array_tolerance(q->type)))
			return false;
	return true;
}

static void test_qr(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8 * SHAPES; i++) {
		enum npy_type type = i & 1 ? NPY_F8 : NPY_F4;
		uint64_t m = shapes[i / 8][0], n = shapes[i / 8][1], k = m < n ? m : n;
		struct array a = array_random(type, m, n), back, r;

		request_begin();
		request_add(&a, i & 2);
		request_ask("qr", i & 4 ? "mode=complete" : "", 2);
		assert_int_equal(answer_array(0)->columns, i & 4 ? m : k);
		back = array_product(answer_array(0), answer_array(1));
		array_near(&back, &a);
		assert_true(is_orthogonal(answer_array(0)) && is_upper(answer_array(1)));
		r = *answer_array(1);
		request_ask("qr", "mode=r", 1);
		assert_true(answer_array(0)->rows == k);
		for (uint64_t j = 0; j < k; j++)
			assert_true(cabs(AT(answer_array(0), 0, j) - AT(&r, 0, j)) <
				array_tolerance(type));
		request_ask("qr", "mode=raw", 2);
		assert_true(answer_array(0)->rows == m && answer_array(0)->columns == n);
		assert_true(answer_array(1)->dims == 1 && answer_array(1)->rows == k);
		assert_true(cabs(AT(answer_array(0), 0, n - 1) - AT(&r, 0, n - 1)) <
			array_tolerance(type));
		arrays_forget();
	}
}

static void test_of_no_size(void **state)
{
	struct array tall = array_of(NPY_F8, 2, 3, 0), wide = array_of(NPY_F8, 2, 0, 3);
	struct array none = array_of(NPY_F8, 2, 0, 0);

	(void)state;
	request_begin();
	request_add(&tall, false);
	request_ask("qr", "mode=complete", 2);
	assert_true(answer_array(0)->columns == 3 && is_orthogonal(answer_array(0)));
	request_ask("qr", "", 2);
	assert_true(answer_array(0)->rows == 3 && answer_array(0)->columns == 0);
	request_ask("lu", "", 2);
	request_begin();
	request_add(&wide, false);
	request_ask("qr", "", 2);
	assert_true(answer_array(1)->rows == 0 && answer_array(1)->columns == 3);
	request_ask("qr", "mode=raw", 2);
	request_begin();
	request_add(&none, false);
	request_ask("cholesky", "", 1);
	assert_true(answer_array(0)->rows == 0 && answer_array(0)->dims == 2);
	arrays_forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cholesky),
		cmocka_unit_test(test_lu),
		cmocka_unit_test(test_lu_of_a_singular_matrix),
		cmocka_unit_test(test_qr),
		cmocka_unit_test(test_of_no_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
