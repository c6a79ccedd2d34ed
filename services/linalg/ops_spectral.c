/*
 * ops_spectral.c - eigenvalues, singular values, least squares (LAPACK's syevd, gesdd, gelsd, which divide and conquer).
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "ops.h"

enum { WORK_SPACE, WORK_INTEGERS, WORK_A, WORK_B };

static uint64_t least(uint64_t m, uint64_t n)
{
	return m < n ? m : n;
}

static uint64_t most(uint64_t m, uint64_t n)
{
	return m > n ? m : n;
}

static bool no_convergence(struct call *c, int32_t info)
{
	c->problem.argument = 'a';
	return info == 0 || wrong(c, 422, "%s of a did not converge", c->op->name);
}

/* ------------------------------------------------------------------------ eigh */

bool eigh_shape(struct call *c)
{
	const struct matrix *a = &c->in[0];
	bool vectors = c->options.word[OPTION_VECTORS] == 0;
	int32_t n = (int32_t)a->rows, lead = ld(a), info, integers = 1, minus = -1;
	double x = (double)n;
	union scalar space;

	if (!must_be_square(c, 0))
		return false;
	result(c, a->type, false, 1, a->rows, 1);
	if (vectors)
		result(c, a->type, false, 2, a->rows, a->rows);
	else
		c->work[WORK_A] = matrix_bytes(a);
	lapack_of(c)->syevd(vectors ? "V" : "N", "L", &n, &space, &lead, &space, &space, &minus,
		&integers, &minus, &info, 1, 1);
	c->work[WORK_SPACE] = queried(a->type, &space);
	c->work[WORK_INTEGERS] = bytes_of((uint64_t)integers, 1, sizeof(int32_t));
	c->flop = (vectors ? 9 : 4.0 / 3) * x * x * x;
	return true;
}

/* Only the one triangle counts: what lies in the other is nobody's. */
static bool finite_triangle(const struct matrix *a, char uplo)
{
	for (uint64_t j = 0; j < a->rows; j++) {
		struct matrix part = *a;
		uint64_t from = uplo == 'L' ? j : 0;

		part.at = (uint8_t *)a->at + (j * a->rows + from) * npy_size(a->type);
		part.rows = uplo == 'L' ? a->rows - j : j + 1;
		part.columns = 1;
		if (!all_finite(&part))
			return false;
	}
	return true;
}

bool eigh_run(struct call *c)
{
	const struct matrix *a = &c->in[0];
	bool vectors = c->results == 2;
	void *at = vectors ? c->out[1].at : c->work_at[WORK_A];
	char uplo = mirrored(option_letter(&c->options, OPTION_UPLO), a->flipped);
	int32_t n = (int32_t)a->rows, lead = ld(a), info, room = queried_elements(c, WORK_SPACE),
		integers = (int32_t)(c->work[WORK_INTEGERS] / sizeof(int32_t));

	if (!finite_triangle(a, uplo)) {
		c->problem.argument = 'a';
		return wrong(c, 422, "a holds NaN or Inf: there is no eigh of it");
	}
	memcpy(at, a->at, (size_t)matrix_bytes(a));
	lapack_of(c)->syevd(vectors ? "V" : "N", &uplo, &n, at, &lead, c->out[0].at,
		c->work_at[WORK_SPACE], &room, c->work_at[WORK_INTEGERS], &integers, &info, 1, 1);
	return no_convergence(c, info);
}

/* ------------------------------------------------------------------------- svd */

/* As LAPACK sees it, which sees the transpose of what is flipped. */
struct svd {
	char job[2];
	int32_t m, n, ldu, ldvt;
};

static struct svd svd_of(const struct call *c)
{
	const struct matrix *a = &c->in[0];
	bool full = c->options.word[OPTION_FULL] == 1,
	     vectors = c->options.word[OPTION_VECTORS] == 0;
	struct svd s = {.job = {!vectors       ? 'N'
					: full ? 'A'
					       : 'S'},
		.m = (int32_t)(a->flipped ? a->columns : a->rows),
		.n = (int32_t)(a->flipped ? a->rows : a->columns)};

	s.ldu = s.m > 0 ? s.m : 1;
	s.ldvt = full ? s.n : s.m < s.n ? s.m : s.n;
	if (s.ldvt == 0)
		s.ldvt = 1;
	return s;
}

bool svd_shape(struct call *c)
{
	const struct matrix *a = &c->in[0];
	bool full = c->options.word[OPTION_FULL] == 1;
	uint64_t m = a->rows, n = a->columns, k = least(m, n);
	struct svd s = svd_of(c);
	int32_t lead = ld(a), info, minus = -1, integer;
	union scalar space;
	double x = (double)k, y = (double)most(m, n);

	if (!must_be_matrix(c, 0))
		return false;
	if (s.job[0] != 'N')
		result(c, a->type, a->flipped, 2, m, full ? m : k);
	result(c, a->type, false, 1, k, 1);
	if (s.job[0] != 'N')
		result(c, a->type, a->flipped, 2, full ? n : k, n);
	lapack_of(c)->gesdd(s.job, &s.m, &s.n, &space, &lead, &space, &space, &s.ldu, &space,
		&s.ldvt, &space, &minus, &integer, &info, 1);
	c->work[WORK_SPACE] = queried(a->type, &space);
	c->work[WORK_INTEGERS] = bytes_of(8 * k, 1, sizeof(int32_t));
	c->work[WORK_A] = matrix_bytes(a);
	c->flop = s.job[0] == 'N' ? 4 * x * x * (y - x / 3) : 14 * y * x * x + 8 * x * x * x;
	return true;
}

/* U S V' of the transpose is V S U' of the matrix, so that U and V' only change places. */
bool svd_run(struct call *c)
{
	const struct matrix *a = &c->in[0], *u = &c->out[0], *vt = &c->out[2];
	struct svd s = svd_of(c);
	bool vectors = c->results == 3;
	void *left = vectors ? (a->flipped ? vt->at : u->at) : NULL;
	void *right = vectors ? (a->flipped ? u->at : vt->at) : NULL;
	int32_t lead = ld(a), info, room = queried_elements(c, WORK_SPACE);

	if (elements(a) == 0) {
		if (vectors && c->options.word[OPTION_FULL] == 1) {
			identity(u->at, u->type, u->rows);
			identity(vt->at, vt->type, vt->rows);
		}
		return true;
	}
	memcpy(c->work_at[WORK_A], a->at, (size_t)matrix_bytes(a));
	lapack_of(c)->gesdd(s.job, &s.m, &s.n, c->work_at[WORK_A], &lead,
		c->out[vectors ? 1 : 0].at, left, &s.ldu, right, &s.ldvt, c->work_at[WORK_SPACE],
		&room, c->work_at[WORK_INTEGERS], &info, 1);
	return no_convergence(c, info);
}

/* ----------------------------------------------------------------------- lstsq */

bool lstsq_shape(struct call *c)
{
	const struct matrix *a = &c->in[0], *b = &c->in[1];
	uint64_t m = a->rows, n = a->columns, k = least(m, n), wide = most(b->columns, 1);
	int32_t rows = (int32_t)m, columns = (int32_t)n, count = (int32_t)wide, info, rank,
		integers = 1, minus = -1, lda = rows > 0 ? rows : 1,
		ldb = (int32_t)most(most(m, n), 1);
	union scalar space, rcond = {.d = {0}};
	double x = (double)k;

	if (!must_be_matrix(c, 0) || !must_have_rows(c, 1, m))
		return false;
	result(c, a->type, false, b->dims, n, b->columns);
	result(c, NPY_I4, false, 0, 1, 1);
	result(c, a->type, false, 1, k, 1);
	lapack_of(c)->gelsd(&rows, &columns, &count, &space, &lda, &space, &ldb, &space, &rcond,
		&rank, &space, &minus, &integers, &info);
	/* the singular values first; where they are sent from they may lie askew */
	c->work[WORK_SPACE] = queried(a->type, &space);
	c->work[WORK_INTEGERS] = bytes_of((uint64_t)integers, 1, sizeof(int32_t));
	c->work[WORK_A] = matrix_bytes(a) + bytes_of(k, 1, npy_size(a->type));
	c->work[WORK_B] = bytes_of(most(most(m, n), 1), wide, npy_size(a->type));
	c->flop =
		4 * x * x * ((double)most(m, n) - x / 3) + 4 * (double)m * (double)n * (double)wide;
	return true;
}

/* NumPy's: what rounding alone makes of zero singular values. */
static double rcond_of(const struct call *c)
{
	const struct matrix *a = &c->in[0];

	if (c->options.given & OPTION(RCOND))
		return c->options.number[OPTION_RCOND].re;
	return (a->type == NPY_F4 ? (double)FLT_EPSILON : DBL_EPSILON) *
		(double)most(a->rows, a->columns);
}

bool lstsq_run(struct call *c)
{
	const struct matrix *a = &c->in[0], *b = &c->in[1], *to = &c->out[0];
	size_t size = npy_size(a->type), n = (size_t)a->columns;
	int32_t m = (int32_t)a->rows, columns = (int32_t)n, count = (int32_t)most(b->columns, 1),
		lda = m > 0 ? m : 1, ldb = (int32_t)most(most(a->rows, a->columns), 1), rank, info,
		room = queried_elements(c, WORK_SPACE);
	union scalar rcond = scalar_of(a->type, (struct number){rcond_of(c), 0});
	uint8_t *s = (uint8_t *)c->work_at[WORK_A] + matrix_bytes(a), *x = c->work_at[WORK_B];

	memset(x, 0, (size_t)c->work[WORK_B]);
	if (elements(a) > 0) {
		matrix_copy(c->work_at[WORK_A], false, lda, a);
		matrix_copy(x, false, ldb, b);
		lapack_of(c)->gelsd(&m, &columns, &count, c->work_at[WORK_A], &lda, x, &ldb, s,
			&rcond, &rank, c->work_at[WORK_SPACE], &room, c->work_at[WORK_INTEGERS],
			&info);
		if (!no_convergence(c, info))
			return false;
	} else {
		rank = 0;
	}
	for (uint64_t j = 0; j < to->columns; j++)
		memcpy((uint8_t *)to->at + j * n * size, x + j * (size_t)ldb * size, n * size);
	memcpy(c->out[1].at, &rank, sizeof(rank));
	memcpy(c->out[2].at, s, (size_t)matrix_bytes(&c->out[2]));
	return true;
}
