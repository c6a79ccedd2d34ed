/* client/blas/product.c - routines that become products (and rank-k updates). */
#include "client/blas/job.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a routine's product is made of: op(a) op(b), into p. */
struct product {
	struct matrix a, b, p;
	void *whole; /* a triangle or half that was filled in */
	void *mine;  /* p's memory, if it isn't the caller's */
	struct matrix to;
	struct sum sum;
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

static enum form form_of(const struct call *c)
{
	switch (c->kind) {
	case KIND_symm: return FORM_SYMMETRIC;
	case KIND_hemm: return FORM_HERMITIAN;
	case KIND_trmm: return c->diag == 'U' ? FORM_UNIT : FORM_TRIANGLE;
	default: return FORM_WHOLE;
	}
}

static void exchange(struct matrix *a, struct matrix *b)
{
	struct matrix had = *a;

	*a = *b;
	*b = had;
}

/* The operands as the service wants them. false: no memory. */
static bool operands(struct job *job, struct product *x)
{
	const struct call *c = job->call;
	const struct plan *p = job->plan;
	bool ta = p->transa != 'N', tb = p->transb != 'N', in_place = c->kind == KIND_trmm;

	if (form_of(c) == FORM_WHOLE) { /* without a second operand: its own transpose */
		x->a = view(c, c->a, ta ? p->k : p->m, ta ? p->m : p->k, c->lda);
		x->b = view(c, c->b != NULL ? c->b : c->a, tb ? p->n : p->k, tb ? p->k : p->n,
			c->b != NULL ? c->ldb : c->lda);
		return true;
	}
	x->a = view(c, c->a, p->k, p->k, c->lda);
	x->a = matrix_whole(&x->a, form_of(c), c->uplo);
	x->whole = x->a.data;
	x->b = view(c, in_place ? c->c : c->b, c->m, c->n, in_place ? c->ldc : c->ldb);
	if (c->side == 'R')
		exchange(&x->a, &x->b);
	return x->whole != NULL;
}

/* The service multiplies by alpha where it is real; into the caller's matrix at once where nothing else is to be done,
 * and where that isn't an operand. */
static bool target(struct job *job, struct product *x)
{
	const struct call *c = job->call;
	const struct plan *p = job->plan;
	bool update = c->side == 0 && c->kind != KIND_gemm, real = cimag(p->alpha) == 0;

	x->to = view(c, c->c, p->m, p->n, c->ldc);
	x->sum = (struct sum){.alpha = real ? 1 : p->alpha,
		.beta = p->beta,
		.part = !update          ? PART_ALL
			: c->uplo == 'L' ? PART_LOWER
					 : PART_UPPER,
		.twice = c->kind == KIND_syr2k || c->kind == KIND_her2k,
		.hermitian = c->kind == KIND_herk || c->kind == KIND_her2k};
	x->p = x->to;
	if (!update && c->kind != KIND_trmm && p->beta == 0 && real)
		return true;
	x->p = matrix_new(c->type, p->m, p->n);
	x->mine = x->p.data;
	return x->mine != NULL;
}

static void describe(struct job *job, const struct product *x)
{
	const struct call *c = job->call;
	const struct plan *p = job->plan;
	struct ask *ask = &job->ask;
	char alpha[60] = "", fast[60] = "";

	if (job->check.tolerance > 0)
		ask_number(fast, "&algorithm=auto&tolerance=", job->check.tolerance);
	if (cimag(p->alpha) == 0 && p->alpha != 1)
		ask_number(alpha, "&alpha=", creal(p->alpha));
	ask->op = p->load.op;
	ask->operand[0].m = x->a;
	ask->operand[1].m = x->b;
	ask->operands = ask->op == OP_syrk ? 1 : 2;
	ask->result[0].m = x->p;
	ask->results = 1;
	if (ask->op == OP_syrk)
		snprintf(ask->query, sizeof(ask->query), "uplo=%s&trans=%c%s",
			c->uplo == 'L' ? "lower" : "upper", tolower(p->transa), alpha);
	else
		snprintf(ask->query, sizeof(ask->query), "transa=%c&transb=%c%s%s",
			tolower(p->transa), tolower(p->transb), alpha, fast);
}

/* Of a rank-k update one half is the answer. */
static bool mirror(struct product *x, char uplo)
{
	struct matrix whole = matrix_whole(&x->p, FORM_SYMMETRIC, uplo);

	if (whole.data == NULL)
		return false;
	free(x->mine);
	x->p = whole;
	x->mine = whole.data;
	return true;
}

static void check(struct job *job, const struct product *x)
{
	const struct plan *p = job->plan;
	struct side given = {1, 1, {{.m = x->p, .trans = 'N'}}};
	struct side factors = {cimag(p->alpha) == 0 ? p->alpha : 1, 2,
		{{.m = x->a, .trans = p->transa}, {.m = x->b, .trans = p->transb}}};

	job->verdict = CHECK_RIGHT;
	if (job->check.rounds > 0)
		job->verdict = check_equal(&job->check, &given, &factors, p->k, 0);
}

bool job_product(struct job *job)
{
	struct product x = {0};
	bool done = false;

	job->why = "there is no memory for what the service would send";
	if (!operands(job, &x) || !target(job, &x))
		goto out;
	job->why = NULL;
	describe(job, &x);
	job->outcome = service_ask(&job->ask, &job->told);
	if (job->outcome != ASK_DONE)
		goto out;
	if (job->ask.op == OP_syrk && !mirror(&x, job->call->uplo))
		goto out;
	check(job, &x);
	done = job->verdict == CHECK_RIGHT;
	if (done && x.mine != NULL)
		matrix_add(&x.to, &x.p, &x.sum);
out:
	free(x.whole);
	free(x.mine);
	return done;
}

/* Ones times ones: k everywhere. */
bool job_probe(struct job *job, int64_t m, int64_t n, int64_t k)
{
	struct matrix a = matrix_new('d', m, k), b = matrix_new('d', k, n),
		      p = matrix_new('d', m, n);
	bool right = false;

	if (a.data == NULL || b.data == NULL || p.data == NULL)
		goto out;
	for (int64_t i = 0; i < m * k; i++)
		((double *)a.data)[i] = 1;
	for (int64_t i = 0; i < k * n; i++)
		((double *)b.data)[i] = 1;
	job->ask.op = OP_multiply;
	job->ask.operand[0].m = a;
	job->ask.operand[1].m = b;
	job->ask.operands = 2;
	job->ask.result[0].m = p;
	job->ask.results = 1;
	job->outcome = service_ask(&job->ask, &job->told);
	right = job->outcome == ASK_DONE;
	for (int64_t i = 0; right && i < m * n; i++)
		right = ((double *)p.data)[i] == (double)k;
	job->verdict = right ? CHECK_RIGHT : CHECK_WRONG;
out:
	free(a.data);
	free(b.data);
	free(p.data);
	return right;
}
