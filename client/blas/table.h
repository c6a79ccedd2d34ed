/*
 * client/blas/table.h - the one table of routines that the drop-in BLAS stands in front of. Everything that is
 * there once for each routine (entries, pointers to the local ones, thresholds, names) is made from it.
 *
 * X(t, name, GROUP): t is s, d, c or z; GROUP says which arguments it has (client/blas/groups.h) and what it does.
 */
#ifndef CLIENT_BLAS_TABLE_H
#define CLIENT_BLAS_TABLE_H

#define BLAS_FOUR(X, name, GROUP)                                                                  \
	X(s, name, GROUP) X(d, name, GROUP) X(c, name, GROUP) X(z, name, GROUP)
#define BLAS_TWO(X, name, GROUP) X(s, name, GROUP) X(d, name, GROUP)

/* Level 3 of BLAS: Fortran's names (dgemm_) and CBLAS's (cblas_dgemm). */
#define BLAS_LEVEL3(X)                                                                             \
	BLAS_FOUR(X, gemm, GEMM)                                                                   \
	BLAS_FOUR(X, symm, SYMM)                                                                   \
	X(c, hemm, SYMM)                                                                           \
	X(z, hemm, SYMM)                                                                           \
	BLAS_FOUR(X, syrk, SYRK)                                                                   \
	X(c, herk, SYRK)                                                                           \
	X(z, herk, SYRK)                                                                           \
	BLAS_FOUR(X, syr2k, SYR2K)                                                                 \
	X(c, her2k, SYR2K)                                                                         \
	X(z, her2k, SYR2K)                                                                         \
	BLAS_FOUR(X, trmm, TRMM)                                                                   \
	BLAS_FOUR(X, trsm, TRMM)

/* Solvers of LAPACK: Fortran's names; LAPACKE's functions call those. */
#define BLAS_SOLVERS(X)                                                                            \
	BLAS_TWO(X, getrf, GETRF)                                                                  \
	BLAS_TWO(X, getrs, GETRS)                                                                  \
	BLAS_TWO(X, gesv, GESV)                                                                    \
	BLAS_TWO(X, potrf, POTRF)                                                                  \
	BLAS_TWO(X, potrs, POTRS)                                                                  \
	BLAS_TWO(X, posv, POSV)                                                                    \
	BLAS_TWO(X, geqrf, GEQRF)                                                                  \
	BLAS_TWO(X, gels, GELS)                                                                    \
	BLAS_TWO(X, syev, SYEV)                                                                    \
	BLAS_TWO(X, syevd, SYEVD)                                                                  \
	BLAS_TWO(X, gesdd, GESDD)

/* Of the local LAPACK too, what gels is put together from where its factors came from the service. */
#define BLAS_HELPERS(X)                                                                            \
	BLAS_TWO(X, ormqr, ORMQR)                                                                  \
	BLAS_TWO(X, trtrs, TRTRS)

/* It moves such lists further each time. */
/* clang-format off */

/* What a routine does, whatever its type; the names that explanations and the cache file have. */
#define BLAS_KINDS(X)                                                                              \
	X(gemm) X(symm) X(hemm) X(syrk) X(herk) X(syr2k) X(her2k) X(trmm) X(trsm)                  \
	X(getrf) X(getrs) X(gesv) X(potrf) X(potrs) X(posv) X(geqrf) X(gels) X(syev) X(syevd)      \
	X(gesdd)

/* What the service is asked for: paths are /linalg/NAME. */
#define BLAS_OPS(X)                                                                                \
	X(multiply) X(syrk) X(trsm) X(lu) X(getrs) X(cholesky) X(potrs) X(qr) X(eigh) X(svd)
/* clang-format on */

#endif
