/* The process backend: a shell is a Linux process that holds nothing but the guest's
 * memory at the guest's addresses. Seccomp leaves it two system calls at two instructions
 * (monitor/arch/x86_64/stub.S): a byte out when a life is over, a byte in when the next
 * begins. Its window is shared with the monitor, which puts it back in between. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__GLIBC__)
#include <sys/rseq.h>
#endif

#include "monitor/arch/arch.h"
#include "monitor/core.h"

#define OPERATION_FAULT 0xfau /* what the stub's handler leaves as operation */

/* ----------------------------------------------------- in the new process */

/* From here to the jump only plain system calls: other threads' locks may be held for ever. */

static void child_fail(int code)
{
	syscall(SYS_exit_group, code);
}

static int map_region(const struct shell *shell, const struct layout_region *r)
{
	const struct layout *layout = &shell->monitor->layout;
	bool window = r->address >= MF_ADDR_WINDOW && r->address < MF_ADDR_WINDOW_END;
	int fd = window ? shell->process.window_fd : shell->monitor->fixed_fd;
	uint64_t at = r->gpa - (window ? layout->shell_gpa : layout->fixed_gpa);
	int rights = PROT_READ | (r->execute ? PROT_EXEC : 0) | (r->write ? PROT_WRITE : 0);
	void *want = (void *)(uintptr_t)r->address;

	if (r->supervisor) /* the guard page; a process has no ring 0 */
		return 0;
	if (shell->init && r->address == MF_ADDR_INIT)
		rights |= PROT_WRITE;
	return mmap(want, r->bytes, rights, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, (off_t)at) == want
		? 0
		: -errno;
}

/* What the kernel takes for a handler; glibc's sigaction would install its own restorer. */
struct kernel_sigaction {
	uint64_t handler, flags, restorer, mask;
};
#define KERNEL_SA_RESTORER 0x04000000ull

static void child_signals(const struct layout *layout)
{
	/* SIGTRAP is left to kill: see stub.S */
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS};
	const struct kernel_sigaction report = {.handler = arch_gated_signal(),
		.flags = SA_SIGINFO | SA_ONSTACK | KERNEL_SA_RESTORER,
		.restorer = arch_gated_signal()};
	const struct kernel_sigaction none = {0};
	const stack_t stack = {.ss_sp = (void *)(uintptr_t)image_effects_at(layout->image),
		.ss_size = layout->image->note.effects_bytes};
	const uint64_t mask = 0;

	for (int sig = 1; sig < 65; sig++)
		syscall(SYS_rt_sigaction, sig, &none, NULL, sizeof(mask));
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		syscall(SYS_rt_sigaction, faults[i], &report, NULL, sizeof(mask));
	syscall(SYS_sigaltstack, &stack, NULL);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
}

static void child_rights(const struct monitor *m)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!m->options.held) /* or nobody but root could */
		prctl(PR_SET_DUMPABLE, 0);
	if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV) < 0)
		child_fail(3);
	if (m->deny_cpuid)
		syscall(SYS_arch_prctl, 0x1012 /* ARCH_SET_CPUID */, 0);
}

/* glibc registered an rseq area in memory that goes away; musl has none. */
static void child_forget_rseq(void)
{
#if defined(__GLIBC__)
	char *thread = __builtin_thread_pointer();

	if (__rseq_size != 0)
		syscall(SYS_rseq, thread + __rseq_offset, 32, 1 /* UNREGISTER */, RSEQ_SIG);
#endif
}

_Noreturn static void child(const struct shell *shell, int in, int out)
{
	const struct layout *layout = &shell->monitor->layout;

	child_rights(shell->monitor);
	for (unsigned i = 0; i < layout->regions; i++)
		if (map_region(shell, &layout->region[i]) < 0)
			child_fail(4);
	/* the descriptors that the two system calls name; `in` and `out` are above them */
	if (syscall(SYS_dup3, in, 0, 0) < 0 || syscall(SYS_dup3, out, 1, 0) < 0 ||
		syscall(SYS_close_range, 2u, ~0u, 0u) < 0)
		child_fail(5);
	child_signals(layout);
	child_forget_rseq();
	((void (*)(void))(uintptr_t)arch_gated_start())();
	__builtin_unreachable();
}

/* ----------------------------------------------------------- in the worker */

/* By descriptor: the jail lets a worker signal nothing else. */
static void process_kill(struct shell *shell)
{
	syscall(SYS_pidfd_send_signal, shell->process.pidfd, SIGKILL, NULL, 0);
}

static void process_close(struct shell *shell)
{
	siginfo_t info;

	if (shell->process.pid > 0) {
		process_kill(shell);
		while (waitid(P_PID, (id_t)shell->process.pid, &info, WEXITED) < 0 &&
			errno == EINTR)
			;
	}
	if (shell->process.pidfd >= 0)
		close(shell->process.pidfd);
	if (shell->process.to >= 0)
		close(shell->process.to);
	if (shell->process.from >= 0)
		close(shell->process.from);
	shell->process.pid = 0;
	shell->process.pidfd = shell->process.to = shell->process.from = -1;
}

/* One byte from the process: 1, 0 if it is dead, -errno. */
static int hear(const struct shell *shell)
{
	uint8_t byte;
	ssize_t n;

	do {
		n = read(shell->process.from, &byte, 1);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)n;
}

/* Two pipes whose ends are all above descriptor 2, so that dup3 in the child is safe. */
static int make_pipes(int to[2], int from[2])
{
	if (pipe2(to, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(from, O_CLOEXEC) < 0) {
		int rc = -errno;

		close(to[0]);
		close(to[1]);
		return rc;
	}
	return 0;
}

static int refuse(char error[MONITOR_ERROR_MAX], int err, const char *what)
{
	snprintf(error, MONITOR_ERROR_MAX, "process: %s: %s", what, strerror(err));
	return -err;
}

/* clock_getcpuclockid(3) makes the same number, and then asks the kernel whether it is one. */
static clockid_t cpu_clock(int pid)
{
	const unsigned scheduled = 2; /* CPUCLOCK_SCHED of the kernel's posix-timers */

	return (clockid_t)(~(unsigned)pid << 3 | scheduled);
}

static int process_open(struct shell *shell, bool init, char error[MONITOR_ERROR_MAX])
{
	int to[2] = {-1, -1}, from[2] = {-1, -1}, rc, pidfd = -1;

	(void)init; /* map_region reads shell->init */
	shell->process.pid = 0;
	shell->process.pidfd = shell->process.to = shell->process.from = shell->process.cpu = -1;
	rc = make_pipes(to, from);
	if (rc < 0)
		return refuse(error, -rc, "pipe");
	/* fork, but with a descriptor to kill it by */
	rc = (int)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, 0);
	if (rc == 0)
		child(shell, to[0], from[1]);
	shell->process.pid = rc;
	shell->process.pidfd = pidfd;
	shell->process.to = to[1];
	shell->process.from = from[0];
	rc = rc < 0 ? -errno : 0;
	close(to[0]);
	close(from[1]);
	if (rc == 0 && hear(shell) != 1)
		rc = -EPERM;
	if (rc < 0) {
		process_close(shell);
		return refuse(error, -rc, "the gated process didn't start");
	}
	shell->watch.clock = cpu_clock(shell->process.pid);
	return 0;
}

/* The ucontext that the kernel left on the stack of signals: unless the guest wrote there itself, and
 * then it is told what it wrote. */
static void take_registers(const struct shell *shell, uint64_t at, struct life *life)
{
	struct mfw_registers *r = &life->registers;
	uint64_t g[19];

	at += 40; /* uc_mcontext */
	if (shell_read(shell, at, g, sizeof(g)) != sizeof(g))
		return;
	life->stopped = true;
	*r = (struct mfw_registers){.r8 = g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7]};
	r->rdi = g[8], r->rsi = g[9], r->rbp = g[10], r->rbx = g[11], r->rdx = g[12];
	r->rax = g[13], r->rcx = g[14], r->rsp = g[15], r->rip = g[16], r->rflags = g[17];
	r->cs = g[18] & 0xffff, r->ss = g[18] >> 48;
}

/* What the stub's handler wrote; only told to people. */
static void explain(const struct shell *shell, struct life *life)
{
	const uint8_t *effects = shell->window + shell->monitor->image->note.event_bytes;
	uint64_t said[5];

	memcpy(said, effects + 16, sizeof(said));
	take_registers(shell, said[4], life);
	life->result = MFW_ERR_CRASHED;
	life->vector = (uint32_t)said[0];
	life->address = said[1];
	life->touched = life->vector == 14 ? said[2] : 0;
	if (said[3] == SIGSYS) { /* a system call: no such instruction in a guest */
		life->vector = 6;
		life->address -= 2;
	}
}

/* Has it taken the byte that wakes it? The pipe knows, and no guest can make it say otherwise. */
static bool began(const struct shell *shell)
{
	int unread = 0;

	return ioctl(shell->process.to, FIONREAD, &unread) < 0 || unread == 0;
}

/* The process died: in its life, or (-EAGAIN) before it began, by what an earlier life left
 * to happen. It stays a zombie until process_close, so that its pid stays its own. */
static int mourn(const struct shell *shell, struct life *life)
{
	siginfo_t info = {0};

	if (!began(shell))
		return -EAGAIN;
	while (waitid(P_PID, (id_t)shell->process.pid, &info, WEXITED | WNOWAIT) < 0 &&
		errno == EINTR)
		;
	life->result = MFW_ERR_CRASHED;
	life->vector = info.si_status == SIGTRAP ? 3 : MONITOR_VECTOR_EXIT;
	return 0;
}

/* The process runs where this thread runs: they take turns, and waking another core costs more
 * than a life. */
static void follow(struct shell *shell)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	if (cpu < 0 || cpu == shell->process.cpu)
		return;
	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	if (sched_setaffinity(shell->process.pid, sizeof(set), &set) == 0)
		shell->process.cpu = cpu;
}

int process_begin(struct shell *shell)
{
	static const uint8_t go = 1;
	ssize_t n;

	follow(shell);
	do {
		n = write(shell->process.to, &go, 1);
	} while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : -EAGAIN;
}

int process_finish(struct shell *shell, struct life *life)
{
	const uint8_t *effects = shell->window + shell->monitor->image->note.event_bytes;
	int rc = hear(shell);

	if (rc == 0)
		return mourn(shell, life);
	if (rc < 0) {
		life->result = MFW_ERR_BACKEND;
		return 0;
	}
	life->result = MFW_OK;
	memcpy(&shell->operation, effects + offsetof(struct mf_effects, reserved), 4);
	if (shell->operation == OPERATION_FAULT) {
		if (!began(shell))
			return -EAGAIN;
		explain(shell, life);
	}
	return 0;
}

static int process_run(struct shell *shell, struct life *life)
{
	int rc = process_begin(shell);

	return rc < 0 ? rc : process_finish(shell, life);
}

/* What exists of the window in shared memory was touched at some time. Not by mincore, which
 * doesn't count pages that are swapped out. */
static void process_restore_large(struct shell *shell)
{
	const struct monitor *m = shell->monitor;
	off_t bytes = (off_t)m->layout.window_bytes, at = 0, end;

	while (at < bytes) {
		at = lseek(shell->process.window_fd, at, SEEK_DATA);
		if (at < 0 && errno == ENXIO) /* no more */
			return;
		end = at < 0 ? -1 : lseek(shell->process.window_fd, at, SEEK_HOLE);
		if (end < 0) {
			at = 0;
			end = bytes;
		}
		memcpy(shell->window + at, m->snapshot + at, (size_t)(end - at));
		at = end;
	}
}

static uint64_t process_floor(struct shell *shell)
{
	(void)shell;
	return 0;
}

const struct backend backend_process = {
	.open = process_open,
	.close = process_close,
	.run = process_run,
	.kill = process_kill,
	.restore_large = process_restore_large,
	.floor = process_floor,
};
