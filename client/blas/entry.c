/*
 * client/blas/entry.c - the functions that programs call instead of the local BLAS's: Fortran's names. All are made
 * from client/blas/table.h. A small call is one comparison and a jump: the local routine finds the caller's arguments
 * where they are, also lengths of characters, be they there or not.
 */
#include "client/blas/call.h"
#include "client/blas/groups.h"

#define EXPORT __attribute__((visibility("default")))

/* A name that begins with a letter of a type, from a table whose columns are types. */
#define TYPE_OF(t) (#t[0])

/* What is above the threshold is a function of its own, so that what is below needs no stack. */
#define X(t, name, GROUP)                                                                          \
	static __attribute__((noinline)) void larger_##t##name(GROUP##_PARAMS)                     \
	{                                                                                          \
		struct call call = {.id = ROUTINE_##t##name,                                       \
			.kind = KIND_##name,                                                       \
			.type = TYPE_OF(t),                                                        \
			GROUP##_SAY};                                                              \
                                                                                                   \
		if (call_begin(&call))                                                             \
			return;                                                                    \
		((void (*)(GROUP##_PARAMS))routines[ROUTINE_##t##name].fortran)(GROUP##_ARGS);     \
		call_end(&call);                                                                   \
	}                                                                                          \
                                                                                                   \
	EXPORT void t##name##_(GROUP##_PARAMS);                                                    \
	void t##name##_(GROUP##_PARAMS)                                                            \
	{                                                                                          \
		const struct routine *r = &routines[ROUTINE_##t##name];                            \
                                                                                                   \
		if (__builtin_expect(GROUP##_WORK <                                                \
				    atomic_load_explicit(&r->threshold, memory_order_acquire),     \
			    1))                                                                    \
			((void (*)(GROUP##_PARAMS))r->fortran)(GROUP##_ARGS);                      \
		else                                                                               \
			larger_##t##name(GROUP##_ARGS);                                            \
	}
BLAS_LEVEL3(X)
BLAS_SOLVERS(X)
#undef X
