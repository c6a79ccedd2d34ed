/* hub/peer: the kernel says who connected */
#include "hub/peer.h"

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SOMEBODY 65534u
#define GROUP    4242u

static int listener;
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static int setup(void **state)
{
	char directory[] = "/tmp/mayfly-peer-XXXXXX";

	(void)state;
	if (!mkdtemp(directory) || chmod(directory, 0755) < 0)
		return -1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", directory);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return chmod(address.sun_path, 0777) < 0 ? -1 : listen(listener, 4);
}

static int teardown(void **state)
{
	(void)state;
	close(listener);
	unlink(address.sun_path);
	*strrchr(address.sun_path, '/') = '\0';
	return rmdir(address.sun_path);
}

/* In a process of its own: becomes somebody and connects. */
static _Noreturn void be(gid_t group, const gid_t *groups, size_t count, uid_t user)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte;

	if (setgroups(count, groups) < 0 || setgid(group) < 0 || setuid(user) < 0 ||
		connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		_exit(1);
	_exit(read(fd, &byte, 1) == 0 ? 0 : 1); /* until the other end is done */
}

static void check(gid_t group, const gid_t *groups, size_t count, uid_t user,
	enum peer_rights alone, enum peer_rights with_group)
{
	pid_t pid = fork();
	int fd, how;

	assert_true(pid >= 0);
	if (pid == 0)
		be(group, groups, count, user);
	fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	assert_int_equal(peer_rights(fd, PEER_NO_GROUP), alone);
	assert_int_equal(peer_rights(fd, GROUP), with_group);
	assert_int_equal(peer_user(fd), user);
	close(fd);
	assert_int_equal(waitpid(pid, &how, 0), pid);
	assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

static void test_others(void **state)
{
	static const gid_t in[] = {1, GROUP, 3}, out[] = {1, 3};

	(void)state;
	if (geteuid() != 0)
		skip();
	check(SOMEBODY, in, 3, SOMEBODY, PEER_NONE, PEER_LOOK);
	check(GROUP, NULL, 0, SOMEBODY, PEER_NONE, PEER_LOOK);
	check(SOMEBODY, out, 2, SOMEBODY, PEER_NONE, PEER_NONE);
	check(0, NULL, 0, SOMEBODY, PEER_NONE, PEER_NONE); /* root's group is none of ours */
	check(SOMEBODY, out, 2, 0, PEER_ALL, PEER_ALL);
}

static void test_ourselves(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(peer_rights(pair[0], PEER_NO_GROUP), PEER_ALL);
	assert_int_equal(peer_user(pair[0]), geteuid());
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(peer_rights(pair[0], PEER_NO_GROUP), PEER_NONE);
	assert_int_equal(peer_user(pair[0]), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_ourselves),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
