/*
 * hub/jobs/copy.h - bytes that are put together from pieces (plan.h), window by window: what of each piece falls
 * into a window, as rows again, so that whoever reads them can do so at once. Pure.
 */
#ifndef HUB_JOBS_COPY_H
#define HUB_JOBS_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/jobs/plan.h"

/* Where one is with the pieces of a window; zeros at its beginning. */
struct job_cut {
	uint32_t piece; /* at work */
	uint64_t row;   /* the next of it; 0: those before the window aren't passed over yet */
};

/* The next rows that fall into [at, at + n), their `to` counted from `at`; rows of one piece that are there only in part come
 * alone. False: there are no more. */
bool job_cut(const struct job_bytes *bytes, uint64_t at, uint64_t n, struct job_cut *cut,
	struct job_piece *rows);

/* Do the pieces fill all of it, one behind the other? Else zeros must be there before. */
bool job_bytes_dense(const struct job_bytes *bytes);

#endif
