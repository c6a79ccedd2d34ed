/* monitor/socket.c - datagrams in, lives, datagrams out. */
#include "monitor/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/histogram.h"
#include "monitor/core.h"
#include "sys/net.h"
#include "sys/random.h"
#include "wire/effects.h"
#include "wire/event.h"
#include "wire/words.h"

_Static_assert(MFW_BUCKETS == HISTOGRAM_BUCKETS + 1 &&
		sizeof(struct mfw_times) == sizeof(struct histogram) &&
		offsetof(struct mfw_times, sum_ns) == offsetof(struct histogram, sum_ns),
	"struct mfw_times is a struct histogram");
_Static_assert(REFUSALS <= MFW_REFUSALS && MFW_RESULTS <= MFW_COUNTED, "struct mfw_counts");

/* Datagrams that one system call may bring; fewer if events are large. */
#define BATCH       16u
#define BATCH_BYTES (256u << 10)
/* Two: if only one comes there are no more, which then needn't be asked for. */
#define FEWEST 2u
/* And only as many as are lived in about this time: other threads may be idle. */
#define AHEAD_NS 200000u

#define ID   32u              /* hexadecimal digits */
#define TAIL (NET_TEXT + 16u) /* room behind the payload for event.peer, and its padding */

#define TELL_MOST 20u /* lines a second; the rest is only counted */

#define MARK 0x10000u /* of socket.at_work: no datagram is taken any more */

union control {
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	struct cmsghdr align;
};

/* A datagram's place, made ready before it comes. */
struct place {
	struct mf_event head;
	struct event_writer writer;
	uint8_t *payload;
	char id[ID];
	struct net_address peer;
	struct iovec iov;
	union control control;
	bool ready;
};

struct receiver {
	struct socket *socket;
	uint8_t *memory; /* of events, one after another */
	size_t event_bytes;
	unsigned places;
	uint64_t life_ns; /* about */
	struct place place[BATCH];
	struct mmsghdr message[BATCH];
	/* of the batch at hand: */
	int64_t wall;
	uint64_t boot, spent_ns;
	bool awake; /* there may be a datagram */
};

static uint64_t now(clockid_t clock)
{
	struct timespec t = {0};

	syscall(SYS_clock_gettime, clock, &t); /* not the vDSO: see shell_deny */
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ------------------------------------------------------------------- counts */

static struct mfw_counts *counts(const struct receiver *r)
{
	return &r->socket->ring->socket->counts;
}

static void add(uint64_t *to, uint64_t n)
{
	__atomic_fetch_add(to, n, __ATOMIC_RELAXED);
}

static void add_time(struct mfw_times *to, uint64_t ns)
{
	unsigned i = histogram_bucket(ns);

	add(&to->bucket[i], 1);
	add(&to->sum_ns, ns);
}

/* ------------------------------------------------------------------ telling */

/* At most so many a second, all threads together. */
static bool may_tell(struct socket *s)
{
	uint64_t second = now(CLOCK_MONOTONIC) / 1000000000u;
	uint64_t was = atomic_load(&s->telling), is;

	do {
		is = was >> 32 == (uint32_t)second ? was + 1 : second << 32 | 1;
		if ((uint32_t)is > TELL_MOST)
			return false;
	} while (!atomic_compare_exchange_weak(&s->telling, &was, is));
	return true;
}

static void tell(
	struct receiver *r, const struct place *p, struct mfw_message message, const uint8_t *text)
{
	if (may_tell(r->socket))
		ring_tell_of(r->socket->ring, &message, p->id, text);
}

static void tell_logs(struct receiver *r, const struct place *p, struct effects_reader reader)
{
	struct effect e;

	while (effects_next(&reader, &e)) {
		struct mf_str text = e.field[MF_FIELD_BODY];

		if (e.kind == MF_EFFECT_LOG)
			tell(r, p,
				(struct mfw_message){.kind = MFW_TOLD_LOG,
					.result = (uint16_t)e.status,
					.bytes = text.n < MFW_TOLD_TEXT ? (uint32_t)text.n
									: MFW_TOLD_TEXT},
				text.p);
	}
}

/* ------------------------------------------------------------------ replies */

/* The message that brought the datagram takes the reply back: to the peer, from the address that
 * it was sent to. */
static void send_back(struct receiver *r, unsigned i, const uint8_t *bytes, size_t n)
{
	struct msghdr *msg = &r->message[i].msg_hdr;
	struct iovec iov = {(void *)(uintptr_t)bytes, n};
	struct cmsghdr *c = msg->msg_control ? CMSG_FIRSTHDR(msg) : NULL;
	struct in_pktinfo four;
	long rc;

	if (c != NULL && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		memcpy(&four, CMSG_DATA(c), sizeof(four));
		four.ipi_spec_dst = four.ipi_addr;
		four.ipi_ifindex = 0;
		memcpy(CMSG_DATA(c), &four, sizeof(four));
	}
	msg->msg_iov = &iov;
	msg->msg_flags = 0;
	rc = syscall(SYS_sendmsg, MFW_FD_SOCKET, msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	msg->msg_iov = &r->place[i].iov;
	if (rc < 0) {
		add(&counts(r)->unsent, 1); /* as any network may lose it */
		return;
	}
	add(&counts(r)->replies, 1);
	add(&counts(r)->bytes_out, n);
}

static void refuse(struct receiver *r, unsigned i, enum refusal why)
{
	const struct place *p = &r->place[i];
	size_t n = r->message[i].msg_len < WORDS_MOST ? r->message[i].msg_len : WORDS_MOST;
	uint8_t answer[WORDS_MOST];

	add(&counts(r)->refused[why], 1);
	n = words_refuse(r->socket->ring->head.words, why, p->payload, n, answer);
	if (n > 0)
		send_back(r, i, answer, n);
	else
		add(&counts(r)->dropped, 1); /* UDP has no other word for it */
}

/* -------------------------------------------------------------------- lives */

/* Replies and logs are all that such a service may ask for. The kind of what else there is, or
 * 0; *reply is the reply, if there is one. */
static uint32_t look(struct effects_reader reader, struct effect *reply, bool *replied)
{
	struct effect e;

	*replied = false;
	while (effects_next(&reader, &e)) {
		if ((e.kind != MF_EFFECT_REPLY && e.kind != MF_EFFECT_LOG) ||
			(e.flags & MF_EFFECT_BLOB))
			return e.kind;
		if (e.kind == MF_EFFECT_REPLY) {
			*reply = e;
			*replied = true;
		}
	}
	return 0;
}

static void end_badly(struct receiver *r, unsigned i, const struct life *life, enum mfw_result as)
{
	add(&counts(r)->results[as], 1);
	tell(r, &r->place[i],
		(struct mfw_message){.kind = MFW_TOLD_END,
			.result = (uint16_t)as,
			.vector = life->vector,
			.address = life->address,
			.touched = life->touched},
		NULL);
	refuse(r, i, refusal_of(as));
}

/* What the life left, all of it or nothing. */
static void judge(struct receiver *r, unsigned i, const struct life *life)
{
	struct effects_reader reader;
	struct effect reply;
	uint32_t record, denied;
	bool sound, replied;

	sound = effects_open(&reader, life->effects, life->bytes, ~0u, &record) == NULL;
	if (life->result != MFW_OK || !sound) {
		if (sound)
			tell_logs(r, &r->place[i], reader);
		end_badly(r, i, life, life->result != MFW_OK ? life->result : MFW_ERR_EFFECTS);
		return;
	}
	denied = look(reader, &reply, &replied);
	if (denied != 0) {
		add(&counts(r)->denied, 1);
		tell(r, &r->place[i],
			(struct mfw_message){.kind = MFW_TOLD_DENIED, .bytes = denied}, NULL);
		refuse(r, i, REFUSED_DENIED);
		return;
	}
	add(&counts(r)->results[MFW_OK], 1);
	if (replied) {
		add(&counts(r)->replied, 1);
		send_back(r, i, reply.field[MF_FIELD_BODY].p, reply.field[MF_FIELD_BODY].n);
	}
	tell_logs(r, &r->place[i], reader);
}

static void learn(struct receiver *r, const struct life *life)
{
	uint64_t ns = life->birth_ns + life->run_ns;

	add(&counts(r)->lives, 1);
	add_time(&counts(r)->queue, r->spent_ns);
	add_time(&counts(r)->birth, life->birth_ns);
	add_time(&counts(r)->run, life->run_ns);
	r->spent_ns += ns;
	add_time(&counts(r)->total, r->spent_ns);
	r->life_ns = r->life_ns == 0 ? ns : r->life_ns - r->life_ns / 8 + ns / 8;
}

/* One datagram, received into its place. */
static void serve(struct receiver *r, unsigned i, struct shell *shell)
{
	struct place *p = &r->place[i];
	struct life life;
	char peer[NET_TEXT];

	p->peer.size = r->message[i].msg_hdr.msg_namelen;
	add(&counts(r)->bytes_in, r->message[i].msg_len);
	if (r->message[i].msg_hdr.msg_flags & MSG_TRUNC) {
		refuse(r, i, REFUSED_TOO_BIG);
		return;
	}
	event_payload_set(&p->writer, r->message[i].msg_len);
	event_span(&p->writer, &p->head.peer, mf_str_of(peer, net_text(&p->peer, peer)));
	p->head.time_ns = r->wall;
	p->head.elapsed_ns = r->boot;
	p->head.deadline_ns = r->socket->deadline_ns;
	random_bytes(p->head.seed, sizeof(p->head.seed));
	memcpy(p->writer.base, &p->head, sizeof(p->head));
	shell_live(shell, p->writer.base, p->head.bytes, &life);
	learn(r, &life);
	judge(r, i, &life);
}

/* ------------------------------------------------------------------ receive */

static void make_id(char id[static ID])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t raw[ID / 2];

	random_bytes(raw, sizeof(raw));
	for (unsigned i = 0; i < sizeof(raw); i++) {
		id[2 * i] = digits[raw[i] >> 4];
		id[2 * i + 1] = digits[raw[i] & 15];
	}
}

/* All of an event that comes before its payload. */
static void make_ready(struct receiver *r, unsigned i)
{
	const struct mfw_head *head = &r->socket->ring->head;
	struct place *p = &r->place[i];
	size_t room;

	if (!p->ready) {
		make_id(p->id);
		event_begin_apart(&p->writer, &p->head, r->memory + i * r->event_bytes,
			r->event_bytes, MF_SOURCE_UDP);
		event_span(&p->writer, &p->head.id, mf_str_of(p->id, ID));
		event_span(&p->writer, &p->head.type, MF_STR("udp.datagram"));
		event_span(&p->writer, &p->head.subject,
			mf_str_of(head->subject, head->subject_bytes));
		p->payload = event_payload_room(&p->writer, &room);
		p->iov = (struct iovec){p->payload, room > TAIL ? room - TAIL : 0};
		p->ready = true;
	}
	r->message[i].msg_hdr.msg_name = &p->peer.any;
	r->message[i].msg_hdr.msg_namelen = sizeof(p->peer.v6);
	r->message[i].msg_hdr.msg_iov = &p->iov;
	r->message[i].msg_hdr.msg_iovlen = 1;
	r->message[i].msg_hdr.msg_control = head->flags & MFW_WILDCARD ? &p->control : NULL;
	r->message[i].msg_hdr.msg_controllen = head->flags & MFW_WILDCARD ? sizeof(p->control) : 0;
}

static unsigned how_many(const struct receiver *r)
{
	/* cppcheck-suppress ctunullpointer ; last_words(), where there is none, doesn't return */
	uint64_t n = r->life_ns > 0 ? AHEAD_NS / r->life_ns : 0;

	if (n < FEWEST)
		n = FEWEST;
	return n < r->places ? (unsigned)n : r->places;
}

/* With the lock held: if nobody is at work any more, that is told, once. */
static void tell_finished(struct socket *s)
{
	const struct mfw_message message = {.kind = MFW_FINISHED, .bytes = s->turn};

	if (s->finished || atomic_load(&s->at_work) != MARK)
		return;
	s->finished = true;
	if (ring_put(s->ring, &message) < 0)
		_exit(2);
}

static void leave(struct socket *s)
{
	if (atomic_fetch_sub(&s->at_work, 1) - 1 != MARK)
		return;
	pthread_mutex_lock(&s->lock);
	tell_finished(s);
	pthread_mutex_unlock(&s->lock);
}

/* Counted among those at work; false: it isn't ours now. */
static bool enter(struct socket *s)
{
	if (!(atomic_fetch_add(&s->at_work, 1) & MARK))
		return true;
	leave(s);
	return false;
}

/* Two threads may have taken two of them: the later one counts, whoever comes first. */
void socket_heed(struct socket *socket, const struct mfw_message *message)
{
	static const uint64_t one = 1;

	pthread_mutex_lock(&socket->lock);
	if ((int32_t)(message->bytes - socket->turn) > 0) {
		socket->turn = message->bytes;
		if (message->kind == MFW_RECEIVE) {
			socket->finished = true; /* nothing to tell until it shall end */
			atomic_fetch_and(&socket->at_work, ~MARK);
			/* others wait for the ring alone */
			(void)!write(socket->ring->wake_worker, &one, sizeof(one));
		} else {
			socket->finished = false;
			atomic_fetch_or(&socket->at_work, MARK);
			tell_finished(socket);
		}
	}
	pthread_mutex_unlock(&socket->lock);
}

/* One system call tells how many there are: if fewer came than asked for, none is left. */
bool receiver_round(struct receiver *r, struct shell *shell)
{
	unsigned most = how_many(r);
	long n;

	if (!r->awake || !enter(r->socket))
		return false;
	for (unsigned i = 0; i < most; i++)
		make_ready(r, i);
	n = syscall(SYS_recvmmsg, MFW_FD_SOCKET, r->message, most, MSG_DONTWAIT, NULL);
	if (n > 0) {
		r->wall = (int64_t)now(CLOCK_REALTIME);
		r->boot = now(CLOCK_BOOTTIME);
		r->spent_ns = 0;
		add(&counts(r)->events, (uint64_t)n);
	}
	for (long i = 0; i < n; i++) {
		serve(r, (unsigned)i, shell);
		r->place[i].ready = false;
	}
	leave(r->socket);
	r->awake = n == (long)most;
	return r->awake;
}

void receiver_wait(struct receiver *r)
{
	struct pollfd wait[] = {{.fd = r->socket->ring->wake_worker, .events = POLLIN},
		{.fd = MFW_FD_SOCKET, .events = POLLIN}};
	bool ours = !(atomic_load(&r->socket->at_work) & MARK);

	if (!ring_sleep(r->socket->ring))
		return;
	poll(wait, ours ? 2 : 1, -1);
	if (wait[0].revents)
		ring_woken(r->socket->ring);
	r->awake = !ours || wait[1].revents != 0;
}

/* ------------------------------------------------------------ open and close */

void socket_init(struct socket *socket, struct ring *ring, const struct mfi_image *note)
{
	*socket = (struct socket){.ring = ring, .note = note, .at_work = MARK, .finished = true};
	pthread_mutex_init(&socket->lock, NULL);
	socket->deadline_ns = ring->head.deadline_ns ? ring->head.deadline_ns : note->deadline_ns;
}

struct receiver *receiver_open(struct socket *socket)
{
	struct receiver *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->socket = socket;
	r->event_bytes = (socket->note->event_bytes + 7u) & ~7u;
	r->places = (unsigned)(BATCH_BYTES / r->event_bytes);
	if (r->places > BATCH)
		r->places = BATCH;
	if (r->places < 1)
		r->places = 1;
	r->memory = malloc(r->places * r->event_bytes);
	r->awake = true;
	if (r->memory != NULL)
		return r;
	free(r);
	return NULL;
}

void receiver_close(struct receiver *receiver)
{
	free(receiver->memory);
	free(receiver);
}
