/*
 * client/blas/call.h - one call of a routine, as its entry found it, and the way that it takes: client/blas/entry.c
 * asks call_begin for each call that is above its routine's threshold. Any thread may be in here at any time.
 */
#ifndef CLIENT_BLAS_CALL_H
#define CLIENT_BLAS_CALL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/blas/table.h"

enum kind {
#define X(name) KIND_##name,
	BLAS_KINDS(X)
#undef X
		KINDS
};
extern const char *const kind_names[KINDS];

/* Every entry, by its Fortran name. */
enum routine_id {
#define X(t, name, GROUP) ROUTINE_##t##name,
	BLAS_LEVEL3(X) BLAS_SOLVERS(X) BLAS_HELPERS(X)
#undef X
		ROUTINES
};

/* The bare routine, and whom to ask first. `threshold` is a product of three dimensions below which nothing but
 * the local routine comes into question, -HUGE_VAL before the first call: the pointers aren't there yet. */
struct routine {
	_Atomic double threshold;
	void (*fortran)(
		void); /* the local ones; after the first call never NULL if anybody calls them */
	void (*cblas)(void);
};
extern struct routine routines[ROUTINES];

/* Arguments, named as BLAS names them. Where a routine of LAPACK puts its result over its operand, that is c; a
 * second operand that is overwritten (gesv's right sides) is u. */
struct call {
	enum routine_id id;
	enum kind kind;
	char type;      /* 's' 'd' 'c' 'z' */
	bool row_major; /* of CBLAS; never after call_begin has looked */
	bool wrong;     /* an argument is of no kind that there is: the local routine says so */
	char transa, transb, side, uplo, diag, job;
	int m, n, k; /* k: also the number of right sides */
	const void *alpha, *beta;
	const void *a, *b;
	void *c, *u, *vt, *s, *work;
	int lda, ldb, ldc, ldu, ldvt;
	int lwork, liwork;
	int *ipiv, *info;
	/* call_begin's notes for call_end */
	bool timed, nested, told;
	double flops, started, predicted_local, predicted_remote;
	char why[160];
};

/* true: it is done. false: the entry calls the local routine now, and then call_end. */
bool call_begin(struct call *call);
void call_end(struct call *call);

#endif
