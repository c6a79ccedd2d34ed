/*
 * ops_solve.c - systems of equations, with a matrix or with what it was factored into (LAPACK's getrf, sytrf, potrf and
 * what belongs to them); inverses and determinants.
 */
#include <math.h>
#include <string.h>

#include "ops.h"

#define SINGULAR     "singular"
#define NOT_POSITIVE "not positive definite"

enum { WORK_A, WORK_PIVOTS, WORK_SPACE };

static int32_t extent(uint64_t n)
{
	return (int32_t)n;
}

/* X is as B, in columns. */
static void result_like(struct call *c, const struct matrix *b)
{
	result(c, b->type, false, b->dims, b->rows, b->columns);
}

/* b into the result; its columns are `lead` apart. */
static void begin_with(struct call *c, unsigned i)
{
	matrix_copy(c->out[0].at, false, ld(&c->out[0]), &c->in[i]);
}

/* Solves with a triangle of `a`, as BLAS sees it, in place. */
static void with_triangle(struct call *c, char uplo, char op, char diag)
{
	const struct matrix *a = &c->in[0];
	int32_t n = extent(c->out[0].rows), k = extent(c->out[0].columns), lda = ld(a),
		lead = ld(&c->out[0]);
	union scalar one = scalar_of(a->type, (struct number){1, 0});

	lapack_of(c)->trsm(
		"L", &uplo, &op, &diag, &n, &k, &one, a->at, &lda, c->out[0].at, &lead, 1, 1, 1, 1);
}

/* ----------------------------------------------------------------------- solve */

static double solve_flop(unsigned assume, double n, double k)
{
	double factoring = assume == ASSUME_GENERAL ? 2 * n * n * n / 3
		: assume >= ASSUME_UPPER            ? 0
						    : n * n * n / 3;

	return factoring + (assume >= ASSUME_UPPER ? 1 : 2) * n * n * k;
}

static uint64_t sytrf_space(const struct call *c)
{
	const struct matrix *a = &c->in[0];
	int32_t n = extent(a->rows), lda = n > 0 ? n : 1, info, pivot, minus = -1;
	union scalar space;

	lapack_of(c)->sytrf("L", &n, &space, &lda, &pivot, &space, &minus, &info, 1);
	return queried(a->type, &space);
}

bool solve_shape(struct call *c)
{
	const struct matrix *a = &c->in[0], *b = &c->in[1];
	unsigned assume = c->options.word[OPTION_ASSUME];

	if (!must_be_square(c, 0) || !must_have_rows(c, 1, a->rows))
		return false;
	result_like(c, b);
	if (assume <= ASSUME_POSITIVE)
		c->work[WORK_A] = matrix_bytes(a);
	if (assume <= ASSUME_SYMMETRIC)
		c->work[WORK_PIVOTS] = bytes_of(a->rows, 1, sizeof(int32_t));
	if (assume == ASSUME_SYMMETRIC)
		c->work[WORK_SPACE] = sytrf_space(c);
	c->flop = solve_flop(assume, (double)a->rows, (double)b->columns);
	return true;
}

static bool solve_general(struct call *c)
{
	const struct matrix *a = &c->in[0];
	int32_t n = extent(a->rows), k = extent(c->out[0].columns), lda = ld(a),
		lead = ld(&c->out[0]), info;
	char op = turned('N', a->flipped);

	lapack_of(c)->getrf(&n, &n, c->work_at[WORK_A], &lda, c->work_at[WORK_PIVOTS], &info);
	if (info > 0)
		return wrong_pivot(c, 0, info, SINGULAR);
	lapack_of(c)->getrs(&op, &n, &k, c->work_at[WORK_A], &lda, c->work_at[WORK_PIVOTS],
		c->out[0].at, &lead, &info, 1);
	return true;
}

static bool solve_symmetric(struct call *c)
{
	const struct matrix *a = &c->in[0];
	int32_t n = extent(a->rows), k = extent(c->out[0].columns), lda = ld(a),
		lead = ld(&c->out[0]), info, room = queried_elements(c, WORK_SPACE);
	char uplo = mirrored(option_letter(&c->options, OPTION_UPLO), a->flipped);

	lapack_of(c)->sytrf(&uplo, &n, c->work_at[WORK_A], &lda, c->work_at[WORK_PIVOTS],
		c->work_at[WORK_SPACE], &room, &info, 1);
	if (info > 0)
		return wrong_pivot(c, 0, info, SINGULAR);
	lapack_of(c)->sytrs(&uplo, &n, &k, c->work_at[WORK_A], &lda, c->work_at[WORK_PIVOTS],
		c->out[0].at, &lead, &info, 1);
	return true;
}

/* The matrix is L L', or U' U: two triangles, one behind the other. */
static void with_cholesky(struct call *c, char uplo)
{
	with_triangle(c, uplo, uplo == 'L' ? 'N' : 'T', 'N');
	with_triangle(c, uplo, uplo == 'L' ? 'T' : 'N', 'N');
}

static bool solve_positive(struct call *c)
{
	int32_t n = extent(c->in[0].rows), lda = ld(&c->in[0]), info;
	char uplo = mirrored(option_letter(&c->options, OPTION_UPLO), c->in[0].flipped);

	lapack_of(c)->potrf(&uplo, &n, c->work_at[WORK_A], &lda, &info, 1);
	if (info > 0)
		return wrong_pivot(c, 0, info, NOT_POSITIVE);
	c->in[0].at = c->work_at[WORK_A];
	with_cholesky(c, uplo);
	return true;
}

static bool solve_triangle(struct call *c)
{
	const struct matrix *a = &c->in[0];
	char uplo = c->options.word[OPTION_ASSUME] == ASSUME_UPPER ? 'U' : 'L';
	int32_t zero = zero_on_diagonal(a);

	if (zero)
		return wrong_pivot(c, 0, zero, SINGULAR);
	with_triangle(c, mirrored(uplo, a->flipped), turned('N', a->flipped), 'N');
	return true;
}

bool solve_run(struct call *c)
{
	static bool (*const ways[])(struct call *) = {
		[ASSUME_GENERAL] = solve_general,
		[ASSUME_SYMMETRIC] = solve_symmetric,
		[ASSUME_POSITIVE] = solve_positive,
		[ASSUME_UPPER] = solve_triangle,
		[ASSUME_LOWER] = solve_triangle,
	};

	if (c->work[WORK_A] > 0)
		memcpy(c->work_at[WORK_A], c->in[0].at, (size_t)matrix_bytes(&c->in[0]));
	begin_with(c, 1);
	return ways[c->options.word[OPTION_ASSUME]](c);
}

/* ----------------------------------------------------------------------- getrs */

bool getrs_shape(struct call *c)
{
	const struct matrix *p = &c->in[1];
	uint64_t n = c->in[0].rows;

	if (!must_be_square(c, 0) || !must_have_rows(c, 2, n))
		return false;
	if (p->dims != 1 || p->rows != n)
		return wrong_shape(c, 1, "(%llu,)", (unsigned long long)n);
	result_like(c, &c->in[2]);
	c->work[WORK_PIVOTS] = bytes_of(n, 1, sizeof(int32_t));
	c->flop = 2 * (double)n * (double)n * (double)c->in[2].columns;
	return true;
}

/* They say which rows are exchanged: one that isn't there would write to where nothing is. */
static bool read_pivots(struct call *c)
{
	const struct matrix *p = &c->in[1];
	int32_t *to = c->work_at[WORK_PIVOTS];

	for (uint64_t i = 0; i < p->rows; i++) {
		int64_t pivot = p->type == NPY_I4 ? ((const int32_t *)p->at)[i]
						  : ((const int64_t *)p->at)[i];

		if (pivot < 1 || pivot > (int64_t)p->rows) {
			c->problem.argument = 'b';
			return wrong(c, 422,
				"b holds %lld at %llu: pivots are numbers from 1 to %llu",
				(long long)pivot, (unsigned long long)i,
				(unsigned long long)p->rows);
		}
		to[i] = (int32_t)pivot;
	}
	return true;
}

/* P L U x = b, or its transpose. Of a flipped one BLAS sees U', L' where it looks for L, U. */
bool getrs_run(struct call *c)
{
	const struct matrix *a = &c->in[0];
	bool plain = option_letter(&c->options, OPTION_TRANS) == 'N';
	int32_t k = extent(c->out[0].columns), n = extent(a->rows), lead = ld(&c->out[0]), one = 1,
		way = plain ? 1 : -1;
	char l = mirrored('L', a->flipped), u = mirrored('U', a->flipped);
	char op = turned(plain ? 'N' : 'T', a->flipped);

	if (!read_pivots(c))
		return false;
	if (zero_on_diagonal(a))
		return wrong_pivot(c, 0, zero_on_diagonal(a), SINGULAR);
	begin_with(c, 2);
	if (plain)
		lapack_of(c)->laswp(
			&k, c->out[0].at, &lead, &one, &n, c->work_at[WORK_PIVOTS], &way);
	with_triangle(c, plain ? l : u, op, plain ? 'U' : 'N');
	with_triangle(c, plain ? u : l, op, plain ? 'N' : 'U');
	if (!plain)
		lapack_of(c)->laswp(
			&k, c->out[0].at, &lead, &one, &n, c->work_at[WORK_PIVOTS], &way);
	return true;
}

/* ----------------------------------------------------------------------- potrs */

bool potrs_shape(struct call *c)
{
	uint64_t n = c->in[0].rows;

	if (!must_be_square(c, 0) || !must_have_rows(c, 1, n))
		return false;
	result_like(c, &c->in[1]);
	c->flop = 2 * (double)n * (double)n * (double)c->in[1].columns;
	return true;
}

bool potrs_run(struct call *c)
{
	const struct matrix *a = &c->in[0];
	int32_t zero = zero_on_diagonal(a);

	if (zero)
		return wrong_pivot(c, 0, zero, SINGULAR);
	begin_with(c, 1);
	with_cholesky(c, mirrored(option_letter(&c->options, OPTION_UPLO), a->flipped));
	return true;
}

/* --------------------------------------------------------------------- inverse */

bool inverse_shape(struct call *c)
{
	const struct matrix *a = &c->in[0];
	int32_t n = extent(a->rows), lda = ld(a), info, pivot = 1, minus = -1;
	union scalar space;

	if (!must_be_square(c, 0))
		return false;
	result(c, a->type, a->flipped, 2, a->rows, a->rows);
	lapack_of(c)->getri(&n, &space, &lda, &pivot, &space, &minus, &info);
	c->work[WORK_SPACE] = queried(a->type, &space);
	c->work[WORK_PIVOTS] = bytes_of(a->rows, 1, sizeof(int32_t));
	c->flop = 2 * (double)n * (double)n * (double)n;
	return true;
}

/* The inverse of the transpose is the transpose of the inverse. */
bool inverse_run(struct call *c)
{
	const struct matrix *to = &c->out[0];
	int32_t n = extent(to->rows), lead = ld(to), info, room = queried_elements(c, WORK_SPACE);

	memcpy(to->at, c->in[0].at, (size_t)matrix_bytes(to));
	lapack_of(c)->getrf(&n, &n, to->at, &lead, c->work_at[WORK_PIVOTS], &info);
	if (info > 0)
		return wrong_pivot(c, 0, info, SINGULAR);
	lapack_of(c)->getri(
		&n, to->at, &lead, c->work_at[WORK_PIVOTS], c->work_at[WORK_SPACE], &room, &info);
	return info > 0 ? wrong_pivot(c, 0, info, SINGULAR) : true;
}

/* ------------------------------------------------------------------------- det */

bool det_shape(struct call *c)
{
	const struct matrix *a = &c->in[0];

	if (!must_be_square(c, 0))
		return false;
	result(c, NPY_F8, false, 0, 1, 1);
	result(c, NPY_F8, false, 0, 1, 1);
	c->work[WORK_A] = matrix_bytes(a);
	c->work[WORK_PIVOTS] = bytes_of(a->rows, 1, sizeof(int32_t));
	c->flop = 2 * (double)a->rows * (double)a->rows * (double)a->rows / 3;
	return true;
}

/* Its sign, and the logarithm of how large it is: the product itself soon over- or underflows. */
bool det_run(struct call *c)
{
	const struct matrix *a = &c->in[0];
	const int32_t *pivots = c->work_at[WORK_PIVOTS];
	int32_t n = extent(a->rows), lda = ld(a), info;
	double sign = 1, sum = 0;

	memcpy(c->work_at[WORK_A], a->at, (size_t)matrix_bytes(a));
	lapack_of(c)->getrf(&n, &n, c->work_at[WORK_A], &lda, c->work_at[WORK_PIVOTS], &info);
	for (int32_t i = 0; i < n && info == 0; i++) {
		size_t at = (size_t)i * ((size_t)lda + 1);
		double u = a->type == NPY_F4 ? (double)((const float *)c->work_at[WORK_A])[at]
					     : ((const double *)c->work_at[WORK_A])[at];

		sign = (u < 0) != (pivots[i] != i + 1) ? -sign : sign;
		sum += log(fabs(u));
	}
	*(double *)c->out[0].at = info > 0 ? 0 : sign;
	*(double *)c->out[1].at = info > 0 ? -HUGE_VAL : sum;
	return true;
}
