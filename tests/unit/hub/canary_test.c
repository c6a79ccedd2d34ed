/* hub/canary: which version gets an event, and where one goes that failed in the new one. */
#include "hub/canary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sys/clock.h"
#include "tests/unit/hub/fake_worker.h"
#include "tests/unit/hub/stage.h"

static struct service *new;

/* "echo" in place, and beside it one whose workers do as `how`. */
static void open_both(const char *how)
{
	struct service *s;

	stage_open("echo");
	s = malloc(sizeof(*s));
	assert_non_null(s);
	service_init(s, &stage.hub);
	s->name = strdup(how);
	s->image_path = strdup("new.mfy");
	s->note = stage.service->note;
	s->head = stage.service->head;
	s->queue_most = stage.service->queue_most;
	s->deadline_ns = stage.service->deadline_ns;
	s->idle_ns = stage.service->idle_ns;
	canary_begin(stage.service, s);
	new = s;
}

static unsigned share_of(unsigned tries)
{
	unsigned n = 0;
	char id[16];

	for (unsigned i = 0; i < tries; i++) {
		snprintf(id, sizeof(id), "event-%u", i);
		n += canary_choose(stage.service, MF_SOURCE_HTTP, mf_str_of(id, strlen(id))) == new;
	}
	return n;
}

static void test_a_share_by_id(void **state)
{
	const struct mf_str id = MF_STR("the same");
	struct service *first;
	unsigned n;

	(void)state;
	open_both("echo");
	assert_int_equal(share_of(1000), 0);
	stage.service->share = 1000;
	n = share_of(10000);
	assert_in_range(n, 700, 1300);
	assert_int_equal(share_of(10000), n); /* follows from the ids */
	stage.service->share = 5000;
	first = canary_choose(stage.service, MF_SOURCE_SCHEDULE, id);
	for (unsigned i = 0; i < 10; i++)
		assert_ptr_equal(canary_choose(stage.service, MF_SOURCE_SCHEDULE, id), first);
	stage.service->share = CANARY_ALL;
	assert_int_equal(share_of(1000), 1000);
	assert_ptr_equal(canary_choose(stage.service, MF_SOURCE_HTTP, mf_str_of(NULL, 0)), new);
	assert_ptr_equal(canary_choose(stage.service, MF_SOURCE_JOB, id), stage.service);
	stage_close();
}

static void test_never_to_one_that_would_refuse(void **state)
{
	(void)state;
	open_both("echo");
	stage.service->share = CANARY_ALL;
	new->queue_most = 0;
	assert_int_equal(share_of(100), 0);
	stage_close();
}

/* Asked eight times of the new one, all are answered by the old one. */
static void fails(const char *how)
{
	open_both(how);
	stage.service->share = CANARY_ALL;
	stage_ask_all(8);
	stage_run(8, 5000);
	assert_int_equal(stage.replies, 8);
	assert_string_equal(stage.last, "question");
	assert_int_equal(new->counts.accepted, new->counts.returned);
	assert_int_equal(new->counts.replied, 0);
	assert_int_equal(stage.service->counts.replied, 8);
	assert_true(service_quiet(new));
	assert_int_equal(stage.hub.waiting.events, 0);
	stage_close();
}

static void test_crashes(void **state)
{
	(void)state;
	fails("crash");
}

static void test_workers_that_die(void **state)
{
	(void)state;
	fails("die-always");
}

static void test_one_that_does_not_start(void **state)
{
	(void)state;
	fails("fail");
}

static void test_what_waits_goes_back(void **state)
{
	(void)state;
	open_both("never-ready");
	stage.service->share = CANARY_ALL;
	stage_ask_all(5);
	assert_int_equal(new->queue.count + new->running.count, 5);
	canary_end(stage.service);
	stage_run(5, 5000);
	assert_int_equal(stage.replies, 5);
	assert_null(stage.service->canary);
	assert_null(stage.hub.canaries);
	stage_close();
}

static void test_what_is_late_stays_late(void **state)
{
	(void)state;
	open_both("silent");
	stage.service->share = CANARY_ALL;
	new->deadline_ns = 50 * CLOCK_MS;
	stage_ask_all(1);
	stage_run(1, 5000);
	assert_int_equal(stage.refused[REFUSED_LATE], 1);
	stage_close();
}

static void test_why_not(void **state)
{
	struct service *old;

	(void)state;
	open_both("echo");
	old = stage.service;
	assert_null(canary_why_not(old, new));
	new->keyed = true;
	assert_string_equal(canary_why_not(old, new), "its events have an order");
	new->keyed = false;
	old->stateful = true;
	assert_string_equal(canary_why_not(old, new), "it reads state");
	old->stateful = false;
	new->may_write = true;
	assert_non_null(strstr(canary_why_not(old, new), "database"));
	new->may_write = false;
	new->note.event_bytes--;
	assert_non_null(strstr(canary_why_not(old, new), "memory.event"));
	new->note.event_bytes++;
	new->manifest.price.unit = (char *)(uintptr_t) "flop";
	assert_string_equal(canary_why_not(old, new), "its price is another");
	old->manifest.price.unit = new->manifest.price.unit;
	assert_null(canary_why_not(old, new));
	old->manifest.price.unit = new->manifest.price.unit = NULL;
	stage_close();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_share_by_id),
		cmocka_unit_test(test_never_to_one_that_would_refuse),
		cmocka_unit_test(test_crashes),
		cmocka_unit_test(test_workers_that_die),
		cmocka_unit_test(test_one_that_does_not_start),
		cmocka_unit_test(test_what_waits_goes_back),
		cmocka_unit_test(test_what_is_late_stays_late),
		cmocka_unit_test(test_why_not),
	};

	fake_worker_if_asked(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
