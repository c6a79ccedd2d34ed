/* client/blas/plan: what calls mean; that they become the right products is tested by tests/client/blas_program.c */
#include "client/blas/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double one = 1, none = 0;
static double room[4];
static int info;

static struct call gemm(char ta, char tb, int m, int n, int k)
{
	return (struct call){.kind = KIND_gemm,
		.type = 'd',
		.transa = ta,
		.transb = tb,
		.m = m,
		.n = n,
		.k = k,
		.alpha = &one,
		.beta = &none,
		.a = room,
		.b = room,
		.c = room,
		.lda = 100,
		.ldb = 100,
		.ldc = 100};
}

static const char *plan(struct call c, struct plan *p)
{
	plan_columns(&c);
	return plan_make(&c, 2, p);
}

static void a_product(void **state)
{
	struct plan p;

	(void)state;
	assert_null(plan(gemm('n', 'T', 10, 20, 30), &p));
	assert_int_equal(p.load.op, OP_multiply);
	assert_true(p.here == 2 * 10 * 20 * 30 && p.load.flops == p.here);
	assert_true(p.load.up == (10 * 30 + 30 * 20) * 8 && p.load.down == 10 * 20 * 8);
	assert_true(p.m == 10 && p.n == 20 && p.k == 30 && p.transa == 'N' && p.transb == 'T');
}

static void rows_are_columns_of_the_transpose(void **state)
{
	struct call c = gemm('N', 'T', 10, 20, 30);
	double other;

	(void)state;
	c.row_major = true;
	c.b = &other;
	c.lda = 77;
	plan_columns(&c);
	assert_true(c.a == &other && c.b == room && c.ldb == 77 && c.m == 20 && c.n == 10);
	assert_true(c.transa == 'T' && c.transb == 'N' && !c.row_major);
}

/* Each of these the local routine has to complain about, or to do nothing for. */
static void arguments_that_stay(void **state)
{
	struct plan p;
	struct call c;

	(void)state;
	assert_non_null(plan(gemm('X', 'N', 10, 10, 10), &p));
	assert_non_null(plan(gemm(0, 'N', 10, 10, 10), &p));
	assert_non_null(plan(gemm('N', 'N', -1, 10, 10), &p));
	assert_non_null(plan(gemm('N', 'N', 10, -1, 10), &p));
	assert_non_null(plan(gemm('N', 'N', 10, 10, -1), &p));
	assert_non_null(plan(gemm('N', 'N', -10, -10, 10), &p));
	assert_non_null(plan(gemm('N', 'N', 0, 10, 10), &p));
	assert_non_null(plan(gemm('N', 'N', 10, 10, 0), &p));
	assert_non_null(plan(gemm('N', 'N', 101, 10, 10), &p)); /* lda */
	assert_non_null(plan(gemm('T', 'N', 10, 10, 101), &p));
	c = gemm('N', 'N', 10, 10, 10);
	c.wrong = true;
	assert_non_null(plan(c, &p));
	c = gemm('N', 'N', 10, 10, 10);
	c.alpha = &none;
	assert_non_null(plan(c, &p));
}

static void solvers(void **state)
{
	struct call c = {.kind = KIND_gesv,
		.type = 'd',
		.m = 50,
		.n = 50,
		.k = 2,
		.c = room,
		.ldc = 50,
		.u = room,
		.ldu = 50,
		.info = &info};
	struct plan p;

	(void)state;
	assert_null(plan(c, &p));
	assert_int_equal(p.load.op, OP_lu);
	assert_true(p.rest == 2.0 * 50 * 50 * 2 && p.here == p.load.flops + p.rest);
	c.type = 'z';
	assert_non_null(plan(c, &p));
	c.type = 'd';
	c.ldu = 49;
	assert_non_null(plan(c, &p));
}

static void memory_that_lapack_wants(void **state)
{
	struct call c = {.kind = KIND_syevd,
		.type = 'd',
		.job = 'V',
		.uplo = 'L',
		.n = 10,
		.c = room,
		.ldc = 10,
		.lwork = 1 + 6 * 10 + 2 * 100,
		.liwork = 53,
		.info = &info};
	struct plan p;

	(void)state;
	assert_null(plan(c, &p));
	c.lwork--;
	assert_non_null(plan(c, &p));
	c.lwork = -1; /* a question */
	assert_non_null(plan(c, &p));
	c.lwork = 10000;
	c.liwork = 52;
	assert_non_null(plan(c, &p));
	c.job = 'N'; /* values alone can't be checked */
	assert_non_null(plan(c, &p));
	plan_columns(&c);
	assert_null(plan_make(&c, 0, &p));
}

/* Every kind has a name, and an operation or none; nothing is asked for in complex that the service hasn't. */
static struct call solver(enum kind kind, char uplo, int m, int n, int k)
{
	return (struct call){.kind = kind,
		.type = 'd',
		.uplo = uplo,
		.transa = 'N',
		.m = m,
		.n = n,
		.k = k,
		.a = room,
		.c = room,
		.lda = 100,
		.ldc = 100,
		.info = &info};
}

/* What one call makes another may solve with, if it is of the same kind. */
static void factors(void **state)
{
	struct call lu = solver(KIND_getrf, 0, 40, 40, 0), wide = solver(KIND_getrf, 0, 40, 50, 0);
	struct call getrs = solver(KIND_getrs, 0, 0, 40, 5);
	struct call potrf = solver(KIND_potrf, 'U', 0, 40, 0);
	struct call potrs = solver(KIND_potrs, 'U', 0, 40, 5), lower = potrs;
	struct factor_kind_of made, used;
	struct plan p, kept;

	(void)state;
	lower.uplo = 'L';
	assert_true(plan_factor(&lu, &made) && plan_factor(&getrs, &used));
	assert_true(made.type == used.type && made.uplo == used.uplo && made.n == used.n);
	assert_true(plan_factor(&potrf, &made) && plan_factor(&potrs, &used));
	assert_true(made.type == used.type && made.uplo == used.uplo && made.n == used.n);
	assert_true(plan_factor(&lower, &used) && used.uplo != made.uplo);
	assert_false(plan_factor(&wide, &made));
	assert_false(plan_factor(&(struct call){.kind = KIND_gemm, .type = 'd'}, &made));
	assert_null(plan(getrs, &p));
	kept = p;
	plan_keep(&getrs, &kept);
	assert_true(kept.kept && !p.kept && kept.load.up == 40 * 5 * 8);
	assert_true(kept.load.hashed == 40 * 40 * 8 && kept.load.beside == p.load.beside);
}

static void all_kinds(void **state)
{
	(void)state;
	for (enum kind kind = 0; kind < KINDS; kind++) {
		assert_non_null(kind_names[kind]);
		assert_true(plan_op(kind, 'z') == OPS || plan_op(kind, 'z') == OP_multiply);
		assert_true(plan_op(kind, 's') == plan_op(kind, 'd'));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_product),
		cmocka_unit_test(rows_are_columns_of_the_transpose),
		cmocka_unit_test(arguments_that_stay),
		cmocka_unit_test(solvers),
		cmocka_unit_test(memory_that_lapack_wants),
		cmocka_unit_test(factors),
		cmocka_unit_test(all_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
