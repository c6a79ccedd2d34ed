/*
 * fuzz/ring.c - the worker's end of the ring, and a hub in an attacker's hands: any head, any message,
 * any scribble. Also the worker's own socket, to which anybody sends and on which lives answer. No
 * slot or size that isn't there is ever handed out, and what is counted adds up.
 */
/* with: fuzz/lib/clock.c */
/* link: -Wl,--wrap=clock_gettime -Wl,--wrap=_exit */
/* libfuzzer: -max_len=3000 -len_control=20 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz/lib/clock.h"
#include "fuzz/lib/effects.h"
#include "fuzz/lib/fuzz.h"
#include "monitor/monitor.h"
#include "monitor/ring.h"
#include "monitor/socket.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/net.h"

#define EVENT     4096u
#define EFFECTS   8192u
#define SLOTS     4u
#define SHARED    (MFW_AT_SLOTS + SLOTS * (EVENT + EFFECTS))
#define STEPS     200u
#define ROUNDS    64u
#define PUT_AHEAD 0x10000u

static struct ring ring;
static struct mfi_image note = {.event_bytes = EVENT, .effects_bytes = EFFECTS};
static int wake_worker = -1, wake_hub = -1;

/* ---------------------------------------------------------- the worker's process */

static jmp_buf gone;
static bool running;

_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);
_Noreturn void __wrap__exit(int status)
{
	if (running)
		longjmp(gone, 1);
	__real__exit(status);
}

static struct feed *lives; /* how they go */
static uint64_t lived;
static uint8_t area[EFFECTS] __attribute__((aligned(8)));

static void leave(struct feed *feed, struct life *life)
{
	struct effects_build build;
	struct mf_str raw;
	struct effect e;

	life->effects = area;
	if (feed_below(feed, 4) == 3) {
		raw = feed_some(feed, sizeof(area));
		if (raw.n > 0)
			memcpy(area, raw.p, raw.n);
		life->bytes = (uint32_t)raw.n;
		return;
	}
	effects_begin(&build, area, sizeof(area), MF_OUTCOME_OK);
	for (unsigned n = feed_below(feed, 4); n > 0; n--) {
		e = (struct effect){
			.kind = (enum mf_effect_kind)(feed_below(feed, 8)
					? feed_below(feed, 2) ? MF_EFFECT_REPLY : MF_EFFECT_LOG
					: feed_below(feed, MF_EFFECT_KINDS))};
		e.status = e.kind == MF_EFFECT_REPLY ? 200 : feed_below(feed, 5);
		e.field[MF_FIELD_BODY] = feed_some(feed, 700);
		effects_add(&build, &e);
	}
	life->bytes = (uint32_t)build.used;
}

/* In the place of monitor/shell.c: reads the event as a life does, and ends as the input says. */
void shell_live(struct shell *shell, const void *event, size_t size, struct life *life)
{
	struct mf_event head;
	uint8_t *copy = fuzz_copy(event, size);

	MUST(shell == NULL && size <= EVENT && size >= sizeof(head));
	memcpy(&head, copy, sizeof(head));
	MUST(head.bytes == size && head.source == MF_SOURCE_UDP);
	MUST((uint64_t)head.payload.off + head.payload.len <= size);
	MUST((uint64_t)head.peer.off + head.peer.len <= size && head.peer.len > 0);
	free(copy);
	*life = (struct life){.birth_ns = 1000, .run_ns = feed_below(lives, 4) * 100000u};
	if (feed_below(lives, 4) == 3)
		life->result = feed_below(lives, MFW_RESULTS);
	if (life->result == MFW_OK)
		leave(lives, life);
	lived++;
}

/* -------------------------------------------------------------------- memory */

static uint8_t *shared; /* the hub's view of it */
static size_t shared_bytes;

static void spoil_head(struct feed *feed, struct mfw_head *head)
{
	uint32_t *narrow[] = {&head->version, &head->slots, &head->event_area, &head->effects_area,
		&head->backend, &head->birth, &head->threads, &head->flags, &head->words,
		&head->subject_bytes};
	uint32_t value = feed_below(feed, 2) ? feed_32(feed) : 1u << feed_below(feed, 32);

	switch (feed_below(feed, 4)) {
	case 0: head->magic ^= feed_below(feed, 2); break;
	case 1: head->bytes = feed_below(feed, 2) ? feed_64(feed) : head->bytes + MF_PAGE; break;
	default: *narrow[feed_below(feed, 10)] = value;
	}
}

/* What the hub hands over; most of it is sound. */
static int make_shared(struct feed *feed)
{
	struct mfw_head head = {.magic = MFW_MAGIC,
		.version = MFW_VERSION,
		.slots = SLOTS,
		.event_area = EVENT,
		.effects_area = EFFECTS,
		.threads = 1,
		.deadline_ns = CLOCK_S,
		.subject_bytes = 9,
		.subject = "[::1]:53."};
	uint8_t how = feed_8(feed);
	int fd;

	shared_bytes = SHARED;
	if (how >= 240)
		shared_bytes = feed_below(feed, SHARED);
	head.bytes = shared_bytes;
	head.flags = (how & 1 ? MFW_OWN_SOCKET : 0) | (how & 2 ? MFW_WILDCARD : 0);
	head.words = how & 4 ? 1 : 0;
	if ((how & 0x70) == 0x70)
		spoil_head(feed, &head);
	fd = fd_memory("fuzz-ring", shared_bytes);
	MUST(fd >= 0);
	shared = mmap(NULL, shared_bytes + 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(shared != MAP_FAILED);
	if (shared_bytes >= sizeof(head))
		memcpy(shared, &head, sizeof(head));
	return fd;
}

/* ------------------------------------------------------------------- the hub */

static uint32_t posted; /* as far as the hub has told */

static struct mfw_ring *to_worker(void)
{
	return (void *)(shared + MFW_AT_TO_WORKER);
}

static void post(const struct mfw_message *m)
{
	to_worker()->message[posted++ % MFW_RING] = *m;
	__atomic_store_n(&to_worker()->tail, posted, __ATOMIC_RELEASE);
}

static void post_any(struct feed *feed)
{
	struct mfw_message m = {
		.slot = feed_below(feed, 2) ? feed_below(feed, SLOTS + 2) : feed_32(feed),
		.kind = (uint16_t)(feed_below(feed, 8) ? feed_below(feed, 12) : feed_16(feed)),
		.bytes = feed_below(feed, 2) ? feed_below(feed, 256) : feed_32(feed),
	};

	post(&m);
}

static void post_turn(struct feed *feed)
{
	static uint32_t turn;
	struct mfw_message m = {.kind = feed_below(feed, 2) ? MFW_RECEIVE : MFW_FINISH};

	m.bytes = feed_below(feed, 8) ? ++turn : feed_32(feed);
	post(&m);
}

static void scribble(struct feed *feed)
{
	struct mfw_ring *rings[2] = {to_worker(), (void *)(shared + MFW_AT_TO_HUB)};
	struct mfw_ring *r = rings[feed_below(feed, 2)];
	uint32_t value = feed_32(feed);
	struct mf_str bytes;
	size_t at;

	switch (feed_below(feed, 5)) {
	case 0: r->head = value; break;
	case 1: r->tail = value; break;
	case 2: r->sleeping = value; break;
	case 3: r->head = rings[1]->tail; break; /* it has read all */
	default:
		bytes = feed_some(feed, 4096);
		at = value % shared_bytes;
		if (bytes.n > 0 && bytes.n <= shared_bytes - at)
			memcpy(shared + at, bytes.p, bytes.n);
	}
}

/* ---------------------------------------------------------------- the worker */

static struct socket own;
static struct receiver *receiver;
static int client = -1, server_port;
static uint64_t heard;
static bool suspended[MFW_SLOTS]; /* lives that wait for the answer to a call */

static bool inside(const uint8_t *p, uint64_t n)
{
	return p >= ring.shared && n <= shared_bytes && p + n <= ring.shared + shared_bytes;
}

/* As monitor/worker_main.c: one message. False: it would exit. */
static bool take_one(void)
{
	struct mfw_message m;
	int n = ring_take_now(&ring, &m);
	struct mfw_message end = {0};

	if (n <= 0)
		return n == 0;
	if (m.kind == MFW_RECEIVE || m.kind == MFW_FINISH) {
		MUST(ring.head.flags & MFW_OWN_SOCKET);
		socket_heed(&own, &m);
		return true;
	}
	MUST(m.slot < ring.head.slots && m.slot < MFW_SLOTS);
	if (m.kind == MFW_WIPE)
		return ring.head.areas > 0;
	MUST(m.kind == MFW_BIRTH || m.kind == MFW_ANSWER || m.kind == MFW_DROP);
	MUST(m.bytes <= ring.head.event_area);
	MUST(inside(ring_event(&ring, m.slot), m.bytes));
	MUST(inside(ring_effects(&ring, m.slot), ring.head.effects_area));
	if (suspended[m.slot] == (m.kind == MFW_BIRTH))
		return false; /* no life waits there, or one still does */
	suspended[m.slot] = m.kind != MFW_DROP && m.bytes % 4 == 1; /* it calls, or once more */
	end.kind = suspended[m.slot] ? MFW_SUSPENDED : MFW_DEATH;
	end.slot = m.slot;
	return ring_put(&ring, &end) == 0;
}

static void hear(void)
{
	uint8_t bytes[65536];
	ssize_t n;

	while ((n = recv(client, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0)
		heard++;
}

static void send_datagram(struct feed *feed)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = (in_port_t)server_port};
	static uint8_t large[EVENT + 100];
	struct mf_str bytes = feed_some(feed, 1000);

	if (feed_below(feed, 16) == 1)
		bytes = mf_str_of(large, sizeof(large));
	(void)!sendto(client, bytes.p, bytes.n, 0, (struct sockaddr *)&to, sizeof(to));
}

static void check_told(void)
{
	MUST(ring.told <= ring.put);
	for (unsigned i = 0; i < MFW_TOLD; i++)
		MUST(ring.told_at[i] <= ring.put || ring.put > UINT32_MAX - PUT_AHEAD);
}

static bool step(struct feed *feed)
{
	struct mfw_message m = {.kind = MFW_DEATH};

	switch (feed_below(feed, 9)) {
	case 0:
	case 1: post_any(feed); return true;
	case 2: post_turn(feed); return true;
	case 3: scribble(feed); return true;
	case 4: send_datagram(feed); return true;
	case 5: clock_advance(CLOCK_S); return true;
	case 6: return ring_put(&ring, &m) == 0;
	case 7:
		for (unsigned i = 0; i < ROUNDS && receiver_round(receiver, NULL); i++)
			;
		hear();
		return true;
	default: return take_one();
	}
}

static void live(struct feed *feed)
{
	uint64_t one = 1;

	memset(suspended, 0, sizeof(suspended));
	socket_init(&own, &ring, &note);
	receiver = receiver_open(&own);
	MUST(receiver != NULL);
	if (setjmp(gone) == 0) {
		running = true;
		for (unsigned i = 0; i < STEPS && feed->n > 0 && step(feed); i++)
			check_told();
	}
	running = false;
	hear();
	MUST(heard <= 2 * lived + 256); /* a reply or a refusal each, none of its own accord */
	receiver_close(receiver);
	(void)!write(wake_worker, &one, sizeof(one));
	ring_woken(&ring);
}

/* ------------------------------------------------------------------------ all */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct net_address address;
	int fd, size = 1 << 20, on = 1;

	(void)argc, (void)argv;
	MUST(net_parse(&address, "127.0.0.1:0") == 0);
	fd = net_bind(&address, SOCK_DGRAM);
	server_port = address.v4.sin_port;
	MUST(fd >= 0 && dup2(fd, MFW_FD_SOCKET) == MFW_FD_SOCKET);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	wake_worker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	wake_hub = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	MUST(client >= 0 && wake_worker >= 0 && wake_hub >= 0);
	return 0;
}

/* Datagrams of the run before. */
static void empty(void)
{
	uint8_t byte;

	while (recv(MFW_FD_SOCKET, &byte, 1, MSG_DONTWAIT) >= 0)
		;
	hear();
	heard = lived = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	struct feed feed = {input, n};
	int fd, rc;

	clock_reset();
	empty();
	lives = &feed;
	posted = 0;
	fd = make_shared(&feed);
	rc = ring_open(&ring, fd, wake_worker, wake_hub);
	if (rc == 0) {
		MUST(ring.head.slots >= 1 && ring.head.slots <= MFW_SLOTS);
		MUST(inside(ring_effects(&ring, ring.head.slots - 1), ring.head.effects_area));
		MUST(inside((uint8_t *)ring.socket, sizeof(*ring.socket)));
		live(&feed);
	} else {
		MUST(rc == -EINVAL);
	}
	if (ring.shared)
		munmap(ring.shared, shared_bytes);
	munmap(shared, shared_bytes + 1);
	close(fd);
	return 0;
}
