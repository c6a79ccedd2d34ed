/*
 * sys/net.h - addresses of sockets as people write them, and sockets bound to them.
 *
 * Written: "127.0.0.1:53", "[::1]:53", "*:53" (every address of the machine, IPv4 and
 * IPv6). Port 0: a free one. Names are not looked up.
 */
#ifndef SYS_NET_H
#define SYS_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct net_address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t size;
};

#define NET_TEXT 64 /* enough for any address: [v6%scope]:port */

/* 0 or -EINVAL. */
int net_parse(struct net_address *address, const char *text);
/* The other way round; returns the length. */
unsigned net_text(const struct net_address *address, char to[NET_TEXT]);
/* Only the host, without port and brackets. */
unsigned net_host(const struct net_address *address, char to[NET_TEXT]);
uint16_t net_port(const struct net_address *address);
void net_set_port(struct net_address *address, uint16_t port);
bool net_is_wildcard(const struct net_address *address);
/* The same family, host and port. */
bool net_same(const struct net_address *a, const struct net_address *b);

/* A non-blocking socket bound to *address, which becomes the one that it got; a stream
 * socket also listens. One that the service manager made for this address (sys/systemd.h) is
 * taken instead. -errno. */
int net_bind(struct net_address *address, int type);

#endif
