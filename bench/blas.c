/*
 * bench/blas - what the drop-in BLAS costs: a small call more than the bare local one, and the check of a product as
 * against the product.
 *
 *	build/bench/blas [LIBRARY [N]]     LIBRARY: the local BLAS, libblas.so.3; N: of the product, 4096
 *
 * Medians of pairs that take turns. Processor time, so that it matters little what else runs: of the thread for
 * small calls; of all threads for the product and its check, which has as many as the product
 * (OPENBLAS_NUM_THREADS). Beside it the same ratio by the clock on the wall.
 */
#include <dlfcn.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/blas/check.h"
#include "client/blas/groups.h"
#include "client/blas/say.h"

enum { PAIRS = 31, CALLS = 20000 };

typedef void gemm(GEMM_PARAMS);
typedef void cblas(int, int, int, int, int, int, double, const double *, int, const double *, int,
	double, double *, int);

static int upwards(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, unsigned n)
{
	qsort(v, n, sizeof(*v), upwards);
	return v[n / 2];
}

static void *function(void *library, const char *name)
{
	void *f = library != NULL ? dlsym(library, name) : NULL;

	if (f == NULL) {
		fprintf(stderr, "bench/blas: %s: %s\n", name, dlerror());
		exit(1);
	}
	return f;
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double own_time(void)
{
	return seconds(CLOCK_THREAD_CPUTIME_ID);
}

static double fortran_ns(gemm *f, int n)
{
	static double a[64], b[64], c[64];
	const double one = 1, none = 0;
	double began = own_time();

	for (int i = 0; i < CALLS; i++)
		f("N", "N", &n, &n, &n, &one, a, &n, b, &n, &none, c, &n, 1, 1);
	return (own_time() - began) / CALLS * 1e9;
}

static double cblas_ns(cblas *f, int n)
{
	static double a[64], b[64], c[64];
	double began = own_time();

	for (int i = 0; i < CALLS; i++)
		f(102, 111, 111, n, n, n, 1, a, n, b, n, 0, c, n);
	return (own_time() - began) / CALLS * 1e9;
}

static void small_calls(void *local, void *drop_in, int n)
{
	void *libraries[2] = {local, drop_in};
	double ns[4][PAIRS], more[2][PAIRS];

	(void)fortran_ns((gemm *)function(drop_in, "dgemm_"), n); /* finds its local library */
	for (unsigned i = 0; i < PAIRS; i++) {
		for (unsigned w = 0; w < 2; w++) {
			ns[w][i] = fortran_ns((gemm *)function(libraries[w], "dgemm_"), n);
			ns[2 + w][i] = cblas_ns((cblas *)function(libraries[w], "cblas_dgemm"), n);
		}
		more[0][i] = ns[1][i] - ns[0][i];
		more[1][i] = ns[3][i] - ns[2][i];
	}
	printf("dgemm_ n=%d: %.1f ns; by the drop-in %.1f ns: %+.1f ns\n", n, median(ns[0], PAIRS),
		median(ns[1], PAIRS), median(more[0], PAIRS));
	printf("cblas_dgemm n=%d: %.1f ns; by the drop-in %.1f ns: %+.1f ns\n", n,
		median(ns[2], PAIRS), median(ns[3], PAIRS), median(more[1], PAIRS));
}

static struct matrix ones(int n)
{
	struct matrix m = matrix_new('d', n, n);

	for (int64_t i = 0; m.data != NULL && i < (int64_t)n * n; i++)
		((double *)m.data)[i] = 1.0 / (double)(i % 1000 + 1);
	return m;
}

enum { TIMES = 9 };

/* What the product and its check took, and the check's share of the product. */
struct times {
	clockid_t clock;
	double product[TIMES], check[TIMES], share[TIMES];
};

static void took(struct times *t, unsigned i, const double *from, const double *middle)
{
	t->product[i] = *middle - *from;
	t->check[i] = seconds(t->clock) - *middle;
	t->share[i] = 100 * t->check[i] / t->product[i];
}

static unsigned threads_of(void *local)
{
	void *symbol = dlsym(local, "openblas_get_num_threads");
	int (*f)(void);

	memcpy(&f, &symbol, sizeof(f));
	return f != NULL ? (unsigned)f() : 1;
}

static void check_of(void *local, int n)
{
	gemm *f = (gemm *)function(local, "dgemm_");
	struct matrix a = ones(n), b = ones(n), p = ones(n);
	struct side given = {1, 1, {{.m = p, .trans = 'N'}}};
	struct side factors = {1, 2, {{.m = a, .trans = 'N'}, {.m = b, .trans = 'N'}}};
	struct times cpu = {.clock = CLOCK_PROCESS_CPUTIME_ID}, wall = {.clock = CLOCK_MONOTONIC};
	unsigned threads = threads_of(local);
	const double one = 1, none = 0;

	for (unsigned i = 0; a.data != NULL && b.data != NULL && p.data != NULL && i < TIMES; i++) {
		struct check check = {.rounds = 2, .threads = threads};
		double began[2] = {seconds(cpu.clock), seconds(wall.clock)}, middle[2];

		f("N", "N", &n, &n, &n, &one, a.data, &n, b.data, &n, &none, p.data, &n, 1, 1);
		middle[0] = seconds(cpu.clock);
		middle[1] = seconds(wall.clock);
		if (check_equal(&check, &given, &factors, n, 0) != CHECK_RIGHT)
			printf("the product is wrong\n");
		took(&cpu, i, &began[0], &middle[0]);
		took(&wall, i, &began[1], &middle[1]);
	}
	printf("product n=%d, %u threads: %.3f s (%.1f GFLOP/s); check in 2 rounds: %.4f s, %.2f "
	       "%% (processor time: %.2f %%)\n",
		n, threads, median(wall.product, TIMES),
		2e-9 * n * (double)n * n / median(wall.product, TIMES), median(wall.check, TIMES),
		median(wall.share, TIMES), median(cpu.share, TIMES));
	free(a.data);
	free(b.data);
	free(p.data);
}

int main(int argc, char **argv)
{
	char own[4096] = "", path[4200];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	void *local, *drop_in;

	if (n < 0)
		return 1;
	snprintf(path, sizeof(path), "%s/../libmayfly-blas.so", dirname(own));
	setenv("MAYFLY_BLAS_URL", "http://127.0.0.1:1", 0);
	setenv("MAYFLY_BLAS_LOCAL", argc > 1 ? argv[1] : "libblas.so.3", 1);
	local = dlopen(getenv("MAYFLY_BLAS_LOCAL"), RTLD_NOW | RTLD_LOCAL);
	drop_in = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	for (int i = 2; i <= 8; i *= 2)
		small_calls(local, drop_in, i);
	check_of(local, argc > 2 ? atoi(argv[2]) : 4096);
	return 0;
}
