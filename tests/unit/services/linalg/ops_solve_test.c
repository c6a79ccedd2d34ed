/* tests/unit/services/linalg/ops_solve_test.c - solutions, put back into the equations that they solve */
/* link: -Wl,--no-as-needed -llapack -lblas -lm -Wl,--as-needed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/services/linalg/arrays.h"

#define N 7

/* Symmetric; and positive definite if the diagonal is raised so much. */
static struct array symmetric(enum npy_type type, double raised)
{
	struct array a = array_random(type, N, N);

	for (unsigned i = 0; i < N; i++)
		for (unsigned j = 0; j < i; j++)
			AT(&a, i, j) = AT(&a, j, i);
	for (unsigned i = 0; i < N; i++)
		AT(&a, i, i) += raised;
	return a;
}

/* What is known to lie in one triangle is destroyed in the other: nobody may read it. */
static void spoil(struct array *a, bool upper)
{
	for (unsigned i = 0; i < N; i++)
		for (unsigned j = 0; j < N; j++)
			if (i != j && (j > i) == upper)
				AT(a, i, j) = (double)NAN;
}

static struct array cleared(const struct array *a, bool upper)
{
	struct array t = array_of(a->type, 2, N, N);

	for (unsigned i = 0; i < N; i++)
		for (unsigned j = 0; j < N; j++)
			if (i == j || (j > i) != upper)
				AT(&t, i, j) = AT(a, i, j);
	return t;
}

/* a x = b, by what is assumed of a; sent is a with what isn't read spoilt. */
static void solves(const char *query, const struct array *a, const struct array *sent)
{
	for (unsigned i = 0; i < 8; i++) {
		bool vector = i & 4;
		struct array b = vector ? array_vector(a->type, N) : array_random(a->type, N, 3);
		struct array back;

		request_begin();
		request_add(sent, i & 1);
		request_add(&b, i & 2);
		request_ask("solve", query, 1);
		back = array_product(a, answer_array(0));
		array_near(&back, &b);
		assert_int_equal(answer_fortran(0), !vector);
	}
}

static void test_solve(void **state)
{
	(void)state;
	for (enum npy_type type = NPY_F4; type <= NPY_F8; type++) {
		struct array a = array_random(type, N, N), sent, t;

		for (unsigned i = 0; i < N; i++)
			AT(&a, i, i) += 3;
		solves("", &a, &a);
		solves("assume=general", &a, &a);
		for (unsigned upper = 0; upper < 2; upper++) {
			t = sent = cleared(&a, !upper);
			sent.at = array_turned(&t, 't').at;
			sent = array_turned(&sent, 't');
			spoil(&sent, !upper);
			solves(upper ? "assume=upper" : "assume=lower", &t, &sent);
			a = symmetric(type, 0.5);
			sent = array_turned(&a, 't');
			spoil(&sent, !upper);
			solves(upper ? "assume=symmetric&uplo=upper" : "assume=symmetric", &a,
				&sent);
			a = symmetric(type, N);
			sent = array_turned(&a, 't');
			spoil(&sent, !upper);
			solves(upper ? "assume=positive&uplo=upper" : "assume=positive", &a, &sent);
			for (unsigned i = 0; i < N * N; i++)
				a.at[i] += i % 3;
		}
		arrays_forget();
	}
}

/* Factored before, in either order, and by other programs: pivots of 8 bytes, exchanged back and forth. */
static void test_getrs(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 32; i++) {
		enum npy_type type = i & 1 ? NPY_F8 : NPY_F4;
		struct array a = array_random(type, N, N), b = array_random(type, N, 2), op, back;
		struct array factors, pivots;

		op = array_turned(&a, i & 2 ? 't' : 'n');
		request_begin();
		request_add(&a, i & 4);
		request_ask("lu", "", 2);
		factors = *answer_array(0), pivots = *answer_array(1);
		assert_int_equal(pivots.type, NPY_I4);
		if (i & 8)
			pivots.type = NPY_I8;
		request_begin();
		request_add(&factors, i & 16);
		request_add(&pivots, false);
		request_add(&b, i & 8);
		request_ask("getrs", i & 2 ? "trans=t" : "", 1);
		back = array_product(&op, answer_array(0));
		array_near(&back, &b);
		arrays_forget();
	}
}

static void test_potrs(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		enum npy_type type = i & 1 ? NPY_F8 : NPY_F4;
		const char *uplo = i & 2 ? "uplo=upper" : "uplo=lower";
		struct array a = symmetric(type, N), b = array_vector(type, N), factor, back;

		request_begin();
		request_add(&a, i & 4);
		request_ask("cholesky", uplo, 1);
		factor = *answer_array(0);
		request_begin();
		request_add(&factor, i & 8);
		request_add(&b, false);
		request_ask("potrs", uplo, 1);
		back = array_product(&a, answer_array(0));
		array_near(&back, &b);
		arrays_forget();
	}
}

static void test_inverse(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		enum npy_type type = i & 1 ? NPY_F8 : NPY_F4;
		struct array a = array_random(type, N, N), one = array_of(type, 2, N, N), back;

		for (unsigned j = 0; j < N; j++)
			AT(&one, j, j) = 1;
		request_begin();
		request_add(&a, i & 2);
		request_ask("inverse", "", 1);
		assert_int_equal(answer_fortran(0), (i & 2) != 0);
		back = array_product(&a, answer_array(0));
		assert_true(array_distance(&back, &one) < 100 * array_tolerance(type));
		arrays_forget();
	}
}

/* Of a triangle with its rows exchanged it is known: rows moved round by `moved`, and then perhaps two exchanged. */
static void det_of(enum npy_type type, unsigned moved, bool exchanged)
{
	static const double diagonal[3] = {2, -3, 5};
	struct array t = array_random(type, 3, 3), a = array_of(type, 2, 3, 3);

	for (unsigned r = 0; r < 3; r++)
		for (unsigned s = r; s < 3; s++)
			AT(&a, (r + moved) % 3, s) = s == r ? diagonal[r] : AT(&t, r, s);
	for (unsigned s = 0; s < 3 && exchanged; s++) {
		double complex x = AT(&a, 0, s);

		AT(&a, 0, s) = AT(&a, 2, s);
		AT(&a, 2, s) = x;
	}
	request_begin();
	request_add(&a, false);
	request_ask("det", "", 2);
	assert_true(answer_array(0)->dims == 0 && answer_array(1)->dims == 0);
	assert_true(answer_array(0)->type == NPY_F8 && answer_array(1)->type == NPY_F8);
	assert_true(creal(answer_array(0)->at[0]) == (exchanged ? 1 : -1));
	assert_true(fabs(creal(answer_array(1)->at[0]) - log(30)) < array_tolerance(type));
}

static void test_det(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 12; i++)
		det_of(i & 1 ? NPY_F8 : NPY_F4, i / 4, i & 2);
	arrays_forget();
}

static void singular(const char *op, const char *query, const struct array *a, unsigned pivot)
{
	struct array b = array_vector(NPY_F8, a->rows);
	const struct problem *p;

	request_begin();
	request_add(a, true);
	if (strcmp(op, "inverse") != 0 && strcmp(op, "cholesky") != 0)
		request_add(&b, true);
	p = request_refused(op, query, 422, "pivot");
	assert_int_equal(p->argument, 'a');
	assert_int_equal(p->pivot, pivot);
}

static void test_singular(void **state)
{
	struct array a = array_random(NPY_F8, 4, 4), zero = array_of(NPY_F8, 2, 4, 4);

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		AT(&a, i, 2) = 0;
	singular("solve", "", &a, 3);
	singular("inverse", "", &a, 3);
	singular("solve", "assume=upper", &a, 3);
	singular("solve", "assume=lower", &a, 3);
	singular("potrs", "", &a, 3);
	singular("solve", "assume=symmetric", &zero, 1);
	for (unsigned i = 0; i < 4; i++)
		AT(&zero, i, i) = i == 1 ? -1 : 1;
	singular("solve", "assume=positive", &zero, 2);
	singular("cholesky", "", &zero, 2);
	AT(&zero, 1, 1) = (double)NAN;
	singular("cholesky", "", &zero, 2);
	request_begin();
	request_add(&a, true);
	request_ask("det", "", 2);
	assert_true(creal(answer_array(0)->at[0]) == 0);
	assert_true(isinf(creal(answer_array(1)->at[0])) && creal(answer_array(1)->at[0]) < 0);
	arrays_forget();
}

/* Pivots are addresses in disguise. */
static void test_pivots_that_lie(void **state)
{
	static const double wrong[] = {0, -1, N + 1, 2147483647, -2147483648.0, 4294967297.0};
	struct array a = array_random(NPY_F8, N, N), b = array_vector(NPY_F8, N);

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct array pivots = array_of(i < 5 ? NPY_I4 : NPY_I8, 1, N, 1);

		for (unsigned j = 0; j < N; j++)
			pivots.at[j] = j + 1;
		pivots.at[3] = wrong[i];
		request_begin();
		request_add(&a, true);
		request_add(&pivots, true);
		request_add(&b, true);
		request_refused("getrs", "", 422, "pivots are numbers from 1 to 7");
	}
	arrays_forget();
}

static void test_of_no_size(void **state)
{
	static const char *const ways[] = {
		"", "assume=symmetric", "assume=positive", "assume=upper"};
	struct array a = array_of(NPY_F4, 2, 0, 0), b = array_of(NPY_F4, 2, 0, 3);
	struct array pivots = array_of(NPY_I4, 1, 0, 1);

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		request_begin();
		request_add(&a, true);
		request_add(&b, true);
		request_ask("solve", ways[i], 1);
		assert_true(answer_array(0)->rows == 0 && answer_array(0)->columns == 3);
	}
	request_ask("potrs", "", 1);
	request_begin();
	request_add(&a, true);
	request_add(&pivots, true);
	request_add(&b, true);
	request_ask("getrs", "", 1);
	request_begin();
	request_add(&a, true);
	request_ask("inverse", "", 1);
	request_ask("det", "", 2);
	assert_true(creal(answer_array(0)->at[0]) == 1 && creal(answer_array(1)->at[0]) == 0);
	arrays_forget();
}

/* NaN goes where LAPACK lets it go. */
static void test_nan(void **state)
{
	struct array a = array_random(NPY_F8, N, N), b = array_vector(NPY_F8, N);

	(void)state;
	b.at[3] = (double)NAN;
	request_begin();
	request_add(&a, true);
	request_add(&b, true);
	request_ask("solve", "", 1);
	assert_true(isnan(creal(answer_array(0)->at[0])));
	arrays_forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_solve),
		cmocka_unit_test(test_getrs),
		cmocka_unit_test(test_potrs),
		cmocka_unit_test(test_inverse),
		cmocka_unit_test(test_det),
		cmocka_unit_test(test_singular),
		cmocka_unit_test(test_pivots_that_lie),
		cmocka_unit_test(test_of_no_size),
		cmocka_unit_test(test_nan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
