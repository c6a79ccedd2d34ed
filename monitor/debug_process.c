/*
 * monitor/debug_process.c - hold a life in a gated process, by ptrace. The process is this one's
 * child, so that needs no right which the user hasn't; a host that allows no ptrace at all
 * (kernel.yama.ptrace_scope 3, a container's seccomp list) can't hold one.
 */
#include <elf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/debug_core.h"

/* clang-format off */
#define SAME(X) X(rax) X(rbx) X(rcx) X(rdx) X(rsi) X(rdi) X(rbp) X(rsp) \
	X(r8) X(r9) X(r10) X(r11) X(r12) X(r13) X(r14) X(r15) X(rip) X(cs) X(ss) X(fs_base) X(gs_base)
/* clang-format on */

_Static_assert(sizeof(struct user_fpregs_struct) == DEBUG_FXSAVE, "FXSAVE's area");

static int trace(const struct debug *d, int request, uint64_t at, void *data)
{
	return ptrace(request, d->shell->process.made.pid, (void *)(uintptr_t)at, data) < 0 ? -errno
											    : 0;
}

static int with_set(const struct debug *d, int request, uint64_t set, void *to, size_t n)
{
	struct iovec span = {to, n};

	return trace(d, request, set, &span);
}

/* ------------------------------------------------------------- registers */

static int fetch(struct debug *d)
{
	struct mfw_registers *r = &d->registers.main;
	struct user_regs_struct regs;
	int rc = with_set(d, PTRACE_GETREGSET, NT_PRSTATUS, &regs, sizeof(regs));

	if (rc == 0)
		rc = with_set(d, PTRACE_GETREGSET, NT_PRFPREG, d->registers.fxsave, DEBUG_FXSAVE);
	if (rc < 0)
		return rc;
#define TAKE(name) r->name = regs.name;
	SAME(TAKE)
#undef TAKE
	r->rflags = regs.eflags & ~DEBUG_TRAP_FLAG;
	return 0;
}

static int put_back(struct debug *d)
{
	const struct mfw_registers *r = &d->registers.main;
	struct user_regs_struct regs;
	int rc;

	if (!d->changed)
		return 0;
	d->changed = false;
	rc = with_set(d, PTRACE_GETREGSET, NT_PRSTATUS, &regs, sizeof(regs));
	if (rc < 0)
		return rc;
#define GIVE(name) regs.name = r->name;
	SAME(GIVE)
#undef GIVE
	regs.eflags = r->rflags;
	regs.orig_rax = ~0ull; /* it isn't to begin a system call again */
	rc = with_set(d, PTRACE_SETREGSET, NT_PRSTATUS, &regs, sizeof(regs));
	return rc < 0
		? rc
		: with_set(d, PTRACE_SETREGSET, NT_PRFPREG, d->registers.fxsave, DEBUG_FXSAVE);
}

/* ------------------------------------------------------------------ stops */

/* The kernel tells exceptions by signals. */
static void name_fault(struct debug *d, const siginfo_t *info, struct debug_stop *stop)
{
	stop->why = DEBUG_FAULT;
	switch (info->si_signo) {
	case SIGSEGV:
		stop->vector = info->si_code == SI_KERNEL ? 13 : 14;
		if (stop->vector == 14)
			stop->touched = (uint64_t)(uintptr_t)info->si_addr;
		break;
	case SIGILL: stop->vector = 6; break;
	case SIGFPE: stop->vector = info->si_code == FPE_INTDIV ? 0 : 19; break;
	case SIGBUS: stop->vector = 17; break;
	case SIGSYS: /* a system call: no such instruction in a guest */
		stop->vector = 6;
		d->registers.main.rip -= 2;
		d->changed = true;
		break;
	default: stop->vector = MONITOR_VECTOR_EXIT;
	}
}

/* It stands. 1: nothing that matters here, it shall go on. */
static int look(struct debug *d, int status, bool step, struct debug_stop *stop)
{
	siginfo_t info;
	int rc;

	if (!WIFSTOPPED(status)) {
		stop->why = DEBUG_FAULT;
		stop->vector = MONITOR_VECTOR_EXIT;
		return -ESRCH;
	}
	rc = fetch(d);
	if (rc < 0)
		return rc;
	if (status >> 16 != 0) { /* PTRACE_EVENT_STOP: we asked for it */
		stop->why = DEBUG_WOKEN;
		return 0;
	}
	rc = trace(d, PTRACE_GETSIGINFO, 0, &info);
	if (rc < 0)
		return rc;
	if (info.si_signo == SIGTRAP) {
		stop->why = DEBUG_FAULT;
		stop->vector = info.si_code == SI_KERNEL ? 3 : 1;
		if (stop->vector == 1 && step)
			stop->why = DEBUG_STEPPED;
		return 0;
	}
	if (info.si_code == SI_USER || info.si_code == SI_TKILL || info.si_code == SI_QUEUE) {
		d->signal = info.si_signo; /* from elsewhere, not of its own doing */
		return 1;
	}
	name_fault(d, &info, stop);
	return 0;
}

static int resume(struct debug *d, bool step)
{
	int rc = put_back(d), sig = d->signal;

	d->signal = 0;
	return rc < 0 ? rc
		      : trace(d, step ? PTRACE_SINGLESTEP : PTRACE_CONT, 0,
				(void *)(uintptr_t)(unsigned)sig);
}

/* The gate's byte is there: it has asked for something and waits. */
static int came_to_the_gate(struct debug *d, struct debug_stop *stop)
{
	struct life life = {0};
	int rc = process_finish(d->shell, &life);

	stop->why = DEBUG_ENDED;
	return rc;
}

static bool is_there(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0 && (p.revents & POLLIN);
}

/* Until it stands, or waits at the gate. */
static int wait_for_it(struct debug *d, bool step, struct debug_stop *stop)
{
	struct pollfd p[3] = {{.fd = d->shell->process.made.from, .events = POLLIN},
		{.fd = d->children, .events = POLLIN}, {.fd = d->wake_fd, .events = POLLIN}};
	struct signalfd_siginfo signal;
	int status, rc;

	for (;;) {
		if (poll(p, 3, -1) < 0 && errno != EINTR)
			return -errno;
		if (is_there(d->children))
			(void)!read(d->children, &signal, sizeof(signal));
		if (is_there(d->shell->process.made.from))
			return came_to_the_gate(d, stop);
		if (waitpid(d->shell->process.made.pid, &status, WNOHANG | __WALL) > 0) {
			rc = look(d, status, step, stop);
			if (rc <= 0)
				return rc;
			rc = resume(d, step);
			if (rc < 0)
				return rc;
		} else if (p[2].fd >= 0 && debug_woken(d)) {
			p[2].fd = -1; /* once */
			rc = trace(d, PTRACE_INTERRUPT, 0, NULL);
			if (rc < 0)
				return rc;
		}
	}
}

static int process_debug_resume(struct debug *d, bool step, struct debug_stop *stop)
{
	int rc;

	if (d->began && debug_woken(d)) {
		stop->why = DEBUG_WOKEN;
		return 0;
	}
	rc = d->began ? resume(d, step) : process_begin(d->shell);
	return rc < 0 ? rc : wait_for_it(d, step, stop);
}

/* ------------------------------------------------------------- begin, end */

static int process_debug_open(struct debug *d)
{
	sigset_t children;

	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	if (pthread_sigmask(SIG_BLOCK, &children, NULL) != 0)
		return -EINVAL;
	d->children = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d->children < 0)
		return -errno;
	return trace(d, PTRACE_SEIZE, 0, (void *)(uintptr_t)PTRACE_O_EXITKILL);
}

static void process_debug_close(struct debug *d)
{
	if (d->children >= 0)
		close(d->children);
}

static int process_debug_leave(struct debug *d)
{
	int rc = put_back(d);

	if (rc == 0)
		rc = trace(d, PTRACE_DETACH, 0, NULL);
	return rc < 0 ? rc : process_finish(d->shell, &d->life);
}

const struct debug_machine debug_process = {
	.open = process_debug_open,
	.close = process_debug_close,
	.resume = process_debug_resume,
	.leave = process_debug_leave,
};
