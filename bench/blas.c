/*
 * bench/blas - what the drop-in BLAS costs: a small call more than the bare local one, and the check of a product as
 * against the product.
 *
 *	build/bench/blas [LIBRARY [N]]     LIBRARY: the local BLAS, libblas.so.3; N: of the product, 4096
 *
 * Medians of pairs that take turns; all times are the thread's own, so that it matters
 * little what else runs: with OPENBLAS_NUM_THREADS=1 that is all of the product. The check has one thread.
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

static double own_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
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

static void check_of(void *local, int n)
{
	enum { TIMES = 9 };
	gemm *f = (gemm *)function(local, "dgemm_");
	struct matrix a = ones(n), b = ones(n), p = ones(n);
	struct side given = {1, 1, {{.m = p, .trans = 'N'}}};
	struct side factors = {1, 2, {{.m = a, .trans = 'N'}, {.m = b, .trans = 'N'}}};
	double product[TIMES] = {0}, checked[TIMES] = {0}, share[TIMES] = {0};
	const double one = 1, none = 0;

	for (unsigned i = 0; a.data != NULL && b.data != NULL && p.data != NULL && i < TIMES; i++) {
		struct check check = {.rounds = 2};
		double began = own_time();

		f("N", "N", &n, &n, &n, &one, a.data, &n, b.data, &n, &none, p.data, &n, 1, 1);
		product[i] = own_time() - began;
		began = own_time();
		if (check_equal(&check, &given, &factors, n, 0) != CHECK_RIGHT)
			printf("the product is wrong\n");
		checked[i] = own_time() - began;
		share[i] = 100 * checked[i] / product[i];
	}
	printf("product n=%d: %.3f s (%.1f GFLOP/s); check in 2 rounds: %.4f s, %.2f %%\n", n,
		median(product, TIMES), 2e-9 * n * (double)n * n / median(product, TIMES),
		median(checked, TIMES), median(share, TIMES));
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
