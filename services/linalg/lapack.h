/*
 * lapack.h - the routines of BLAS and LAPACK that this service calls, by their Fortran names: all arguments by address,
 * matrices in columns, the lengths of character arguments last (gfortran's convention). What is float or double stands
 * as void *: a table has both, chosen by the type of the operands.
 *
 * Sizes are 32 bits wide, as in the libraries (LP64).
 */
#ifndef LINALG_LAPACK_H
#define LINALG_LAPACK_H

#include <stddef.h>
#include <stdint.h>

typedef const int32_t *in; /* a size, a count */
typedef const char *flag;  /* one letter */

/* --- BLAS, of all four types: 'N' 'T' 'C' */
struct products {
	void (*gemm)(flag transa, flag transb, in m, in n, in k, const void *alpha, const void *a,
		in lda, const void *b, in ldb, const void *beta, void *c, in ldc, size_t, size_t);
	void (*gemv)(flag trans, in m, in n, const void *alpha, const void *a, in lda,
		const void *x, in incx, const void *beta, void *y, in incy, size_t);
};

/* --- BLAS level 3 and LAPACK, of float and double */
struct lapack {
	void (*trsm)(flag side, flag uplo, flag transa, flag diag, in m, in n, const void *alpha,
		const void *a, in lda, void *b, in ldb, size_t, size_t, size_t, size_t);
	void (*syrk)(flag uplo, flag trans, in n, in k, const void *alpha, const void *a, in lda,
		const void *beta, void *c, in ldc, size_t, size_t);
	void (*getrf)(in m, in n, void *a, in lda, int32_t *ipiv, int32_t *info);
	void (*getrs)(flag trans, in n, in nrhs, const void *a, in lda, const int32_t *ipiv,
		void *b, in ldb, int32_t *info, size_t);
	void (*getri)(
		in n, void *a, in lda, const int32_t *ipiv, void *work, in lwork, int32_t *info);
	void (*laswp)(in n, void *a, in lda, in k1, in k2, const int32_t *ipiv, in incx);
	void (*sytrf)(flag uplo, in n, void *a, in lda, int32_t *ipiv, void *work, in lwork,
		int32_t *info, size_t);
	void (*sytrs)(flag uplo, in n, in nrhs, const void *a, in lda, const int32_t *ipiv, void *b,
		in ldb, int32_t *info, size_t);
	void (*potrf)(flag uplo, in n, void *a, in lda, int32_t *info, size_t);
	void (*geqrf)(in m, in n, void *a, in lda, void *tau, void *work, in lwork, int32_t *info);
	void (*orgqr)(in m, in n, in k, void *a, in lda, const void *tau, void *work, in lwork,
		int32_t *info);
	void (*gelsd)(in m, in n, in nrhs, void *a, in lda, void *b, in ldb, void *s,
		const void *rcond, int32_t *rank, void *work, in lwork, int32_t *iwork,
		int32_t *info);
	void (*syevd)(flag jobz, flag uplo, in n, void *a, in lda, void *w, void *work, in lwork,
		int32_t *iwork, in liwork, int32_t *info, size_t, size_t);
	void (*gesdd)(flag jobz, in m, in n, void *a, in lda, void *s, void *u, in ldu, void *vt,
		in ldvt, void *work, in lwork, int32_t *iwork, int32_t *info, size_t);
};

extern const struct products products[4]; /* by enum npy_type: NPY_F4 ... NPY_C16 */
extern const struct lapack lapack[2];     /* NPY_F4, NPY_F8 */

#endif
