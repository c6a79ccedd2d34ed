/* See fake_worker.h. */
#include "tests/unit/hub/fake_worker.h"

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/guest.h"
#include "abi/worker.h"
#include "hub/nursery.h"

static uint8_t *shared;
static size_t shared_bytes;
static struct mfw_head head;
static struct mfw_ring *in, *out;
static uint32_t taken, put;

static void tell(void)
{
	uint64_t one = 1;

	__atomic_store_n(&out->sleeping, 0, __ATOMIC_SEQ_CST);
	(void)!write(MFW_FD_WAKE_HUB, &one, sizeof(one));
}

static void send_message(const struct mfw_message *m)
{
	out->message[put % MFW_RING] = *m;
	put++;
	__atomic_store_n(&out->tail, put, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&out->sleeping, __ATOMIC_SEQ_CST))
		tell();
}

static void set_state(enum mfw_state state, const char *message)
{
	struct mfw_status *s = (void *)(shared + MFW_AT_STATUS);

	s->backend = MFW_BACKEND_PROCESS;
	snprintf(s->message, sizeof(s->message), "%s", message);
	__atomic_store_n(&s->state, state, __ATOMIC_RELEASE);
	tell();
}

static struct mfw_message take(void)
{
	struct pollfd wait = {.fd = MFW_FD_WAKE_WORKER, .events = POLLIN};
	uint64_t n;

	while (__atomic_load_n(&in->tail, __ATOMIC_ACQUIRE) == taken) {
		__atomic_store_n(&in->sleeping, 1, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&in->tail, __ATOMIC_ACQUIRE) == taken)
			poll(&wait, 1, -1);
		(void)!read(MFW_FD_WAKE_WORKER, &n, sizeof(n));
	}
	return in->message[taken++ % MFW_RING];
}

/* ------------------------------------------------------------------ effects */

static uint32_t put_effect(uint8_t *area, uint16_t kind, uint32_t status, const char *name,
	const void *body, uint32_t n)
{
	struct mf_effects *e = (void *)area;
	uint32_t name_n = (uint32_t)strlen(name);
	uint32_t size = ((uint32_t)sizeof(struct mf_effect) + name_n + n + 7) & ~7u;
	struct mf_effect *r = (void *)(area + e->bytes);

	memset(r, 0, size);
	r->size = size;
	r->kind = kind;
	r->status = status;
	r->len[MF_FIELD_NAME] = name_n;
	r->len[MF_FIELD_BODY] = n;
	memcpy(r + 1, name, name_n);
	memcpy((uint8_t *)(r + 1) + name_n, body, n);
	e->bytes += size;
	e->count++;
	return e->bytes;
}

/* It calls, in one way or another. */
static struct mfw_message stand_still(
	const char *how, uint8_t *effects, const struct mfw_message *death)
{
	struct mfw_message m = *death;
	struct mf_effects *e = (void *)effects;

	m.kind = MFW_SUSPENDED;
	*e = (struct mf_effects){.bytes = sizeof(*e)};
	m.bytes = e->bytes;
	if (strcmp(how, "call-nothing") != 0)
		m.bytes = put_effect(effects, MF_EFFECT_CALL, 0, "echo", "what", 4);
	if (strcmp(how, "call-two") == 0)
		m.bytes = put_effect(effects, MF_EFFECT_CALL, 0, "echo", "else", 4);
	if (strcmp(how, "call-secret") == 0) {
		*e = (struct mf_effects){.bytes = sizeof(*e)};
		m.bytes = put_effect(effects, MF_EFFECT_CALL, 0, "secret", "what", 4);
	}
	if (strcmp(how, "call-again") == 0)
		send_message(&m);
	return m;
}

/* What the answer is becomes the reply; or it is over, or it was never there. */
static void go_on(const char *how, const struct mfw_message *answer)
{
	uint8_t *event = shared + MFW_AT_SLOTS +
		answer->slot * ((uint64_t)head.event_area + head.effects_area);
	uint8_t *effects = event + head.event_area;
	const struct mf_event *ev = (void *)event;
	struct mf_effects *e = (void *)effects;
	struct mfw_message death = {.slot = answer->slot, .kind = MFW_DEATH};

	if (answer->kind == MFW_DROP) {
		death.result = MFW_ERR_CALL;
		send_message(&death);
		return;
	}
	if (strcmp(how, "call-die") == 0 && !(ev->flags & MF_EVENT_RETRY))
		_exit(7);
	e->outcome = MF_OUTCOME_OK;
	if (strcmp(how, "call-deny") == 0) /* that it ever did */
		*e = (struct mf_effects){.bytes = sizeof(*e), .outcome = MF_OUTCOME_OK};
	if (strcmp(how, "call-more") == 0)
		put_effect(effects, MF_EFFECT_CALL, 0, "echo", "else", 4);
	death.bytes = put_effect(effects, MF_EFFECT_REPLY, ev->answer_status, "",
		event + ev->answer.off, ev->answer.len);
	send_message(&death);
}

/* "k" to what the event holds. */
static uint32_t put_payload(const char *how, uint8_t *effects, const uint8_t *event)
{
	const struct mf_event *ev = (const void *)event;
	struct mf_effect *r = (void *)(effects + sizeof(struct mf_effects));

	if (strcmp(how, "later") == 0 && ev->source != MF_SOURCE_SCHEDULE) {
		put_effect(effects, MF_EFFECT_SCHEDULE, 0, "x", event + ev->payload.off,
			ev->payload.len);
		r->value = 1000000;
	} else {
		put_effect(
			effects, MF_EFFECT_PUT, 0, "k", event + ev->payload.off, ev->payload.len);
	}
	if (strcmp(how, "put-if") == 0) {
		r->flags = MF_EFFECT_IF_VERSION;
		r->value = 7;
	}
	return put_effect(effects, MF_EFFECT_REPLY, 200, "", "done", 4);
}

static void live(const char *how, const struct mfw_message *birth)
{
	uint8_t *event = shared + MFW_AT_SLOTS +
		birth->slot * ((uint64_t)head.event_area + head.effects_area);
	uint8_t *effects = event + head.event_area;
	const struct mf_event *ev = (void *)event;
	struct mf_effects *e = (void *)effects;
	struct mfw_message death = {
		.slot = birth->slot, .kind = MFW_DEATH, .birth_ns = 1000, .run_ns = 2000};

	*e = (struct mf_effects){.bytes = sizeof(*e), .outcome = MF_OUTCOME_OK};
	death.bytes = e->bytes;
	if (strcmp(how, "die-always") == 0 ||
		(strcmp(how, "die-once") == 0 && !(ev->flags & MF_EVENT_RETRY)))
		_exit(7);
	if (strcmp(how, "silent") == 0)
		return;
	if (strcmp(how, "crash") == 0 ||
		(strcmp(how, "crash-once") == 0 && !(ev->flags & MF_EVENT_RETRY)) ||
		(strcmp(how, "crash-q") == 0 && event[ev->payload.off] == 'q')) {
		death.result = MFW_ERR_CRASHED;
		death.vector = 14;
		death.address = 0x20012;
		death.bytes = 0;
	} else if (strcmp(how, "log-fail") == 0) {
		death.bytes = put_effect(effects, MF_EFFECT_LOG, MF_LEVEL_ERROR, "", "sad", 3);
		e->outcome = MF_OUTCOME_FAILED;
	} else if (strcmp(how, "emit") == 0) {
		death.bytes = put_effect(effects, MF_EFFECT_EMIT, 0, "topic", "x", 1);
	} else if (strncmp(how, "put", 3) == 0 || strcmp(how, "later") == 0) {
		death.bytes = put_payload(how, effects, event);
	} else if (strcmp(how, "no-reply") != 0) {
		death.bytes = put_effect(effects, MF_EFFECT_REPLY, 200, "", event + ev->payload.off,
			ev->payload.len);
	}
	if (strcmp(how, "stranger") == 0)
		death.slot = (birth->slot + 1) % head.slots;
	if (strcmp(how, "big-effects") == 0)
		death.bytes = head.effects_area + 8;
	if (strcmp(how, "told-unasked") == 0)
		death.kind = MFW_TOLD_LOG;
	if (strncmp(how, "call", 4) == 0)
		death = stand_still(how, effects, &death);
	if (strcmp(how, "bad-kind") == 0)
		death.kind = 99;
	if (strcmp(how, "bad-result") == 0)
		death.result = MFW_RESULTS;
	if (strcmp(how, "bad-effects") == 0)
		memset(effects, 0xa5, 256);
	send_message(&death);
	if (strcmp(how, "twice") == 0)
		send_message(&death);
	if (strcmp(how, "far-tail") == 0) {
		__atomic_store_n(&out->tail, put + MFW_RING + 1, __ATOMIC_SEQ_CST);
		tell();
	}
	if (strcmp(how, "scribble") == 0) {
		memset(shared + MFW_AT_SLOTS, 0xff, shared_bytes - MFW_AT_SLOTS);
		memset(in->message, 0xff, sizeof(in->message));
	}
}

static void start(void)
{
	struct stat st;

	if (fstat(MFW_FD_SHARED, &st) < 0)
		_exit(9);
	shared_bytes = (size_t)st.st_size;
	shared = mmap(NULL, shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, MFW_FD_SHARED, 0);
	if (shared == MAP_FAILED)
		_exit(9);
	memcpy(&head, shared, sizeof(head));
	if (head.magic != MFW_MAGIC || head.bytes != shared_bytes)
		_exit(9);
	in = (void *)(shared + MFW_AT_TO_WORKER);
	out = (void *)(shared + MFW_AT_TO_HUB);
}

/* The first byte of its payload. */
static uint8_t payload_byte(const struct mfw_message *birth)
{
	const uint8_t *event = shared + MFW_AT_SLOTS +
		birth->slot * ((uint64_t)head.event_area + head.effects_area);

	return event[((const struct mf_event *)event)->payload.off];
}

static void live_backwards(void)
{
	struct mfw_message kept[MFW_SLOTS];
	unsigned n = 0;

	do
		kept[n++] = take();
	while (payload_byte(&kept[n - 1]) != 'z');
	while (n > 0)
		live("echo", &kept[--n]);
}

/* ----------------------------------------------------------- its own socket */

static void tell_nonsense(struct mfw_socket *own)
{
	struct mfw_message m = {.kind = MFW_TOLD_LOG, .result = MF_LEVEL_ERROR, .bytes = 8000};

	memset(own, 0x7f, sizeof(*own));
	memset(own->told[0].id, 'z', sizeof(own->told[0].id));
	send_message(&m);
	m = (struct mfw_message){.kind = MFW_TOLD_DENIED, .slot = 3, .bytes = ~0u};
	send_message(&m);
	m = (struct mfw_message){.kind = MFW_TOLD_END,
		.slot = MFW_TOLD - 1,
		.result = MFW_ERR_CRASHED,
		.vector = ~0u,
		.address = ~0ull};
	send_message(&m);
}

/* One datagram. */
static void take_datagram(const char *how, struct mfw_counts *counts)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	char bytes[2048];
	ssize_t n = recvfrom(
		MFW_FD_SOCKET, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&peer, &size);

	if (n < 0)
		return;
	if (strcmp(how, "own-dies") == 0)
		_exit(7);
	counts->events++;
	counts->lives++;
	if (strcmp(how, "own-fails") == 0) {
		counts->results[MFW_ERR_CRASHED]++;
		return;
	}
	counts->results[MFW_OK]++;
	counts->replied++;
	counts->replies++;
	counts->total.bucket[0]++;
	(void)!sendto(MFW_FD_SOCKET, bytes, (size_t)n, 0, (struct sockaddr *)&peer, size);
}

/* Until the hub has something to say. */
static void receive(const char *how)
{
	struct mfw_socket *own = (void *)(shared + MFW_AT_SOCKET);
	struct pollfd wait[] = {{.fd = MFW_FD_SOCKET, .events = POLLIN},
		{.fd = MFW_FD_WAKE_WORKER, .events = POLLIN}};
	struct mfw_message m = {.kind = MFW_TOLD_LOG};

	if (strcmp(how, "own-lies") == 0)
		tell_nonsense(own);
	if (strcmp(how, "own-level") == 0) {
		m.result = MFW_RESULTS - 1;
		send_message(&m);
	}
	if (strcmp(how, "own-slot") == 0) {
		m.slot = MFW_TOLD;
		send_message(&m);
	}
	if (strcmp(how, "own-early") == 0) {
		m.kind = MFW_FINISHED;
		send_message(&m);
	}
	while (__atomic_load_n(&in->tail, __ATOMIC_ACQUIRE) == taken) {
		__atomic_store_n(&in->sleeping, 1, __ATOMIC_SEQ_CST);
		poll(wait, 2, 10);
		take_datagram(how, &own->counts);
	}
}

static void leave(const char *how, const struct mfw_message *finish)
{
	struct mfw_message m = {.kind = MFW_FINISHED, .bytes = finish->bytes};

	if (strcmp(how, "own-stays") == 0)
		return;
	if (strcmp(how, "own-lies") == 0)
		memset(shared + MFW_AT_SOCKET, 0, sizeof(struct mfw_counts));
	if (strcmp(how, "own-wrong") == 0)
		m.bytes++;
	send_message(&m);
}

struct nursery *fake_nursery(void)
{
	static struct nursery nursery = {.socket = -1};

	if (nursery.socket < 0 && nursery_open(&nursery, FAKE_WORKER) < 0)
		abort();
	return &nursery;
}

void fake_worker_if_asked(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	if (strcmp(argv[0], "mayfly-worker") != 0)
		return;
	start();
	if (strcmp(how, "never-ready") == 0)
		for (;;)
			pause();
	if (strcmp(how, "die-early") == 0)
		_exit(3);
	if (strcmp(how, "fail") == 0) {
		set_state(MFW_FAILED, "mf_init failed: \"no such zone\"");
		_exit(1);
	}
	while (strcmp(how, "waker") == 0)
		tell();
	if (strcmp(how, "talk") == 0)
		(void)!write(2, "one\ntwo \033[31mred\n", 17);
	set_state(MFW_READY, "");
	if (strcmp(how, "backwards") == 0)
		live_backwards();
	for (;;) {
		struct mfw_message m = take();

		if (m.kind == MFW_RECEIVE)
			receive(how);
		else if (m.kind == MFW_FINISH)
			leave(how, &m);
		else if (m.kind == MFW_ANSWER || m.kind == MFW_DROP)
			go_on(how, &m);
		else if (m.kind != MFW_WIPE)
			live(how, &m);
	}
}
