/*
 * client/blas/centry.c - the same as client/blas/entry.c for CBLAS's names (level 3 only), from the same table.
 * Orders, transposes and the like are CBLAS's numbers; they become BLAS's letters here, 0 for a wrong one.
 */
#include "client/blas/call.h"
#include "client/blas/groups.h"

#define EXPORT     __attribute__((visibility("default")))
#define TYPE_OF(t) (#t[0])

/* How scalars are passed: real ones by value, complex ones by address. herk's are real, and so is her2k's beta. */
#define SCALAR_s          float
#define SCALAR_d          double
#define SCALAR_c          const void *
#define SCALAR_z          const void *
#define REAL_c            float
#define REAL_z            double
#define AT_s(x)           (&(x))
#define AT_d(x)           (&(x))
#define AT_c(x)           (x)
#define AT_z(x)           (x)
#define ALPHA_gemm(t)     SCALAR_##t
#define ALPHA_symm(t)     SCALAR_##t
#define ALPHA_hemm(t)     SCALAR_##t
#define ALPHA_syrk(t)     SCALAR_##t
#define ALPHA_herk(t)     REAL_##t
#define ALPHA_syr2k(t)    SCALAR_##t
#define ALPHA_her2k(t)    SCALAR_##t
#define ALPHA_trmm(t)     SCALAR_##t
#define ALPHA_trsm(t)     SCALAR_##t
#define BETA_gemm(t)      SCALAR_##t
#define BETA_symm(t)      SCALAR_##t
#define BETA_hemm(t)      SCALAR_##t
#define BETA_syrk(t)      SCALAR_##t
#define BETA_herk(t)      REAL_##t
#define BETA_syr2k(t)     SCALAR_##t
#define BETA_her2k(t)     REAL_##t
#define BETA_trmm(t)      SCALAR_##t
#define BETA_trsm(t)      SCALAR_##t
#define AT_REAL(x)        (&(x))
#define ALPHA_AT_gemm(t)  AT_##t(alpha)
#define ALPHA_AT_symm(t)  AT_##t(alpha)
#define ALPHA_AT_hemm(t)  AT_##t(alpha)
#define ALPHA_AT_syrk(t)  AT_##t(alpha)
#define ALPHA_AT_herk(t)  AT_REAL(alpha)
#define ALPHA_AT_syr2k(t) AT_##t(alpha)
#define ALPHA_AT_her2k(t) AT_##t(alpha)
#define ALPHA_AT_trmm(t)  AT_##t(alpha)
#define ALPHA_AT_trsm(t)  AT_##t(alpha)
#define BETA_AT_gemm(t)   AT_##t(beta)
#define BETA_AT_symm(t)   AT_##t(beta)
#define BETA_AT_hemm(t)   AT_##t(beta)
#define BETA_AT_syrk(t)   AT_##t(beta)
#define BETA_AT_herk(t)   AT_REAL(beta)
#define BETA_AT_syr2k(t)  AT_##t(beta)
#define BETA_AT_her2k(t)  AT_REAL(beta)

/* ---- arguments by group: alpha's and beta's types come in */
#define GEMM_CPARAMS(A, B)                                                                         \
	int order, int transa, int transb, int m, int n, int k, A alpha, const void *a, int lda,   \
		const void *b, int ldb, B beta, void *c, int ldc
#define GEMM_CARGS order, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc
#define GEMM_CWORK PRODUCT3(m, n, k)
#define GEMM_CSAY(ALPHA, BETA)                                                                     \
	.transa = letter(transa), .transb = letter(transb), .m = m, .n = n, .k = k,                \
	.alpha = (ALPHA), .a = a, .lda = lda, .b = b, .ldb = ldb, .beta = (BETA), .c = c,          \
	.ldc = ldc

#define SYMM_CPARAMS(A, B)                                                                         \
	int order, int side, int uplo, int m, int n, A alpha, const void *a, int lda,              \
		const void *b, int ldb, B beta, void *c, int ldc
#define SYMM_CARGS order, side, uplo, m, n, alpha, a, lda, b, ldb, beta, c, ldc
#define SYMM_CWORK PRODUCT3(m, n, GREATER(m, n))
#define SYMM_CSAY(ALPHA, BETA)                                                                     \
	.side = letter(side), .uplo = letter(uplo), .m = m, .n = n, .alpha = (ALPHA), .a = a,      \
	.lda = lda, .b = b, .ldb = ldb, .beta = (BETA), .c = c, .ldc = ldc

#define SYRK_CPARAMS(A, B)                                                                         \
	int order, int uplo, int trans, int n, int k, A alpha, const void *a, int lda, B beta,     \
		void *c, int ldc
#define SYRK_CARGS order, uplo, trans, n, k, alpha, a, lda, beta, c, ldc
#define SYRK_CWORK PRODUCT3(n, n, k)
#define SYRK_CSAY(ALPHA, BETA)                                                                     \
	.uplo = letter(uplo), .transa = letter(trans), .n = n, .k = k, .alpha = (ALPHA), .a = a,   \
	.lda = lda, .beta = (BETA), .c = c, .ldc = ldc

#define SYR2K_CPARAMS(A, B)                                                                        \
	int order, int uplo, int trans, int n, int k, A alpha, const void *a, int lda,             \
		const void *b, int ldb, B beta, void *c, int ldc
#define SYR2K_CARGS order, uplo, trans, n, k, alpha, a, lda, b, ldb, beta, c, ldc
#define SYR2K_CWORK PRODUCT3(n, n, k)
#define SYR2K_CSAY(ALPHA, BETA)                                                                    \
	.uplo = letter(uplo), .transa = letter(trans), .n = n, .k = k, .alpha = (ALPHA), .a = a,   \
	.lda = lda, .b = b, .ldb = ldb, .beta = (BETA), .c = c, .ldc = ldc

/* beta's type isn't used */
#define TRMM_CPARAMS(A, B)                                                                         \
	int order, int side, int uplo, int transa, int diag, int m, int n, A alpha, const void *a, \
		int lda, void *b, int ldb
#define TRMM_CARGS order, side, uplo, transa, diag, m, n, alpha, a, lda, b, ldb
#define TRMM_CWORK PRODUCT3(m, n, GREATER(m, n))
#define TRMM_CSAY(ALPHA, BETA)                                                                     \
	.side = letter(side), .uplo = letter(uplo), .transa = letter(transa),                      \
	.diag = letter(diag), .m = m, .n = n, .alpha = (ALPHA), .a = a, .lda = lda, .c = b,        \
	.ldc = ldb

enum { ROW_MAJOR = 101, COLUMN_MAJOR = 102, NUMBERS = 111, NUMBERS_END = 143 };

static char letter(int number)
{
	static const char letters[NUMBERS_END - NUMBERS] = {[111 - NUMBERS] = 'N',
		[112 - NUMBERS] = 'T',
		[113 - NUMBERS] = 'C',
		[121 - NUMBERS] = 'U',
		[122 - NUMBERS] = 'L',
		[131 - NUMBERS] = 'N',
		[132 - NUMBERS] = 'U',
		[141 - NUMBERS] = 'L',
		[142 - NUMBERS] = 'R'};

	return number >= NUMBERS && number < NUMBERS_END ? letters[number - NUMBERS] : 0;
}

#define CPARAMS(t, name, GROUP) GROUP##_CPARAMS(ALPHA_##name(t), BETA_##name(t))
#define LOCAL(t, name, GROUP)   ((void (*)(CPARAMS(t, name, GROUP)))routines[ROUTINE_##t##name].cblas)

#define X(t, name, GROUP)                                                                          \
	static __attribute__((noinline)) void larger_##t##name(CPARAMS(t, name, GROUP))            \
	{                                                                                          \
		struct call call = {.id = ROUTINE_##t##name,                                       \
			.kind = KIND_##name,                                                       \
			.type = TYPE_OF(t),                                                        \
			.row_major = order == ROW_MAJOR,                                           \
			.wrong = order != ROW_MAJOR && order != COLUMN_MAJOR,                      \
			GROUP##_CSAY(ALPHA_AT_##name(t), BETA_AT_##name(t))};                      \
                                                                                                   \
		if (call_begin(&call))                                                             \
			return;                                                                    \
		LOCAL(t, name, GROUP)(GROUP##_CARGS);                                              \
		call_end(&call);                                                                   \
	}                                                                                          \
                                                                                                   \
	EXPORT void cblas_##t##name(CPARAMS(t, name, GROUP));                                      \
	void cblas_##t##name(CPARAMS(t, name, GROUP))                                              \
	{                                                                                          \
		const struct routine *r = &routines[ROUTINE_##t##name];                            \
                                                                                                   \
		if (__builtin_expect(GROUP##_CWORK <                                               \
				    atomic_load_explicit(&r->threshold, memory_order_acquire),     \
			    1))                                                                    \
			LOCAL(t, name, GROUP)(GROUP##_CARGS);                                      \
		else                                                                               \
			larger_##t##name(GROUP##_CARGS);                                           \
	}
BLAS_LEVEL3(X)
#undef X
