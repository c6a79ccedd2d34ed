/* hub/jobs/ask.c - see ask.h */
#include "hub/jobs/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "abi/job.h"
#include "base/num.h"

void job_ask_begin(struct job_ask *ask, const struct job_limits *limits)
{
	*ask = (struct job_ask){.limits = *limits, .count = limits->operands};
	for (uint32_t i = 0; i < limits->operands; i++) {
		uint64_t size = limits->sizes[i];

		ask->extracts[i] =
			(struct job_extract){i, 0, size < JOB_HEAD_BYTES ? size : JOB_HEAD_BYTES};
	}
}

size_t job_ask_size(const struct job_ask *ask)
{
	size_t n = sizeof(struct mf_job_ask) + ask->limits.operands * sizeof(uint64_t);

	for (uint32_t i = 0; i < ask->count; i++)
		n += sizeof(struct mf_job_extract) + num_align(ask->extracts[i].bytes, 8);
	return n;
}

void job_ask_write(const struct job_ask *ask, uint8_t *to, uint64_t each[static JOB_EXTRACTS_MOST])
{
	const struct job_limits *l = &ask->limits;
	const struct mf_job_ask head = {
		.magic = MF_JOB_MAGIC,
		.operands = l->operands,
		.extracts = ask->count,
		.input_most = l->input_most,
		.result_most = l->result_most,
		.cache_bytes = l->cache_most,
		.threads = l->threads,
	};
	uint64_t at = sizeof(head);

	memset(to, 0, job_ask_size(ask));
	memcpy(to, &head, sizeof(head));
	memcpy(to + at, l->sizes, l->operands * sizeof(uint64_t));
	at += l->operands * sizeof(uint64_t);
	for (uint32_t i = 0; i < ask->count; i++) {
		const struct job_extract *e = &ask->extracts[i];
		const struct mf_job_extract out = {
			.operand = e->operand, .offset = e->offset, .bytes = e->bytes};

		memcpy(to + at, &out, sizeof(out));
		each[i] = at + sizeof(out);
		at = each[i] + num_align(e->bytes, 8);
	}
}

static int wrong(char error[static JOB_PLAN_ERROR], const char *what)
{
	(void)snprintf(error, JOB_PLAN_ERROR, "read: %s", what);
	return -EINVAL;
}

static bool read_three(const json_t *list, uint64_t v[static 3])
{
	if (json_array_size(list) != 3)
		return false;
	for (size_t i = 0; i < 3; i++) {
		const json_t *j = json_array_get(list, i);

		if (!json_is_integer(j) || json_integer_value(j) < 0)
			return false;
		v[i] = (uint64_t)json_integer_value(j);
	}
	return true;
}

static int add(struct job_ask *ask, const json_t *item, uint64_t *sum, char *error)
{
	uint64_t v[3];

	if (!read_three(item, v) || v[0] >= ask->limits.operands)
		return wrong(error, "write [operand, offset, bytes] of an operand that there is");
	if (v[2] == 0 || v[2] > JOB_EXTRACT_BYTES || !num_fits(v[1], v[2], ask->limits.sizes[v[0]]))
		return wrong(error, "it lies outside of its operand, or has no bytes, or too many");
	*sum += v[2];
	if (ask->count == JOB_EXTRACTS_MOST || *sum > JOB_EXTRACTS_SUM)
		return wrong(error, "too much of the operands");
	ask->extracts[ask->count++] = (struct job_extract){(uint32_t)v[0], v[1], v[2]};
	return 0;
}

int job_ask_more(struct job_ask *ask, const json_t *answer, char error[static JOB_PLAN_ERROR])
{
	const json_t *read = json_object_get(answer, "read");
	uint64_t sum = 0;
	int e = 0;

	if (!read)
		return 0;
	if (json_array_size(read) == 0 || json_object_size(answer) != 2 ||
		json_integer_value(json_object_get(answer, "version")) != 1)
		return wrong(error,
			"an answer that asks for more has 'version': 1, 'read': "
			"[[operand, offset, bytes]], nothing else");
	if (ask->rounds++ == JOB_ROUNDS_MOST)
		return wrong(error, "it asked too often");
	for (uint32_t i = 0; i < ask->count; i++)
		sum += ask->extracts[i].bytes;
	for (size_t i = 0; i < json_array_size(read) && e == 0; i++)
		e = add(ask, json_array_get(read, i), &sum, error);
	return e < 0 ? e : 1;
}
