/* hub/jobs/join.c - the results of the tasks become the job's: window by window into memory, from there into a blob. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/jobs/job.h"

#define WINDOW (1u << 20)

struct join {
	struct job *job;
	struct blob_writer *writer;
	uint64_t at;
	struct job_gather gather;
	struct blob_op op;
	uint8_t window[WINDOW];
};

static void end(struct join *j, int error)
{
	struct job *job = j->job;

	if (j->writer)
		blob_break(j->writer);
	free(j);
	if (!job_is_off(job))
		job_fail(job, error == -ENOSPC || error == -EFBIG ? 507 : 502,
			"the result can't be put together: %s", strerror(-error));
	job_release(job);
}

static void committed(struct blob_op *op, int error)
{
	struct join *j = LOOP_OWNER(op, struct join, op);
	struct job *job = j->job;

	if (error < 0) {
		end(j, error);
		return;
	}
	if (job_has_ended(job))
		blob_unpin(op->blob);
	else
		job_done(job, 200, job->plan.type, job->plan.headers, op->blob);
	free(j);
	job_release(job);
}

static void next(struct join *j);

static void appended(struct blob_op *op, int error)
{
	struct join *j = LOOP_OWNER(op, struct join, op);

	if (error < 0 || job_is_off(j->job))
		end(j, error);
	else
		next(j);
}

static void gathered(struct job_gather *gather, int error)
{
	struct join *j = LOOP_OWNER(gather, struct join, gather);

	if (error < 0 || job_is_off(j->job)) {
		end(j, error);
		return;
	}
	j->at += gather->n;
	memset(&j->op, 0, sizeof(j->op));
	j->op.done = appended;
	blob_append(j->writer, &j->op, j->window, gather->n);
}

static void next(struct join *j)
{
	const struct job_bytes *bytes = &j->job->plan.result;
	uint64_t left = bytes->bytes - j->at;
	struct blob_writer *writer = j->writer;

	if (left == 0) {
		memset(&j->op, 0, sizeof(j->op));
		j->op.done = committed;
		j->writer = NULL;
		blob_commit(writer, &j->op);
		return;
	}
	j->gather = (struct job_gather){.job = j->job,
		.bytes = bytes,
		.at = j->at,
		.n = left < WINDOW ? left : WINDOW,
		.to = j->window,
		.done = gathered};
	job_gather(&j->gather);
}

void job_join(struct job *job)
{
	struct join *j = calloc(1, sizeof(*j));
	int e;

	job->state = JOB_IS_JOINING;
	if (!j) {
		job_fail(job, 503, "no memory");
		return;
	}
	j->job = job;
	job_hold(job);
	e = blob_begin(job->jobs->hub->blobs, NULL, job->plan.result.bytes, false, &j->writer);
	if (e < 0)
		end(j, e);
	else
		next(j);
}
