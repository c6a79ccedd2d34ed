#include "client/blas/matrix.h"

#include <float.h>
#include <pthread.h>
#include <signal.h>
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

#define WORTH_A_THREAD                                                                             \
	4e6 /* bytes: a millisecond's work; to start a thread takes a twentieth of it */

/* Like fmax, but a NaN stays one. */
static double larger(double a, double b)
{
	return a > b ? a : b != b ? b : a != a ? a : b;
}

/* One thread's part of matrix_times: rows of A, or, where A is transposed, columns. */
struct share {
	const struct matrix *a;
	char trans;
	bool conjugate, wanted; /* wanted: norms, too */
	const void *x;
	void *y;
	unsigned count;
	int64_t from, to;
	struct norms norms;
	pthread_t thread;
	bool started;
};

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

/* ------------------------------------------------------------- products with vectors */

static void *work(void *context)
{
	struct share *s = context;

	switch (s->trans == 'N' ? s->a->type : s->a->type - 'a' + 'A') {
	case 's': s_times(s); break;
	case 'd': d_times(s); break;
	case 'c': c_times(s); break;
	case 'z': z_times(s); break;
	case 'S': s_transposed(s); break;
	case 'D': d_transposed(s); break;
	case 'C': c_transposed(s); break;
	default: z_transposed(s); break;
	}
	return NULL;
}

/* Signals are for the program's own threads. What can't be started is done by the caller. */
static void work_together(struct share *shares, unsigned n)
{
	sigset_t all, had;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &had);
	for (unsigned i = 1; i < n; i++)
		shares[i].started = pthread_create(&shares[i].thread, NULL, work, &shares[i]) == 0;
	pthread_sigmask(SIG_SETMASK, &had, NULL);
	for (unsigned i = 0; i < n; i++)
		if (!shares[i].started)
			work(&shares[i]);
	for (unsigned i = 1; i < n; i++)
		if (shares[i].started)
			pthread_join(shares[i].thread, NULL);
}

void matrix_times(const struct matrix *a, char trans, const void *x, unsigned count, void *y,
	unsigned threads, struct norms *norms)
{
	int64_t length = trans == 'N' ? a->rows : a->cols, each;
	struct share shares[MATRIX_THREADS];
	unsigned n = 0;

	if ((double)a->rows * (double)a->cols * (double)type_size(a->type) < WORTH_A_THREAD)
		threads = 1;
	threads = threads > MATRIX_THREADS ? MATRIX_THREADS : threads > 0 ? threads : 1;
	each = (length / threads + 8) / 8 * 8; /* whole lines of a cache */
	for (int64_t from = 0; n == 0 || from < length; from += each)
		shares[n++] = (struct share){.a = a,
			.trans = trans,
			.conjugate = trans == 'C',
			.wanted = norms != NULL,
			.x = x,
			.y = y,
			.count = count,
			.from = from,
			.to = length - from < each ? length : from + each};
	work_together(shares, n);
	for (unsigned i = 0; norms != NULL && i < n; i++) {
		norms->frobenius2 += shares[i].norms.frobenius2;
		norms->row2 = larger(norms->row2, shares[i].norms.row2);
	}
}
