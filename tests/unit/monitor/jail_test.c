/*
 * What a jailed worker can't do. Each attempt is a process of its own, which enters the
 * list of monitor/jail.c and makes one system call: it must die of SIGSYS.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "monitor/jail.h"
#include "sys/landlock.h"
#include "tests/unit/monitor/service.h"

struct attempt {
	const char *name;
	long number, argument[4];
};

/* A list: that of a worker, or of its maker. */
struct list {
	enum mfw_backend backend;
	bool socket, maker;
};

static const struct sandbox_rule *rules_of(struct list list, size_t *count)
{
	return list.maker ? jail_maker_rules(count) : jail_rules(list.backend, list.socket, count);
}

/* The signal that the process died of, 0 if it came back from the call. */
static int try(struct list list, const struct attempt *a)
{
	const struct sandbox_rule *rules;
	size_t count;
	int status;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		rules = rules_of(list, &count);
		signal(SIGSYS, SIG_DFL);
		if (sandbox_no_privileges() < 0 || sandbox_enter(rules, count, 0) < 0)
			syscall(SYS_exit_group, 99);
		syscall(a->number, a->argument[0], a->argument[1], a->argument[2], a->argument[3]);
		syscall(SYS_exit_group, 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status))
		assert_int_equal(WEXITSTATUS(status), 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static const struct attempt common[] = {
	{"kill", SYS_kill, {1, 0}},
	{"tgkill of another process", SYS_tgkill, {1, 1, 0}},
	{"pidfd_open", SYS_pidfd_open, {1, 0}},
	{"open", SYS_open, {(long)"/etc/passwd", O_RDONLY}},
	{"openat", SYS_openat, {AT_FDCWD, (long)"/etc/passwd", O_RDONLY}},
	{"openat2", SYS_openat2, {AT_FDCWD, (long)"/etc/passwd"}},
	{"stat", SYS_newfstatat, {AT_FDCWD, (long)"/etc/passwd"}},
	{"unlink", SYS_unlink, {(long)"/nonexistent"}},
	{"socket", SYS_socket, {AF_INET, SOCK_STREAM}},
	{"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM}},
	{"execve", SYS_execve, {(long)"/bin/true"}},
	{"execveat", SYS_execveat, {-1, (long)"/bin/true"}},
	{"ptrace", SYS_ptrace, {0}},
	{"process_vm_readv", SYS_process_vm_readv, {1}},
	{"mount", SYS_mount, {0}},
	{"unshare", SYS_unshare, {CLONE_NEWUSER}},
	{"setuid", SYS_setuid, {0}},
	{"io_uring_setup", SYS_io_uring_setup, {8}},
	{"bpf", SYS_bpf, {0}},
	{"userfaultfd", SYS_userfaultfd, {0}},
	{"mprotect to executable", SYS_mprotect, {0, 4096, PROT_READ | PROT_EXEC}},
	{"another ioctl", SYS_ioctl, {0, 0x5413}},
	{"prctl", SYS_prctl, {PR_SET_NAME, (long)"x"}},
	{"wait4", SYS_wait4, {-1}},
	{"rename", SYS_rename, {(long)"/a", (long)"/b"}},
	{"fcntl on another file", SYS_fcntl, {0, F_SETFL}},
	{"pread of another file", SYS_pread64, {MFW_FD_IMAGE}},
};

/* What a worker on either backend leaves to others. */
static const struct attempt worker_only[] = {
	{"fork", SYS_fork, {0}},
	{"clone", SYS_clone, {SIGCHLD}},
	{"clone as a maker does", SYS_clone, {CLONE_PARENT | CLONE_PIDFD | SIGCHLD}},
	{"executable memory", SYS_mmap,
		{0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS}},
	{"the image as code", SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE}},
	{"dup3", SYS_dup3, {0, 1}},
	{"memfd_create", SYS_memfd_create, {(long)"x"}},
	{"ftruncate", SYS_ftruncate, {MFW_FD_SHARED, 0}},
	{"pipe2", SYS_pipe2, {0}},
	{"rt_sigaction", SYS_rt_sigaction, {SIGUSR1}},
	{"arch_prctl", SYS_arch_prctl, {0}},
	{"seccomp", SYS_seccomp, {0}},
	{"prctl of a gated process", SYS_prctl, {PR_SET_TSC, PR_TSC_ENABLE}},
	{"getpid", SYS_getpid, {0}},
};

static const struct attempt kvm_only[] = {
	{"an irqchip", SYS_ioctl, {0, KVM_CREATE_IRQCHIP}},
	{"reading another descriptor", SYS_read, {MFW_FD_IMAGE}},
	{"writing another descriptor", SYS_write, {MFW_FD_SHARED}},
};

static const struct attempt process_only[] = {
	{"a thread", SYS_clone, {CLONE_VM}},
	{"a user namespace", SYS_clone, {CLONE_NEWUSER | SIGCHLD}},
	{"writable and executable memory", SYS_mmap,
		{0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS}},
	{"KVM_CREATE_VM", SYS_ioctl, {0, KVM_CREATE_VM}},
	{"FIONREAD", SYS_ioctl, {0, 0x541b}},
	{"limits of others", SYS_prlimit64, {1, RLIMIT_NOFILE, 0, 0}},
	{"another signal", SYS_pidfd_send_signal, {MFW_FD_IMAGE, SIGSTOP}},
	{"waiting for all", SYS_waitid, {P_ALL, 0, 0, WEXITED}},
};

static const struct attempt maker_only[] = {
	{"a thread", SYS_clone, {CLONE_VM}},
	{"a fork", SYS_clone, {SIGCHLD}},
	{"a user namespace", SYS_clone, {CLONE_NEWUSER | CLONE_PARENT | CLONE_PIDFD | SIGCHLD}},
	{"writable and executable memory", SYS_mmap,
		{0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS}},
	{"mprotect", SYS_mprotect, {MF_ADDR_GATE, 4096, PROT_READ}},
	{"KVM_CREATE_VM", SYS_ioctl, {0, KVM_CREATE_VM}},
	{"waiting for all", SYS_waitid, {P_ALL, 0, 0, WEXITED}},
	{"ending another", SYS_pidfd_send_signal, {MFW_FD_IMAGE, SIGKILL}},
	{"its own limits", SYS_prlimit64, {0, RLIMIT_NOFILE, 0, 0}},
	{"other files' sizes", SYS_fallocate, {MFW_FD_SHARED}},
};

/* Of a worker with a socket of its own: only that one, and only this. */
static const struct attempt on_socket[] = {
	{"recvmmsg", SYS_recvmmsg, {MFW_FD_SOCKET, 0, 0}},
	{"sendmsg", SYS_sendmsg, {MFW_FD_SOCKET, 0, 0}},
	{"getrandom", SYS_getrandom, {0, 0, 0}},
};

static const struct attempt off_socket[] = {
	{"recvmmsg elsewhere", SYS_recvmmsg, {MFW_FD_SOCKET + 1, 0, 0}},
	{"sendmsg elsewhere", SYS_sendmsg, {MFW_FD_WAKE_HUB, 0, 0}},
	{"sendto", SYS_sendto, {MFW_FD_SOCKET, 0, 0}},
	{"connect", SYS_connect, {MFW_FD_SOCKET, 0, 0}},
	{"bind", SYS_bind, {MFW_FD_SOCKET, 0, 0}},
	{"setsockopt", SYS_setsockopt, {MFW_FD_SOCKET, 0, 0}},
	{"accept4", SYS_accept4, {MFW_FD_SOCKET, 0, 0}},
};

static const struct attempt allowed[] = {
	{"clock_gettime", SYS_clock_gettime, {CLOCK_MONOTONIC, 0}},
	{"read", SYS_read, {MFW_FD_WAKE_WORKER}},
	{"brk, which fails", SYS_brk, {0}},
	{"madvise, which fails", SYS_madvise, {0}},
	{"restart_syscall, which fails", SYS_restart_syscall, {0}},
	{"memory", SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS}},
};

static void all_die(struct list list, const struct attempt *a, size_t n, int of)
{
	for (size_t i = 0; i < n; i++) {
		int sig = try(list, &a[i]);

		if (sig != of)
			fail_msg("%s: signal %d", a[i].name, sig);
	}
}

#define N(table) (sizeof(table) / sizeof(table[0]))

static void worker_list(enum mfw_backend backend)
{
	const struct list list = {.backend = backend};

	all_die(list, common, N(common), SIGSYS);
	all_die(list, worker_only, N(worker_only), SIGSYS);
	all_die(list, allowed, N(allowed), 0);
}

static void kvm_list(void **state)
{
	(void)state;
	worker_list(MFW_BACKEND_KVM);
	all_die((struct list){.backend = MFW_BACKEND_KVM}, kvm_only, N(kvm_only), SIGSYS);
}

static void process_list(void **state)
{
	(void)state;
	worker_list(MFW_BACKEND_PROCESS);
	all_die((struct list){.backend = MFW_BACKEND_PROCESS}, process_only, N(process_only),
		SIGSYS);
}

static void maker_list(void **state)
{
	const struct list list = {.maker = true};

	(void)state;
	for (size_t i = 0; i < N(common); i++)
		if (common[i].number != SYS_prctl) /* it gives gated ones their name */
			all_die(list, &common[i], 1, SIGSYS);
	all_die(list, maker_only, N(maker_only), SIGSYS);
}

static void socket_list(void **state)
{
	static const enum mfw_backend backends[] = {MFW_BACKEND_KVM, MFW_BACKEND_PROCESS};

	(void)state;
	for (size_t b = 0; b < 2; b++) {
		const struct list without = {.backend = backends[b]};
		const struct list with = {.backend = backends[b], .socket = true};

		all_die(without, on_socket, N(on_socket), SIGSYS);
		all_die(with, on_socket, N(on_socket), 0);
		all_die(with, off_socket, N(off_socket), SIGSYS);
		all_die(with, common, N(common), SIGSYS);
	}
}

static const struct list lists[] = {{.backend = MFW_BACKEND_KVM},
	{.backend = MFW_BACKEND_KVM, .socket = true}, {.backend = MFW_BACKEND_PROCESS},
	{.backend = MFW_BACKEND_PROCESS, .socket = true}, {.maker = true}};

/* Each rule says why it is there. */
static void reasons(void **state)
{
	const struct sandbox_rule *rules;
	size_t count;

	(void)state;
	for (size_t l = 0; l < N(lists); l++) {
		rules = rules_of(lists[l], &count);
		for (size_t i = 0; i < count; i++)
			assert_true(rules[i].reason != NULL && strlen(rules[i].reason) > 0);
	}
}

/* docs/security.md has these numbers; glibc needs one more to make gated processes. */
static void how_many(void **state)
{
	static const unsigned want[] = {16, 19, 17, 20, 18};
	const struct sandbox_rule *rules;
	size_t count;

	(void)state;
	for (size_t l = 0; l < N(lists); l++) {
		rules = rules_of(lists[l], &count);
#if defined(__GLIBC__)
		assert_int_equal(sandbox_calls(rules, count), want[l] + lists[l].maker);
#else
		assert_int_equal(sandbox_calls(rules, count), want[l]);
#endif
	}
}

/* Landlock, where the kernel has it: nothing can be opened, made or removed. */
static void no_files(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (landlock_abi() == 0)
		skip();
	pid = fork();
	if (pid == 0) {
		bool kept;

		if (sandbox_no_privileges() < 0 || landlock_enter(NULL, 0, 0) < 0)
			_exit(99);
		kept = open("/etc/passwd", O_RDONLY) < 0 && open("/", O_DIRECTORY) < 0 &&
			open("/dev/null", O_WRONLY) < 0 && mkdir("/tmp/mayfly-jail-test", 0700) < 0;
		_exit(kept ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Who has files left may still signal nobody but what it started: an accelerator's driver, as the hub's own user. */
static void no_signals(void **state)
{
	const struct landlock_path usr = {"/usr", LANDLOCK_READ};
	int status;
	pid_t pid;

	(void)state;
	if (landlock_abi() < 6)
		skip();
	pid = fork();
	if (pid == 0) {
		pid_t own;

		if (sandbox_no_privileges() < 0 ||
			landlock_enter(&usr, 1, LANDLOCK_NO_SIGNALS) < 0 || kill(getppid(), 0) == 0)
			_exit(1);
		own = fork();
		if (own == 0)
			for (;;)
				pause();
		_exit(kill(own, SIGKILL) == 0 && waitpid(own, &status, 0) == own ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kvm_list),
		cmocka_unit_test(process_list),
		cmocka_unit_test(maker_list),
		cmocka_unit_test(socket_list),
		cmocka_unit_test(reasons),
		cmocka_unit_test(how_many),
		cmocka_unit_test(no_files),
		cmocka_unit_test(no_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
