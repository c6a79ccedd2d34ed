/*
 * client/blas/groups.h - arguments of Fortran's routines by group, as lists for the preprocessor: G_PARAMS declares
 * them, G_ARGS passes them on, G_WORK is the product of its dimensions (what thresholds are held against), G_SAY
 * puts them into a struct call. Lengths of characters, which Fortran's compilers pass behind all others and C
 * programs don't, are named so that they go along as they came; nobody reads them.
 */
#ifndef CLIENT_BLAS_GROUPS_H
#define CLIENT_BLAS_GROUPS_H

#include <stddef.h>

#define GREATER(a, b)     ((a) > (b) ? (a) : (b))
#define PRODUCT3(a, b, c) ((double)(a) * (double)(b) * (double)(c))

#define GEMM_PARAMS                                                                                \
	const char *transa, const char *transb, const int *m, const int *n, const int *k,          \
		const void *alpha, const void *a, const int *lda, const void *b, const int *ldb,   \
		const void *beta, void *c, const int *ldc, size_t l1, size_t l2
#define GEMM_ARGS transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, l1, l2
#define GEMM_WORK PRODUCT3(*m, *n, *k)
#define GEMM_SAY                                                                                   \
	.transa = *transa, .transb = *transb, .m = *m, .n = *n, .k = *k, .alpha = alpha, .a = a,   \
	.lda = *lda, .b = b, .ldb = *ldb, .beta = beta, .c = c, .ldc = *ldc

#define SYMM_PARAMS                                                                                \
	const char *side, const char *uplo, const int *m, const int *n, const void *alpha,         \
		const void *a, const int *lda, const void *b, const int *ldb, const void *beta,    \
		void *c, const int *ldc, size_t l1, size_t l2
#define SYMM_ARGS side, uplo, m, n, alpha, a, lda, b, ldb, beta, c, ldc, l1, l2
#define SYMM_WORK PRODUCT3(*m, *n, GREATER(*m, *n))
#define SYMM_SAY                                                                                   \
	.side = *side, .uplo = *uplo, .m = *m, .n = *n, .alpha = alpha, .a = a, .lda = *lda,       \
	.b = b, .ldb = *ldb, .beta = beta, .c = c, .ldc = *ldc

#define SYRK_PARAMS                                                                                \
	const char *uplo, const char *trans, const int *n, const int *k, const void *alpha,        \
		const void *a, const int *lda, const void *beta, void *c, const int *ldc,          \
		size_t l1, size_t l2
#define SYRK_ARGS uplo, trans, n, k, alpha, a, lda, beta, c, ldc, l1, l2
#define SYRK_WORK PRODUCT3(*n, *n, *k)
#define SYRK_SAY                                                                                   \
	.uplo = *uplo, .transa = *trans, .n = *n, .k = *k, .alpha = alpha, .a = a, .lda = *lda,    \
	.beta = beta, .c = c, .ldc = *ldc

#define SYR2K_PARAMS                                                                               \
	const char *uplo, const char *trans, const int *n, const int *k, const void *alpha,        \
		const void *a, const int *lda, const void *b, const int *ldb, const void *beta,    \
		void *c, const int *ldc, size_t l1, size_t l2
#define SYR2K_ARGS uplo, trans, n, k, alpha, a, lda, b, ldb, beta, c, ldc, l1, l2
#define SYR2K_WORK PRODUCT3(*n, *n, *k)
#define SYR2K_SAY                                                                                  \
	.uplo = *uplo, .transa = *trans, .n = *n, .k = *k, .alpha = alpha, .a = a, .lda = *lda,    \
	.b = b, .ldb = *ldb, .beta = beta, .c = c, .ldc = *ldc

#define TRMM_PARAMS                                                                                \
	const char *side, const char *uplo, const char *transa, const char *diag, const int *m,    \
		const int *n, const void *alpha, const void *a, const int *lda, void *b,           \
		const int *ldb, size_t l1, size_t l2, size_t l3, size_t l4
#define TRMM_ARGS side, uplo, transa, diag, m, n, alpha, a, lda, b, ldb, l1, l2, l3, l4
#define TRMM_WORK PRODUCT3(*m, *n, GREATER(*m, *n))
#define TRMM_SAY                                                                                   \
	.side = *side, .uplo = *uplo, .transa = *transa, .diag = *diag, .m = *m, .n = *n,          \
	.alpha = alpha, .a = a, .lda = *lda, .c = b, .ldc = *ldb

/* ---- LAPACK: a is read and written, and stands in c too where it is the result */
#define GETRF_PARAMS const int *m, const int *n, void *a, const int *lda, int *ipiv, int *info
#define GETRF_ARGS   m, n, a, lda, ipiv, info
#define GETRF_WORK   PRODUCT3(*m, *n, *n)
#define GETRF_SAY    .m = *m, .n = *n, .c = a, .ldc = *lda, .ipiv = ipiv, .info = info

#define GETRS_PARAMS                                                                               \
	const char *trans, const int *n, const int *nrhs, const void *a, const int *lda,           \
		int *ipiv, void *b, const int *ldb, int *info, size_t l1
#define GETRS_ARGS trans, n, nrhs, a, lda, ipiv, b, ldb, info, l1
#define GETRS_WORK PRODUCT3(*n, *n, *nrhs)
#define GETRS_SAY                                                                                  \
	.transa = *trans, .n = *n, .k = *nrhs, .a = a, .lda = *lda, .ipiv = ipiv, .c = b,          \
	.ldc = *ldb, .info = info

#define GESV_PARAMS                                                                                \
	const int *n, const int *nrhs, void *a, const int *lda, int *ipiv, void *b,                \
		const int *ldb, int *info
#define GESV_ARGS n, nrhs, a, lda, ipiv, b, ldb, info
#define GESV_WORK PRODUCT3(*n, *n, *n + *nrhs)
#define GESV_SAY                                                                                   \
	.m = *n, .n = *n, .k = *nrhs, .c = a, .ldc = *lda, .ipiv = ipiv, .u = b, .ldu = *ldb,      \
	.info = info

#define POTRF_PARAMS const char *uplo, const int *n, void *a, const int *lda, int *info, size_t l1
#define POTRF_ARGS   uplo, n, a, lda, info, l1
#define POTRF_WORK   PRODUCT3(*n, *n, *n)
#define POTRF_SAY    .uplo = *uplo, .n = *n, .c = a, .ldc = *lda, .info = info

#define POTRS_PARAMS                                                                               \
	const char *uplo, const int *n, const int *nrhs, const void *a, const int *lda, void *b,   \
		const int *ldb, int *info, size_t l1
#define POTRS_ARGS uplo, n, nrhs, a, lda, b, ldb, info, l1
#define POTRS_WORK PRODUCT3(*n, *n, *nrhs)
#define POTRS_SAY                                                                                  \
	.uplo = *uplo, .n = *n, .k = *nrhs, .a = a, .lda = *lda, .c = b, .ldc = *ldb, .info = info

#define POSV_PARAMS                                                                                \
	const char *uplo, const int *n, const int *nrhs, void *a, const int *lda, void *b,         \
		const int *ldb, int *info, size_t l1
#define POSV_ARGS uplo, n, nrhs, a, lda, b, ldb, info, l1
#define POSV_WORK PRODUCT3(*n, *n, *n + *nrhs)
#define POSV_SAY                                                                                   \
	.uplo = *uplo, .n = *n, .k = *nrhs, .c = a, .ldc = *lda, .u = b, .ldu = *ldb, .info = info

#define GEQRF_PARAMS                                                                               \
	const int *m, const int *n, void *a, const int *lda, void *tau, void *work,                \
		const int *lwork, int *info
#define GEQRF_ARGS m, n, a, lda, tau, work, lwork, info
#define GEQRF_WORK PRODUCT3(*m, *n, *n)
#define GEQRF_SAY                                                                                  \
	.m = *m, .n = *n, .c = a, .ldc = *lda, .s = tau, .work = work, .lwork = *lwork, .info = info

#define GELS_PARAMS                                                                                \
	const char *trans, const int *m, const int *n, const int *nrhs, void *a, const int *lda,   \
		void *b, const int *ldb, void *work, const int *lwork, int *info, size_t l1
#define GELS_ARGS trans, m, n, nrhs, a, lda, b, ldb, work, lwork, info, l1
#define GELS_WORK PRODUCT3(*m, *n, *n)
#define GELS_SAY                                                                                   \
	.transa = *trans, .m = *m, .n = *n, .k = *nrhs, .c = a, .ldc = *lda, .u = b, .ldu = *ldb,  \
	.work = work, .lwork = *lwork, .info = info

#define SYEV_PARAMS                                                                                \
	const char *jobz, const char *uplo, const int *n, void *a, const int *lda, void *w,        \
		void *work, const int *lwork, int *info, size_t l1, size_t l2
#define SYEV_ARGS jobz, uplo, n, a, lda, w, work, lwork, info, l1, l2
#define SYEV_WORK PRODUCT3(*n, *n, *n)
#define SYEV_SAY                                                                                   \
	.job = *jobz, .uplo = *uplo, .n = *n, .c = a, .ldc = *lda, .s = w, .work = work,           \
	.lwork = *lwork, .info = info

#define SYEVD_PARAMS                                                                               \
	const char *jobz, const char *uplo, const int *n, void *a, const int *lda, void *w,        \
		void *work, const int *lwork, int *iwork, const int *liwork, int *info, size_t l1, \
		size_t l2
#define SYEVD_ARGS jobz, uplo, n, a, lda, w, work, lwork, iwork, liwork, info, l1, l2
#define SYEVD_WORK PRODUCT3(*n, *n, *n)
#define SYEVD_SAY                                                                                  \
	.job = *jobz, .uplo = *uplo, .n = *n, .c = a, .ldc = *lda, .s = w, .work = work,           \
	.lwork = *lwork, .liwork = *liwork, .info = info

#define GESDD_PARAMS                                                                               \
	const char *jobz, const int *m, const int *n, void *a, const int *lda, void *s, void *u,   \
		const int *ldu, void *vt, const int *ldvt, void *work, const int *lwork,           \
		int *iwork, int *info, size_t l1
#define GESDD_ARGS jobz, m, n, a, lda, s, u, ldu, vt, ldvt, work, lwork, iwork, info, l1
#define GESDD_WORK PRODUCT3(*m, *n, *n)
#define GESDD_SAY                                                                                  \
	.job = *jobz, .m = *m, .n = *n, .c = a, .ldc = *lda, .s = s, .u = u, .ldu = *ldu,          \
	.vt = vt, .ldvt = *ldvt, .work = work, .lwork = *lwork, .info = info

/* ---- called, never entered */
#define ORMQR_PARAMS                                                                               \
	const char *side, const char *trans, const int *m, const int *n, const int *k,             \
		const void *a, const int *lda, const void *tau, void *c, const int *ldc,           \
		void *work, const int *lwork, int *info, size_t l1, size_t l2
#define TRTRS_PARAMS                                                                               \
	const char *uplo, const char *trans, const char *diag, const int *n, const int *nrhs,      \
		const void *a, const int *lda, void *b, const int *ldb, int *info, size_t l1,      \
		size_t l2, size_t l3

#endif
