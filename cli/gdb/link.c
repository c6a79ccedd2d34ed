/* cli/gdb/link.c - see link.h */
#include "cli/gdb/link.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/fd.h"

/* ----------------------------------------------------------------- listen */

static bool is_loopback(const struct net_address *a)
{
	if (a->any.sa_family == AF_INET)
		return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

int gdb_listen(struct gdb_link *link, const char *text, bool anyone, struct net_address *address,
	char error[GDB_ERROR_MAX])
{
	char whole[96];
	int rc;

	*link = (struct gdb_link){.listener = -1, .fd = -1};
	snprintf(whole, sizeof(whole), "%s%.70s", strchr(text, ':') ? "" : "127.0.0.1:", text);
	if (net_parse(address, whole) < 0) {
		snprintf(error, GDB_ERROR_MAX,
			"--gdb \"%.80s\": write a port, or an address of this machine: 1234, "
			"127.0.0.1:1234, [::1]:1234",
			text);
		return -EINVAL;
	}
	if (!is_loopback(address) && !anyone) {
		snprintf(error, GDB_ERROR_MAX,
			"--gdb \"%.80s\": others than this machine could reach it, and nobody is "
			"asked "
			"for a password: use a port alone and a tunnel (ssh -L), or add "
			"--gdb-anyone",
			text);
		return -EACCES;
	}
	rc = net_bind(address, SOCK_STREAM);
	if (rc < 0) {
		snprintf(error, GDB_ERROR_MAX, "--gdb \"%.80s\": %s%s", text, strerror(-rc),
			rc == -EADDRINUSE ? ": port 0 takes a free one" : "");
		return rc;
	}
	link->listener = rc;
	return 0;
}

static int wait_for(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	while (poll(&p, 1, -1) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int gdb_accept(struct gdb_link *link)
{
	const int on = 1;
	int rc;

	do {
		rc = wait_for(link->listener, POLLIN);
		if (rc < 0)
			return rc;
		link->fd = accept4(link->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	} while (link->fd < 0 && (errno == EINTR || errno == EAGAIN || errno == ECONNABORTED));
	if (link->fd < 0)
		return -errno;
	/* one debugger: whoever comes second is refused by the kernel */
	close(link->listener);
	link->listener = -1;
	setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return 0;
}

void gdb_close(struct gdb_link *link)
{
	if (link->listener >= 0)
		close(link->listener);
	if (link->fd >= 0)
		close(link->fd);
	link->listener = link->fd = -1;
}

/* ------------------------------------------------------------------- bytes */

static int send_all(struct gdb_link *link, const uint8_t *bytes, size_t n)
{
	while (n > 0) {
		ssize_t done = send(link->fd, bytes, n, MSG_NOSIGNAL);

		if (done < 0 && errno == EAGAIN) {
			int rc = wait_for(link->fd, POLLOUT);

			if (rc < 0)
				return rc;
			continue;
		}
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -ECONNRESET;
		bytes += done;
		n -= (size_t)done;
	}
	return 0;
}

/* What is there; -EAGAIN: nothing. */
static int fill(struct gdb_link *link)
{
	ssize_t n;

	if (link->in_used == sizeof(link->in))
		return -ECONNRESET;
	do {
		n = recv(link->fd, link->in + link->in_used, sizeof(link->in) - link->in_used, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return -EAGAIN;
	if (n <= 0)
		return -ECONNRESET;
	link->in_used += (size_t)n;
	return 0;
}

static void drop(struct gdb_link *link, size_t n)
{
	link->in_used -= n;
	memmove(link->in, link->in + n, link->in_used);
}

/* ----------------------------------------------------------------- packets */

static int answer(struct gdb_link *link, const char *byte)
{
	return link->no_acks ? 0 : send_all(link, (const uint8_t *)byte, 1);
}

int gdb_receive(struct gdb_link *link)
{
	for (;;) {
		size_t used;
		enum gdb_item item = gdb_parse(link->in, link->in_used, &used, &link->packet);
		int rc = 0;

		drop(link, used);
		switch (item) {
		case GDB_PACKET: return answer(link, "+");
		case GDB_DAMAGED: rc = answer(link, "-"); break;
		case GDB_NAK: rc = send_all(link, link->out, link->out_size); break;
		case GDB_HUGE: return -ECONNRESET;
		case GDB_MORE:
			rc = fill(link);
			if (rc == -EAGAIN)
				rc = wait_for(link->fd, POLLIN);
			break;
		case GDB_ACK:
		case GDB_INTERRUPT:
		case GDB_NOISE: break;
		}
		if (rc < 0)
			return rc;
	}
}

int gdb_interrupted(struct gdb_link *link)
{
	int rc = fill(link);

	if (rc < 0 && rc != -EAGAIN)
		return rc;
	while (link->in_used > 0 && link->in[0] != '$') {
		bool interrupt = link->in[0] == 0x03;

		drop(link, 1);
		if (interrupt)
			return 1;
	}
	return link->in_used > 0;
}

int gdb_send(struct gdb_link *link, const void *data, size_t n)
{
	link->out_size = gdb_frame(data, n, link->out, sizeof(link->out));
	return link->out_size == 0 ? -EMSGSIZE : send_all(link, link->out, link->out_size);
}
