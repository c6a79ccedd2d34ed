/*
 * hub/jobs/place.c - the result of a job, where it is made of nothing but literals and results that no task needs: these lie where they
 * belong as soon as their lives have replied, so that at the end little is left to do. What won't change any more is hashed while
 * other tasks are at work: a plan whose first tasks are the first bytes' gains most. All else is join.c's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/jobs/job.h"

#define HASH_LEAST (1u << 20) /* bytes that are worth a turn of the disk cache's thread */

struct job_place {
	struct job *job;
	struct blob_writer *writer; /* NULL: it is a blob, or never will be */
	struct blob_op op;          /* hashes, and at the end makes the blob */
	struct job_placing literals;
	bool begun;   /* the literals are there */
	bool hashing; /* `op` is under way */
	bool over;    /* all tasks are done */
	bool resumed; /* what an earlier run placed is there */
	uint64_t hashed;
};

/* ------------------------------------------------------------- bytes of one source */

static void step(struct job_placing *p);

static void on_placed(struct blob_op *op, int error)
{
	struct job_placing *p = LOOP_OWNER(op, struct job_placing, op);

	if (error < 0)
		p->done(p, error);
	else
		step(p);
}

static bool is_its(const struct job_placing *p, const struct job_piece *piece)
{
	return p->literals ? piece->kind == JOB_LITERAL
			   : piece->kind == JOB_RESULT && piece->source == p->task;
}

static void step(struct job_placing *p)
{
	const struct job_plan *plan = &p->job->plan;
	const struct job_piece *piece;
	const uint8_t *from;

	if (job_has_ended(p->job)) {
		p->done(p, -ECANCELED);
		return;
	}
	while (p->piece < plan->result.count && !is_its(p, &plan->result.pieces[p->piece]))
		p->piece++;
	if (p->piece == plan->result.count) {
		p->done(p, 0);
		return;
	}
	piece = &plan->result.pieces[p->piece++];
	from = p->literals ? plan->literals[piece->source].p : p->from;
	memset(&p->op, 0, sizeof(p->op));
	p->op.done = on_placed;
	blob_place(p->job->place->writer, &p->op, from + piece->from, piece->from_stride, piece->to,
		piece->to_stride, piece->row, piece->rows);
}

void job_place(struct job_placing *placing)
{
	placing->piece = 0;
	step(placing);
}

bool job_places(const struct job *job, uint32_t task)
{
	return job->place && job->plan.tasks[task].final;
}

/* --------------------------------------------------------------------- the whole */

static void failed(struct job *job, int error)
{
	if (!job_is_off(job))
		job_fail(job, error == -ENOSPC || error == -EFBIG ? 507 : 502,
			"the result can't be put together: %s", strerror(-error));
}

static void committed(struct blob_op *op, int error)
{
	struct job_place *place = LOOP_OWNER(op, struct job_place, op);
	struct job *job = place->job;

	if (error < 0)
		failed(job, error);
	else if (job_has_ended(job))
		blob_unpin(op->blob);
	else
		job_done(job, 200, job->plan.type, job->plan.headers, op->blob);
	job_release(job);
}

/* All bytes before it are there, and stay. */
static uint64_t whole(const struct job_place *place)
{
	const struct job_plan *plan = &place->job->plan;
	uint64_t n = place->begun ? plan->result.bytes : 0;

	for (uint32_t i = 0; i < plan->result.count; i++) {
		const struct job_piece *p = &plan->result.pieces[i];

		if (p->kind == JOB_RESULT && p->to < n &&
			place->job->run.graph.state[p->source] != JOB_DONE)
			n = p->to;
	}
	return n;
}

static void hashed(struct blob_op *op, int error)
{
	struct job_place *place = LOOP_OWNER(op, struct job_place, op);
	struct job *job = place->job;

	place->hashing = false;
	if (error < 0)
		failed(job, error);
	else
		job_place_more(job);
	job_release(job);
}

void job_place_more(struct job *job)
{
	struct job_place *place = job->place;
	struct blob_writer *writer = place->writer;
	uint64_t n;

	if (place->hashing || !writer || job_is_off(job))
		return;
	memset(&place->op, 0, sizeof(place->op));
	if (place->over && place->begun) {
		place->writer = NULL;
		place->op.done = committed;
		job_hold(job);
		blob_commit(writer, &place->op);
		return;
	}
	n = whole(place);
	if (n < place->hashed + HASH_LEAST)
		return;
	place->hashing = true;
	place->hashed = n;
	place->op.done = hashed;
	job_hold(job);
	blob_place_hash(writer, &place->op, n);
}

void job_place_end(struct job *job)
{
	job->state = JOB_IS_JOINING;
	job->place->over = true;
	job_place_more(job);
}

/* --------------------------------------------------------------------- open, close */

static void begun(struct job_placing *placing, int error)
{
	struct job *job = placing->job;

	job->place->begun = error == 0;
	if (error < 0)
		failed(job, error);
	else
		job_place_more(job);
	job_release(job);
}

_Static_assert(TASK_ID == BLOB_HASH, "a job's id is as long as a blob's hash");

int job_place_open(struct job *job)
{
	struct blobs *blobs = job->jobs->hub->blobs;
	const uint8_t *key = (const uint8_t *)job->id;
	uint64_t size = job->plan.result.bytes;
	struct job_place *place;
	int e = -ENOENT;

	if (!job->plan.places)
		return 0;
	place = calloc(1, sizeof(*place));
	if (!place)
		return -ENOMEM;
	if (job->resumed)
		e = blob_place_begin(blobs, key, size, true, &place->writer);
	place->resumed = e == 0;
	if (e < 0)
		e = blob_place_begin(blobs, key, size, false, &place->writer);
	if (e < 0) {
		free(place);
		return e;
	}
	place->job = job;
	job->place = place;
	place->literals = (struct job_placing){.job = job, .literals = true, .done = begun};
	job_hold(job);
	job_place(&place->literals);
	return 0;
}

bool job_place_resumed(const struct job *job)
{
	return job->place && job->place->resumed;
}

void job_place_close(struct job *job)
{
	struct job_place *place = job->place;

	job->place = NULL;
	if (place && place->writer && job->kept && !job_has_ended(job))
		blob_break(place->writer);
	else if (place && place->writer)
		blob_drop(place->writer);
	free(place);
}
