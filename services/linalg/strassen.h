/*
 * strassen.h - products by Strassen and Winograd's way: seven products of halves instead of eight, and fifteen sums (D. Coppersmith,
 * S. Winograd, 1990; the order of steps with two temporaries: C. Douglas et al., GEMMW, 1994). Faster above some
 * size; its error is bounded by the norm of the matrices, not element by element.
 */
#ifndef LINALG_STRASSEN_H
#define LINALG_STRASSEN_H

#include <stdint.h>

#include "lapack.h"
#include "wire/npy.h"

/* A half is at least so large: 1024, which was measured to pay (decision 063); tests set it lower. */
extern uint32_t strassen_least;
#define STRASSEN_MOST 3u /* levels */

/* How often sizes can be halved. */
unsigned strassen_levels(uint64_t m, uint64_t n, uint64_t k);
/* Bytes that it works with besides, for so many levels. */
uint64_t strassen_bytes(enum npy_type type, uint64_t m, uint64_t n, uint64_t k, unsigned levels);

/* What the largest error is of k times the largest elements of a and b, at most (N. Higham, Accuracy and Stability of
 * Numerical Algorithms, 2nd edition: (3.13) without levels; theorem 23.3, without the last term, which pays for odd sizes).
 * `parts` of the sum over k were added up one after another. */
double strassen_bound(enum npy_type type, uint64_t k, uint64_t parts, unsigned levels);

/* One factor: rows and columns as they are in the product, op as BLAS has it. */
struct strassen_factor {
	const void *at;
	int32_t ld;
	char letter;
};

/* c = alpha a b, m by n, `work` as strassen_bytes says. */
struct strassen {
	enum npy_type type;
	const void *alpha;
	unsigned levels;
};
void strassen_multiply(const struct strassen *s, int32_t m, int32_t n, int32_t k,
	struct strassen_factor a, struct strassen_factor b, void *c, int32_t ldc, void *work);

#endif
