#include "client/blas/finish.h"

#include "client/blas/groups.h"
#include "client/blas/matrix.h"

/* The local routine NAME for the call's type. */
#define LOCAL(NAME, GROUP)                                                                         \
	((void (*)(GROUP##_PARAMS))routines[c->type == 's' ? ROUTINE_s##NAME : ROUTINE_d##NAME]    \
			.fortran)

/* As dgels does: B becomes Q' B, and its first n rows the solution of the triangle. tau lies at the beginning of the
 * working memory. */
static void least_squares(const struct call *c)
{
	int work = c->lwork - c->n;
	char *more = (char *)c->work + (size_t)c->n * type_size(c->type);

	LOCAL(ormqr, ORMQR)
	("L", "T", &c->m, &c->k, &c->n, c->c, &c->ldc, c->work, c->u, &c->ldu, more, &work, c->info,
		1, 1);
	LOCAL(trtrs, TRTRS)
	("U", "N", "N", &c->n, &c->k, c->c, &c->ldc, c->u, &c->ldu, c->info, 1, 1, 1);
}

void finish(const struct call *c)
{
	switch (c->kind) {
	case KIND_gesv:
		if (*c->info != 0)
			break;
		LOCAL(getrs, GETRS)
		("N", &c->n, &c->k, c->c, &c->ldc, c->ipiv, c->u, &c->ldu, c->info, 1);
		break;
	case KIND_posv:
		LOCAL(potrs, POTRS)
		(&c->uplo, &c->n, &c->k, c->c, &c->ldc, c->u, &c->ldu, c->info, 1);
		break;
	case KIND_gels: least_squares(c); break;
	default: break;
	}
}
