/*
 * accelerator/cuda.c - NVIDIA's GPUs, by cuBLAS: the CUDA runtime and cuBLAS 11, 12 and 13 (cuda_runtime_api.h, cublas_api.h).
 * Debian has no headers of them, so what is used is declared here.
 */
#include <errno.h>
#include <stdio.h>

#include "accelerator/backend.h"

/* --------------------------------------------- as cuda_runtime_api.h and cublas_api.h have it */

enum { TO_DEVICE = 1, TO_HOST = 2 };     /* enum cudaMemcpyKind */
enum { NO = 0, YES = 1, CONJUGATE = 2 }; /* cublasOperation_t */

static bool is_memory(int err)
{
	return err == 2; /* cudaErrorMemoryAllocation */
}
#define BLAS_MEMORY 3 /* CUBLAS_STATUS_ALLOC_FAILED */

typedef struct cublas_context *cublas_handle;

static int (*get_count)(int *count);
static int (*set_device)(int number);
static int (*mem_info)(size_t *unused, size_t *all);
static int (*mem_alloc)(void **at, size_t bytes);
static int (*mem_free)(void *at);
static int (*copy)(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width,
	size_t height, int kind);
static int (*synchronize)(void);
static int (*blas_create)(cublas_handle *handle);
/* All four alike: scalars by pointer. */
typedef int gemm(cublas_handle handle, int transa, int transb, int m, int n, int k,
	const void *alpha, const void *a, int lda, const void *b, int ldb, const void *beta,
	void *c, int ldc);
static gemm *gemms[MF_GEMM_TYPES];
/* Of the driver, libcuda: what the device is called. The runtime has it in a structure that grows. */
static int (*device_name)(char *to, int size, int number);

#define NAME(symbol, pointer)                                                                      \
	{                                                                                          \
		symbol, &(pointer)                                                                 \
	}
static const struct backend_symbol of_runtime[] = {
	NAME("cudaGetDeviceCount", get_count),
	NAME("cudaSetDevice", set_device),
	NAME("cudaMemGetInfo", mem_info),
	NAME("cudaMalloc", mem_alloc),
	NAME("cudaFree", mem_free),
	NAME("cudaMemcpy2D", copy),
	NAME("cudaDeviceSynchronize", synchronize),
};
static const struct backend_symbol of_blas[] = {
	NAME("cublasCreate_v2", blas_create),
	NAME("cublasSgemm_v2", gemms[MF_GEMM_S]),
	NAME("cublasDgemm_v2", gemms[MF_GEMM_D]),
	NAME("cublasCgemm_v2", gemms[MF_GEMM_C]),
	NAME("cublasZgemm_v2", gemms[MF_GEMM_Z]),
};
static const struct backend_symbol of_driver[] = {NAME("cuDeviceGetName", device_name)};
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ------------------------------------------------------------------- the device */

static cublas_handle handle;

static int load_from(const char *const *names, size_t names_count,
	const struct backend_symbol *symbols, size_t count, char why[static BACKEND_TEXT])
{
	void *library = backend_library(names, names_count, why);

	return library ? backend_symbols(library, symbols, count, why) : -ENOENT;
}

static int load(char why[static BACKEND_TEXT])
{
	static const char *const driver[] = {"libcuda.so.1"},
				 *const runtime[] = {"libcudart.so.13", "libcudart.so.12",
					 "libcudart.so.11.0"},
				 *const blas[] = {
					 "libcublas.so.13", "libcublas.so.12", "libcublas.so.11"};
	int err = load_from(driver, COUNT(driver), of_driver, COUNT(of_driver), why);

	if (err == 0)
		err = load_from(runtime, COUNT(runtime), of_runtime, COUNT(of_runtime), why);
	return err < 0 ? err : load_from(blas, COUNT(blas), of_blas, COUNT(of_blas), why);
}

static int choose(const char *want, struct device *to)
{
	int count = 0;

	if (get_count(&count) != 0)
		return -1;
	for (int i = 0; i < count; i++) {
		if (set_device(i) != 0 || device_name(to->name, BACKEND_TEXT, i) != 0)
			continue;
		to->name[BACKEND_TEXT - 1] = '\0';
		if (backend_wants(want, (unsigned)i, to->name))
			return i;
	}
	return -1;
}

static int cuda_open(const char *want, struct device *to, char why[static BACKEND_TEXT])
{
	size_t unused = 0, all = 0;
	int err = load(why);

	if (err < 0)
		return err;
	if (choose(want, to) < 0) {
		snprintf(why, BACKEND_TEXT, "CUDA has no device%s%.80s%s", want ? " \"" : "",
			want ? want : "", want ? "\" here" : " here");
		return -ENODEV;
	}
	err = blas_create(&handle);
	if (err != 0 || mem_info(&unused, &all) != 0) {
		snprintf(why, BACKEND_TEXT, "the device can't be used: cuBLAS's error %d", err);
		return -EIO;
	}
	to->memory = all;
	return 0;
}

/* -------------------------------------------------------------------- a product */

static int letter(uint8_t trans)
{
	return trans == 'N' ? NO : trans == 'T' ? YES : CONJUGATE;
}

/* Columns lie side by side at the device, whatever is between them in memory. */
static int upload(void *to, const struct gemm_matrix *x, uint64_t element, const void *from)
{
	size_t width = x->rows * element;

	return copy(to, width, from, x->ld * element, width, x->columns, TO_DEVICE);
}

static int download(const void *from, const struct gemm_matrix *x, uint64_t element, void *to)
{
	size_t width = x->rows * element;

	return copy(to, x->ld * element, from, width, width, x->columns, TO_HOST);
}

/* 0 or -errno. */
static int multiply(const struct mf_gemm *g, const struct gemm_shape *s, void *const x[static 3])
{
	const float singles[4] = {
		(float)g->alpha[0], (float)g->alpha[1], (float)g->beta[0], (float)g->beta[1]};
	const bool single = g->type == MF_GEMM_S || g->type == MF_GEMM_C;
	const void *alpha = single ? (const void *)singles : g->alpha;
	const void *beta = single ? (const void *)(singles + 2) : g->beta;
	int err = gemms[g->type](handle, letter(g->transa), letter(g->transb), (int)g->m, (int)g->n,
		(int)g->k, alpha, x[0], (int)s->a.rows, x[1], (int)s->b.rows, beta, x[2],
		(int)s->c.rows);

	return err == 0 ? 0 : err == BLAS_MEMORY ? -ENOMEM : -EIO;
}

static int allocate(const struct gemm_shape *s, void *x[static 3])
{
	const uint64_t bytes[3] = {s->a.dense, s->b.dense, s->c.dense};
	int err = 0;

	for (unsigned i = 0; i < 3 && err == 0; i++)
		err = mem_alloc(&x[i], bytes[i]);
	return err;
}

static int compute(const struct mf_gemm *g, const struct gemm_shape *s, const void *a,
	const void *b, void *c, void *const x[static 3])
{
	const bool adds = g->beta[0] != 0 || g->beta[1] != 0;
	int err;

	if (upload(x[0], &s->a, s->element, a) != 0 || upload(x[1], &s->b, s->element, b) != 0 ||
		(adds && upload(x[2], &s->c, s->element, c) != 0))
		return -EIO;
	err = multiply(g, s, x);
	if (err < 0)
		return err;
	return synchronize() != 0 || download(x[2], &s->c, s->element, c) != 0 ? -EIO : 0;
}

static int cuda_gemm(
	const struct mf_gemm *g, const struct gemm_shape *s, const void *a, const void *b, void *c)
{
	void *x[3] = {NULL, NULL, NULL};
	int err = allocate(s, x);

	if (err == 0)
		err = compute(g, s, a, b, c, x);
	else
		err = is_memory(err) ? -ENOMEM : -EIO;
	for (unsigned i = 0; i < 3; i++)
		if (x[i])
			(void)mem_free(x[i]);
	return err;
}

const struct backend backend_cuda = {"cuda", cuda_open, cuda_gemm, NULL};
