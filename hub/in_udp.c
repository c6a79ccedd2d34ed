/*
 * hub/in_udp.c - datagrams: one is one event, its reply is one datagram to where it came
 * from, from the address that it was sent to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/hub.h"
#include "sys/clock.h"
#include "sys/fd.h"

#define BATCH    32u             /* datagrams a round: others have a turn then */
#define DENSE_NS (50 * CLOCK_US) /* between two that came: then there may be more */

/* Room behind the payload for event.peer, and its padding. */
#define TAIL (NET_TEXT + 16u)

/* The kernel's own queue, while we are busy elsewhere for a moment. */
#define RECEIVE_BUFFER (4 << 20)

struct in_udp {
	struct input input;
	struct loop_source readable;
	int fd;
	uint64_t last_ns;       /* when something came before */
	struct service *reader; /* whose worker reads it; NULL: the hub does */
	bool stopped;
	bool wildcard; /* then each reply must name the address that it is from */
};

union control {
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	struct cmsghdr align;
};

/* ------------------------------------------------------------------ replies */

/* The local address of a datagram, kept in task->local for its reply. */
static void keep_local(struct task *task, struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	memset(task->local, 0, sizeof(task->local));
	for (; c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			memcpy(task->local, CMSG_DATA(c), sizeof(struct in6_pktinfo));
		else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			memcpy(task->local, CMSG_DATA(c), sizeof(struct in_pktinfo));
	}
}
_Static_assert(sizeof(struct in6_pktinfo) <= sizeof(((struct task *)0)->local), "task.local");

static void name_local(
	const struct in_udp *u, const struct task *task, struct msghdr *msg, union control *control)
{
	bool six = u->input.address.any.sa_family == AF_INET6;
	struct in_pktinfo four;
	struct cmsghdr *c;

	memset(control, 0, sizeof(*control));
	msg->msg_control = control;
	msg->msg_controllen = six ? CMSG_SPACE(sizeof(struct in6_pktinfo))
				  : CMSG_SPACE(sizeof(struct in_pktinfo));
	c = CMSG_FIRSTHDR(msg);
	if (six) {
		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(struct in6_pktinfo));
		memcpy(CMSG_DATA(c), task->local, sizeof(struct in6_pktinfo));
		return;
	}
	memcpy(&four, task->local, sizeof(four));
	four.ipi_spec_dst = four.ipi_addr;
	four.ipi_ifindex = 0;
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(four));
	memcpy(CMSG_DATA(c), &four, sizeof(four));
}

static void send_to(struct in_udp *u, struct task *task, const void *bytes, size_t n)
{
	struct iovec iov = {(void *)(uintptr_t)bytes, n};
	struct msghdr msg = {
		.msg_name = &task->peer.any,
		.msg_namelen = task->peer.size,
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	union control control;

	if (u->wildcard)
		name_local(u, task, &msg, &control);
	if (sendmsg(u->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		u->input.counts.unsent++; /* as any network may lose it */
		return;
	}
	u->input.counts.replies++;
	u->input.counts.bytes_out += n;
}

static void on_reply(struct task *task, const struct reply *reply)
{
	struct in_udp *u = task->context;

	if (reply)
		send_to(u, task, reply->body.p, reply->body.n);
	u->input.tasks--;
}

/* `event` may be cut short: enough is left for any protocol's refusal. */
static void refuse_bytes(
	struct in_udp *u, struct task *task, enum refusal why, const uint8_t *event, size_t n)
{
	uint8_t answer[WORDS_MOST];
	size_t size = words_refuse(u->input.words, why, event, n, answer);

	if (size > 0)
		send_to(u, task, answer, size);
	else
		u->input.counts.dropped++; /* UDP has no other word for it */
}

static void on_refuse(struct task *task, enum refusal why)
{
	struct in_udp *u = task->context;
	uint8_t event[WORDS_MOST];
	size_t n = task_payload(task, event, sizeof(event));

	refuse_bytes(u, task, why, event, n);
	u->input.tasks--;
}

static const struct origin_ops origin = {.source = "udp", .reply = on_reply, .refuse = on_refuse};

/* ------------------------------------------------------------------- events */

/* One datagram into `room`. Its length, or -errno; *cut: it was longer. */
static ssize_t receive(struct in_udp *u, struct task *task, void *room, size_t size, bool *cut)
{
	struct iovec iov = {room, size};
	union control control;
	struct msghdr msg = {
		.msg_name = &task->peer.any,
		.msg_namelen = sizeof(task->peer.v6),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = u->wildcard ? &control : NULL,
		.msg_controllen = u->wildcard ? sizeof(control) : 0,
	};
	ssize_t n = recvmsg(u->fd, &msg, MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	task->origin = &origin;
	task->context = u;
	task->peer.size = msg.msg_namelen;
	*cut = (msg.msg_flags & MSG_TRUNC) != 0;
	if (u->wildcard)
		keep_local(task, &msg);
	u->input.counts.events++;
	u->input.counts.bytes_in += (uint64_t)n;
	return n;
}

/* No task is to be had: read it all the same, to say so. */
static bool read_and_refuse(struct in_udp *u, enum refusal why)
{
	uint8_t event[WORDS_MOST];
	struct task nobody;
	ssize_t n;
	bool cut = false;

	n = receive(u, &nobody, event, sizeof(event), &cut);
	if (n < 0)
		return false;
	service_refused(u->input.service, why);
	refuse_bytes(u, &nobody, why, event, (size_t)n);
	return true;
}

static void refuse_long(struct in_udp *u, struct task *task, const uint8_t *event)
{
	service_refused(u->input.service, REFUSED_TOO_BIG);
	refuse_bytes(u, task, REFUSED_TOO_BIG, event, WORDS_MOST);
}

/* False: nothing was there. */
static bool take_one(struct in_udp *u)
{
	struct input *in = &u->input;
	enum refusal why;
	struct task *task = service_begin(in->service, MF_SOURCE_UDP, MF_STR("udp.datagram"),
		mf_str_of(in->text, in->text_n), &why);
	char peer[NET_TEXT];
	uint8_t *to;
	size_t room;
	ssize_t n;
	bool cut = false;

	if (!task)
		return read_and_refuse(u, why);
	to = event_payload_room(&task->writer, &room);
	n = receive(u, task, to, room > TAIL ? room - TAIL : 0, &cut);
	if (n < 0 || cut) {
		if (n >= 0)
			refuse_long(u, task, to);
		service_cancel(task);
		return n >= 0;
	}
	event_payload_set(&task->writer, (size_t)n);
	event_span(&task->writer, &task->head.peer, mf_str_of(peer, net_text(&task->peer, peer)));
	u->input.tasks++;
	service_submit(task);
	return true;
}

/* One after another: take one and don't ask for a second, that costs as much as the first.
 * Many: take them until there are no more, and come back less often. */
static void on_readable(struct loop_source *source, uint32_t events)
{
	struct in_udp *u = LOOP_OWNER(source, struct in_udp, readable);
	uint64_t now = loop_now(u->input.hub->loop);
	bool dense =
		now - u->last_ns < DENSE_NS || turn_follows(&u->input.turn, u->input.hub->loop);
	unsigned most = dense ? BATCH : 1;

	(void)events;
	if (lend_give(u->input.service, &u->input))
		return;
	u->last_ns = now;
	if (!turn_begin(&u->input.turn, u->input.hub->loop))
		return;
	for (unsigned i = 0; i < most && take_one(u) && turn_goes_on(&u->input.turn); i++)
		;
	turn_end(&u->input.turn);
}

/* ------------------------------------------------------------ open and close */

static void udp_stop(struct input *input)
{
	struct in_udp *u = LOOP_OWNER(input, struct in_udp, input);

	/* The socket stays for the replies that are still owed. */
	u->stopped = true;
	loop_remove(input->hub->loop, u->fd, &u->readable);
	if (u->reader)
		lend_ask_back(u->reader);
}

int in_udp_descriptor(const struct input *input)
{
	return LOOP_OWNER(input, const struct in_udp, input)->fd;
}

void in_udp_lend(struct input *input, struct service *to)
{
	struct in_udp *u = LOOP_OWNER(input, struct in_udp, input);

	u->reader = to;
	loop_remove(input->hub->loop, u->fd, &u->readable);
}

/* What came meanwhile and wasn't taken makes it readable at once. */
void in_udp_take_back(struct input *input)
{
	struct in_udp *u = LOOP_OWNER(input, struct in_udp, input);

	u->reader = NULL;
	if (!u->stopped && loop_add(input->hub->loop, u->fd, EPOLLIN, &u->readable) < 0)
		log_error("%s can't be watched any more: no memory", input->text);
}

static bool udp_busy(const struct input *input)
{
	return LOOP_OWNER(input, const struct in_udp, input)->reader != NULL;
}

static void udp_close(struct input *input)
{
	struct in_udp *u = LOOP_OWNER(input, struct in_udp, input);

	lend_forget(input->hub, input);
	loop_remove(input->hub->loop, u->fd, &u->readable);
	fd_close(&u->fd);
	free(u);
}

static const struct input_ops udp_ops = {
	.name = "udp", .stop = udp_stop, .busy = udp_busy, .close = udp_close};

static int tune(struct in_udp *u)
{
	int fd = u->fd, on = 1, size = RECEIVE_BUFFER;

	/* a wish: the kernel gives what it may */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	u->wildcard = net_is_wildcard(&u->input.address);
	if (!u->wildcard)
		return 0;
	if (u->input.address.any.sa_family == AF_INET6)
		return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) < 0 ? -errno
											   : 0;
	return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) < 0 ? -errno : 0;
}

int in_udp_open(struct input **input, struct service *service, const struct net_address *address,
	enum words words)
{
	struct in_udp *u = calloc(1, sizeof(*u));
	int err = 0;

	if (!u)
		return -ENOMEM;
	u->input = (struct input){
		.ops = &udp_ops,
		.hub = service->hub,
		.service = service,
		.address = *address,
		.words = words,
	};
	u->readable.ready = on_readable;
	u->fd = net_bind(&u->input.address, SOCK_DGRAM);
	if (u->fd < 0)
		err = u->fd;
	if (err == 0)
		err = tune(u);
	if (err == 0)
		err = loop_add(service->hub->loop, u->fd, EPOLLIN, &u->readable);
	if (err < 0) {
		fd_close(&u->fd);
		free(u);
		return err;
	}
	u->input.text_n = net_text(&u->input.address, u->input.text);
	*input = &u->input;
	return 0;
}
