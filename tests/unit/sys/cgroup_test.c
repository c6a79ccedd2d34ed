/* sys/cgroup: where a process's group is, whether it may be divided, what is written then. The tree is
 * a directory of plain files; on the emulated machine (tests/svm) it is Linux's own. */
#include "sys/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ------------------------------------------------------------------- where */

#define MOUNTS                                                                                     \
	"22 1 0:20 / /proc rw,nosuid shared:5 - proc proc rw\n"                                    \
	"30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"         \
	"31 22 0:27 / /home rw - ext4 /dev/sda rw\n"

static void test_where(void **state)
{
	char own[CGROUP_PATH];

	(void)state;
	assert_int_equal(cgroup_parse(own, "0::/system.slice/mayflyd.service\n", MOUNTS), 0);
	assert_string_equal(own, "/sys/fs/cgroup/system.slice/mayflyd.service");
	assert_int_equal(cgroup_parse(own, "0::/\n", MOUNTS), 0);
	assert_string_equal(own, "/sys/fs/cgroup");
	assert_int_equal(cgroup_parse(own, "4:memory:/a\n1:cpu:/\n0::/b", MOUNTS), 0);
	assert_string_equal(own, "/sys/fs/cgroup/b");
	assert_int_equal(
		cgroup_parse(own, "0::/a/b/c\n", "30 22 0:26 /a/b /mnt rw - cgroup2 cgroup2 rw\n"),
		0);
	assert_string_equal(own, "/mnt/c");
}

static void test_nowhere(void **state)
{
	char own[CGROUP_PATH], *longer;

	(void)state;
	assert_int_equal(cgroup_parse(own, "", MOUNTS), -EOPNOTSUPP);
	assert_int_equal(cgroup_parse(own, "4:memory:/a\n10::/x\n", MOUNTS), -EOPNOTSUPP);
	assert_int_equal(cgroup_parse(own, "0::/a\n", ""), -EOPNOTSUPP);
	assert_int_equal(cgroup_parse(own, "0::/a\n",
				 "30 22 0:26 / /x rw - cgroup cgroup rw,memory\n"
				 "31 22 0:27 / /cgroup2 rw - tmpfs cgroup2 rw\n"),
		-EOPNOTSUPP);
	assert_int_equal(
		cgroup_parse(own, "0::/a\n", "1 2 0:26 /b /x rw - cgroup2 none rw\n"), -EOPNOTSUPP);
	longer = malloc(CGROUP_PATH + 8);
	assert_non_null(longer);
	memset(longer, 'a', CGROUP_PATH + 7);
	longer[CGROUP_PATH + 7] = '\0';
	memcpy(longer, "0::/", 4);
	assert_int_equal(cgroup_parse(own, longer, MOUNTS), -ENAMETOOLONG);
	longer[CGROUP_PATH - 2] = '\0'; /* it would fit, but not behind where it is mounted */
	assert_int_equal(cgroup_parse(own, longer, MOUNTS), -ENAMETOOLONG);
	free(longer);
}

/* ---------------------------------------------------------------- a tree of files */

static char root[] = "/tmp/mayfly-cgroup-XXXXXX";

static const char *in(const char *name)
{
	static char path[2][256];
	static unsigned turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", root, name);
	return path[turn];
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(in(name), "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* The last that was written there; "" if nothing. */
static const char *got(const char *name)
{
	static char text[256];
	FILE *f = fopen(in(name), "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static const char *const files[] = {"hub/cgroup.procs", "workers/cgroup.procs",
	"workers/cgroup.subtree_control", "workers/nursery/cgroup.procs", "workers/0/cgroup.procs",
	"workers/0/memory.max", "workers/0/memory.swap.max", "workers/0/memory.oom.group",
	"cgroup.subtree_control"};

/* What Linux puts into each directory that is made, is there before. */
static int make_tree(void **state)
{
	static const char *const directories[] = {"hub", "workers", "workers/nursery", "workers/0"};

	(void)state;
	strcpy(root + strlen(root) - 6, "XXXXXX");
	if (!mkdtemp(root))
		return -1;
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		if (mkdir(in(directories[i]), 0755) < 0)
			return -1;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		put(files[i], "");
	put("cgroup.controllers", "cpu memory pids\n");
	put("cgroup.procs", "");
	return 0;
}

static int remove_tree(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command); /* NOLINT(cert-env33-c): a name of our own */
}

static void needs_no_systemd(void)
{
	if (access("/run/systemd/system", F_OK) == 0)
		skip();
}

static void test_whether_it_is_ours(void **state)
{
	char text[64];

	(void)state;
	put("cgroup.controllers", "cpu memoryx xmemory pids\n");
	assert_int_equal(cgroup_is_ours(root, 77), -EOPNOTSUPP);
	put("cgroup.controllers", "");
	assert_int_equal(cgroup_is_ours(root, 77), -EOPNOTSUPP);
	unlink(in("cgroup.controllers"));
	assert_int_equal(cgroup_is_ours(root, 77), -EOPNOTSUPP);
	put("cgroup.controllers", "memory\n");
	if (access("/run/systemd/system", F_OK) == 0) /* which didn't give it away */
		assert_int_equal(cgroup_is_ours(root, 77), -EPERM);
	needs_no_systemd();
	snprintf(text, sizeof(text), "%d\n77\n", (int)getpid());
	put("cgroup.procs", text);
	assert_int_equal(cgroup_is_ours(root, 77), 0);
	assert_int_equal(cgroup_is_ours(root, 78), -EBUSY);
	put("cgroup.procs", "0\n"); /* one that isn't in our namespace of processes */
	assert_int_equal(cgroup_is_ours(root, 77), -EBUSY);
	put("cgroup.procs", "nonsense\n");
	assert_int_equal(cgroup_is_ours(root, 77), -EBUSY);
}

static void test_what_is_written(void **state)
{
	struct cgroups groups;
	struct stat st;
	char text[64];
	int fd;

	(void)state;
	assert_int_equal(cgroup_divide(&groups, root, 77, geteuid()), 0);
	assert_string_equal(groups.path, in("workers"));
	snprintf(text, sizeof(text), "%d", (int)getpid());
	assert_string_equal(got("hub/cgroup.procs"), text);
	assert_string_equal(got("workers/nursery/cgroup.procs"), "77");
	assert_string_equal(got("cgroup.subtree_control"), "+memory");
	assert_string_equal(got("workers/cgroup.subtree_control"), "+memory");
	assert_int_equal(cgroup_make(&groups, 123456789, &fd), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	assert_string_equal(got("workers/0/memory.max"), "123456789");
	assert_string_equal(got("workers/0/memory.oom.group"), "1");
	assert_string_equal(got("workers/0/memory.swap.max"), "0");
	assert_int_equal(stat(in("workers/0/cgroup.procs"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	assert_false(cgroup_ran_out(&groups, 0));
	put("workers/0/memory.events", "low 0\nmax 3\noom 1\noom_kill 0\n");
	assert_false(cgroup_ran_out(&groups, 0));
	put("workers/0/memory.events", "low 0\nmax 3\noom 1\noom_kill 2\n");
	assert_true(cgroup_ran_out(&groups, 0));
	assert_int_equal(cgroup_make(&groups, 1, &fd), -ENOENT); /* 1: there are no files in it */
	assert_int_equal(fd, -1);
	cgroup_remove(&groups, 0);
	unlink(in("workers/0/memory.swap.max"));            /* a kernel without swap */
	assert_int_equal(cgroup_make(&groups, 99, &fd), 0); /* the number is free again */
	close(fd);
	assert_string_equal(got("workers/0/memory.max"), "993456789"); /* no O_TRUNC there */
}

static void test_what_fails(void **state)
{
	struct cgroups groups;

	(void)state;
	unlink(in("workers/cgroup.subtree_control"));
	assert_int_equal(cgroup_divide(&groups, root, 77, geteuid()), -ENOENT);
	assert_string_equal(groups.path, "");
	assert_string_equal(got("cgroup.subtree_control"), "-memory"); /* taken back */
	assert_int_equal(cgroup_divide(&groups, "/nonesuch", 77, geteuid()), -ENOENT);
	assert_string_equal(groups.path, "");
}

static void test_as_many_as_there_are(void **state)
{
	static struct cgroups groups;
	int fd;

	(void)state;
	memset(groups.taken, 0xff, sizeof(groups.taken));
	snprintf(groups.path, sizeof(groups.path), "%s", in("workers"));
	assert_int_equal(cgroup_make(&groups, 1, &fd), -EAGAIN);
	cgroup_remove(&groups, 0);
	assert_int_equal(cgroup_make(&groups, 1, &fd), 0); /* which is free again */
	close(fd);
}

/* ----------------------------------------------------------------- Linux's own */

#define TREE "/sys/fs/cgroup"

static bool write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

/* Takes so much memory, in a group. How that ended: the signal, or 0. */
static int take_memory(const char *group, size_t bytes)
{
	char path[CGROUP_PATH + 32];
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		char *memory = malloc(bytes);

		snprintf(path, sizeof(path), "%s/cgroup.procs", group);
		if (!memory || !write_to(path, "0"))
			_exit(1);
		for (size_t at = 0; at < bytes; at += 4096)
			((volatile char *)memory)[at] = 1;
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

/* In a group of its own; 0, or the line that went wrong. */
#define NEED(what)                                                                                 \
	if (!(what))                                                                               \
	return __LINE__

static int divide_and_limit(pid_t nursery, pid_t third)
{
	static struct cgroups groups;
	char own[CGROUP_PATH], path[CGROUP_PATH + 32];
	int fd, number;

	NEED(cgroup_own(own) == 0 && strcmp(own, TREE "/test") == 0);
	NEED(cgroup_is_ours(own, nursery) == -EBUSY);
	kill(third, SIGKILL);
	NEED(waitpid(third, NULL, 0) == third);
	NEED(cgroup_is_ours(own, nursery) == 0);
	NEED(cgroup_divide(&groups, own, nursery, 4321) == 0);
	NEED(cgroup_own(path) == 0 && strcmp(path, TREE "/test/hub") == 0);
	number = cgroup_make(&groups, 8u << 20, &fd);
	NEED(number == 0);
	close(fd);
	NEED(take_memory(TREE "/test/workers/0", 2u << 20) == 0);
	NEED(!cgroup_ran_out(&groups, number));
	NEED(take_memory(TREE "/test/workers/0", 64u << 20) == SIGKILL);
	NEED(cgroup_ran_out(&groups, number));
	cgroup_remove(&groups, number);
	NEED(access(TREE "/test/workers/0", F_OK) < 0);
	return 0;
}

static pid_t sleeper(void)
{
	pid_t pid = fork();

	while (pid == 0)
		pause();
	return pid;
}

static void test_on_a_machine_of_its_own(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (!getenv("MAYFLY_EMULATED"))
		skip();
	assert_int_equal(mount("none", TREE, "cgroup2", 0, "nsdelegate"), 0);
	assert_true(write_to(TREE "/cgroup.subtree_control", "+memory"));
	assert_int_equal(mkdir(TREE "/test", 0755), 0);
	pid = fork();
	if (pid == 0) {
		if (!write_to(TREE "/test/cgroup.procs", "0"))
			_exit(1);
		status = divide_and_limit(sleeper(), sleeper());
		printf("# line %d\n", status);
		fflush(stdout);
		_exit(status == 0 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_where),
		cmocka_unit_test(test_nowhere),
		cmocka_unit_test(test_on_a_machine_of_its_own),
		cmocka_unit_test_setup_teardown(test_whether_it_is_ours, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(test_what_is_written, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(test_what_fails, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(test_as_many_as_there_are, make_tree, remove_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
