/* hub/jobs/run.c - see run.h */
#include "hub/jobs/run.h"

#include <errno.h>
#include <stdlib.h>

#define WAIT_NS   1000000000ull
#define WAIT_MOST 60000000000ull

int job_run_open(struct job_run *run, const struct job_plan *plan, const struct job_run_ops *ops,
	uint32_t threads)
{
	*run = (struct job_run){.ops = ops,
		.plan = plan,
		.threads = threads,
		.tries_most = JOB_TRIES,
		.wait_ns = WAIT_NS};
	run->tries = calloc(plan->tasks_count, sizeof(*run->tries));
	run->after_ns = calloc(plan->tasks_count, sizeof(*run->after_ns));
	if (run->tries && run->after_ns && job_graph_open(&run->graph, plan, threads) == 0)
		return 0;
	job_run_close(run);
	return -ENOMEM;
}

void job_run_close(struct job_run *run)
{
	job_graph_close(&run->graph);
	free(run->tries);
	free(run->after_ns);
	run->tries = NULL;
	run->after_ns = NULL;
}

static void freed(uint32_t task, void *context)
{
	struct job_run *run = context;

	run->ops->drop(run, task);
}

static void look_over(struct job_run *run)
{
	if (run->over || !job_graph_is_done(&run->graph))
		return;
	run->over = true;
	run->ops->over(run);
}

void job_run_was_done(struct job_run *run, uint32_t task)
{
	job_graph_done(&run->graph, task, freed, run);
}

/* Started; false: there is no room. *again_ns is when the first that has to wait may go. */
static bool try(struct job_run *run, uint32_t task, uint64_t now, uint64_t *again_ns)
{
	uint64_t after = run->after_ns[task];

	if (after > now) {
		if (*again_ns == 0 || after < *again_ns)
			*again_ns = after;
		return true;
	}
	job_graph_start(&run->graph, task);
	if (run->ops->start(run, task))
		return true;
	job_graph_back(&run->graph, task);
	return false;
}

void job_run_go(struct job_run *run, uint64_t now, uint64_t *again_ns)
{
	uint32_t task = 0;

	*again_ns = 0;
	if (run->began_ns == 0) {
		run->began_ns = now;
		run->before = run->graph.weight;
	}
	while (run->graph.started < run->threads && job_graph_next(&run->graph, &task)) {
		if (!try(run, task, now, again_ns))
			break;
		task++;
	}
	look_over(run);
}

void job_run_done(struct job_run *run, uint32_t task)
{
	run->after_ns[task] = 0;
	job_graph_done(&run->graph, task, freed, run);
	look_over(run);
}

void job_run_back(struct job_run *run, uint32_t task, uint64_t now, uint64_t wait_ns)
{
	run->after_ns[task] = now + wait_ns;
	job_graph_back(&run->graph, task);
}

bool job_run_failed(struct job_run *run, uint32_t task, uint64_t now)
{
	uint64_t wait = run->wait_ns;

	if (++run->tries[task] >= run->tries_most)
		return false;
	for (unsigned i = 1; i < run->tries[task] && wait < WAIT_MOST; i++)
		wait *= 2;
	job_run_back(run, task, now, wait < WAIT_MOST ? wait : WAIT_MOST);
	return true;
}

double job_run_estimate(const struct job_run *run, uint64_t now)
{
	double done = run->graph.weight - run->before, left = run->plan->weight - run->graph.weight;

	if (run->over || left < 0)
		left = 0;
	if (left <= 0)
		return 0;
	if (run->began_ns == 0 || done <= 0)
		return -1;
	return (double)(now - run->began_ns) / 1e9 * left / done;
}

double job_run_progress(const struct job_run *run)
{
	if (job_graph_is_done(&run->graph))
		return 1;
	return run->plan->weight > 0 ? run->graph.weight / run->plan->weight : 0;
}
