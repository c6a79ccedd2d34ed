/* hub/jobs/rows: a job is in the database as it was, what is done of it isn't done again, and nonsense harms nobody. */
/* with: tests/unit/hub/stage.c tests/unit/hub/fake_worker.c tests/unit/store/blobs_rig.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/database.h"
#include "hub/jobs/job.h"
#include "store/store.h"
#include "tests/unit/hub/jobs/plans.h"
#include "tests/unit/hub/stage.h"
#include "tests/unit/store/blobs_rig.h"

#define ID "0123456789abcdef0123456789abcdef"
#define PLAN                                                                                       \
	"{'version': 1, 'tasks': ["                                                                \
	"{'path': '/a', 'bytes': 8, 'pieces': [['o0', 0, 0, 8]], 'result': 8},"                    \
	"{'path': '/b', 'bytes': 8, 'pieces': [['t0', 0, 0, 8]], 'result': 8},"                    \
	"{'path': '/c', 'bytes': 8, 'pieces': [['t1', 0, 0, 8]], 'result': 8}],"                   \
	" 'result': {'bytes': 16, 'pieces': [['t0', 0, 0, 8], ['t2', 8, 0, 8]]}}"

static struct jobs jobs;
static struct blobs_rig rig;
static uint8_t operand[BLOB_HASH];

/* A hub with a database and a disk cache, no jobs yet. */
static int begin(void **state)
{
	(void)state;
	stage_open_kept("put");
	blobs_rig_open(&rig, 1 << 20);
	assert_int_equal(blobs_rig_put(&rig, 100, 1, operand), 0);
	stage.hub.blobs = rig.blobs;
	memset(&jobs, 0, sizeof(jobs));
	jobs.hub = &stage.hub;
	stage.hub.jobs = &jobs;
	assert_int_equal(jobs_rows_read(&jobs), 0);
	assert_null(jobs.first);
	return 0;
}

static void forget_all(void)
{
	while (jobs.first) {
		struct job *job = jobs.first;

		jobs.first = job->next;
		if (job->answer.blob)
			blob_unpin(job->answer.blob);
		job->answer.blob = NULL;
		job_drop(job);
	}
	jobs.count = jobs.working = 0;
}

static int end(void **state)
{
	(void)state;
	database_drain(&stage.hub);
	forget_all();
	loop_later_cancel(stage.hub.loop, &jobs.go);
	stage.hub.jobs = NULL;
	stage.hub.blobs = NULL;
	blobs_rig_close(&rig);
	stage_close();
	return 0;
}

static struct blob *pinned(const uint8_t hash[static BLOB_HASH])
{
	struct blob *blob = blobs_find(rig.blobs, hash);

	assert_non_null(blob);
	blob_pin(blob);
	return blob;
}

/* One that is kept, about the operand; in the list. */
static struct job *make(const char *id)
{
	struct job *job = job_make(&jobs);

	strcpy(job->id, id);
	job->service = strdup("put");
	job->path = strdup("/shout");
	job->query = strdup("x=1");
	job->kept = true;
	job->made_ns = 77;
	job->operands = 1;
	job->operand[0] = pinned(operand);
	job->sizes[0] = 100;
	job_add(job);
	return job;
}

static void give_plan(struct job *job)
{
	const uint64_t size = 100;
	const struct job_limits limits = {.sizes = &size,
		.operands = 1,
		.input_most = 1000,
		.result_most = 1000,
		.cache_most = 100000,
		.threads = 1};
	char error[JOB_PLAN_ERROR] = "";

	if (plans_read(&job->plan, PLAN, &limits, error) != 0)
		fail_msg("%s", error);
	assert_true(job_begin_run(job));
}

/* What the next start of the hub finds. */
static struct job *read_again(void)
{
	database_drain(&stage.hub);
	forget_all();
	assert_int_equal(jobs_rows_read(&jobs), 0);
	return jobs.first;
}

static void one_at_work_comes_back(void **state)
{
	struct job *job = make(ID);

	(void)state;
	memset(job->key.id, 'k', TASK_ID);
	memset(job->key.request, 0xa5, sizeof(job->key.request));
	job->keep_ns = 5 * CLOCK_S;
	assert_true(job_row(job));
	assert_false(job->written);
	database_drain(&stage.hub);
	assert_true(job->written);
	job = read_again();
	assert_non_null(job);
	assert_string_equal(job->id, ID);
	assert_string_equal(job->service, "put");
	assert_string_equal(job->path, "/shout");
	assert_string_equal(job->query, "x=1");
	assert_null(job->type);
	assert_int_equal(job->made_ns, 77);
	assert_int_equal(job->state, JOB_IS_PLANNING);
	assert_true(job->kept && job->written && job->resumed);
	assert_false(job->lost);
	assert_int_equal(job->operands, 1);
	assert_memory_equal(blob_hash(job->operand[0]), operand, BLOB_HASH);
	assert_int_equal(job->sizes[0], 100);
	assert_int_equal(job->keep_ns, 5 * CLOCK_S);
	assert_int_equal(jobs.working, 1);
}

static void by_its_key(void **state)
{
	struct job_key key = {.id = "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"}, none = {0};
	struct job *job = make(ID);
	bool other;

	(void)state;
	assert_null(jobs_find_key(&stage.hub, &none, &other)); /* which is nobody's */
	memset(key.request, 1, sizeof(key.request));
	job->key = key;
	assert_true(job_row(job));
	job = read_again();
	assert_ptr_equal(jobs_find_key(&stage.hub, &key, &other), job);
	assert_false(other);
	key.request[31] = 2;
	assert_ptr_equal(jobs_find_key(&stage.hub, &key, &other), job);
	assert_true(other);
	key.id[0] = 'l';
	assert_null(jobs_find_key(&stage.hub, &key, &other));
}

static void one_that_lost_its_operand_knows(void **state)
{
	struct job *job = make(ID);

	(void)state;
	assert_true(job_row(job));
	database_drain(&stage.hub);
	forget_all();
	assert_int_equal(blob_remove(blobs_find(rig.blobs, operand)), 0);
	job = read_again();
	assert_true(job->lost);
	assert_null(job->operand[0]);
}

static void waited(struct job_row_wait *wait)
{
	wait->jobs = NULL;
}

static void task_is_done(struct job *job, uint32_t task, unsigned seed)
{
	struct job_row_wait wait = {.done = waited};
	uint8_t hash[BLOB_HASH];

	assert_int_equal(blobs_rig_put(&rig, 8, seed, hash), 0);
	job->results[task] = pinned(hash);
	job_row_task(job, task, &wait);
	database_drain(&stage.hub);
	assert_null(wait.jobs); /* it was told */
}

/* Tasks 0 and 1 are done. */
static struct job *half_done(void)
{
	struct job *job = make(ID);

	assert_true(job_row(job));
	give_plan(job);
	task_is_done(job, 0, 10);
	task_is_done(job, 1, 11);
	job = read_again();
	give_plan(job);
	return job;
}

static void what_is_done_is_not_done_again(void **state)
{
	struct job *job = half_done();

	(void)state;
	assert_int_equal(job_rows_resume(job), 0);
	assert_int_equal(job->run.graph.done, 2);
	assert_non_null(job->results[0]);
	assert_non_null(job->results[1]);
	assert_null(job->results[2]);
}

/* The result of 0 is needed for the whole, that of 1 isn't there: it is done again, since 2 needs it. */
static void unless_what_is_needed_is_gone(void **state)
{
	struct job *job = half_done();
	uint8_t *bytes = blobs_rig_bytes(8, 11), hash[BLOB_HASH];

	(void)state;
	blobs_rig_hash(bytes, 8, hash);
	free(bytes);
	assert_int_equal(blob_remove(blobs_find(rig.blobs, hash)), 0);
	assert_int_equal(job_rows_resume(job), 0);
	assert_int_equal(job->run.graph.done, 1);
	assert_non_null(job->results[0]);
	assert_null(job->results[1]);
}

static void a_plan_that_is_lost_takes_its_tasks(void **state)
{
	struct job *job = half_done();

	(void)state;
	job_rows_forget(job);
	database_drain(&stage.hub);
	assert_int_equal(job_rows_resume(job), 0);
	assert_int_equal(job->run.graph.done, 0);
	job = read_again(); /* its own row is there */
	assert_non_null(job);
	assert_string_equal(job->id, ID);
}

static unsigned rows(void)
{
	struct store_value v;
	char after[100] = "";
	unsigned n = 0;

	while (store_state_next(stage.hub.store, jobs.number, MF_STR(""),
		       mf_str_of(after, strlen(after)), &v) == 1) {
		memcpy(after, v.key.p, v.key.n);
		after[v.key.n] = '\0';
		n++;
	}
	return n;
}

static void one_that_is_forgotten_leaves_nothing(void **state)
{
	struct job *job = half_done();

	(void)state;
	assert_int_equal(rows(), 3);
	job_row_remove(job);
	database_drain(&stage.hub);
	assert_int_equal(rows(), 0);
	assert_null(read_again());
}

static void put_row(const char *key, const char *value)
{
	struct store_tx *tx =
		store_begin(stage.hub.store, STORE_BATCH, database_unheard, &stage.hub);

	store_put(tx, jobs.number, mf_str_of(key, strlen(key)), mf_str_of(value, strlen(value)),
		store_version(stage.hub.store));
	assert_true(store_sound(tx));
	store_submit(tx);
	database_drain(&stage.hub);
}

/* It is said in the log, and the others are read. */
static void nonsense(void **state)
{
	static const char *const values[] = {"", "[]", "{", "null", "{\"service\": 1}",
		"{\"service\": \"put\", \"path\": \"/x\", \"operands\": [], \"sizes\": []}",
		"{\"service\": \"put\", \"path\": \"/x\", \"operands\": [\"x\"], \"sizes\": []}"};
	char key[] = "f123456789abcdef0123456789abcdef";

	(void)state;
	assert_true(job_row(make(ID)));
	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		key[1] = (char)('a' + i);
		put_row(key, values[i]);
	}
	put_row("short", "{}");
	put_row(ID ".00000000", "no hash");
	assert_string_equal(read_again()->id, ID);
	assert_null(jobs.first->next);
	give_plan(jobs.first);
	assert_int_equal(job_rows_resume(jobs.first), 0);
	assert_int_equal(jobs.first->run.graph.done, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_at_work_comes_back),
		TEST(by_its_key),
		TEST(one_that_lost_its_operand_knows),
		TEST(what_is_done_is_not_done_again),
		TEST(unless_what_is_needed_is_gone),
		TEST(a_plan_that_is_lost_takes_its_tasks),
		TEST(one_that_is_forgotten_leaves_nothing),
		TEST(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
