/* sys/rundir */
#include "sys/rundir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char top[] = "/tmp/mayfly-test.XXXXXX";

static int begin(void **state)
{
	(void)state;
	unsetenv("RUNTIME_DIRECTORY");
	unsetenv("XDG_RUNTIME_DIR");
	return mkdtemp(top) ? 0 : -1;
}

static int end(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

static const char *in_top(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static void systemds_directory_comes_first(void **state)
{
	char all[RUNDIR_MOST][RUNDIR_PATH], own[RUNDIR_PATH];

	(void)state;
	setenv("RUNTIME_DIRECTORY", "/run/mayfly-a:/run/other", 1);
	assert_int_equal(rundir_own(own), 0);
	assert_string_equal(own, "/run/mayfly-a");
	assert_int_equal(rundir_all(all), 1);
	assert_string_equal(all[0], "/run/mayfly-a");
	setenv("RUNTIME_DIRECTORY", "relative", 1); /* is none */
	assert_int_equal(rundir_own(own), 0);
	assert_string_not_equal(own, "relative");
	unsetenv("RUNTIME_DIRECTORY");
}

static void too_long_a_directory(void **state)
{
	char name[200], own[RUNDIR_PATH];

	(void)state;
	memset(name, '/', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	setenv("RUNTIME_DIRECTORY", name, 1);
	assert_int_equal(rundir_own(own), -ENAMETOOLONG);
	unsetenv("RUNTIME_DIRECTORY");
}

static void each_user_has_one(void **state)
{
	char all[RUNDIR_MOST][RUNDIR_PATH], own[RUNDIR_PATH], wanted[64];

	(void)state;
	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	assert_int_equal(rundir_own(own), 0);
	assert_string_equal(own, geteuid() == 0 ? "/run/mayfly" : "/run/user/7/mayfly");
	unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(rundir_own(own), 0);
	snprintf(wanted, sizeof(wanted), "/tmp/mayfly-%u", (unsigned)geteuid());
	assert_string_equal(own, geteuid() == 0 ? "/run/mayfly" : wanted);
	assert_int_equal(rundir_all(all), geteuid() == 0 ? 1 : 2);
}

static void directories_are_made_once(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(rundir_make(in_top("own"), false), 0);
	assert_int_equal(stat(in_top("own"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(rundir_make(in_top("own"), false), 0);
	assert_int_equal(rundir_make(in_top("open"), true), 0);
	assert_int_equal(stat(in_top("open"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(rundir_make(in_top("none/own"), false), -ENOENT);
}

static void what_others_may_write_to_is_refused(void **state)
{
	(void)state;
	assert_int_equal(mkdir(in_top("loose"), 0700), 0);
	assert_int_equal(chmod(in_top("loose"), 0777), 0);
	assert_int_equal(rundir_make(in_top("loose"), false), -EPERM);
	assert_int_equal(symlink("/tmp", in_top("link")), 0);
	assert_int_equal(rundir_make(in_top("link"), false), -ENOTDIR);
}

static void a_socket_lives_as_long_as_its_listener(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	strcpy(address.sun_path, in_top("a.sock"));
	assert_int_equal(rundir_probe(address.sun_path), RUNDIR_NONE);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(rundir_probe(address.sun_path), RUNDIR_DEAD); /* not yet alive */
	assert_int_equal(listen(fd, 1), 0);
	for (int i = 0; i < 5; i++) /* its backlog is full, too */
		assert_int_equal(rundir_probe(address.sun_path), RUNDIR_ALIVE);
	close(fd);
	assert_int_equal(rundir_probe(address.sun_path), RUNDIR_DEAD);
	assert_int_equal(rundir_probe(top), RUNDIR_NONE); /* is no socket */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(systemds_directory_comes_first),
		cmocka_unit_test(too_long_a_directory),
		cmocka_unit_test(each_user_has_one),
		cmocka_unit_test(directories_are_made_once),
		cmocka_unit_test(what_others_may_write_to_is_refused),
		cmocka_unit_test(a_socket_lives_as_long_as_its_listener),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
