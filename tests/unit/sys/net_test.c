/* sys/net: addresses in both directions, and what is none. */
#include "sys/net.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_good(void **state)
{
	static const struct {
		const char *text, *shown, *host;
		uint16_t port;
		bool wildcard;
	} table[] = {
		{"127.0.0.1:53", "127.0.0.1:53", "127.0.0.1", 53, false},
		{"0.0.0.0:0", "0.0.0.0:0", "0.0.0.0", 0, true},
		{"[::1]:65535", "[::1]:65535", "::1", 65535, false},
		{"[2001:DB8::0:1]:1", "[2001:db8::1]:1", "2001:db8::1", 1, false},
		{"*:53", "[::]:53", "::", 53, true},
		{"[::ffff:192.0.2.1]:9", "192.0.2.1:9", "192.0.2.1", 9, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct net_address a;
		char text[NET_TEXT], host[NET_TEXT];

		assert_int_equal(net_parse(&a, table[i].text), 0);
		assert_int_equal(net_text(&a, text), strlen(table[i].shown));
		assert_string_equal(text, table[i].shown);
		net_host(&a, host);
		assert_string_equal(host, table[i].host);
		assert_int_equal(net_port(&a), table[i].port);
		assert_int_equal(net_is_wildcard(&a), table[i].wildcard);
	}
}

static void test_bad(void **state)
{
	static const char *const table[] = {"", "53", ":53", "127.0.0.1",
		"127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:5x", "127.0.0.256:1",
		"localhost:53", "::1:53", "[::1]", "[::1:53", "::1]:53", "[]:1", "*", "**:1",
		"[127.0.0.1]:1", "1.2.3.4:99999999999999999999",
		"[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]:1"};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct net_address a;

		if (net_parse(&a, table[i]) != -EINVAL)
			fail_msg("\"%s\" passed", table[i]);
	}
}

static void test_bind(void **state)
{
	static const int types[] = {SOCK_DGRAM, SOCK_STREAM};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct net_address a, again;
		int one, two;

		assert_int_equal(net_parse(&a, "127.0.0.1:0"), 0);
		one = net_bind(&a, types[i]);
		assert_true(one >= 0);
		assert_true(net_port(&a) > 0);
		again = a;
		two = net_bind(&again, types[i]);
		assert_int_equal(two, -EADDRINUSE);
		close(one);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_bind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
