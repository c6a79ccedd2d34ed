/*
 * hub/lend: a UDP socket that is the worker's. Honest workers and others, with a client on
 * loopback; the hub reads whenever the worker doesn't.
 */
/* link: -Xlinker --wrap=link_receive */
#include "hub/journal.h"
#include "hub/lend.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <poll.h>
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
#include "tests/unit/hub/stage.h"

static struct service *service;
static struct input *input;
static int client;

static void open_hub(const char *how)
{
	struct net_address address;

	stage_open(how);
	service = stage.service;
	service->note.grants = 0;
	service->head.flags = MFW_OWN_SOCKET;
	service->deadline_ns = 200 * CLOCK_MS;
	service->idle_ns = 400 * CLOCK_MS;
	service->lend = calloc(1, sizeof(*service->lend));
	assert_int_equal(net_parse(&address, "127.0.0.1:0"), 0);
	assert_int_equal(in_udp_open(&input, service, &address, WORDS_DNS), 0);
	service->lend->input = input;
	stage.hub.inputs = input;
	client = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(connect(client, &input->address.any, input->address.size), 0);
}

static void close_hub(void)
{
	stage_close();
	close(client);
}

static void send_all(unsigned n)
{
	while (n-- > 0)
		assert_int_equal(send(client, "question", 8, 0), 8);
}

/* How many answers come, at most `n`, in so many milliseconds. */
static unsigned answers(unsigned n, unsigned ms)
{
	uint64_t end = clock_mono_ns() + ms * CLOCK_MS;
	unsigned came = 0;
	char reply[64];

	while (came < n && clock_mono_ns() < end) {
		loop_once(stage.hub.loop, 5);
		while (came < n && recv(client, reply, sizeof(reply), MSG_DONTWAIT) == 8)
			came++;
	}
	return came;
}

static void run_until(bool (*done)(void), unsigned ms)
{
	uint64_t end = clock_mono_ns() + ms * CLOCK_MS;

	while (!done() && clock_mono_ns() < end)
		loop_once(stage.hub.loop, 5);
	assert_true(done());
}

static bool is_home(void)
{
	return !lend_is_out(service);
}

static bool is_gone(void)
{
	return service->worker == WORKER_NONE;
}

static bool is_lost(void)
{
	return service->counts.lost > 0;
}

static bool is_open(void)
{
	return service->circuit.state != CIRCUIT_CLOSED;
}

/* ----------------------------------------------------------------- well */

/* The worker answers, the hub counts; idle, it ends; the next datagram starts another. */
static void test_lent(void **state)
{
	(void)state;
	open_hub("own-echo");
	service->deadline_ns = 5 * CLOCK_S;
	service->idle_ns = 500 * CLOCK_MS; /* longer than a busy machine lets a worker wait */
	for (unsigned round = 1; round < 3; round++) {
		send_all(5);
		assert_int_equal(answers(5, 5000), 5);
		assert_true(lend_is_out(service));
		assert_int_equal(service->queue.count + service->running.count, 0);
		run_until(is_gone, 10000);
		assert_int_equal(service->counts.workers, round);
		assert_int_equal(service->counts.accepted, 5 * round);
		assert_int_equal(service->counts.replied, 5 * round);
		assert_int_equal(service->counts.results[MFW_OK], 5 * round);
		assert_int_equal(service->counts.lost, 0);
		assert_int_equal(input->counts.events, 5 * round);
		assert_int_equal(histogram_count(&service->times->total), 5 * round);
	}
	close_hub();
}

/* Asked back while there is more to do: what is left in the socket is for whoever reads next. */
static void test_back_and_forth(void **state)
{
	unsigned came = 0;

	(void)state;
	open_hub("own-echo");
	service->idle_ns = service->deadline_ns = 30 * CLOCK_S; /* however busy the machine is */
	send_all(1);
	assert_int_equal(answers(1, 5000), 1);
	for (int i = 0; i < 10; i++) {
		send_all(5);
		lend_ask_back(service);
		run_until(is_home, 5000);
		came += answers(5, 5000);
	}
	assert_int_equal(came, 50);
	assert_int_equal(service->counts.workers, 1);
	close_hub();
}

/* The hub stops: the worker leaves first, and nothing waits for a datagram after that. */
static void test_stop(void **state)
{
	(void)state;
	open_hub("own-echo");
	send_all(1);
	assert_int_equal(answers(1, 5000), 1);
	assert_false(service_quiet(service));
	hub_stop(&stage.hub);
	assert_int_equal(loop_run(stage.hub.loop), 0);
	assert_true(service_quiet(service));
	assert_int_equal(service->counts.lost, 0);
	close_hub();
}

/* ----------------------------------------------------------------- badly */

/* It dies with a datagram in its hands: that one is gone, the others aren't. */
static void test_dies(void **state)
{
	(void)state;
	open_hub("own-dies");
	service->circuit.most = 0;
	send_all(2);
	run_until(is_lost, 5000);
	assert_true(service->counts.workers >= 1);
	assert_true(is_home() || service->counts.workers > 1);
	close_hub();
}

/* Lives that fail on its own socket open the circuit: then the hub reads, and refuses. */
static void test_fails(void **state)
{
	(void)state;
	open_hub("own-fails");
	send_all(30);
	run_until(is_open, 5000);
	run_until(is_home, 5000);
	send_all(1);
	for (int i = 0; i < 10; i++)
		loop_once(stage.hub.loop, 5);
	assert_true(service->counts.refused[REFUSED_OPEN] > 0);
	assert_int_equal(service->counts.results[MFW_ERR_CRASHED], 30);
	close_hub();
}

static bool was_said(const struct journal *journal, const char *text)
{
	const struct journal_filter all = {.after = 0};
	const struct journal_line *line = NULL;

	while ((line = journal_next(journal, line, &all)))
		if (strstr(line->text, text))
			return true;
	return false;
}

/* A life that goes well on its own socket closes a circuit that opened meanwhile, aloud. */
static void test_recovers(void **state)
{
	struct journal journal;

	(void)state;
	journal_open(&journal, false);
	open_hub("own-echo");
	send_all(1);
	assert_int_equal(answers(1, 5000), 1);
	lend_look(service);
	service->circuit.state = CIRCUIT_OPEN;
	send_all(1);
	assert_int_equal(answers(1, 5000), 1);
	lend_look(service);
	assert_false(is_open());
	assert_true(was_said(&journal, "circuit closed"));
	close_hub();
	journal_close(&journal);
}

static void test_stays(void **state)
{
	(void)state;
	open_hub("own-stays");
	send_all(1);
	assert_int_equal(answers(1, 5000), 1);
	lend_ask_back(service);
	run_until(is_lost, 10000);
	assert_true(is_home());
	close_hub();
}

/* Nonsense that no worker sends: it is ended, and the hub reads again. */
static void test_nonsense(void **state)
{
	static const char *const ways[] = {
		"own-early", "own-level", "own-slot", "own-wrong", "told-unasked"};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		open_hub(ways[i]);
		if (i == 4) { /* its socket stays with the hub */
			free(service->lend);
			service->lend = NULL;
			service->head.flags = 0;
		}
		send_all(1);
		if (i == 3) {
			assert_int_equal(answers(1, 5000), 1);
			lend_ask_back(service);
		}
		run_until(is_lost, 5000);
		close_hub();
	}
}

/* Figures are for display: they may be wild, or go down, and nothing else happens. */
static void test_lies(void **state)
{
	(void)state;
	open_hub("own-lies");
	send_all(1);
	assert_int_equal(answers(1, 5000), 1);
	lend_look(service);
	assert_true(service->counts.accepted > 1000000);
	lend_ask_back(service);
	run_until(is_home, 5000);
	lend_look(service);
	assert_int_equal(service->counts.lost, 0);
	close_hub();
}

/* A ring that somebody fills as fast as it is read, when its worker is dead: a child of it could. What
 * the dead one had put there is read, and no more. */
int __real_link_receive(struct link *link, struct mfw_message *message);
int __wrap_link_receive(struct link *link, struct mfw_message *message);

static bool refilled;
static unsigned taken;

int __wrap_link_receive(struct link *link, struct mfw_message *message)
{
	struct pollfd process = {.fd = link_process_fd(link), .events = POLLIN};

	if (!refilled || taken == 1000000 || poll(&process, 1, 0) == 0)
		return __real_link_receive(link, message);
	taken++;
	*message = (struct mfw_message){.kind = MFW_TOLD_LOG};
	return 1;
}

static void test_refilled(void **state)
{
	(void)state;
	refilled = true;
	open_hub("own-dies");
	send_all(1);
	run_until(is_lost, 30000);
	assert_in_range(taken, MFW_RING, 500000);
	refilled = false;
	close_hub();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lent),
		cmocka_unit_test(test_back_and_forth),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_dies),
		cmocka_unit_test(test_fails),
		cmocka_unit_test(test_recovers),
		cmocka_unit_test(test_stays),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_refilled),
	};

	fake_worker_if_asked(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
