/* hub/link: rings, slots and the process, against a worker that lies in every way it can. */
#include "hub/link.h"
#include "hub/nursery.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/hub/fake_worker.h"
#include "wire/event.h"

#define EVENT   4096u
#define EFFECTS 8192u

static int null_fd;

static struct link *open_link(const char *how)
{
	const struct link_options options = {
		.nursery = fake_nursery(),
		.name = how,
		.head = {.event_area = EVENT, .effects_area = EFFECTS, .threads = 1},
		.image_fd = -1,
		.data_fd = -1,
		.kvm_fd = -1,
		.cpuid_fd = -1,
		.socket_fd = -1,
		.kept_fd = -1,
		.null_fd = null_fd,
		.cpu = -1,
	};
	struct link *link = NULL;

	assert_int_equal(link_open(&link, &options), 0);
	return link;
}

static void post(struct link *link, int slot, const char *payload)
{
	struct event_writer w;

	assert_true(event_begin(&w, link_event(link, slot), link_event_area(link), MF_SOURCE_UDP));
	assert_true(event_span(&w, &w.event->payload, mf_str_of(payload, strlen(payload))));
	link_post(link, slot, MFW_BIRTH, event_end(&w));
	link_kick(link);
}

/* The next message, waiting for it as the hub does. */
static int receive(struct link *link, struct mfw_message *m)
{
	for (;;) {
		struct pollfd p[] = {{.fd = link_wake_fd(link), .events = POLLIN},
			{.fd = link_process_fd(link), .events = POLLIN}};
		uint64_t n;
		int rc = link_receive(link, m);

		if (rc != 0)
			return rc;
		assert_true(poll(p, 2, 5000) > 0);
		if (p[1].revents && link_receive(link, m) == 0)
			return 0;
		(void)!read(link_wake_fd(link), &n, sizeof(n));
	}
}

static void test_lives(void **state)
{
	struct link *link = open_link("echo");
	uint8_t effects[EFFECTS];
	struct mfw_message m;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int slot = link_slot_take(link);

		assert_int_equal(slot, 0); /* the one returned last is taken first */
		post(link, slot, "hello");
		assert_int_equal(receive(link, &m), 1);
		assert_int_equal(m.slot, slot);
		assert_int_equal(m.result, MFW_OK);
		link_effects_copy(link, &m, effects);
		assert_memory_equal(
			effects + sizeof(struct mf_effects) + sizeof(struct mf_effect), "hello", 5);
		link_slot_return(link, slot);
	}
	link_close(link);
}

/* Every slot out at once, the rings go round many times. */
static void test_full(void **state)
{
	struct link *link = open_link("echo");
	struct mfw_message m;

	(void)state;
	for (int round = 0; round < 20; round++) {
		uint32_t n = 0;
		int slot;

		while ((slot = link_slot_take(link)) >= 0) {
			post(link, slot, "x");
			n++;
		}
		assert_int_equal(n, link_slots(link));
		for (; n > 0; n--) {
			assert_int_equal(receive(link, &m), 1);
			link_slot_return(link, (int)m.slot);
		}
	}
	link_close(link);
}

/* Which slots were ever taken, and what was ever needed of them. */
static void test_used(void **state)
{
	struct link *link = open_link("echo");
	struct mfw_message m;
	int a, b;

	(void)state;
	assert_true(link_slot_is_new(link));
	assert_int_equal(link_used(link), 0);
	a = link_slot_take(link);
	b = link_slot_take(link);
	assert_int_equal(link_slots_used(link), 2);
	link_slot_return(link, b);
	assert_false(link_slot_is_new(link));
	post(link, a, "x");
	assert_int_equal(receive(link, &m), 1);
	assert_int_equal(link_used(link), 2 * MF_PAGE);
	post(link, a, "x");
	assert_int_equal(receive(link, &m), 1);
	assert_int_equal(link_used(link), 2 * MF_PAGE); /* again in the same pages */
	assert_int_equal(link_slots_used(link), 2);
	link_close(link);
}

static void test_big_areas(void **state)
{
	struct link_options options = {
		.nursery = fake_nursery(),
		.name = "echo",
		.head = {.event_area = 5u << 20, .effects_area = 3u << 20},
		.image_fd = -1,
		.data_fd = -1,
		.kvm_fd = -1,
		.cpuid_fd = -1,
		.socket_fd = -1,
		.kept_fd = -1,
		.null_fd = null_fd,
		.cpu = 0,
	};
	struct link *link;

	(void)state;
	assert_int_equal(link_open(&link, &options), 0);
	assert_int_equal(link_slots(link), 8); /* 64 MiB in all */
	link_close(link);
}

static void test_nonsense(void **state)
{
	static const char *const liars[] = {
		"stranger", "twice", "far-tail", "big-effects", "bad-kind", "bad-result"};

	(void)state;
	for (size_t i = 0; i < sizeof(liars) / sizeof(liars[0]); i++) {
		struct link *link = open_link(liars[i]);
		struct mfw_message m;
		int rc = 1;

		post(link, link_slot_take(link), "x");
		for (int n = 0; n < 3 && rc > 0; n++)
			rc = receive(link, &m);
		if (rc != -EPROTO)
			fail_msg("%s: %d", liars[i], rc);
		link_close(link);
	}
}

static void test_scribble(void **state)
{
	struct link *link = open_link("scribble");
	uint8_t effects[EFFECTS];
	struct mfw_message m;

	(void)state;
	for (int i = 0; i < 100; i++) {
		int slot = link_slot_take(link);

		post(link, slot, "x");
		if (receive(link, &m) != 1)
			break; /* it tripped over its own scribbles: that is its affair */
		link_effects_copy(link, &m, effects);
		link_slot_return(link, slot);
	}
	link_close(link);
}

static void test_process(void **state)
{
	struct mfw_status status;
	struct mfw_message m;
	struct link *link;

	(void)state;
	link = open_link("fail");
	assert_int_equal(receive(link, &m), 0);
	assert_int_equal(link_status(link, &status), 0);
	assert_int_equal(status.state, MFW_FAILED);
	assert_string_equal(status.message, "mf_init failed: \"no such zone\"");
	assert_int_equal(link_close(link), -1); /* its exit status */

	link = open_link("die-early");
	assert_int_equal(receive(link, &m), 0);
	assert_int_equal(link_close(link), -3);

	link = open_link("never-ready");
	assert_int_equal(kill(link_pid(link), 0), 0);
	assert_int_equal(link_close(link), SIGKILL);
}

static void test_no_program(void **state)
{
	struct nursery none;

	(void)state;
	assert_int_equal(nursery_open(&none, "/proc/nonexistent/mayfly-worker"), -ENOENT);
	assert_int_equal(none.socket, -1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lives),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_used),
		cmocka_unit_test(test_big_areas),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_scribble),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_no_program),
	};

	fake_worker_if_asked(argc, argv);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
