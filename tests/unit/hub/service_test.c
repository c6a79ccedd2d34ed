/* hub/service, life: one event after another through workers that do as they should. */
#include "hub/service.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/clock.h"
#include "tests/unit/hub/fake_worker.h"
#include "tests/unit/hub/rig.h"

static void test_reply(void **state)
{
	(void)state;
	rig_open("echo");
	for (int i = 0; i < 50; i++) {
		rig_ask_all(1);
		rig_run((unsigned)i + 1, 5000);
	}
	assert_int_equal(rig.replies, 50);
	assert_string_equal(rig.last, "question");
	assert_int_equal(rig.service->counts.workers, 1);
	assert_int_equal(rig.service->counts.cold, 1);
	assert_true(service_quiet(rig.service));
	rig_close();
}

static void test_bound(void **state)
{
	enum refusal why;

	(void)state;
	rig_open("silent");
	rig_ask_all(2); /* starts it */
	while (rig.service->worker != WORKER_READY)
		loop_once(rig.hub.loop, 20);
	rig.service->life_ns = CLOCK_S; /* so nothing is sent ahead: two lives, the rest waits */
	for (unsigned i = 0; i < 8; i++)
		assert_true(rig_ask("question", &why));
	assert_false(rig_ask("question", &why));
	assert_int_equal(why, REFUSED_BUSY);
	rig_run(10, 3000);
	assert_int_equal(rig.refused[REFUSED_LATE], 10);
	rig_close();
}

static void test_stopping(void **state)
{
	enum refusal why;

	(void)state;
	rig_open("echo");
	rig_ask_all(3);
	rig.hub.stopping = true;
	assert_false(rig_ask("question", &why));
	assert_int_equal(why, REFUSED_STOPPING);
	rig_run(3, 5000);
	assert_int_equal(rig.replies, 3);
	rig_close();
}

/* Several threads: those of one key one after another, others in between. */
static void open_ordered(const char *how)
{
	rig_open(how);
	rig.service->queue_most = 64;
	rig.service->head.threads = 4;
	assert_null(key_parse(&rig.service->key, "path"));
	rig.service->ordered = true;
}

static void test_order(void **state)
{
	static const char *const asked[][2] = {{"/a", "1"}, {"/a", "2"}, {"/b", "3"}, {"/a", "4"},
		{"/b", "5"}, {"/c", "6"}, {"/z", "z"}};
	enum refusal why;

	(void)state;
	open_ordered("backwards");
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		assert_true(rig_ask_about(asked[i][0], asked[i][1], &why));
	assert_int_equal(rig.service->running.count, 4); /* /a, /b, /c, /z */
	assert_int_equal(rig.service->queue.count, 3);
	for (const struct task *t = rig.service->queue.first; t; t = t->next)
		assert_int_equal(t->slot, -1); /* they hold no slot while they wait */
	rig_run(7, 5000);
	/* the worker answers backwards; when 5 and 2 could go is up to the ring, 2 before 4 */
	assert_memory_equal(rig.firsts, "z631", 4);
	assert_true(strchr(rig.firsts, '2') < strchr(rig.firsts, '4'));
	assert_non_null(strchr(rig.firsts, '5'));
	assert_true(service_quiet(rig.service));
	rig_close();
}

/* One key for all: strictly in order, whatever happens to workers. */
static void test_order_survives_workers(void **state)
{
	enum refusal why;

	(void)state;
	open_ordered("echo");
	rig.service->deadline_ns = 5 * CLOCK_S;
	for (unsigned i = 0; i < 40; i++) {
		char payload[2] = {(char)('A' + i), 0};

		assert_true(rig_ask_about("/same", payload, &why));
		if (i % 8 != 7)
			continue;
		usleep(110000); /* or it would pass for an early death */
		kill(link_pid(rig.service->link), SIGKILL);
	}
	rig_run(40, 20000);
	assert_int_equal(rig.replies, 40);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(rig.firsts[i], 'A' + i);
	rig_close();
}

static void test_order_deadlines(void **state)
{
	enum refusal why;

	(void)state;
	open_ordered("silent");
	rig.service->deadline_ns = 100 * CLOCK_MS;
	for (unsigned i = 0; i < 10; i++)
		assert_true(rig_ask_about("/same", "question", &why));
	rig_run(10, 3000);
	assert_int_equal(rig.refused[REFUSED_LATE], 10);
	assert_true(service_quiet(rig.service));
	rig_close();
}

static void test_deadline(void **state)
{
	(void)state;
	rig_open("silent");
	rig.service->deadline_ns = 100 * CLOCK_MS;
	rig_ask_all(4);
	rig_run(4, 2000);
	assert_int_equal(rig.refused[REFUSED_LATE], 4);
	rig_close();
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
		rig_open(table[i].how);
		rig_ask_all(8);
		rig_run(8, 5000);
		assert_int_equal(rig.refused[table[i].why], 8);
		assert_int_equal(rig.service->counts.workers, 1); /* the worker lives on */
		rig_close();
	}
}

/* What waits and what comes is refused; then one is tried. */
static void test_circuit(void **state)
{
	enum refusal why;

	(void)state;
	rig_open("crash-q");
	rig.service->circuit.most = 4;
	rig_ask_all(3);
	rig_run(3, 5000);
	rig.service->life_ns = CLOCK_S; /* so nothing is sent ahead: two lives, the rest waits */
	rig_ask_all(6);
	rig_run(9, 5000);
	assert_int_equal(rig.refused[REFUSED_FAILED], 3 + 2);
	assert_int_equal(rig.refused[REFUSED_OPEN], 4);
	assert_int_equal(rig.service->counts.circuits, 1);
	assert_false(rig_ask("question", &why));
	assert_int_equal(why, REFUSED_OPEN);
	assert_true(service_retry_ns(rig.service, why) > 500 * CLOCK_MS);
	assert_true(service_retry_ns(rig.service, why) <= CLOCK_S);
	rig.service->circuit.until_ns = loop_now(rig.hub.loop); /* a second later */
	assert_true(rig_ask("question", &why));
	assert_false(rig_ask("good", &why)); /* one is enough */
	assert_int_equal(why, REFUSED_OPEN);
	rig_run(10, 5000);
	assert_int_equal(rig.service->circuit.pause_ns, 2 * CLOCK_S);
	rig.service->circuit.until_ns = loop_now(rig.hub.loop);
	assert_true(rig_ask("good", &why));
	rig_run(11, 5000);
	assert_int_equal(rig.replies, 1);
	assert_true(rig_ask("good", &why));
	assert_true(rig_ask("good", &why));
	rig_run(13, 5000);
	assert_int_equal(rig.replies, 3);
	assert_int_equal(rig.service->counts.circuits, 1);
	rig_close();
}

/* A trial that its input takes back, or that a stop ends, is no verdict. */
static void test_trial_taken_back(void **state)
{
	struct task *task;
	enum refusal why;

	(void)state;
	rig_open("crash-q");
	rig.service->circuit.most = 1;
	rig_ask_all(1);
	rig_run(1, 5000);
	rig.service->circuit.until_ns = loop_now(rig.hub.loop);
	task = service_begin(
		rig.service, MF_SOURCE_UDP, MF_STR("udp.datagram"), MF_STR("here"), &why);
	assert_non_null(task);
	assert_false(rig_ask("good", &why));
	service_cancel(task);
	assert_true(rig_ask("good", &why));
	rig_run(2, 5000);
	assert_int_equal(rig.replies, 1);
	rig_close();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_bound),
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
