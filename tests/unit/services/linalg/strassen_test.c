/* tests/unit/services/linalg/strassen_test.c - the same product as the plain one, within the bound that is stated */
/* link: -Wl,--no-as-needed -llapack -lblas -lm -Wl,--as-needed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <complex.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/linalg/strassen.h"

/* Numbers between -1 and 1 for all types; the same bits read as any of them. */
static void *numbers(enum npy_type type, size_t n)
{
	static uint64_t state = 7;
	size_t parts = type == NPY_C8 || type == NPY_C16 ? 2 * n : n;
	bool is_short = type == NPY_F4 || type == NPY_C8;
	void *all = calloc(n ? n : 1, npy_size(type));

	assert_non_null(all);
	for (size_t i = 0; i < parts; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		if (is_short)
			((float *)all)[i] = (float)(int32_t)(state >> 32) / 0x80000000;
		else
			((double *)all)[i] = (double)(int32_t)(state >> 32) / 0x80000000;
	}
	return all;
}

static double part(enum npy_type type, const void *all, size_t i)
{
	return type == NPY_F4 || type == NPY_C8 ? (double)((const float *)all)[i]
						: ((const double *)all)[i];
}

static void compare(
	enum npy_type type, int32_t m, int32_t n, int32_t k, char ta, char tb, unsigned levels)
{
	int32_t lda = (ta == 'N' ? m : k) + 3, ldb = (tb == 'N' ? k : n) + 1, ldc = m + 2;
	void *a = numbers(type, (size_t)lda * (size_t)(ta == 'N' ? k : m));
	void *b = numbers(type, (size_t)ldb * (size_t)(tb == 'N' ? n : k));
	void *c = numbers(type, (size_t)ldc * (size_t)n),
	     *expected = malloc((size_t)ldc * (size_t)n * npy_size(type));
	size_t bytes = (size_t)strassen_bytes(type, (uint64_t)m, (uint64_t)n, (uint64_t)k, levels);
	void *work = malloc(bytes ? bytes : 1);
	const float alpha_f[2] = {1.5f, 0}, zero_f[2] = {0};
	const double alpha_d[2] = {1.5, 0}, zero_d[2] = {0};
	bool is_short = type == NPY_F4 || type == NPY_C8;
	const void *alpha = is_short ? (const void *)alpha_f : alpha_d;
	struct strassen s = {type, alpha, levels};
	size_t parts = npy_size(type) / (is_short ? 4 : 8);
	double most = 0;

	memcpy(expected, c, (size_t)ldc * (size_t)n * npy_size(type));
	products[type].gemm(&ta, &tb, &m, &n, &k, alpha, a, &lda, b, &ldb,
		is_short ? (const void *)zero_f : zero_d, expected, &ldc, 1, 1);
	strassen_multiply(&s, m, n, k, (struct strassen_factor){a, lda, ta},
		(struct strassen_factor){b, ldb, tb}, c, ldc, work);
	for (size_t i = 0; i < (size_t)ldc * (size_t)n * parts; i++)
		most = fmax(most, fabs(part(type, c, i) - part(type, expected, i)));
	/* elements are at most 1, or 1.5 of complex ones; the plain product has an error too */
	if (!(most <= 2 * 1.5 * 2.25 * k * strassen_bound(type, (uint64_t)k, 1, levels)))
		fail_msg("type %d %dx%dx%d %c%c %u levels: %g, not %g", (int)type, m, n, k, ta, tb,
			levels, most, 1.5 * k * strassen_bound(type, (uint64_t)k, 1, levels));
	free(a);
	free(b);
	free(c);
	free(expected);
	free(work);
}

/* Columns between the matrices' own stay as they were: they are compared too. */
static void test_all_types_and_transposes(void **state)
{
	static const char letters[] = {'N', 'T', 'C'};

	(void)state;
	for (enum npy_type type = NPY_F4; type <= NPY_C16; type++)
		for (unsigned i = 0; i < 9; i++)
			for (unsigned levels = 0; levels < 3; levels++)
				compare(type, 24, 20, 28, letters[i / 3], letters[i % 3], levels);
}

static void test_odd_sizes(void **state)
{
	(void)state;
	for (int32_t i = 0; i < 27; i++)
		for (unsigned levels = 1; levels < 4; levels++)
			compare(NPY_F8, 16 + i % 3, 21 + i / 3 % 3, 30 + i / 9, 'N', 'T', levels);
	compare(NPY_F8, 1, 1, 1, 'N', 'N', 2);
	compare(NPY_F8, 1, 5, 9, 'T', 'N', 2);
	compare(NPY_F8, 9, 2, 1, 'T', 'N', 1);
}

static void test_levels(void **state)
{
	(void)state;
	assert_int_equal(strassen_levels(2047, 4096, 4096), 0);
	assert_int_equal(strassen_levels(2048, 2048, 2048), 1);
	assert_int_equal(strassen_levels(4096, 4097, 9999), 2);
	assert_int_equal(strassen_levels(1u << 20, 1u << 20, 1u << 20), STRASSEN_MOST);
	assert_int_equal(strassen_levels(0, 10, 10), 0);
	assert_true(strassen_bytes(NPY_F8, 4096, 4096, 4096, 2) ==
		8 * (2 * 2048 * 2048 + 2 * 1024 * 1024));
}

/* It grows with levels; one without any is the classic one; of a sum in parts it is that of the parts, and their sum. */
static void test_bound(void **state)
{
	double classic = strassen_bound(NPY_F8, 8192, 1, 0),
	       one = strassen_bound(NPY_F8, 8192, 1, 1);

	(void)state;
	assert_true(classic == 8192 * 0x1p-53);
	assert_true(one > 4 * classic && one < 5 * classic);
	assert_true(strassen_bound(NPY_F8, 8192, 1, 2) > 4 * one);
	assert_true(strassen_bound(NPY_F4, 8192, 1, 0) == 8192 * 0x1p-24);
	assert_true(strassen_bound(NPY_F8, 8192, 4, 1) < one);
	assert_true(strassen_bound(NPY_F8, 0, 1, 1) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_types_and_transposes),
		cmocka_unit_test(test_odd_sizes),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
