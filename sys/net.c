/* sys/net.c - addresses and bound sockets. */
#include "sys/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "sys/systemd.h"

#define BACKLOG 1024

static bool parse_port(const char *text, uint16_t *port)
{
	uint64_t n;

	if (!num_parse(mf_str_of(text, strlen(text)), &n) || n > UINT16_MAX)
		return false;
	*port = (uint16_t)n;
	return true;
}

static bool parse_v6(struct net_address *a, const char *host)
{
	a->v6.sin6_family = AF_INET6;
	a->size = sizeof(a->v6);
	return inet_pton(AF_INET6, host, &a->v6.sin6_addr) == 1;
}

static bool parse_v4(struct net_address *a, const char *host)
{
	a->v4.sin_family = AF_INET;
	a->size = sizeof(a->v4);
	return inet_pton(AF_INET, host, &a->v4.sin_addr) == 1;
}

int net_parse(struct net_address *address, const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[NET_TEXT];
	uint16_t port;
	size_t n;
	bool ok;

	memset(address, 0, sizeof(*address));
	if (!colon || (size_t)(colon - text) >= sizeof(host) || !parse_port(colon + 1, &port))
		return -EINVAL;
	n = (size_t)(colon - text);
	memcpy(host, text, n);
	host[n] = '\0';
	if (strcmp(host, "*") == 0) {
		ok = parse_v6(address, "::");
	} else if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		ok = parse_v6(address, host + 1);
	} else {
		ok = parse_v4(address, host);
	}
	net_set_port(address, port);
	return ok ? 0 : -EINVAL;
}

static bool is_v6(const struct net_address *a)
{
	return a->any.sa_family == AF_INET6;
}

/* An IPv4 peer of a socket that serves both is shown as what it is. */
static unsigned put_host(const struct net_address *address, char *to)
{
	const struct in6_addr *six = &address->v6.sin6_addr;

	if (!is_v6(address))
		inet_ntop(AF_INET, &address->v4.sin_addr, to, INET_ADDRSTRLEN);
	else if (IN6_IS_ADDR_V4MAPPED(six))
		inet_ntop(AF_INET, &six->s6_addr[12], to, INET_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, six, to, INET6_ADDRSTRLEN);
	return (unsigned)strlen(to);
}

unsigned net_host(const struct net_address *address, char to[NET_TEXT])
{
	return put_host(address, to);
}

/* Digits by hand: this runs once an event, and snprintf would cost as much as all the rest. */
static unsigned put_port(char *to, uint16_t port)
{
	char digits[5];
	unsigned n = 0, at = 0;

	do {
		digits[n++] = (char)('0' + port % 10);
		port = (uint16_t)(port / 10);
	} while (port > 0);
	to[at++] = ':';
	while (n > 0)
		to[at++] = digits[--n];
	to[at] = '\0';
	return at;
}

unsigned net_text(const struct net_address *address, char to[NET_TEXT])
{
	bool brackets = is_v6(address) && !IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr);
	unsigned n = 0;

	if (brackets)
		to[n++] = '[';
	n += put_host(address, to + n);
	if (brackets)
		to[n++] = ']';
	return n + put_port(to + n, net_port(address));
}

uint16_t net_port(const struct net_address *address)
{
	return ntohs(is_v6(address) ? address->v6.sin6_port : address->v4.sin_port);
}

void net_set_port(struct net_address *address, uint16_t port)
{
	if (is_v6(address))
		address->v6.sin6_port = htons(port);
	else
		address->v4.sin_port = htons(port);
}

bool net_is_wildcard(const struct net_address *address)
{
	if (is_v6(address))
		return IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
	return address->v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

bool net_same(const struct net_address *a, const struct net_address *b)
{
	if (a->any.sa_family != b->any.sa_family || net_port(a) != net_port(b))
		return false;
	if (!is_v6(a))
		return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr) &&
		a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int bind_socket(int fd, struct net_address *a, int type)
{
	int err = 0;

	if (is_v6(a))
		err = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !net_is_wildcard(a));
	if (err == 0 && type == SOCK_STREAM)
		err = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (err < 0)
		return err;
	if (bind(fd, &a->any, a->size) < 0)
		return -errno;
	if (type == SOCK_STREAM && listen(fd, BACKLOG) < 0)
		return -errno;
	a->size = sizeof(a->v6);
	return getsockname(fd, &a->any, &a->size) < 0 ? -errno : 0;
}

int net_bind(struct net_address *address, int type)
{
	int fd = systemd_socket(address, type), err;

	if (fd != -ENOENT)
		return fd;
	fd = socket(address->any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = bind_socket(fd, address, type);
	if (err < 0) {
		close(fd);
		return err;
	}
	return fd;
}
