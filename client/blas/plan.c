#include "client/blas/plan.h"

#include <math.h>
#include <string.h>

static void swap_ints(int *a, int *b)
{
	int had = *a;

	*a = *b;
	*b = had;
}

static char other(char letter, const char *pair)
{
	return letter == pair[0] ? pair[1] : letter == pair[1] ? pair[0] : letter;
}

/* BLAS takes small letters too. */
static char large(char letter)
{
	return letter >= 'a' && letter <= 'z' ? (char)(letter - 'a' + 'A') : letter;
}

static void letters(struct call *call)
{
	char *const of[] = {
		&call->transa, &call->transb, &call->side, &call->uplo, &call->diag, &call->job};

	for (unsigned i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		*of[i] = large(*of[i]);
}

/* A matrix in rows is its transpose in columns. */
void plan_columns(struct call *call)
{
	letters(call);
	if (!call->row_major)
		return;
	call->row_major = false;
	call->uplo = other(call->uplo, "UL");
	call->side = other(call->side, "LR");
	switch (call->kind) {
	case KIND_gemm: {
		const void *a = call->a;
		char transa = call->transa;

		call->a = call->b;
		call->b = a;
		call->transa = call->transb;
		call->transb = transa;
		swap_ints(&call->lda, &call->ldb);
		swap_ints(&call->m, &call->n);
		break;
	}
	case KIND_syrk:
	case KIND_syr2k: call->transa = other(call->transa, "NT"); break;
	case KIND_herk: call->transa = other(call->transa, "NC"); break;
	case KIND_her2k: /* B A' + A B' with alpha and its conjugate: A and B change places */
		call->transa = other(call->transa, "NC");
		const void *a = call->a;
		call->a = call->b;
		call->b = a;
		swap_ints(&call->lda, &call->ldb);
		break;
	default: swap_ints(&call->m, &call->n); break;
	}
}

/* ---- which operation, which arguments */

/* For each kind: what it is asked as, and what its letters may be; an empty set: it has none. Of complex types, which
 * the service only multiplies, op2. */
static const struct rule {
	enum service_op op, op2;
	const char *transa, *transb, *side, *uplo, *diag, *job;
} rules[KINDS] = {
	[KIND_gemm] = {OP_multiply, OP_multiply, "NTC", "NTC", "", "", "", ""},
	[KIND_symm] = {OP_multiply, OP_multiply, "", "", "LR", "LU", "", ""},
	[KIND_hemm] = {OPS, OP_multiply, "", "", "LR", "LU", "", ""},
	[KIND_syrk] = {OP_syrk, OP_multiply, "NTC", "", "", "LU", "", ""},
	[KIND_herk] = {OPS, OP_multiply, "NC", "", "", "LU", "", ""},
	[KIND_syr2k] = {OP_multiply, OP_multiply, "NTC", "", "", "LU", "", ""},
	[KIND_her2k] = {OPS, OP_multiply, "NC", "", "", "LU", "", ""},
	[KIND_trmm] = {OP_multiply, OP_multiply, "NTC", "", "LR", "LU", "NU", ""},
	[KIND_trsm] = {OP_trsm, OPS, "NTC", "", "LR", "LU", "NU", ""},
	[KIND_getrf] = {OP_lu, OPS, "", "", "", "", "", ""},
	[KIND_getrs] = {OP_getrs, OPS, "NTC", "", "", "", "", ""},
	[KIND_gesv] = {OP_lu, OPS, "", "", "", "", "", ""},
	[KIND_potrf] = {OP_cholesky, OPS, "", "", "", "LU", "", ""},
	[KIND_potrs] = {OP_potrs, OPS, "", "", "", "LU", "", ""},
	[KIND_posv] = {OP_cholesky, OPS, "", "", "", "LU", "", ""},
	[KIND_geqrf] = {OP_qr, OPS, "", "", "", "", "", ""},
	[KIND_gels] = {OP_qr, OPS, "NT", "", "", "", "", ""},
	[KIND_syev] = {OP_eigh, OPS, "", "", "", "LU", "", "NV"},
	[KIND_syevd] = {OP_eigh, OPS, "", "", "", "LU", "", "NV"},
	[KIND_gesdd] = {OP_svd, OPS, "", "", "", "", "", "ASN"},
};

enum service_op plan_op(enum kind kind, char type)
{
	return type_is_complex(type) ? rules[kind].op2 : rules[kind].op;
}

static bool in(char letter, const char *set)
{
	return *set == '\0' || (letter != '\0' && strchr(set, letter) != NULL);
}

static bool letters_fit(const struct call *c)
{
	const struct rule *r = &rules[c->kind];

	if (c->kind == KIND_syrk || c->kind == KIND_syr2k)
		if (type_is_complex(c->type) && c->transa == 'C')
			return false;
	return in(c->transa, r->transa) && in(c->transb, r->transb) && in(c->side, r->side) &&
		in(c->uplo, r->uplo) && in(c->diag, r->diag) && in(c->job, r->job);
}

static int rows(char trans, int if_not, int if_so)
{
	return trans == 'N' ? if_not : if_so;
}

/* Rows that each operand has in memory, against its leading dimension. */
static bool dimensions_fit(const struct call *c)
{
	int n = c->n, square = c->side == 'L' ? c->m : n;

	switch (c->kind) {
	case KIND_gemm:
		return c->lda >= rows(c->transa, c->m, c->k) &&
			c->ldb >= rows(c->transb, c->k, n) && c->ldc >= c->m;
	case KIND_symm:
	case KIND_hemm: return c->lda >= square && c->ldb >= c->m && c->ldc >= c->m;
	case KIND_syrk:
	case KIND_herk: return c->lda >= rows(c->transa, n, c->k) && c->ldc >= n;
	case KIND_syr2k:
	case KIND_her2k:
		return c->lda >= rows(c->transa, n, c->k) && c->ldb >= rows(c->transa, n, c->k) &&
			c->ldc >= n;
	case KIND_trmm:
	case KIND_trsm: return c->lda >= square && c->ldc >= c->m;
	case KIND_getrf:
	case KIND_geqrf: return c->ldc >= c->m && c->lwork != -1;
	case KIND_getrs:
	case KIND_potrs: return c->lda >= n && c->ldc >= n;
	case KIND_gesv:
	case KIND_posv: return c->ldc >= n && c->ldu >= n;
	case KIND_gels: return c->ldc >= c->m && c->ldu >= (c->m > n ? c->m : n);
	case KIND_syev:
	case KIND_syevd: return c->ldc >= n;
	default:
		return c->ldc >= c->m &&
			(c->job == 'N' ||
				(c->ldu >= c->m &&
					c->ldvt >= (c->job == 'A' || c->m > n ? n : c->m)));
	}
}

/* LAPACK refuses less working memory than its documentation asks for; the service needs none. */
static bool work_fits(const struct call *c)
{
	int64_t m = c->m, n = c->n, least = 1, mn = m < n ? m : n, mx = m < n ? n : m;

	switch (c->kind) {
	case KIND_geqrf: least = n; break;
	case KIND_gels: least = mn + (mn > c->k ? mn : c->k); break;
	case KIND_syev: least = 3 * n - 1; break;
	case KIND_syevd:
		least = c->job == 'V' ? 1 + 6 * n + 2 * n * n : 2 * n + 1;
		if (c->liwork < (c->job == 'V' ? 3 + 5 * n : 1))
			return false;
		break;
	case KIND_gesdd:
		least = c->job == 'N' ? 3 * mn + (mx > 7 * mn ? mx : 7 * mn) : 3 * mn * mn + 7 * mn;
		break;
	default: return true;
	}
	return c->lwork >= least;
}

static double complex scalar(const struct call *c, const void *p, bool real)
{
	if (p == NULL)
		return 1;
	switch (c->type) {
	case 's': return (double)*(const float *)p;
	case 'd': return *(const double *)p;
	case 'c':
		return real ? (double)*(const float *)p
			    : (double complex) * (const float complex *)p;
	default: return real ? *(const double *)p : *(const double complex *)p;
	}
}

/* ---- work */

static double factor_flops(double m, double n) /* LU; QR takes twice */
{
	return m >= n ? m * n * n - n * n * n / 3 : n * m * m - m * m * m / 3;
}

static void count_product(const struct call *c, struct plan *p)
{
	double size = (double)type_size(c->type);
	double order = c->side == 'L' ? c->m : c->n; /* of a square operand */

	p->transa = rules[c->kind].transa[0] != '\0' ? c->transa : 'N';
	p->transb = 'N';
	p->m = c->m;
	p->n = c->n;
	p->k = c->side != 0 ? (int64_t)order : c->k;
	if (c->kind == KIND_gemm) {
		p->transb = c->transb;
	} else if (c->side == 0) { /* updates: op(A) times its own or B's transpose */
		bool conjugate = c->kind == KIND_herk || c->kind == KIND_her2k;

		p->m = c->n;
		p->transa = c->transa == 'N' ? 'N' : conjugate ? 'C' : 'T';
		p->transb = c->transa != 'N' ? 'N' : conjugate ? 'C' : 'T';
	} else if (c->side == 'R') { /* the triangle or half is the second factor */
		p->transb = p->transa;
		p->transa = 'N';
	}
	p->here = 2.0 * (double)p->m * (double)p->n * (double)p->k;
	p->load.flops = p->here;
	p->load.up = ((double)p->m * (double)p->k + (double)p->k * (double)p->n) * size;
	p->load.down = (double)p->m * (double)p->n * size;
	if (c->kind == KIND_trmm || c->kind == KIND_syrk || c->kind == KIND_herk)
		p->here /= 2;
	if (p->load.op == OP_syrk) {
		p->load.flops /= 2;
		p->load.up /= 2;
	}
}

static void count_solver(const struct call *c, struct plan *p)
{
	double m = c->m, n = c->n, k = c->k, size = (double)type_size(c->type);
	double least = m < n ? m : n, most = m < n ? n : m;

	switch (c->kind) {
	case KIND_trsm:
		p->here = m * n * (c->side == 'L' ? m : n);
		p->load.up = (m * n + (c->side == 'L' ? m * m : n * n)) * size;
		p->load.down = m * n * size;
		break;
	case KIND_getrs:
	case KIND_potrs:
		p->here = 2 * n * n * k;
		p->load.up = n * (n + k) * size;
		p->load.down = n * k * size;
		break;
	case KIND_posv: p->rest = 2 * n * n * k; /* fall through */
	case KIND_potrf:
		p->here = n * n * n / 3 + p->rest;
		p->load.up = p->load.down = n * n * size;
		break;
	case KIND_syev:
	case KIND_syevd:
		p->here = (c->job == 'V' ? 9 : 4.0 / 3) * n * n * n;
		p->load.up = n * n * size;
		p->load.down = (c->job == 'V' ? n * n : n) * size;
		break;
	case KIND_gesdd:
		p->here = c->job == 'N' ? 4 * factor_flops(m, n)
					: 4 * most * least * least + 22 * least * least * least;
		p->load.up = m * n * size;
		p->load.down = c->job == 'N' ? least * size
			: c->job == 'A'      ? (m * m + n * n) * size
					     : (m + n) * least * size;
		break;
	default: /* LU and QR, and what is solved with them */
		p->rest = c->kind == KIND_gesv ? 2 * n * n * k
			: c->kind == KIND_gels ? 4 * m * n * k
					       : 0;
		p->here = factor_flops(m, n) * (p->load.op == OP_qr ? 2 : 1) + p->rest;
		p->load.up = p->load.down = m * n * size;
		break;
	}
	p->load.flops = p->here - p->rest;
}

const char *plan_make(const struct call *c, unsigned rounds, struct plan *p)
{
	bool hermitian = c->kind == KIND_herk;

	*p = (struct plan){.load.op = plan_op(c->kind, c->type), .load.type = c->type};
	if (c->wrong || !letters_fit(c) || !dimensions_fit(c) || !work_fits(c))
		return "arguments for the local routine to look at";
	if (c->m < 0 || c->n <= 0 || c->k < 0 || (c->m == 0 && c->kind < KIND_syrk))
		return "nothing to compute, or a wrong size";
	if (c->kind <= KIND_trmm)
		count_product(c, p);
	else
		count_solver(c, p);
	p->alpha = scalar(c, c->alpha, hermitian);
	p->beta = c->beta != NULL ? scalar(c, c->beta, hermitian || c->kind == KIND_her2k) : 0;
	if (type_is_complex(c->type)) {
		p->here *= 4;
		p->load.flops *= 4;
	}
	p->load.beside = 2 * p->load.down + (rounds > 0 ? p->load.up + p->load.down : 0);
	if (p->load.op == OPS)
		return "the service has no such operation";
	if (!(p->here > 0) || p->load.up <= 0)
		return "nothing to compute";
	if (c->kind <= KIND_trsm &&
		(p->alpha == 0 || !isfinite(creal(p->alpha)) || !isfinite(cimag(p->alpha))))
		return "alpha is 0, or no number";
	if (c->kind == KIND_gels && (c->transa != 'N' || c->m < c->n))
		return "only overdetermined systems go out";
	if (c->job == 'N' && rounds > 0 && (c->kind >= KIND_syev))
		return "values without vectors can't be checked";
	return NULL;
}

/* ---- factors that are kept */

bool plan_factor(const struct call *c, struct factor_kind_of *kind)
{
	enum service_op op = plan_op(c->kind, c->type);
	bool lu = op == OP_lu || op == OP_getrs, makes = op == OP_lu || op == OP_cholesky;

	*kind = (struct factor_kind_of){.type = c->type, .uplo = lu ? 0 : c->uplo, .n = c->n};
	if (op == OP_lu && c->m != c->n) /* only a square one is solved with */
		return false;
	return makes || op == OP_getrs || op == OP_potrs;
}

void plan_keep(const struct call *c, struct plan *p)
{
	p->kept = true;
	p->load.hashed = (double)c->n * (double)c->n * (double)type_size(c->type);
	p->load.up -= p->load.hashed;
}
