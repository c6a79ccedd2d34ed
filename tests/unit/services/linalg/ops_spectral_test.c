/* tests/unit/services/linalg/ops_spectral_test.c - eigenvalues, singular values, least squares */
/* link: -Wl,--no-as-needed -llapack -lblas -lm -Wl,--as-needed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/services/linalg/arrays.h"

static struct array scaled(const struct array *a, const struct array *by)
{
	struct array b = array_turned(a, 't');

	b = array_turned(&b, 't');
	for (uint64_t i = 0; i < b.rows; i++)
		for (uint64_t j = 0; j < b.columns; j++)
			AT(&b, i, j) *= j < by->rows ? by->at[j] : 0;
	return b;
}

static void test_eigh(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		enum npy_type type = i & 1 ? NPY_F8 : NPY_F4;
		uint64_t n = 9;
		struct array a = array_random(type, n, n), sent, w, back, other;

		for (uint64_t r = 0; r < n; r++)
			for (uint64_t s = 0; s < r; s++)
				AT(&a, s, r) = AT(&a, r, s);
		sent = array_turned(&a, 't');
		for (uint64_t r = 0; r < n; r++)
			for (uint64_t s = 0; s < r; s++)
				*(i & 4 ? &AT(&sent, r, s) : &AT(&sent, s, r)) = (double)NAN;
		request_begin();
		request_add(&sent, i & 2);
		request_ask("eigh", i & 4 ? "uplo=upper" : "", 2);
		w = *answer_array(0);
		for (uint64_t j = 1; j < n; j++)
			assert_true(creal(w.at[j - 1]) <= creal(w.at[j]));
		back = scaled(answer_array(1), &w);
		other = array_turned(answer_array(1), 't');
		back = array_product(&back, &other);
		array_near(&back, &a);
		request_ask("eigh", i & 4 ? "vectors=0&uplo=upper" : "vectors=0", 1);
		array_near(answer_array(0), &w);
		arrays_forget();
	}
}

/* The numbers of U S V', with zeros in S where it isn't square. */
static void check_svd(const struct array *a, bool full)
{
	const struct array *u = answer_array(0), *s = answer_array(1), *vt = answer_array(2);
	uint64_t k = a->rows < a->columns ? a->rows : a->columns;
	struct array us, first, back;

	assert_int_equal(u->columns, full ? a->rows : k);
	assert_int_equal(vt->rows, full ? a->columns : k);
	assert_int_equal(s->rows, k);
	us = scaled(u, s);
	first = array_of(a->type, 2, us.columns, a->columns);
	for (uint64_t i = 0; i < first.rows && i < vt->rows; i++)
		for (uint64_t j = 0; j < first.columns; j++)
			AT(&first, i, j) = AT(vt, i, j);
	back = array_product(&us, &first);
	array_near(&back, a);
	for (uint64_t i = 1; i < k; i++)
		assert_true(creal(s->at[i - 1]) >= creal(s->at[i]));
}

static void test_svd(void **state)
{
	static const uint64_t shapes[][2] = {{6, 6}, {9, 4}, {4, 9}, {1, 5}, {5, 1}, {30, 2}};

	(void)state;
	for (unsigned i = 0; i < 8 * 6; i++) {
		enum npy_type type = i & 1 ? NPY_F8 : NPY_F4;
		struct array a = array_random(type, shapes[i / 8][0], shapes[i / 8][1]), s;

		request_begin();
		request_add(&a, i & 2);
		request_ask("svd", i & 4 ? "full=1" : "full=0", 3);
		check_svd(&a, i & 4);
		s = *answer_array(1);
		request_ask("svd", "vectors=0", 1);
		array_near(answer_array(0), &s);
		arrays_forget();
	}
}

/* What is left over stands at right angles to all columns; and x is as short as can be where there are many. */
static void check_lstsq(const struct array *a, const struct array *b)
{
	struct array ax = array_product(a, answer_array(0)), t = array_turned(a, 't'), left;

	for (uint64_t i = 0; i < b->rows * b->columns; i++)
		ax.at[i] -= b->at[i];
	left = array_product(&t, &ax);
	for (uint64_t i = 0; i < left.rows * left.columns; i++)
		assert_true(cabs(left.at[i]) < 10 * array_tolerance(a->type));
}

static void test_lstsq(void **state)
{
	static const uint64_t shapes[][2] = {{6, 6}, {9, 4}, {4, 9}, {33, 30}, {1, 5}};

	(void)state;
	for (unsigned i = 0; i < 8 * 5; i++) {
		enum npy_type type = i & 1 ? NPY_F8 : NPY_F4;
		uint64_t m = shapes[i / 8][0], n = shapes[i / 8][1];
		struct array a = array_random(type, m, n);
		struct array b = i & 4 ? array_vector(type, m) : array_random(type, m, 3);

		request_begin();
		request_add(&a, i & 2);
		request_add(&b, i & 1);
		request_ask("lstsq", "", 3);
		check_lstsq(&a, &b);
		assert_true(answer_array(0)->rows == n && answer_array(0)->dims == b.dims);
		assert_true(answer_array(1)->type == NPY_I4 && answer_array(1)->dims == 0);
		assert_true((uint64_t)creal(answer_array(1)->at[0]) == (m < n ? m : n));
		assert_true(answer_array(2)->rows == (m < n ? m : n));
		arrays_forget();
	}
}

static void test_lstsq_of_low_rank(void **state)
{
	struct array a = array_random(NPY_F8, 6, 3), b = array_random(NPY_F8, 6, 2);

	(void)state;
	for (unsigned i = 0; i < 6; i++)
		AT(&a, i, 2) = AT(&a, i, 0) + AT(&a, i, 1);
	request_begin();
	request_add(&a, true);
	request_add(&b, false);
	request_ask("lstsq", "", 3);
	assert_true(creal(answer_array(1)->at[0]) == 2);
	check_lstsq(&a, &b);
	request_ask("lstsq", "rcond=0.999", 3);
	assert_true(creal(answer_array(1)->at[0]) == 1);
	arrays_forget();
}

static void test_of_no_size(void **state)
{
	struct array tall = array_of(NPY_F8, 2, 3, 0), wide = array_of(NPY_F8, 2, 0, 3);
	struct array none = array_of(NPY_F8, 2, 0, 0), b = array_random(NPY_F8, 3, 2);
	struct array nothing = array_of(NPY_F8, 2, 0, 2), a = array_random(NPY_F8, 3, 2);
	struct array empty = array_of(NPY_F8, 2, 3, 0);

	(void)state;
	request_begin();
	request_add(&tall, false);
	request_ask("svd", "full=1", 3);
	assert_true(answer_array(0)->columns == 3 && AT(answer_array(0), 2, 2) == 1);
	assert_true(answer_array(1)->rows == 0 && answer_array(2)->rows == 0);
	request_ask("svd", "", 3);
	request_ask("svd", "vectors=0", 1);
	request_add(&b, false);
	request_ask("lstsq", "", 3);
	assert_true(answer_array(0)->rows == 0 && answer_array(0)->columns == 2);
	request_begin();
	request_add(&wide, false);
	request_add(&nothing, false);
	request_ask("lstsq", "", 3);
	assert_true(answer_array(0)->rows == 3 && answer_array(0)->at[5] == 0);
	assert_true(creal(answer_array(1)->at[0]) == 0);
	request_begin();
	request_add(&a, false);
	request_add(&empty, false);
	request_ask("lstsq", "", 3);
	assert_true(answer_array(0)->rows == 2 && answer_array(0)->columns == 0);
	assert_true(creal(answer_array(1)->at[0]) == 2);
	request_begin();
	request_add(&none, false);
	request_ask("eigh", "", 2);
	request_ask("svd", "full=1", 3);
	arrays_forget();
}

/* Where there is NaN or Inf there is nothing to find, and LAPACK might look for it without end. */
static void test_nan(void **state)
{
	static const char *const ops[] = {"svd", "eigh"};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct array a = array_random(NPY_F8, 5, 5), b = array_vector(NPY_F8, 5);

		a.at[7] = i & 1 ? (double)NAN : -(double)INFINITY;
		a.at[3] = a.at[7];
		request_begin();
		request_add(&a, true);
		assert_int_equal(request_refused(ops[i / 2], "", 422, "NaN or Inf")->argument, 'a');
		request_add(&b, true);
		request_refused("lstsq", "", 422, "NaN or Inf");
		arrays_forget();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_eigh),
		cmocka_unit_test(test_svd),
		cmocka_unit_test(test_lstsq),
		cmocka_unit_test(test_lstsq_of_low_rank),
		cmocka_unit_test(test_of_no_size),
		cmocka_unit_test(test_nan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
