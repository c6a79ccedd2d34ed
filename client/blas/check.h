/*
 * client/blas/check.h - is an answer right? Two products of matrices that must be equal are multiplied by the same
 * random vectors of +1 and -1, which costs O(n^2) (R. Freivalds, 1977), and what they differ by is held against the
 * rounding errors that an honest computation may have.
 *
 * What is shown. D is the difference of both sides, x a vector of signs that whoever computed the answer couldn't
 * know. If an element of D is larger than the tolerance t of its row's sums, |(Dx)_i| > t with probability of
 * 1/2 at least: of two vectors that differ in that element's sign only, one shows it. So `rounds` independent
 * vectors miss such a wrong answer with probability 2^-rounds at most; if only one element of a row is wrong, with
 * probability 0.
 *
 * The tolerance. Of a product C = op(A) op(B) with inner dimension k and unit roundoff u, rounding usually makes an
 * error E whose rows have norms |E_i| <= sqrt(k) u r |B|, r the largest norm of a row of op(A), |B| Frobenius's (errors that
 * are like random ones; no proven bound), and one long chain of sums that all round the same way adds k u times
 * the row of C itself. (Ex)_i passes 8 |E_i| with probability 2 exp(-32). So
 *     t = 8 sqrt(k) u r |B| + k u max |C_i|   (plus the check's own rounding, the same with 2^-53)
 * is passed by honest answers; Strassen's algorithms, whose errors are tens of times the classic ones at two or three
 * levels, fit too, for they are used where sqrt(k) is larger than that. With a tolerance that the user gave
 * (MAYFLY_BLAS_TOLERANCE, relative, norm-wise) t is at least 8 times it. Factors are held against their product in the same way.
 *
 * NaN, infinities, and operands so large that products of theirs may be, can't be checked: CHECK_UNSURE, and
 * nobody is blamed. Pure but for the random signs, which are the kernel's (getrandom). Any thread.
 */
#ifndef CLIENT_BLAS_CHECK_H
#define CLIENT_BLAS_CHECK_H

#include "client/blas/matrix.h"

enum verdict { CHECK_RIGHT, CHECK_WRONG, CHECK_UNSURE };

enum { CHECK_FACTORS = 4 };
enum factor_kind { FACTOR_MATRIX, FACTOR_SWAPS, FACTOR_DIAGONAL, FACTOR_REFLECTORS };
struct factor {
	enum factor_kind kind;
	struct matrix m;    /* of reflectors: as geqrf leaves them, below the diagonal */
	char trans;         /* of a matrix: 'N' 'T' 'C' */
	const int *swaps;   /* getrf's ipiv, min(rows, cols) of them, done in order: rows of m */
	const void *values; /* the diagonal, m.rows of them; geqrf's tau; of m.type */
};
/* The product of its factors, times a number; the last one meets the vector first. */
struct side {
	double complex times;
	unsigned count;
	struct factor f[CHECK_FACTORS];
};

struct check {
	unsigned rounds, threads; /* threads: of large matrices; 0 is 1 */
	double tolerance; /* norm-wise, relative, that the user allows; 0: rounding's only */
	double seconds;   /* that it took, added up */
	double worst;     /* largest difference over tolerance that was seen; <= 1: right */
};

/* given = factors? `inner`: the longest sum that made them. `scale`: what rounding errors of one row are
 * relative to; 0: the norms of the factors' side as above. One type for all. */
enum verdict check_equal(struct check *check, const struct side *given, const struct side *factors,
	int64_t inner, double scale);
/* All elements are numbers, no real or imaginary part beyond most. */
bool check_bounded(const struct matrix *a, double most);
/* Frobenius's norm. */
double check_norm(const struct matrix *a);

#endif
