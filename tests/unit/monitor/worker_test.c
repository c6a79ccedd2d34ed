/*
 * mayfly-worker itself, jailed as it is in earnest, with this test as its hub: that nothing
 * but the hub ends it. Worth a program of its own because what the jail leaves out shows
 * only when a system call is made.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "monitor/kvm.h"
#include "tests/unit/monitor/worker_hub.h"

/* A stop and a continuation, as by a terminal, or a machine that sleeps and wakes: Linux goes on
 * with the interrupted poll by another system call. */
static void survives_a_stop(enum mfw_backend backend)
{
	struct hub h;

	need_backend(backend);
	hub_open(&h, backend, 2);
	hub_start(&h, "counter", 0);
	assert_int_equal(h.status->state, MFW_READY);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(live(&h), MFW_OK);
		/* at once, when the watchdog still ticks; and later, when it sleeps */
		sleep_ms(i * 200);
		kill(h.worker, SIGSTOP);
		sleep_ms(50);
		kill(h.worker, SIGCONT);
		sleep_ms(50);
		assert_true(is_alive(&h));
	}
	assert_int_equal(live(&h), MFW_OK);
	hub_close(&h);
}

static void survives_a_stop_kvm(void **state)
{
	(void)state;
	survives_a_stop(MFW_BACKEND_KVM);
}

static void survives_a_stop_process(void **state)
{
	(void)state;
	survives_a_stop(MFW_BACKEND_PROCESS);
}

/* Descriptors for one shell and no more: the thread that has none leaves the work to others. */
static void threads_without_a_shell(enum mfw_backend backend, rlim_t descriptors)
{
	struct hub h;

	need_backend(backend);
	hub_open(&h, backend, 3);
	hub_start(&h, "counter", descriptors);
	if (h.status->state != MFW_READY)
		fail_msg("%s", h.status->message);
	sleep_ms(300);
	assert_true(is_alive(&h));
	assert_int_equal(live(&h), MFW_OK);
	hub_close(&h);
}

static void threads_without_a_shell_kvm(void **state)
{
	(void)state;
	/* 0 to 8, fixed memory; two VMs and their vCPUs, one of them mf_init's. Descriptor 7
	 * isn't there. */
	threads_without_a_shell(MFW_BACKEND_KVM, MFW_FD_END + 4);
}

static void threads_without_a_shell_process(void **state)
{
	(void)state;
	/* the maker and its pipes; mf_init's: memory, three ends of pipes, the process; while
	 * another is made: the same with four ends */
	threads_without_a_shell(MFW_BACKEND_PROCESS, MFW_FD_END + 16);
}

/* A hub that attaches more than the map has room for: the regions behind would lie in it. */
static void too_much_data(void **state)
{
	struct hub h;

	(void)state;
	hub_open(&h, MFW_BACKEND_PROCESS, 1);
	h.data = memfd_create("worker-test-data", MFD_CLOEXEC);
	assert_int_equal(ftruncate(h.data, (off_t)(MF_ADDR_WINDOW_END - MF_ADDR_DATA)), 0);
	hub_start(&h, "counter", 0);
	assert_int_equal(h.status->state, MFW_FAILED);
	assert_int_equal(h.status->code, MFW_ERR_IMAGE);
	hub_close(&h);
}

/* What KVM supports, as a hub asked it: true tables start it, others don't. */
static void told_of_cpuid(void **state)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[KVM_CPUID_MAX + 1];
	} cpuid;
	/* the size of the file against what it says */
	static const struct {
		int more_bytes;
		uint32_t more_entries;
		enum mfw_state state;
	} cases[] = {{0, 0, MFW_READY}, {-1, 0, MFW_FAILED}, {0, 1, MFW_FAILED},
		{-(int)sizeof(cpuid.entry[0]), 0, MFW_FAILED}};
	uint32_t n;
	struct hub h;

	(void)state;
	need_backend(MFW_BACKEND_KVM);
	cpuid.head.nent = KVM_CPUID_MAX;
	assert_int_equal(ioctl(kvm_fd(), KVM_GET_SUPPORTED_CPUID, &cpuid), 0);
	n = cpuid.head.nent;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t bytes = sizeof(cpuid.head) + n * sizeof(cpuid.entry[0]);

		hub_open(&h, MFW_BACKEND_KVM, 1);
		h.cpuid = memfd_create("worker-test-cpuid", MFD_CLOEXEC);
		cpuid.head.nent = n + cases[i].more_entries;
		bytes = (size_t)((long)bytes + cases[i].more_bytes);
		assert_int_equal(write(h.cpuid, &cpuid, bytes), bytes);
		hub_start(&h, "counter", 0);
		assert_int_equal(h.status->state, cases[i].state);
		if (cases[i].state == MFW_READY)
			assert_int_equal(live(&h), MFW_OK);
		hub_close(&h);
	}
}

/* What a life left, of which its caller knows the size. */
static struct mfw_message live_and_see(struct hub *h, uint8_t *effects, size_t most)
{
	const struct mf_event event = {
		.abi = MF_ABI_VERSION, .bytes = sizeof(event), .source = MF_SOURCE_RUN};
	struct mfw_message death;

	memcpy(h->at + MFW_AT_SLOTS, &event, sizeof(event));
	hub_send(h, (struct mfw_message){.kind = MFW_BIRTH, .bytes = sizeof(event)});
	death = hub_hear(h);
	assert_true(death.bytes > 0 && death.bytes <= most);
	memcpy(effects, h->at + MFW_AT_SLOTS + MF_EVENT_DEFAULT, death.bytes);
	return death;
}

static int room_to_keep(void)
{
	int fd = memfd_create("worker-test-kept", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, 4 << 20), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), 0);
	return fd;
}

/* One worker; was mf_init run? `kept` stays the caller's. */
static bool start_with(const char *guest, enum mfw_backend backend, int kept, uint8_t *effects,
	struct mfw_message *death)
{
	struct hub h;
	bool ran;

	hub_open(&h, backend, 1);
	h.kept = kept;
	hub_start(&h, guest, 0);
	if (h.status->state != MFW_READY)
		fail_msg("%s: %s", guest, h.status->message);
	ran = h.status->init_ns > 0;
	*death = live_and_see(&h, effects, MF_EFFECTS_DEFAULT);
	hub_close(&h);
	return ran;
}

/* The second worker starts from what the first one left, and comes to the same. */
static void keeps(enum mfw_backend backend)
{
	static const char *const guests[] = {"counter", "init-clear", "init-large"};
	static uint8_t effects[2][MF_EFFECTS_DEFAULT];
	struct mfw_message death[2];

	need_backend(backend);
	for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++) {
		int kept = room_to_keep();

		assert_true(start_with(guests[i], backend, kept, effects[0], &death[0]));
		assert_true(fcntl(kept, F_GET_SEALS) & F_SEAL_WRITE);
		assert_false(start_with(guests[i], backend, kept, effects[1], &death[1]));
		assert_int_equal(death[0].bytes, death[1].bytes);
		assert_int_equal(death[0].result, death[1].result);
		assert_memory_equal(effects[0], effects[1], death[0].bytes);
		close(kept);
	}
}

static void keeps_kvm(void **state)
{
	(void)state;
	keeps(MFW_BACKEND_KVM);
}

static void keeps_process(void **state)
{
	(void)state;
	keeps(MFW_BACKEND_PROCESS);
}

/* What was kept of another service, or isn't whole, is no snapshot. */
static void keeps_its_own(void **state)
{
	static uint8_t effects[MF_EFFECTS_DEFAULT];
	struct mfw_message death;
	struct mfw_kept head;
	int kept = room_to_keep(), copy = room_to_keep();
	static uint8_t all[4 << 20];

	(void)state;
	assert_true(start_with("counter", MFW_BACKEND_PROCESS, kept, effects, &death));
	assert_true(start_with("init-clear", MFW_BACKEND_PROCESS, kept, effects, &death));
	/* the same bytes, not sealed: somebody may still write them */
	assert_int_equal(pread(kept, all, sizeof(all), 0), sizeof(all));
	memcpy(&head, all, sizeof(head));
	assert_int_equal(head.magic, MFW_MAGIC);
	assert_int_equal(pwrite(copy, all, sizeof(all), 0), sizeof(all));
	assert_true(start_with("counter", MFW_BACKEND_PROCESS, copy, effects, &death));
	assert_int_equal(pwrite(kept, "x", 1, MF_PAGE), -1);
	close(kept);
	close(copy);
}

/* ---------------------------------------------------------------------- areas */

#define INPUT  (18u << 20) /* of tests/guest/areas */
#define OUTPUT (9u << 20)

static int area_memory(uint64_t bytes)
{
	int fd = memfd_create("worker-test-area", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), 0);
	return fd;
}

static void open_areas(struct hub *h, enum mfw_backend backend)
{
	hub_open(h, backend, 1);
	h->head->areas = 3;
	h->head->input_bytes = INPUT;
	h->head->output_bytes = OUTPUT;
	h->input = area_memory(3 * MFW_AREA(INPUT));
	h->output = area_memory(3 * MFW_AREA(OUTPUT));
	hub_start(h, "areas", 0);
	if (h->status->state != MFW_READY)
		fail_msg("areas: %s", h->status->message);
}

/* A life in this slot that does what the word says. */
static void live_there(struct hub *h, uint32_t slot, const char *word)
{
	const struct mf_event event = {.abi = MF_ABI_VERSION,
		.bytes = sizeof(event),
		.source = MF_SOURCE_RUN,
		.input_bytes = strlen(word)};
	const uint64_t area = MF_EVENT_DEFAULT + MF_EFFECTS_DEFAULT;
	struct mfw_message death;

	assert_int_equal(pwrite(h->input, word, strlen(word), (off_t)(slot * MFW_AREA(INPUT))),
		strlen(word));
	memcpy(h->at + MFW_AT_SLOTS + slot * area, &event, sizeof(event));
	hub_send(h,
		(struct mfw_message){.kind = MFW_BIRTH,
			.slot = slot,
			.bytes = sizeof(event),
			.touched = strlen(word)});
	death = hub_hear(h);
	assert_int_equal(death.slot, slot);
	assert_int_equal(death.result, MFW_OK);
}

/* Of a slot's output: a byte that the life above wrote. */
static bool is_dirty(const struct hub *h, uint32_t slot)
{
	uint8_t byte = 0;

	assert_int_equal(
		pread(h->output, &byte, 1, (off_t)(slot * MFW_AREA(OUTPUT) + OUTPUT / 2 + 1)), 1);
	return byte != 0;
}

static void send_wipe(struct hub *h, uint32_t slot, uint64_t lives)
{
	hub_send(h, (struct mfw_message){.kind = MFW_WIPE, .slot = slot, .touched = lives});
}

/* What was sent is wiped before the next birth, but not what a life left since. */
static void wipes(enum mfw_backend backend)
{
	struct hub h;
	int waited = 0;

	need_backend(backend);
	open_areas(&h, backend);
	live_there(&h, 0, "fill 9437184\n");
	assert_true(is_dirty(&h, 0));
	send_wipe(&h, 0, 0);
	send_wipe(&h, 0, 2);
	send_wipe(&h, 1, 1); /* nothing lived there yet */
	live_there(&h, 1, "fill 9437184\n");
	assert_true(is_dirty(&h, 0)); /* one thread: it has read those above */
	send_wipe(&h, 0, 1);
	while (is_dirty(&h, 0) && waited++ < SECONDS * 100)
		sleep_ms(10);
	assert_false(is_dirty(&h, 0));
	assert_true(is_dirty(&h, 1));
	live_there(&h, 0, "fill 9437184\n");
	send_wipe(&h, 0, 1); /* late */
	live_there(&h, 1, "look\n");
	assert_true(is_dirty(&h, 0));
	assert_false(is_dirty(&h, 1));
	close(h.input);
	close(h.output);
	hub_close(&h);
}

static void wipes_kvm(void **state)
{
	(void)state;
	wipes(MFW_BACKEND_KVM);
}

static void wipes_process(void **state)
{
	(void)state;
	wipes(MFW_BACKEND_PROCESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_a_stop_kvm),
		cmocka_unit_test(survives_a_stop_process),
		cmocka_unit_test(threads_without_a_shell_kvm),
		cmocka_unit_test(threads_without_a_shell_process),
		cmocka_unit_test(too_much_data),
		cmocka_unit_test(told_of_cpuid),
		cmocka_unit_test(keeps_kvm),
		cmocka_unit_test(keeps_process),
		cmocka_unit_test(keeps_its_own),
		cmocka_unit_test(wipes_kvm),
		cmocka_unit_test(wipes_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
