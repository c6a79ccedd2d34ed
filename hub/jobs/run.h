/*
 * hub/jobs/run.h - a plan at work: which tasks are started when, what becomes of those that fail, how far it is. It knows
 * neither services nor blobs: its owner starts tasks, and says how they ended. Pure but for the clock that it is given.
 *
 *	job_run_go ──▶ ops->start ... job_run_done / job_run_failed ──▶ ops->drop, ops->over
 */
#ifndef HUB_JOBS_RUN_H
#define HUB_JOBS_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/jobs/graph.h"
#include "hub/jobs/plan.h"

#define JOB_TRIES 4u /* lives of one task, where the service's policy says nothing else */

struct job_run;

struct job_run_ops {
	/* Begins a task. False: there is no room now; job_run_go asks again. */
	bool (*start)(struct job_run *run, uint32_t task);
	/* Nobody needs this task's result any more. */
	void (*drop)(struct job_run *run, uint32_t task);
	/* All tasks are done. */
	void (*over)(struct job_run *run);
};

struct job_run {
	const struct job_run_ops *ops;
	const struct job_plan *plan;
	struct job_graph graph;
	uint8_t *tries;     /* that failed, by task */
	uint64_t *after_ns; /* not before; 0: at once */
	uint32_t threads;   /* tasks at once */
	uint32_t tries_most;
	uint64_t wait_ns;  /* between the first two tries; doubled from then on */
	uint64_t began_ns; /* when the first task was started in this run */
	double before;     /* the weight of what was done then */
	bool over;
};

/* -ENOMEM. The plan must outlive it. */
int job_run_open(struct job_run *run, const struct job_plan *plan, const struct job_run_ops *ops,
	uint32_t threads);
void job_run_close(struct job_run *run);

/* This task was done by an earlier run. Before the first job_run_go; ops->drop is called of what nobody needs. */
void job_run_was_done(struct job_run *run, uint32_t task);
/* Starts what can be started. When to ask again for a task that has to wait: *again_ns, 0: none has. */
void job_run_go(struct job_run *run, uint64_t now, uint64_t *again_ns);
/* How a task ended that was started. */
void job_run_done(struct job_run *run, uint32_t task);
/* Not for its own fault: it goes again after `wait_ns`, however often. */
void job_run_back(struct job_run *run, uint32_t task, uint64_t now, uint64_t wait_ns);
/* False: it has failed too often, and so has the job. */
bool job_run_failed(struct job_run *run, uint32_t task, uint64_t now);

/* Seconds until all tasks are done, by how long the weight of those done took; below 0: nobody knows. */
double job_run_estimate(const struct job_run *run, uint64_t now);
/* Of 1. */
double job_run_progress(const struct job_run *run);

#endif
