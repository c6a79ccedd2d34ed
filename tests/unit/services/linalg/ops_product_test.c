/* tests/unit/services/linalg/ops_product_test.c - products against the sum that defines them */
/* link: -Wl,--no-as-needed -llapack -lblas -lm -Wl,--as-needed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "services/linalg/strassen.h"
#include "tests/unit/services/linalg/arrays.h"

static const char letters[] = {'n', 't', 'c'};

/* alpha op(a) op(b) + beta c, of all types, transposes and orders; odd sizes. */
static void multiply(enum npy_type type, char ta, char tb, unsigned orders)
{
	bool is_complex = type == NPY_C8 || type == NPY_C16;
	struct array a = array_random(type, ta == 'n' ? 5 : 7, ta == 'n' ? 7 : 5);
	struct array b = array_random(type, tb == 'n' ? 7 : 3, tb == 'n' ? 3 : 7);
	struct array c = array_random(type, 5, 3), op_a = array_turned(&a, ta);
	struct array op_b = array_turned(&b, tb), expected = array_product(&op_a, &op_b);
	double complex alpha = is_complex ? 1.5 - 2 * I : 1.5, beta = is_complex ? 2 * I : -0.25;
	char query[100];

	request_begin();
	request_add(&a, orders & 1);
	request_add(&b, orders & 2);
	sprintf(query, "transa=%c&transb=%c&order=%c", ta, tb, orders & 4 ? 'c' : 'f');
	request_ask("multiply", query, 1);
	array_near(answer_array(0), &expected);
	assert_int_equal(answer_fortran(0), !(orders & 4));
	assert_true(answer_flop == (is_complex ? 8 : 2) * 5 * 7 * 3);
	request_add(&c, orders & 4);
	sprintf(query, "transa=%c&transb=%c&alpha=%s&beta=%s", ta, tb,
		is_complex ? "1.5-2j" : "1.5", is_complex ? "2j" : "-0.25");
	request_ask("multiply", query, 1);
	for (unsigned i = 0; i < 15; i++)
		expected.at[i] = alpha * expected.at[i] + beta * c.at[i];
	array_near(answer_array(0), &expected);
	assert_int_equal(answer_fortran(0), (orders & 4) != 0);
	arrays_forget();
}

static void test_multiply(void **state)
{
	(void)state;
	for (enum npy_type type = NPY_F4; type <= NPY_C16; type++)
		for (unsigned i = 0; i < 9; i++)
			for (unsigned orders = 0; orders < 8; orders++)
				multiply(type, letters[i / 3], letters[i % 3], orders);
}

static void test_matvec(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 24; i++) {
		enum npy_type type = i / 6;
		char t = letters[i % 3], query[50];
		struct array a = array_random(type, 6, 4), op = array_turned(&a, t);
		struct array x = array_vector(type, op.columns), y = array_vector(type, op.rows);
		struct array expected = array_product(&op, &x);

		request_begin();
		request_add(&a, i / 3 % 2);
		request_add(&x, false);
		sprintf(query, "trans=%c", t);
		request_ask("matvec", query, 1);
		array_near(answer_array(0), &expected);
		request_add(&y, true);
		sprintf(query, "trans=%c&alpha=2&beta=-1", t);
		request_ask("matvec", query, 1);
		for (unsigned j = 0; j < op.rows; j++)
			expected.at[j] = 2 * expected.at[j] - y.at[j];
		array_near(answer_array(0), &expected);
		arrays_forget();
	}
}

/* Of nothing: zeros, or what c has of it; and what has no numbers has none afterwards. */
static void test_of_no_size(void **state)
{
	struct array a = array_of(NPY_F8, 2, 3, 0), b = array_of(NPY_F8, 2, 0, 2);
	struct array c = array_random(NPY_F8, 3, 2), zero = array_of(NPY_F8, 2, 3, 2);
	struct array x = array_of(NPY_F8, 1, 0, 1), y = array_vector(NPY_F8, 3);
	struct array none = array_of(NPY_F8, 2, 0, 0);

	(void)state;
	request_begin();
	request_add(&a, false);
	request_add(&b, true);
	request_ask("multiply", "", 1);
	assert_memory_equal(answer_array(0)->at, zero.at, 6 * sizeof(zero.at[0]));
	request_add(&c, true);
	request_ask("multiply", "beta=1", 1);
	array_near(answer_array(0), &c);
	request_begin();
	request_add(&b, true);
	request_add(&b, false);
	request_ask("multiply", "transb=t", 1);
	assert_true(answer_array(0)->rows == 0 && answer_array(0)->columns == 0);
	request_begin();
	request_add(&a, false);
	request_add(&x, false);
	request_ask("matvec", "", 1);
	assert_memory_equal(answer_array(0)->at, zero.at, 3 * sizeof(zero.at[0]));
	request_add(&y, false);
	request_ask("matvec", "beta=1", 1);
	array_near(answer_array(0), &y);
	request_begin();
	request_add(&none, false);
	request_add(&b, false);
	request_ask("trsm", "", 1);
	assert_true(answer_array(0)->rows == 0 && answer_array(0)->columns == 2);
	request_begin();
	request_add(&a, false);
	request_ask("syrk", "", 1);
	assert_true(answer_array(0)->rows == 3);
	assert_true(array_distance(answer_array(0), answer_array(0)) == 0);
	arrays_forget();
}

/* The triangle of a that trsm looks at. */
static struct array triangle(const struct array *a, bool upper, bool unit)
{
	struct array t = array_of(a->type, 2, a->rows, a->rows);

	for (uint64_t i = 0; i < a->rows; i++)
		for (uint64_t j = 0; j < a->rows; j++)
			if (i == j)
				AT(&t, i, i) = unit ? 1 : AT(a, i, i);
			else if ((j > i) == upper)
				AT(&t, i, j) = AT(a, i, j);
	return t;
}

static void test_trsm(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 128; i++) {
		bool right = i & 1, upper = i & 2, turn = i & 4, unit = i & 8;
		enum npy_type type = i & 64 ? NPY_F8 : NPY_F4;
		struct array a = array_random(type, 5, 5), t, b, op, back;
		char query[100];

		for (unsigned j = 0; j < 5; j++)
			AT(&a, j, j) += 4;
		t = triangle(&a, upper, unit);
		op = array_turned(&t, turn ? 't' : 'n');
		b = right ? array_random(type, 3, 5) : array_random(type, 5, 3);
		request_begin();
		request_add(&a, i & 16);
		request_add(&b, i & 32);
		sprintf(query, "side=%s&uplo=%s&transa=%s&diag=%s&alpha=2",
			right ? "right" : "left", upper ? "upper" : "L", turn ? "t" : "n",
			unit ? "unit" : "non-unit");
		request_ask("trsm", query, 1);
		assert_int_equal(answer_fortran(0), (i & 32) != 0);
		back = right ? array_product(answer_array(0), &op)
			     : array_product(&op, answer_array(0));
		for (unsigned j = 0; j < 15; j++)
			b.at[j] *= 2;
		array_near(&back, &b);
		arrays_forget();
	}
}

static void test_syrk(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 32; i++) {
		bool upper = i & 1, turn = i & 2;
		enum npy_type type = i & 16 ? NPY_F8 : NPY_F4;
		struct array a = array_random(type, turn ? 3 : 5, turn ? 5 : 3);
		struct array op = array_turned(&a, turn ? 't' : 'n');
		struct array other = array_turned(&op, 't');
		struct array c = array_random(type, 5, 5), full = array_product(&op, &other);
		struct array expected = array_of(type, 2, 5, 5);
		char query[100];

		request_begin();
		request_add(&a, i & 4);
		sprintf(query, "uplo=%s&trans=%s&alpha=2", upper ? "upper" : "lower",
			turn ? "t" : "n");
		request_ask("syrk", query, 1);
		for (unsigned r = 0; r < 5; r++)
			for (unsigned s = 0; s < 5; s++)
				if ((s > r) == upper || r == s)
					AT(&expected, r, s) = 2 * AT(&full, r, s);
		array_near(answer_array(0), &expected);
		request_add(&c, i & 8);
		strcat(query, "&beta=-1");
		request_ask("syrk", query, 1);
		for (unsigned r = 0; r < 5; r++)
			for (unsigned s = 0; s < 5; s++)
				AT(&expected, r, s) = (s > r) == upper || r == s
					? AT(&expected, r, s) - AT(&c, r, s)
					: AT(&c, r, s);
		array_near(answer_array(0), &expected);
		arrays_forget();
	}
}

/* The same by Strassen's way, where it is allowed to. */
static void test_algorithms(void **state)
{
	(void)state;
	strassen_least = 4;
	for (enum npy_type type = NPY_F4; type <= NPY_C16; type++)
		for (unsigned orders = 0; orders < 8; orders++) {
			struct array a = array_random(type, 21, 18), b = array_random(type, 19, 18);
			struct array c = array_random(type, 21, 19), bt = array_turned(&b, 'c');
			struct array expected = array_product(&a, &bt);

			request_begin();
			request_add(&a, orders & 1);
			request_add(&b, orders & 2);
			request_ask("multiply", "transb=c&algorithm=strassen", 1);
			assert_int_equal(answer_levels, 2);
			array_near(answer_array(0), &expected);
			request_add(&c, orders & 4);
			for (unsigned i = 0; i < 21 * 19; i++)
				expected.at[i] = 2 * expected.at[i] - 0.5 * c.at[i];
			request_ask("multiply", "transb=c&algorithm=strassen&alpha=2&beta=-0.5", 1);
			array_near(answer_array(0), &expected);
			arrays_forget();
		}
	strassen_least = 1024;
}

static void test_tolerances(void **state)
{
	struct array a = array_random(NPY_F8, 32, 32);

	(void)state;
	strassen_least = 4;
	request_begin();
	request_add(&a, true);
	request_add(&a, false);
	request_refused("multiply", "algorithm=auto", 400, "needs a tolerance");
	request_ask("multiply", "algorithm=auto&tolerance=1", 1);
	assert_int_equal(answer_levels, 3);
	request_ask("multiply", "algorithm=auto&tolerance=4e-14", 1);
	assert_int_equal(answer_levels, 1);
	request_ask("multiply", "algorithm=auto&tolerance=4e-15", 1);
	assert_int_equal(answer_levels, 0);
	request_refused("multiply", "algorithm=auto&tolerance=3e-15", 422, "the tolerance 3e-15");
	request_refused("multiply", "algorithm=strassen&tolerance=4e-14", 422, "bound is");
	request_ask("multiply", "algorithm=classic&tolerance=4e-14", 1);
	/* with less memory, fewer levels */
	request_memory = 32 * 32 * 8 + 128 + 2 * 16 * 16 * 8 + 100;
	request_ask("multiply", "algorithm=strassen", 1);
	assert_int_equal(answer_levels, 1);
	request_memory = 32 * 32 * 8 + 128;
	request_ask("multiply", "algorithm=strassen", 1);
	assert_int_equal(answer_levels, 0);
	strassen_least = 1024;
	arrays_forget();
}

static void test_refused(void **state)
{
	struct array a = array_random(NPY_F8, 3, 4), b = array_random(NPY_F8, 5, 2);
	struct array x = array_vector(NPY_F8, 3);
	const struct problem *p;

	(void)state;
	request_begin();
	request_add(&a, false);
	request_add(&b, false);
	p = request_refused("multiply", "", 422, "b has the shape (5, 2), not (4, n)");
	assert_true(p->argument == 'b' && strcmp(p->found, "(5, 2)") == 0);
	assert_string_equal(p->wanted, "(4, n)");
	request_refused("multiply", "transa=t&transb=t", 422, "(n, 3)");
	request_refused("trsm", "", 422, "a has the shape (3, 4), not (n, n)");
	request_refused("matvec", "", 422, "b has the shape (5, 2), not (4,)");
	request_begin();
	request_add(&a, false);
	request_add(&x, false);
	request_refused("multiply", "", 422, "b has the shape (3,), not (m, n)");
	request_refused("syrk", "", 422, "b has the shape (3,), not (3, 3)");
	request_refused("multiply", "alpha=2j", 422, "(m, n)");
	arrays_forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_multiply),
		cmocka_unit_test(test_matvec),
		cmocka_unit_test(test_of_no_size),
		cmocka_unit_test(test_trsm),
		cmocka_unit_test(test_syrk),
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_tolerances),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
