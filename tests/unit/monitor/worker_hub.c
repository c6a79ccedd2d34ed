/* See worker_hub.h. */
#include "tests/unit/monitor/worker_hub.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "image/image.h"

#define SLOTS 4u
#define BYTES (MFW_AT_SLOTS + (uint64_t)SLOTS * (MF_EVENT_DEFAULT + MF_EFFECTS_DEFAULT))

void sleep_ms(long ms)
{
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

void hub_open(struct hub *h, enum mfw_backend backend, uint32_t threads)
{
	*h = (struct hub){
		.data = -1, .cpuid = -1, .socket = -1, .kept = -1, .input = -1, .output = -1};
	h->shared = memfd_create("worker-test", MFD_CLOEXEC);
	h->wake_worker = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	h->wake_hub = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(ftruncate(h->shared, (off_t)BYTES), 0);
	h->at = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, h->shared, 0);
	assert_ptr_not_equal(h->at, MAP_FAILED);
	h->head = (void *)(h->at + MFW_AT_HEAD);
	h->status = (void *)(h->at + MFW_AT_STATUS);
	h->own = (void *)(h->at + MFW_AT_SOCKET);
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
		[MFW_FD_SOCKET] = h->socket,
		[MFW_FD_CPUID] = h->cpuid,
		[MFW_FD_KEPT] = h->kept,
		[MFW_FD_INPUT] = h->input,
		[MFW_FD_OUTPUT] = h->output};

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

void hub_start(struct hub *h, const char *guest, rlim_t descriptors)
{
	const struct rlimit limit = {descriptors, descriptors};
	char path[256], error[IMAGE_ERROR_MAX];
	struct image checked;
	int image;

	snprintf(path, sizeof(path), strchr(guest, '/') ? "%s" : "build/guest/%s.mfy", guest);
	image = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(image >= 0);
	assert_int_equal(image_open(&checked, image, error), 0);
	memcpy(h->head->image, checked.digest, sizeof(h->head->image));
	image_close(&checked);
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

bool is_alive(const struct hub *h)
{
	return waitpid(h->worker, NULL, WNOHANG) == 0;
}

void hub_close(struct hub *h)
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
	if (h->socket >= 0)
		close(h->socket);
}

void hub_send(struct hub *h, struct mfw_message message)
{
	const uint64_t one = 1;
	uint32_t n = h->to_worker->tail;

	h->to_worker->message[n % MFW_RING] = message;
	__atomic_store_n(&h->to_worker->tail, n + 1, __ATOMIC_SEQ_CST);
	assert_int_equal(write(h->wake_worker, &one, sizeof(one)), sizeof(one));
}

struct mfw_message hub_hear(struct hub *h)
{
	uint32_t n = h->to_hub->head;

	for (int i = 0; i < SECONDS * 100; i++) {
		if (__atomic_load_n(&h->to_hub->tail, __ATOMIC_ACQUIRE) != n) {
			h->to_hub->head = n + 1;
			return h->to_hub->message[n % MFW_RING];
		}
		if (!is_alive(h))
			fail_msg("the worker died");
		sleep_ms(10);
	}
	fail_msg("the worker says nothing");
	return (struct mfw_message){0};
}

enum mfw_result live(struct hub *h)
{
	const struct mf_event event = {
		.abi = MF_ABI_VERSION, .bytes = sizeof(event), .source = MF_SOURCE_RUN};

	memcpy(h->at + MFW_AT_SLOTS, &event, sizeof(event));
	hub_send(h, (struct mfw_message){.kind = MFW_BIRTH, .bytes = sizeof(event)});
	return hub_hear(h).result;
}
