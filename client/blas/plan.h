/*
 * client/blas/plan.h - what a call means: in columns, with its work counted, as a job for the service. Pure.
 *
 * The service multiplies and solves whole matrices; BLAS has triangles, halves and updates. So a routine becomes one
 * operation of the service and something that costs O(n^2) here: docs/blas.md has the table.
 */
#ifndef CLIENT_BLAS_PLAN_H
#define CLIENT_BLAS_PLAN_H

#include "client/blas/model.h"

struct plan {
	struct load load; /* for the service */
	double here;      /* flops of the local routine */
	bool kept;   /* of solving: the factor isn't sent, if it is one that the service keeps */
	double rest; /* of them: those that stay here if the service does the rest */
	int64_t m, n, k; /* of products: of op(A) op(B) */
	char transa, transb;
	double complex alpha, beta;
};

/* The operation that kind's work is done by, OPS if it stays here. */
enum service_op plan_op(enum kind kind, char type);
/* Turns a row-major call into the same one in columns: operands change places, sides and triangles are swapped. */
void plan_columns(struct call *call);
/* The factor that a call makes or solves with. False: it is none. */
bool plan_factor(const struct call *call, struct factor_kind_of *kind);
/* The same plan, with a factor that is kept at the service. */
void plan_keep(const struct call *call, struct plan *plan);
/* NULL, or why the call stays here: also arguments that are wrong, which the local routine complains about. */
const char *plan_make(const struct call *call, unsigned rounds, struct plan *plan);

#endif
