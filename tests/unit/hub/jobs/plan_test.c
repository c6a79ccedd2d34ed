#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/hub/jobs/plans.h"

static const uint64_t sizes[] = {1000, 64};

static struct job_limits limits_of(void)
{
	return (struct job_limits){.sizes = sizes,
		.operands = 2,
		.input_most = 4096,
		.result_most = 2048,
		.cache_most = 1 << 20,
		.threads = 2};
}

static const char good[] =
	"{'version':1,'literals':['AAECAw=='],'tasks':["
	"{'path':'/a','bytes':104,'pieces':[['l0',0,0,4],['o0',4,100,10,10,90,10]],'result':16},"
	"{'path':'/b','query':'x=1','type':'text/plain','bytes':16,'pieces':[['t0',0,0,16]],"
	"'result':8,'after':[0],'weight':2.5}],"
	"'result':{'type':'application/x-npy','headers':'A: b\\r\\n','bytes':24,"
	"'pieces':[['t1',0,0,8],['t0',8,0,16]]}}";

static void test_good(void **state)
{
	struct job_limits limits = limits_of();
	struct job_plan plan;
	char error[JOB_PLAN_ERROR] = "";

	(void)state;
	assert_int_equal(plans_read(&plan, good, &limits, error), 0);
	assert_int_equal(plan.tasks_count, 2);
	assert_int_equal(plan.literals_count, 1);
	assert_memory_equal(plan.literals[0].p, "\0\1\2\3", 4);
	assert_true(mf_str_is(plan.tasks[0].path, "/a"));
	assert_null(plan.tasks[0].query.p);
	assert_true(mf_str_is(plan.tasks[1].query, "x=1"));
	assert_true(mf_str_is(plan.tasks[1].type, "text/plain"));
	assert_int_equal(plan.tasks[0].input.count, 2);
	assert_int_equal(plan.tasks[0].input.pieces[1].kind, JOB_OPERAND);
	assert_int_equal(plan.tasks[0].input.pieces[1].from, 100);
	assert_int_equal(plan.tasks[0].input.pieces[1].rows, 10);
	assert_int_equal(plan.tasks[0].input.pieces[1].from_stride, 90);
	assert_int_equal(plan.tasks[1].input.pieces[0].kind, JOB_RESULT);
	assert_int_equal(plan.tasks[1].after[0], 0);
	assert_true(plan.tasks[0].weight > 119 && plan.tasks[0].weight < 121); /* its bytes */
	assert_true(plan.weight > 122 && plan.weight < 123);
	assert_int_equal(plan.result.bytes, 24);
	assert_true(mf_str_is(plan.headers, "A: b\r\n"));
	job_plan_free(&plan);
}

/* What is wrong, and a word of what is said. */
static void test_wrong(void **state)
{
#define TASK(more) "{'version':1,'tasks':[{" more "}],'result':{'bytes':1,'pieces':[]}}"
#define PIECE(p)   TASK("'path':'/a','bytes':100,'result':9,'pieces':[" p "]")
#define RESULT(r)                                                                                  \
	"{'version':1,'tasks':[{'path':'/a','bytes':1,'result':9,'pieces':[]}],'result':" r "}"
	static const struct {
		const char *text, *says;
		int error;
	} cases[] = {
		{"[]", "no object", -EINVAL},
		{"{'version':2,'tasks':[{}]}", "version", -EINVAL},
		{"{'version':1}", "no tasks", -EINVAL},
		{"{'version':1,'tasks':[],'result':{}}", "no tasks", -EINVAL},
		{"{'version':1,'tasks':[{}],'loops':1}", "loops", -EINVAL},
		{"{'version':1,'tasks':[7],'result':{}}", "task 0", -EINVAL},
		{"{'version':1,'literals':['?'],'tasks':[{'pieces':[]}],'result':{'pieces':[]}}",
			"base64", -EINVAL},
		{"{'version':1,'literals':5,'tasks':[{'pieces':[]}],'result':{'pieces':[]}}",
			"literals", -EINVAL},
		{TASK("'pieces':5"), "no list", -EINVAL},
		{TASK("'pieces':[],'path':'a','bytes':1,'result':1"), "path", -EINVAL},
		{TASK("'pieces':[],'path':'/a?b','bytes':1,'result':1"), "path", -EINVAL},
		{TASK("'pieces':[],'path':'/a','query':'a b','bytes':1,'result':1"), "query",
			-EINVAL},
		{TASK("'pieces':[],'path':'/a','query':7,'bytes':1,'result':1"), "query", -EINVAL},
		{TASK("'pieces':[],'path':'/a','type':'a\\r\\nb: c','bytes':1,'result':1"), "type",
			-EINVAL},
		{TASK("'pieces':[],'path':'/a','result':1"), "'bytes'", -EINVAL},
		{TASK("'pieces':[],'path':'/a','bytes':-1,'result':1"), "'bytes'", -EINVAL},
		{TASK("'pieces':[],'path':'/a','bytes':1.5,'result':1"), "'bytes'", -EINVAL},
		{TASK("'pieces':[],'path':'/a','bytes':1"), "'result'", -EINVAL},
		{TASK("'pieces':[],'path':'/a','bytes':9007199254740993,'result':1"), "'bytes'",
			-EINVAL},
		{TASK("'pieces':[],'path':'/a','bytes':4097,'result':1"), "memory.input", -E2BIG},
		{TASK("'pieces':[],'path':'/a','bytes':1,'result':2049"), "memory.output", -E2BIG},
		{TASK("'pieces':[],'path':'/a','bytes':1,'result':1,'weight':-1"), "weight",
			-EINVAL},
		{TASK("'pieces':[],'path':'/a','bytes':1,'result':1,'weight':'9'"), "weight",
			-EINVAL},
		{TASK("'pieces':[],'path':'/a','bytes':1,'result':1,'after':[0]"), "after",
			-EINVAL},
		{TASK("'pieces':[],'path':'/a','bytes':1,'result':1,'after':0"), "after", -EINVAL},
		{PIECE("5"), "members", -EINVAL},
		{PIECE("['o0',0,0]"), "members", -EINVAL},
		{PIECE("['o0',0,0,1,1]"), "members", -EINVAL},
		{PIECE("['o0',0,-1,1]"), "member 2", -EINVAL},
		{PIECE("['x0',0,0,1]"), "source", -EINVAL},
		{PIECE("['o',0,0,1]"), "source", -EINVAL},
		{PIECE("['o99999999999',0,0,1]"), "source", -EINVAL},
		{PIECE("[0,0,0,1]"), "source", -EINVAL},
		{PIECE("['o2',0,0,1]"), "no such source", -EINVAL},
		{PIECE("['l0',0,0,1]"), "no such source", -EINVAL},
		{PIECE("['t0',0,0,1]"), "no such source", -EINVAL}, /* itself */
		{PIECE("['t1',0,0,1]"), "no such source", -EINVAL},
		{PIECE("['o0',0,0,0]"), "no rows", -EINVAL},
		{PIECE("['o0',0,0,1,0,1,1]"), "no rows", -EINVAL},
		{PIECE("['o0',0,0,1,1048577,0,1]"), "no rows", -EINVAL},
		{PIECE("['o0',0,0,2,2,0,1]"), "overlap", -EINVAL},
		{PIECE("['o0',0,1000,1]"), "outside of its source's 1000", -EINVAL},
		{PIECE("['o0',0,901,10,2,90,10]"), "outside of its source's", -EINVAL},
		{PIECE("['o0',0,0,1,2,9007199254740992,1]"), "outside of its source's", -EINVAL},
		{PIECE("['o0',0,0,1,1048576,9007199254740992,1]"), "outside of its source's",
			-EINVAL},
		{PIECE("['o0',100,0,1]"), "outside of its target's 100", -EINVAL},
		{PIECE("['o0',81,0,10,2,0,10]"), "outside of its target's", -EINVAL},
		{PIECE("['o0',0,0,10,2,0,9007199254740992]"), "outside of its target's", -EINVAL},
		{RESULT("{'bytes':1,'pieces':[['t1',0,0,1]]}"), "result: piece 0", -EINVAL},
		{RESULT("{'bytes':1}"), "no list", -EINVAL},
		{RESULT("{'pieces':[]}"), "'bytes'", -EINVAL},
		{RESULT("7"), "no object", -EINVAL},
		{RESULT("{'bytes':1,'pieces':[],'headers':'Content-Length: 7\\r\\n'}"), "header",
			-EINVAL},
		{RESULT("{'bytes':1,'pieces':[],'headers':'nonsense'}"), "header", -EINVAL},
		{RESULT("{'bytes':1048577,'pieces':[]}"), "limits.blobs", -ENOSPC},
	};
	struct job_limits limits = limits_of();

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct job_plan plan;
		char error[JOB_PLAN_ERROR] = "";
		int e = plans_read(&plan, cases[i].text, &limits, error);

		if (e != cases[i].error || !strstr(error, cases[i].says))
			fail_msg("%s: %d, \"%s\"", cases[i].text, e, error);
		assert_null(plan.tasks);
	}
}

static void test_edges(void **state)
{
	struct job_limits limits = limits_of();
	struct job_plan plan;
	char error[JOB_PLAN_ERROR] = "";

	(void)state;
	/* the last byte of source and target; the same row again and again */
	assert_int_equal(plans_read(&plan, PIECE("['o0',90,900,10,1,5,5],['o0',0,990,10,10,0,10]"),
				 &limits, error),
		0);
	job_plan_free(&plan);
	assert_int_equal(
		plans_read(&plan, RESULT("{'bytes':1048576,'pieces':[]}"), &limits, error), 0);
	job_plan_free(&plan);
}

static json_t *many(unsigned tasks, unsigned pieces)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < tasks; i++) {
		json_t *of = json_array();

		for (unsigned k = 0; k < pieces; k++)
			json_array_append_new(of, json_pack("[siii]", "o0", 0, 0, 1));
		json_array_append_new(list,
			json_pack(
				"{sssisosi}", "path", "/a", "bytes", 1, "pieces", of, "result", 1));
	}
	return json_pack("{sisos{siso}}", "version", 1, "tasks", list, "result", "bytes", 1,
		"pieces", json_array());
}

static void test_bounds(void **state)
{
	static const struct {
		unsigned tasks, pieces;
		int error;
	} cases[] = {{JOB_TASKS_MOST, 1, 0}, {JOB_TASKS_MOST + 1, 0, -E2BIG},
		{1, JOB_TASK_PIECES, 0}, {1, JOB_TASK_PIECES + 1, -E2BIG},
		{JOB_PIECES_MOST / 128 + 1, 128, -E2BIG}};
	struct job_limits limits = limits_of();

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *json = many(cases[i].tasks, cases[i].pieces);
		char error[JOB_PLAN_ERROR] = "";
		struct job_plan plan;

		assert_int_equal(job_plan_read(&plan, json, &limits, error), cases[i].error);
		job_plan_free(&plan);
		json_decref(json);
	}
}

/* A result of literals and of what no task needs is written as it comes, and takes its room from the beginning on. */
static void test_places(void **state)
{
	static const char form[] = "{'version':1,'literals':['AAECAw=='],'tasks':["
				   "{'path':'/a','bytes':4,'pieces':[],'result':100},"
				   "{'path':'/b','bytes':4,'pieces':[%s],'result':200},"
				   "{'path':'/c','bytes':4,'pieces':[%s],'result':300}],"
				   "'result':{'bytes':1000,'pieces':[%s]}}";
	static const struct {
		const char *second, *third, *result;
		bool places, final[3];
		uint64_t peak;
	} table[] = {
		{"['t0',0,0,4]", "", "['l0',0,0,4],['t1',4,0,200],['t2',300,0,300]", true,
			{false, true, true}, 1100},
		{"['t0',0,0,4]", "['t1',0,0,4]", "['t2',0,0,300]", true, {false, false, true},
			1300},
		{"['t0',0,0,4]", "['t1',0,0,4]", "['t1',4,0,200],['t2',300,0,300]", false,
			{false, true, true}, 1500},
		{"", "", "['t1',4,0,200],['o0',300,0,300]", false, {false, true, false}, 1200},
		{"", "", "['l0',0,0,4]", false, {false, false, false}, 1000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct job_limits limits = limits_of();
		char text[1024], error[JOB_PLAN_ERROR] = "";
		struct job_plan plan;

		(void)snprintf(
			text, sizeof(text), form, table[i].second, table[i].third, table[i].result);
		if (plans_read(&plan, text, &limits, error) != 0)
			fail_msg("%zu: %s", i, error);
		assert_int_equal(plan.places, table[i].places);
		for (unsigned k = 0; k < 3; k++)
			assert_int_equal(plan.tasks[k].final, table[i].final[k]);
		assert_true(job_plan_peak(&plan, 1) >= table[i].peak);
		if (plan.places)
			assert_int_equal(job_plan_peak(&plan, 1), table[i].peak);
		job_plan_free(&plan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
