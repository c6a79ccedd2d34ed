/* client/blas/answer: arrays that come in pieces, into matrices with gaps */
#include "client/blas/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t message[2048];
static size_t bytes;

static void put(enum npy_type type, bool fortran, unsigned dims, uint64_t rows, uint64_t cols,
	const void *elements)
{
	uint64_t shape[2] = {rows, cols};
	size_t n = (size_t)(rows * cols) * npy_size(type);

	npy_write(type, fortran, dims, shape, message + bytes);
	memcpy(message + bytes + NPY_WRITTEN, elements, n);
	bytes += NPY_WRITTEN + n;
}

static const double six[] = {1, 2, 3, 4, 5, 6};
static double matrix[4 * 3];
static int32_t pivots[2];
static const struct expected two[] = {
	{{'d', matrix, 2, 3, 4}, false},
	{{'i', pivots, 2, 1, 2}, true},
};

static bool take(struct reader *reader, size_t step)
{
	reader_begin(reader, two, 2);
	for (size_t at = 0; at < bytes; at += step)
		if (!reader_take(reader, message + at, bytes - at < step ? bytes - at : step))
			return false;
	return reader_whole(reader);
}

static void whole_and_by_bytes(void **state)
{
	static const int32_t ints[] = {2, 2};
	static struct reader reader;

	(void)state;
	for (int fortran = 0; fortran < 2; fortran++) {
		bytes = 0;
		put(NPY_F8, fortran, 2, 2, 3, six);
		put(NPY_I4, false, 1, 2, 1, ints);
		for (size_t step = 1; step <= bytes; step = step * 3 + 1) {
			memset(matrix, 0xff, sizeof(matrix));
			memset(pivots, 0, sizeof(pivots));
			assert_true(take(&reader, step));
			for (int i = 0; i < 2; i++)
				for (int j = 0; j < 3; j++)
					assert_true(matrix[i + 4 * j] ==
						six[fortran ? i + 2 * j : 3 * i + j]);
			assert_true(matrix[2] != matrix[2]); /* a gap is left alone */
			assert_int_equal(pivots[1], 2);
		}
	}
}

static void what_is_no_answer(void **state)
{
	static const int32_t ints[] = {2, 2, 2, 2};
	static struct reader reader;

	(void)state;
	for (int way = 0; way < 8; way++) {
		bytes = 0;
		put(way == 0 ? NPY_F4 : NPY_F8, true, 2, way == 1 ? 3 : 2, way == 1 ? 2 : 3, six);
		if (way != 2)
			put(NPY_I4, true, way == 3 ? 2 : 1, way == 4 ? 1 : 2, 1, ints);
		if (way == 5)
			message[bytes++] = 0;
		if (way == 6)
			bytes--;
		if (way == 7)
			memset(message, '{', 64);
		assert_false(take(&reader, 7));
		assert_non_null(reader.wrong);
	}
	bytes = 0;
	put(NPY_F8, true, 2, 2, 3, six);
	memset(message + 6, 0xff, 8); /* a header of 4 GiB */
	assert_false(take(&reader, 1));
	memcpy(message + 6, "\1\0\0", 4); /* one of none */
	assert_false(take(&reader, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_and_by_bytes),
		cmocka_unit_test(what_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
