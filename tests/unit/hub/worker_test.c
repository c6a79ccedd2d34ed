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
#include "tests/unit/hub/rig.h"

static void test_idle(void **state)
{
	uint64_t end;

	(void)state;
	rig_open("no-reply");
	rig_ask_all(3);
	rig_run(3, 5000);
	assert_int_equal(rig.silent, 3);
	assert_int_equal(rig.service->worker, WORKER_READY);
	end = clock_mono_ns() + 2 * CLOCK_S;
	while (rig.service->worker != WORKER_NONE && clock_mono_ns() < end)
		loop_once(rig.hub.loop, 20);
	assert_int_equal(rig.service->worker, WORKER_NONE);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0);
	rig_ask_all(1); /* and up again */
	rig_run(4, 5000);
	assert_int_equal(rig.silent, 4);
	assert_int_equal(rig.service->counts.workers, 2);
	rig_close();
}

static void test_never_ready(void **state)
{
	(void)state;
	rig_open("never-ready");
	rig.service->deadline_ns = 100 * CLOCK_MS;
	rig_ask_all(4);
	rig_run(4, 2000);
	assert_int_equal(rig.refused[REFUSED_LATE], 4);
	rig_close();
}

static void test_fails_to_start(void **state)
{
	static const char *const ways[] = {"fail", "die-early"};
	enum refusal why;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		rig_open(ways[i]);
		rig_ask_all(3);
		rig_run(3, 5000);
		assert_int_equal(rig.refused[REFUSED_DOWN], 3);
		loop_once(rig.hub.loop, 0);
		assert_false(rig_ask("question", &why));
		assert_int_equal(why, REFUSED_DOWN);
		while (!circuit_lets_in(&rig.service->circuit, loop_now(rig.hub.loop)))
			loop_once(rig.hub.loop, 10);
		rig_ask_all(1); /* tried again, and the next wait is longer */
		rig_run(4, 5000);
		assert_int_equal(rig.refused[REFUSED_DOWN], 4);
		assert_int_equal(rig.service->circuit.pause_ns, 200 * CLOCK_MS);
		assert_true(service_retry_ns(rig.service, REFUSED_DOWN) > 120 * CLOCK_MS);
		rig_close();
	}
}

static void test_no_nursery(void **state)
{
	struct nursery gone = {.socket = -1};
	enum refusal why;

	(void)state;
	rig_open("echo");
	rig.hub.options.nursery = &gone;
	assert_true(rig_ask("question", &why));
	assert_int_equal(rig.refused[REFUSED_DOWN], 1);
	rig_close();
}

static void test_rerun(void **state)
{
	(void)state;
	rig_open("die-once");
	rig_ask_all(5);
	rig_run(5, 5000);
	assert_int_equal(rig.replies, 5);
	assert_string_equal(rig.last, "question");
	assert_int_equal(rig.service->reruns, 0);
	rig_close();
}

/* An event that kills each worker is refused; nothing hangs, nothing is left. */
static void test_killer(void **state)
{
	(void)state;
	rig_open("die-always");
	rig_ask_all(5);
	rig_run(5, 10000);
	assert_int_equal(rig_ends(), 5);
	assert_true(rig.refused[REFUSED_FAILED] >= 1);
	assert_int_equal(rig.replies, 0);
	assert_true(service_quiet(rig.service));
	rig_close();
}

static void test_sigkill(void **state)
{
	(void)state;
	rig_open("echo");
	rig.service->deadline_ns = 5 * CLOCK_S;
	rig_ask_all(1);
	rig_run(1, 5000);
	for (unsigned i = 0; i < 20; i++) {
		usleep(110000); /* or it would pass for an early death */
		kill(link_pid(rig.service->link), SIGKILL);
		rig_ask_all(4);
		rig_run(5 + 4 * i, 5000);
		assert_int_equal(rig_ends(), 5 + 4 * i);
	}
	assert_int_equal(rig.replies, 81);
	rig_close();
}

static void test_hangs(void **state)
{
	(void)state;
	rig_open("echo");
	rig.service->deadline_ns = 300 * CLOCK_MS;
	rig_ask_all(1);
	rig_run(1, 5000);
	kill(link_pid(rig.service->link), SIGSTOP);
	rig_ask_all(2);
	rig_run(3, 2000);
	assert_int_equal(rig.refused[REFUSED_LATE], 2);
	for (unsigned i = 0; i < 300 && rig.service->worker != WORKER_NONE; i++)
		loop_once(rig.hub.loop, 20);
	assert_int_equal(rig.service->worker, WORKER_NONE);
	rig_ask_all(1);
	rig_run(4, 5000);
	assert_int_equal(rig.replies, 2);
	rig_close();
}

static void take_turn(struct loop_source *source, uint32_t events)
{
	(void)source, (void)events;
	rig.service->turn.round = loop_round(rig.hub.loop);
	rig.service->turn.spent_ns = TURN_NS;
}

/* Lives are late, and whatever else the service has to do takes all of each round. */
static void test_late_without_a_turn(void **state)
{
	struct loop_source busy = {.ready = take_turn};
	int always[2];

	(void)state;
	rig_open("echo");
	rig.service->deadline_ns = 300 * CLOCK_MS;
	rig_ask_all(1);
	rig_run(1, 5000);
	assert_int_equal(pipe2(always, O_CLOEXEC), 0);
	close(always[1]);
	assert_int_equal(loop_add(rig.hub.loop, always[0], EPOLLIN, &busy), 0);
	kill(link_pid(rig.service->link), SIGSTOP);
	rig_ask_all(2);
	alarm(30); /* the loop must not be stuck in a round */
	rig_run(3, 5000);
	alarm(0);
	assert_int_equal(rig.refused[REFUSED_LATE], 2);
	loop_remove(rig.hub.loop, always[0], &busy);
	close(always[0]);
	rig_close();
}

static void test_nonsense(void **state)
{
	static const char *const liars[] = {"stranger", "twice", "far-tail", "big-effects",
		"bad-kind", "bad-result", "scribble", "talk", "waker"};

	(void)state;
	for (size_t i = 0; i < sizeof(liars) / sizeof(liars[0]); i++) {
		rig_open(liars[i]);
		for (unsigned n = 0; n < 5; n++) {
			enum refusal why;

			if (!rig_ask("question", &why))
				rig.refused[why]++;
			rig_run(n + 1, 5000);
		}
		assert_int_equal(rig_ends(), 5);
		assert_true(service_quiet(rig.service));
		rig_close();
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

		rig_open(table[i].how);
		rig.service->note.flags |= MFI_HAS_INIT;
		fd = kept_descriptor(rig.service);
		assert_int_equal(pwrite(fd, "x", 1, 0), 1);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL), 0);
		fd = dup(fd); /* so that its number isn't taken again */
		assert_true(rig_ask("question", &why));
		rig_run(1, 5000);
		if (table[i].kill) {
			kill(link_pid(rig.service->link), SIGKILL);
			while (rig.service->counts.lost == 0)
				loop_once(rig.hub.loop, 5);
		}
		assert_true(rig.service->counts.lost > 0);
		assert_int_equal(fcntl(rig.service->snap.fd, F_GET_SEALS) > 0 &&
				(fcntl(rig.service->snap.fd, F_GET_SEALS) & F_SEAL_WRITE) != 0,
			table[i].kept);
		close(fd);
		kept_drop(rig.service);
		rig_close();
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
