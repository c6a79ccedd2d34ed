/* The process backend: a shell is a Linux process that holds nothing but the guest's
 * memory at the guest's addresses. Seccomp leaves it two system calls at two instructions
 * (monitor/arch/x86_64/stub.S): a byte out when a life is over, a byte in when the next
 * begins. Its window is shared with the monitor, which puts it back in between. The maker
 * (maker.h) makes it. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "monitor/core.h"

#define OPERATION_FAULT 0xfau /* what the stub's handler leaves as operation */

/* By descriptor: the jail lets a worker signal nothing else. */
static void process_kill(struct shell *shell)
{
	syscall(SYS_pidfd_send_signal, shell->process.made.pidfd, SIGKILL, NULL, 0);
}

static void process_close(struct shell *shell)
{
	const struct maker_made *made = &shell->process.made;
	siginfo_t info;

	watchdog_wait(); /* process_lasts may have its number in hand */
	process_kill(shell);
	while (waitid(P_PID, (id_t)made->pid, &info, WEXITED) < 0 && errno == EINTR)
		;
	close(made->pidfd);
	close(made->to);
	close(made->from);
	close(made->unread);
}

/* One byte from the process: 1, 0 if it is dead, -errno. */
static int hear(const struct shell *shell)
{
	uint8_t byte;
	ssize_t n;

	do {
		n = read(shell->process.made.from, &byte, 1);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)n;
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

static uint64_t offset_of(const struct shell *shell, const struct layout_region *r)
{
	const struct layout *layout = &shell->monitor->layout;

	switch (r->memory) {
	case LAYOUT_INPUT: return shell->areas.input.offset;
	case LAYOUT_OUTPUT: return shell->areas.output.offset;
	case LAYOUT_SHELL: return r->gpa - layout->shell_gpa;
	default: return r->gpa - layout->fixed_gpa;
	}
}

static void add_region(
	const struct shell *shell, struct maker_plan *plan, const struct layout_region *r)
{
	const bool write = r->write || (shell->init && r->address == MF_ADDR_INIT);

	if (r->supervisor || r->address == MF_ADDR_GATE || (shell->init && layout_is_area(r)))
		return; /* the guard page, for a process has no ring 0; the gate is the maker's */
	plan->region[plan->regions++] = (struct maker_region){.address = r->address,
		.bytes = r->bytes,
		.offset = offset_of(shell, r),
		.rights = PROT_READ | (r->execute ? PROT_EXEC : 0) | (write ? PROT_WRITE : 0),
		.memory = r->memory};
}

static struct maker_plan plan_of(const struct shell *shell)
{
	const struct monitor *m = shell->monitor;
	struct maker_plan plan = {.fd = {[LAYOUT_FIXED] = m->fixed_fd,
					  [LAYOUT_SHELL] = shell->process.window_fd,
					  [LAYOUT_INPUT] = shell->areas.input.fd,
					  [LAYOUT_OUTPUT] = shell->areas.output.fd},
		.entry = m->image->entry,
		.stack_top = m->layout.stack_top,
		.effects = image_effects_at(m->image),
		.effects_bytes = m->image->note.effects_bytes,
		.held = m->options.held,
		.deny_cpuid = m->deny_cpuid,
		.input_bytes = shell->init ? 0 : m->layout.input_bytes,
		.output_bytes = shell->init ? 0 : m->layout.output_bytes};

	for (unsigned i = 0; i < m->layout.regions; i++)
		add_region(shell, &plan, &m->layout.region[i]);
	return plan;
}

static int process_open(struct shell *shell, bool init, char error[MONITOR_ERROR_MAX])
{
	const struct maker_plan plan = plan_of(shell);
	int rc = maker_make(&plan, &shell->process.made);

	(void)init; /* add_region reads shell->init */
	shell->process.cpu = -1;
	if (rc < 0)
		return refuse(error, -rc, "a gated process can't be made");
	if (hear(shell) != 1) {
		process_close(shell);
		return refuse(error, EPERM, "the gated process didn't start");
	}
	shell->watch.clock = cpu_clock(shell->process.made.pid);
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
	struct pollfd p = {.fd = shell->process.made.unread, .events = POLLIN};

	return poll(&p, 1, 0) <= 0;
}

/* The process died: in its life, or (-EAGAIN) before it began, by what an earlier life left
 * to happen. It stays a zombie until process_close, so that its pid stays its own. */
static int mourn(const struct shell *shell, struct life *life)
{
	siginfo_t info = {0};

	if (!began(shell))
		return -EAGAIN;
	while (waitid(P_PID, (id_t)shell->process.made.pid, &info, WEXITED | WNOWAIT) < 0 &&
		errno == EINTR)
		;
	life->result = MFW_ERR_CRASHED;
	life->vector = info.si_status == SIGTRAP ? 3 : MONITOR_VECTOR_EXIT;
	return 0;
}

/* Where lives may run that last. */
static cpu_set_t anywhere;

void process_prepare(void)
{
	if (sched_getaffinity(0, sizeof(anywhere), &anywhere) < 0)
		CPU_ZERO(&anywhere); /* which is refused then */
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
	if (sched_setaffinity(shell->process.made.pid, sizeof(set), &set) == 0)
		shell->process.cpu = cpu;
}

/* Other threads may have woken theirs on the same core. If another life began meanwhile it isn't held either; the next
 * one follows again. */
static void process_lasts(struct shell *shell)
{
	if (shell->process.cpu < 0)
		return;
	(void)sched_setaffinity(shell->process.made.pid, sizeof(anywhere), &anywhere);
	shell->process.cpu = -1;
}

/* What the byte that wakes it says; the stub knows them. */
enum token { NEXT_LIFE = 1, GO_ON = 2 };

static int wake(struct shell *shell, enum token token)
{
	const uint8_t byte = (uint8_t)token;
	ssize_t n;

	follow(shell);
	do {
		n = write(shell->process.made.to, &byte, 1);
	} while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : -EAGAIN;
}

int process_begin(struct shell *shell)
{
	return wake(shell, NEXT_LIFE);
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

static int process_resume(struct shell *shell, struct life *life)
{
	int rc = wake(shell, GO_ON);

	return rc < 0 ? rc : process_finish(shell, life);
}

/* What exists of a memory file, from `start` on, was touched at some time. Not by mincore, which
 * doesn't count pages that are swapped out. */
static bool exists(int fd, uint64_t start, uint64_t all, uint64_t *at, uint64_t *bytes)
{
	const off_t end = (off_t)(start + all);
	off_t from = lseek(fd, (off_t)(start + *at), SEEK_DATA), to;

	if (*at >= all || (from < 0 && errno == ENXIO) || from >= end) /* no more */
		return false;
	to = from < 0 ? -1 : lseek(fd, from, SEEK_HOLE);
	if (to < 0) { /* not known: then all of it */
		from = (off_t)(start + *at);
		to = end;
	}
	*at = (uint64_t)from - start;
	*bytes = (uint64_t)((to < end ? to : end) - from);
	return true;
}

static bool process_written(const struct shell *shell, uint64_t *at, uint64_t *bytes)
{
	return exists(shell->process.window_fd, 0, shell->monitor->layout.window_bytes, at, bytes);
}

static bool process_touched(const struct shell *shell, uint64_t *at, uint64_t *bytes)
{
	const struct shell_area *area = &shell->areas.output;

	return exists(area->fd, area->offset, area->bytes, at, bytes);
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
	.resume = process_resume,
	.kill = process_kill,
	.lasts = process_lasts,
	.written = process_written,
	.touched = process_touched,
	.floor = process_floor,
};
