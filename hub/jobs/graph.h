/*
 * hub/jobs/graph.h - which task of a plan is next, which results nobody needs any more, and how far it all is.
 *
 * Tasks go in the order of the plan, as soon as those are done that they need, and none that lies further than a
 * window behind the first that isn't done: so what lies in the disk cache is bounded by what the plan says. Pure.
 */
#ifndef HUB_JOBS_GRAPH_H
#define HUB_JOBS_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/jobs/plan.h"

enum job_task_state { JOB_TODO, JOB_STARTED, JOB_DONE };

struct job_graph {
	const struct job_plan *plan;
	uint8_t *state; /* enum job_task_state, by task */
	uint32_t *
		users; /* tasks that aren't done and need its result; the job's own result is one more */
	uint32_t first; /* that isn't done */
	uint32_t started, done, window;
	double weight; /* of those that are done */
};

#define JOB_WINDOW 4u /* tasks for each thread */

/* -ENOMEM. The plan must outlive it. */
int job_graph_open(struct job_graph *graph, const struct job_plan *plan, uint32_t threads);
void job_graph_close(struct job_graph *graph);

/* The first task from *task on that can be started; false: none can at the moment. */
bool job_graph_next(const struct job_graph *graph, uint32_t *task);
void job_graph_start(struct job_graph *graph, uint32_t task);
/* It must be run again. */
void job_graph_back(struct job_graph *graph, uint32_t task);
/* It is done; `freed` hears of results that nobody needs any more, its own too. */
void job_graph_done(struct job_graph *graph, uint32_t task,
	void (*freed)(uint32_t task, void *context), void *context);
bool job_graph_is_done(const struct job_graph *graph);
/* Is the result of a task that is done still needed? */
bool job_graph_needs(const struct job_graph *graph, uint32_t task);

#endif
