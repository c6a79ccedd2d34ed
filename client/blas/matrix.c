#include "client/blas/matrix.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

/* The processor's widest vectors where the loader can choose; sanitizers start after it. */
#if defined(__x86_64__) && defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) &&              \
	!defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define CLONES                                                                                     \
	__attribute__((                                                                            \
		target_clones("default", "avx2", "avx512f"), optimize("O3", "cx-limited-range")))
#else
#define CLONES
#endif

/* Like fmax, but a NaN stays one. */
static double larger(double a, double b)
{
	return a > b ? a : b != b ? b : a != a ? a : b;
}

#define T         float
#define W         double
#define NAME(x)   s_##x
#define CONJ(x)   (x)
#define REAL(x)   (x)
#define SQUARE(x) ((x) * (x))
#define SCALAR(x) creal(x)
#include "client/blas/kernels.h"

#define T         double
#define W         double
#define NAME(x)   d_##x
#define CONJ(x)   (x)
#define REAL(x)   (x)
#define SQUARE(x) ((x) * (x))
#define SCALAR(x) creal(x)
#include "client/blas/kernels.h"

#define T         float complex
#define W         double complex
#define NAME(x)   c_##x
#define CONJ(x)   conj(x)
#define REAL(x)   creal(x)
#define SQUARE(x) (creal(x) * creal(x) + cimag(x) * cimag(x))
#define SCALAR(x) (x)
#include "client/blas/kernels.h"

#define T         double complex
#define W         double complex
#define NAME(x)   z_##x
#define CONJ(x)   conj(x)
#define REAL(x)   creal(x)
#define SQUARE(x) (creal(x) * creal(x) + cimag(x) * cimag(x))
#define SCALAR(x) (x)
#include "client/blas/kernels.h"

size_t type_size(char type)
{
	return type == 's' ? 4 : type == 'z' ? 16 : 8;
}

bool type_is_complex(char type)
{
	return type == 'c' || type == 'z';
}

double type_roundoff(char type)
{
	return type == 's' || type == 'c' ? FLT_EPSILON / 2 : DBL_EPSILON / 2;
}

double type_most(char type)
{
	return type == 's' || type == 'c' ? FLT_MAX : DBL_MAX;
}

struct matrix matrix_new(char type, int64_t rows, int64_t cols)
{
	struct matrix m = {.type = type, .rows = rows, .cols = cols, .ld = rows > 0 ? rows : 1};
	size_t n;

	if (!__builtin_mul_overflow((size_t)m.ld, (size_t)(cols > 0 ? cols : 1), &n) &&
		n <= PTRDIFF_MAX / type_size(type))
		m.data = malloc(n * type_size(type));
	return m;
}

struct matrix matrix_whole(const struct matrix *from, enum form form, char uplo)
{
	struct matrix to = matrix_new(from->type, from->rows, from->cols);

	if (to.data == NULL)
		return to;
	switch (from->type) {
	case 's': s_whole(&to, from, form, uplo); break;
	case 'd': d_whole(&to, from, form, uplo); break;
	case 'c': c_whole(&to, from, form, uplo); break;
	default: z_whole(&to, from, form, uplo); break;
	}
	return to;
}

void matrix_copy(const struct matrix *to, const struct matrix *from, enum part part)
{
	size_t size = type_size(to->type);

	for (int64_t j = 0; j < to->cols; j++) {
		int64_t first = part == PART_LOWER ? j : 0;
		int64_t end = part == PART_UPPER && j + 1 < to->rows ? j + 1 : to->rows;

		if (first < end)
			memcpy((char *)to->data + (size_t)(first + j * to->ld) * size,
				(const char *)from->data + (size_t)(first + j * from->ld) * size,
				(size_t)(end - first) * size);
	}
}

void matrix_add(const struct matrix *to, const struct matrix *p, const struct sum *sum)
{
	switch (to->type) {
	case 's': s_add(to, p, sum); break;
	case 'd': d_add(to, p, sum); break;
	case 'c': c_add(to, p, sum); break;
	default: z_add(to, p, sum); break;
	}
}

void matrix_times(const struct matrix *a, char trans, const void *x, unsigned count, void *y,
	struct norms *norms)
{
	bool conjugate = trans == 'C';

	switch (trans == 'N' ? a->type : a->type - 'a' + 'A') {
	case 's': s_times(a, x, count, y, norms); break;
	case 'd': d_times(a, x, count, y, norms); break;
	case 'c': c_times(a, x, count, y, norms); break;
	case 'z': z_times(a, x, count, y, norms); break;
	case 'S': s_transposed(a, conjugate, x, count, y, norms); break;
	case 'D': d_transposed(a, conjugate, x, count, y, norms); break;
	case 'C': c_transposed(a, conjugate, x, count, y, norms); break;
	default: z_transposed(a, conjugate, x, count, y, norms); break;
	}
}
