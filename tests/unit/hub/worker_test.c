/* hub/worker: workers that don't start, die, are killed, hang, or lie. */
#include "hub/worker.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/nursery.h"
#include "sys/clock.h"
#include "tests/unit/hub/fake_worker.h"
#include "tests/unit/hub/stage.h"

static void test_idle(void **state)
{
	uint64_t end;

	(void)state;
	stage_open("no-reply");
	stage_ask_all(3);
	stage_run(3, 5000);
	assert_int_equal(stage.silent, 3);
	assert_int_equal(stage.service->worker, WORKER_READY);
	end = clock_mono_ns() + 2 * CLOCK_S;
	while (stage.service->worker != WORKER_NONE && clock_mono_ns() < end)
		loop_once(stage.hub.loop, 20);
	assert_int_equal(stage.service->worker, WORKER_NONE);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0);
	stage_ask_all(1); /* and up again */
	stage_run(4, 5000);
	assert_int_equal(stage.silent, 4);
	assert_int_equal(stage.service->counts.workers, 2);
	stage_close();
}

static void test_never_ready(void **state)
{
	(void)state;
	stage_open("never-ready");
	stage.service->deadline_ns = 100 * CLOCK_MS;
	stage_ask_all(4);
	stage_run(4, 2000);
	assert_int_equal(stage.refused[REFUSED_LATE], 4);
	stage_close();
}

static void test_fails_to_start(void **state)
{
	static const char *const ways[] = {"fail", "die-early"};
	enum refusal why;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		stage_open(ways[i]);
		stage_ask_all(3);
		stage_run(3, 5000);
		assert_int_equal(stage.refused[REFUSED_DOWN], 3);
		loop_once(stage.hub.loop, 0);
		assert_false(stage_ask("question", &why));
		assert_int_equal(why, REFUSED_DOWN);
		while (!circuit_lets_in(&stage.service->circuit, loop_now(stage.hub.loop)))
			loop_once(stage.hub.loop, 10);
		stage_ask_all(1); /* tried again, and the next wait is longer */
		stage_run(4, 5000);
		assert_int_equal(stage.refused[REFUSED_DOWN], 4);
		assert_int_equal(stage.service->circuit.pause_ns, 200 * CLOCK_MS);
		assert_true(service_retry_ns(stage.service, REFUSED_DOWN) > 120 * CLOCK_MS);
		stage_close();
	}
}

static void test_no_nursery(void **state)
{
	struct nursery gone = {.socket = -1};
	enum refusal why;

	(void)state;
	stage_open("echo");
	stage.hub.options.nursery = &gone;
	assert_true(stage_ask("question", &why));
	assert_int_equal(stage.refused[REFUSED_DOWN], 1);
	stage_close();
}

static void test_rerun(void **state)
{
	(void)state;
	stage_open("die-once");
	stage_ask_all(5);
	stage_run(5, 5000);
	assert_int_equal(stage.replies, 5);
	assert_string_equal(stage.last, "question");
	assert_int_equal(stage.service->reruns, 0);
	stage_close();
}

/* An event that kills each worker is refused; nothing hangs, nothing is left. */
static void test_killer(void **state)
{
	(void)state;
	stage_open("die-always");
	stage_ask_all(5);
	stage_run(5, 10000);
	assert_int_equal(stage_ends(), 5);
	assert_true(stage.refused[REFUSED_FAILED] >= 1);
	assert_int_equal(stage.replies, 0);
	assert_true(service_quiet(stage.service));
	stage_close();
}

static void test_sigkill(void **state)
{
	(void)state;
	stage_open("echo");
	stage.service->deadline_ns = 5 * CLOCK_S;
	stage_ask_all(1);
	stage_run(1, 5000);
	for (unsigned i = 0; i < 20; i++) {
		usleep(110000); /* or it would pass for an early death */
		kill(link_pid(stage.service->link), SIGKILL);
		stage_ask_all(4);
		stage_run(5 + 4 * i, 5000);
		assert_int_equal(stage_ends(), 5 + 4 * i);
	}
	assert_int_equal(stage.replies, 81);
	stage_close();
}

static void test_hangs(void **state)
{
	(void)state;
	stage_open("echo");
	stage.service->deadline_ns = 300 * CLOCK_MS;
	stage_ask_all(1);
	stage_run(1, 5000);
	kill(link_pid(stage.service->link), SIGSTOP);
	stage_ask_all(2);
	stage_run(3, 2000);
	assert_int_equal(stage.refused[REFUSED_LATE], 2);
	for (unsigned i = 0; i < 300 && stage.service->worker != WORKER_NONE; i++)
		loop_once(stage.hub.loop, 20);
	assert_int_equal(stage.service->worker, WORKER_NONE);
	stage_ask_all(1);
	stage_run(4, 5000);
	assert_int_equal(stage.replies, 2);
	stage_close();
}

static void take_turn(struct loop_source *source, uint32_t events)
{
	(void)source, (void)events;
	stage.service->turn.round = loop_round(stage.hub.loop);
	stage.service->turn.spent_ns = TURN_NS;
}

/* Lives are late, and whatever else the service has to do takes all of each round. */
static void test_late_without_a_turn(void **state)
{
	struct loop_source busy = {.ready = take_turn};
	int always[2];

	(void)state;
	stage_open("echo");
	stage.service->deadline_ns = 300 * CLOCK_MS;
	stage_ask_all(1);
	stage_run(1, 5000);
	assert_int_equal(pipe2(always, O_CLOEXEC), 0);
	close(always[1]);
	assert_int_equal(loop_add(stage.hub.loop, always[0], EPOLLIN, &busy), 0);
	kill(link_pid(stage.service->link), SIGSTOP);
	stage_ask_all(2);
	alarm(30); /* the loop must not be stuck in a round */
	stage_run(3, 5000);
	alarm(0);
	assert_int_equal(stage.refused[REFUSED_LATE], 2);
	loop_remove(stage.hub.loop, always[0], &busy);
	close(always[0]);
	stage_close();
}

static void test_nonsense(void **state)
{
	static const char *const liars[] = {"stranger", "twice", "far-tail", "big-effects",
		"bad-kind", "bad-result", "scribble", "talk", "waker"};

	(void)state;
	for (size_t i = 0; i < sizeof(liars) / sizeof(liars[0]); i++) {
		stage_open(liars[i]);
		for (unsigned n = 0; n < 5; n++) {
			enum refusal why;

			if (!stage_ask("question", &why))
				stage.refused[why]++;
			stage_run(n + 1, 5000);
		}
		assert_int_equal(stage_ends(), 5);
		assert_true(service_quiet(stage.service));
		stage_close();
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

		stage_open(table[i].how);
		stage.service->note.flags |= MFI_HAS_INIT;
		fd = kept_descriptor(stage.service);
		assert_int_equal(pwrite(fd, "x", 1, 0), 1);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL), 0);
		fd = dup(fd); /* so that its number isn't taken again */
		assert_true(stage_ask("question", &why));
		stage_run(1, 5000);
		if (table[i].kill) {
			kill(link_pid(stage.service->link), SIGKILL);
			while (stage.service->counts.lost == 0)
				loop_once(stage.hub.loop, 5);
		}
		assert_true(stage.service->counts.lost > 0);
		assert_int_equal(fcntl(stage.service->snap.fd, F_GET_SEALS) > 0 &&
				(fcntl(stage.service->snap.fd, F_GET_SEALS) & F_SEAL_WRITE) != 0,
			table[i].kept);
		close(fd);
		kept_drop(stage.service);
		stage_close();
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_never_ready),
		cmocka_unit_test(test_fails_to_start),
		cmocka_unit_test(test_no_nursery),
		cmocka_unit_test(test_rerun),
		cmocka_unit_test(test_killer),
		cmocka_unit_test(test_sigkill),
		cmocka_unit_test(test_hangs),
		cmocka_unit_test(test_late_without_a_turn),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_no_snapshot_of_a_liar),
	};

	fake_worker_if_asked(argc, argv);
	log_setup("test", LOG_ERROR + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
