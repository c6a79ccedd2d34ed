/*
 * bench/ask_http.c - one request again and again, on each of some connections one after another: how long each takes, as JSON.
 *
 *	ask_http ADDRESS FILE N CONNECTIONS    FILE: the request, whole, as it is sent
 *
 * An answer is what has a Content-Length; `ok` counts those of 200.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/net.h"

#define ANSWER_MOST 65536u
#define WARM_UP     200u
#define MOST        1024u

struct connection {
	int fd;
	uint64_t sent_ns;
	size_t n;
	char answer[ANSWER_MOST + 1];
};

static struct {
	struct net_address to;
	char *request;
	size_t size;
	unsigned count, sent, ended, ok;
	uint64_t *ns, began_ns;
	struct connection *all;
	int epoll;
} asking;

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void fail(const char *what)
{
	fprintf(stderr, "ask_http: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void send_one(struct connection *c)
{
	if (asking.sent == asking.count)
		return;
	if (asking.sent++ == WARM_UP)
		asking.began_ns = clock_mono_ns();
	c->n = 0;
	c->sent_ns = clock_mono_ns();
	if (send(c->fd, asking.request, asking.size, MSG_NOSIGNAL) != (ssize_t)asking.size)
		fail("send");
}

static void begin(struct connection *c)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	int one = 1;

	c->fd = socket(asking.to.any.sa_family, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, &asking.to.any, asking.to.size) < 0)
		fail("connect");
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (epoll_ctl(asking.epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
		fail("epoll");
	send_one(c);
}

/* Is the answer whole? */
static bool is_whole(const struct connection *c)
{
	const char *body = strstr(c->answer, "\r\n\r\n");
	const char *length = strstr(c->answer, "Content-Length: ");

	return body &&
		(!length ||
			(size_t)(body + 4 - c->answer) + strtoul(length + 16, NULL, 10) <= c->n);
}

static void take(struct connection *c)
{
	ssize_t n = recv(c->fd, c->answer + c->n, ANSWER_MOST - c->n, 0);

	if (n <= 0)
		fail("recv");
	c->n += (size_t)n;
	c->answer[c->n] = '\0';
	if (!is_whole(c))
		return;
	asking.ns[asking.ended++] = clock_mono_ns() - c->sent_ns;
	asking.ok += strncmp(c->answer, "HTTP/1.1 200", 12) == 0;
	send_one(c);
}

static void read_request(const char *path)
{
	FILE *file = fopen(path, "rb");

	asking.request = malloc(ANSWER_MOST);
	if (!file || !asking.request)
		fail(path);
	asking.size = fread(asking.request, 1, ANSWER_MOST, file);
	(void)fclose(file);
}

static double us(const uint64_t *sorted, unsigned n, unsigned percent)
{
	const uint64_t at = (uint64_t)n * percent / 100;

	return (double)sorted[at] / 1e3;
}

static void report(void)
{
	const double took = (double)(clock_mono_ns() - asking.began_ns) / 1e9;
	const unsigned n = asking.count - WARM_UP;
	uint64_t *ns = asking.ns + WARM_UP;

	qsort(ns, n, sizeof(*ns), compare);
	printf("{\"count\":%u,\"ok\":%u,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,"
	       "\"per_s\":%.0f}\n",
		n, asking.ok, us(ns, n, 50), us(ns, n, 90), us(ns, n, 99), n / took);
}

int main(int argc, char **argv)
{
	unsigned connections = argc == 5 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;

	if (argc != 5 || connections == 0 || connections > MOST ||
		net_parse(&asking.to, argv[1]) < 0) {
		fprintf(stderr, "usage: ask_http ADDRESS FILE N CONNECTIONS\n");
		return 2;
	}
	asking.count = (unsigned)strtoul(argv[3], NULL, 10) + WARM_UP;
	asking.ns = calloc(asking.count, sizeof(*asking.ns));
	asking.all = calloc(connections, sizeof(*asking.all));
	asking.epoll = epoll_create1(0);
	if (!asking.ns || !asking.all)
		fail("memory");
	read_request(argv[2]);
	for (unsigned i = 0; i < connections; i++)
		begin(&asking.all[i]);
	while (asking.ended < asking.count) {
		struct epoll_event events[64];
		int n = epoll_wait(asking.epoll, events, 64, 10000);

		if (n <= 0)
			fail("no answer");
		for (int i = 0; i < n; i++)
			take(events[i].data.ptr);
	}
	report();
	return 0;
}
