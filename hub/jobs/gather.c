/* hub/jobs/gather.c - bytes from operands and results come together in one place (copy.h). One read at a time: where pieces
 * overlap the later one counts. */
#include <string.h>

#include "hub/jobs/job.h"

static void step(struct job_gather *g);

static void on_read(struct blob_op *op, int error)
{
	struct job_gather *g = LOOP_OWNER(op, struct job_gather, op);

	if (error < 0)
		g->done(g, error);
	else
		step(g);
}

/* A literal is in memory. */
static void write_rows(struct job_gather *g, const struct job_piece *p)
{
	const uint8_t *from = g->job->plan.literals[p->source].p + p->from;

	for (uint64_t r = 0; r < p->rows; r++)
		memcpy(g->to + p->to + r * p->to_stride, from + r * p->from_stride, p->row);
}

static void step(struct job_gather *g)
{
	struct job *job = g->job;
	struct job_piece p;

	while (!job_is_off(job) && job_cut(g->bytes, g->at, g->n, &g->cut, &p)) {
		if (p.kind == JOB_LITERAL) {
			write_rows(g, &p);
			continue;
		}
		memset(&g->op, 0, sizeof(g->op));
		g->op.done = on_read;
		blob_read_rows(job->jobs->hub->blobs,
			p.kind == JOB_OPERAND ? job->operand[p.source] : job->results[p.source],
			&g->op, p.from, p.from_stride, g->to + p.to, p.to_stride, p.row, p.rows);
		return;
	}
	g->done(g, 0);
}

void job_gather(struct job_gather *gather)
{
	gather->cut = (struct job_cut){0};
	if (!gather->over && !job_bytes_dense(gather->bytes))
		memset(gather->to, 0, gather->n);
	step(gather);
}
