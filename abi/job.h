/*
 * abi/job.h - what a life is asked that shall plan a job: the payload of its event, of source MF_SOURCE_JOB
 * and type MF_JOB_PLAN; subject, query and content type are those of the client's request. It replies with a plan, JSON that
 * docs/jobs.md describes, or with what it must see of the operands before it can plan.
 *
 *	struct mf_job_ask | operands x uint64_t: their sizes | extracts x (struct mf_job_extract, bytes, zeros to 8)
 *
 * Little-endian; everything lies at a multiple of 8. The rule for versions is abi/guest.h's.
 */
#ifndef ABI_JOB_H
#define ABI_JOB_H

#include <stddef.h>
#include <stdint.h>

#define MF_JOB_MAGIC 0x00014b53414a464dull
#define MF_JOB_PLAN  "job.plan" /* types of events: a life shall plan; */
#define MF_JOB_TASK  "job.task" /* run one task of a plan */

struct mf_job_ask {
	uint64_t magic;
	uint32_t operands, extracts; /* how many follow of each */
	uint64_t input_most;         /* bytes of a task's input at most */
	uint64_t result_most;        /* of a task's result */
	uint64_t cache_bytes;        /* room for results, the tasks' and the job's own */
	uint32_t threads;            /* lives that run at once */
	uint32_t reserved;
	uint64_t reserved1[2];
};
_Static_assert(sizeof(struct mf_job_ask) == 64, "mf_job_ask");
_Static_assert(offsetof(struct mf_job_ask, cache_bytes) == 32, "mf_job_ask.cache_bytes");

/* Some bytes of an operand: first those at its beginning, then what the life asked for. */
struct mf_job_extract {
	uint32_t operand;
	uint32_t reserved;
	uint64_t offset, bytes;
};
_Static_assert(sizeof(struct mf_job_extract) == 24, "mf_job_extract");

#endif
