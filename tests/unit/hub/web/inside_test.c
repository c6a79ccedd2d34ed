/* hub/web/inside: addresses that somebody else may not have the hub ask */
#include "hub/web/inside.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool is_inside(const char *text)
{
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
		return address_is_inside((const struct sockaddr *)&four);
	if (inet_pton(AF_INET6, text, &six.sin6_addr) != 1)
		fail_msg("%s is no address", text);
	return address_is_inside((const struct sockaddr *)&six);
}

static void test_inside(void **state)
{
	static const char *const inside[] = {"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255",
		"100.64.0.1", "100.127.255.255", "127.0.0.1", "127.9.9.9", "169.254.169.254",
		"172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.168.0.1",
		"198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1",
		"239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1",
		"::ffff:127.0.0.1", "::ffff:10.1.1.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1",
		"100::1", "fc00::1", "fdff::1", "fe80::1", "fec0::1", "ff02::1", "2001::1",
		"2001:db8::1", "2002:7f00:1::1", "2002:a00:1::1", "3fff:fff::1"};

	(void)state;
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
		if (!is_inside(inside[i]))
			fail_msg("%s is taken to be outside", inside[i]);
}

static void test_outside(void **state)
{
	static const char *const outside[] = {"1.1.1.1", "9.255.255.255", "11.0.0.0",
		"100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1", "169.253.255.255",
		"169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255",
		"192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111",
		"2a00:1450::1", "::ffff:1.1.1.1", "64:ff9b::8.8.8.8", "2002:808:808::1",
		"2001:200::1"};

	(void)state;
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		if (is_inside(outside[i]))
			fail_msg("%s is taken to be inside", outside[i]);
}

static void test_another_kind(void **state)
{
	const struct sockaddr local = {.sa_family = AF_UNIX};

	(void)state;
	assert_true(address_is_inside(&local));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inside),
		cmocka_unit_test(test_outside),
		cmocka_unit_test(test_another_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
