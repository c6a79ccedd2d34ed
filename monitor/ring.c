#include "monitor/ring.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A slot goes from the thread that ends a life in it to the hub, and from there to the thread that begins
 * the next. ThreadSanitizer doesn't see the hub's part, so it is told. */
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#define TO_HUB(slot)   __tsan_release(slot)
#define FROM_HUB(slot) __tsan_acquire(slot)
#else
#define TO_HUB(slot)   ((void)(slot))
#define FROM_HUB(slot) ((void)(slot))
#endif

static uint64_t slot_bytes(const struct mfw_head *head)
{
	return (uint64_t)head->event_area + head->effects_area;
}

static int head_check(const struct mfw_head *head, uint64_t file_bytes)
{
	const uint32_t area_max = 1u << 30;

	if (head->magic != MFW_MAGIC || head->version != MFW_VERSION)
		return -EINVAL;
	if (head->slots == 0 || head->slots > MFW_SLOTS || (head->slots & (head->slots - 1)))
		return -EINVAL;
	if (head->flags & ~(MFW_OWN_SOCKET | MFW_WILDCARD | MFW_CORES) ||
		head->subject_bytes > MFW_SUBJECT)
		return -EINVAL;
	if (head->backend > MFW_BACKEND_PROCESS || head->birth > MFW_FRESH)
		return -EINVAL;
	if (head->event_area % MF_PAGE || head->effects_area % MF_PAGE ||
		head->event_area < MF_EVENT_MIN || head->effects_area < MF_EFFECTS_MIN ||
		head->event_area > area_max || head->effects_area > area_max)
		return -EINVAL;
	if (head->areas > MFW_AREAS || head->areas > head->slots || head->reserved != 0 ||
		head->input_bytes % MF_PAGE || head->output_bytes % MF_PAGE ||
		head->input_bytes > MF_ADDR_INPUT_END - MF_ADDR_INPUT ||
		head->output_bytes > MF_ADDR_OUTPUT_END - MF_ADDR_OUTPUT)
		return -EINVAL;
	if (head->bytes != file_bytes ||
		MFW_AT_SLOTS + head->slots * slot_bytes(head) > head->bytes)
		return -EINVAL;
	return 0;
}

int ring_open(struct ring *ring, int shared_fd, int wake_worker, int wake_hub)
{
	struct stat stat;
	void *at;

	*ring = (struct ring){.wake_worker = wake_worker, .wake_hub = wake_hub};
	if (fstat(shared_fd, &stat) < 0 || stat.st_size < (off_t)MFW_AT_SLOTS)
		return -EINVAL;
	at = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, shared_fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	ring->shared = at;
	memcpy(&ring->head, ring->shared + MFW_AT_HEAD, sizeof(ring->head));
	ring->status = (void *)(ring->shared + MFW_AT_STATUS);
	ring->socket = (void *)(ring->shared + MFW_AT_SOCKET);
	ring->to_worker = (void *)(ring->shared + MFW_AT_TO_WORKER);
	ring->to_hub = (void *)(ring->shared + MFW_AT_TO_HUB);
	pthread_mutex_init(&ring->take_lock, NULL);
	pthread_mutex_init(&ring->put_lock, NULL);
	return head_check(&ring->head, (uint64_t)stat.st_size);
}

const uint32_t *ring_stop(const struct ring *ring, uint32_t slot)
{
	return &ring->to_worker->stop[slot / 32];
}

uint8_t *ring_event(const struct ring *ring, uint32_t slot)
{
	return ring->shared + MFW_AT_SLOTS + slot * slot_bytes(&ring->head);
}

uint8_t *ring_effects(const struct ring *ring, uint32_t slot)
{
	return ring_event(ring, slot) + ring->head.event_area;
}

/* ----------------------------------------------------------------- taking */

/* How many messages wait; -EINVAL if the hub's index can't be, or, without the lock, if another thread
 * took one meanwhile: whoever hasn't the lock looks again with it. */
static int waiting(const struct ring *ring)
{
	uint32_t tail = __atomic_load_n(&ring->to_worker->tail, __ATOMIC_ACQUIRE);
	uint32_t n = tail - __atomic_load_n(&ring->taken, __ATOMIC_RELAXED);

	return n <= MFW_RING ? (int)n : -EINVAL;
}

void ring_woken(struct ring *ring)
{
	uint64_t count;

	/* if it fails another waking took it; whoever waited looks anyway */
	(void)!read(ring->wake_worker, &count, sizeof(count));
}

static void sleep_until_woken(struct ring *ring)
{
	struct pollfd wait = {.fd = ring->wake_worker, .events = POLLIN};

	poll(&wait, 1, -1);
	ring_woken(ring);
}

static void take_first(struct ring *ring, struct mfw_message *message)
{
	uint32_t taken = ring->taken + 1;

	memcpy(message, &ring->to_worker->message[ring->taken % MFW_RING], sizeof(*message));
	__atomic_store_n(&ring->taken, taken, __ATOMIC_RELAXED);
	__atomic_store_n(&ring->to_worker->head, taken, __ATOMIC_RELEASE);
	if (message->slot < ring->head.slots)
		FROM_HUB(ring_event(ring, message->slot));
}

/* With the lock held: whoever waits, waits for all. */
static int take(struct ring *ring, struct mfw_message *message)
{
	uint32_t *sleeping = &ring->to_worker->sleeping;
	int n;

	while ((n = waiting(ring)) == 0) {
		__atomic_store_n(sleeping, 1, __ATOMIC_SEQ_CST);
		if (waiting(ring) == 0)
			sleep_until_woken(ring);
		__atomic_store_n(sleeping, 0, __ATOMIC_SEQ_CST);
	}
	if (n > 0)
		take_first(ring, message);
	return n < 0 ? n : 0;
}

static bool sane(const struct ring *ring, const struct mfw_message *message)
{
	if (message->kind == MFW_FINISH || message->kind == MFW_RECEIVE)
		return (ring->head.flags & MFW_OWN_SOCKET) != 0;
	return message->slot < ring->head.slots && message->bytes <= ring->head.event_area &&
		(message->kind == MFW_BIRTH || message->kind == MFW_ANSWER ||
			message->kind == MFW_DROP ||
			(message->kind == MFW_WIPE && ring->head.areas > 0));
}

int ring_take(struct ring *ring, struct mfw_message *message)
{
	int rc;

	pthread_mutex_lock(&ring->take_lock);
	rc = take(ring, message);
	pthread_mutex_unlock(&ring->take_lock);
	return rc == 0 && !sane(ring, message) ? -EINVAL : rc;
}

int ring_take_now(struct ring *ring, struct mfw_message *message)
{
	int n = waiting(ring); /* mostly there is none, and no need for the lock */

	if (n == 0)
		return 0;
	pthread_mutex_lock(&ring->take_lock);
	n = waiting(ring);
	if (n > 0)
		take_first(ring, message);
	pthread_mutex_unlock(&ring->take_lock);
	if (n > 0)
		return sane(ring, message) ? 1 : -EINVAL;
	return n;
}

bool ring_sleep(struct ring *ring)
{
	__atomic_store_n(&ring->to_worker->sleeping, 1, __ATOMIC_SEQ_CST);
	return waiting(ring) == 0;
}

/* ---------------------------------------------------------------- putting */

void ring_tell(struct ring *ring)
{
	const uint64_t one = 1;

	__atomic_store_n(&ring->to_hub->sleeping, 0, __ATOMIC_SEQ_CST);
	/* if it fails its counter is full, and it will wake all the same */
	(void)!write(ring->wake_hub, &one, sizeof(one));
}

/* With the lock held. */
static void put(struct ring *ring, const struct mfw_message *message)
{
	memcpy(&ring->to_hub->message[ring->put % MFW_RING], message, sizeof(*message));
	ring->put++;
	__atomic_store_n(&ring->to_hub->tail, ring->put, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&ring->to_hub->sleeping, __ATOMIC_SEQ_CST))
		ring_tell(ring);
}

/* How many the hub hasn't taken, as it says. */
static uint32_t unread(const struct ring *ring)
{
	return ring->put - __atomic_load_n(&ring->to_hub->head, __ATOMIC_ACQUIRE);
}

int ring_put(struct ring *ring, const struct mfw_message *message)
{
	int rc = -EINVAL;

	pthread_mutex_lock(&ring->put_lock);
	if (unread(ring) < MFW_RING) {
		if (message->kind == MFW_DEATH || message->kind == MFW_SUSPENDED)
			TO_HUB(ring_event(ring, message->slot));
		put(ring, message);
		rc = 0;
	}
	pthread_mutex_unlock(&ring->put_lock);
	return rc;
}

void ring_tell_of(struct ring *ring, struct mfw_message *message, const char id[static 32],
	const uint8_t *text)
{
	uint32_t i, n;

	pthread_mutex_lock(&ring->put_lock);
	i = ring->told % MFW_TOLD;
	n = unread(ring);
	/* what the slots may bring has its room; and the entry's last message must have been read */
	if (n < MFW_RING - MFW_SLOTS - 1 &&
		(ring->told < MFW_TOLD || ring->put - ring->told_at[i] > n)) {
		memcpy(ring->socket->told[i].id, id, sizeof(ring->socket->told[i].id));
		if (message->kind == MFW_TOLD_LOG)
			memcpy(ring->socket->told[i].text, text, message->bytes);
		ring->told_at[i] = ring->put;
		ring->told++;
		message->slot = i;
		put(ring, message);
	}
	pthread_mutex_unlock(&ring->put_lock);
}
