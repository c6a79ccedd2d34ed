/*
 * accelerate.h - a product by the hub's special hardware, where there is some and the product is worth the way. All that
 * linalg computes it can compute without; whoever asks sees a header, and digits that differ as those of another
 * order of additions.
 */
#ifndef LINALG_ACCELERATE_H
#define LINALG_ACCELERATE_H

#include "ops.h"
#include "strassen.h"

/* As BLAS has it, in columns. */
struct product {
	int32_t m, n, k;
	struct strassen_factor left, right;
	const union scalar *alpha, *beta;
};

enum accelerated {
	ACCELERATED,       /* it is there */
	NOT_ACCELERATED,   /* it isn't, and the result may hold anything */
	ACCELERATED_NEVER, /* it isn't, nothing was asked and nothing written */
	ACCELERATOR_LATE   /* nobody knows what will be there: the problem is set */
};

enum accelerated accelerate(struct call *c, const struct product *product);

#endif
