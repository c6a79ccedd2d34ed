#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hub/jobs/run.h"
#include "tests/unit/hub/jobs/plans.h"

/* A service that is told what to do, and results as a number of bytes. */
static struct sim {
	struct job_plan plan;
	struct job_run run;
	uint32_t started[64], count; /* in this order */
	bool at_work[64], dropped[64];
	unsigned room, over;
	uint64_t live, peak;
	uint64_t now, again;
} sim;

static bool start(struct job_run *run, uint32_t task)
{
	const struct job_task *t = &run->plan->tasks[task];

	if (sim.room == 0)
		return false;
	for (uint32_t i = 0; i < t->input.count; i++) /* what it needs is there still */
		if (t->input.pieces[i].kind == JOB_RESULT)
			assert_false(sim.dropped[t->input.pieces[i].source]);
	sim.room--;
	sim.started[sim.count++ % 64] = task;
	sim.at_work[task] = true;
	return true;
}

static void drop(struct job_run *run, uint32_t task)
{
	assert_false(sim.dropped[task]);
	sim.dropped[task] = true;
	sim.live -= job_plan_takes(run->plan, task);
}

static void over(struct job_run *run)
{
	(void)run;
	sim.over++;
}

static const struct job_run_ops ops = {start, drop, over};

static void begin(const char *text, uint32_t threads)
{
	static const uint64_t sizes[] = {1000};
	const struct job_limits limits = {sizes, 1, 4096, 4096, 1 << 20, threads};
	char error[JOB_PLAN_ERROR] = "";

	memset(&sim, 0, sizeof(sim));
	sim.room = 64;
	sim.now = 1;
	assert_int_equal(plans_read(&sim.plan, text, &limits, error), 0);
	assert_int_equal(job_run_open(&sim.run, &sim.plan, &ops, threads), 0);
}

static void end(void)
{
	job_run_close(&sim.run);
	job_plan_free(&sim.plan);
}

static void go(void)
{
	job_run_go(&sim.run, sim.now, &sim.again);
}

static void done(uint32_t task)
{
	assert_true(sim.at_work[task]);
	sim.at_work[task] = false;
	sim.live += job_plan_takes(&sim.plan, task);
	sim.peak = sim.live > sim.peak ? sim.live : sim.peak;
	job_run_done(&sim.run, task);
	sim.room++;
}

#define T(path, pieces, result)                                                                    \
	"{'path':'/" path "','bytes':100,'pieces':[" pieces "],'result':" result ",'weight':1}"
#define PLAN(tasks, pieces)                                                                        \
	"{'version':1,'tasks':[" tasks "],'result':{'bytes':100,'pieces':[" pieces "]}}"

/* Two, then one that needs both, then one that needs only the order. */
static const char diamond[] =
	PLAN(T("a", "['o0',0,0,9]", "10") "," T("b", "", "10") "," T("c",
		     "['t0',0,0,5],['t0',5,0,5],['t1',50,0,10]", "20") ","
								       "{'path':'/d','bytes':1,"
								       "'pieces':[],'result':5,"
								       "'after':[2],'weight':1}",
		"['t2',0,0,20],['t3',20,0,5]");

static void test_order(void **state)
{
	(void)state;
	begin(diamond, 4);
	go();
	assert_int_equal(sim.count, 2);
	done(1);
	go();
	assert_int_equal(sim.count, 2);
	assert_false(sim.dropped[0] || sim.dropped[1]);
	done(0);
	go();
	assert_int_equal(sim.count, 3);
	assert_int_equal(sim.started[2], 2);
	done(2);
	assert_true(sim.dropped[0] && sim.dropped[1] && !sim.dropped[2]);
	go();
	assert_int_equal(sim.started[3], 3);
	assert_int_equal(sim.over, 0);
	done(3);
	assert_int_equal(sim.over, 1);
	go();
	assert_int_equal(sim.over, 1);
	assert_false(sim.dropped[2] || sim.dropped[3]); /* the job's result names them */
	end();
}

static void test_threads_and_room(void **state)
{
	(void)state;
	begin(diamond, 1);
	go();
	assert_int_equal(sim.count, 1);
	done(0);
	sim.room = 0;
	go();
	assert_int_equal(sim.count, 1);
	sim.room = 1;
	go();
	assert_int_equal(sim.count, 2);
	end();
}

static void test_failures(void **state)
{
	(void)state;
	begin(diamond, 4);
	sim.run.tries_most = 3;
	go();
	assert_true(job_run_failed(&sim.run, 0, sim.now));
	go();
	assert_int_equal(sim.count, 2);
	assert_int_equal(sim.again, sim.now + sim.run.wait_ns);
	sim.now = sim.again;
	go();
	assert_int_equal(sim.count, 3);
	assert_true(job_run_failed(&sim.run, 0, sim.now));
	go();
	assert_int_equal(sim.again, sim.now + 2 * sim.run.wait_ns);
	job_run_back(&sim.run, 1, sim.now, 5); /* nobody's fault: isn't counted */
	sim.now = sim.again;
	go();
	assert_int_equal(sim.count, 5);
	assert_false(job_run_failed(&sim.run, 0, sim.now));
	end();
}

/* What an earlier run did isn't done again. */
static void test_resume(void **state)
{
	(void)state;
	begin(diamond, 4);
	sim.live = 40;
	for (uint32_t i = 0; i < 3; i++)
		job_run_was_done(&sim.run, i);
	assert_true(sim.dropped[0] && sim.dropped[1]);
	go();
	assert_int_equal(sim.count, 1);
	assert_int_equal(sim.started[0], 3);
	done(3);
	assert_int_equal(sim.over, 1);
	end();
	begin(diamond, 4);
	sim.live = 45;
	for (uint32_t i = 0; i < 4; i++)
		job_run_was_done(&sim.run, i);
	assert_int_equal(sim.over, 0);
	go(); /* nothing is left but the result */
	assert_int_equal(sim.over, 1);
	assert_int_equal(sim.count, 0);
	end();
}

static void test_estimate(void **state)
{
	(void)state;
	begin(diamond, 1);
	assert_true(job_run_estimate(&sim.run, sim.now) < 0);
	go();
	sim.now += 3000000000;
	assert_true(job_run_estimate(&sim.run, sim.now) < 0);
	done(0);
	assert_true(job_run_progress(&sim.run) > 0.24 && job_run_progress(&sim.run) < 0.26);
	assert_true(job_run_estimate(&sim.run, sim.now) > 8.9 &&
		job_run_estimate(&sim.run, sim.now) < 9.1);
	for (uint32_t i = 1; i < 4; i++) {
		go();
		done(i);
	}
	assert_true(job_run_estimate(&sim.run, sim.now) < 0.001);
	assert_true(job_run_progress(&sim.run) > 0.999);
	end();
}

/* Thirty tasks that each need some before them: all run, once, whatever the order of their ends, and never more lies in the
 * cache than was foreseen. */
static void random_plan(char *text, size_t size)
{
	size_t n = (size_t)snprintf(text, size, "{'version':1,'tasks':[");

	for (int i = 0; i < 30; i++) {
		n += (size_t)snprintf(text + n, size - n,
			"%s{'path':'/a','bytes':64,'result':%d,'pieces':[", i ? "," : "",
			1 + rand() % 100);
		for (int k = 0; i > 0 && k < rand() % 3; k++)
			n += (size_t)snprintf(
				text + n, size - n, "%s['t%d',0,0,1]", k ? "," : "", rand() % i);
		n += (size_t)snprintf(text + n, size - n, "]}");
	}
	snprintf(text + n, size - n, "],'result':{'bytes':9,'pieces':[['t29',0,0,1]]}}");
}

static uint32_t one_at_work(void)
{
	uint32_t at = (uint32_t)rand() % 30;

	while (!sim.at_work[at])
		at = (at + 1) % 30;
	return at;
}

static void test_random(void **state)
{
	static char text[8192];

	(void)state;
	srand(11);
	for (unsigned round = 0; round < 300; round++) {
		uint32_t threads = 1 + (uint32_t)rand() % 4;

		random_plan(text, sizeof(text));
		begin(text, threads);
		for (go(); !sim.over; go()) {
			assert_true(sim.run.graph.started > 0 && sim.run.graph.started <= threads);
			done(one_at_work());
		}
		assert_int_equal(sim.count, 30);
		sim.peak += sim.plan.places ? sim.plan.result.bytes : 0;
		assert_true(sim.peak <= job_plan_peak(&sim.plan, threads));
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_threads_and_room),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_estimate),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
