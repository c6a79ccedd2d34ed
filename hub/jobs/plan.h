/*
 * hub/jobs/plan.h - the plan of a job, as a life of its service wrote it (docs/jobs.md): tasks, the bytes that go into each,
 * and those that become the result. Read from JSON and checked whole: whoever holds one relies on every number in it.
 * The life is hostile.
 *
 * A task names tasks before it only, so there is no cycle. All pieces lie in their source and in their target. Pure:
 * no I/O. The plan owns all that it points to.
 */
#ifndef HUB_JOBS_PLAN_H
#define HUB_JOBS_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define JOB_PLAN_MOST     (4u << 20) /* bytes of its text */
#define JOB_TASKS_MOST    8192u
#define JOB_PIECES_MOST   65536u /* of all tasks and the result */
#define JOB_TASK_PIECES   256u
#define JOB_AFTER_MOST    65536u
#define JOB_ROWS_MOST     (1u << 20) /* of one piece */
#define JOB_LITERALS_MOST 1024u
#define JOB_LITERAL_BYTES (256u << 10) /* of all */
#define JOB_OPERANDS_MOST 64u
#define JOB_PATH_MOST     1024u
#define JOB_QUERY_MOST    4096u
#define JOB_TYPE_MOST     256u
#define JOB_HEADERS_MOST  4096u
#define JOB_NUMBER_MOST   (1ull << 53)
#define JOB_PLAN_ERROR    256

enum job_source { JOB_LITERAL, JOB_OPERAND, JOB_RESULT, JOB_SOURCES };

/* `rows` times `row` bytes, from one place to another. */
struct job_piece {
	enum job_source kind;
	uint32_t source;
	uint64_t to, from, row, rows, from_stride, to_stride;
};

/* Bytes that are put together from pieces; what no piece fills is zero, of two that overlap the later one counts (but in the
 * job's result). */
struct job_bytes {
	uint64_t bytes;
	const struct job_piece *pieces;
	uint32_t count;
};

struct job_task {
	struct mf_str path, query, type; /* query, type: p NULL: none */
	struct job_bytes input;
	uint64_t result; /* bytes */
	double weight;   /* how long it takes, as against the others; above 0 */
	const uint32_t *after;
	uint32_t after_count;
	bool final; /* its result is the job's only, and no other task's */
};

struct job_plan {
	uint32_t tasks_count, literals_count;
	struct job_task *tasks;
	const struct mf_str *literals;
	struct job_bytes result;
	struct mf_str type, headers; /* of the answer; p NULL: none */
	double weight;               /* of all tasks */
	bool places; /* the result is made of literals and final results: these go straight there */
	void *owned[6]; /* what the above points into */
};

/* What a plan may ask for. */
struct job_limits {
	const uint64_t *sizes; /* of operands */
	uint32_t operands;
	uint64_t input_most, result_most; /* bytes of a task */
	uint64_t cache_most;              /* of what lies in the disk cache at the worst moment */
	uint32_t threads;
};

/* 0; -EINVAL: it is wrong, -E2BIG: too large for these limits, -ENOSPC: for the disk cache, -ENOMEM; one line in error, nothing
 * in *plan. */
int job_plan_read(struct job_plan *plan, const json_t *json, const struct job_limits *limits,
	char error[static JOB_PLAN_ERROR]);
void job_plan_free(struct job_plan *plan);

/* What a task's result takes in the disk cache: nothing if it lies in the job's, which is there from the beginning then. */
uint64_t job_plan_takes(const struct job_plan *plan, uint32_t task);
/* The bytes of results that lie there at the worst moment, if tasks run in the order of the plan, `threads` of
 * them at once: an estimate from above. */
uint64_t job_plan_peak(const struct job_plan *plan, uint32_t threads);

#endif
