/*
 * What a hub can't do once it serves. Each attempt is a process of its own, which enters the list and
 * makes one system call: some end it, the others fail with EPERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/confine_calls.h"

struct attempt {
	const char *name;
	long number, argument[4];
};

#define DIED 1000

/* DIED of SIGSYS, or the errno that it came to; 0: it was made. */
static int attempt(const struct attempt *a)
{
	int how;
	pid_t pid = fork();

	if (pid == 0) {
		size_t count;
		const struct sandbox_rule *rules = confine_calls(&count);
		long rc;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			sandbox_enter(rules, count, EPERM) < 0)
			syscall(SYS_exit_group, 99);
		errno = 0;
		rc = syscall(
			a->number, a->argument[0], a->argument[1], a->argument[2], a->argument[3]);
		syscall(SYS_exit_group,
			rc == -1 && (errno == EPERM || errno == ENOSYS) ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &how, 0), pid);
	if (WIFSIGNALED(how))
		return WTERMSIG(how) == SIGSYS ? DIED : -1;
	return WEXITSTATUS(how);
}

/* Under ThreadSanitizer there is a thread of its own, which ends a process that forbids it its calls. */
static void need_one_thread(void)
{
#if defined(__SANITIZE_THREAD__)
	print_message("# ThreadSanitizer has a thread that makes other calls\n");
	skip();
#endif
}

static void all(const struct attempt *a, size_t n, int result)
{
	for (size_t i = 0; i < n; i++) {
		int got = attempt(&a[i]);

		if (got != result)
			fail_msg("%s: %d", a[i].name, got);
	}
}

#define ALL(table, result) all(table, sizeof(table) / sizeof(table[0]), result)

static void ends_it(void **state)
{
	static const struct attempt table[] = {
		{"execve", SYS_execve, {(long)"/bin/true"}},
		{"execveat", SYS_execveat, {-1, (long)"/bin/true"}},
		{"fork", SYS_fork, {0}},
		{"clone", SYS_clone, {SIGCHLD}},
		{"a process that shares memory", SYS_clone, {CLONE_VM | CLONE_SIGHAND}},
		{"ptrace", SYS_ptrace, {0}},
		{"process_vm_readv", SYS_process_vm_readv, {1}},
		{"pidfd_getfd", SYS_pidfd_getfd, {0}},
		{"setns", SYS_setns, {0}},
		{"unshare", SYS_unshare, {CLONE_NEWUSER}},
		{"mount", SYS_mount, {0}},
		{"setuid", SYS_setuid, {0}},
		{"capset", SYS_capset, {0}},
		{"bpf", SYS_bpf, {0}},
		{"io_uring_setup", SYS_io_uring_setup, {8}},
	};

	(void)state;
	need_one_thread();
	ALL(table, DIED);
}

static void fails(void **state)
{
	static const struct attempt table[] = {
		{"kill", SYS_kill, {1, 0}},
		{"tgkill", SYS_tgkill, {1, 1, 0}},
		{"pidfd_open", SYS_pidfd_open, {1, 0}},
		{"limits of others", SYS_prlimit64, {1, 7, 0, 0}},
		{"a netlink socket", SYS_socket, {AF_NETLINK, SOCK_RAW, 0}},
		{"a packet socket", SYS_socket, {AF_PACKET, SOCK_RAW, 0}},
		{"fchmodat", SYS_fchmodat, {AT_FDCWD, (long)"/nonexistent", 0777}},
		{"chown", SYS_chown, {(long)"/nonexistent", 0, 0}},
		{"link", SYS_link, {(long)"/nonexistent", (long)"/nonexistent"}},
		{"symlink", SYS_symlink, {(long)"/nonexistent", (long)"/nonexistent"}},
		{"memory to write and run", SYS_mmap,
			{0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS}},
		{"memory that is made to run", SYS_mprotect, {0, 4096, PROT_READ | PROT_EXEC}},
		{"a terminal's input", SYS_ioctl, {0, TIOCSTI}},
		{"settimeofday", SYS_settimeofday, {0}},
		{"prctl", SYS_prctl, {PR_SET_DUMPABLE, 1}},
	};

	/* as if the kernel were too old for it: what it would make can't be seen in its arguments */
	static const struct attempt clone3[] = {{"clone3", SYS_clone3, {0}}};

	(void)state;
	need_one_thread();
	ALL(table, EPERM);
	ALL(clone3, ENOSYS);
}

static void is_made(void **state)
{
	static const struct attempt table[] = {
		{"open", SYS_openat, {AT_FDCWD, (long)"/dev/null", O_RDONLY}},
		{"a UDP socket", SYS_socket, {AF_INET, SOCK_DGRAM, 0}},
		{"memory", SYS_mmap,
			{0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS}},
		{"own limits", SYS_prlimit64, {0, 7, 0, 0}},
	};

	(void)state;
	need_one_thread();
	ALL(table, 0);
}

static void reasons(void **state)
{
	size_t count;
	const struct sandbox_rule *rules = confine_calls(&count);

	(void)state;
	assert_true(count <= SANDBOX_RULES_MOST);
	for (size_t i = 0; i < count; i++)
		assert_true(rules[i].reason != NULL && strlen(rules[i].reason) > 0);
	print_message("the hub: %u system calls\n", sandbox_calls(rules, count));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_it),
		cmocka_unit_test(fails),
		cmocka_unit_test(is_made),
		cmocka_unit_test(reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
