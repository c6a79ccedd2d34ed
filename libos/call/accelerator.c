/*
 * accelerator - special hardware of the hub's: a call that the hub answers itself.
 */
#include "libos/mayfly.h"

uint64_t mf_accelerator(const struct mf_event *ev)
{
	return (uint64_t)ev->accelerator << 20;
}

struct mf_answer mf_gemm(const struct mf_gemm *gemm)
{
	return mf_call(MF_ACCELERATOR, MF_ACCELERATOR_GEMM, gemm, sizeof(*gemm));
}
