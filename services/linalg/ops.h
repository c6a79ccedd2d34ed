/*
 * ops.h - the table of operations, and what they are made of.
 */
#ifndef LINALG_OPS_H
#define LINALG_OPS_H

#include "lapack.h"
#include "linalg.h"

struct op {
	const char *name;
	unsigned least, most; /* operands */
	uint32_t options;     /* bits by enum option */
	bool is_complex;      /* takes <c8 and <c16 too */
	bool pivots;          /* its second operand is pivots: <i4 or <i8 */
	bool finite; /* NaN and Inf in its first operand are refused: what it computes doesn't exist then */
	/* Checks what the operands are to each other; sets results, work and flop. False: the problem is set. */
	bool (*shape)(struct call *c);
	/* Computes; false: the problem is set. All memory is there, all sizes fit. */
	bool (*run)(struct call *c);
};

extern const struct op ops[];
extern const size_t ops_count;

/* --- answer.c: steps that a plan takes too; false: the problem is set */
bool find_op(struct call *c, const struct request *request);
/* May the next operand be of this type and shape? */
bool operand_check(struct call *c, const struct npy *npy);
void operand_add(struct call *c, const struct npy *npy, const uint8_t *at);
bool operands_enough(struct call *c);

/* --- ops_product.c, ops_solve.c, ops_factor.c, ops_spectral.c */
#define OP(name)                                                                                   \
	bool name##_shape(struct call *c);                                                         \
	bool name##_run(struct call *c)
OP(multiply);
OP(matvec);
OP(trsm);
OP(syrk);
OP(solve);
OP(getrs);
OP(potrs);
OP(inverse);
OP(det);
OP(cholesky);
OP(lu);
OP(qr);
OP(lstsq);
OP(eigh);
OP(svd);

/* ----------------------------------------------------------- matrices: matrix.c */

/* The distance between columns as BLAS sees them; at least 1. */
int32_t ld(const struct matrix *m);
/* What BLAS gets as the transpose of what it sees, to have `op` of the matrix: 'N', 'T' or 'C'. */
char turned(char op, bool flipped);
/* The other triangle of what is flipped. */
char mirrored(char uplo, bool flipped);
uint64_t elements(const struct matrix *m);
uint64_t matrix_bytes(const struct matrix *m);

/* The elements of `from` into a matrix of the same shape and type, in either's order; rows of `to` may be more than
 * those of `from` (to_ld apart as BLAS sees it). */
void matrix_copy(void *to, bool to_flipped, int32_t to_ld, const struct matrix *from);
/* The same with their imaginary parts turned round; complex, same order. */
void matrix_conjugate(void *to, const struct matrix *from);
/* to = from + beta to; one shape, one order, one type. */
void matrix_add(const struct matrix *to, const void *from, struct number beta);
/* Zeros above ('U') or below ('L') the diagonal of what BLAS sees as m by n. */
void triangle_clear(void *at, enum npy_type type, char uplo, int32_t m, int32_t n, int32_t lead);
/* Ones on the diagonal of an n by n, zeros elsewhere. */
void identity(void *at, enum npy_type type, uint64_t n);
bool all_finite(const struct matrix *m);
/* From 1, the first zero on the diagonal of what BLAS sees; 0: there is none. */
int32_t zero_on_diagonal(const struct matrix *m);

/* --- checks of shapes: false, with the problem set */
bool must_be_matrix(struct call *c, unsigned i);
bool must_be_square(struct call *c, unsigned i);
/* A matrix with so many rows, or a vector of that length. */
bool must_have_rows(struct call *c, unsigned i, uint64_t rows);
bool must_be(struct call *c, unsigned i, uint64_t rows, uint64_t columns);

/* ------------------------------------------------------------ numbers for BLAS */

/* A number in the type that the routine takes. */
union scalar {
	float f[2];
	double d[2];
};
union scalar scalar_of(enum npy_type type, struct number n);

static inline const struct lapack *lapack_of(const struct call *c)
{
	return &lapack[c->in[0].type == NPY_F8];
}

/* What a workspace query answered, in bytes. */
uint64_t queried(enum npy_type type, const union scalar *answer);
/* And how many elements that were. */
int32_t queried_elements(const struct call *c, unsigned work);

#endif
