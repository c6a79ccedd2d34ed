/* wire/gemm: what may be asked of an accelerator, and what hostile lives ask. */
#include "wire/gemm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define INPUT  (1u << 20)
#define OUTPUT (1u << 19)

static struct mf_gemm good(void)
{
	return (struct mf_gemm){.type = MF_GEMM_D,
		.transa = 'N',
		.transb = 'N',
		.m = 5,
		.n = 7,
		.k = 3,
		.lda = 6,
		.ldb = 3,
		.ldc = 5,
		.a = 128,
		.b = 1024,
		.c = 64,
		.alpha = {1},
		.beta = {0.5}};
}

static struct gemm_shape shape;

static const char *check(const struct mf_gemm *g)
{
	return gemm_check(g, INPUT, OUTPUT, &shape);
}

static void test_shape(void **state)
{
	struct mf_gemm g = good();

	(void)state;
	assert_null(check(&g));
	assert_int_equal(shape.element, 8);
	assert_int_equal(shape.a.rows, 5);
	assert_int_equal(shape.a.columns, 3);
	assert_int_equal(shape.a.bytes, (6 * 2 + 5) * 8);
	assert_int_equal(shape.a.dense, 15 * 8);
	assert_int_equal(shape.b.bytes, 21 * 8);
	assert_int_equal(shape.c.bytes, 35 * 8);
	assert_true(shape.flop == 2.0 * 5 * 7 * 3);
	g.transa = 'T';
	g.lda = 3;
	g.transb = 'C';
	g.ldb = 7;
	g.type = MF_GEMM_Z;
	assert_null(check(&g));
	assert_int_equal(shape.a.rows, 3);
	assert_int_equal(shape.a.columns, 5);
	assert_int_equal(shape.b.rows, 7);
	assert_int_equal(shape.b.bytes, 21 * 16);
	assert_true(shape.flop == 8.0 * 5 * 7 * 3);
}

/* The last byte of an area is an area's, the next isn't. */
static void test_edges(void **state)
{
	struct mf_gemm g = good();

	(void)state;
	assert_null(check(&g));
	g.a = INPUT - shape.a.bytes;
	g.b = INPUT - shape.b.bytes;
	g.c = OUTPUT - shape.c.bytes;
	assert_null(check(&g));
	g.a++;
	assert_non_null(check(&g));
	g.a--;
	g.b++;
	assert_non_null(check(&g));
	g.b--;
	g.c++;
	assert_non_null(check(&g));
	/* the output is smaller than the input */
	g.c = INPUT - shape.c.bytes;
	assert_non_null(check(&g));
}

#define REFUSED(change)                                                                            \
	do {                                                                                       \
		struct mf_gemm g = good();                                                         \
		g.change;                                                                          \
		assert_non_null(check(&g));                                                        \
	} while (0)

static void test_nonsense(void **state)
{
	(void)state;
	REFUSED(type = MF_GEMM_TYPES);
	REFUSED(type = UINT32_MAX);
	REFUSED(transa = 'n');
	REFUSED(transb = 0);
	REFUSED(reserved[0] = 1);
	REFUSED(reserved[1] = 1);
	REFUSED(m = 0);
	REFUSED(n = 0);
	REFUSED(k = 0);
	REFUSED(lda = 4);
	REFUSED(ldb = 2);
	REFUSED(ldc = 4);
	REFUSED(alpha[1] = 1);
	REFUSED(beta[1] = 1);
}

/* Each number that a life can choose, so that some sum or product of it would wrap. */
static void test_wrapping(void **state)
{
	static const uint64_t large[] = {1ull << 31, 1ull << 32, (1ull << 32) + 5, 1ull << 60,
		1ull << 61, 1ull << 62, 1ull << 63, UINT64_MAX - 7, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
		REFUSED(m = large[i]);
		REFUSED(n = large[i]);
		REFUSED(k = large[i]);
		REFUSED(lda = large[i]);
		REFUSED(ldb = large[i]);
		REFUSED(ldc = large[i]);
		REFUSED(a = large[i]);
		REFUSED(b = large[i]);
		REFUSED(c = large[i]);
	}
}

/* All at the edge at once: the largest sizes that can be said, of the largest elements. */
static void test_all_large(void **state)
{
	struct mf_gemm g = good();

	(void)state;
	g.type = MF_GEMM_Z;
	g.m = g.n = g.k = g.lda = g.ldb = g.ldc = MF_GEMM_MOST;
	g.a = g.b = g.c = 0;
	assert_non_null(gemm_check(&g, UINT64_MAX, UINT64_MAX, &shape));
	g.type = MF_GEMM_S; /* 2^64 bytes less 2^34 and some */
	assert_null(gemm_check(&g, UINT64_MAX, UINT64_MAX, &shape));
	assert_int_equal(shape.a.bytes, MF_GEMM_MOST * MF_GEMM_MOST * 4);
	g.c = UINT64_MAX - shape.c.bytes + 1;
	assert_non_null(gemm_check(&g, UINT64_MAX, UINT64_MAX, &shape));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_wrapping),
		cmocka_unit_test(test_all_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
