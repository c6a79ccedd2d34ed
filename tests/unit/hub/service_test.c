/* hub/service, life: one event after another through workers that do as they should. */
#include "hub/service.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/worker.h"
#include "sys/clock.h"
#include "tests/unit/hub/fake_worker.h"
#include "tests/unit/hub/stage.h"

static void test_reply(void **state)
{
	(void)state;
	stage_open("echo");
	for (int i = 0; i < 50; i++) {
		stage_ask_all(1);
		stage_run((unsigned)i + 1, 5000);
	}
	assert_int_equal(stage.replies, 50);
	assert_string_equal(stage.last, "question");
	assert_int_equal(stage.service->counts.workers, 1);
	assert_int_equal(stage.service->counts.cold, 1);
	assert_true(service_quiet(stage.service));
	stage_close();
}

static void test_bound(void **state)
{
	enum refusal why;

	(void)state;
	stage_open("silent");
	stage_ask_all(2); /* starts it */
	while (stage.service->worker != WORKER_READY)
		loop_once(stage.hub.loop, 20);
	stage.service->life_ns = CLOCK_S; /* so nothing is sent ahead: two lives, the rest waits */
	for (unsigned i = 0; i < 8; i++)
		assert_true(stage_ask("question", &why));
	assert_false(stage_ask("question", &why));
	assert_int_equal(why, REFUSED_BUSY);
	stage_run(10, 3000);
	assert_int_equal(stage.refused[REFUSED_LATE], 10);
	stage_close();
}

/* One that is flooded alone has half of the part that is for events; all of it comes back. */
static void test_memory(void **state)
{
	enum refusal why = REFUSED_BUSY;
	size_t most;
	unsigned n = 0;

	(void)state;
	stage_open("echo");
	stage.service->queue_most = 1000;
	stage.hub.waiting.most = 64u << 10;
	most = stage.hub.waiting.most * 3 / 4;
	while (stage_ask("question", &why))
		n++;
	assert_int_equal(why, REFUSED_FULL);
	assert_in_range(stage.service->waiting, most / 2, most / 2 + 2048);
	assert_int_equal(stage.hub.waiting.events, stage.service->waiting);
	assert_int_equal(service_retry_ns(stage.service, why), 100 * CLOCK_MS);
	stage_run(n, 5000);
	assert_int_equal(stage.replies, n);
	assert_int_equal(stage.hub.waiting.events, 0);
	assert_int_equal(stage.service->waiting, 0);
	assert_true(stage_ask("question", &why));
	stage_run(n + 1, 5000);
	assert_int_equal(stage.replies, n + 1);
	stage_close();
}

/* Memory that the worker shares is charged as it is used, and given back when the worker ends; what it needs to go
 * on at all it gets. */
static void test_shared_memory(void **state)
{
	(void)state;
	stage_open("echo");
	stage.service->queue_most = 1000;
	stage_ask_all(100);
	stage_run(100, 5000);
	assert_true(stage.service->shared > 10 * MF_PAGE);
	assert_int_equal(stage.hub.waiting.shared, stage.service->shared);
	worker_retire(stage.service, "test");
	assert_int_equal(stage.service->shared, 0);
	stage.hub.waiting.shared = stage.hub.waiting.most; /* others have all */
	stage_ask_all(100);
	stage_run(200, 5000);
	assert_int_equal(stage.replies, 200);
	assert_int_equal(link_slots_used(stage.service->link), 4);
	stage_close();
}

static void test_stopping(void **state)
{
	enum refusal why;

	(void)state;
	stage_open("echo");
	stage_ask_all(3);
	stage.hub.stopping = true;
	assert_false(stage_ask("question", &why));
	assert_int_equal(why, REFUSED_STOPPING);
	stage_run(3, 5000);
	assert_int_equal(stage.replies, 3);
	stage_close();
}

/* Several threads: those of one key one after another, others in between. */
static void open_ordered(const char *how)
{
	stage_open(how);
	stage.service->queue_most = 64;
	stage.service->head.threads = 4;
	assert_null(key_parse(&stage.service->key, "path"));
	stage.service->ordered = true;
}

static void test_order(void **state)
{
	static const char *const asked[][2] = {{"/a", "1"}, {"/a", "2"}, {"/b", "3"}, {"/a", "4"},
		{"/b", "5"}, {"/c", "6"}, {"/z", "z"}};
	enum refusal why;

	(void)state;
	open_ordered("backwards");
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		assert_true(stage_ask_about(asked[i][0], asked[i][1], &why));
	assert_int_equal(stage.service->running.count, 4); /* /a, /b, /c, /z */
	assert_int_equal(stage.service->queue.count, 3);
	for (const struct task *t = stage.service->queue.first; t; t = t->next)
		assert_int_equal(t->slot, -1); /* they hold no slot while they wait */
	stage_run(7, 5000);
	/* the worker answers backwards; when 5 and 2 could go is up to the ring, 2 before 4 */
	assert_memory_equal(stage.firsts, "z631", 4);
	assert_true(strchr(stage.firsts, '2') < strchr(stage.firsts, '4'));
	assert_non_null(strchr(stage.firsts, '5'));
	assert_true(service_quiet(stage.service));
	stage_close();
}

/* One key for all: strictly in order, whatever happens to workers. */
static void test_order_survives_workers(void **state)
{
	enum refusal why;

	(void)state;
	open_ordered("echo");
	stage.service->deadline_ns = 5 * CLOCK_S;
	for (unsigned i = 0; i < 40; i++) {
		char payload[2] = {(char)('A' + i), 0};

		assert_true(stage_ask_about("/same", payload, &why));
		if (i % 8 != 7)
			continue;
		usleep(110000); /* or it would pass for an early death */
		kill(link_pid(stage.service->link), SIGKILL);
	}
	stage_run(40, 20000);
	assert_int_equal(stage.replies, 40);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(stage.firsts[i], 'A' + i);
	stage_close();
}

static void test_order_deadlines(void **state)
{
	enum refusal why;

	(void)state;
	open_ordered("silent");
	stage.service->deadline_ns = 100 * CLOCK_MS;
	for (unsigned i = 0; i < 10; i++)
		assert_true(stage_ask_about("/same", "question", &why));
	stage_run(10, 3000);
	assert_int_equal(stage.refused[REFUSED_LATE], 10);
	assert_true(service_quiet(stage.service));
	stage_close();
}

static void test_deadline(void **state)
{
	(void)state;
	stage_open("silent");
	stage.service->deadline_ns = 100 * CLOCK_MS;
	stage_ask_all(4);
	stage_run(4, 2000);
	assert_int_equal(stage.refused[REFUSED_LATE], 4);
	stage_close();
}

static void test_failures(void **state)
{
	static const struct {
		const char *how;
		enum refusal why;
	} table[] = {
		{"crash", REFUSED_FAILED},
		{"log-fail", REFUSED_FAILED},
		{"emit", REFUSED_DENIED},
		{"bad-effects", REFUSED_FAILED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		stage_open(table[i].how);
		stage_ask_all(8);
		stage_run(8, 5000);
		assert_int_equal(stage.refused[table[i].why], 8);
		assert_int_equal(stage.service->counts.workers, 1); /* the worker lives on */
		stage_close();
	}
}

/* What waits and what comes is refused; then one is tried. */
static void test_circuit(void **state)
{
	enum refusal why;

	(void)state;
	stage_open("crash-q");
	stage.service->circuit.most = 4;
	stage_ask_all(3);
	stage_run(3, 5000);
	stage.service->life_ns = CLOCK_S; /* so nothing is sent ahead: two lives, the rest waits */
	stage_ask_all(6);
	stage_run(9, 5000);
	assert_int_equal(stage.refused[REFUSED_FAILED], 3 + 2);
	assert_int_equal(stage.refused[REFUSED_OPEN], 4);
	assert_int_equal(stage.service->counts.circuits, 1);
	assert_false(stage_ask("question", &why));
	assert_int_equal(why, REFUSED_OPEN);
	assert_true(service_retry_ns(stage.service, why) > 500 * CLOCK_MS);
	assert_true(service_retry_ns(stage.service, why) <= CLOCK_S);
	stage.service->circuit.until_ns = loop_now(stage.hub.loop); /* a second later */
	assert_true(stage_ask("question", &why));
	assert_false(stage_ask("good", &why)); /* one is enough */
	assert_int_equal(why, REFUSED_OPEN);
	stage_run(10, 5000);
	assert_int_equal(stage.service->circuit.pause_ns, 2 * CLOCK_S);
	stage.service->circuit.until_ns = loop_now(stage.hub.loop);
	assert_true(stage_ask("good", &why));
	stage_run(11, 5000);
	assert_int_equal(stage.replies, 1);
	assert_true(stage_ask("good", &why));
	assert_true(stage_ask("good", &why));
	stage_run(13, 5000);
	assert_int_equal(stage.replies, 3);
	assert_int_equal(stage.service->counts.circuits, 1);
	stage_close();
}

/* A trial that its input takes back, or that a stop ends, is no verdict. */
static void test_trial_taken_back(void **state)
{
	struct task *task;
	enum refusal why;

	(void)state;
	stage_open("crash-q");
	stage.service->circuit.most = 1;
	stage_ask_all(1);
	stage_run(1, 5000);
	stage.service->circuit.until_ns = loop_now(stage.hub.loop);
	task = service_begin(
		stage.service, MF_SOURCE_UDP, MF_STR("udp.datagram"), MF_STR("here"), &why);
	assert_non_null(task);
	assert_false(stage_ask("good", &why));
	service_cancel(task);
	assert_true(stage_ask("good", &why));
	stage_run(2, 5000);
	assert_int_equal(stage.replies, 1);
	stage_close();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_shared_memory),
		cmocka_unit_test(test_stopping),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_order_survives_workers),
		cmocka_unit_test(test_order_deadlines),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_circuit),
		cmocka_unit_test(test_trial_taken_back),
	};

	fake_worker_if_asked(argc, argv);
	log_setup("test", LOG_ERROR + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
