/* The worker's end of the rings, with an honest hub and with a hostile one. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "monitor/ring.h"
#include "tests/unit/monitor/service.h"

struct hub {
	int shared, wake_worker, wake_hub;
	struct mfw_head *head;
	struct mfw_ring *to_worker, *to_hub;
	uint64_t bytes;
	uint8_t *at;
};

static void hub_open(struct hub *h, uint32_t slots)
{
	h->bytes = MFW_AT_SLOTS + (uint64_t)slots * (MF_EVENT_DEFAULT + MF_EFFECTS_DEFAULT);
	h->shared = memfd_create("ring-test", MFD_CLOEXEC);
	h->wake_worker = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	h->wake_hub = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(ftruncate(h->shared, (off_t)h->bytes), 0);
	h->at = mmap(NULL, h->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, h->shared, 0);
	assert_ptr_not_equal(h->at, MAP_FAILED);
	h->head = (void *)h->at;
	h->to_worker = (void *)(h->at + MFW_AT_TO_WORKER);
	h->to_hub = (void *)(h->at + MFW_AT_TO_HUB);
	*h->head = (struct mfw_head){.magic = MFW_MAGIC,
		.version = MFW_VERSION,
		.slots = slots,
		.bytes = h->bytes,
		.event_area = MF_EVENT_DEFAULT,
		.effects_area = MF_EFFECTS_DEFAULT,
		.threads = 1};
}

static void hub_close(struct hub *h)
{
	munmap(h->at, h->bytes);
	close(h->shared);
	close(h->wake_worker);
	close(h->wake_hub);
}

static int worker_open(struct ring *ring, const struct hub *h)
{
	return ring_open(ring, h->shared, h->wake_worker, h->wake_hub);
}

static void worker_close(struct ring *ring, const struct hub *h)
{
	munmap(ring->shared, h->bytes);
}

static void hub_send(struct hub *h, struct mfw_message m)
{
	h->to_worker->message[h->to_worker->tail % MFW_RING] = m;
	__atomic_store_n(&h->to_worker->tail, h->to_worker->tail + 1, __ATOMIC_RELEASE);
}

static void messages_go_round(void **state)
{
	struct mfw_message m;
	struct ring ring;
	struct hub h;

	(void)state;
	hub_open(&h, 4);
	assert_int_equal(worker_open(&ring, &h), 0);
	/* more than the rings hold, so that the indices wrap */
	for (uint32_t i = 0; i < 3 * MFW_RING; i++) {
		hub_send(&h, (struct mfw_message){.slot = i % 4, .kind = MFW_BIRTH, .bytes = i});
		assert_int_equal(ring_take(&ring, &m), 0);
		assert_int_equal(m.slot, i % 4);
		assert_int_equal(m.bytes, i);
		assert_int_equal(h.to_worker->head, i + 1);
		m.kind = MFW_DEATH;
		assert_int_equal(ring_put(&ring, &m), 0);
		assert_int_equal(h.to_hub->tail, i + 1);
		assert_int_equal(h.to_hub->message[i % MFW_RING].bytes, i);
		h.to_hub->head = i + 1;
	}
	worker_close(&ring, &h);
	hub_close(&h);
}

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/* The hub is woken if it sleeps, and only then. */
static void waking(void **state)
{
	const struct mfw_message m = {.kind = MFW_DEATH};
	struct ring ring;
	struct hub h;

	(void)state;
	hub_open(&h, 4);
	assert_int_equal(worker_open(&ring, &h), 0);
	assert_int_equal(ring_put(&ring, &m), 0);
	assert_false(readable(h.wake_hub));
	h.to_hub->sleeping = 1;
	assert_int_equal(ring_put(&ring, &m), 0);
	assert_true(readable(h.wake_hub));
	assert_int_equal(h.to_hub->sleeping, 0);
	worker_close(&ring, &h);
	hub_close(&h);
}

static void bad_heads(void **state)
{
	struct ring ring;
	struct hub h;

	(void)state;
	hub_open(&h, 4);
	const struct mfw_head good = *h.head;
#define REFUSES(change)                                                                            \
	*h.head = good;                                                                            \
	h.head->change;                                                                            \
	assert_int_equal(worker_open(&ring, &h), -EINVAL);                                         \
	worker_close(&ring, &h)
	REFUSES(magic = 0);
	REFUSES(version = MFW_VERSION + 1);
	REFUSES(slots = 0);
	REFUSES(slots = 3);
	REFUSES(slots = 8);
	REFUSES(slots = 2 * MFW_SLOTS);
	REFUSES(slots = 0x80000000u);
	REFUSES(bytes = h.bytes - MF_PAGE);
	REFUSES(bytes = UINT64_MAX);
	REFUSES(event_area = 0);
	REFUSES(event_area = MF_EVENT_DEFAULT + 1);
	REFUSES(event_area = 0xfffff000u);
	REFUSES(effects_area = 0);
	REFUSES(effects_area = 0x80000000u);
	REFUSES(backend = MFW_BACKEND_PROCESS + 1);
	REFUSES(birth = MFW_FRESH + 1);
	*h.head = good;
	assert_int_equal(worker_open(&ring, &h), 0);
	worker_close(&ring, &h);
	hub_close(&h);
}

static void bad_messages(void **state)
{
	static const struct mfw_message bad[] = {
		{.slot = 4, .kind = MFW_BIRTH},
		{.slot = UINT32_MAX, .kind = MFW_BIRTH},
		{.slot = 0, .kind = MFW_DEATH},
		{.slot = 0, .kind = 0},
		{.slot = 4, .kind = MFW_ANSWER},
		{.slot = 0, .kind = MFW_ANSWER, .bytes = MF_EVENT_DEFAULT + 1},
		{.slot = UINT32_MAX, .kind = MFW_DROP},
		{.slot = 0, .kind = MFW_SUSPENDED},
		{.slot = 0, .kind = MFW_WIPE}, /* there are no areas */
		{.slot = 0, .kind = MFW_BIRTH, .bytes = MF_EVENT_DEFAULT + 1},
	};
	struct mfw_message m;
	struct ring ring;
	struct hub h;

	(void)state;
	hub_open(&h, 4);
	assert_int_equal(worker_open(&ring, &h), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		hub_send(&h, bad[i]);
		assert_int_equal(ring_take(&ring, &m), -EINVAL);
	}
	worker_close(&ring, &h);
	hub_close(&h);
}

/* Indices that no honest hub could have. */
static void bad_indices(void **state)
{
	const struct mfw_message death = {.kind = MFW_DEATH};
	struct mfw_message m;
	struct ring ring;
	struct hub h;

	(void)state;
	hub_open(&h, 4);
	assert_int_equal(worker_open(&ring, &h), 0);
	h.to_worker->tail = MFW_RING + 1;
	assert_int_equal(ring_take(&ring, &m), -EINVAL);
	h.to_worker->tail = UINT32_MAX;
	assert_int_equal(ring_take(&ring, &m), -EINVAL);
	for (uint32_t i = 0; i < MFW_RING; i++)
		assert_int_equal(ring_put(&ring, &death), 0);
	assert_int_equal(ring_put(&ring, &death), -EINVAL); /* it never took one */
	h.to_hub->head = 1;
	assert_int_equal(ring_put(&ring, &death), 0);
	h.to_hub->head = 5 * MFW_RING; /* ahead of us */
	assert_int_equal(ring_put(&ring, &death), -EINVAL);
	worker_close(&ring, &h);
	hub_close(&h);
}

/* What the worker checked is what it uses: the message is a copy. */
static void copies(void **state)
{
	struct mfw_message m;
	struct ring ring;
	struct hub h;

	(void)state;
	hub_open(&h, 4);
	assert_int_equal(worker_open(&ring, &h), 0);
	hub_send(&h, (struct mfw_message){.slot = 2, .kind = MFW_BIRTH, .bytes = 100});
	assert_int_equal(ring_take(&ring, &m), 0);
	h.to_worker->message[0].slot = 77;
	h.head->slots = 77;
	assert_int_equal(m.slot, 2);
	assert_int_equal(ring.head.slots, 4);
	assert_ptr_equal(ring_event(&ring, 1),
		ring.shared + MFW_AT_SLOTS + MF_EVENT_DEFAULT + MF_EFFECTS_DEFAULT);
	assert_ptr_equal(ring_effects(&ring, 0), ring.shared + MFW_AT_SLOTS + MF_EVENT_DEFAULT);
	worker_close(&ring, &h);
	hub_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_go_round),
		cmocka_unit_test(waking),
		cmocka_unit_test(bad_heads),
		cmocka_unit_test(bad_messages),
		cmocka_unit_test(bad_indices),
		cmocka_unit_test(copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
