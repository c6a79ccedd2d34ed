/*
 * hub/web/inside.h - is an address one that only those within a network get to? Whoever may name an address for the hub to ask, and is somebody
 * else than its operator, could have it ask what he can't: the machine itself, its neighbours, a cloud's data about it. Pure.
 */
#ifndef HUB_WEB_INSIDE_H
#define HUB_WEB_INSIDE_H

#include <stdbool.h>
#include <sys/socket.h>

/* This machine, private networks, link-local, shared, multicast and reserved ones (IANA's registries of special-purpose addresses, RFC
 * 6890); IPv6 that holds such an IPv4 address; whatever is neither IPv4 nor IPv6. */
bool address_is_inside(const struct sockaddr *address);

#endif
