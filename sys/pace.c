/* sys/pace.c - see pace.h */
#include "sys/pace.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

static bool is_loopback_v4(const uint8_t address[static 4])
{
	return address[0] == 127;
}

bool pace_is_loopback(const struct sockaddr *address)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;

	if (address->sa_family == AF_INET)
		return is_loopback_v4((const void *)&v4->sin_addr);
	if (address->sa_family != AF_INET6)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		return is_loopback_v4(v6->sin6_addr.s6_addr + 12);
	return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

void pace_not(int fd, const struct sockaddr *peer)
{
	static const char name[] = "reno";

	if (pace_is_loopback(peer))
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, sizeof(name) - 1);
}
