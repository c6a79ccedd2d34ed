/*
 * The module blas: takes the place of OpenBLAS's driver/others/memory.c, which takes memory of a process
 * with threads, and asks its environment and its processor. Here it is pages of the window, taken when the
 * first routine needs them, kept, and zero again in the next life.
 *
 * A buffer is for what a product packs of its matrices. Its pages are touched only as far as a
 * product needs them: at most GEMM_P * GEMM_Q numbers of one matrix, and GEMM_Q rows of the other.
 */
#include "libos/mayfly.h"
#include "libos/posix/posix.h"

#define BUFFER_BYTES ((32ull << BLAS_BUFFER) + (64ull << 10)) /* OpenBLAS begins a little behind */
#define BUFFERS      4 /* a routine that calls another one holds one each; none goes deeper than two */

/* OpenBLAS's own declarations (common.h, which has much more) */
/* NOLINTBEGIN(readability-identifier-naming) */
void *blas_memory_alloc(int position);
void blas_memory_free(void *buffer);
void blas_set_parameter(void);
int openblas_block_factor(void);
/* NOLINTEND(readability-identifier-naming) */

static struct {
	void *at;
	bool taken;
} buffers[BUFFERS];

/* Sizes of blocks aren't changed from outside. */
int openblas_block_factor(void)
{
	return 0;
}

void *blas_memory_alloc(int position)
{
	(void)position;
	for (size_t i = 0; i < BUFFERS; i++) {
		long at;

		if (buffers[i].taken)
			continue;
		buffers[i].taken = true;
		if (buffers[i].at != NULL)
			return buffers[i].at;
		at = posix_map(BUFFER_BYTES);
		if (at < 0)
			break;
		if (i == 0)
			blas_set_parameter();
		buffers[i].at = (void *)at;
		return buffers[i].at;
	}
	mf_fail("the module blas needs %u KiB of the window for what it copies of matrices: "
		"memory.window",
		(unsigned)(BUFFER_BYTES >> 10));
}

void blas_memory_free(void *buffer)
{
	for (size_t i = 0; i < BUFFERS; i++)
		if (buffers[i].at == buffer)
			buffers[i].taken = false;
}
