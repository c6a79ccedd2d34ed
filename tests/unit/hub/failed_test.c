/* hub/failed: events whose lives fail and for which nobody waits. */
#include "hub/failed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "image/capsule.h"
#include "sys/clock.h"
#include "tests/unit/hub/fake_worker.h"
#include "tests/unit/hub/stage.h"

static uint64_t count(enum store_table table)
{
	return store_failed_count(stage.hub.store, table);
}

static bool is_quiet(void)
{
	return store_waiting(stage.hub.store) == 0 && service_quiet(stage.service);
}

static bool is_dead(void)
{
	return count(STORE_DEAD) == 1 && count(STORE_RETRIES) == 0 && is_quiet();
}

static bool is_gone(void)
{
	return stage.service->counts.lives > 0 && count(STORE_DEAD) == 0 &&
		count(STORE_RETRIES) == 0 && is_quiet();
}

static void fails(const char *how, unsigned times)
{
	enum refusal why;

	stage_open_kept(how);
	stage.service->manifest.retry.times = times;
	stage.service->manifest.retry.wait_ns = CLOCK_MS;
	stage.service->circuit.most = 0; /* it stays closed */
	assert_true(stage_leave("question", &why));
}

static bool newest(const struct store_failed *row, void *context)
{
	*(uint64_t *)context = row->number;
	return true;
}

static uint64_t dead_letter(struct store_failed *row)
{
	uint64_t number = 0;

	assert_true(store_failed_each(stage.hub.store, STORE_DEAD, 0, 10, newest, &number) >= 1);
	assert_int_equal(store_failed_read(stage.hub.store, STORE_DEAD, number, row), 1);
	return number;
}

/* For its source it has ended when its failure is written: as one that is kept. */
static void it_is_tried_again_and_dies(void **state)
{
	struct store_failed row;
	struct capsule c;
	struct mf_event e;

	(void)state;
	fails("crash", 2);
	stage_until(is_dead);
	assert_int_equal(stage.silent, 1);
	assert_int_equal(stage_ends(), 1);
	assert_int_equal(stage.service->counts.results[MFW_ERR_CRASHED], 3);
	assert_int_equal(stage.service->counts.retries, 2);
	assert_int_equal(stage.service->counts.dead, 1);
	dead_letter(&row);
	assert_int_equal(row.attempt, 3);
	assert_true(mf_str_is(row.why, "crashed"));
	assert_null(capsule_read(&c, row.capsule.p, row.capsule.n));
	e = capsule_event(&c);
	assert_int_equal(e.attempt, 2);
	assert_true(e.flags & MF_EVENT_RETRY);
	assert_true(mf_str_is(capsule_text(&c, e.subject), "left"));
	assert_true(mf_str_is(capsule_text(&c, e.payload), "question"));
	stage_close();
}

/* It would ask for the same again. */
static void what_it_may_not_have_is_dead_at_once(void **state)
{
	char *others[] = {(char[]){"other"}};
	enum refusal why;

	(void)state;
	stage_open_kept("put");
	stage.service->manifest.writes = others;
	stage.service->manifest.retry.times = 5;
	assert_true(stage_leave("question", &why));
	stage_until(is_dead);
	assert_int_equal(stage.service->counts.lives, 1);
	stage_close();
}

/* Who waits hears of it, and asks again if he likes. */
static void who_waits_is_told(void **state)
{
	enum refusal why;

	(void)state;
	stage_open_kept("crash");
	stage.service->manifest.retry.times = 5;
	assert_true(stage_ask("question", &why));
	stage_run(1, 20000);
	assert_int_equal(stage.refused[REFUSED_FAILED], 1);
	stage_until(is_gone);
	stage_close();
}

static void it_outlives_the_hub(void **state)
{
	(void)state;
	fails("crash", 0);
	stage_until(is_dead);
	stage_again();
	assert_int_equal(count(STORE_DEAD), 1);
	stage_close();
}

static bool is_kept(void)
{
	return count(STORE_RETRIES) == 1 && is_quiet();
}

/* One that waits for its turn when the hub ends is tried by the next. */
static void a_try_that_waits_outlives_the_hub(void **state)
{
	(void)state;
	stage_open_kept("crash");
	stage.service->manifest.retry.times = 1;
	stage.service->manifest.retry.wait_ns = 500 * CLOCK_MS;
	assert_true(stage_leave("question", &(enum refusal){0}));
	stage_until(is_kept);
	stage_again();
	assert_int_equal(count(STORE_RETRIES), 1);
	stage_until(is_dead);
	assert_int_equal(stage.service->counts.lives, 1);
	stage_close();
}

static void an_operator_tries_again_or_removes(void **state)
{
	struct store_failed row;
	uint64_t number;

	(void)state;
	fails("crash", 0);
	stage_until(is_dead);
	number = dead_letter(&row);
	assert_int_equal(failed_again(&stage.hub, number + 1), -ENOENT);
	assert_int_equal(failed_remove(&stage.hub, number + 1), -ENOENT);
	assert_int_equal(failed_again(&stage.hub, number), 0);
	assert_int_equal(failed_again(&stage.hub, number + 1), -ENOENT);
	stage_until(is_dead); /* as dead as before, under another number */
	assert_int_equal(stage.service->counts.lives, 2);
	assert_int_not_equal(dead_letter(&row), number);
	assert_int_equal(failed_remove(&stage.hub, dead_letter(&row)), 0);
	stage_until(is_gone);
	assert_int_equal(stage.service->counts.lives, 2);
	stage_close();
}

/* The try that goes well is the last, though it writes nothing. */
static void it_goes_well_at_last(void **state)
{
	(void)state;
	fails("crash-once", 3);
	stage_until(is_gone);
	assert_int_equal(stage.service->counts.results[MFW_ERR_CRASHED], 1);
	assert_int_equal(stage.service->counts.results[MFW_OK], 1);
	assert_int_equal(stage.service->counts.dead, 0);
	stage_close();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_tried_again_and_dies),
		cmocka_unit_test(what_it_may_not_have_is_dead_at_once),
		cmocka_unit_test(who_waits_is_told),
		cmocka_unit_test(it_outlives_the_hub),
		cmocka_unit_test(a_try_that_waits_outlives_the_hub),
		cmocka_unit_test(an_operator_tries_again_or_removes),
		cmocka_unit_test(it_goes_well_at_last),
	};

	fake_worker_if_asked(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
