/*
 * mayfly-worker itself, jailed as it is in earnest, with this test as its hub: that nothing
 * but the hub ends it. Worth a program of its own because what the jail leaves out shows
 * only when a system call is made.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "monitor/kvm.h"
#include "tests/unit/monitor/service.h"

#define SLOTS   4u
#define BYTES   (MFW_AT_SLOTS + (uint64_t)SLOTS * (MF_EVENT_DEFAULT + MF_EFFECTS_DEFAULT))
#define SECONDS 20

struct hub {
	int shared, wake_worker, wake_hub, data, cpuid;
	pid_t worker;
	uint8_t *at;
	struct mfw_head *head;
	struct mfw_status *status;
	struct mfw_ring *to_worker, *to_hub;
};

static void sleep_ms(long ms)
{
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

static void hub_open(struct hub *h, enum mfw_backend backend, uint32_t threads)
{
	*h = (struct hub){.data = -1, .cpuid = -1};
	h->shared = memfd_create("worker-test", MFD_CLOEXEC);
	h->wake_worker = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	h->wake_hub = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(ftruncate(h->shared, (off_t)BYTES), 0);
	h->at = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, h->shared, 0);
	assert_ptr_not_equal(h->at, MAP_FAILED);
	h->head = (void *)(h->at + MFW_AT_HEAD);
	h->status = (void *)(h->at + MFW_AT_STATUS);
	h->to_worker = (void *)(h->at + MFW_AT_TO_WORKER);
	h->to_hub = (void *)(h->at + MFW_AT_TO_HUB);
	*h->head = (struct mfw_head){.magic = MFW_MAGIC,
		.version = MFW_VERSION,
		.slots = SLOTS,
		.bytes = BYTES,
		.event_area = MF_EVENT_DEFAULT,
		.effects_area = MF_EFFECTS_DEFAULT,
		.backend = backend,
		.threads = threads};
}

/* In the child: the descriptors at their numbers, by way of numbers that are in nobody's way. */
static void place_descriptors(const struct hub *h, int image)
{
	const int from[MFW_FD_END] = {[MFW_FD_SHARED] = h->shared,
		[MFW_FD_WAKE_WORKER] = h->wake_worker,
		[MFW_FD_WAKE_HUB] = h->wake_hub,
		[MFW_FD_IMAGE] = image,
		[MFW_FD_DATA] = h->data,
		[MFW_FD_KVM] = kvm_fd(),
		[MFW_FD_SOCKET] = -1,
		[MFW_FD_CPUID] = h->cpuid};

	for (int i = MFW_FD_SHARED; i < MFW_FD_END; i++)
		if (from[i] >= 0)
			dup2(from[i], 100 + i);
	for (int i = MFW_FD_SHARED; i < MFW_FD_END; i++) {
		close(i);
		if (from[i] >= 0)
			dup2(100 + i, i);
	}
	close_range(MFW_FD_END, ~0u, 0);
}

/* descriptors: how many it may have, 0: as many as this test */
static void hub_start(struct hub *h, const char *guest, rlim_t descriptors)
{
	const struct rlimit limit = {descriptors, descriptors};
	char path[256];
	int image;

	snprintf(path, sizeof(path), "build/guest/%s.mfy", guest);
	image = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(image >= 0);
	h->worker = fork();
	if (h->worker == 0) {
		place_descriptors(h, image);
		if (descriptors != 0)
			setrlimit(RLIMIT_NOFILE, &limit);
		execl("build/mayfly-worker", "mayfly-worker", NULL);
		_exit(99);
	}
	close(image);
	for (int i = 0; i < SECONDS * 100; i++) {
		if (__atomic_load_n(&h->status->state, __ATOMIC_ACQUIRE) != MFW_STARTING)
			return;
		sleep_ms(10);
	}
	fail_msg("the worker says nothing");
}

static bool is_alive(const struct hub *h)
{
	return waitpid(h->worker, NULL, WNOHANG) == 0;
}

static void hub_close(struct hub *h)
{
	kill(h->worker, SIGKILL);
	waitpid(h->worker, NULL, 0);
	munmap(h->at, BYTES);
	close(h->shared);
	close(h->wake_worker);
	close(h->wake_hub);
	if (h->data >= 0)
		close(h->data);
	if (h->cpuid >= 0)
		close(h->cpuid);
}

/* One life in slot 0; its result. */
static enum mfw_result live(struct hub *h)
{
	const struct mf_event event = {
		.abi = MF_ABI_VERSION, .bytes = sizeof(event), .source = MF_SOURCE_RUN};
	const uint64_t one = 1;
	uint32_t n = h->to_worker->tail;

	memcpy(h->at + MFW_AT_SLOTS, &event, sizeof(event));
	h->to_worker->message[n % MFW_RING] =
		(struct mfw_message){.kind = MFW_BIRTH, .bytes = sizeof(event)};
	__atomic_store_n(&h->to_worker->tail, n + 1, __ATOMIC_SEQ_CST);
	assert_int_equal(write(h->wake_worker, &one, sizeof(one)), sizeof(one));
	for (int i = 0; i < SECONDS * 100; i++) {
		if (__atomic_load_n(&h->to_hub->tail, __ATOMIC_ACQUIRE) == n + 1) {
			h->to_hub->head = n + 1;
			return h->to_hub->message[n % MFW_RING].result;
		}
		if (!is_alive(h))
			fail_msg("the worker died");
		sleep_ms(10);
	}
	fail_msg("the life never ended");
	return MFW_RESULTS;
}

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
	/* mf_init's: memory, two ends of pipes, the process; while another is made: the same
	 * with four ends */
	threads_without_a_shell(MFW_BACKEND_PROCESS, MFW_FD_END + 9);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_a_stop_kvm),
		cmocka_unit_test(survives_a_stop_process),
		cmocka_unit_test(threads_without_a_shell_kvm),
		cmocka_unit_test(threads_without_a_shell_process),
		cmocka_unit_test(too_much_data),
		cmocka_unit_test(told_of_cpuid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
