/*
 * hub/in_tcp.c - connections that carry messages with their length in front (2 bytes, as in
 * DNS over TCP, RFC 7766, or 4). A message is an event; replies go back in the order in
 * which they are ready. What a peer may hold of the hub is bounded: see the limits below.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hub/accept.h"
#include "hub/bytes.h"
#include "hub/hub.h"
#include "sys/clock.h"
#include "sys/fd.h"

/* Without a whole message or a byte of a reply taken for so long, a connection is closed;
 * RFC 7766, 6.2.3 suggests "of the order of a few seconds". */
#define IDLE_NS (10 * CLOCK_S)

#define READ_MOST    65536u /* bytes a round, of one connection */
#define PENDING_MOST 32u    /* messages of one connection that are out */
#define UNSENT_MOST  65536u /* bytes that a peer hasn't taken, before no more is read of it */
#define VICTIMS      64u    /* of the oldest, how many are looked at to make room */

/* Room behind the payload for event.peer, and its padding. */
#define TAIL (NET_TEXT + 16u)

struct in_tcp;

struct conn {
	struct conn *next, *prev; /* by the last sign of progress, the oldest first */
	struct in_tcp *tcp;
	struct loop_source source;
	struct loop_later resume; /* messages wait in `in`, and there is room for them again */
	int fd;                   /* -1: closed, and here only for its tasks */
	uint32_t events;
	unsigned framing; /* as it was when the connection began */
	struct bytes in, out;
	unsigned pending; /* tasks, and whoever is busy with it: holds it in memory */
	bool ended;       /* the peer sends no more */
	uint64_t since_ns;
	unsigned peer_n;
	char peer[NET_TEXT];
};

struct in_tcp {
	struct input input;
	struct acceptor acceptor;
	struct loop_timer timer;
	bool stopping;
	struct conn *first, *last;
};

static uint8_t read_buffer[READ_MOST]; /* one thread, one connection at a time */

/* --------------------------------------------------------------- connections */

static void list_remove(struct conn *c)
{
	*(c->prev ? &c->prev->next : &c->tcp->first) = c->next;
	*(c->next ? &c->next->prev : &c->tcp->last) = c->prev;
}

static void list_append(struct conn *c)
{
	c->next = NULL;
	c->prev = c->tcp->last;
	*(c->prev ? &c->prev->next : &c->tcp->first) = c;
	c->tcp->last = c;
}

static void progress(struct conn *c)
{
	list_remove(c);
	c->since_ns = loop_now(c->tcp->input.hub->loop);
	list_append(c);
}

static void conn_close(struct conn *c)
{
	struct hub *hub = c->tcp->input.hub;

	loop_remove(hub->loop, c->fd, &c->source);
	loop_later_cancel(hub->loop, &c->resume);
	fd_close(&c->fd);
	bytes_free(&c->in, &hub->held);
	bytes_free(&c->out, &hub->held);
	list_remove(c);
	accept_uncount(&c->tcp->input);
}

/* The length of the first message with what is before it; 0: not known yet. */
static size_t message_size(const struct conn *c, const uint8_t *p, size_t n)
{
	size_t size = 0;

	if (n < c->framing)
		return 0;
	for (unsigned i = 0; i < c->framing; i++)
		size = size << 8 | p[i];
	return c->framing + size;
}

/* Is there something that take_messages would take? */
static bool message_waits(const struct conn *c)
{
	size_t n = bytes_left(&c->in);
	size_t size = n > 0 ? message_size(c, c->in.p + c->in.at, n) : 0;

	return size > 0 && size <= n;
}

/* What is waited for follows from how the connection stands. It may be gone afterwards. */
static void settle(struct conn *c)
{
	size_t unsent = bytes_left(&c->out);
	uint32_t events = 0;

	if (c->fd >= 0 && (c->ended || c->tcp->stopping) && c->pending == 0 && unsent == 0)
		conn_close(c);
	if (c->fd < 0) {
		if (c->pending == 0)
			free(c);
		return;
	}
	if (!c->ended && !c->tcp->stopping && c->pending < PENDING_MOST && unsent < UNSENT_MOST)
		events |= EPOLLIN;
	if (unsent > 0)
		events |= EPOLLOUT;
	if (events != c->events &&
		loop_change(c->tcp->input.hub->loop, c->fd, events, &c->source) == 0)
		c->events = events;
	if ((events & EPOLLIN) && message_waits(c))
		loop_later(c->tcp->input.hub->loop, &c->resume);
}

static bool conn_idle(const struct conn *c)
{
	return c->pending == 0 && bytes_left(&c->out) == 0;
}

/* ------------------------------------------------------------------- replies */

static void flush(struct conn *c)
{
	struct hub *hub = c->tcp->input.hub;
	ssize_t n =
		send(c->fd, c->out.p + c->out.at, bytes_left(&c->out), MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0) {
		bytes_use(&c->out, &hub->held, (size_t)n);
		progress(c);
	} else if (errno != EAGAIN && errno != EINTR) {
		conn_close(c);
	}
}

/* What the socket doesn't take at once waits in c->out. False: the connection is closed. */
static bool send_message(struct conn *c, const void *body, size_t n)
{
	struct input *in = &c->tcp->input;
	uint8_t length[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
	struct iovec iov[2] = {{length + 4 - c->framing, c->framing}, {(void *)(uintptr_t)body, n}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	ssize_t sent = 0;
	bool kept = true;

	if (bytes_left(&c->out) == 0)
		sent = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		sent = 0;
	else if (sent < 0)
		kept = false;
	for (int i = 0; i < 2 && kept; i++) {
		size_t skip = (size_t)sent < iov[i].iov_len ? (size_t)sent : iov[i].iov_len;

		sent -= (ssize_t)skip;
		kept = bytes_add(&c->out, &in->hub->held, (uint8_t *)iov[i].iov_base + skip,
			iov[i].iov_len - skip);
	}
	if (!kept) {
		in->counts.unsent++;
		conn_close(c);
		return false;
	}
	in->counts.replies++;
	in->counts.bytes_out += n;
	progress(c);
	return true;
}

/* In the protocol's words, or by closing. */
static void refuse_bytes(struct conn *c, enum refusal why, const uint8_t *event, size_t n)
{
	uint8_t answer[WORDS_MOST];
	size_t size = words_refuse(c->tcp->input.words, why, event, n, answer);

	if (size > 0) {
		send_message(c, answer, size);
		return;
	}
	c->tcp->input.counts.dropped++;
	conn_close(c);
}

static void on_refuse(struct task *task, enum refusal why)
{
	struct conn *c = task->context;
	uint8_t event[WORDS_MOST];

	if (c->fd >= 0)
		refuse_bytes(c, why, event, task_payload(task, event, sizeof(event)));
	c->tcp->input.tasks--;
	c->pending--;
	settle(c);
}

static bool fits_framing(const struct conn *c, size_t n)
{
	return n <= (c->framing == 2 ? UINT16_MAX : UINT32_MAX);
}

static void on_reply(struct task *task, const struct reply *reply)
{
	struct conn *c = task->context;

	if (reply && !fits_framing(c, reply->body.n)) {
		on_refuse(task, REFUSED_FAILED);
		return;
	}
	if (reply && c->fd < 0)
		c->tcp->input.counts.unsent++;
	else if (reply)
		send_message(c, reply->body.p, reply->body.n);
	c->tcp->input.tasks--;
	c->pending--;
	settle(c);
}

static const struct origin_ops origin = {.source = "tcp", .reply = on_reply, .refuse = on_refuse};

/* -------------------------------------------------------------------- events */

static void take_message(struct conn *c, const uint8_t *p, size_t n)
{
	struct input *in = &c->tcp->input;
	enum refusal why;
	struct task *task = service_begin(in->service, MF_SOURCE_TCP, MF_STR("tcp.message"),
		mf_str_of(in->text, in->text_n), &why);
	size_t room = 0;
	uint8_t *to = NULL;

	in->counts.events++;
	in->counts.bytes_in += n;
	progress(c);
	if (task)
		to = event_payload_room(&task->writer, &room);
	if (task && (room < TAIL || n > room - TAIL)) {
		service_cancel(task);
		task = NULL;
		why = REFUSED_TOO_BIG;
	}
	if (!task) {
		service_refused(in->service, why);
		refuse_bytes(c, why, p, n);
		return;
	}
	memcpy(to, p, n);
	event_payload_set(&task->writer, n);
	event_span(&task->writer, &task->head.peer, mf_str_of(c->peer, c->peer_n));
	task->origin = &origin;
	task->context = c;
	c->pending++;
	in->tasks++;
	service_submit(task);
}

/* A message that no event could hold is not even waited for. */
static bool too_long(const struct in_tcp *t, size_t size)
{
	return size > UINT16_MAX + 2u && size > t->input.service->note.event_bytes;
}

/* Takes whole messages as long as some may be out. How many bytes that were. The caller
 * holds the connection (pending), which may be closed on the way. */
static size_t take_messages(struct conn *c, const uint8_t *p, size_t n)
{
	size_t used = 0, framing = c->framing;

	/* the caller's hold counts as one */
	while (c->fd >= 0 && c->pending <= PENDING_MOST) {
		size_t size = message_size(c, p + used, n - used);

		if (too_long(c->tcp, size)) {
			service_refused(c->tcp->input.service, REFUSED_TOO_BIG);
			conn_close(c);
		}
		if (c->fd < 0 || size == 0 || size > n - used)
			break;
		take_message(c, p + used + framing, size - framing);
		used += size;
	}
	return used;
}

/* More bytes came, n > 0, or there is room for messages that wait. */
static void take_bytes(struct conn *c, const uint8_t *p, size_t n)
{
	struct bytes_total *held = &c->tcp->input.hub->held;
	bool waited = bytes_left(&c->in) > 0;
	size_t used;

	if (waited && !bytes_add(&c->in, held, p, n)) {
		conn_close(c);
		return;
	}
	if (waited) {
		used = take_messages(c, c->in.p + c->in.at, bytes_left(&c->in));
		if (c->fd >= 0 && used > 0)
			bytes_use(&c->in, held, used);
		return;
	}
	used = take_messages(c, p, n);
	if (c->fd >= 0 && used < n && !bytes_add(&c->in, held, p + used, n - used))
		conn_close(c);
}

static void on_resume(struct loop_later *later)
{
	struct conn *c = LOOP_OWNER(later, struct conn, resume);

	struct in_tcp *t = c->tcp;

	if (!turn_begin(&t->input.turn, t->input.hub->loop)) {
		loop_later(t->input.hub->loop, later);
		return;
	}
	c->pending++;
	take_bytes(c, NULL, 0);
	c->pending--;
	settle(c);
	turn_end(&t->input.turn);
}

static void receive(struct conn *c)
{
	ssize_t n = recv(c->fd, read_buffer, sizeof(read_buffer), MSG_DONTWAIT);

	if (n > 0)
		take_bytes(c, read_buffer, (size_t)n);
	else if (n == 0)
		c->ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		conn_close(c);
}

static void on_conn(struct loop_source *source, uint32_t events)
{
	struct conn *c = LOOP_OWNER(source, struct conn, source);
	struct in_tcp *t = c->tcp;

	if (!turn_begin(&t->input.turn, t->input.hub->loop))
		return; /* it is ready in the next round too */
	c->pending++;
	if (events & (EPOLLERR | EPOLLHUP))
		conn_close(c);
	if (c->fd >= 0 && (events & EPOLLOUT))
		flush(c);
	if (c->fd >= 0 && (events & EPOLLIN))
		receive(c);
	c->pending--;
	settle(c);
	turn_end(&t->input.turn);
}

/* ----------------------------------------------------------------- accepting */

/* The one that has been idle for longest; NULL: none is. */
static struct conn *idlest(const struct in_tcp *t)
{
	struct conn *c = t->first;

	for (unsigned i = 0; i < VICTIMS && c; i++, c = c->next)
		if (conn_idle(c))
			return c;
	return NULL;
}

static uint64_t tcp_idle_since(const struct input *input)
{
	const struct conn *c = idlest(LOOP_OWNER(input, struct in_tcp, input));

	return c ? c->since_ns : UINT64_MAX;
}

static void tcp_make_room(struct input *input)
{
	struct conn *c = idlest(LOOP_OWNER(input, struct in_tcp, input));

	if (!c)
		return;
	conn_close(c);
	settle(c);
}

static int conn_open(struct input *input, int fd, const struct net_address *peer)
{
	struct in_tcp *t = LOOP_OWNER(input, struct in_tcp, input);
	struct hub *hub = input->hub;
	struct conn *c = calloc(1, sizeof(*c));
	int on = 1, err;

	if (!c)
		return -ENOMEM;
	c->tcp = t;
	c->fd = fd;
	c->source.ready = on_conn;
	c->resume.run = on_resume;
	c->events = EPOLLIN;
	c->framing = t->input.framing;
	c->peer_n = net_text(peer, c->peer);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	err = loop_add(hub->loop, fd, c->events, &c->source);
	if (err < 0) {
		free(c);
		return err;
	}
	c->since_ns = loop_now(hub->loop);
	list_append(c);
	accept_count(input);
	if (t->timer.place == 0)
		(void)loop_timer_set(hub->loop, &t->timer, c->since_ns + IDLE_NS);
	return 0;
}

static void on_timer(struct loop_timer *timer)
{
	struct in_tcp *t = LOOP_OWNER(timer, struct in_tcp, timer);
	struct loop *loop = t->input.hub->loop;
	uint64_t now = loop_now(loop);

	while (t->first && t->first->since_ns + IDLE_NS <= now) {
		struct conn *c = t->first;

		if (c->pending > 0) {
			progress(c); /* its events have deadlines of their own */
			continue;
		}
		conn_close(c);
		settle(c);
	}
	if (t->first)
		(void)loop_timer_set(loop, timer, t->first->since_ns + IDLE_NS);
}

/* ------------------------------------------------------------- open and close */

static void tcp_stop(struct input *input)
{
	struct in_tcp *t = LOOP_OWNER(input, struct in_tcp, input);
	struct conn *next;

	acceptor_close(&t->acceptor);
	t->stopping = true;
	for (struct conn *c = t->first; c; c = next) {
		next = c->next;
		settle(c);
	}
}

static bool tcp_busy(const struct input *input)
{
	return LOOP_OWNER(input, struct in_tcp, input)->first != NULL;
}

static void tcp_close(struct input *input)
{
	struct in_tcp *t = LOOP_OWNER(input, struct in_tcp, input);

	while (t->first) {
		struct conn *c = t->first;

		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a freed one is in no list */
		conn_close(c);
		settle(c);
	}
	loop_timer_clear(input->hub->loop, &t->timer);
	acceptor_close(&t->acceptor);
	free(t);
}

static const struct input_ops tcp_ops = {.name = "tcp",
	.stop = tcp_stop,
	.busy = tcp_busy,
	.close = tcp_close,
	.idle_since = tcp_idle_since,
	.make_room = tcp_make_room};

int in_tcp_open(struct input **input, struct service *service, const struct net_address *address,
	enum words words, unsigned framing)
{
	struct in_tcp *t = calloc(1, sizeof(*t));
	int fd, err;

	if (!t)
		return -ENOMEM;
	t->input = (struct input){
		.ops = &tcp_ops,
		.hub = service->hub,
		.service = service,
		.address = *address,
		.words = words,
		.framing = framing,
	};
	t->acceptor.take = conn_open;
	t->timer.fire = on_timer;
	fd = net_bind(&t->input.address, SOCK_STREAM);
	err = fd < 0 ? fd : acceptor_open(&t->acceptor, &t->input, fd);
	if (err < 0) {
		fd_close(&fd);
		free(t);
		return err;
	}
	t->input.text_n = net_text(&t->input.address, t->input.text);
	*input = &t->input;
	return 0;
}
