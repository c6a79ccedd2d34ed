/* hub/call: lives that ask other services, through workers that are honest and others. */
#include "hub/call.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/hub.h"
#include "hub/nursery.h"
#include "hub/worker.h"
#include "sys/clock.h"
#include "tests/unit/hub/fake_worker.h"

static struct hub hub;
static struct service *caller;
static struct manifest_trigger calls = {.type = TRIGGER_CALL};
static char *granted[] = {(char[]){"echo"}, (char[]){"call"}};

static struct {
	unsigned replies, refused[REFUSALS];
	uint32_t status;
	char body[64];
} seen;

static void on_reply(struct task *task, const struct reply *reply)
{
	(void)task;
	assert_non_null(reply);
	seen.replies++;
	seen.status = reply->status;
	snprintf(seen.body, sizeof(seen.body), "%.*s", (int)reply->body.n,
		reply->body.n > 0 ? (const char *)reply->body.p : "");
}

static void on_refuse(struct task *task, enum refusal why)
{
	(void)task;
	seen.refused[why]++;
}

static const struct origin_ops origin = {.source = "test", .reply = on_reply, .refuse = on_refuse};

/* A service whose name says how its worker behaves. */
static struct service *add(const char *how)
{
	struct service *s = malloc(sizeof(*s));

	service_init(s, &hub);
	s->next = hub.services;
	hub.services = s;
	s->name = strdup(how);
	s->image_path = strdup("none.mfy");
	s->note.event_bytes = 4096;
	s->note.effects_bytes = 8192;
	s->note.grants = MFI_GRANT(MF_EFFECT_REPLY) | MFI_GRANT(MF_EFFECT_CALL);
	s->manifest.calls = granted;
	s->manifest.calls_count = 2;
	s->manifest.triggers = &calls;
	s->manifest.triggers_count = 1;
	s->head = (struct mfw_head){.event_area = 4096,
		.effects_area = 8192,
		.threads = 1,
		.backend = MFW_BACKEND_PROCESS};
	s->queue_most = 8;
	s->deadline_ns = 2 * CLOCK_S;
	s->idle_ns = 500 * CLOCK_MS;
	return s;
}

static void open_hub(const char *how, const char *called)
{
	hub_init(&hub);
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(loop_open(&hub.loop), 0);
	assert_int_equal(report_open(&hub.report, hub.loop, false, false), 0);
	hub.options.worker_program = FAKE_WORKER;
	hub.options.nursery = fake_nursery();
	hub.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	hub.scratch_size = 8192;
	hub.scratch = malloc(hub.scratch_size);
	if (called)
		add(called);
	caller = add(how);
}

static void close_hub(void)
{
	for (struct service *s = hub.services; s; s = s->next)
		memset(&s->manifest, 0, sizeof(s->manifest)); /* it is none of its own */
	hub_close(&hub);
	nursery_close(fake_nursery());
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void ask(void)
{
	enum refusal why;
	struct task *task =
		service_begin(caller, MF_SOURCE_HTTP, MF_STR("http.request"), MF_STR("here"), &why);

	assert_non_null(task);
	task->origin = &origin;
	service_submit(task);
}

static unsigned ends(void)
{
	unsigned n = seen.replies;

	for (unsigned i = 0; i < REFUSALS; i++)
		n += seen.refused[i];
	return n;
}

static void run(unsigned n)
{
	uint64_t end = clock_mono_ns() + 20 * CLOCK_S;

	while (ends() < n && clock_mono_ns() < end)
		loop_once(hub.loop, 20);
	assert_int_equal(ends(), n);
}

/* All that was posted came back. */
static void settle(void)
{
	uint64_t end = clock_mono_ns() + 20 * CLOCK_S;

	while (caller->posted > 0 && clock_mono_ns() < end)
		loop_once(hub.loop, 20);
	assert_int_equal(caller->posted, 0);
	assert_int_equal(caller->suspended, 0);
}

static void test_answered(void **state)
{
	(void)state;
	open_hub("call", "echo");
	for (unsigned i = 1; i <= 3; i++) {
		ask();
		run(i);
		assert_int_equal(seen.replies, i);
		assert_int_equal(seen.status, 200);
		assert_string_equal(seen.body, "what");
	}
	assert_int_equal(caller->counts.calls, 3);
	settle();
	close_hub();
}

/* How the other service behaves, and the status that its caller hears. */
static void test_statuses(void **state)
{
	static const struct {
		const char *called;
		uint32_t status;
	} ways[] = {{NULL, 404}, {"fail", 404}, {"echo", 200}};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		open_hub("call", ways[i].called);
		ask();
		run(1);
		assert_int_equal(seen.replies, 1);
		assert_int_equal(seen.status, ways[i].status);
		settle();
		close_hub();
	}
}

static void status_of(void (*spoil)(struct service *called), uint32_t status)
{
	open_hub("call", "echo");
	spoil(caller->next);
	ask();
	run(1);
	assert_int_equal(seen.replies, 1);
	assert_int_equal(seen.status, status);
	settle();
	close_hub();
}

static void no_trigger(struct service *called)
{
	called->manifest.triggers_count = 0;
}

static void no_queue(struct service *called)
{
	called->queue_most = 0;
}

static void small(struct service *called)
{
	called->note.event_bytes = 300;
}

static void open_circuit(struct service *called)
{
	called->circuit.most = 1;
	(void)circuit_life(&called->circuit, false, false, loop_now(hub.loop) + 3600 * CLOCK_S);
}

static void test_refusals(void **state)
{
	(void)state;
	status_of(no_trigger, 404);
	status_of(no_queue, 503);
	status_of(small, 413);
	status_of(open_circuit, 503);
}

static void test_denied(void **state)
{
	static const struct {
		const char *how;
		enum refusal why;
	} ways[] = {{"call-secret", REFUSED_DENIED}, {"call-nothing", REFUSED_FAILED},
		{"call-two", REFUSED_FAILED}, {"call-deny", REFUSED_FAILED},
		{"call-more", REFUSED_FAILED}};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		open_hub(ways[i].how, "echo");
		ask();
		run(1);
		if (seen.refused[ways[i].why] != 1)
			fail_msg("%s", ways[i].how);
		settle();
		assert_int_equal(caller->counts.lost, 0);
		close_hub();
	}
}

/* A second suspension of a life that stands still is nonsense. */
static void test_twice(void **state)
{
	(void)state;
	open_hub("call-again", "echo");
	ask();
	run(1);
	assert_int_equal(seen.refused[REFUSED_FAILED], 1);
	assert_true(caller->counts.lost > 0);
	close_hub();
}

/* Its image calls nobody: that it stands still is a lie. */
static void test_without_a_grant(void **state)
{
	(void)state;
	open_hub("call", "echo");
	caller->note.grants = MFI_GRANT(MF_EFFECT_REPLY);
	ask();
	run(1);
	assert_int_equal(seen.refused[REFUSED_FAILED], 1);
	assert_true(caller->counts.lost > 0);
	close_hub();
}

/* Its worker dies with the answer: the next life is given it again, and the other has one event. */
static void test_again(void **state)
{
	(void)state;
	open_hub("call-die", "echo");
	ask();
	run(1);
	assert_int_equal(seen.replies, 1);
	assert_string_equal(seen.body, "what");
	assert_int_equal(caller->counts.reruns, 1);
	assert_int_equal(caller->next->counts.accepted, 1);
	assert_int_equal(caller->counts.calls, 2);
	settle();
	close_hub();
}

/* The hub ends while a life stands still. */
static void test_close(void **state)
{
	(void)state;
	open_hub("call", "echo");
	caller->next->after = caller; /* it doesn't get to run */
	ask();
	for (int i = 0; i < 200 && caller->suspended == 0; i++)
		loop_once(hub.loop, 20);
	assert_int_equal(caller->suspended, 1);
	close_hub();
	assert_int_equal(seen.refused[REFUSED_STOPPING], 1);
}

/* It is too late for the caller itself: its life is dropped, and the slot comes back. */
static void test_caller_late(void **state)
{
	(void)state;
	open_hub("call", "echo");
	caller->next->after = caller;
	caller->deadline_ns = 1500 * CLOCK_MS; /* its worker has to start before that */
	ask();
	run(1);
	/* it heard 504 in time, and replied so */
	assert_int_equal(seen.replies, 1);
	assert_int_equal(seen.status, 504);
	settle();
	caller->next->after = NULL;
	close_hub();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answered),
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_without_a_grant),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_caller_late),
	};

	fake_worker_if_asked(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
