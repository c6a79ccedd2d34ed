/*
 * bench/flood_http - devices that ask by HTTP/1.1, each on a connection that it keeps, one request after another.
 *
 *	flood_http ADDRESS SERVICES NAMES EVENTS    POST /bI/nJ
 *
 * 200 is an answer, 503 a refusal, 504 too late. A connection that ends before the answer is a failure; it is made anew.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "bench/flood.h"
#include "sys/net.h"

#define ANSWER     4096u
#define PATIENCE   (60 * CLOCK_S) /* without an answer: more than any deadline */
#define TICK_NS    (500 * CLOCK_MS)
#define RECONNECTS 100u /* of a device: a hub that closes every connection is broken */

struct device {
	int fd;
	unsigned service, name, reconnects;
	uint64_t sent_ns; /* 0: nothing is under way */
	bool connected;
	size_t n; /* of the answer, so far */
	char answer[ANSWER + 1];
};

static struct {
	struct flood f;
	struct net_address to;
	unsigned services, names;
	struct device *device;
	int epoll;
} flood;

static void begin(struct device *d, uint64_t now);

/* --------------------------------------------------------------- connections */

static void watch(struct device *d, int how, uint32_t what)
{
	struct epoll_event event = {.events = what, .data.ptr = d};

	if (epoll_ctl(flood.epoll, how, d->fd, &event) < 0)
		abort();
}

static void open_connection(struct device *d)
{
	int on = 1;

	d->connected = false;
	d->fd = socket(flood.to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0) {
		fprintf(stderr, "flood_http: socket: %s\n", strerror(errno));
		exit(1);
	}
	(void)setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)connect(d->fd, &flood.to.any, flood.to.size);
	watch(d, EPOLL_CTL_ADD, EPOLLOUT);
}

static void end(struct device *d, enum flood_end how, uint64_t now)
{
	uint64_t sent = d->sent_ns;

	d->sent_ns = 0;
	d->n = 0;
	flood_end(&flood.f, how, sent, now);
}

/* What was under way has no answer. */
static void lost(struct device *d, enum flood_end how, uint64_t now)
{
	close(d->fd);
	if (d->sent_ns != 0)
		end(d, how, now);
	if (d->reconnects++ == RECONNECTS) {
		fprintf(stderr, "flood_http: no connection lasts\n");
		exit(1);
	}
	open_connection(d);
}

/* ------------------------------------------------------------------- requests */

static void send_request(struct device *d, uint64_t now)
{
	char text[128];
	int n = snprintf(text, sizeof(text),
		"POST /b%u/n%u HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", d->service,
		d->name);

	if (send(d->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		lost(d, FLOOD_FAILED, now);
}

static void begin(struct device *d, uint64_t now)
{
	if (!d->connected || !flood_next(&flood.f, now))
		return;
	d->sent_ns = now;
	send_request(d, now);
}

/* Bytes of the whole answer; 0: more are to come. */
static size_t whole(const struct device *d)
{
	const char *end_of_head = strstr(d->answer, "\r\n\r\n"), *length;
	size_t n;

	if (!end_of_head)
		return 0;
	n = (size_t)(end_of_head + 4 - d->answer);
	length = strcasestr(d->answer, "content-length:");
	if (length && length < end_of_head)
		n += strtoul(length + 15, NULL, 10);
	return d->n >= n ? n : 0;
}

static void take(struct device *d, uint64_t now)
{
	size_t n;

	d->answer[d->n] = '\0';
	n = whole(d);
	if (n == 0 && d->n < ANSWER)
		return;
	if (n != d->n || d->sent_ns == 0) { /* too long, or more than was asked for */
		lost(d, FLOOD_FAILED, now);
		return;
	}
	if (strncmp(d->answer, "HTTP/1.1 200 ", 13) == 0)
		end(d, FLOOD_ANSWERED, now);
	else if (strncmp(d->answer, "HTTP/1.1 503 ", 13) == 0)
		end(d, FLOOD_REFUSED, now);
	else if (strncmp(d->answer, "HTTP/1.1 504 ", 13) == 0)
		end(d, FLOOD_LATE, now);
	else
		end(d, FLOOD_FAILED, now);
	begin(d, now);
}

static void on_device(struct device *d, uint32_t events)
{
	uint64_t now = clock_mono_ns();
	int error = 0;
	socklen_t size = sizeof(error);
	ssize_t n;

	if (!d->connected) {
		if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0) {
			lost(d, FLOOD_FAILED, now);
			return;
		}
		d->connected = true;
		watch(d, EPOLL_CTL_MOD, EPOLLIN);
		begin(d, now);
		return;
	}
	n = recv(d->fd, d->answer + d->n, ANSWER - d->n, MSG_DONTWAIT);
	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR) || (events & EPOLLHUP))
			lost(d, FLOOD_FAILED, now);
		return;
	}
	d->n += (size_t)n;
	take(d, now);
}

static void run(void)
{
	struct epoll_event events[256];
	uint64_t next = flood.f.began_ns + TICK_NS, now;

	for (unsigned i = 0; i < flood.services * flood.names; i++)
		open_connection(&flood.device[i]);
	while (!flood_is_over(&flood.f)) {
		int n = epoll_wait(flood.epoll, events, 256, 500);

		for (int i = 0; i < n; i++)
			on_device(events[i].data.ptr, events[i].events);
		now = clock_mono_ns();
		if (now < next)
			continue;
		next = now + TICK_NS;
		for (unsigned i = 0; i < flood.services * flood.names; i++)
			if (flood.device[i].sent_ns != 0 &&
				flood.device[i].sent_ns + PATIENCE <= now)
				lost(&flood.device[i], FLOOD_UNHEARD, now);
	}
}

int main(int argc, char **argv)
{
	if (argc != 5 || net_parse(&flood.to, argv[1]) < 0)
		return 2;
	flood.services = (unsigned)atoi(argv[2]);
	flood.names = (unsigned)atoi(argv[3]);
	flood_open(&flood.f, strtoull(argv[4], NULL, 10));
	flood.device = calloc(flood.services * flood.names + 1, sizeof(*flood.device));
	flood.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!flood.device || flood.epoll < 0)
		return 1;
	for (unsigned i = 0; i < flood.services * flood.names; i++) {
		flood.device[i].service = i % flood.services;
		flood.device[i].name = i / flood.services;
	}
	flood_wait(&flood.f);
	run();
	flood_print(&flood.f, "");
	return 0;
}
