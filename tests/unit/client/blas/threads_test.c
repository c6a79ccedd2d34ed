/* client/blas among threads (for ThreadSanitizer too): products by all at once, at a service that answers well, is busy,
 * and doesn't answer at all; the check's own threads. */
/* with: tests/unit/client/c/server.c */
#include <dlfcn.h>
#include <libgen.h>
#include <pthread.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/blas/check.h"
#include "client/blas/groups.h"
#include "client/blas/service.h"
#include "tests/unit/client/c/server.h"
#include "wire/npy.h"

enum { THREADS = 12, CALLS = 20, N = 24, TURNS = 61 }; /* the last turn is a good one */

void dgemm_(GEMM_PARAMS);
void dgetrf_(GETRF_PARAMS);

/* Ones times ones: N everywhere. An LU of anything else than a singular matrix has other numbers than that, so it
 * isn't believed, and computed here. */
static char answer[1024 + NPY_WRITTEN + N * N * 8];
static size_t answer_size;

static void write_answer(void)
{
	const uint64_t shape[2] = {N, N};
	size_t n = (size_t)snprintf(answer, sizeof(answer),
		"HTTP/1.1 200 OK\r\nContent-Type: application/x-npy\r\nContent-Length: %d\r\n\r\n",
		NPY_WRITTEN + N * N * 8);

	npy_write(NPY_F8, true, 2, shape, (uint8_t *)answer + n);
	n += NPY_WRITTEN;
	for (unsigned i = 0; i < N * N; i++, n += 8)
		memcpy(answer + n, &(double){N}, 8);
	answer_size = n;
}

static bool product(void)
{
	const int n = N;
	const double one = 1, none = 0;
	double a[N * N], c[N * N];
	bool right = true;

	for (unsigned i = 0; i < N * N; i++)
		a[i] = 1;
	dgemm_("N", "N", &n, &n, &n, &one, a, &n, a, &n, &none, c, &n, 1, 1);
	for (unsigned i = 0; i < N * N; i++)
		right = right && c[i] == N;
	return right;
}

/* Twice the identity is its own factor. */
static bool factor(void)
{
	const int n = N;
	double a[N * N] = {0};
	int pivots[N], info = -1;
	bool right = true;

	for (unsigned i = 0; i < N; i++)
		a[i * N + i] = 2;
	dgetrf_(&n, &n, a, &n, pivots, &info);
	for (unsigned i = 0; i < N; i++)
		right = right && a[i * N + i] == 2 && pivots[i] == (int)i + 1;
	return right && info == 0;
}

static void *works(void *context)
{
	unsigned *well = context;

	for (unsigned i = 0; i < CALLS; i++)
		*well += i % 10 == 9 ? factor() : product();
	return NULL;
}

static void all_at_once(void **state)
{
	static struct turn turns[TURNS];
	struct server *server;
	pthread_t threads[THREADS];
	unsigned well[THREADS] = {0};
	char url[64];

	(void)state;
	for (unsigned i = 0; i < TURNS; i++) {
		turns[i] = (struct turn){.answer = answer, .size = answer_size};
		if (i % 4 == 1)
			turns[i] = (struct turn){
				.answer = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"};
		if (i % 8 == 7)
			turns[i] = (struct turn){.close = true};
	}
	server = server_start(turns, TURNS);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", server_port(server));
	setenv("MAYFLY_BLAS_URL", url, 1);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, works, &well[i]), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(well[i], CALLS);
	assert_true(server_count(server) > 0);
	server_stop(server);
}

static struct matrix threes(int64_t n, double value)
{
	struct matrix m = matrix_new('d', n, n);

	assert_non_null(m.data);
	for (int64_t i = 0; i < n * n; i++)
		((double *)m.data)[i] = value;
	return m;
}

/* 8 MB each: shared by several threads */
static void checks_at_once(void **state)
{
	struct matrix a = threes(1000, 3), p = threes(1000, 9000);
	struct side given = {1, 1, {{.m = p, .trans = 'N'}}};
	struct side factors = {1, 2, {{.m = a, .trans = 'N'}, {.m = a, .trans = 'T'}}};
	struct check check = {.rounds = 2, .threads = 3};

	(void)state;
	assert_int_equal(check_equal(&check, &given, &factors, 1000, 0), CHECK_RIGHT);
	((double *)p.data)[999 * 1000 + 999] += 1e-3;
	assert_int_equal(check_equal(&check, &given, &factors, 1000, 0), CHECK_WRONG);
	free(a.data);
	free(p.data);
}

/* libmayfly of the same build, before it is looked for; settings, before the first call. */
static int begin(void **state)
{
	char own[4096] = "", file[4200];

	(void)state;
	if (readlink("/proc/self/exe", own, sizeof(own) - 1) < 0)
		return -1;
	snprintf(file, sizeof(file), "%s/../../../../libmayfly.so.0", dirname(own));
	if (dlopen(file, RTLD_NOW | RTLD_GLOBAL) == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		return -1;
	}
	write_answer();
	setenv("MAYFLY_BLAS_MODE", "remote", 1);
	setenv("MAYFLY_BLAS_RETRY", "0", 1);
	setenv("MAYFLY_BLAS_WRONG", "1000000", 1);
	setenv("XDG_CACHE_HOME", "/dev/null", 1);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_at_once),
		cmocka_unit_test(checks_at_once),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
