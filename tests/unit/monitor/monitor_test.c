/* Births and deaths through monitor/monitor.h, on both backends: what a life starts from,
 * how it can end, what mf_init leaves, large windows, both ways of being born. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/bundle.h"
#include "monitor/core.h"
#include "tests/unit/monitor/service.h"

static const char *reply_text(const struct life *life)
{
	static char text[256];
	struct mf_str reply = service_reply(life);

	snprintf(text, sizeof(text), "%.*s", (int)reply.n, reply.p ? (const char *)reply.p : "");
	return text;
}

/* what tests/guest/counter replies if all that it counts up was as in the snapshot */
#define COUNTED_ONCE "1 1001 1 101"

/* Every life starts from the snapshot: a counter that it counts up is always 1. */
static void counter(enum mfw_backend backend, enum mfw_birth_mode birth)
{
	struct service s;
	struct life life;

	need_backend(backend);
	assert_int_equal(service_try(&s, "counter", backend, birth, (struct mf_str){0}), 0);
	for (int i = 0; i < 20; i++) {
		life = service_ask_text(&s, "");
		assert_int_equal(life.result, MFW_OK);
		assert_string_equal(reply_text(&life), COUNTED_ONCE);
	}
	service_close(&s);
}

static void endings(enum mfw_backend backend)
{
	static const struct {
		const char *guest, *payload;
		enum mfw_result result;
	} ways[] = {
		{"no-reply", "", MFW_OK},
		{"big-reply", "", MFW_OK},
		{"big-reply", "over", MFW_ERR_FULL},
		{"heap", "", MFW_ERR_MEMORY},
		{"fail", "", MFW_ERR_FAILED},
		{"recurse", "", MFW_ERR_CRASHED},
		{"call", "", MFW_ERR_CALL},
		{"loop", "", MFW_ERR_CPU},
	};
	struct service s;

	need_backend(backend);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		service_open(&s, ways[i].guest, backend);
		if (ways[i].result == MFW_ERR_CPU)
			service_limit(&s, 50000000, s.shell->watch.wall_ns);
		for (int twice = 0; twice < 2; twice++) {
			struct life life = service_ask_text(&s, ways[i].payload);

			if (life.result != ways[i].result)
				fail_msg("%s: result %d", ways[i].guest, life.result);
		}
		service_close(&s);
	}
}

static void deadline(enum mfw_backend backend)
{
	struct service s;
	struct life life;

	need_backend(backend);
	service_open(&s, "loop", backend);
	service_limit(&s, 30000000, s.shell->watch.wall_ns);
	life = service_ask_text(&s, "");
	assert_int_equal(life.result, MFW_ERR_CPU);
	assert_int_equal(life.vector, 0);
	assert_true(life.run_ns >= 30000000);
	service_close(&s);
}

static int processors(pid_t pid)
{
	cpu_set_t set;

	assert_int_equal(sched_getaffinity(pid, sizeof(set), &set), 0);
	return CPU_COUNT(&set);
}

static int when_killed;

static void look_and_kill(struct shell *shell)
{
	when_killed = processors(shell->process.made.pid);
	shell->monitor->backend->kill(shell);
}

/* A gated process runs where its thread does, but not for long: others may have been woken there too. */
static void moves(enum mfw_backend backend)
{
	struct service s;
	int after = 0;

	if (backend != MFW_BACKEND_PROCESS)
		return; /* a thread enters its own VM */
	service_open(&s, "counter", backend);
	/* the watchdog sees a short life now and then */
	for (int i = 0; i < 100 && after != 1; i++) {
		assert_int_equal(service_ask_text(&s, "").result, MFW_OK);
		after = processors(s.shell->process.made.pid);
	}
	assert_int_equal(after, 1);
	service_close(&s);
	service_open(&s, "loop", backend);
	service_limit(&s, 30000000, s.shell->watch.wall_ns);
	s.shell->watch.kill = look_and_kill;
	when_killed = 0;
	assert_int_equal(service_ask_text(&s, "").result, MFW_ERR_CPU);
	assert_int_equal(when_killed, processors(0));
	service_close(&s);
}

static void events(enum mfw_backend backend)
{
	static uint64_t buffer[64 * 1024 / 8];
	struct mf_event *event = (struct mf_event *)buffer;
	struct service s;
	struct life life;

	need_backend(backend);
	service_open(&s, "no-reply", backend);
	*event = (struct mf_event){
		.abi = MF_ABI_VERSION, .bytes = MF_EVENT_DEFAULT, .source = MF_SOURCE_RUN};
	shell_live(s.shell, event, MF_EVENT_DEFAULT, &life);
	assert_int_equal(life.result, MFW_OK);
	event->bytes = MF_EVENT_DEFAULT + 8;
	shell_live(s.shell, event, MF_EVENT_DEFAULT + 8, &life); /* larger than its area */
	assert_int_equal(life.result, MFW_ERR_EVENT);
	shell_live(s.shell, event, 100, &life); /* smaller than its header */
	assert_int_equal(life.result, MFW_ERR_EVENT);
	shell_live(s.shell, event, 1000, &life); /* says another size */
	assert_int_equal(life.result, MFW_ERR_EVENT);
	event->abi = MF_ABI_VERSION + 1;
	event->bytes = 1000;
	shell_live(s.shell, event, 1000, &life);
	assert_int_equal(life.result, MFW_ERR_EVENT);
	event->abi = MF_ABI_VERSION;
	event->source = MF_SOURCE_INIT; /* not for lives */
	shell_live(s.shell, event, 1000, &life);
	assert_int_equal(life.result, MFW_ERR_EVENT);
	event->source = MF_SOURCE_RUN;
	shell_live(s.shell, event, 1000, &life);
	assert_int_equal(life.result, MFW_OK);
	service_close(&s);
}

/* What mf_init leaves is there in every life, and read-only. */
static void init_data(enum mfw_backend backend)
{
	struct bundle_item numbers = {MF_DATA_FILE, "numbers", "1\n20\n300\n", 9};
	struct service s;
	struct life life;
	uint8_t *data;
	size_t size;

	need_backend(backend);
	assert_int_equal(bundle_pack(&numbers, 1, &data, &size), 0);
	assert_int_equal(
		service_try(&s, "init-data", backend, MFW_POOLED, mf_str_of(data, size)), 0);
	for (int i = 0; i < 3; i++) {
		life = service_ask_text(&s, "");
		assert_int_equal(life.result, MFW_OK);
		assert_string_equal(reply_text(&life), "321");
		life = service_ask_text(&s, "write");
		assert_int_equal(life.result, MFW_ERR_CRASHED);
		assert_int_equal(life.vector, 14);
		assert_true(life.touched >= MF_ADDR_INIT && life.touched < MF_ADDR_INIT_END);
	}
	service_close(&s);
	free(data);
}

/* A page of .data that mf_init cleared is clear in every life. */
static void init_clears(enum mfw_backend backend)
{
	struct service s;
	struct life life;

	need_backend(backend);
	service_open(&s, "init-clear", backend);
	life = service_ask_text(&s, "");
	assert_int_equal(life.result, MFW_OK);
	assert_string_equal(reply_text(&life), "0");
	service_close(&s);
}

static void init_errors(enum mfw_backend backend)
{
	static const struct {
		const char *guest, *message;
	} ways[] = {
		{"init-fail", ""},
		{"init-crash", "mf_init crashed: #"},
		{"init-loop", "mf_init took longer than limits.init"},
		{"init-effect", ""},
	};
	struct service s;

	need_backend(backend);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		assert_int_equal(
			service_try(&s, ways[i].guest, backend, MFW_POOLED, (struct mf_str){0}),
			MFW_ERR_INIT);
		assert_true(strlen(s.error) > 0);
		if (strncmp(s.error, ways[i].message, strlen(ways[i].message)) != 0)
			fail_msg("%s: '%s'", ways[i].guest, s.error);
		service_close(&s);
	}
}

/* The digest of a snapshot depends on image and data, on nothing else. */
static void snapshot_digest(enum mfw_backend backend)
{
	struct bundle_item one = {MF_DATA_FILE, "numbers", "1\n", 2},
			   two = {MF_DATA_FILE, "numbers", "2\n", 2};
	uint8_t *data[2], digest[3][32];
	size_t size[2];
	struct service s;

	need_backend(backend);
	assert_int_equal(bundle_pack(&one, 1, &data[0], &size[0]), 0);
	assert_int_equal(bundle_pack(&two, 1, &data[1], &size[1]), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(service_try(&s, "init-data", backend, MFW_POOLED,
					 mf_str_of(data[i / 2], size[i / 2])),
			0);
		memcpy(digest[i], monitor_snapshot_digest(s.monitor), 32);
		service_close(&s);
	}
	assert_memory_equal(digest[0], digest[1], 32);
	assert_memory_not_equal(digest[0], digest[2], 32);
	free(data[0]);
	free(data[1]);
}

/* A window of 4 MiB: pages that a life touched are back, whichever they were. */
static void large(enum mfw_backend backend)
{
	static const char *const payloads[] = {
		"0", "1 2 3", "900", "0 17 900", "17", "all", "all", "5", "0 1 2"};
	struct service s;
	struct life life;

	need_backend(backend);
	service_open(&s, "large", backend);
	assert_true(s.monitor->layout.large);
	service_limit(&s, 20000000000, 20000000000); /* first touches are slow */
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		life = service_ask_text(&s, payloads[i]);
		assert_int_equal(life.result, MFW_OK);
		/* "<touched> <not as in the snapshot>" */
		assert_string_equal(strchr(reply_text(&life), ' '), " 0");
		shell_clean(s.shell);
		assert_memory_equal(
			s.shell->window, s.monitor->snapshot, s.monitor->layout.window_bytes);
	}
	service_close(&s);
}

/* What mf_init wrote, every life finds, and nothing else: also in a shell that comes later. */
static void init_large(enum mfw_backend backend)
{
	static const char *const payloads[] = {"", "", "more", "", "more", ""};
	struct service s;
	struct life life;

	need_backend(backend);
	service_open(&s, "init-large", backend);
	assert_true(s.monitor->layout.large);
	service_limit(&s, 20000000000, 20000000000);
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		life = service_ask_text(&s, payloads[i]);
		assert_int_equal(life.result, MFW_OK);
		assert_string_equal(reply_text(&life), "0");
		shell_clean(s.shell);
		assert_memory_equal(
			s.shell->window, s.monitor->snapshot, s.monitor->layout.window_bytes);
	}
	shell_close(s.shell);
	assert_int_equal(shell_open(&s.shell, s.monitor, s.error), 0);
	life = service_ask_text(&s, "");
	assert_string_equal(reply_text(&life), "0");
	service_close(&s);
}

/* The control: with the putting back left out, the same test sees it. */
static void large_control(enum mfw_backend backend)
{
	struct service s;
	struct life life;

	need_backend(backend);
	service_open(&s, "large", backend);
	life = service_ask_text(&s, "7 8");
	assert_string_equal(reply_text(&life), "2 0");
	s.shell->dirty = false;
	memcpy(s.shell->window, s.monitor->snapshot,
		s.monitor->image->note.event_bytes + s.monitor->image->note.effects_bytes);
	life = service_ask_text(&s, "7 8");
	assert_int_equal(life.result, MFW_OK);
	assert_string_not_equal(reply_text(&life), "2 0");
	service_close(&s);
}

static int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Shells that crash are made anew; nothing of the old ones stays. */
static void no_leaks(enum mfw_backend backend)
{
	struct service s;
	int before;

	need_backend(backend);
	service_open(&s, "trap", backend);
	before = open_descriptors();
	for (int i = 0; i < 50; i++) {
		service_ask_text(&s, "ud2");
		assert_int_equal(service_ask_text(&s, "unknown").result, MFW_OK);
	}
	assert_int_equal(open_descriptors(), before);
	service_close(&s);
}

static void shells_of_one_monitor(enum mfw_backend backend)
{
	struct service s;
	struct shell *more[8];
	struct life life;
	struct mf_event event = {
		.abi = MF_ABI_VERSION, .bytes = sizeof(event), .source = MF_SOURCE_RUN};

	need_backend(backend);
	service_open(&s, "counter", backend);
	for (int i = 0; i < 8; i++)
		assert_int_equal(shell_open(&more[i], s.monitor, s.error), 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 8; i++) {
			shell_live(more[i], &event, sizeof(event), &life);
			assert_int_equal(life.result, MFW_OK);
			assert_string_equal(reply_text(&life), COUNTED_ONCE);
		}
	}
	for (int i = 0; i < 8; i++)
		shell_close(more[i]);
	service_close(&s);
}

static void counter_pooled(enum mfw_backend backend)
{
	counter(backend, MFW_POOLED);
}

static void counter_fresh(enum mfw_backend backend)
{
	counter(backend, MFW_FRESH);
}

#define EACH(X)                                                                                    \
	X(counter_pooled)                                                                          \
	X(counter_fresh)                                                                           \
	X(endings)                                                                                 \
	X(deadline)                                                                                \
	X(moves)                                                                                   \
	X(events)                                                                                  \
	X(init_data)                                                                               \
	X(init_clears)                                                                             \
	X(init_errors)                                                                             \
	X(snapshot_digest)                                                                         \
	X(init_large)                                                                              \
	X(large)                                                                                   \
	X(large_control)                                                                           \
	X(no_leaks)                                                                                \
	X(shells_of_one_monitor)

#define DEFINE(name)                                                                               \
	static void name##_kvm(void **state)                                                       \
	{                                                                                          \
		(void)state;                                                                       \
		name(MFW_BACKEND_KVM);                                                             \
	}                                                                                          \
	static void name##_process(void **state)                                                   \
	{                                                                                          \
		(void)state;                                                                       \
		name(MFW_BACKEND_PROCESS);                                                         \
	}
EACH(DEFINE)

#define LIST(name) cmocka_unit_test(name##_kvm), cmocka_unit_test(name##_process),

int main(void)
{
	const struct CMUnitTest tests[] = {EACH(LIST)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
