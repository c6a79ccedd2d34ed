#include "client/blas/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "client/blas/say.h"

#define HONEST 8.0 /* times a row's norm, which sums with random signs don't pass: see check.h */

/* Vectors on their way through a side, `count` of them; W's are doubles, or pairs of them. */
struct vectors {
	double *v, *next;
	unsigned count, width, threads; /* width: doubles of an element */
	int64_t length;
};

static int64_t factor_rows(const struct factor *f)
{
	return f->kind == FACTOR_MATRIX && f->trans != 'N' ? f->m.cols : f->m.rows;
}

static int64_t factor_cols(const struct factor *f)
{
	if (f->kind != FACTOR_MATRIX)
		return f->m.rows;
	return f->trans != 'N' ? f->m.rows : f->m.cols;
}

static double value(const struct factor *f, int64_t i)
{
	return f->m.type == 's' ? (double)((const float *)f->values)[i]
				: ((const double *)f->values)[i];
}

static double element(const struct matrix *m, int64_t i, int64_t j)
{
	return m->type == 's' ? (double)((const float *)m->data)[i + j * m->ld]
			      : ((const double *)m->data)[i + j * m->ld];
}

static void swap_rows(const struct factor *f, double *v)
{
	int64_t n = f->m.cols < f->m.rows ? f->m.cols : f->m.rows;

	for (int64_t i = 0; i < n; i++) {
		double had = v[i];

		v[i] = v[f->swaps[i] - 1];
		v[f->swaps[i] - 1] = had;
	}
}

/* v = H_1 ... H_k v, H_i = 1 - tau_i w w', w: 1 at i, below it as in column i (LAPACK, dgeqrf) */
static void reflect(const struct factor *f, double *v)
{
	for (int64_t j = f->m.cols < f->m.rows ? f->m.cols : f->m.rows; j-- > 0;) {
		double sum = v[j];

		for (int64_t i = j + 1; i < f->m.rows; i++)
			sum += element(&f->m, i, j) * v[i];
		sum *= value(f, j);
		v[j] -= sum;
		for (int64_t i = j + 1; i < f->m.rows; i++)
			v[i] -= sum * element(&f->m, i, j);
	}
}

static void step(const struct factor *f, struct vectors *x, struct norms *norms)
{
	double *had;

	if (f->kind == FACTOR_MATRIX) {
		matrix_times(&f->m, f->trans, x->v, x->count, x->next, x->threads, norms);
		had = x->v;
		x->v = x->next;
		x->next = had;
		x->length = factor_rows(f);
		return;
	}
	norms->frobenius2 = norms->row2 = 1;
	for (unsigned r = 0; r < x->count; r++) {
		double *v = x->v + r * x->length;

		if (f->kind == FACTOR_SWAPS)
			swap_rows(f, v);
		else if (f->kind == FACTOR_REFLECTORS)
			reflect(f, v);
		for (int64_t i = 0; f->kind == FACTOR_DIAGONAL && i < x->length; i++)
			v[i] *= value(f, i);
	}
}

static void scale_by(struct vectors *x, double complex times)
{
	size_t n = (size_t)x->length * x->count;

	for (size_t i = 0; i < n; i++)
		if (x->width == 1)
			x->v[i] *= creal(times);
		else
			((double complex *)x->v)[i] *= times;
}

/* A side's product with the signs, in x->v, and what its rounding errors are relative to. */
static double through(const struct side *side, struct vectors *x)
{
	double scale = 1;

	for (unsigned i = side->count; i-- > 0;) {
		struct norms norms = {0};

		step(&side->f[i], x, &norms);
		scale *= sqrt(i == 0 ? norms.row2 : norms.frobenius2);
	}
	if (side->times != 1)
		scale_by(x, side->times);
	return scale * cabs(side->times);
}

static bool random_signs(double *x, size_t n, unsigned width)
{
	unsigned char bits[256];
	size_t i = 0;

	memset(x, 0, n * width * sizeof(*x));
	while (i < n) {
		if (getrandom(bits, sizeof(bits), 0) != sizeof(bits))
			return false;
		for (size_t b = 0; b < sizeof(bits) * 8 && i < n; b++, i++)
			x[i * width] = (bits[b / 8] >> (b % 8) & 1) != 0 ? 1 : -1;
	}
	return true;
}

static int64_t longest(const struct side *side)
{
	int64_t n = 0;

	for (unsigned i = 0; i < side->count; i++) {
		n = factor_rows(&side->f[i]) > n ? factor_rows(&side->f[i]) : n;
		n = factor_cols(&side->f[i]) > n ? factor_cols(&side->f[i]) : n;
	}
	return n;
}

static bool vectors_new(
	struct vectors *x, int64_t length, const struct check *check, unsigned width)
{
	size_t bytes = (size_t)length * check->rounds * width * sizeof(double);

	*x = (struct vectors){.count = check->rounds, .width = width, .threads = check->threads};
	x->v = malloc(bytes > 0 ? bytes : 1);
	x->next = malloc(bytes > 0 ? bytes : 1);
	return x->v != NULL && x->next != NULL;
}

static void vectors_free(struct vectors *x)
{
	free(x->v);
	free(x->next);
}

/* The largest difference, NaN if one is */
static double differ(const struct vectors *left, const struct vectors *right)
{
	size_t n = (size_t)left->length * left->count;
	double most = 0;

	for (size_t i = 0; i < n; i++) {
		double d;

		if (left->width == 1)
			d = fabs(left->v[i] - right->v[i]);
		else
			d = cabs(((double complex *)left->v)[i] - ((double complex *)right->v)[i]);
		if (isnan(d))
			return d;
		if (d > most)
			most = d;
	}
	return most;
}

static enum verdict judge(
	struct check *check, double difference, double tolerance, double scale, char type)
{
	/* sums that may be infinite where they shouldn't, or aren't where they should */
	if (!(scale < type_most(type) / 4) || !(tolerance < HUGE_VAL))
		return CHECK_UNSURE;
	if (!(difference <= tolerance)) {
		check->worst = difference / tolerance;
		return CHECK_WRONG;
	}
	if (tolerance > 0 && difference / tolerance > check->worst)
		check->worst = difference / tolerance;
	return CHECK_RIGHT;
}

/* The tolerance of check.h. given: the norm of the given side's largest row. */
static double tolerance(const struct check *check, char type, int64_t inner, int64_t cols,
	double scale, double given)
{
	double k = (double)inner, n = (double)cols, own = 0x1p-53;
	double relative = HONEST * (sqrt(k) * type_roundoff(type) + 2 * (sqrt(k) + sqrt(n)) * own);

	if (relative < HONEST * check->tolerance)
		relative = HONEST * check->tolerance;
	return relative * scale + (k * type_roundoff(type) + n * own) * given;
}

static enum verdict compare(struct check *check, const struct side *given,
	const struct side *factors, int64_t inner, double scale, struct vectors *left,
	struct vectors *right)
{
	const struct matrix *last = &given->f[given->count - 1].m;
	int64_t n = left->length;
	double norm = through(given, left), norms = through(factors, right);
	double limit;

	scale = scale > 0 ? scale : norms;
	limit = tolerance(check, last->type, inner, n, scale, norm);
	/* an answer can't buy itself leniency by being infinite where its operands aren't */
	if (!isfinite(norm) && scale < type_most(last->type) / 4)
		return CHECK_WRONG;
	return judge(check, differ(left, right), limit, scale, last->type);
}

enum verdict check_equal(struct check *check, const struct side *given, const struct side *factors,
	int64_t inner, double scale)
{
	const struct factor *last = &given->f[given->count - 1];
	int64_t n = factor_cols(last);
	int64_t most = longest(given) > longest(factors) ? longest(given) : longest(factors);
	unsigned width = type_is_complex(last->m.type) ? 2 : 1;
	struct vectors left = {0}, right = {0};
	enum verdict verdict = CHECK_UNSURE;
	double began = say_now();

	if (check->rounds > 0 && n > 0 && vectors_new(&left, most, check, width) &&
		vectors_new(&right, most, check, width) &&
		random_signs(left.v, (size_t)n * check->rounds, width)) {
		memcpy(right.v, left.v, (size_t)n * check->rounds * width * sizeof(double));
		left.length = right.length = n;
		verdict = compare(check, given, factors, inner, scale, &left, &right);
	}
	vectors_free(&left);
	vectors_free(&right);
	check->seconds += say_now() - began;
	return verdict;
}

bool check_bounded(const struct matrix *a, double most)
{
	int parts = type_is_complex(a->type) ? 2 : 1;
	struct matrix real = {.type = type_roundoff(a->type) > 0x1p-53 ? 's' : 'd',
		.data = a->data,
		.rows = a->rows * parts,
		.ld = a->ld * parts};

	for (int64_t j = 0; j < a->cols; j++)
		for (int64_t i = 0; i < real.rows; i++)
			if (!(fabs(element(&real, i, j)) <= most) || isinf(element(&real, i, j)))
				return false;
	return true;
}

double check_norm(const struct matrix *a)
{
	double sum = 0;

	for (int64_t j = 0; j < a->cols; j++)
		for (int64_t i = 0; i < a->rows; i++)
			sum += element(a, i, j) * element(a, i, j);
	return sqrt(sum);
}
