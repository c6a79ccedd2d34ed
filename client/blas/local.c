#include "client/blas/local.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/blas/call.h"
#include "client/blas/config.h"
#include "client/blas/say.h"

#ifdef __aarch64__
#define DEBIAN "/usr/lib/aarch64-linux-gnu/"
#else
#define DEBIAN "/usr/lib/x86_64-linux-gnu/"
#endif

/* What a program may have loaded, and what is loaded if it has none of it. */
static const char *const libraries[] = {
	"libblas.so.3",
	"libopenblas.so.0",
	"liblapack.so.3",
	"libblis.so.4",
	"libmkl_rt.so",
	DEBIAN "openblas-pthread/libblas.so.3",
	DEBIAN "openblas-openmp/libblas.so.3",
	DEBIAN "openblas-serial/libblas.so.3",
	DEBIAN "blis-pthread/libblas.so.3",
	DEBIAN "blis-openmp/libblas.so.3",
	DEBIAN "blis-serial/libblas.so.3",
	DEBIAN "atlas/libblas.so.3",
	DEBIAN "blas/libblas.so.3",
	DEBIAN "lapack/liblapack.so.3",
};
enum { LIBRARIES = sizeof(libraries) / sizeof(libraries[0]) };

static struct {
	void *own;                  /* MAYFLY_BLAS_LOCAL */
	void *loaded[LIBRARIES];    /* by somebody else */
	void *installed[LIBRARIES]; /* opened as they are needed */
	bool tried[LIBRARIES];
	char file[256];
} found;

/* dlsym's answer is an object pointer; POSIX wants it to be usable as a function's all the same. */
static void (*function(void *symbol))(void)
{
	void (*f)(void);

	memcpy(&f, &symbol, sizeof(f));
	return f;
}

/* Is it ours? This library may be what is called libblas.so.3. */
static bool ours(const void *symbol)
{
	static const char here;
	Dl_info theirs, mine;

	return dladdr(symbol, &theirs) != 0 && dladdr(&here, &mine) != 0 &&
		theirs.dli_fbase == mine.dli_fbase;
}

static void *look(void *library, const char *name)
{
	void *symbol = library != NULL ? dlsym(library, name) : NULL;

	return symbol != NULL && !ours(symbol) ? symbol : NULL;
}

static void *installed(unsigned i)
{
	if (!found.tried[i]) {
		found.tried[i] = true;
		found.installed[i] = dlopen(libraries[i], RTLD_LAZY | RTLD_LOCAL);
	}
	return found.installed[i];
}

static void *symbol(const char *name)
{
	void *s = look(found.own, name);

	if (s == NULL)
		s = look(RTLD_NEXT, name);
	for (unsigned i = 0; s == NULL && i < LIBRARIES; i++)
		s = look(found.loaded[i], name);
	for (unsigned i = 0; s == NULL && i < LIBRARIES; i++)
		s = look(installed(i), name);
	return s;
}

static _Noreturn void missing(void)
{
	say("a routine was called that no local library has: MAYFLY_BLAS_LOCAL=... names one "
	    "(libopenblas.so.0, say)");
	abort();
}

void (*local_function(const char *name))(void)
{
	return function(symbol(name));
}

static void (*routine(const char *name))(void)
{
	void (*f)(void) = local_function(name);

	return f != NULL ? f : missing;
}

static void look_round(void)
{
	for (unsigned i = 0; i < LIBRARIES; i++)
		if (found.loaded[i] == NULL)
			found.loaded[i] =
				dlopen(libraries[i], RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
}

const char *local_file(void)
{
	return found.file;
}

/* Libraries whose products have several threads have a function that says how many. */
unsigned local_threads(void)
{
	static const char *const names[] = {
		"openblas_get_num_threads", "bli_thread_get_num_threads", "MKL_Get_Max_Threads"};
	void *library = found.file[0] != '\0'
		? dlopen(found.file, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD)
		: NULL;
	long n = 1;

	for (unsigned i = 0; library != NULL && i < 3; i++) {
		void *symbol = dlsym(library, names[i]);

		if (symbol !=
			NULL) /* bli's returns a long; of an int the upper half may be anything */
			n = (int)((long (*)(void))function(symbol))();
	}
	if (library != NULL)
		dlclose(library);
	return n > 0 ? (unsigned)n : 1;
}

void local_find(void)
{
	Dl_info info;
	void *gemm;

	if (config.local != NULL) {
		found.own = dlopen(config.local, RTLD_LAZY | RTLD_LOCAL);
		if (found.own == NULL)
			say("MAYFLY_BLAS_LOCAL=%s: %s: another one is looked for", config.local,
				dlerror());
	}
	look_round();
#define X(t, name, GROUP)                                                                          \
	routines[ROUTINE_##t##name].fortran = routine(#t #name "_");                               \
	routines[ROUTINE_##t##name].cblas = routine("cblas_" #t #name);
	BLAS_LEVEL3(X)
#undef X
	gemm = symbol("dgemm_");
	if (gemm != NULL && dladdr(gemm, &info) != 0 && info.dli_fname != NULL)
		snprintf(found.file, sizeof(found.file), "%s", info.dli_fname);
}

void local_find_solvers(void)
{
	look_round();
#define X(t, name, GROUP) routines[ROUTINE_##t##name].fortran = routine(#t #name "_");
	BLAS_SOLVERS(X)
	BLAS_HELPERS(X)
#undef X
}
