/* hub/service, worker, life: one event after another through workers of every kind. */
#include "hub/service.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
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
static struct service *service;

static struct {
	unsigned replies, silent, refused[REFUSALS];
	char last[64];
	char firsts[64]; /* the first letters of all replies */
} seen;

static void on_reply(struct task *task, const struct reply *reply)
{
	(void)task;
	if (!reply) {
		seen.silent++;
		return;
	}
	seen.firsts[seen.replies % 63] = (char)reply->body.p[0];
	seen.replies++;
	memcpy(seen.last, reply->body.p, reply->body.n < 63 ? reply->body.n : 63);
	seen.last[reply->body.n < 63 ? reply->body.n : 63] = '\0';
}

static void on_refuse(struct task *task, enum refusal why)
{
	char payload[64];
	size_t n = task_payload(task, payload, sizeof(payload));

	/* still there to build an answer from, unless the worker wrote over it */
	assert_true(n == 0 || payload[0] == 'q' || payload[0] == 'g' ||
		strcmp(service->name, "scribble") == 0);
	seen.refused[why]++;
}

static const struct origin_ops origin = {.source = "test", .reply = on_reply, .refuse = on_refuse};

static void open_hub(const char *how)
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
	service = malloc(sizeof(*service));
	service_init(service, &hub);
	hub.services = service;
	service->name = strdup(how);
	service->image_path = strdup("none.mfy");
	service->note.event_bytes = 4096;
	service->note.effects_bytes = 8192;
	service->note.grants = MFI_GRANT(MF_EFFECT_REPLY);
	service->head = (struct mfw_head){.event_area = 4096,
		.effects_area = 8192,
		.threads = 1,
		.backend = MFW_BACKEND_PROCESS};
	service->queue_most = 8;
	service->deadline_ns = CLOCK_S;
	service->idle_ns = 200 * CLOCK_MS;
}

static void close_hub(void)
{
	hub_close(&hub);
	nursery_close(fake_nursery());
	/* nothing that was started is left */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static bool ask_about(const char *subject, const char *payload, enum refusal *why)
{
	struct task *task = service_begin(service, MF_SOURCE_HTTP, MF_STR("http.request"),
		mf_str_of(subject, strlen(subject)), why);

	if (!task)
		return false;
	assert_true(event_span(
		&task->writer, &task->head.payload, mf_str_of(payload, strlen(payload))));
	task->origin = &origin;
	service_submit(task);
	return true;
}

static bool ask(const char *payload, enum refusal *why)
{
	return ask_about("here", payload, why);
}

static void ask_all(unsigned n)
{
	enum refusal why;

	while (n-- > 0)
		assert_true(ask("question", &why));
}

static unsigned ends(void)
{
	unsigned n = seen.replies + seen.silent;

	for (unsigned i = 0; i < REFUSALS; i++)
		n += seen.refused[i];
	return n;
}

/* Until `n` events have ended, or so many milliseconds have passed. */
static void run(unsigned n, unsigned ms)
{
	uint64_t end = clock_mono_ns() + ms * CLOCK_MS;

	while (ends() < n && clock_mono_ns() < end)
		loop_once(hub.loop, 20);
}

/* ----------------------------------------------------------------- well */

static void test_reply(void **state)
{
	(void)state;
	open_hub("echo");
	for (int i = 0; i < 50; i++) {
		ask_all(1);
		run((unsigned)i + 1, 5000);
	}
	assert_int_equal(seen.replies, 50);
	assert_string_equal(seen.last, "question");
	assert_int_equal(service->counts.workers, 1);
	assert_int_equal(service->counts.cold, 1);
	assert_true(service_quiet(service));
	close_hub();
}

static void test_bound(void **state)
{
	enum refusal why;

	(void)state;
	open_hub("silent");
	ask_all(2); /* starts it */
	while (service->worker != WORKER_READY)
		loop_once(hub.loop, 20);
	service->life_ns = CLOCK_S; /* so nothing is sent ahead: two lives, the rest waits */
	for (unsigned i = 0; i < 8; i++)
		assert_true(ask("question", &why));
	assert_false(ask("question", &why));
	assert_int_equal(why, REFUSED_BUSY);
	run(10, 3000);
	assert_int_equal(seen.refused[REFUSED_LATE], 10);
	close_hub();
}

static void test_idle(void **state)
{
	uint64_t end;

	(void)state;
	open_hub("no-reply");
	ask_all(3);
	run(3, 5000);
	assert_int_equal(seen.silent, 3);
	assert_int_equal(service->worker, WORKER_READY);
	end = clock_mono_ns() + 2 * CLOCK_S;
	while (service->worker != WORKER_NONE && clock_mono_ns() < end)
		loop_once(hub.loop, 20);
	assert_int_equal(service->worker, WORKER_NONE);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0);
	ask_all(1); /* and up again */
	run(4, 5000);
	assert_int_equal(seen.silent, 4);
	assert_int_equal(service->counts.workers, 2);
	close_hub();
}

static void test_stopping(void **state)
{
	enum refusal why;

	(void)state;
	open_hub("echo");
	ask_all(3);
	hub.stopping = true;
	assert_false(ask("question", &why));
	assert_int_equal(why, REFUSED_STOPPING);
	run(3, 5000);
	assert_int_equal(seen.replies, 3);
	close_hub();
}

/* Several threads: those of one key one after another, others in between. */
static void open_ordered(const char *how)
{
	open_hub(how);
	service->queue_most = 64;
	service->head.threads = 4;
	assert_null(key_parse(&service->key, "path"));
	service->ordered = true;
}

static void test_order(void **state)
{
	static const char *const asked[][2] = {{"/a", "1"}, {"/a", "2"}, {"/b", "3"}, {"/a", "4"},
		{"/b", "5"}, {"/c", "6"}, {"/z", "z"}};
	enum refusal why;

	(void)state;
	open_ordered("backwards");
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		assert_true(ask_about(asked[i][0], asked[i][1], &why));
	assert_int_equal(service->running.count, 4); /* /a, /b, /c, /z */
	assert_int_equal(service->queue.count, 3);
	for (const struct task *t = service->queue.first; t; t = t->next)
		assert_int_equal(t->slot, -1); /* they hold no slot while they wait */
	run(7, 5000);
	/* the worker answers backwards; when 5 and 2 could go is up to the ring, 2 before 4 */
	assert_memory_equal(seen.firsts, "z631", 4);
	assert_true(strchr(seen.firsts, '2') < strchr(seen.firsts, '4'));
	assert_non_null(strchr(seen.firsts, '5'));
	assert_true(service_quiet(service));
	close_hub();
}

/* One key for all: strictly in order, whatever happens to workers. */
static void test_order_survives_workers(void **state)
{
	enum refusal why;

	(void)state;
	open_ordered("echo");
	service->deadline_ns = 5 * CLOCK_S;
	for (unsigned i = 0; i < 40; i++) {
		char payload[2] = {(char)('A' + i), 0};

		assert_true(ask_about("/same", payload, &why));
		if (i % 8 != 7)
			continue;
		usleep(110000); /* or it would pass for an early death */
		kill(link_pid(service->link), SIGKILL);
	}
	run(40, 20000);
	assert_int_equal(seen.replies, 40);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(seen.firsts[i], 'A' + i);
	close_hub();
}

static void test_order_deadlines(void **state)
{
	enum refusal why;

	(void)state;
	open_ordered("silent");
	service->deadline_ns = 100 * CLOCK_MS;
	for (unsigned i = 0; i < 10; i++)
		assert_true(ask_about("/same", "question", &why));
	run(10, 3000);
	assert_int_equal(seen.refused[REFUSED_LATE], 10);
	assert_true(service_quiet(service));
	close_hub();
}

/* ------------------------------------------------------------------ badly */

static void test_deadline(void **state)
{
	(void)state;
	open_hub("silent");
	service->deadline_ns = 100 * CLOCK_MS;
	ask_all(4);
	run(4, 2000);
	assert_int_equal(seen.refused[REFUSED_LATE], 4);
	close_hub();
}

static void test_never_ready(void **state)
{
	(void)state;
	open_hub("never-ready");
	service->deadline_ns = 100 * CLOCK_MS;
	ask_all(4);
	run(4, 2000);
	assert_int_equal(seen.refused[REFUSED_LATE], 4);
	close_hub();
}

static void test_fails_to_start(void **state)
{
	static const char *const ways[] = {"fail", "die-early"};
	enum refusal why;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		open_hub(ways[i]);
		ask_all(3);
		run(3, 5000);
		assert_int_equal(seen.refused[REFUSED_DOWN], 3);
		loop_once(hub.loop, 0);
		assert_false(ask("question", &why));
		assert_int_equal(why, REFUSED_DOWN);
		while (!circuit_lets_in(&service->circuit, loop_now(hub.loop)))
			loop_once(hub.loop, 10);
		ask_all(1); /* tried again, and the next wait is longer */
		run(4, 5000);
		assert_int_equal(seen.refused[REFUSED_DOWN], 4);
		assert_int_equal(service->circuit.pause_ns, 200 * CLOCK_MS);
		assert_true(service_retry_ns(service, REFUSED_DOWN) > 120 * CLOCK_MS);
		close_hub();
	}
}

static void test_no_nursery(void **state)
{
	struct nursery gone = {.socket = -1};
	enum refusal why;

	(void)state;
	open_hub("echo");
	hub.options.nursery = &gone;
	assert_true(ask("question", &why));
	assert_int_equal(seen.refused[REFUSED_DOWN], 1);
	close_hub();
}

static void test_rerun(void **state)
{
	(void)state;
	open_hub("die-once");
	ask_all(5);
	run(5, 5000);
	assert_int_equal(seen.replies, 5);
	assert_string_equal(seen.last, "question");
	assert_int_equal(service->reruns, 0);
	close_hub();
}

/* An event that kills each worker is refused; nothing hangs, nothing is left. */
static void test_killer(void **state)
{
	(void)state;
	open_hub("die-always");
	ask_all(5);
	run(5, 10000);
	assert_int_equal(ends(), 5);
	assert_true(seen.refused[REFUSED_FAILED] >= 1);
	assert_int_equal(seen.replies, 0);
	assert_true(service_quiet(service));
	close_hub();
}

static void test_sigkill(void **state)
{
	(void)state;
	open_hub("echo");
	service->deadline_ns = 5 * CLOCK_S;
	ask_all(1);
	run(1, 5000);
	for (unsigned i = 0; i < 20; i++) {
		usleep(110000); /* or it would pass for an early death */
		kill(link_pid(service->link), SIGKILL);
		ask_all(4);
		run(5 + 4 * i, 5000);
		assert_int_equal(ends(), 5 + 4 * i);
	}
	assert_int_equal(seen.replies, 81);
	close_hub();
}

static void test_hangs(void **state)
{
	(void)state;
	open_hub("echo");
	service->deadline_ns = 300 * CLOCK_MS;
	ask_all(1);
	run(1, 5000);
	kill(link_pid(service->link), SIGSTOP);
	ask_all(2);
	run(3, 2000);
	assert_int_equal(seen.refused[REFUSED_LATE], 2);
	for (unsigned i = 0; i < 300 && service->worker != WORKER_NONE; i++)
		loop_once(hub.loop, 20);
	assert_int_equal(service->worker, WORKER_NONE);
	ask_all(1);
	run(4, 5000);
	assert_int_equal(seen.replies, 2);
	close_hub();
}

static void take_turn(struct loop_source *source, uint32_t events)
{
	(void)source, (void)events;
	service->turn.round = loop_round(hub.loop);
	service->turn.spent_ns = TURN_NS;
}

/* Lives are late, and whatever else the service has to do takes all of each round. */
static void test_late_without_a_turn(void **state)
{
	struct loop_source busy = {.ready = take_turn};
	int always[2];

	(void)state;
	open_hub("echo");
	service->deadline_ns = 300 * CLOCK_MS;
	ask_all(1);
	run(1, 5000);
	assert_int_equal(pipe2(always, O_CLOEXEC), 0);
	close(always[1]);
	assert_int_equal(loop_add(hub.loop, always[0], EPOLLIN, &busy), 0);
	kill(link_pid(service->link), SIGSTOP);
	ask_all(2);
	alarm(30); /* the loop must not be stuck in a round */
	run(3, 5000);
	alarm(0);
	assert_int_equal(seen.refused[REFUSED_LATE], 2);
	loop_remove(hub.loop, always[0], &busy);
	close(always[0]);
	close_hub();
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
		open_hub(table[i].how);
		ask_all(8);
		run(8, 5000);
		assert_int_equal(seen.refused[table[i].why], 8);
		assert_int_equal(service->counts.workers, 1); /* the worker lives on */
		close_hub();
	}
}

/* What waits and what comes is refused; then one is tried. */
static void test_circuit(void **state)
{
	enum refusal why;

	(void)state;
	open_hub("crash-q");
	service->circuit.most = 4;
	ask_all(3);
	run(3, 5000);
	service->life_ns = CLOCK_S; /* so nothing is sent ahead: two lives, the rest waits */
	ask_all(6);
	run(9, 5000);
	assert_int_equal(seen.refused[REFUSED_FAILED], 3 + 2);
	assert_int_equal(seen.refused[REFUSED_OPEN], 4);
	assert_int_equal(service->counts.circuits, 1);
	assert_false(ask("question", &why));
	assert_int_equal(why, REFUSED_OPEN);
	assert_true(service_retry_ns(service, why) > 500 * CLOCK_MS);
	assert_true(service_retry_ns(service, why) <= CLOCK_S);
	service->circuit.until_ns = loop_now(hub.loop); /* a second later */
	assert_true(ask("question", &why));
	assert_false(ask("good", &why)); /* one is enough */
	assert_int_equal(why, REFUSED_OPEN);
	run(10, 5000);
	assert_int_equal(service->circuit.pause_ns, 2 * CLOCK_S);
	service->circuit.until_ns = loop_now(hub.loop);
	assert_true(ask("good", &why));
	run(11, 5000);
	assert_int_equal(seen.replies, 1);
	assert_true(ask("good", &why));
	assert_true(ask("good", &why));
	run(13, 5000);
	assert_int_equal(seen.replies, 3);
	assert_int_equal(service->counts.circuits, 1);
	close_hub();
}

/* A trial that its input takes back, or that a stop ends, is no verdict. */
static void test_trial_taken_back(void **state)
{
	struct task *task;
	enum refusal why;

	(void)state;
	open_hub("crash-q");
	service->circuit.most = 1;
	ask_all(1);
	run(1, 5000);
	service->circuit.until_ns = loop_now(hub.loop);
	task = service_begin(service, MF_SOURCE_UDP, MF_STR("udp.datagram"), MF_STR("here"), &why);
	assert_non_null(task);
	assert_false(ask("good", &why));
	service_cancel(task);
	assert_true(ask("good", &why));
	run(2, 5000);
	assert_int_equal(seen.replies, 1);
	close_hub();
}

static void test_nonsense(void **state)
{
	static const char *const liars[] = {"stranger", "twice", "far-tail", "big-effects",
		"bad-kind", "bad-result", "scribble", "talk", "waker"};

	(void)state;
	for (size_t i = 0; i < sizeof(liars) / sizeof(liars[0]); i++) {
		open_hub(liars[i]);
		for (unsigned n = 0; n < 5; n++) {
			enum refusal why;

			if (!ask("question", &why))
				seen.refused[why]++;
			run(n + 1, 5000);
		}
		assert_int_equal(ends(), 5);
		assert_true(service_quiet(service));
		close_hub();
	}
}

/* A worker that lied, or died of something, leaves no snapshot for the next one; one that was killed
 * does. */
static void test_no_snapshot_of_a_liar(void **state)
{
	static const struct {
		const char *how;
		bool kill, kept;
	} table[] = {{"bad-kind", false, false}, {"die-once", false, false}, {"echo", true, true}};
	enum refusal why;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int fd;

		open_hub(table[i].how);
		service->note.flags |= MFI_HAS_INIT;
		fd = kept_descriptor(service);
		assert_int_equal(pwrite(fd, "x", 1, 0), 1);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL), 0);
		fd = dup(fd); /* so that its number isn't taken again */
		assert_true(ask("question", &why));
		run(1, 5000);
		if (table[i].kill) {
			kill(link_pid(service->link), SIGKILL);
			while (service->counts.lost == 0)
				loop_once(hub.loop, 5);
		}
		assert_true(service->counts.lost > 0);
		assert_int_equal(fcntl(service->snap.fd, F_GET_SEALS) > 0 &&
				(fcntl(service->snap.fd, F_GET_SEALS) & F_SEAL_WRITE) != 0,
			table[i].kept);
		close(fd);
		kept_drop(service);
		close_hub();
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_stopping),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_order_survives_workers),
		cmocka_unit_test(test_order_deadlines),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_never_ready),
		cmocka_unit_test(test_fails_to_start),
		cmocka_unit_test(test_no_nursery),
		cmocka_unit_test(test_rerun),
		cmocka_unit_test(test_killer),
		cmocka_unit_test(test_sigkill),
		cmocka_unit_test(test_hangs),
		cmocka_unit_test(test_late_without_a_turn),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_circuit),
		cmocka_unit_test(test_trial_taken_back),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_no_snapshot_of_a_liar),
	};

	fake_worker_if_asked(argc, argv);
	log_setup("test", LOG_ERROR + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
