/*
 * fuzz/plan.c - the plan of a job as a life writes it, and what a life wants to see before it can plan. Of a plan that is taken
 * all pieces lie where they should, window by window, and all tasks can be run, in an order that holds, with no more in the
 * disk cache than it foresaw.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/lib/fuzz.h"
#include "hub/jobs/ask.h"
#include "hub/jobs/copy.h"
#include "hub/jobs/run.h"

static const uint64_t sizes[] = {1000, 1u << 20};
static const struct job_limits limits = {sizes, 2, 1u << 20, 1u << 20, 1u << 24, 2};

static struct sim {
	uint32_t work[64], count, over;
	uint64_t live, peak;
} sim;

/* ------------------------------------------------------------------- pieces */

static uint64_t size_of(const struct job_plan *plan, const struct job_piece *p)
{
	switch (p->kind) {
	case JOB_LITERAL: return plan->literals[p->source].n;
	case JOB_OPERAND: return sizes[p->source];
	default: return plan->tasks[p->source].result;
	}
}

static void try_window(
	const struct job_plan *plan, const struct job_bytes *bytes, uint64_t at, uint64_t n)
{
	struct job_cut cut = {0};
	struct job_piece p;

	for (unsigned i = 0; i < 1000 && job_cut(bytes, at, n, &cut, &p); i++) {
		MUST(p.row > 0 && p.rows > 0);
		MUST(p.to + (p.rows - 1) * p.to_stride + p.row <= n);
		MUST(p.from + (p.rows - 1) * p.from_stride + p.row <= size_of(plan, &p));
	}
}

static void try_bytes(const struct job_plan *plan, const struct job_bytes *bytes, uint32_t task)
{
	uint64_t part = bytes->bytes / 3 + 1;

	for (uint32_t i = 0; i < bytes->count; i++)
		MUST(bytes->pieces[i].kind != JOB_RESULT || bytes->pieces[i].source < task);
	for (uint64_t at = 0; at < bytes->bytes; at += part)
		try_window(plan, bytes, at, part < bytes->bytes - at ? part : bytes->bytes - at);
	(void)job_bytes_dense(bytes);
}

/* -------------------------------------------------------------------- running */

static bool start(struct job_run *run, uint32_t task)
{
	(void)run;
	sim.work[sim.count++] = task;
	return true;
}

static void drop(struct job_run *run, uint32_t task)
{
	sim.live -= job_plan_takes(run->plan, task);
}

static void over(struct job_run *run)
{
	(void)run;
	sim.over++;
}

static const struct job_run_ops ops = {start, drop, over};

static void try_run(const struct job_plan *plan, unsigned seed)
{
	struct job_run run;
	uint64_t again;

	memset(&sim, 0, sizeof(sim));
	MUST(job_run_open(&run, plan, &ops, limits.threads) == 0);
	for (job_run_go(&run, 1, &again); !sim.over; job_run_go(&run, 1, &again)) {
		uint32_t at, task;

		MUST(sim.count > 0 && sim.count <= limits.threads);
		at = (seed = seed * 1103515245u + 12345u) / 65536 % sim.count;
		task = sim.work[at];
		sim.work[at] = sim.work[--sim.count];
		sim.live += job_plan_takes(plan, task);
		sim.peak = sim.live > sim.peak ? sim.live : sim.peak;
		job_run_done(&run, task);
	}
	MUST(run.graph.done == plan->tasks_count && sim.over == 1);
	sim.peak += plan->places ? plan->result.bytes : 0;
	MUST(sim.peak <= job_plan_peak(plan, limits.threads));
	job_run_close(&run);
}

static void try_ask(const json_t *json)
{
	char error[JOB_PLAN_ERROR] = "";
	uint64_t each[JOB_EXTRACTS_MOST];
	struct job_ask ask;
	uint8_t *bytes;

	job_ask_begin(&ask, &limits);
	if (job_ask_more(&ask, json, error) < 0)
		MUST(error[0] != '\0');
	bytes = malloc(job_ask_size(&ask));
	MUST(bytes != NULL);
	job_ask_write(&ask, bytes, each);
	for (uint32_t i = 0; i < ask.count; i++)
		MUST(each[i] + ask.extracts[i].bytes <= job_ask_size(&ask));
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	char error[JOB_PLAN_ERROR] = "";
	struct job_plan plan;

	if (!json)
		return 0;
	try_ask(json);
	if (job_plan_read(&plan, json, &limits, error) == 0) {
		for (uint32_t i = 0; i < plan.tasks_count; i++)
			try_bytes(&plan, &plan.tasks[i].input, i);
		try_bytes(&plan, &plan.result, plan.tasks_count);
		try_run(&plan, (unsigned)size);
	} else {
		MUST(error[0] != '\0' && plan.tasks == NULL);
	}
	job_plan_free(&plan);
	json_decref(json);
	return 0;
}
