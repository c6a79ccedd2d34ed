/* hub/jobs/graph.c - see graph.h */
#include "hub/jobs/graph.h"

#include <errno.h>
#include <stdlib.h>

/* Each task that `bytes` names, with its repeats: those who count and those who discount see the same. */
static void each_named(const struct job_bytes *bytes,
	void (*each)(uint32_t named, uint32_t by, void *context), uint32_t by, void *context)
{
	for (uint32_t i = 0; i < bytes->count; i++)
		if (bytes->pieces[i].kind == JOB_RESULT)
			each(bytes->pieces[i].source, by, context);
}

static void use(uint32_t named, uint32_t by, void *context)
{
	struct job_graph *g = context;

	(void)by;
	g->users[named]++;
}

int job_graph_open(struct job_graph *graph, const struct job_plan *plan, uint32_t threads)
{
	uint32_t n = plan->tasks_count;

	*graph = (struct job_graph){.plan = plan, .window = JOB_WINDOW * threads};
	graph->state = calloc(n, sizeof(*graph->state));
	graph->users = calloc(n, sizeof(*graph->users));
	if (!graph->state || !graph->users) {
		job_graph_close(graph);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++)
		each_named(&plan->tasks[i].input, use, i, graph);
	each_named(&plan->result, use, n, graph);
	return 0;
}

void job_graph_close(struct job_graph *graph)
{
	free(graph->state);
	free(graph->users);
	*graph = (struct job_graph){0};
}

static bool is_ready(const struct job_graph *g, uint32_t i)
{
	const struct job_task *t = &g->plan->tasks[i];

	if (g->state[i] != JOB_TODO)
		return false;
	for (uint32_t k = 0; k < t->input.count; k++)
		if (t->input.pieces[k].kind == JOB_RESULT &&
			g->state[t->input.pieces[k].source] != JOB_DONE)
			return false;
	for (uint32_t k = 0; k < t->after_count; k++)
		if (g->state[t->after[k]] != JOB_DONE)
			return false;
	return true;
}

bool job_graph_next(const struct job_graph *graph, uint32_t *task)
{
	uint32_t left = graph->plan->tasks_count - graph->first;
	uint32_t end = graph->first + (left < graph->window ? left : graph->window);

	for (uint32_t i = *task > graph->first ? *task : graph->first; i < end; i++)
		if (is_ready(graph, i)) {
			*task = i;
			return true;
		}
	return false;
}

void job_graph_start(struct job_graph *graph, uint32_t task)
{
	graph->state[task] = JOB_STARTED;
	graph->started++;
}

void job_graph_back(struct job_graph *graph, uint32_t task)
{
	graph->state[task] = JOB_TODO;
	graph->started--;
}

struct freeing {
	struct job_graph *graph;
	void (*freed)(uint32_t task, void *context);
	void *context;
};

static void unuse(uint32_t named, uint32_t by, void *context)
{
	const struct freeing *f = context;

	(void)by;
	if (--f->graph->users[named] == 0)
		f->freed(named, f->context);
}

void job_graph_done(struct job_graph *graph, uint32_t task,
	void (*freed)(uint32_t task, void *context), void *context)
{
	struct freeing f = {graph, freed, context};

	graph->started -= graph->state[task] == JOB_STARTED;
	graph->state[task] = JOB_DONE;
	graph->done++;
	graph->weight += graph->plan->tasks[task].weight;
	while (graph->first < graph->plan->tasks_count && graph->state[graph->first] == JOB_DONE)
		graph->first++;
	each_named(&graph->plan->tasks[task].input, unuse, task, &f);
	if (graph->users[task] == 0)
		freed(task, context);
}

bool job_graph_is_done(const struct job_graph *graph)
{
	return graph->done == graph->plan->tasks_count;
}

bool job_graph_needs(const struct job_graph *graph, uint32_t task)
{
	return graph->users[task] > 0;
}

/* ----------------------------------------------------------- the worst moment */

static void last_use(uint32_t named, uint32_t by, void *context)
{
	((uint32_t *)context)[named] = by;
}

uint64_t job_plan_takes(const struct job_plan *plan, uint32_t task)
{
	return plan->places && plan->tasks[task].final ? 0 : plan->tasks[task].result;
}

/* What those leave that may be at work, or done already, when task `from` is the first that isn't. */
static uint64_t window_bytes(const struct job_plan *plan, uint32_t from, uint32_t window)
{
	uint64_t sum = 0;

	for (uint32_t i = from; i < plan->tasks_count && i - from < window; i++)
		sum += job_plan_takes(plan, i);
	return sum;
}

/* Results by the last task that needs them: first[i] is one of task i's, next[k] the one behind result k. */
static uint64_t walk(const struct job_plan *plan, uint32_t window, const uint32_t *last,
	uint32_t *first, uint32_t *next)
{
	uint32_t n = plan->tasks_count;
	uint64_t live = 0, peak = 0;

	for (uint32_t k = 0; k < n; k++) {
		next[k] = first[last[k]];
		first[last[k]] = k + 1;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint64_t now = live + window_bytes(plan, i, window);

		peak = now > peak ? now : peak;
		live += job_plan_takes(plan, i);
		for (uint32_t k = first[i]; k > 0; k = next[k - 1])
			live -= job_plan_takes(plan, k - 1);
	}
	if (plan->places)
		return (live > peak ? live : peak) + plan->result.bytes;
	live += plan->result.bytes;
	return live > peak ? live : peak;
}

uint64_t job_plan_peak(const struct job_plan *plan, uint32_t threads)
{
	uint32_t n = plan->tasks_count;
	uint32_t *last = calloc(3 * (size_t)n + 1, sizeof(*last));
	uint64_t peak;

	if (!last)
		return UINT64_MAX;
	for (uint32_t i = 0; i < n; i++)
		last[i] = i;
	for (uint32_t i = 0; i < n; i++)
		each_named(&plan->tasks[i].input, last_use, i, last);
	each_named(&plan->result, last_use, n, last);
	peak = walk(plan, JOB_WINDOW * threads, last, last + n, last + 2 * n + 1);
	free(last);
	return peak;
}
