/* sys/pace: whose other side is this machine, and what a socket's congestion control becomes. */
#include "sys/pace.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/net.h"

static const char *const here[] = {
	"127.0.0.1:80", "127.1.2.3:1", "[::1]:80", "[::ffff:127.0.0.1]:8"};
static const char *const elsewhere[] = {"128.0.0.1:80", "192.0.2.127:80", "0.0.0.0:80", "[::]:80",
	"[::2]:80", "[2001:db8::1]:80", "[::ffff:192.0.2.1]:8", "[7f00:1::]:80"};

static struct net_address address_of(const char *text)
{
	struct net_address a;

	assert_int_equal(net_parse(&a, text), 0);
	return a;
}

static void test_where(void **state)
{
	const struct sockaddr local = {.sa_family = AF_UNIX};
	struct net_address a;

	(void)state;
	for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++) {
		a = address_of(here[i]);
		assert_true(pace_is_loopback(&a.any));
	}
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
		a = address_of(elsewhere[i]);
		assert_false(pace_is_loopback(&a.any));
	}
	assert_false(pace_is_loopback(&local));
}

static void control_of(int fd, char name[static 16])
{
	socklen_t n = 16;

	memset(name, 0, 16);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &n), 0);
}

static void test_control(void **state)
{
	const struct net_address near = address_of("127.0.0.1:80"),
				 far = address_of("192.0.2.1:80");
	int fd = socket(AF_INET, SOCK_STREAM, 0), datagrams = socket(AF_INET, SOCK_DGRAM, 0);
	char before[16], name[16];

	(void)state;
	assert_true(fd >= 0 && datagrams >= 0);
	control_of(fd, before);
	pace_not(fd, &far.any);
	control_of(fd, name);
	assert_string_equal(name, before);
	pace_not(fd, &near.any);
	control_of(fd, name);
	assert_string_equal(name, "reno");
	pace_not(datagrams, &near.any); /* the kernel refuses, and nobody minds */
	close(fd);
	close(datagrams);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_where),
		cmocka_unit_test(test_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
