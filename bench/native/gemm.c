/*
 * bench/native/gemm.c - the product of tests/guest/gemm in a process, with the same archive of OpenBLAS; bench/gemm compiles it.
 *
 *	gemm d|s N TIMES    prints microseconds, one product a line, and the sum of the last one's elements
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

void sgemm_(const char *, const char *, const int *, const int *, const int *, const float *,
	const float *, const int *, const float *, const int *, const float *, float *, const int *,
	size_t, size_t);
void dgemm_(const char *, const char *, const int *, const int *, const int *, const double *,
	const double *, const int *, const double *, const int *, const double *, double *,
	const int *, size_t, size_t);

/* In place of the module's own (libos/posix/blas), which take pages of a guest. */
void blas_set_parameter(void);
void *blas_memory_alloc(int position);
void blas_memory_free(void *buffer);
int openblas_block_factor(void);
int xerbla_(const char *name, const int *argument, size_t length);

int openblas_block_factor(void)
{
	return 0;
}

void *blas_memory_alloc(int position)
{
	static void *buffer;

	(void)position;
	if (!buffer) {
		buffer = mmap(NULL, 64u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
		blas_set_parameter();
	}
	return buffer == MAP_FAILED ? NULL : buffer;
}

void blas_memory_free(void *buffer)
{
	(void)buffer;
}

int xerbla_(const char *name, const int *argument, size_t length)
{
	fprintf(stderr, "%.*s: argument %d\n", (int)length, name, *argument);
	exit(1);
}

static void *matrix(size_t count, int single, unsigned seed)
{
	void *at = aligned_alloc(4096, (count * sizeof(double) + 4095) & ~4095ul);

	for (size_t i = 0; at && i < count; i++) {
		const int value = (int)((i * 2654435761u + seed) >> 7 & 0xffff) % 5 - 2;

		if (single)
			((float *)at)[i] = (float)value;
		else
			((double *)at)[i] = value;
	}
	return at;
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
	const int single = argc > 1 && argv[1][0] == 's', n = argc > 3 ? atoi(argv[2]) : 0;
	const size_t count = (size_t)n * (size_t)n;
	const float one_s = 1, zero_s = 0;
	const double one_d = 1, zero_d = 0;
	void *a = matrix(count, single, 1), *b = matrix(count, single, 77),
	     *c = matrix(count, single, 0);
	double sum = 0;

	if (n <= 0 || !a || !b || !c)
		return 2;
	for (int i = atoi(argv[3]); i > 0; i--) {
		const double start = now_us();

		if (single)
			sgemm_("N", "N", &n, &n, &n, &one_s, a, &n, b, &n, &zero_s, c, &n, 1, 1);
		else
			dgemm_("N", "N", &n, &n, &n, &one_d, a, &n, b, &n, &zero_d, c, &n, 1, 1);
		printf("%.1f\n", now_us() - start);
	}
	for (size_t i = 0; i < count; i += 1009)
		sum += single ? (double)((float *)c)[i] : ((double *)c)[i];
	printf("%ld\n", (long)sum);
	return 0;
}
