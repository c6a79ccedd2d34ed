/*
 * wire/gemm.h - is what a life asks of an accelerator (abi/guest.h) a product within its own areas? Pure; the hub asks before it
 * passes the question on, the program that has the device asks again.
 */
#ifndef WIRE_GEMM_H
#define WIRE_GEMM_H

#include <stdint.h>

#include "abi/guest.h"

/* A matrix as it lies in memory: `columns` pieces of `rows` elements, `ld` elements apart. */
struct gemm_matrix {
	uint64_t rows, columns, ld;
	uint64_t at;    /* bytes from the start of its area */
	uint64_t bytes; /* from its first element to behind its last */
	uint64_t dense; /* bytes of its elements alone */
};
struct gemm_shape {
	struct gemm_matrix a, b, c;
	uint64_t element; /* bytes */
	double flop;      /* additions and multiplications of numbers */
};

/* NULL, and *shape is set: all of A and B lies in an input of so many bytes, C in an output. Else what is wrong, in
 * words. */
const char *gemm_check(const struct mf_gemm *gemm, uint64_t input_bytes, uint64_t output_bytes,
	struct gemm_shape *shape);

#endif
