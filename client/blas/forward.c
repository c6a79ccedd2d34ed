/*
 * client/blas/forward.c - only in the library that is called libblas.so.3: programs are linked with that for all of BLAS, so
 * what this library doesn't look at it passes on. Each routine is one jump, whatever its arguments and its result are.
 *
 * The pointers are filled in by a constructor, the only one here: a program may call any of these first, from its own
 * constructors too, and a jump has no place for a question.
 */
#include "client/blas/forwards.h"
#include "client/blas/local.h"
#include "client/blas/say.h"
#include "client/blas/state.h"

#include <stdlib.h>

#if defined(__x86_64__)
#define JUMP(name) "endbr64\n\tjmp *forward_" #name "(%rip)\n"
#elif defined(__aarch64__)
#define JUMP(name)                                                                                 \
	"adrp x16, forward_" #name "\n\tldr x16, [x16, #:lo12:forward_" #name "]\n\tbr x16\n"
#endif

static _Noreturn void nowhere(void)
{
	say("a routine was called that no local library has: MAYFLY_BLAS_LOCAL=... names one");
	abort();
}

#define X(name)                                                                                    \
	extern void (*forward_##name)(void);                                                       \
	void (*forward_##name)(void) = nowhere;                                                    \
	__asm__(".pushsection .text\n\t.globl " #name "\n\t.type " #name ", @function\n" #name     \
		":\n\t" JUMP(name) "\t.size " #name ", . - " #name "\n\t.popsection\n");
BLAS_FORWARDS(X)
#undef X

static const struct {
	const char *name;
	void (**at)(void);
} forwards[] = {
#define X(name) {#name, &forward_##name},
	BLAS_FORWARDS(X)
#undef X
};

__attribute__((constructor)) static void find_all(void)
{
	state_begin(false);
	for (unsigned i = 0; i < sizeof(forwards) / sizeof(forwards[0]); i++) {
		void (*f)(void) = local_function(forwards[i].name);

		if (f != NULL)
			*forwards[i].at = f;
	}
}
