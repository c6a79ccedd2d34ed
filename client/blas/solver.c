/*
 * client/blas/solver.c - trsm and LAPACK's solvers: factors and solutions come from the service into memory of our own,
 * are checked, and are then put where LAPACK would have left them. s and d only.
 */
#include "client/blas/config.h"
#include "client/blas/job.h"
#include "client/blas/say.h"
#include "client/blas/state.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESULTS = 3 };

struct work {
	struct matrix a;            /* the operand, the caller's */
	struct matrix got[RESULTS]; /* results, of our own */
	void *whole[3];             /* what checks filled in */
	unsigned wholes;
	void *ones; /* a diagonal of them */
};

static struct matrix view(
	const struct call *c, const void *data, int64_t rows, int64_t cols, int ld)
{
	return (struct matrix){.type = c->type,
		.data = (void *)(uintptr_t)data,
		.rows = rows,
		.cols = cols,
		.ld = ld};
}

static int64_t least(const struct call *c)
{
	return c->m < c->n ? c->m : c->n;
}

/* ------------------------------------------------------------- what goes and comes */

static void operand(struct job *job, struct matrix m, bool flat)
{
	job->ask.operand[job->ask.operands++] = (struct expected){m, flat};
}

static bool result(struct job *job, struct work *w, char type, int64_t rows, int64_t cols)
{
	struct matrix *m = &w->got[job->ask.results];

	*m = matrix_new(type, rows, cols > 0 ? cols : 1);
	job->ask.result[job->ask.results++] = (struct expected){*m, cols == 0};
	return m->data != NULL;
}

static const char *half(char uplo)
{
	return uplo == 'L' ? "lower" : "upper";
}

#define QUERY(...) snprintf(job->ask.query, sizeof(job->ask.query), __VA_ARGS__)

static bool ask_trsm(struct job *job, struct work *w)
{
	const struct call *c = job->call;
	int order = c->side == 'L' ? c->m : c->n;
	char alpha[60] = "";

	if (creal(job->plan->alpha) != 1)
		ask_number(alpha, "&alpha=", creal(job->plan->alpha));
	QUERY("side=%s&uplo=%s&transa=%c&diag=%s%s", c->side == 'L' ? "left" : "right",
		half(c->uplo), tolower(c->transa), c->diag == 'U' ? "u" : "n", alpha);
	w->a = view(c, c->a, order, order, c->lda);
	operand(job, w->a, false);
	operand(job, view(c, c->c, c->m, c->n, c->ldc), false);
	return result(job, w, c->type, c->m, c->n);
}

static bool ask_factor(struct job *job, struct work *w)
{
	const struct call *c = job->call;
	bool positive = job->ask.op == OP_cholesky;

	w->a = view(c, c->c, positive ? c->n : c->m, c->n, c->ldc);
	operand(job, w->a, false);
	if (positive)
		QUERY("uplo=%s", half(c->uplo));
	if (job->ask.op == OP_qr)
		QUERY("mode=raw");
	if (!result(job, w, c->type, w->a.rows, w->a.cols))
		return false;
	return positive || result(job, w, job->ask.op == OP_lu ? 'i' : c->type, least(c), 0);
}

static bool ask_solve(struct job *job, struct work *w)
{
	const struct call *c = job->call;

	w->a = view(c, c->a, c->n, c->n, c->lda);
	operand(job, w->a, false);
	if (c->kind == KIND_getrs) {
		QUERY("trans=%c", tolower(c->transa));
		operand(job,
			(struct matrix){
				.type = 'i', .data = c->ipiv, .rows = c->n, .cols = 1, .ld = c->n},
			true);
	} else {
		QUERY("uplo=%s", half(c->uplo));
	}
	operand(job, view(c, c->c, c->n, c->k, c->ldc), false);
	return result(job, w, c->type, c->n, c->k);
}

static bool ask_eigh(struct job *job, struct work *w)
{
	const struct call *c = job->call;
	bool vectors = c->job == 'V';

	QUERY("uplo=%s&vectors=%d", half(c->uplo), vectors);
	w->a = view(c, c->c, c->n, c->n, c->ldc);
	operand(job, w->a, false);
	return result(job, w, c->type, c->n, 0) &&
		(!vectors || result(job, w, c->type, c->n, c->n));
}

static bool ask_svd(struct job *job, struct work *w)
{
	const struct call *c = job->call;
	bool full = c->job == 'A';

	QUERY("full=%d&vectors=%d", full, c->job != 'N');
	w->a = view(c, c->c, c->m, c->n, c->ldc);
	operand(job, w->a, false);
	if (c->job == 'N')
		return result(job, w, c->type, least(c), 0);
	return result(job, w, c->type, c->m, full ? c->m : least(c)) &&
		result(job, w, c->type, least(c), 0) &&
		result(job, w, c->type, full ? c->n : least(c), c->n);
}

/* --------------------------------------------------------------------------- checks */

static struct matrix whole(struct work *w, const struct matrix *m, enum form form, char uplo)
{
	struct matrix filled = matrix_whole(m, form, uplo);

	w->whole[w->wholes++] = filled.data;
	return filled;
}

static struct factor times(struct matrix m, char trans)
{
	return (struct factor){FACTOR_MATRIX, m, trans, NULL, NULL};
}

static struct factor values(const struct matrix *flat)
{
	struct matrix m = *flat;

	m.cols = m.rows;
	return (struct factor){FACTOR_DIAGONAL, m, 'N', NULL, flat->data};
}

static struct factor swaps(const struct call *c, int64_t rows, int64_t cols, const int *ipiv)
{
	struct matrix m = {.type = c->type, .rows = rows, .cols = cols};

	return (struct factor){FACTOR_SWAPS, m, 'N', ipiv, NULL};
}

static enum verdict check_trsm(struct job *job, struct work *w)
{
	const struct call *c = job->call;
	struct matrix t = whole(w, &w->a, c->diag == 'U' ? FORM_UNIT : FORM_TRIANGLE, c->uplo);
	struct matrix b = view(c, c->c, c->m, c->n, c->ldc);
	struct side given = {job->plan->alpha, 1, {times(b, 'N')}};
	struct side left = {1, 2, {times(t, c->transa), times(w->got[0], 'N')}};
	struct side right = {1, 2, {times(w->got[0], 'N'), times(t, c->transa)}};

	if (t.data == NULL)
		return CHECK_UNSURE;
	return check_equal(&job->check, &given, c->side == 'L' ? &left : &right, t.rows, 0);
}

/* Partial pivoting leaves no element of L above 1, and keeps U from growing without bounds; more than that is
 * either no LU of LAPACK's, or one too bad to be told from a wrong one. */
static enum verdict check_lu(struct job *job, struct work *w)
{
	const struct call *c = job->call;
	struct matrix packed = w->got[0], l = packed, u = packed;
	struct side given = {1, 2, {swaps(c, c->m, least(c), w->got[1].data), times(w->a, 'N')}};
	struct side factors = {.times = 1, .count = 2};

	l.cols = u.rows = least(c);
	l = whole(w, &l, FORM_UNIT, 'L');
	u = whole(w, &u, FORM_TRIANGLE, 'U');
	if (l.data == NULL || u.data == NULL)
		return CHECK_UNSURE;
	if (!check_bounded(&l, 1 + 8 * type_roundoff(c->type)))
		return CHECK_WRONG;
	if (check_norm(&u) > 8.0 * c->n * check_norm(&w->a))
		return CHECK_UNSURE;
	factors.f[0] = times(l, 'N');
	factors.f[1] = times(u, 'N');
	return check_equal(&job->check, &given, &factors, least(c), 0);
}

static enum verdict check_cholesky(struct job *job, struct work *w)
{
	const struct call *c = job->call;
	struct matrix a = whole(w, &w->a, FORM_SYMMETRIC, c->uplo);
	struct matrix l = whole(w, &w->got[0], FORM_TRIANGLE, c->uplo);
	bool lower = c->uplo == 'L';
	struct side given = {1, 1, {times(a, 'N')}};
	struct side factors = {1, 2, {times(l, lower ? 'N' : 'T'), times(l, lower ? 'T' : 'N')}};

	if (a.data == NULL || l.data == NULL)
		return CHECK_UNSURE;
	return check_equal(&job->check, &given, &factors, c->n, 0);
}

/* Each reflector must be one, 1 - tau w w' orthogonal: tau is 2 / (w'w), or 0. */
static bool reflectors(const struct matrix *a, const struct matrix *tau)
{
	double allowed = 60.0 * (double)a->rows * type_roundoff(a->type);

	for (int64_t j = 0; j < tau->rows; j++) {
		struct matrix below = *a;
		double t = check_norm(&(struct matrix){.type = tau->type,
			.data = (char *)tau->data + (size_t)j * type_size(tau->type),
			.rows = 1,
			.cols = 1,
			.ld = 1});

		below.data = (char *)a->data + (size_t)(j + 1 + j * a->ld) * type_size(a->type);
		below.rows = a->rows - j - 1;
		below.cols = 1;
		if (t != 0) {
			double norm = check_norm(&below);

			if (!(fabs(t * (1 + norm * norm) - 2) <= allowed))
				return false;
		}
	}
	return true;
}

static enum verdict check_qr(struct job *job, struct work *w)
{
	const struct call *c = job->call;
	struct matrix r = whole(w, &w->got[0], FORM_TRIANGLE, 'U');
	struct side given = {1, 1, {times(w->a, 'N')}};
	struct side factors = {
		1, 2, {{FACTOR_REFLECTORS, w->got[0], 'N', NULL, w->got[1].data}, times(r, 'N')}};

	if (r.data == NULL)
		return CHECK_UNSURE;
	if (!reflectors(&w->got[0], &w->got[1]))
		return CHECK_WRONG;
	return check_equal(&job->check, &given, &factors, c->m > c->n ? c->m : c->n, 0);
}

static enum verdict check_getrs(struct job *job, struct work *w)
{
	const struct call *c = job->call;
	struct matrix l = whole(w, &w->a, FORM_UNIT, 'L');
	struct matrix u = whole(w, &w->a, FORM_TRIANGLE, 'U');
	struct factor b = times(view(c, c->c, c->n, c->k, c->ldc), 'N');
	struct factor x = times(w->got[0], 'N'), p = swaps(c, c->n, c->n, c->ipiv);
	struct side given = {1, 2, {p, b}};
	struct side plain = {1, 3, {times(l, 'N'), times(u, 'N'), x}};
	struct side bare = {1, 1, {b}};
	struct side transposed = {1, 4, {times(u, 'T'), times(l, 'T'), p, x}};

	if (l.data == NULL || u.data == NULL)
		return CHECK_UNSURE;
	if (c->transa == 'N')
		return check_equal(&job->check, &given, &plain, c->n, 0);
	return check_equal(&job->check, &bare, &transposed, c->n, 0);
}

static enum verdict check_potrs(struct job *job, struct work *w)
{
	const struct call *c = job->call;
	struct matrix l = whole(w, &w->a, FORM_TRIANGLE, c->uplo);
	bool lower = c->uplo == 'L';
	struct side given = {1, 1, {times(view(c, c->c, c->n, c->k, c->ldc), 'N')}};
	struct side factors = {1, 3,
		{times(l, lower ? 'N' : 'T'), times(l, lower ? 'T' : 'N'), times(w->got[0], 'N')}};

	if (l.data == NULL)
		return CHECK_UNSURE;
	return check_equal(&job->check, &given, &factors, c->n, 0);
}

/* Are columns of v (trans 'T': rows) orthonormal? */
static enum verdict orthonormal(struct job *job, struct work *w, const struct matrix *v, char trans)
{
	int64_t n = trans == 'N' ? v->cols : v->rows;
	struct matrix ones = matrix_new(v->type, n, 1);
	struct side given = {.times = 1, .count = 1}, factors = {.times = 1, .count = 2};

	free(w->ones);
	w->ones = ones.data;
	if (ones.data == NULL)
		return CHECK_UNSURE;
	for (int64_t i = 0; i < n; i++)
		if (v->type == 's')
			((float *)ones.data)[i] = 1;
		else
			((double *)ones.data)[i] = 1;
	given.f[0] = values(&ones);
	factors.f[0] = times(*v, trans == 'N' ? 'T' : 'N');
	factors.f[1] = times(*v, trans);
	return check_equal(
		&job->check, &given, &factors, v->rows > v->cols ? v->rows : v->cols, 30);
}

static enum verdict check_eigh(struct job *job, struct work *w)
{
	const struct call *c = job->call;
	struct matrix a = whole(w, &w->a, FORM_SYMMETRIC, c->uplo), v = w->got[1];
	struct side given = {1, 2, {times(a, 'N'), times(v, 'N')}};
	struct side factors = {1, 2, {times(v, 'N'), values(&w->got[0])}};
	enum verdict verdict;

	if (a.data == NULL)
		return CHECK_UNSURE;
	verdict = check_equal(&job->check, &given, &factors, c->n, 30 * check_norm(&a) + DBL_MIN);
	return verdict != CHECK_RIGHT ? verdict : orthonormal(job, w, &v, 'N');
}

static enum verdict check_svd(struct job *job, struct work *w)
{
	struct matrix u = w->got[0], vt = w->got[2];
	struct side given = {1, 1, {times(w->a, 'N')}};
	struct side factors = {.times = 1, .count = 3};
	enum verdict verdict;

	u.cols = vt.rows = least(job->call);
	factors.f[0] = times(u, 'N');
	factors.f[1] = values(&w->got[1]);
	factors.f[2] = times(vt, 'N');
	verdict = check_equal(&job->check, &given, &factors, w->a.rows + w->a.cols,
		30 * check_norm(&w->a) + DBL_MIN);
	if (verdict == CHECK_RIGHT)
		verdict = orthonormal(job, w, &w->got[0], 'N');
	if (verdict == CHECK_RIGHT)
		verdict = orthonormal(job, w, &w->got[2], 'T');
	return verdict;
}

/* ----------------------------------------------------------------- what becomes of it */

static void copy_flat(void *to, const struct matrix *from)
{
	memcpy(to, from->data,
		(size_t)from->rows * (from->type == 'i' ? 4 : type_size(from->type)));
}

static void keep_trsm(const struct call *c, const struct work *w)
{
	struct matrix to = view(c, c->c, c->m, c->n, c->ldc);

	matrix_copy(&to, &w->got[0], PART_ALL);
}

static void keep_solution(const struct call *c, const struct work *w)
{
	struct matrix to = view(c, c->c, c->n, c->k, c->ldc);

	matrix_copy(&to, &w->got[0], PART_ALL);
	*c->info = 0;
}

/* getrf's info: the first pivot that is 0, from 1 on; 0: none is. */
static int first_zero(const struct matrix *lu)
{
	size_t size = type_size(lu->type);

	for (int64_t i = 0; i < lu->rows && i < lu->cols; i++) {
		const void *at = (const char *)lu->data + (size_t)(i + i * lu->ld) * size;
		const float *single = at;
		const double *twice = at;

		if (lu->type == 's' ? *single == 0 : *twice == 0)
			return (int)i + 1;
	}
	return 0;
}

static void keep_lu(const struct call *c, const struct work *w)
{
	matrix_copy(&w->a, &w->got[0], PART_ALL);
	copy_flat(c->ipiv, &w->got[1]);
	*c->info = first_zero(&w->got[0]);
}

static void keep_qr(const struct call *c, const struct work *w)
{
	matrix_copy(&w->a, &w->got[0], PART_ALL);
	copy_flat(c->kind == KIND_gels ? c->work : c->s, &w->got[1]);
	*c->info = 0;
}

static void keep_cholesky(const struct call *c, const struct work *w)
{
	matrix_copy(&w->a, &w->got[0], c->uplo == 'L' ? PART_LOWER : PART_UPPER);
	*c->info = 0;
}

static void keep_eigh(const struct call *c, const struct work *w)
{
	copy_flat(c->s, &w->got[0]);
	if (c->job == 'V')
		matrix_copy(&w->a, &w->got[1], PART_ALL);
	*c->info = 0;
}

static void keep_svd(const struct call *c, const struct work *w)
{
	struct matrix u = view(c, c->u, w->got[0].rows, w->got[0].cols, c->ldu);
	struct matrix vt = view(c, c->vt, w->got[2].rows, w->got[2].cols, c->ldvt);

	copy_flat(c->s, &w->got[c->job == 'N' ? 0 : 1]);
	if (c->job != 'N') {
		matrix_copy(&u, &w->got[0], PART_ALL);
		matrix_copy(&vt, &w->got[2], PART_ALL);
	}
	*c->info = 0;
}

/* ------------------------------------------------------------------------ all of it */

static const struct solver {
	bool (*ask)(struct job *job, struct work *w);
	enum verdict (*check)(struct job *job, struct work *w);
	void (*keep)(const struct call *c, const struct work *w);
} solvers[OPS] = {
	[OP_trsm] = {ask_trsm, check_trsm, keep_trsm},
	[OP_lu] = {ask_factor, check_lu, keep_lu},
	[OP_cholesky] = {ask_factor, check_cholesky, keep_cholesky},
	[OP_qr] = {ask_factor, check_qr, keep_qr},
	[OP_getrs] = {ask_solve, check_getrs, keep_solution},
	[OP_potrs] = {ask_solve, check_potrs, keep_solution},
	[OP_eigh] = {ask_eigh, check_eigh, keep_eigh},
	[OP_svd] = {ask_svd, check_svd, keep_svd},
};

/* Pivots say where to write when they are used. */
static bool pivots_fit(const int *ipiv, int64_t n, int64_t rows)
{
	for (int64_t i = 0; i < n; i++)
		if (ipiv[i] < i + 1 || ipiv[i] > rows)
			return false;
	return true;
}

/* Numbers whose products are numbers: what LAPACK scales before it begins stays with LAPACK. */
static bool tame(const struct job *job)
{
	const struct expected *e = job->ask.operand;
	double most = sqrt(sqrt(type_most(job->call->type)));

	for (unsigned i = 0; i < job->ask.operands; i++)
		if (e[i].m.type != 'i' && job->ask.op != OP_trsm && !check_bounded(&e[i].m, most))
			return false;
	return true;
}

static bool askable(struct job *job, struct work *w)
{
	const struct call *c = job->call;

	job->why = "there is no memory for what the service would send";
	if (!solvers[job->ask.op].ask(job, w))
		return false;
	job->why = "numbers that are very large, or none";
	/* of half a matrix the rest may be anything: it is the check that finds a NaN in the half */
	if (c->uplo == 0 && !tame(job))
		return false;
	job->why = "pivots that are none";
	if (c->kind == KIND_getrs && !pivots_fit(c->ipiv, c->n, c->n))
		return false;
	job->why = NULL;
	return true;
}

/* ------------------------------------------------------------------- kept factors */

/* Shall this answer stay there? */
static uint64_t keep_for(const struct job *job)
{
	const struct call *c = job->call;
	struct factor_kind_of kind;
	struct model *model;
	bool keeps, makes = job->ask.op == OP_lu || job->ask.op == OP_cholesky;

	if (!makes || config.keep < 1 || !plan_factor(c, &kind))
		return 0;
	model = state_lock();
	keeps = factors_wanted(&model->factors) &&
		(config.mode == MODE_REMOTE ||
			model_keeps(
				model, (double)c->n * (double)c->n * (double)type_size(c->type)));
	state_unlock(NOTHING);
	return keeps ? (uint64_t)config.keep : 0;
}

/* A tenth less than was asked for, so that it isn't asked for when it has just gone. */
static void note_kept(const struct job *job)
{
	struct factor_kind_of kind;

	if (job->told.blob[0] == '\0' || !plan_factor(job->call, &kind))
		return;
	factors_add(&state_lock()->factors, &kind, job->told.blob,
		say_now() + 0.9 * (double)job->ask.keep_s);
	state_unlock(NOTHING);
}

/* Is the factor that the program holds now one that the service keeps? Of Cholesky's the service has zeros in the other
 * triangle. */
static bool find_kept(struct job *job, struct work *w)
{
	struct ask ask = job->ask;
	struct factor_kind_of kind;
	struct model *model;
	double began = say_now();
	bool found;

	if (!plan_factor(job->call, &kind))
		return false;
	if (ask.op == OP_potrs) {
		ask.operand[0].m = whole(w, &w->a, FORM_TRIANGLE, job->call->uplo);
		if (ask.operand[0].m.data == NULL)
			return false;
	}
	if (!service_name(&ask, job->factor))
		return false;
	model = state_lock();
	model_saw_hash(model, job->plan->load.hashed, say_now() - began);
	found = factors_has(&model->factors, &kind, job->factor, say_now());
	if (found)
		factors_used(&model->factors);
	state_unlock(NOTHING);
	job->ask.blob = job->factor;
	return found;
}

/* The service, or that there is nothing to ask it for. */
static void ask_service(struct job *job, struct work *w)
{
	if (job->plan->kept && !find_kept(job, w)) {
		job->outcome = ASK_GONE;
		return;
	}
	job->ask.keep_s = keep_for(job);
	job->outcome = service_ask(&job->ask, &job->told);
	if (job->outcome == ASK_GONE) {
		factors_drop(&state_lock()->factors, job->factor);
		state_unlock(NOTHING);
	}
}

bool job_solve(struct job *job)
{
	const struct solver *solver;
	struct work w = {0};
	bool done = false;

	job->ask.op = job->plan->load.op;
	solver = &solvers[job->ask.op];
	if (!askable(job, &w))
		goto out;
	ask_service(job, &w);
	if (job->outcome != ASK_DONE)
		goto out;
	job->verdict = CHECK_RIGHT;
	if (job->ask.op == OP_lu && !pivots_fit(w.got[1].data, w.got[1].rows, job->call->m))
		job->verdict = CHECK_WRONG;
	else if (job->check.rounds > 0)
		job->verdict = solver->check(job, &w);
	done = job->verdict == CHECK_RIGHT;
	if (done) {
		solver->keep(job->call, &w);
		note_kept(job);
	}
out:
	for (unsigned i = 0; i < RESULTS; i++)
		free(w.got[i].data);
	for (unsigned i = 0; i < w.wholes; i++)
		free(w.whole[i]);
	free(w.ones);
	return done;
}
