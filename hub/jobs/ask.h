/*
 * hub/jobs/ask.h - what a life is asked that shall plan a job (abi/job.h), and what it wants to see before it can. Pure.
 */
#ifndef HUB_JOBS_ASK_H
#define HUB_JOBS_ASK_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/jobs/plan.h"

#define JOB_HEAD_BYTES    4096u /* of each operand, at first */
#define JOB_EXTRACTS_MOST 64u
#define JOB_EXTRACT_BYTES (64u << 10)
#define JOB_EXTRACTS_SUM  (1u << 20)
#define JOB_ROUNDS_MOST   8u

struct job_extract {
	uint32_t operand;
	uint64_t offset, bytes;
};

struct job_ask {
	struct job_limits limits;
	struct job_extract extracts[JOB_EXTRACTS_MOST];
	uint32_t count;
	uint32_t rounds; /* in which more was asked for */
};

/* With the heads of all operands; limits->operands is JOB_OPERANDS_MOST at most. */
void job_ask_begin(struct job_ask *ask, const struct job_limits *limits);
/* How many bytes the question has. */
size_t job_ask_size(const struct job_ask *ask);
/* Writes it into `to`, which has that many, without what the extracts show; where that belongs, each[i] says. */
void job_ask_write(const struct job_ask *ask, uint8_t *to, uint64_t each[static JOB_EXTRACTS_MOST]);
/* Does the answer want more? 1: it is added, 0: it is a plan; -EINVAL, one line in error. */
int job_ask_more(struct job_ask *ask, const json_t *answer, char error[static JOB_PLAN_ERROR]);

#endif
