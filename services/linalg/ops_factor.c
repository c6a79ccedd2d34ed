/*
 * ops_factor.c - factors of a matrix, computed where they are sent from: Cholesky, LU, QR (LAPACK's potrf, getrf, geqrf,
 * orgqr).
 */
#include <string.h>

#include "ops.h"

enum { WORK_SPACE, WORK_A, WORK_TAU };

static uint64_t least(uint64_t m, uint64_t n)
{
	return m < n ? m : n;
}

/* -------------------------------------------------------------------- cholesky */

bool cholesky_shape(struct call *c)
{
	const struct matrix *a = &c->in[0];
	double n = (double)a->rows;

	if (!must_be_square(c, 0))
		return false;
	result(c, a->type, a->flipped, 2, a->rows, a->rows);
	c->flop = n * n * n / 3;
	return true;
}

bool cholesky_run(struct call *c)
{
	const struct matrix *to = &c->out[0];
	char uplo = mirrored(option_letter(&c->options, OPTION_UPLO), to->flipped);
	int32_t n = (int32_t)to->rows, lead = ld(to), info;

	memcpy(to->at, c->in[0].at, (size_t)matrix_bytes(to));
	lapack_of(c)->potrf(&uplo, &n, to->at, &lead, &info, 1);
	if (info > 0)
		return wrong_pivot(c, 0, info, "not positive definite");
	triangle_clear(to->at, to->type, uplo == 'L' ? 'U' : 'L', n, n, lead);
	return true;
}

/* -------------------------------------------------------------------------- lu */

bool lu_shape(struct call *c)
{
	const struct matrix *a = &c->in[0];
	double k = (double)least(a->rows, a->columns);
	double n = (double)(a->rows > a->columns ? a->rows : a->columns);

	if (!must_be_matrix(c, 0))
		return false;
	result(c, a->type, false, 2, a->rows, a->columns);
	result(c, NPY_I4, false, 1, least(a->rows, a->columns), 1);
	c->flop = k * k * (n - k / 3);
	return true;
}

/* A matrix that is singular has factors too: U then has a zero on its diagonal. */
bool lu_run(struct call *c)
{
	const struct matrix *to = &c->out[0];
	int32_t m = (int32_t)to->rows, n = (int32_t)to->columns, lead = ld(to), info;

	matrix_copy(to->at, false, lead, &c->in[0]);
	lapack_of(c)->getrf(&m, &n, to->at, &lead, c->out[1].at, &info);
	return true;
}

/* -------------------------------------------------------------------------- qr */

/* What both routines want to work with, at most. They want a row of 32 for each column, also where there are fewer to
 * eliminate, and these fit less. */
static uint64_t qr_space(const struct call *c, int32_t m, int32_t n, int32_t wide)
{
	enum npy_type type = c->in[0].type;
	int32_t info, minus = -1, k = m < n ? m : n, lead = m > 0 ? m : 1;
	union scalar space = {.d = {0}};
	uint64_t most;

	lapack_of(c)->geqrf(&m, &n, &space, &lead, &space, &space, &minus, &info);
	most = queried(type, &space);
	if (k > 0)
		most = least(most, bytes_of((uint64_t)n, (uint64_t)k, npy_size(type)));
	if (wide < 0)
		return most;
	lapack_of(c)->orgqr(&m, &wide, &k, &space, &lead, &space, &space, &minus, &info);
	return queried(type, &space) > most ? queried(type, &space) : most;
}

bool qr_shape(struct call *c)
{
	const struct matrix *a = &c->in[0];
	unsigned mode = c->options.word[OPTION_MODE];
	uint64_t m = a->rows, n = a->columns, k = least(m, n);
	uint64_t wide = mode == MODE_COMPLETE ? m : k;
	double x = (double)k, y = (double)(m > n ? m : n);

	if (!must_be_matrix(c, 0))
		return false;
	if (mode == MODE_RAW) {
		result(c, a->type, false, 2, m, n);
		result(c, a->type, false, 1, k, 1);
	} else {
		if (mode != MODE_R)
			result(c, a->type, false, 2, m, wide);
		result(c, a->type, false, 2, mode == MODE_COMPLETE ? m : k, n);
		c->work[WORK_TAU] = bytes_of(k, 1, npy_size(a->type));
		c->work[WORK_A] = matrix_bytes(a);
	}
	c->work[WORK_SPACE] = qr_space(c, (int32_t)m, (int32_t)n,
		mode == MODE_REDUCED || mode == MODE_COMPLETE ? (int32_t)wide : -1);
	c->flop = 2 * x * x * (y - x / 3) * (mode == MODE_REDUCED || mode == MODE_COMPLETE ? 2 : 1);
	return true;
}

static void factor(struct call *c, void *at, void *tau)
{
	int32_t m = (int32_t)c->in[0].rows, n = (int32_t)c->in[0].columns, info,
		lead = m > 0 ? m : 1, room = queried_elements(c, WORK_SPACE);

	matrix_copy(at, false, lead, &c->in[0]);
	lapack_of(c)->geqrf(&m, &n, at, &lead, tau, c->work_at[WORK_SPACE], &room, &info);
}

/* The first columns of what was factored, spread out to the columns of Q. */
static void make_q(struct call *c, const struct matrix *q)
{
	int32_t m = (int32_t)q->rows, wide = (int32_t)q->columns, lead = m > 0 ? m : 1, info,
		k = (int32_t)least(c->in[0].rows, c->in[0].columns),
		room = queried_elements(c, WORK_SPACE);

	memcpy(q->at, c->work_at[WORK_A],
		(size_t)bytes_of(q->rows, (uint64_t)k, npy_size(q->type)));
	lapack_of(c)->orgqr(&m, &wide, &k, q->at, &lead, c->work_at[WORK_TAU],
		c->work_at[WORK_SPACE], &room, &info);
}

static void make_r(struct call *c, const struct matrix *r)
{
	struct matrix top = c->in[0];
	size_t size = npy_size(r->type), rows = (size_t)r->rows;

	if (rows == 0) /* there may be two billion columns of nothing */
		return;
	top.at = c->work_at[WORK_A];
	for (uint64_t j = 0; j < r->columns; j++)
		memcpy((uint8_t *)r->at + j * rows * size,
			(const uint8_t *)top.at + j * top.rows * size, rows * size);
	triangle_clear(r->at, r->type, 'L', (int32_t)rows, (int32_t)r->columns, (int32_t)rows);
}

bool qr_run(struct call *c)
{
	unsigned mode = c->options.word[OPTION_MODE];

	if (mode == MODE_RAW) {
		factor(c, c->out[0].at, c->out[1].at);
		return true;
	}
	factor(c, c->work_at[WORK_A], c->work_at[WORK_TAU]);
	make_r(c, &c->out[c->results - 1]);
	if (mode != MODE_R)
		make_q(c, &c->out[0]);
	return true;
}
