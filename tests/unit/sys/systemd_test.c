/* sys/systemd: sockets handed over and notifications. The environment belongs to a process, so each
 * case is a child that plays the daemon; it says how many of its expectations failed. */
#include "sys/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/clock.h"

static int failures;

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

/* ------------------------------------------------------------------- children */

static void in_child(void (*daemon)(void))
{
	pid_t pid = fork();
	int how;

	assert_true(pid >= 0);
	if (pid == 0) {
		daemon();
		_exit(failures > 0);
	}
	assert_int_equal(waitpid(pid, &how, 0), pid);
	assert_true(WIFEXITED(how));
	assert_int_equal(WEXITSTATUS(how), 0);
}

static void set_number(const char *name, uint64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	setenv(name, text, 1);
}

/* `count` sockets lie at descriptor 3 and after. */
static void announce(unsigned count, const char *names)
{
	set_number("LISTEN_PID", (uint64_t)getpid());
	set_number("LISTEN_FDS", count);
	if (names)
		setenv("LISTEN_FDNAMES", names, 1);
}

static void put_at(int fd, int at)
{
	if (fd != at) {
		dup2(fd, at);
		close(fd);
	}
}

/* A socket at a free port of the loopback; what it got. */
static struct net_address hand_over(int at, int type, const char *text)
{
	struct net_address a;
	int fd = net_parse(&a, text) == 0 ? net_bind(&a, type) : -1;

	EXPECT(fd >= 0);
	put_at(fd, at);
	return a;
}

/* --------------------------------------------------------------------- sockets */

static void nothing_handed_over(void)
{
	char text[SYSTEMD_ERROR_MAX];
	struct net_address a;

	EXPECT(systemd_open(text) == 0);
	EXPECT(net_parse(&a, "127.0.0.1:53") == 0);
	EXPECT(systemd_socket(&a, SOCK_DGRAM) == -ENOENT);
	EXPECT(systemd_unix_socket("/run/x.sock") == -ENOENT);
	EXPECT(!systemd_unused(text));
	EXPECT(systemd_watchdog_ns() == 0);
	systemd_ready("nobody hears it");
}

static void matched_by_address_and_type(void)
{
	struct net_address udp = hand_over(3, SOCK_DGRAM, "127.0.0.1:0");
	struct net_address tcp = hand_over(4, SOCK_STREAM, "[::1]:0"), other = udp;
	char text[SYSTEMD_ERROR_MAX];
	int fd;

	announce(2, "dns:web");
	EXPECT(systemd_open(text) == 0);
	EXPECT(getenv("LISTEN_FDS") == NULL && getenv("LISTEN_PID") == NULL);
	EXPECT(systemd_unused(text) && strstr(text, "(datagrams, named \"dns\")"));
	EXPECT(systemd_socket(&udp, SOCK_STREAM) == -ENOENT);
	net_set_port(&other, (uint16_t)(net_port(&udp) ^ 1));
	EXPECT(systemd_socket(&other, SOCK_DGRAM) == -ENOENT);
	fd = systemd_socket(&udp, SOCK_DGRAM);
	EXPECT(fd > 4);
	EXPECT((fcntl(fd, F_GETFL) & O_NONBLOCK) && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
	EXPECT(fcntl(3, F_GETFD) & FD_CLOEXEC);
	EXPECT(systemd_unused(text) && strstr(text, "(connections, named \"web\")"));
	EXPECT(net_bind(&tcp, SOCK_STREAM) > 4); /* through the way that all inputs go */
	EXPECT(!systemd_unused(text));
}

/* Two listeners for one address stay an error; one after the other is none. */
static void lent_once_at_a_time(void)
{
	struct net_address a = hand_over(3, SOCK_STREAM, "127.0.0.1:0");
	char text[SYSTEMD_ERROR_MAX];
	int fd, pair[2];

	announce(1, NULL);
	EXPECT(systemd_open(text) == 0);
	fd = net_bind(&a, SOCK_STREAM);
	EXPECT(fd > 3);
	EXPECT(net_bind(&a, SOCK_STREAM) == -EADDRINUSE);
	close(fd);
	EXPECT(pipe(pair) == 0 && pair[0] == fd); /* the number means something else now */
	EXPECT(net_bind(&a, SOCK_STREAM) > 3);
}

static void unix_by_path(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char text[SYSTEMD_ERROR_MAX];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/systemd_test.%d", getpid());
	EXPECT(bind(fd, &un, sizeof(un)) == 0 && listen(fd, 1) == 0);
	put_at(fd, 3);
	announce(1, "admin");
	EXPECT(systemd_open(text) == 0);
	EXPECT(systemd_unix_socket("/tmp/systemd_test.") == -ENOENT);
	EXPECT(systemd_unused(text) && strstr(text, un.sun_path));
	EXPECT(systemd_unix_socket(un.sun_path) > 3);
	EXPECT(!systemd_unused(text));
	unlink(un.sun_path);
}

static void for_another_process(void)
{
	struct net_address a = hand_over(3, SOCK_DGRAM, "127.0.0.1:0");
	char text[SYSTEMD_ERROR_MAX];

	announce(1, NULL);
	set_number("LISTEN_PID", (uint64_t)getppid());
	set_number("WATCHDOG_USEC", 1000000);
	set_number("WATCHDOG_PID", (uint64_t)getppid());
	setenv("NOTIFY_SOCKET", "@nobody", 1);
	EXPECT(systemd_open(text) == 0);
	EXPECT(!systemd_unused(text));
	EXPECT(systemd_socket(&a, SOCK_DGRAM) == -ENOENT);
	EXPECT(systemd_watchdog_ns() == 0);
}

static void expect_refused(int err, const char *says)
{
	char text[SYSTEMD_ERROR_MAX] = "";

	EXPECT(systemd_open(text) == err);
	EXPECT(strstr(text, says));
}

static void not_there(void)
{
	close(3);
	announce(1, "gone");
	expect_refused(-EBADF, "descriptor 3 (\"gone\")");
}

static void no_socket(void)
{
	put_at(open("/dev/null", O_RDWR), 3);
	announce(1, "null");
	expect_refused(-ENOTSOCK, "descriptor 3 (\"null\")");
}

static void a_connection(void)
{
	struct net_address a = hand_over(5, SOCK_STREAM, "127.0.0.1:0");
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	EXPECT(connect(fd, &a.any, a.size) == 0);
	put_at(fd, 3);
	announce(1, "accepted");
	expect_refused(-EINVAL, "Accept=no");
}

static void another_family(void)
{
	put_at(socket(AF_NETLINK, SOCK_DGRAM, 0), 3);
	announce(1, "netlink");
	expect_refused(-EAFNOSUPPORT, "neither IP nor Unix");
}

static void another_kind(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	put_at(fd, 3);
	announce(1, "packets");
	expect_refused(-ESOCKTNOSUPPORT, "of a kind");
}

static void too_many(void)
{
	announce(100000, NULL);
	expect_refused(-E2BIG, "more than 256");
}

static void test_sockets(void **state)
{
	static void (*const daemons[])(void) = {nothing_handed_over, matched_by_address_and_type,
		lent_once_at_a_time, unix_by_path, for_another_process, not_there, no_socket,
		a_connection, another_family, another_kind, too_many};

	(void)state;
	for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++)
		in_child(daemons[i]);
}

/* --------------------------------------------------------------- notifications */

/* A manager's socket in the abstract namespace. */
static int listen_as_manager(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int n = snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "systemd_test.%d", getpid());
	char name[sizeof(un.sun_path)];

	EXPECT(bind(fd, &un,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1) + (socklen_t)n) ==
		0);
	snprintf(name, sizeof(name), "@%s", un.sun_path + 1);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void expect_heard(int fd, const char *words)
{
	char text[1024];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	EXPECT(n > 0);
	text[n > 0 ? n : 0] = '\0';
	EXPECT(strncmp(text, words, strlen(words)) == 0);
}

static void tells_the_manager(void)
{
	char text[SYSTEMD_ERROR_MAX], long_status[2000];
	int fd = listen_as_manager();

	set_number("WATCHDOG_USEC", 3000000);
	set_number("WATCHDOG_PID", (uint64_t)getpid());
	EXPECT(systemd_open(text) == 0);
	EXPECT(systemd_watchdog_ns() == 3 * CLOCK_S);
	systemd_ready("2 services");
	expect_heard(fd, "READY=1\nSTATUS=2 services");
	systemd_alive();
	expect_heard(fd, "WATCHDOG=1");
	systemd_reloading();
	expect_heard(fd, "RELOADING=1\nMONOTONIC_USEC=");
	systemd_stopping(2 * CLOCK_S);
	expect_heard(
		fd, "STOPPING=1\nSTATUS=finishing what was accepted\nEXTEND_TIMEOUT_USEC=2000000");
	memset(long_status, 'x', sizeof(long_status) - 1);
	long_status[sizeof(long_status) - 1] = '\0';
	systemd_ready(long_status);
	expect_heard(fd, "READY=1\nSTATUS=xxx");
	EXPECT(recv(fd, text, sizeof(text), 0) < 0 && errno == EAGAIN);
}

/* A manager that doesn't read holds nobody up. */
static void a_full_manager(void)
{
	char text[SYSTEMD_ERROR_MAX];
	int fd = listen_as_manager();

	EXPECT(systemd_open(text) == 0);
	EXPECT(systemd_watchdog_ns() == 0);
	for (unsigned i = 0; i < 10000; i++)
		systemd_alive();
	close(fd);
	systemd_alive();
}

static void no_such_manager(void)
{
	setenv("NOTIFY_SOCKET", "relative", 1);
	expect_refused(-EINVAL, "NOTIFY_SOCKET \"relative\"");
}

static void a_useless_interval(void)
{
	char text[SYSTEMD_ERROR_MAX];
	int fd = listen_as_manager();

	setenv("WATCHDOG_USEC", "18446744073709551615", 1);
	EXPECT(systemd_open(text) == 0);
	EXPECT(systemd_watchdog_ns() == 0);
	close(fd);
}

static void test_notifications(void **state)
{
	(void)state;
	in_child(tells_the_manager);
	in_child(a_full_manager);
	in_child(no_such_manager);
	in_child(a_useless_interval);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_notifications),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
