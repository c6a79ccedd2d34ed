/* client/blas/matrix: the kernels against the plainest loops, for all types, shapes and gaps */
#include "client/blas/matrix.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double complex get(const struct matrix *m, int64_t i, int64_t j)
{
	int64_t at = i + j * m->ld;

	switch (m->type) {
	case 's': return ((float *)m->data)[at];
	case 'd': return ((double *)m->data)[at];
	case 'c': return ((float complex *)m->data)[at];
	default: return ((double complex *)m->data)[at];
	}
}

static void set(const struct matrix *m, int64_t i, int64_t j, double complex v)
{
	int64_t at = i + j * m->ld;

	switch (m->type) {
	case 's': ((float *)m->data)[at] = (float)creal(v); break;
	case 'd': ((double *)m->data)[at] = creal(v); break;
	case 'c': ((float complex *)m->data)[at] = (float complex)v; break;
	default: ((double complex *)m->data)[at] = v; break;
	}
}

/* small whole numbers: sums are exact */
static struct matrix numbers(char type, int64_t rows, int64_t cols, int64_t gap)
{
	struct matrix m = matrix_new(type, rows + gap, cols);

	for (int64_t j = 0; j < cols; j++)
		for (int64_t i = 0; i < rows + gap; i++)
			set(&m, i, j,
				i >= rows ? NAN
					  : (double)((i * 7 + j * 5) % 11 - 5) +
						(type_is_complex(type)
								? I * (double)((i + j * 3) % 7 - 3)
								: 0));
	m.rows = rows;
	return m;
}

static double complex at(const struct matrix *m, char trans, int64_t i, int64_t j)
{
	return trans == 'N' ? get(m, i, j) : trans == 'T' ? get(m, j, i) : conj(get(m, j, i));
}

static void times(char type, char trans, int64_t rows, int64_t cols, unsigned threads)
{
	enum { COUNT = 3 };
	struct matrix a = numbers(type, rows, cols, 3);
	int64_t m = trans == 'N' ? rows : cols, n = trans == 'N' ? cols : rows;
	unsigned width = type_is_complex(type) ? 2 : 1;
	double *x = calloc((size_t)n * COUNT * width, sizeof(*x)),
	       *y = calloc((size_t)m * COUNT * width, sizeof(*y));
	struct norms norms = {0};
	double all = 0, most = 0;

	assert_non_null(x);
	assert_non_null(y);
	for (int64_t i = 0; i < n * COUNT; i++)
		x[i * width] = i % 3 == 0 ? -1 : 1;
	matrix_times(&a, trans, x, COUNT, y, threads, &norms);
	for (int64_t i = 0; i < m; i++) {
		double row = 0;

		for (unsigned r = 0; r < COUNT; r++) {
			double complex sum = 0;

			for (int64_t j = 0; j < n; j++)
				sum += at(&a, trans, i, j) * x[(r * n + j) * width];
			assert_true(creal(sum) == y[(r * m + i) * width]);
			assert_true(width == 1 || cimag(sum) == y[(r * m + i) * width + 1]);
		}
		for (int64_t j = 0; j < n; j++)
			row += creal(at(&a, trans, i, j) * conj(at(&a, trans, i, j)));
		all += row;
		most = row > most ? row : most;
	}
	assert_true(norms.frobenius2 == all && norms.row2 == most);
	free(a.data);
	free(x);
	free(y);
}

static void multiplying(void **state)
{
	static const int64_t shapes[][2] = {{1, 1}, {3, 9}, {17, 4}, {512, 3}, {515, 6}, {1030, 5}};

	(void)state;
	for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		for (const char *type = "sdcz"; *type != '\0'; type++)
			for (const char *trans = "NTC"; *trans != '\0'; trans++)
				times(*type, *trans, shapes[i][0], shapes[i][1], 2);
}

/* 5 and 8 MB: enough to be shared, in parts that don't come out even */
static void by_several_threads(void **state)
{
	static const unsigned threads[] = {2, 3, 100};

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		for (const char *trans = "NTC"; *trans != '\0'; trans++)
			times(i == 1 ? 'c' : 'd', *trans, 1500 + i, 423, threads[i]);
}

static void filling_in(void **state)
{
	(void)state;
	for (const char *type = "sdcz"; *type != '\0'; type++)
		for (const char *uplo = "LU"; *uplo != '\0'; uplo++)
			for (enum form form = FORM_WHOLE; form <= FORM_UNIT; form++) {
				struct matrix a = numbers(*type, 5, 5, 2), w;

				w = matrix_whole(&a, form, *uplo);
				for (int i = 0; i < 5; i++)
					for (int j = 0; j < 5; j++) {
						bool there = *uplo == 'L' ? i >= j : i <= j;
						double complex v = get(&a, i, j);

						if (form == FORM_HERMITIAN && i == j)
							v = creal(v);
						else if (form == FORM_UNIT && i == j)
							v = 1;
						else if (form == FORM_SYMMETRIC && !there)
							v = get(&a, j, i);
						else if (form == FORM_HERMITIAN && !there)
							v = conj(get(&a, j, i));
						else if (form >= FORM_TRIANGLE && !there)
							v = 0;
						assert_true(get(&w, i, j) == v);
					}
				free(a.data);
				free(w.data);
			}
}

static void parts(void **state)
{
	(void)state;
	for (enum part part = PART_ALL; part <= PART_UPPER; part++) {
		struct matrix from = numbers('d', 5, 7, 1), to = matrix_new('d', 5, 7);

		memset(to.data, 0, 5 * 7 * 8);
		matrix_copy(&to, &from, part);
		for (int i = 0; i < 5; i++)
			for (int j = 0; j < 7; j++)
				assert_true(get(&to, i, j) ==
					((part == PART_LOWER && i < j) ||
								(part == PART_UPPER && i > j)
							? 0
							: get(&from, i, j)));
		free(from.data);
		free(to.data);
	}
}

/* beta 0 doesn't look at what was there: a NaN of it goes. */
static void adding(void **state)
{
	struct sum plain = {1, 0, PART_ALL, false, false}, half = {2, 0.5, PART_LOWER, true, true};
	struct matrix p = numbers('z', 4, 4, 0), to = matrix_new('z', 4, 4);

	(void)state;
	for (int i = 0; i < 16; i++)
		((double complex *)to.data)[i] = NAN;
	matrix_add(&to, &p, &plain);
	assert_memory_equal(to.data, p.data, 256);
	matrix_add(&to, &p, &half);
	assert_true(get(&to, 2, 1) ==
		2 * get(&p, 2, 1) + 2 * conj(get(&p, 1, 2)) + 0.5 * get(&p, 2, 1));
	assert_true(get(&to, 1, 2) == get(&p, 1, 2));
	assert_true(
		cimag(get(&to, 1, 1)) == 0 && creal(get(&to, 1, 1)) == 4.5 * creal(get(&p, 1, 1)));
	free(p.data);
	free(to.data);
}

static void too_large(void **state)
{
	(void)state;
	assert_null(matrix_new('z', INT64_C(1) << 40, INT64_C(1) << 40).data);
	assert_null(matrix_new('z', INT64_C(1) << 30, INT64_C(1) << 30).data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(multiplying),
		cmocka_unit_test(by_several_threads),
		cmocka_unit_test(filling_in),
		cmocka_unit_test(parts),
		cmocka_unit_test(adding),
		cmocka_unit_test(too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
