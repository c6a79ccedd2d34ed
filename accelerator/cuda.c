/*
 * accelerator/cuda.c - NVIDIA's GPUs, by cuBLAS: the CUDA runtime and cuBLAS 11, 12 and 13 (cuda_runtime_api.h, cublas_api.h).
 * Debian has no headers of them, so what is used is declared here.
 */
#include <errno.h>
#include <stdio.h>

#include "accelerator/backend.h"
#include "sys/library.h"

/* --------------------------------------------- as cuda_runtime_api.h and cublas_api.h have it */

enum { TO_DEVICE = 1, TO_HOST = 2 };     /* enum cudaMemcpyKind */
enum { NO = 0, YES = 1, CONJUGATE = 2 }; /* cublasOperation_t */

static bool is_memory(int err)
{
	return err == 2; /* cudaErrorMemoryAllocation */
}
#define BLAS_MEMORY 3 /* CUBLAS_STATUS_ALLOC_FAILED */

typedef struct cublas_context *cublas_handle;

/* All four alike: scalars by pointer. */
typedef int gemm(cublas_handle handle, int transa, int transb, int m, int n, int k,
	const void *alpha, const void *a, int lda, const void *b, int ldb, const void *beta,
	void *c, int ldc);

/* Their functions, by their own names. */
static struct cuda {
	void *driver, *runtime, *blas;
	/* The runtime has a device's name in a structure that grows with each release. */
	int (*cuDeviceGetName)(char *to, int size, int number);
	int (*cudaGetDeviceCount)(int *count);
	int (*cudaSetDevice)(int number);
	int (*cudaMemGetInfo)(size_t *unused, size_t *all);
	int (*cudaMalloc)(void **at, size_t bytes);
	int (*cudaFree)(void *at);
	int (*cudaMemcpy2D)(void *to, size_t to_pitch, const void *from, size_t from_pitch,
		size_t width, size_t height, int kind);
	int (*cudaDeviceSynchronize)(void);
	int (*cublasCreate_v2)(cublas_handle *handle);
	gemm *cublasSgemm_v2, *cublasDgemm_v2, *cublasCgemm_v2, *cublasZgemm_v2;
} cuda;

#define OF(name)                                                                                   \
	{                                                                                          \
#name, offsetof(struct cuda, name)                                                 \
	}
static const struct library_function of_driver[] = {OF(cuDeviceGetName), {0}};
static const struct library_function of_runtime[] = {OF(cudaGetDeviceCount), OF(cudaSetDevice),
	OF(cudaMemGetInfo), OF(cudaMalloc), OF(cudaFree), OF(cudaMemcpy2D),
	OF(cudaDeviceSynchronize), {0}};
static const struct library_function of_blas[] = {OF(cublasCreate_v2), OF(cublasSgemm_v2),
	OF(cublasDgemm_v2), OF(cublasCgemm_v2), OF(cublasZgemm_v2), {0}};

/* Of each the newest that is there; Debian has 11. */
static const struct library driver[] = {{"NVIDIA's driver", "libcuda.so.1", "libcuda1", of_driver}};
static const struct library runtime[] = {
	{"CUDA", "libcudart.so.13", "libcudart11.0", of_runtime},
	{"CUDA", "libcudart.so.12", "libcudart11.0", of_runtime},
	{"CUDA", "libcudart.so.11.0", "libcudart11.0", of_runtime},
};
static const struct library blas[] = {
	{"cuBLAS", "libcublas.so.13", "libcublas11", of_blas},
	{"cuBLAS", "libcublas.so.12", "libcublas11", of_blas},
	{"cuBLAS", "libcublas.so.11", "libcublas11", of_blas},
};
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ------------------------------------------------------------------- the device */

static cublas_handle handle;

static int load_first(
	const struct library *libraries, size_t count, void **loaded, char why[static BACKEND_TEXT])
{
	int err = -ENOENT;

	for (size_t i = 0; i < count && err < 0; i++)
		err = library_load(&libraries[i], &cuda, loaded, why, BACKEND_TEXT);
	return err;
}

static int load(char why[static BACKEND_TEXT])
{
	int err = load_first(driver, COUNT(driver), &cuda.driver, why);

	if (err == 0)
		err = load_first(runtime, COUNT(runtime), &cuda.runtime, why);
	return err < 0 ? err : load_first(blas, COUNT(blas), &cuda.blas, why);
}

static int choose(const char *want, struct device *to)
{
	int count = 0;

	if (cuda.cudaGetDeviceCount(&count) != 0)
		return -1;
	for (int i = 0; i < count; i++) {
		if (cuda.cudaSetDevice(i) != 0 ||
			cuda.cuDeviceGetName(to->name, BACKEND_TEXT, i) != 0)
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
	err = cuda.cublasCreate_v2(&handle);
	if (err != 0 || cuda.cudaMemGetInfo(&unused, &all) != 0) {
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

	return cuda.cudaMemcpy2D(to, width, from, x->ld * element, width, x->columns, TO_DEVICE);
}

static int download(const void *from, const struct gemm_matrix *x, uint64_t element, void *to)
{
	size_t width = x->rows * element;

	return cuda.cudaMemcpy2D(to, x->ld * element, from, width, width, x->columns, TO_HOST);
}

/* 0 or -errno. */
static int multiply(const struct mf_gemm *g, const struct gemm_shape *s, void *const x[static 3])
{
	const float singles[4] = {
		(float)g->alpha[0], (float)g->alpha[1], (float)g->beta[0], (float)g->beta[1]};
	const bool single = g->type == MF_GEMM_S || g->type == MF_GEMM_C;
	const void *alpha = single ? (const void *)singles : g->alpha;
	const void *beta = single ? (const void *)(singles + 2) : g->beta;
	gemm *const gemms[MF_GEMM_TYPES] = {
		cuda.cublasSgemm_v2, cuda.cublasDgemm_v2, cuda.cublasCgemm_v2, cuda.cublasZgemm_v2};
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
		err = cuda.cudaMalloc(&x[i], bytes[i]);
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
	return cuda.cudaDeviceSynchronize() != 0 || download(x[2], &s->c, s->element, c) != 0 ? -EIO
											      : 0;
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
			(void)cuda.cudaFree(x[i]);
	return err;
}

const struct backend backend_cuda = {"cuda", cuda_open, cuda_gemm, NULL};
