/* hub/web/inside.c - see inside.h */
#include "hub/web/inside.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define V4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

static bool four_is_inside(uint32_t address)
{
	static const struct {
		uint32_t net;
		unsigned bits;
	} nets[] = {
		{V4(0, 0, 0, 0), 8},       /* this network */
		{V4(10, 0, 0, 0), 8},      /* RFC 1918 */
		{V4(100, 64, 0, 0), 10},   /* RFC 6598: behind a provider's NAT */
		{V4(127, 0, 0, 0), 8},     /* this machine */
		{V4(169, 254, 0, 0), 16},  /* link-local; what clouds tell a machine of itself */
		{V4(172, 16, 0, 0), 12},   /* RFC 1918 */
		{V4(192, 0, 0, 0), 24},    /* protocols' */
		{V4(192, 0, 2, 0), 24},    /* for documents, as the next but two */
		{V4(192, 88, 99, 0), 24},  /* relays of 6to4 */
		{V4(192, 168, 0, 0), 16},  /* RFC 1918 */
		{V4(198, 18, 0, 0), 15},   /* benchmarks */
		{V4(198, 51, 100, 0), 24}, /* for documents */
		{V4(203, 0, 113, 0), 24},  /* for documents */
		{V4(224, 0, 0, 0), 3},     /* multicast, reserved, broadcast */
	};

	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
		if ((address ^ nets[i].net) >> (32 - nets[i].bits) == 0)
			return true;
	return false;
}

static uint32_t four_at(const uint8_t *p)
{
	return V4(p[0], p[1], p[2], p[3]);
}

static bool six_is_inside(const uint8_t p[static 16])
{
	static const uint8_t zeros[12], mapped[12] = {[10] = 0xff, [11] = 0xff},
					nat64[12] = {0x00, 0x64, 0xff, 0x9b};

	/* only 2000::/3 is given out; in it 6to4 and Teredo hold IPv4 addresses, and there is one for documents */
	if (memcmp(p, mapped, 12) == 0 || memcmp(p, nat64, 12) == 0)
		return four_is_inside(four_at(p + 12));
	if (memcmp(p, zeros, 12) == 0 || (p[0] & 0xe0) != 0x20)
		return true;
	if (p[0] == 0x20 && p[1] == 0x02)
		return four_is_inside(four_at(p + 2));
	return (p[0] == 0x20 && p[1] == 0x01 && (p[2] < 2 || (p[2] == 0x0d && p[3] == 0xb8))) ||
		(p[0] == 0x3f && p[1] == 0xff && p[2] < 0x10);
}

bool address_is_inside(const struct sockaddr *address)
{
	struct sockaddr_in four;
	struct sockaddr_in6 six;

	if (address->sa_family == AF_INET) {
		memcpy(&four, address, sizeof(four));
		return four_is_inside(ntohl(four.sin_addr.s_addr));
	}
	if (address->sa_family != AF_INET6)
		return true;
	memcpy(&six, address, sizeof(six));
	return six_is_inside(six.sin6_addr.s6_addr);
}
