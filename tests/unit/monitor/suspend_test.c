/* Lives that call: they stand still, others live meanwhile, and they go on with the answer, on any
 * thread; on both backends. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "monitor/core.h"
#include "tests/unit/monitor/service.h"
#include "wire/effects.h"
#include "wire/event.h"

/* An event, and what a hub appends to it. */
struct asked {
	uint64_t buffer[16384 / 8];
	struct event_writer writer;
	size_t size;
};

static void make_event(struct asked *a, const char *payload)
{
	assert_true(event_begin(&a->writer, a->buffer, sizeof(a->buffer), MF_SOURCE_RUN));
	assert_true(event_span(
		&a->writer, &a->writer.event->payload, mf_str_of(payload, strlen(payload))));
	a->size = event_end(&a->writer);
}

static void append(struct asked *a, uint32_t status, const char *body)
{
	assert_true(
		event_span(&a->writer, &a->writer.event->answer, mf_str_of(body, strlen(body))));
	a->writer.event->answer_status = status;
	a->size = event_end(&a->writer);
}

static void expect_call(const struct life *life, const char *service, const char *body)
{
	struct effects_reader reader;
	struct effect call;
	uint32_t record;

	assert_int_equal(life->result, MFW_OK);
	assert_true(life->suspended);
	assert_null(effects_open_call(&reader, life->effects, life->bytes, &record, &call));
	assert_true(mf_str_is(call.field[MF_FIELD_NAME], service));
	assert_true(mf_str_is(call.field[MF_FIELD_BODY], body));
}

static void expect_reply(const struct life *life, const char *text)
{
	struct mf_str reply;

	assert_int_equal(life->result, MFW_OK);
	assert_false(life->suspended);
	reply = service_reply(life);
	if (!mf_str_is(reply, text))
		fail_msg("\"%.*s\"", (int)reply.n, (const char *)reply.p);
}

static void two_answers(enum mfw_backend backend, enum mfw_birth_mode birth)
{
	struct shell *other;
	struct service s;
	struct asked a, b;
	struct life life;

	need_backend(backend);
	assert_int_equal(service_try(&s, "asks", backend, birth, (struct mf_str){0}), 0);
	assert_int_equal(shell_open(&other, s.monitor, s.error), 0);
	for (int twice = 0; twice < 3; twice++) {
		make_event(&a, "echo /a one\nother /b two");
		make_event(&b, "echo /c three");
		shell_begin(s.shell, a.buffer, a.size, &life);
		expect_call(&life, "echo", "one");
		shell_begin(other, b.buffer, b.size, &life);
		expect_call(&life, "echo", "three");
		append(&a, 200, "first");
		shell_answer(s.shell, a.buffer, a.size, &life);
		expect_call(&life, "other", "two");
		append(&b, 404, "");
		shell_answer(other, b.buffer, b.size, &life);
		expect_reply(&life, "404 \n");
		append(&a, 503, "second");
		shell_answer(s.shell, a.buffer, a.size, &life);
		expect_reply(&life, "200 first\n503 second\n");
	}
	shell_close(other);
	service_close(&s);
}

/* ------------------------------------------------------------------ threads */

struct elsewhere {
	enum mfw_backend backend;
	struct shell *shell;
	struct asked *asked;
	struct life life;
};

static void *answer(void *context)
{
	struct elsewhere *e = context;

	monitor_prepare_thread(e->backend);
	shell_answer(e->shell, e->asked->buffer, e->asked->size, &e->life);
	return NULL;
}

static void on_another_thread(enum mfw_backend backend)
{
	struct elsewhere e;
	struct service s;
	struct asked a;
	struct life life;
	pthread_t thread;

	need_backend(backend);
	service_open(&s, "asks", backend);
	for (int i = 0; i < 5; i++) {
		make_event(&a, "echo /a one");
		shell_begin(s.shell, a.buffer, a.size, &life);
		expect_call(&life, "echo", "one");
		append(&a, 200, "there");
		e = (struct elsewhere){.backend = backend, .shell = s.shell, .asked = &a};
		assert_int_equal(pthread_create(&thread, NULL, answer, &e), 0);
		pthread_join(thread, NULL);
		expect_reply(&e.life, "200 there\n");
		expect_reply((life = service_ask_text(&s, ""), &life), "");
	}
	service_close(&s);
}

/* -------------------------------------------------------------------- ends */

/* What a hub may not say of an answer; the shell is as good as new afterwards. */
static void bad_answers(enum mfw_backend backend)
{
	static const struct {
		uint32_t off, len;
		int size; /* more than there is */
	} ways[] = {{0, 8, 0}, {0xffffffff, 2, 0}, {8, 8, 0}, {300, 0xffffff00, 0}, {300, 8, -300},
		{300, 8, 1 << 20}};
	struct service s;
	struct asked a;
	struct life life;

	need_backend(backend);
	service_open(&s, "asks", backend);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		make_event(&a, "echo /a one");
		shell_begin(s.shell, a.buffer, a.size, &life);
		expect_call(&life, "echo", "one");
		append(&a, 200, "there");
		a.writer.event->answer = (struct mf_span){ways[i].off, ways[i].len};
		shell_answer(s.shell, a.buffer, a.size + (size_t)ways[i].size, &life);
		assert_int_equal(life.result, MFW_ERR_EVENT);
		expect_reply((life = service_ask_text(&s, ""), &life), "");
	}
	service_close(&s);
}

static void dropped(enum mfw_backend backend, enum mfw_birth_mode birth)
{
	struct service s;
	struct asked a;
	struct life life;

	need_backend(backend);
	assert_int_equal(service_try(&s, "asks", backend, birth, (struct mf_str){0}), 0);
	for (int i = 0; i < 3; i++) {
		make_event(&a, "echo /a one");
		shell_begin(s.shell, a.buffer, a.size, &life);
		expect_call(&life, "echo", "one");
		shell_drop(s.shell);
		expect_reply((life = service_ask_text(&s, ""), &life), "");
	}
	/* where calls aren't served */
	life = service_ask_text(&s, "echo /a one");
	assert_int_equal(life.result, MFW_ERR_CALL);
	assert_false(life.suspended);
	expect_reply((life = service_ask_text(&s, ""), &life), "");
	service_close(&s);
}

static void ends_badly(enum mfw_backend backend)
{
	static const struct {
		const char *then;
		enum mfw_result result;
	} ways[] = {{"spin", MFW_ERR_CPU}, {"crash", MFW_ERR_CRASHED}};
	char payload[64];
	struct service s;
	struct asked a;
	struct life life;

	need_backend(backend);
	service_open(&s, "asks", backend);
	s.monitor->cpu_ns = 30000000;
	for (size_t i = 0; i < 2 * sizeof(ways) / sizeof(ways[0]); i++) {
		snprintf(payload, sizeof(payload), "echo /a one\n%s", ways[i / 2].then);
		make_event(&a, payload);
		shell_begin(s.shell, a.buffer, a.size, &life);
		expect_call(&life, "echo", "one");
		append(&a, 200, "");
		shell_answer(s.shell, a.buffer, a.size, &life);
		assert_int_equal(life.result, ways[i / 2].result);
		assert_true(life.run_ns > 0 && life.birth_ns > 0);
		expect_reply((life = service_ask_text(&s, ""), &life), "");
	}
	service_close(&s);
}

/* The time since its birth is over when the answer comes: it doesn't go on. */
static void too_late(enum mfw_backend backend)
{
	struct service s;
	struct asked a;
	struct life life;

	need_backend(backend);
	service_open(&s, "asks", backend);
	make_event(&a, "echo /a one");
	shell_begin(s.shell, a.buffer, a.size, &life);
	expect_call(&life, "echo", "one");
	append(&a, 200, "");
	s.monitor->deadline_ns = 1;
	shell_answer(s.shell, a.buffer, a.size, &life);
	assert_int_equal(life.result, MFW_ERR_CPU);
	s.monitor->deadline_ns = 10000000000;
	expect_reply((life = service_ask_text(&s, ""), &life), "");
	service_close(&s);
}

#define BOTH(name, ...)                                                                            \
	static void name##_kvm(void **state)                                                       \
	{                                                                                          \
		(void)state;                                                                       \
		name(MFW_BACKEND_KVM, ##__VA_ARGS__);                                              \
	}                                                                                          \
	static void name##_process(void **state)                                                   \
	{                                                                                          \
		(void)state;                                                                       \
		name(MFW_BACKEND_PROCESS, ##__VA_ARGS__);                                          \
	}

static void two_answers_pooled(enum mfw_backend backend)
{
	two_answers(backend, MFW_POOLED);
}

static void two_answers_fresh(enum mfw_backend backend)
{
	two_answers(backend, MFW_FRESH);
}

static void dropped_pooled(enum mfw_backend backend)
{
	dropped(backend, MFW_POOLED);
}

static void dropped_fresh(enum mfw_backend backend)
{
	dropped(backend, MFW_FRESH);
}

BOTH(two_answers_pooled)
BOTH(two_answers_fresh)
BOTH(on_another_thread)
BOTH(bad_answers)
BOTH(dropped_pooled)
BOTH(dropped_fresh)
BOTH(ends_badly)
BOTH(too_late)

#define TEST(name) cmocka_unit_test(name##_kvm), cmocka_unit_test(name##_process)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_answers_pooled),
		TEST(two_answers_fresh),
		TEST(on_another_thread),
		TEST(bad_answers),
		TEST(dropped_pooled),
		TEST(dropped_fresh),
		TEST(ends_badly),
		TEST(too_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
