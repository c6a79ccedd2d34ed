/* hub/jobs/jobs: who may begin one, who hears of it, what it comes to, and when nobody knows of it any more. */
/* with: tests/unit/hub/stage.c tests/unit/hub/fake_worker.c tests/unit/store/blobs_rig.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/database.h"
#include "hub/jobs/job.h"
#include "tests/unit/hub/fake_worker.h"
#include "tests/unit/hub/stage.h"
#include "tests/unit/store/blobs_rig.h"

static struct blobs_rig rig;
static uint8_t hash[BLOB_HASH];

/* Somebody who watches: how often he heard something, and of what state last. */
static struct watcher {
	struct job_watch watch;
	unsigned heard;
	enum job_state state;
} watcher;

static void heard(struct job_watch *watch)
{
	struct watcher *w = LOOP_OWNER(watch, struct watcher, watch);

	w->heard++;
	if (watch->job)
		w->state = job_state(watch->job);
}

/* A hub with a database, a disk cache and a service that takes jobs. It has no areas, so none is planned. */
static int begin(void **state)
{
	char error[HUB_ERROR_MAX];

	(void)state;
	stage_open_kept("put");
	blobs_rig_open(&rig, 1 << 20);
	assert_int_equal(blobs_rig_put(&rig, 100, 1, hash), 0);
	stage.hub.blobs = rig.blobs;
	stage.service->manifest.memory.input = 1 << 20;
	assert_int_equal(jobs_look(&stage.hub, error), 0);
	memset(&watcher, 0, sizeof(watcher));
	watcher.watch.changed = heard;
	return 0;
}

static int end(void **state)
{
	(void)state;
	jobs_close(&stage.hub);
	assert_null(stage.hub.jobs);
	stage.hub.blobs = NULL;
	blobs_rig_close(&rig);
	stage_close();
	return 0;
}

static struct blob *blob(void)
{
	return blobs_find(rig.blobs, hash);
}

static struct job *ask(bool kept, struct job_watch *watch, unsigned *status)
{
	struct blob *operand = blob();
	const struct job_request request = {.service = stage.service,
		.path = MF_STR("/shout"),
		.operands = &operand,
		.count = 1,
		.planned = true,
		.kept = kept};
	const char *why = NULL;
	struct job *job = jobs_begin(&stage.hub, &request, watch, status, &why);

	assert_true(job || why);
	return job;
}

static struct job *begun(bool kept)
{
	unsigned status;
	struct job *job = ask(kept, &watcher.watch, &status);

	assert_non_null(job);
	return job;
}

/* What waits for the end of a round. */
static void go_round(void)
{
	for (unsigned i = 0; i < 3; i++)
		assert_true(loop_once(stage.hub.loop, 0) >= 0);
}

static uint64_t working(void)
{
	struct jobs_counts c;

	jobs_count(&stage.hub, &c);
	return c.working;
}

static void who_may_not(void **state)
{
	struct jobs *jobs = stage.hub.jobs;
	unsigned status;

	(void)state;
	stage.service->manifest.memory.input = 0;
	assert_null(ask(false, NULL, &status));
	assert_int_equal(status, 501);
	stage.service->manifest.memory.input = 1 << 20;
	stage.hub.blobs = NULL;
	assert_false(jobs_can(&stage.hub));
	stage.hub.blobs = rig.blobs;
	jobs->working = JOBS_MOST;
	assert_null(ask(false, NULL, &status));
	assert_int_equal(status, 503);
	jobs->working = 0;
	assert_null(jobs_first(&stage.hub));
	assert_false(blob_pinned(blob()));
}

static void found_in_order(void **state)
{
	struct job *first = begun(false), *second;
	unsigned status;

	(void)state;
	second = ask(false, NULL, &status);
	assert_ptr_equal(jobs_first(&stage.hub), second);
	assert_ptr_equal(jobs_next(second), first);
	assert_null(jobs_next(first));
	assert_int_equal(strlen(job_id(first)), TASK_ID);
	assert_ptr_equal(
		jobs_find(&stage.hub, mf_str_of(job_id(first), strlen(job_id(first)))), first);
	assert_null(jobs_find(&stage.hub, MF_STR("nobody")));
	assert_string_equal(job_service_name(first), "put");
	assert_int_equal(job_state(first), JOB_IS_PLANNING);
	assert_true(blob_pinned(blob()));
	assert_int_equal(working(), 2);
}

/* Cancelled it still can be asked about; cancelled again it is forgotten, and who watches hears both. */
static void cancelled_and_forgotten(void **state)
{
	struct job *job = begun(false);

	(void)state;
	job_cancel(job);
	assert_int_equal(job_state(job), JOB_IS_CANCELLED);
	assert_int_equal(job_answer(job)->status, 410);
	assert_int_equal(working(), 0);
	assert_false(blob_pinned(blob()));
	assert_int_equal(watcher.heard, 0);
	go_round();
	assert_int_equal(watcher.heard, 1);
	assert_int_equal(watcher.state, JOB_IS_CANCELLED);
	job_cancel(job);
	assert_int_equal(watcher.heard, 2);
	assert_null(watcher.watch.job);
	assert_null(jobs_first(&stage.hub));
}

/* Whom nobody keeps or watches nobody knows once it has ended. */
static void nobody_cares(void **state)
{
	struct job *job = begun(false);

	(void)state;
	job_fail(job, 502, "for a reason");
	go_round();
	assert_non_null(jobs_first(&stage.hub));
	job_unwatch(&watcher.watch);
	job_unwatch(&watcher.watch); /* twice is fine */
	job_go(job);
	go_round();
	assert_null(jobs_first(&stage.hub));
}

static void why_it_failed(void **state)
{
	struct job *job = begun(false);
	const struct job_answer *a = job_answer(job);
	json_t *json;

	(void)state;
	job_fail(job, 502, "the \"%s\" of task %u", "input", 7u);
	assert_int_equal(job_state(job), JOB_IS_FAILED);
	assert_int_equal(a->status, 502);
	assert_true(mf_str_is(a->type, "application/problem+json"));
	json = json_loadb((const char *)a->text.p, a->text.n, 0, NULL);
	assert_string_equal(
		json_string_value(json_object_get(json, "detail")), "the \"input\" of task 7");
	assert_int_equal(json_integer_value(json_object_get(json, "status")), 502);
	json_decref(json);
}

/* What a service says of its own failure is passed on, unless it is long. */
static void failed_in_its_own_words(void **state)
{
	static uint8_t text[JOB_WORDS_MOST + 1];
	struct reply reply = {.status = 422,
		.content_type = MF_STR("text/plain"),
		.body = mf_str_of(text, sizeof(text) - 1)};
	struct job *job = begun(false);
	unsigned status;

	(void)state;
	job_fail_as(job, &reply);
	assert_int_equal(job_answer(job)->status, 422);
	assert_true(mf_str_is(job_answer(job)->type, "text/plain"));
	assert_int_equal(job_answer(job)->text.n, JOB_WORDS_MOST);
	job = ask(false, NULL, &status);
	reply.body.n++;
	job_fail_as(job, &reply);
	assert_int_equal(job_answer(job)->status, 422);
	assert_int_equal(job_answer(job)->text.n, 0);
}

/* Its result is in use as long as the job can be asked about. */
static void done(void **state)
{
	struct job *job = begun(true);
	uint8_t result[BLOB_HASH];

	(void)state;
	assert_int_equal(blobs_rig_put(&rig, 50, 2, result), 0);
	blob_pin(blobs_find(rig.blobs, result));
	job_done(job, 200, MF_STR("text/plain"), MF_STR("A: b\r\n"), blobs_find(rig.blobs, result));
	assert_int_equal(job_state(job), JOB_IS_DONE);
	assert_true(mf_str_is(job_answer(job)->headers, "A: b\r\n"));
	assert_false(job_lost(job));
	job_unwatch(&watcher.watch);
	database_drain(&stage.hub);
	go_round();
	assert_ptr_equal(jobs_first(&stage.hub), job);
	assert_true(blob_pinned(blobs_find(rig.blobs, result)));
	job->forget_ns = 1; /* an hour later */
	job_go(job);
	go_round();
	assert_null(jobs_first(&stage.hub));
	assert_false(blob_pinned(blobs_find(rig.blobs, result)));
}

static void its_service_is_gone(void **state)
{
	struct job *job = begun(false);

	(void)state;
	free(job->service);
	job->service = strdup("other");
	go_round();
	assert_int_equal(job_state(job), JOB_IS_FAILED);
	assert_int_equal(job_answer(job)->status, 503);
	assert_int_equal(watcher.state, JOB_IS_FAILED);
}

/* The hub stops: who waits hears of it, who will come back finds it. */
static void the_hub_stops(void **state)
{
	struct job *kept, *waited = begun(false);
	unsigned status;

	(void)state;
	kept = ask(true, NULL, &status);
	jobs_stop(&stage.hub);
	assert_int_equal(job_state(waited), JOB_IS_FAILED);
	assert_int_equal(job_answer(waited)->status, 503);
	assert_int_equal(job_state(kept), JOB_IS_PLANNING);
	assert_null(ask(false, NULL, &status));
	assert_int_equal(status, 503);
	database_drain(&stage.hub);
}

/* As many as there may be have ended: the one that began first makes room. */
static void room_for_one_more(void **state)
{
	struct jobs *jobs = stage.hub.jobs;
	struct job *oldest = begun(true), *job;
	unsigned status;

	(void)state;
	job_cancel(oldest);
	while (jobs->count < JOBS_KEPT_MOST) {
		job = job_make(jobs);
		assert_non_null(job);
		job->state = JOB_IS_DONE;
		job->kept = true;
		memset(job->id, 'f', TASK_ID);
		job_add(job);
	}
	assert_int_equal(watcher.heard, 0);
	job = ask(false, NULL, &status);
	assert_non_null(job);
	assert_int_equal(jobs->count, JOBS_KEPT_MOST);
	assert_int_equal(watcher.heard, 1); /* it is gone */
	assert_null(watcher.watch.job);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(who_may_not),
		TEST(found_in_order),
		TEST(cancelled_and_forgotten),
		TEST(nobody_cares),
		TEST(why_it_failed),
		TEST(failed_in_its_own_words),
		TEST(done),
		TEST(its_service_is_gone),
		TEST(the_hub_stops),
		TEST(room_for_one_more),
	};

	fake_worker_if_asked(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
