#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "abi/job.h"
#include "hub/jobs/ask.h"
#include "tests/unit/hub/jobs/plans.h"

static const uint64_t sizes[] = {100, 1u << 20};
static const struct job_limits limits = {sizes, 2, 4096, 2048, 777, 3};

static int more(struct job_ask *ask, const char *text)
{
	char error[JOB_PLAN_ERROR] = "";
	json_t *json = plans_json(text);
	int e;

	assert_non_null(json);
	e = job_ask_more(ask, json, error);
	assert_true((e < 0) == (error[0] != '\0'));
	json_decref(json);
	return e;
}

static void test_written(void **state)
{
	static _Alignas(8) uint8_t bytes[16384];
	struct mf_job_ask *head = (void *)bytes;
	const struct mf_job_extract *first, *second, *third;
	uint64_t each[JOB_EXTRACTS_MOST];
	struct job_ask ask;

	(void)state;
	job_ask_begin(&ask, &limits);
	assert_int_equal(more(&ask, "{'version':1,'read':[[1,5000,7]]}"), 1);
	assert_int_equal(ask.count, 3);
	memset(bytes, 0xff, sizeof(bytes));
	job_ask_write(&ask, bytes, each);
	assert_int_equal(head->magic, MF_JOB_MAGIC);
	assert_memory_equal(bytes, "MFJASK\1\0", 8);
	assert_int_equal(head->operands, 2);
	assert_int_equal(head->extracts, 3);
	assert_int_equal(head->input_most, 4096);
	assert_int_equal(head->result_most, 2048);
	assert_int_equal(head->cache_bytes, 777);
	assert_int_equal(head->threads, 3);
	assert_memory_equal(bytes + 64, sizes, 16);
	first = (const void *)(bytes + 80);
	assert_int_equal(first->bytes, 100);
	assert_int_equal(each[0], 104);
	second = (const void *)(bytes + 104 + 104);
	assert_int_equal(second->operand, 1);
	assert_int_equal(second->bytes, JOB_HEAD_BYTES);
	third = (const void *)((const uint8_t *)(second + 1) + JOB_HEAD_BYTES);
	assert_int_equal(third->offset, 5000);
	assert_int_equal(third->bytes, 7);
	assert_int_equal(each[2] + 8, job_ask_size(&ask));
	assert_int_equal(bytes[job_ask_size(&ask) - 1], 0);
	assert_int_equal(bytes[job_ask_size(&ask)], 0xff);
}

static void test_answers(void **state)
{
	static const char *const wrong[] = {
		"{'version':1,'read':[]}",
		"{'version':1,'read':7}",
		"{'version':2,'read':[[0,0,1]]}",
		"{'read':[[0,0,1]]}",
		"{'version':1,'read':[[0,0,1]],'tasks':[]}",
		"{'version':1,'read':[[2,0,1]]}",
		"{'version':1,'read':[[0,0]]}",
		"{'version':1,'read':[[0,0,0]]}",
		"{'version':1,'read':[[0,100,1]]}",
		"{'version':1,'read':[[0,-1,1]]}",
		"{'version':1,'read':[[0,1,9223372036854775807]]}",
		"{'version':1,'read':[[1,0,65537]]}",
	};
	struct job_ask ask;

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		job_ask_begin(&ask, &limits);
		if (more(&ask, wrong[i]) >= 0)
			fail_msg("%s was taken", wrong[i]);
	}
	job_ask_begin(&ask, &limits);
	assert_int_equal(more(&ask, "{'version':1,'tasks':[]}"), 0);
	assert_int_equal(more(&ask, "[]"), 0); /* the plan's reader says what is wrong with it */
}

static void test_not_for_ever(void **state)
{
	struct job_ask ask;
	unsigned n = 0;

	(void)state;
	job_ask_begin(&ask, &limits);
	while (more(&ask, "{'version':1,'read':[[0,0,1]]}") == 1)
		n++;
	assert_int_equal(n, JOB_ROUNDS_MOST);
	job_ask_begin(&ask, &limits);
	n = 0;
	ask.rounds = 0;
	while (more(&ask, "{'version':1,'read':[[1,0,65536],[1,0,65536],[1,0,65536]]}") == 1)
		n++;
	assert_int_equal(n, 5); /* of 192 KiB, in 1 MiB */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_not_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
