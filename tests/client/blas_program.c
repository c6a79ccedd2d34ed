/*
 * A program like many: it calls BLAS and LAPACK, and knows nothing of mayfly. It calls every routine that the drop-in
 * stands in front of twice with the same operands: as any program does, and in the local library itself, which it
 * opens for that; and compares all that was written, gaps between columns too. tests/e2e/test_drop_in.py preloads the drop-in.
 *
 *	blas-program [NAME...]     those whose name holds NAME; prints "dgemm 9" (calls), or what differs; status 1
 */
#include <complex.h>
#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/blas/groups.h"
#include "client/blas/table.h"

enum { N = 23, K = 31, LD = 37, MOST = LD * 40 }; /* odd, no two alike, and gaps */

static unsigned bad, calls;
static const char *now;
static unsigned complained;

/* Whoever gets a wrong argument calls this; ours comes before the library's. */
void xerbla_(const char *name, const int *info, size_t n);
void xerbla_(const char *name, const int *info, size_t n)
{
	(void)name;
	(void)n;
	complained = complained * 31 + (unsigned)*info;
}

static void *libraries[2];

static void *local(const char *name)
{
	void *f = dlsym(libraries[0], name);

	if (f == NULL)
		f = dlsym(libraries[1], name);
	if (f == NULL) {
		fprintf(stderr, "%s is in no local library\n", name);
		exit(2);
	}
	return f;
}

/* ---- numbers: the same bits for both, by type */

static uint64_t state = 88172645463325252u;

static double number(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (double)(state >> 11) * 0x1p-53 - 0.5;
}

static bool is_complex(char t)
{
	return t == 'c' || t == 'z';
}

static bool is_single(char t)
{
	return t == 's' || t == 'c';
}

/* One buffer of MOST elements of a type, in two copies. */
struct pair {
	double complex a[MOST], b[MOST];
};

static void fill(void *to, char t)
{
	size_t n = (size_t)MOST * (is_complex(t) ? 2 : 1);

	for (size_t i = 0; i < n; i++)
		if (is_single(t))
			((float *)to)[i] = (float)number();
		else
			((double *)to)[i] = number();
}

static void make(struct pair *p, char t)
{
	fill(p->a, t);
	memcpy(p->b, p->a, sizeof(p->a));
}

static void dominate(
	struct pair *p, char t) /* a diagonal that makes any triangle well conditioned */
{
	for (int i = 0; i < LD; i++)
		if (t == 's')
			((float *)p->a)[i + i * LD] += 9;
		else if (t == 'd')
			((double *)p->a)[i + i * LD] += 9;
		else if (t == 'c')
			((float complex *)p->a)[i + i * LD] += 9;
		else
			((double complex *)p->a)[i + i * LD] += 9;
	memcpy(p->b, p->a, sizeof(p->a));
}

/* Both copies, up to sign if `loose`: eigenvectors have none of their own. */
static void same(const struct pair *p, char t, bool loose, const char *what)
{
	size_t n = (size_t)MOST * (is_complex(t) ? 2 : 1);
	double most = 0, tolerance = is_single(t) ? 2e-4 : 1e-12;

	for (size_t i = 0; i < n; i++) {
		double x =
			is_single(t) ? (double)((const float *)p->a)[i] : ((const double *)p->a)[i];
		double y =
			is_single(t) ? (double)((const float *)p->b)[i] : ((const double *)p->b)[i];
		double d = loose ? fabs(fabs(x) - fabs(y)) : fabs(x - y);

		if (!(d / (1 + fabs(x)) <= most))
			most = d / (1 + fabs(x));
	}
	if (!(most <= tolerance)) {
		printf("%s: %s differs by %g\n", now, what, most);
		bad++;
	}
}

static void equal(int a, int b, const char *what)
{
	if (a != b) {
		printf("%s: %s is %d, not %d\n", now, what, a, b);
		bad++;
	}
}

/* ---- level 3, by group: all letters, alpha and beta plain and not */

static const int n_ = N, m_ = N - 4, k_ = K, ld_ = LD;
static struct pair A, B, C;
static double complex scalars[][4] = {{1, 0}, {0.7, 1}, {-1, 0.3}};

/* a scalar as type t has it; herk's are real */
static const void *scalar(char t, int i, bool beta, bool real, double complex *room)
{
	double complex v = scalars[i][beta];

	if (is_complex(t) && !real && i > 0)
		v += beta ? 0.25 * I : -0.5 * I;
	if (t == 'z')
		*room = v;
	else if (t == 'd')
		*(double *)room = creal(v);
	else if (t == 'c')
		*(float complex *)room = (float complex)v;
	else
		*(float *)room = (float)creal(v);
	return room;
}

/* The routine that the program was linked with, f, and the local one, g: each with a copy of its own. */
#define BOTH(...)                                                                                  \
	for (int w = 0; w < 2; w++)                                                                \
	(w ? g : f)(__VA_ARGS__)
#define OF(pair)          (w ? (pair).b : (pair).a)
#define EACH(letter, set) for (const char *letter = (set); *letter != '\0'; letter++)
#define TWICE(x)          for (int x = 0; x < 2; x++)

#define PREPARE(t)                                                                                 \
	double complex ra, rb;                                                                     \
	const void *alpha = scalar(t, s, false, real_alpha, &ra);                                  \
	const void *beta = scalar(t, s, true, real_beta, &rb);                                     \
                                                                                                   \
	fill(A.a, t);                                                                              \
	fill(B.a, t);                                                                              \
	make(&C, t);                                                                               \
	(void)beta;                                                                                \
	calls++

typedef void gemm_function(GEMM_PARAMS);
static void test_gemm(char t, gemm_function *f, gemm_function *g)
{
	bool real_alpha = false, real_beta = false;

	for (int s = 0; s < 3; s++)
		EACH(ta, "NTC")
	EACH(tb, "ntc")
	{
		PREPARE(t);
		BOTH(ta, tb, &m_, &n_, &k_, alpha, A.a, &ld_, B.a, &ld_, beta, OF(C), &ld_, 1, 1);
		same(&C, t, false, "C");
	}
}

typedef void symm_function(SYMM_PARAMS);
static void test_symm(char t, symm_function *f, symm_function *g)
{
	bool real_alpha = false, real_beta = false;

	for (int s = 0; s < 3; s++)
		EACH(side, "LR")
	EACH(uplo, "LU")
	{
		PREPARE(t);
		BOTH(side, uplo, &m_, &n_, alpha, A.a, &ld_, B.a, &ld_, beta, OF(C), &ld_, 1, 1);
		same(&C, t, false, "C");
	}
}
#define test_hemm test_symm

typedef void syrk_function(SYRK_PARAMS);
static void update(char t, syrk_function *f, syrk_function *g, bool hermitian)
{
	bool real_alpha = hermitian, real_beta = hermitian;

	for (int s = 0; s < 3; s++)
		EACH(uplo, "LU")
	EACH(trans, hermitian ? "NC" : "NT")
	{
		PREPARE(t);
		BOTH(uplo, trans, &n_, &k_, alpha, A.a, &ld_, beta, OF(C), &ld_, 1, 1);
		same(&C, t, false, "C");
	}
}
#define test_syrk(t, f, g) update(t, f, g, false)
#define test_herk(t, f, g) update(t, f, g, true)

typedef void syr2k_function(SYR2K_PARAMS);
static void update2(char t, syr2k_function *f, syr2k_function *g, bool hermitian)
{
	bool real_alpha = false, real_beta = hermitian;

	for (int s = 0; s < 3; s++)
		EACH(uplo, "LU")
	EACH(trans, hermitian ? "NC" : "NT")
	{
		PREPARE(t);
		BOTH(uplo, trans, &n_, &k_, alpha, A.a, &ld_, B.a, &ld_, beta, OF(C), &ld_, 1, 1);
		same(&C, t, false, "C");
	}
}
#define test_syr2k(t, f, g) update2(t, f, g, false)
#define test_her2k(t, f, g) update2(t, f, g, true)

/* a unit triangle's solutions grow: what lies beside its diagonal is made small */
static void shrink(struct pair *p, char t)
{
	size_t n = (size_t)MOST * (is_complex(t) ? 2 : 1);

	for (size_t i = 0; i < n; i++)
		if (is_single(t))
			((float *)p->a)[i] /= 16;
		else
			((double *)p->a)[i] /= 16;
}

typedef void trmm_function(TRMM_PARAMS);
static void triangle(char t, trmm_function *f, trmm_function *g, bool solves)
{
	bool real_alpha = false, real_beta = false;

	for (int s = 0; s < 3; s++)
		EACH(side, "LR")
	EACH(uplo, "LU")
	EACH(ta, "NTC")
	EACH(diag, "NU")
	{
		PREPARE(t);
		if (solves)
			shrink(&A, t);
		dominate(&A, t);
		BOTH(side, uplo, ta, diag, &m_, &n_, alpha, A.a, &ld_, OF(C), &ld_, 1, 1, 1, 1);
		same(&C, t, false, "B");
	}
}
#define test_trmm(t, f, g) triangle(t, f, g, false)
#define test_trsm(t, f, g) triangle(t, f, g, true)

/* ---- solvers */

static int pivots[2][LD], infos[2], integers[4096];
static double work[16384], flat[2][LD * 2];
static struct pair V;
static const int work_ = 16384, integers_ = 4096, nrhs_ = 5;

static void both_pivots(void)
{
	equal(infos[0], infos[1], "info");
	for (int i = 0; i < LD; i++)
		equal(pivots[0][i], pivots[1][i], "a pivot");
}

static void both_flat(char t, bool loose)
{
	memcpy(V.a, flat[0], sizeof(flat[0]));
	memcpy(V.b, flat[1], sizeof(flat[1]));
	memset((char *)V.a + sizeof(flat[0]), 0, sizeof(V.a) - sizeof(flat[0]));
	memset((char *)V.b + sizeof(flat[0]), 0, sizeof(V.b) - sizeof(flat[0]));
	same(&V, t, loose, "a vector");
}

static void clear(void)
{
	memset(pivots, 0, sizeof(pivots));
	memset(flat, 0, sizeof(flat));
	infos[0] = infos[1] = -99;
	calls++;
}

/* One that has a solution; with its lower or upper half it is a positive definite one. */
static void begin_system(char t)
{
	clear();
	make(&A, t);
	dominate(&A, t);
	make(&B, t);
}

typedef void getrf_function(GETRF_PARAMS);
static void test_getrf(char t, getrf_function *f, getrf_function *g)
{
	for (int s = 0; s < 3; s++) { /* tall, wide, singular */
		const int *m = s == 0 ? &k_ : &m_;

		clear();
		make(&A, t);
		if (s == 2) /* two columns alike: nothing is left for the last pivot */
			for (int i = 0; i < LD * 40; i++)
				A.a[i] = A.b[i] = 0;
		BOTH(m, &n_, OF(A), &ld_, pivots[w], &infos[w]);
		both_pivots();
		same(&A, t, false, "LU");
	}
}

typedef void gesv_function(GESV_PARAMS);
static void test_gesv(char t, gesv_function *f, gesv_function *g)
{
	for (int s = 0; s < 2; s++) {
		clear();
		make(&A, t);
		make(&B, t);
		if (s == 1)
			memset(&A, 0, sizeof(A));
		else
			dominate(&A, t);
		BOTH(&n_, &nrhs_, OF(A), &ld_, pivots[w], OF(B), &ld_, &infos[w]);
		both_pivots();
		same(&A, t, false, "LU");
		same(&B, t, false, "X");
	}
}

typedef void getrs_function(GETRS_PARAMS);
static void test_getrs(char t, getrs_function *f, getrs_function *g)
{
	EACH(trans, "NTC")
	{
		begin_system(t);
		((getrf_function *)local(t == 's' ? "sgetrf_" : "dgetrf_"))(
			&n_, &n_, A.a, &ld_, pivots[0], &infos[0]);
		BOTH(trans, &n_, &nrhs_, A.a, &ld_, pivots[0], OF(B), &ld_, &infos[w], 1);
		equal(infos[0], infos[1], "info");
		same(&B, t, false, "X");
	}
}

typedef void potrf_function(POTRF_PARAMS);
static void test_potrf(char t, potrf_function *f, potrf_function *g)
{
	TWICE(s)
	EACH(uplo, "LU")
	{ /* s: not positive definite */
		clear();
		make(&A, t);
		if (s == 0)
			dominate(&A, t);
		BOTH(uplo, &n_, OF(A), &ld_, &infos[w], 1);
		equal(infos[0], infos[1], "info");
		same(&A, t, false, "L");
	}
}

typedef void posv_function(POSV_PARAMS);
static void test_posv(char t, posv_function *f, posv_function *g)
{
	EACH(uplo, "LU")
	{
		begin_system(t);
		BOTH(uplo, &n_, &nrhs_, OF(A), &ld_, OF(B), &ld_, &infos[w], 1);
		equal(infos[0], infos[1], "info");
		same(&A, t, false, "L");
		same(&B, t, false, "X");
	}
}

typedef void potrs_function(POTRS_PARAMS);
static void test_potrs(char t, potrs_function *f, potrs_function *g)
{
	EACH(uplo, "LU")
	{
		begin_system(t);
		BOTH(uplo, &n_, &nrhs_, A.a, &ld_, OF(B), &ld_, &infos[w], 1);
		equal(infos[0], infos[1], "info");
		same(&B, t, false, "X");
	}
}

typedef void geqrf_function(GEQRF_PARAMS);
static void test_geqrf(char t, geqrf_function *f, geqrf_function *g)
{
	TWICE(s)
	{
		const int *m = s == 0 ? &k_ : &m_, query = -1;

		clear();
		make(&A, t);
		f(m, &n_, A.a, &ld_, flat[0], work, &query, &infos[0]);
		equal(infos[0], 0, "info of a question for memory");
		BOTH(m, &n_, OF(A), &ld_, flat[w], work, &work_, &infos[w]);
		equal(infos[0], infos[1], "info");
		same(&A, t, false, "QR");
		both_flat(t, false);
	}
}

typedef void gels_function(GELS_PARAMS);
static void test_gels(char t, gels_function *f, gels_function *g)
{
	EACH(trans, "NT")
	TWICE(s)
	{
		const int *m = s == 0 ? &k_ : &m_;

		begin_system(t);
		BOTH(trans, m, &n_, &nrhs_, OF(A), &ld_, OF(B), &ld_, work, &work_, &infos[w], 1);
		equal(infos[0], infos[1], "info");
		same(&A, t, false, "QR");
		same(&B, t, false, "X");
	}
}

/* the values, the vectors up to sign; what lies under the matrix is LAPACK's business */
static void spectral(char t, bool vectors)
{
	equal(infos[0], infos[1], "info");
	both_flat(t, false);
	if (vectors)
		same(&A, t, true, "V");
}

typedef void syev_function(SYEV_PARAMS);
static void test_syev(char t, syev_function *f, syev_function *g)
{
	EACH(job, "VN")
	EACH(uplo, "LU")
	{
		clear();
		make(&A, t);
		BOTH(job, uplo, &n_, OF(A), &ld_, flat[w], work, &work_, &infos[w], 1, 1);
		spectral(t, *job == 'V');
	}
}

typedef void syevd_function(SYEVD_PARAMS);
static void test_syevd(char t, syevd_function *f, syevd_function *g)
{
	EACH(job, "VN")
	EACH(uplo, "LU")
	{
		clear();
		make(&A, t);
		BOTH(job, uplo, &n_, OF(A), &ld_, flat[w], work, &work_, integers, &integers_,
			&infos[w], 1, 1);
		spectral(t, *job == 'V');
	}
}

typedef void gesdd_function(GESDD_PARAMS);
static void test_gesdd(char t, gesdd_function *f, gesdd_function *g)
{
	EACH(job, "ASN")
	TWICE(s)
	{
		const int *m = s == 0 ? &k_ : &m_;
		static struct pair u, vt;

		clear();
		make(&A, t);
		make(&u, t);
		make(&vt, t);
		BOTH(job, m, &n_, OF(A), &ld_, flat[w], OF(u), &ld_, OF(vt), &ld_, work, &work_,
			integers, &infos[w], 1);
		equal(infos[0], infos[1], "info");
		both_flat(t, false);
		if (*job != 'A' ||
			s == 1) /* what completes a basis isn't unique, up to sign it is if it is one */
			same(&u, t, true, "U");
		if (*job != 'A' || s == 0)
			same(&vt, t, true, "V'");
	}
}

/* ---- CBLAS: in rows and in columns, against Fortran's routine on what that means */

#define BOTH_CBLAS(type, name, ...)                                                                \
	for (int w = 0; w < 2; w++)                                                                \
	((type *)(w ? local(name) : dlsym(RTLD_DEFAULT, name)))(__VA_ARGS__)

static void test_cblas(void)
{
	typedef void cgemm(int, int, int, int, int, int, double, const void *, int, const void *,
		int, double, void *, int);
	typedef void cherk(int, int, int, int, int, double, const void *, int, double, void *, int);
	typedef void cher2k(int, int, int, int, int, const void *, const void *, int, const void *,
		int, double, void *, int);
	typedef void csymm(int, int, int, int, int, double, const void *, int, const void *, int,
		double, void *, int);
	typedef void ctrmm(
		int, int, int, int, int, int, int, double, const void *, int, void *, int);
	double complex alpha = 0.5 - 2 * I;

	for (int order = 101; order <= 102; order++)
		for (int x = 0; x < 2; x++) {
			int uplo = 121 + x, trans = 111 + x, side = 141 + x, conj = 111 + 2 * x;

			now = "cblas";
			calls++;
			fill(A.a, 'z');
			fill(B.a, 'z');
			make(&C, 'd');
			BOTH_CBLAS(cgemm, "cblas_dgemm", order, trans, 112, N, N - 3, K, 2.0, A.a,
				LD, B.a, LD, 0.5, OF(C), LD);
			same(&C, 'd', false, "dgemm's C");
			make(&C, 'd');
			BOTH_CBLAS(csymm, "cblas_dsymm", order, side, uplo, N, N - 3, 2.0, A.a, LD,
				B.a, LD, 0.5, OF(C), LD);
			same(&C, 'd', false, "dsymm's C");
			make(&C, 'd');
			BOTH_CBLAS(ctrmm, "cblas_dtrmm", order, side, uplo, trans, 131, N, N - 3,
				2.0, A.a, LD, OF(C), LD);
			same(&C, 'd', false, "dtrmm's B");
			make(&C, 'z');
			BOTH_CBLAS(cherk, "cblas_zherk", order, uplo, conj, N, K, 2.0, A.a, LD, 0.5,
				OF(C), LD);
			same(&C, 'z', false, "zherk's C");
			make(&C, 'z');
			BOTH_CBLAS(cher2k, "cblas_zher2k", order, uplo, conj, N, K, &alpha, A.a, LD,
				B.a, LD, 0.5, OF(C), LD);
			same(&C, 'z', false, "zher2k's C");
		}
}

/* Wrong arguments are the local routine's to complain about, as ever. */
static void test_complaints(void)
{
	gemm_function *f = (gemm_function *)dlsym(RTLD_DEFAULT, "dgemm_");
	double one = 1;
	const int few = 3, none = 0, minus = -1;
	unsigned was;

	now = "complaints";
	calls++;
	make(&C, 'd');
	f("N", "X", &n_, &n_, &n_, &one, A.a, &ld_, B.a, &ld_, &one, C.a, &ld_, 1, 1);
	f("N", "N", &n_, &n_, &n_, &one, A.a, &few, B.a, &ld_, &one, C.a, &ld_, 1, 1);
	f("N", "N", &minus, &n_, &n_, &one, A.a, &ld_, B.a, &ld_, &one, C.a, &ld_, 1, 1);
	was = complained;
	complained = 0;
	equal((int)was, ((2 * 31) + 8) * 31 + 3, "what xerbla heard");
	f("N", "N", &none, &n_, &n_, &one, A.a, &ld_, B.a, &ld_, &one, C.a, &ld_, 1, 1);
	equal((int)complained, 0, "what xerbla heard of nothing to do");
	same(&C, 'd', false, "C");
}

static bool wanted(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (strstr(name, argv[i]) != NULL)
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	const char *directory = getenv("BLAS_PROGRAM_LOCAL");

	libraries[0] =
		dlopen(directory != NULL ? directory : "libblas.so.3", RTLD_NOW | RTLD_LOCAL);
	libraries[1] = dlopen("liblapack.so.3", RTLD_NOW | RTLD_LOCAL);
	if (libraries[0] == NULL || libraries[1] == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		return 2;
	}
#define X(t, name, GROUP)                                                                          \
	now = #t #name;                                                                            \
	calls = 0;                                                                                 \
	if (wanted(argc, argv, now)) {                                                             \
		typedef void function(GROUP##_PARAMS);                                             \
		test_##name(#t[0], (function *)dlsym(RTLD_DEFAULT, #t #name "_"),                  \
			(function *)local(#t #name "_"));                                          \
		printf("%s %u\n", now, calls);                                                     \
	}
	BLAS_LEVEL3(X)
	BLAS_SOLVERS(X)
#undef X
	if (wanted(argc, argv, "cblas"))
		test_cblas();
	if (wanted(argc, argv, "complaints"))
		test_complaints();
	return bad > 0;
}
