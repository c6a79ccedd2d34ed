/*
 * client/blas/job.h - one routine done by the service: what goes there, what comes back, whether it is right, and how
 * it becomes what the routine's caller expects. Until an answer is whole and was checked nothing of the caller's is
 * touched that the local routine would need; then the local one can still do it all.
 */
#ifndef CLIENT_BLAS_JOB_H
#define CLIENT_BLAS_JOB_H

#include "client/blas/check.h"
#include "client/blas/plan.h"
#include "client/blas/service.h"

struct job {
	const struct call *call;
	const struct plan *plan;
	struct ask ask;
	struct told told;
	struct check check; /* rounds 0: answers are believed */
	enum outcome outcome;
	enum verdict verdict;     /* of an answer that came */
	const char *why;          /* not even asked: why; NULL otherwise */
	char factor[FACTOR_NAME]; /* the name of a factor that the service keeps */
};

/* true: the caller's results are there. */
bool job_product(struct job *job);
bool job_solve(struct job *job);
/* What a fresh service is tried with: a product whose inner dimension is k, of m rows and n columns, with an answer
 * that is known beforehand. */
bool job_probe(struct job *job, int64_t m, int64_t n, int64_t k);

#endif
