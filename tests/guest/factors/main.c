/*
 * factors - five solvers of LAPACK. The payload is a line, "s 5 5": what to do, rows and columns of A; then A, column by
 * column, and a vector with a number for each row, all float64. Replies
 *	s	x of A x = b (dgesv)
 *	p	A's Cholesky factor, upper triangle, and what lies below it as it was (dpotrf)
 *	l	x of the least |A x - b| (dgels)
 *	e	eigenvalues of the symmetric A, of which the upper triangle is read (dsyevd)
 *	v	singular values of A (dgesdd)
 */
#include <stdio.h>

#include <mayfly.h>

void dgesv_(const int *n, const int *nrhs, double *a, const int *lda, int *ipiv, double *b,
	const int *ldb, int *info);
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t);
void dgels_(const char *trans, const int *m, const int *n, const int *nrhs, double *a,
	const int *lda, double *b, const int *ldb, double *work, const int *lwork, int *info,
	size_t);
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
	double *work, const int *lwork, int *iwork, const int *liwork, int *info, size_t, size_t);
void dgesdd_(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s,
	double *u, const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork,
	int *iwork, int *info, size_t);

#define WORK (128 << 10)

static double work[WORK];
static int iwork[WORK];
static const int lwork = WORK, one = 1;

static void reply(const double *numbers, int count, int info)
{
	if (info != 0)
		mf_fail("info %d", info);
	mf_reply_bytes(numbers, (size_t)count * sizeof(*numbers));
}

void mf_main(const struct mf_event *ev)
{
	const struct mf_str in = mf_payload(ev);
	char what;
	int m, n, line, info = 0;
	double *a, *b, *w;

	if (sscanf((const char *)in.p, "%c %d %d%n", &what, &m, &n, &line) != 3 ||
		in.n != (size_t)line + 1 + sizeof(double) * (size_t)(m * n + m))
		mf_fail("not of the form");
	a = mf_alloc(sizeof(double) * (size_t)(m * n));
	b = mf_alloc(sizeof(double) * (size_t)m);
	w = mf_alloc(sizeof(double) * (size_t)m);
	memcpy(a, in.p + line + 1, sizeof(double) * (size_t)(m * n));
	memcpy(b, in.p + line + 1 + sizeof(double) * (size_t)(m * n), sizeof(double) * (size_t)m);
	switch (what) {
	case 's': dgesv_(&n, &one, a, &m, iwork, b, &m, &info); return reply(b, n, info);
	case 'p': dpotrf_("U", &n, a, &m, &info, 1); return reply(a, n * n, info);
	case 'l':
		dgels_("N", &m, &n, &one, a, &m, b, &m, work, &lwork, &info, 1);
		return reply(b, n, info);
	case 'e':
		dsyevd_("V", "U", &n, a, &m, w, work, &lwork, iwork, &lwork, &info, 1, 1);
		return reply(w, n, info);
	default:
		dgesdd_("N", &m, &n, a, &m, w, work, &one, work, &one, work, &lwork, iwork, &info,
			1);
		return reply(w, n, info);
	}
}
