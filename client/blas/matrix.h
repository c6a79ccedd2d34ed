/*
 * client/blas/matrix.h - matrices in columns, of all four types, and the little arithmetic on them that costs O(n^2):
 * filling in what a triangle leaves out, adding results to what was there, and multiplying by a few vectors.
 * Nothing here calls a BLAS. Memory is the caller's but where it says "new".
 */
#ifndef CLIENT_BLAS_MATRIX_H
#define CLIENT_BLAS_MATRIX_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Element (i, j) lies at data + (i + j * ld) elements. */
struct matrix {
	char type; /* 's' 'd' 'c' 'z' */
	void *data;
	int64_t rows, cols, ld;
};

/* What is there of a square matrix, and what the rest is. */
enum form {
	FORM_WHOLE,
	FORM_SYMMETRIC, /* one triangle; the other is its mirror image */
	FORM_HERMITIAN, /* the same, conjugate; the imaginary part of the diagonal counts as 0 */
	FORM_TRIANGLE,  /* one triangle; the other is 0 */
	FORM_UNIT,      /* the same, and the diagonal is 1 */
};

enum part { PART_ALL, PART_LOWER, PART_UPPER };

size_t type_size(char type);
bool type_is_complex(char type);
/* Unit roundoff: 2^-24 or 2^-53. */
double type_roundoff(char type);
double type_most(char type);

/* A new matrix without gaps, whatever it holds; data is NULL if there is no memory, or too much was asked for.
 * free(data) when it is no longer wanted. */
struct matrix matrix_new(char type, int64_t rows, int64_t cols);
/* All of `from`'s rows and columns, its form filled in, in a new matrix. uplo: 'L' or 'U', what is there. */
struct matrix matrix_whole(const struct matrix *from, enum form form, char uplo);
/* Copies what lies in `part`; the rest of `to` stays. Shapes are equal. */
void matrix_copy(const struct matrix *to, const struct matrix *from, enum part part);

/* How a routine's result comes out of a product p: to = alpha * p + beta * to, or, `twice`, alpha * p + its transpose
 * + beta * to. Hermitian: the conjugate transpose, and the diagonal gets imaginary part 0. beta 0: what was in
 * `to` isn't looked at. Only `part` of `to` is touched. */
struct sum {
	double complex alpha, beta;
	enum part part;
	bool twice, hermitian;
};
void matrix_add(const struct matrix *to, const struct matrix *p, const struct sum *sum);

/* ---- multiplying by `count` vectors, which are double or double complex and lie one behind the other */

/* Sums of squares met on the way. */
struct norms {
	double frobenius2; /* of all elements */
	double row2;       /* of that row of op(A) which has most */
};
/* y = op(A) * x; trans: 'N' 'T' 'C'. x has as many elements a vector as op(A) has columns, y as many as rows. norms
 * may be NULL. Complex types have complex x and y. A large matrix is shared by so many threads, this one and others
 * that are gone when it returns: it is memory that is waited for. */
enum { MATRIX_THREADS = 8 };
void matrix_times(const struct matrix *a, char trans, const void *x, unsigned count, void *y,
	unsigned threads, struct norms *norms);

#endif
