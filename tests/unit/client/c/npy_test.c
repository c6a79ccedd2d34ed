/* client/c/npy: heads of arrays, written and read; wire/npy has the tests of what lies */
#include "client/c/mayfly-client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const kinds[] = {"f4", "f8", "c8", "c16", "i4", "i8"};

static void there_and_back(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 6; k++)
		for (unsigned dims = 0; dims < 3; dims++) {
			struct mayfly_npy a = {.kind = kinds[k][0],
				.item = (unsigned)atoi(kinds[k] + 1),
				.fortran = (int)(k & 1),
				.dimensions = dims,
				.shape = {3, 5}};
			uint64_t n = a.item * (dims > 0 ? 3u : 1u) * (dims > 1 ? 5u : 1u);
			unsigned char file[MAYFLY_NPY_HEAD + 16 * 15];
			struct mayfly_npy b;

			assert_int_equal(mayfly_npy_head(&a, file), MAYFLY_OK);
			assert_int_equal(mayfly_npy_read(file, MAYFLY_NPY_HEAD + n, &b), MAYFLY_OK);
			assert_int_equal(b.kind, a.kind);
			assert_int_equal(b.item, a.item);
			assert_int_equal(b.fortran, a.fortran);
			assert_int_equal(b.dimensions, dims);
			assert_true(dims < 1 || b.shape[0] == 3);
			assert_true(dims < 2 || b.shape[1] == 5);
			assert_int_equal(b.head, MAYFLY_NPY_HEAD);
			assert_int_equal(b.bytes, n);
			assert_int_equal(mayfly_npy_read(file, MAYFLY_NPY_HEAD + n - 1, &b),
				MAYFLY_TOO_LARGE);
			assert_int_equal(
				mayfly_npy_read(file, MAYFLY_NPY_HEAD - 1, &b), MAYFLY_WRONG);
		}
}

static void what_there_is_not(void **state)
{
	static const struct mayfly_npy wrong[] = {
		{.kind = 'f', .item = 2},
		{.kind = 'x', .item = 8},
		{.kind = 'i', .item = 0},
		{.kind = 'f', .item = 8, .dimensions = 3, .shape = {1, 1, 1}},
		{.kind = 'f', .item = 8, .dimensions = 1, .shape = {UINT64_MAX}},
	};
	unsigned char to[MAYFLY_NPY_HEAD];
	struct mayfly_npy npy;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(mayfly_npy_head(&wrong[i], to), MAYFLY_WRONG);
	assert_int_equal(mayfly_npy_read("no array", 8, &npy), MAYFLY_WRONG);
	assert_int_equal(npy.dimensions, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(what_there_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
