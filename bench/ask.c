/*
 * bench/ask.c - one question after another, by UDP: how long each takes, as JSON.
 *
 *	ask ADDRESS FILE N [MICROSECONDS]    FILE: the datagram; a pause between two
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/net.h"

#define PATIENCE_MS 5000
#define WARM_UP     200u

struct asking {
	int fd;
	void *question;
	size_t size;
	unsigned count, lost;
	long pause_us;
	uint64_t *ns;
};

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* False: no answer. */
static bool ask(const struct asking *a, uint64_t *ns)
{
	struct pollfd readable = {a->fd, POLLIN, 0};
	uint64_t began = clock_mono_ns();
	char answer[65536];
	ssize_t n = -1;

	if (send(a->fd, a->question, a->size, 0) < 0)
		return false;
	if (poll(&readable, 1, PATIENCE_MS) == 1)
		n = recv(a->fd, answer, sizeof(answer), 0);
	*ns = clock_mono_ns() - began;
	return n > 0;
}

static void ask_all(struct asking *a)
{
	unsigned n = 0;
	uint64_t ns;

	for (unsigned i = 0; i < WARM_UP && i < a->count; i++)
		(void)ask(a, &ns);
	for (unsigned i = 0; i < a->count; i++) {
		if (ask(a, &a->ns[n]))
			n++;
		else
			a->lost++;
		if (a->pause_us > 0)
			usleep((unsigned)a->pause_us);
	}
	a->count = n;
	qsort(a->ns, n, sizeof(*a->ns), compare);
}

static double us(const struct asking *a, double share)
{
	return a->count ? (double)a->ns[(size_t)((a->count - 1) * share)] / 1e3 : 0;
}

int main(int argc, char **argv)
{
	struct asking a = {.fd = -1};
	struct net_address to;
	int file;

	if (argc < 4 || argc > 5 || net_parse(&to, argv[1]) < 0) {
		fprintf(stderr, "usage: ask ADDRESS FILE N [MICROSECONDS]\n");
		return 2;
	}
	a.count = (unsigned)strtoul(argv[3], NULL, 10);
	a.pause_us = argc > 4 ? strtol(argv[4], NULL, 10) : 0;
	a.ns = calloc(a.count + 1, sizeof(*a.ns));
	file = open(argv[2], O_RDONLY | O_CLOEXEC);
	a.fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!a.ns || file < 0 || fd_read_all(file, 65536, &a.question, &a.size) < 0 || a.fd < 0 ||
		connect(a.fd, &to.any, to.size) < 0) {
		fprintf(stderr, "ask: %s, %s: %s\n", argv[1], argv[2], strerror(errno));
		free(a.ns);
		return 1;
	}
	ask_all(&a);
	printf("{\"answers\": %u, \"lost\": %u, \"p50_us\": %.2f, \"p99_us\": %.2f, \"max_us\": "
	       "%.2f}\n",
		a.count, a.lost, us(&a, 0.5), us(&a, 0.99), us(&a, 1));
	return 0;
}
