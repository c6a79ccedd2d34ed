/*
 * ops_product.c - products of matrices: gemm, gemv, trsm, syrk (BLAS levels 2 and 3).
 */
#include <stdio.h>
#include <string.h>

#include "accelerate.h"
#include "ops.h"
#include "strassen.h"

/* of a product: a conjugate of a, of b; what Strassen's way works with, and its result if something is added to it */
enum { WORK_A, WORK_B, WORK_STRASSEN, WORK_PRODUCT };

/* Is what BLAS would need of the operand its conjugate, not transposed? It has no letter for that. */
static bool needs_conjugate(const struct matrix *m, char op, bool result_flipped)
{
	bool is_complex = m->type == NPY_C8 || m->type == NPY_C16;

	return is_complex && op == 'C' && m->flipped != result_flipped;
}

/* The letter for an operand of a product whose result is, or isn't, flipped. */
static char letter(char op, const struct matrix *m, bool result_flipped)
{
	bool transposed = (op != 'N') != (m->flipped != result_flipped);

	return !transposed ? 'N' : op == 'C' ? 'C' : 'T';
}

static double work_of(enum npy_type type, double pairs)
{
	return (type == NPY_C8 || type == NPY_C16 ? 8 : 2) * pairs;
}

/* y of the product as the operand after the second gives it, or nothing. */
static void begin_with(struct call *c, unsigned i)
{
	if (c->operands > i)
		matrix_copy(c->out[0].at, c->out[0].flipped, ld(&c->out[0]), &c->in[i]);
}

static struct number beta_of(const struct call *c, unsigned i)
{
	return c->operands > i ? c->options.number[OPTION_BETA] : (struct number){0};
}

/* -------------------------------------------------------------------- multiply */

/* In which order the result lies: as asked, or as c, which it begins with, or in columns. */
static bool result_flipped(const struct call *c)
{
	if (c->options.given & OPTION(ORDER))
		return c->options.word[OPTION_ORDER] == 1;
	return c->operands > 2 && c->in[2].flipped;
}

static void set_levels(struct call *c, uint64_t m, uint64_t n, uint64_t k, unsigned levels)
{
	enum npy_type type = c->in[0].type;

	c->levels = levels;
	c->bound = strassen_bound(type, k, 1, levels);
	c->work[WORK_STRASSEN] = c->out[0].flipped ? strassen_bytes(type, n, m, k, levels)
						   : strassen_bytes(type, m, n, k, levels);
	c->work[WORK_PRODUCT] = levels > 0 && c->operands > 2 ? matrix_bytes(&c->out[0]) : 0;
}

/* As many levels as pay, have memory and, if it may choose, keep to the tolerance. */
static bool choose_levels(struct call *c, uint64_t m, uint64_t n, uint64_t k)
{
	unsigned algorithm = c->options.word[OPTION_ALGORITHM];
	bool bounded = (c->options.given & OPTION(TOLERANCE)) != 0;
	double most = c->options.number[OPTION_TOLERANCE].re;

	if (algorithm == ALGORITHM_AUTO && !bounded)
		return wrong(c, 400, "algorithm=auto needs a tolerance");
	set_levels(c, m, n, k, algorithm == ALGORITHM_CLASSIC ? 0 : strassen_levels(m, n, k));
	while (c->levels > 0 &&
		(needed_bytes(c) > c->capacity ||
			(algorithm == ALGORITHM_AUTO && !(c->bound <= most))))
		set_levels(c, m, n, k, c->levels - 1);
	if (!bounded || c->bound <= most)
		return true;
	snprintf(c->problem.found, sizeof(c->problem.found), "%.3g", c->bound);
	snprintf(c->problem.wanted, sizeof(c->problem.wanted), "%.3g", most);
	return wrong(c, 422, "the error's bound is %s, the tolerance %s", c->problem.found,
		c->problem.wanted);
}

bool multiply_shape(struct call *c)
{
	const struct matrix *a = &c->in[0], *b = &c->in[1];
	bool at = option_letter(&c->options, OPTION_TRANSA) != 'N';
	bool bt = option_letter(&c->options, OPTION_TRANSB) != 'N', flipped = result_flipped(c);
	uint64_t m = at ? a->columns : a->rows, k = at ? a->rows : a->columns;
	uint64_t n = bt ? b->rows : b->columns;

	if (!must_be_matrix(c, 0) || !must_be_matrix(c, 1))
		return false;
	if (k != (bt ? b->columns : b->rows))
		return wrong_shape(c, 1, bt ? "(n, %llu)" : "(%llu, n)", (unsigned long long)k);
	if (c->operands > 2 && !must_be(c, 2, m, n))
		return false;
	result(c, a->type, flipped, 2, m, n);
	if (needs_conjugate(a, option_letter(&c->options, OPTION_TRANSA), flipped))
		c->work[WORK_A] = matrix_bytes(a);
	if (needs_conjugate(b, option_letter(&c->options, OPTION_TRANSB), flipped))
		c->work[WORK_B] = matrix_bytes(b);
	c->flop = work_of(a->type, (double)m * (double)n * (double)k);
	return choose_levels(c, m, n, k);
}

static struct strassen_factor factor_of(
	const struct call *c, unsigned i, enum option option, unsigned work, bool flipped)
{
	const struct matrix *m = &c->in[i];
	char op = option_letter(&c->options, option);
	struct strassen_factor f = {m->at, ld(m), letter(op, m, flipped)};

	if (c->work[work] > 0) {
		matrix_conjugate(c->work_at[work], m);
		f.at = c->work_at[work];
	}
	return f;
}

/* By Strassen's way, beside the result if that begins with something. */
static void multiply_fast(struct call *c, int32_t m, int32_t n, int32_t k, struct strassen_factor a,
	struct strassen_factor b, const union scalar *alpha)
{
	const struct matrix *to = &c->out[0];
	struct strassen s = {to->type, alpha, c->levels};
	bool beside = c->work[WORK_PRODUCT] > 0;
	void *at = beside ? c->work_at[WORK_PRODUCT] : to->at;

	strassen_multiply(&s, m, n, k, a, b, at, ld(to), c->work_at[WORK_STRASSEN]);
	if (beside)
		matrix_add(to, at, beta_of(c, 2));
}

/* By special hardware. False: the result is as it was before. */
static bool multiply_there(struct call *c, const struct product *product)
{
	enum accelerated done = accelerate(c, product);

	if (done == NOT_ACCELERATED)
		begin_with(c, 2);
	return done == ACCELERATED || done == ACCELERATOR_LATE;
}

/* Rows together are the transpose's columns: the transpose of a product is that of its factors, the other way
 * round. */
bool multiply_run(struct call *c)
{
	const struct matrix *to = &c->out[0];
	bool at = option_letter(&c->options, OPTION_TRANSA) != 'N';
	struct strassen_factor a = factor_of(c, 0, OPTION_TRANSA, WORK_A, to->flipped);
	struct strassen_factor b = factor_of(c, 1, OPTION_TRANSB, WORK_B, to->flipped);
	struct strassen_factor left = to->flipped ? b : a, right = to->flipped ? a : b;
	int32_t m = (int32_t)(to->flipped ? to->columns : to->rows), lead = ld(to);
	int32_t n = (int32_t)(to->flipped ? to->rows : to->columns);
	int32_t k = (int32_t)(at ? c->in[0].rows : c->in[0].columns);
	union scalar alpha = scalar_of(to->type, c->options.number[OPTION_ALPHA]);
	union scalar beta = scalar_of(to->type, beta_of(c, 2));

	begin_with(c, 2);
	if (c->levels > 0)
		multiply_fast(c, m, n, k, left, right, &alpha);
	else if (!multiply_there(c, &(struct product){m, n, k, left, right, &alpha, &beta}))
		products[to->type].gemm(&left.letter, &right.letter, &m, &n, &k, &alpha, left.at,
			&left.ld, right.at, &right.ld, &beta, to->at, &lead, 1, 1);
	return c->problem.status == 0;
}

/* ---------------------------------------------------------------------- matvec */

bool matvec_shape(struct call *c)
{
	const struct matrix *a = &c->in[0];
	char op = option_letter(&c->options, OPTION_TRANS);
	uint64_t m = op != 'N' ? a->columns : a->rows, n = op != 'N' ? a->rows : a->columns;

	if (!must_be_matrix(c, 0))
		return false;
	for (unsigned i = 1; i < c->operands; i++)
		if (c->in[i].dims != 1 || c->in[i].rows != (i == 1 ? n : m))
			return wrong_shape(c, i, "(%llu,)", (unsigned long long)(i == 1 ? n : m));
	result(c, a->type, false, 1, m, 1);
	if (needs_conjugate(a, op, false))
		c->work[WORK_A] = matrix_bytes(a);
	c->flop = work_of(a->type, (double)m * (double)n);
	return true;
}

/* What gemv leaves out where there is nothing to add: y := beta y. As a product of a column and a row of no length. */
static void scale(const struct matrix *to, const union scalar *beta)
{
	int32_t rows = (int32_t)to->rows, lead = ld(to), one = 1, none = 0;
	union scalar zero = {.d = {0}};

	products[to->type].gemm("N", "N", &rows, &one, &none, &zero, &zero, &lead, &zero, &one,
		beta, to->at, &lead, 1, 1);
}

bool matvec_run(struct call *c)
{
	const struct matrix *a = &c->in[0], *to = &c->out[0];
	struct strassen_factor f = factor_of(c, 0, OPTION_TRANS, WORK_A, false);
	int32_t m = (int32_t)(a->flipped ? a->columns : a->rows), one = 1;
	int32_t n = (int32_t)(a->flipped ? a->rows : a->columns);
	union scalar alpha = scalar_of(to->type, c->options.number[OPTION_ALPHA]);
	union scalar beta = scalar_of(to->type, beta_of(c, 2));

	begin_with(c, 2);
	if (m == 0 || n == 0) {
		scale(to, &beta);
		return true;
	}
	products[to->type].gemv(
		&f.letter, &m, &n, &alpha, f.at, &f.ld, c->in[1].at, &one, &beta, to->at, &one, 1);
	return true;
}

/* ------------------------------------------------------------------------ trsm */

bool trsm_shape(struct call *c)
{
	const struct matrix *b = &c->in[1];
	bool right = option_letter(&c->options, OPTION_SIDE) == 'R';
	uint64_t n = c->in[0].rows;

	if (!must_be_square(c, 0))
		return false;
	if (b->dims != 2 || (right ? b->columns : b->rows) != n)
		return wrong_shape(c, 1, right ? "(k, %llu)" : "(%llu, k)", (unsigned long long)n);
	result(c, b->type, b->flipped, 2, b->rows, b->columns);
	c->flop = (double)n * (double)elements(b);
	return true;
}

bool trsm_run(struct call *c)
{
	const struct matrix *a = &c->in[0], *to = &c->out[0];
	char side = option_letter(&c->options, OPTION_SIDE);
	char uplo = mirrored(option_letter(&c->options, OPTION_UPLO), a->flipped);
	char op = turned(option_letter(&c->options, OPTION_TRANSA), a->flipped != to->flipped);
	char diag = option_letter(&c->options, OPTION_DIAG);
	int32_t m = (int32_t)(to->flipped ? to->columns : to->rows), lead = ld(to), lda = ld(a);
	int32_t n = (int32_t)(to->flipped ? to->rows : to->columns);
	union scalar alpha = scalar_of(to->type, c->options.number[OPTION_ALPHA]);

	if (to->flipped)
		side = side == 'L' ? 'R' : 'L';
	begin_with(c, 1);
	lapack_of(c)->trsm(
		&side, &uplo, &op, &diag, &m, &n, &alpha, a->at, &lda, to->at, &lead, 1, 1, 1, 1);
	return true;
}

/* ------------------------------------------------------------------------ syrk */

bool syrk_shape(struct call *c)
{
	const struct matrix *a = &c->in[0];
	bool t = option_letter(&c->options, OPTION_TRANS) != 'N';
	uint64_t n = t ? a->columns : a->rows, k = t ? a->rows : a->columns;

	if (!must_be_matrix(c, 0) || (c->operands > 1 && !must_be(c, 1, n, n)))
		return false;
	result(c, a->type, c->operands > 1 && c->in[1].flipped, 2, n, n);
	c->flop = (double)n * (double)(n + 1) * (double)k;
	return true;
}

bool syrk_run(struct call *c)
{
	const struct matrix *a = &c->in[0], *to = &c->out[0];
	char op = option_letter(&c->options, OPTION_TRANS);
	char uplo = mirrored(option_letter(&c->options, OPTION_UPLO), to->flipped);
	char trans = turned(op, a->flipped);
	int32_t n = (int32_t)to->rows, lda = ld(a), lead = ld(to);
	int32_t k = (int32_t)(op != 'N' ? a->rows : a->columns);
	union scalar alpha = scalar_of(to->type, c->options.number[OPTION_ALPHA]);
	union scalar beta = scalar_of(to->type, beta_of(c, 1));

	/* the triangle that isn't computed is as it came, or zeros */
	if (c->operands > 1)
		begin_with(c, 1);
	else
		memset(to->at, 0, (size_t)matrix_bytes(to));
	lapack_of(c)->syrk(&uplo, &trans, &n, &k, &alpha, a->at, &lda, &beta, to->at, &lead, 1, 1);
	return true;
}
