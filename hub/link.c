/* hub/link.c - one worker's memory, rings and process. */
#include "hub/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hub/spawn.h"
#include "sys/fd.h"

/* Slots may take this much memory if all are ever used; there are at least LEAST of them. */
#define MEMORY_MOST (64u << 20)
#define SLOTS_LEAST 4u

/* Most are dead in one; one that had much memory takes longer. */
#define LEAVE_MS 20

struct link {
	uint8_t *memory;
	size_t bytes;
	struct mfw_ring *out, *in;
	uint32_t out_tail, in_head; /* ours; those in memory are only told */
	uint32_t slots, event_area, effects_area;
	bool at_worker[MFW_SLOTS];
	uint32_t free_slot[MFW_SLOTS], free_count;
	uint32_t slots_used;            /* those above were never taken */
	size_t used;                    /* bytes */
	uint32_t touched[MFW_SLOTS][2]; /* of it: each slot's event, effects */
	bool posted, own_socket;
	pid_t pid;
	int pidfd, wake_worker, wake_hub, words;
};

/* -------------------------------------------------------------------- open */

/* With areas there is one for each. */
static uint32_t choose_slots(uint64_t slot_bytes, uint32_t areas)
{
	uint32_t n = MFW_SLOTS;

	while (n > SLOTS_LEAST && n / 2 >= areas && (n * slot_bytes > MEMORY_MOST || areas > 0))
		n /= 2;
	return n;
}

static void write_head(struct link *link, const struct mfw_head *given)
{
	struct mfw_head head = *given;

	head.magic = MFW_MAGIC;
	head.version = MFW_VERSION;
	head.slots = link->slots;
	head.bytes = link->bytes;
	head.event_area = link->event_area;
	head.effects_area = link->effects_area;
	memcpy(link->memory + MFW_AT_HEAD, &head, sizeof(head));
	atomic_store((_Atomic uint32_t *)&link->in->sleeping, 1);
}

/* Makes the memory; *fd is for the worker, and the caller's to close. */
static int make_memory(struct link *link, const struct mfw_head *head, int *fd)
{
	uint64_t slot;

	link->event_area = (uint32_t)MFW_ROUND(head->event_area);
	link->effects_area = (uint32_t)MFW_ROUND(head->effects_area);
	slot = (uint64_t)link->event_area + link->effects_area;
	link->slots = choose_slots(slot, head->areas);
	link->bytes = MFW_AT_SLOTS + link->slots * slot;
	*fd = fd_memory("mayfly-ring", link->bytes);
	if (*fd < 0)
		return *fd;
	link->memory = mmap(NULL, link->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (link->memory == MAP_FAILED) {
		link->memory = NULL;
		return -errno;
	}
	link->out = (struct mfw_ring *)(void *)(link->memory + MFW_AT_TO_WORKER);
	link->in = (struct mfw_ring *)(void *)(link->memory + MFW_AT_TO_HUB);
	for (uint32_t i = link->slots; i-- > 0;)
		link->free_slot[link->free_count++] = i;
	write_head(link, head);
	return 0;
}

static int make_wakers(struct link *link)
{
	link->wake_worker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (link->wake_worker < 0)
		return -errno;
	link->wake_hub = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return link->wake_hub < 0 ? -errno : 0;
}

static int start(struct link *link, const struct link_options *o, int memory, int words)
{
	struct spawn spawn = {
		.nursery = o->nursery,
		.name = o->name,
		.cpu = o->cpu,
		.descriptors = o->descriptors,
		.memory = o->memory,
		.group = o->group,
		.fd =
			{
				[0] = o->null_fd,
				[1] = o->null_fd,
				[2] = words,
				[MFW_FD_SHARED] = memory,
				[MFW_FD_WAKE_WORKER] = link->wake_worker,
				[MFW_FD_WAKE_HUB] = link->wake_hub,
				[MFW_FD_IMAGE] = o->image_fd,
				[MFW_FD_DATA] = o->data_fd,
				[MFW_FD_KVM] = o->kvm_fd,
				[MFW_FD_SOCKET] = o->socket_fd,
				[MFW_FD_CPUID] = o->cpuid_fd,
				[MFW_FD_KEPT] = o->kept_fd,
				[MFW_FD_INPUT] = o->input_fd,
				[MFW_FD_OUTPUT] = o->output_fd,
			},
	};

	return spawn_worker(&spawn, &link->pid, &link->pidfd);
}

int link_open(struct link **out, const struct link_options *options)
{
	struct link *link = calloc(1, sizeof(*link));
	int memory = -1, words[2] = {-1, -1}, err;

	if (!link)
		return -ENOMEM;
	link->pidfd = link->wake_worker = link->wake_hub = link->words = -1;
	link->own_socket = options->socket_fd >= 0;
	err = make_memory(link, &options->head, &memory);
	if (err == 0)
		err = make_wakers(link);
	if (err == 0 && pipe2(words, O_CLOEXEC) < 0)
		err = -errno;
	if (err == 0) {
		link->words = words[0];
		err = fd_set_nonblocking(link->words, true);
	}
	if (err == 0)
		err = start(link, options, memory, words[1]);
	fd_close(&memory);
	fd_close(&words[1]);
	if (err < 0) {
		link_close(link);
		return err;
	}
	*out = link;
	return 0;
}

int link_close(struct link *link)
{
	int how = 0;

	if (link->pidfd >= 0)
		how = spawn_end(link->pidfd);
	fd_close(&link->pidfd);
	fd_close(&link->wake_worker);
	fd_close(&link->wake_hub);
	fd_close(&link->words);
	if (link->memory)
		munmap(link->memory, link->bytes);
	free(link);
	return how;
}

int link_leave(struct link *link)
{
	int pidfd = -1;

	if (link->pidfd >= 0 && !spawn_kill(link->pidfd, LEAVE_MS)) {
		pidfd = link->pidfd;
		link->pidfd = -1;
	}
	fd_close(&link->pidfd);
	(void)link_close(link);
	return pidfd;
}

int link_ended(const struct link *link)
{
	return spawn_ended(link->pidfd);
}

pid_t link_pid(const struct link *link)
{
	return link->pid;
}

int link_process_fd(const struct link *link)
{
	return link->pidfd;
}

int link_wake_fd(const struct link *link)
{
	return link->wake_hub;
}

int link_words_fd(const struct link *link)
{
	return link->words;
}

/* ------------------------------------------------------------------- slots */

uint32_t link_slots(const struct link *link)
{
	return link->slots;
}

size_t link_event_area(const struct link *link)
{
	return link->event_area;
}

size_t link_effects_area(const struct link *link)
{
	return link->effects_area;
}

int link_slot_take(struct link *link)
{
	uint32_t slot;

	if (link->free_count == 0)
		return -1;
	slot = link->free_slot[--link->free_count];
	if (slot >= link->slots_used)
		link->slots_used = slot + 1;
	return (int)slot;
}

bool link_slot_is_new(const struct link *link)
{
	return link->free_count > 0 && link->free_slot[link->free_count - 1] >= link->slots_used;
}

unsigned link_slots_used(const struct link *link)
{
	return link->slots_used;
}

size_t link_used(const struct link *link)
{
	return link->used;
}

enum { EVENT, EFFECTS };

/* A page that was written stays there until the worker ends. */
static void touch(struct link *link, uint32_t slot, unsigned part, uint32_t bytes)
{
	uint32_t n = (uint32_t)MFW_ROUND(bytes);

	if (n <= link->touched[slot][part])
		return;
	link->used += n - link->touched[slot][part];
	link->touched[slot][part] = n;
}

void link_slot_return(struct link *link, int slot)
{
	link->free_slot[link->free_count++] = (uint32_t)slot;
}

void *link_event(struct link *link, int slot)
{
	return link->memory + MFW_AT_SLOTS +
		(uint64_t)slot * ((uint64_t)link->event_area + link->effects_area);
}

/* ------------------------------------------------------------------- rings */

static void put(struct link *link, const struct mfw_message *m)
{
	link->out->message[link->out_tail % MFW_RING] = *m;
	link->out_tail++;
	atomic_store_explicit(
		(_Atomic uint32_t *)&link->out->tail, link->out_tail, memory_order_release);
	link->posted = true;
}

static void post(struct link *link, const struct mfw_message *m)
{
	link->at_worker[m->slot] = true;
	touch(link, m->slot, EVENT, m->bytes);
	touch(link, m->slot, EFFECTS, 1); /* each life leaves some */
	put(link, m);
}

void link_post(struct link *link, int slot, enum mfw_kind kind, size_t bytes)
{
	const struct mfw_message m = {
		.slot = (uint32_t)slot, .kind = (uint16_t)kind, .bytes = (uint32_t)bytes};

	post(link, &m);
}

static uint32_t *stop_of(struct link *link, int slot)
{
	return &link->out->stop[(unsigned)slot / 32];
}

void link_stop(struct link *link, int slot)
{
	(void)__atomic_fetch_or(stop_of(link, slot), 1u << (unsigned)slot % 32, __ATOMIC_RELEASE);
}

void link_birth(struct link *link, int slot, size_t bytes, uint64_t filled, uint64_t written)
{
	const struct mfw_message m = {.slot = (uint32_t)slot,
		.kind = MFW_BIRTH,
		.bytes = (uint32_t)bytes,
		.touched = filled,
		.written = written};

	(void)__atomic_fetch_and(
		stop_of(link, slot), ~(1u << (unsigned)slot % 32), __ATOMIC_RELEASE);
	post(link, &m);
}

void link_wipe(struct link *link, int slot, uint64_t lives)
{
	const struct mfw_message m = {.slot = (uint32_t)slot, .kind = MFW_WIPE, .touched = lives};

	put(link, &m);
}

void link_turn(struct link *link, enum mfw_kind kind, uint32_t turn)
{
	const struct mfw_message m = {.kind = (uint16_t)kind, .bytes = turn};

	put(link, &m);
}

void link_kick(struct link *link)
{
	static const uint64_t one = 1;

	if (!link->posted)
		return;
	link->posted = false;
	atomic_thread_fence(memory_order_seq_cst); /* tail first, then the look at sleeping */
	if (atomic_exchange((_Atomic uint32_t *)&link->out->sleeping, 0) != 0) {
		/* a full counter means that it is readable, which is all that matters */
		ssize_t ignored = write(link->wake_worker, &one, sizeof(one));

		(void)ignored;
	}
}

/* How many messages wait; -EPROTO: more than fit. */
static int waiting(struct link *link)
{
	uint32_t tail =
		atomic_load_explicit((_Atomic uint32_t *)&link->in->tail, memory_order_acquire);
	uint32_t n = tail - link->in_head;

	return n > MFW_RING ? -EPROTO : (int)n;
}

/* As waiting, but if there is nothing the worker is told to wake us. */
static int waiting_or_sleep(struct link *link)
{
	int n = waiting(link);

	if (n != 0)
		return n;
	atomic_store((_Atomic uint32_t *)&link->in->sleeping, 1);
	atomic_thread_fence(memory_order_seq_cst);
	return waiting(link);
}

static bool sane_of_socket(const struct link *link, const struct mfw_message *m)
{
	return link->own_socket && m->kind >= MFW_FINISHED && m->kind <= MFW_TOLD_LOG &&
		m->slot < MFW_TOLD && m->result < MFW_RESULTS;
}

static bool sane(const struct link *link, const struct mfw_message *m)
{
	if (m->kind != MFW_DEATH && m->kind != MFW_SUSPENDED)
		return false;
	if (m->slot >= link->slots || !link->at_worker[m->slot])
		return false;
	return m->result < MFW_RESULTS && m->bytes <= link->effects_area;
}

int link_receive(struct link *link, struct mfw_message *message)
{
	int n = waiting_or_sleep(link);

	if (n <= 0)
		return n;
	memcpy(message, &link->in->message[link->in_head % MFW_RING], sizeof(*message));
	atomic_signal_fence(memory_order_seq_cst); /* the copy is what is checked */
	link->in_head++;
	atomic_store_explicit(
		(_Atomic uint32_t *)&link->in->head, link->in_head, memory_order_release);
	if (sane_of_socket(link, message))
		return 1;
	if (!sane(link, message))
		return -EPROTO;
	link->at_worker[message->slot] = false;
	touch(link, message->slot, EFFECTS, message->bytes);
	return 1;
}

const uint8_t *link_effects(struct link *link, int slot)
{
	return (const uint8_t *)link_event(link, slot) + link->event_area;
}

void link_effects_copy(struct link *link, const struct mfw_message *message, void *to)
{
	const uint8_t *from = link_event(link, (int)message->slot);

	memcpy(to, from + link->event_area, message->bytes);
	atomic_signal_fence(memory_order_seq_cst);
}

void link_counts(struct link *link, struct mfw_counts *counts)
{
	const struct mfw_socket *from = (const void *)(link->memory + MFW_AT_SOCKET);

	memcpy(counts, &from->counts, sizeof(*counts));
	/* last: what began is never less than what ended */
	counts->events = __atomic_load_n(&from->counts.events, __ATOMIC_ACQUIRE);
}

void link_told(struct link *link, const struct mfw_message *message, struct mfw_told *told)
{
	const struct mfw_socket *from = (const void *)(link->memory + MFW_AT_SOCKET);

	memcpy(told, &from->told[message->slot], sizeof(*told));
	atomic_signal_fence(memory_order_seq_cst);
}

int link_status(struct link *link, struct mfw_status *status)
{
	const uint8_t *at = link->memory + MFW_AT_STATUS;
	uint32_t state = atomic_load_explicit((_Atomic uint32_t *)(void *)at, memory_order_acquire);

	memcpy(status, at, sizeof(*status));
	atomic_signal_fence(memory_order_seq_cst);
	status->state = state;
	status->message[sizeof(status->message) - 1] = '\0';
	return state > MFW_FAILED || status->backend > MFW_BACKEND_PROCESS ? -EPROTO : 0;
}
