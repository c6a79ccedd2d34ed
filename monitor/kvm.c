/* The kvm backend: a shell is a VM with one vCPU and two memory slots, or four with its areas. See
 * monitor/kvm.h for what is put back between two lives, and where. */
#include "monitor/kvm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor/arch/arch.h"
#include "monitor/arch/x86_64/kvm_state.h"
#include "monitor/core.h"

/* The vCPU that this thread runs, for the signal handler that stops it. */
static _Thread_local struct kvm_run *volatile running;

#define STOP_SIGNAL SIGRTMIN

static void on_stop(int sig)
{
	(void)sig;
	if (running != NULL)
		running->immediate_exit = 1;
}

/* ------------------------------------------------------------ the machine */

static const struct {
	int capability;
	const char *name;
} needed[] = {
	{KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
	{KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM"},
	{KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
	{KVM_CAP_SYNC_REGS, "KVM_CAP_SYNC_REGS"},
	{KVM_CAP_XCRS, "KVM_CAP_XCRS"},
};

static int refuse(char error[MONITOR_ERROR_MAX], int err, const char *what)
{
	snprintf(error, MONITOR_ERROR_MAX, "kvm: %s: %s", what, strerror(err));
	return -err;
}

/* What KVM supports: as whoever asked it before says, or asked now. */
static int take_cpuid(struct kvm_host *host, const struct monitor_options *options)
{
	size_t n = options->cpuid_bytes;

	if (options->cpuid == NULL) {
		host->cpuid.head.nent = KVM_CPUID_MAX;
		return ioctl(options->kvm_fd, KVM_GET_SUPPORTED_CPUID, &host->cpuid) < 0 ? -errno
											 : 0;
	}
	if (n < sizeof(host->cpuid.head) || n > sizeof(host->cpuid))
		return -EINVAL;
	memcpy(&host->cpuid, options->cpuid, n);
	if (host->cpuid.head.nent != (n - sizeof(host->cpuid.head)) / sizeof(host->cpuid.entry[0]))
		return -EINVAL;
	return 0;
}

static pid_t own; /* asked before a jail denies it */

void kvm_prepare(void)
{
	struct sigaction action = {.sa_handler = on_stop};

	own = getpid();
	sigaction(STOP_SIGNAL, &action, NULL);
}

static int ask_host(
	struct kvm_host *host, const struct monitor_options *options, char error[MONITOR_ERROR_MAX])
{
	int kvm_fd = options->kvm_fd, rc;

	if (ioctl(kvm_fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return refuse(error, EINVAL, "this isn't /dev/kvm");
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (ioctl(kvm_fd, KVM_CHECK_EXTENSION, needed[i].capability) <= 0)
			return refuse(error, ENOTSUP, needed[i].name);
	rc = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (rc < 0)
		return refuse(error, errno, "KVM_GET_VCPU_MMAP_SIZE");
	host->fd = kvm_fd;
	host->run_bytes = (size_t)rc;
	rc = take_cpuid(host, options);
	if (rc < 0)
		return refuse(error, -rc, "KVM_GET_SUPPORTED_CPUID");
	return kvm_state_cpuid(host, error);
}

/* Asked once a process: in a virtual machine the CPUID part alone takes 0.6 ms. */
int kvm_host_open(
	struct kvm_host **out, const struct monitor_options *options, char error[MONITOR_ERROR_MAX])
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct kvm_host known;
	struct kvm_host *host = malloc(sizeof(*host));
	int rc = 0;

	if (host == NULL)
		return refuse(error, ENOMEM, "memory");
	pthread_mutex_lock(&lock);
	if (known.run_bytes == 0) {
		*host = (struct kvm_host){0};
		rc = ask_host(host, options, error);
		if (rc == 0)
			known = *host;
	}
	*host = known;
	pthread_mutex_unlock(&lock);
	host->fd = options->kvm_fd;
	if (rc < 0)
		free(host);
	else
		*out = host;
	return rc;
}

void kvm_host_close(struct kvm_host *host)
{
	free(host);
}

/* --------------------------------------------------------------- a shell */

static int add_slot(const struct shell *shell, struct kvm_userspace_memory_region slot)
{
	return ioctl(shell->kvm.vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0 ? -errno : 0;
}

static int add_area(const struct shell *shell, unsigned slot, uint32_t flags, uint64_t address,
	const struct shell_area *area)
{
	if (area->bytes == 0)
		return 0;
	return add_slot(shell,
		(struct kvm_userspace_memory_region){.slot = slot,
			.flags = flags,
			.guest_phys_addr = address,
			.memory_size = area->bytes,
			.userspace_addr = (uintptr_t)area->at});
}

static int add_areas(const struct shell *shell)
{
	const struct shell_areas *a = &shell->areas;
	int rc = add_area(shell, 2, KVM_MEM_READONLY, MF_ADDR_INPUT, &a->input);

	return rc < 0 ? rc : add_area(shell, 3, 0, MF_ADDR_OUTPUT, &a->output);
}

static int add_slots(const struct shell *shell, bool init)
{
	const struct monitor *m = shell->monitor;
	int rc = add_slot(shell,
		(struct kvm_userspace_memory_region){.slot = 0,
			.flags = init ? 0 : KVM_MEM_READONLY,
			.guest_phys_addr = m->layout.fixed_gpa,
			.memory_size = m->layout.fixed_bytes,
			.userspace_addr = (uintptr_t)m->fixed});

	if (rc < 0)
		return rc;
	rc = add_slot(shell,
		(struct kvm_userspace_memory_region){.slot = 1,
			.guest_phys_addr = m->layout.shell_gpa,
			.memory_size = m->layout.window_bytes + m->layout.tables_bytes,
			.userspace_addr = (uintptr_t)shell->window});
	return rc < 0 || init ? rc : add_areas(shell);
}

static void kvm_close(struct shell *shell)
{
	if (shell->kvm.run != NULL)
		munmap(shell->kvm.run, shell->monitor->kvm->run_bytes);
	if (shell->kvm.vcpu >= 0)
		close(shell->kvm.vcpu);
	if (shell->kvm.vm >= 0)
		close(shell->kvm.vm);
	shell->kvm.run = NULL;
	shell->kvm.vcpu = shell->kvm.vm = -1;
}

static int kvm_make(struct shell *shell, bool init, const char **what)
{
	const struct monitor *m = shell->monitor;
	struct kvm_run *run;
	int rc;

	*what = "KVM_CREATE_VM";
	shell->kvm.vm = ioctl(m->kvm->fd, KVM_CREATE_VM, 0);
	if (shell->kvm.vm < 0)
		return -errno;
	*what = "KVM_SET_USER_MEMORY_REGION";
	rc = add_slots(shell, init);
	if (rc < 0)
		return rc;
	*what = "KVM_CREATE_VCPU";
	shell->kvm.vcpu = ioctl(shell->kvm.vm, KVM_CREATE_VCPU, 0);
	if (shell->kvm.vcpu < 0)
		return -errno;
	run = mmap(NULL, m->kvm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, shell->kvm.vcpu, 0);
	if (run == MAP_FAILED)
		return -errno;
	shell->kvm.run = run;
	return kvm_state_first(m->kvm, shell->kvm.vcpu, &m->layout, &shell->kvm.sregs, what);
}

/* It runs on this thread now. */
static void kvm_adopt(struct shell *shell)
{
	clockid_t clock;

	if (pthread_getcpuclockid(pthread_self(), &clock) != 0)
		clock = CLOCK_MONOTONIC;
	shell->watch.clock = clock;
}

static int kvm_open(struct shell *shell, bool init, char error[MONITOR_ERROR_MAX])
{
	const struct layout *layout = &shell->monitor->layout;
	const char *what;
	int rc;

	shell->kvm.vm = shell->kvm.vcpu = -1;
	shell->kvm.run = NULL;
	arch_fill_tables(shell->window + layout->window_bytes, layout, init);
	rc = kvm_make(shell, init, &what);
	if (rc < 0) {
		kvm_close(shell);
		return refuse(error, -rc, what);
	}
	kvm_adopt(shell);
	return 0;
}

static void kvm_kill(struct shell *shell)
{
	/* not pthread_kill: musl's takes no process, and could be allowed for all or none */
	syscall(SYS_tgkill, own, shell->thread, STOP_SIGNAL);
}

/* ------------------------------------------------------------------ a life */

int kvm_stop_signal(void)
{
	return STOP_SIGNAL;
}

int kvm_enter(struct shell *shell, bool (*over)(const void *argument), const void *argument)
{
	struct kvm_run *run = shell->kvm.run;
	int rc = -1;

	running = run;
	for (;;) {
		/* forgets a signal meant for an earlier life, or for others; one that is sent
		 * after the look behind it, the handler remembers */
		run->immediate_exit = 0;
		errno = EINTR;
		if (over != NULL && over(argument))
			break;
		rc = ioctl(shell->kvm.vcpu, KVM_RUN, 0);
		if (rc == 0 || errno != EINTR)
			break;
	}
	running = NULL;
	return rc < 0 ? -errno : 0;
}

bool kvm_given_up(const void *argument)
{
	const struct shell *shell = argument; /* it moves the state on */

	return !(atomic_load(&shell->watch.state) & 1);
}

struct kvm_frame kvm_frame_of(const struct shell *shell)
{
	const struct layout *layout = &shell->monitor->layout;
	struct kvm_frame frame;

	memcpy(&frame, shell->window + (layout->guard - MF_ADDR_WINDOW) + MF_PAGE - sizeof(frame),
		sizeof(frame));
	return frame;
}

bool kvm_at_gate(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_OUT &&
		run->io.port == ARCH_PORT_GATE && run->io.size == 4 && run->io.count == 1;
}

int kvm_exception(const struct kvm_run *run)
{
	uint32_t vector = run->io.port - ARCH_PORT_EXCEPTION;

	return run->exit_reason == KVM_EXIT_IO && run->io.size == 1 && vector < ARCH_EXCEPTIONS
		? (int)vector
		: -1;
}

/* VMX keeps a single step that a load of SS held back, over the way out, and KVM has no call that
 * drops it: it hits the next life before its first instruction. No life can look like that by
 * itself: to step there it needs a flag that the frame shows. */
static bool inherited(const struct shell *shell, uint32_t vector)
{
	const uint64_t tf = 0x100;
	struct kvm_frame frame = kvm_frame_of(shell);

	return vector == 1 && frame.rip == ARCH_BIRTH && !(frame.rflags & tf);
}

/* The guest's registers: the vCPU's, but for what an exception pushed. Only told to people. */
static void take_registers(struct shell *shell, const struct kvm_frame *frame, struct life *life)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	if (ioctl(shell->kvm.vcpu, KVM_GET_REGS, &regs) < 0 ||
		ioctl(shell->kvm.vcpu, KVM_GET_SREGS, &sregs) < 0)
		return;
	life->stopped = true;
	life->registers = kvm_state_registers(&regs, &sregs);
	if (frame != NULL) {
		life->registers.rip = frame->rip;
		life->registers.rsp = frame->rsp;
		life->registers.rflags = frame->rflags;
		life->registers.cs = frame->cs;
		life->registers.ss = frame->ss;
	}
	life->address = life->registers.rip;
	if (life->vector == 14)
		life->touched = sregs.cr2;
}

static void explain(struct shell *shell, uint32_t vector, struct life *life)
{
	struct kvm_frame frame = kvm_frame_of(shell);

	life->vector = vector;
	take_registers(shell, &frame, life);
	life->address = frame.rip;
}

static void explain_exit(struct shell *shell, struct life *life)
{
	life->vector = MONITOR_VECTOR_EXIT;
	take_registers(shell, NULL, life);
}

/* What KVM_RUN came back with; 0 or -EAGAIN, as backend->run. Whatever isn't the gate's one
 * `out` ends this shell too: KVM may have I/O to complete or events pending in it. */
static int judge(struct shell *shell, int rc, struct life *life)
{
	const struct kvm_run *run = shell->kvm.run;
	int vector = kvm_exception(run);

	if (rc == -EINTR) {
		life->result = MFW_ERR_CPU;
		take_registers(shell, NULL, life);
	} else if (rc < 0) {
		life->result = MFW_ERR_BACKEND;
	} else if (kvm_at_gate(run)) {
		memcpy(&shell->operation, (const uint8_t *)run + run->io.data_offset, 4);
		life->result = MFW_OK;
	} else {
		life->result = MFW_ERR_CRASHED;
		if (vector < 0)
			explain_exit(shell, life);
		else if (inherited(shell, (uint32_t)vector))
			return -EAGAIN;
		else
			explain(shell, (uint32_t)vector, life);
	}
	return 0;
}

static int kvm_run_life(struct shell *shell, struct life *life)
{
	kvm_state_reset(shell->kvm.run, &shell->kvm.sregs, &shell->monitor->layout);
	return judge(shell, kvm_enter(shell, kvm_given_up, shell), life);
}

/* The `out` is completed first, so it goes on behind it; its registers are the vCPU's. */
static int kvm_resume(struct shell *shell, struct life *life)
{
	shell->kvm.run->kvm_dirty_regs = 0;
	return judge(shell, kvm_enter(shell, kvm_given_up, shell), life);
}

static uint64_t kvm_floor(struct shell *shell)
{
	uint64_t from = monitor_now();
	struct life life = {0};

	kvm_state_reset_registers(shell->kvm.run, &shell->monitor->layout, ARCH_FLOOR);
	judge(shell, kvm_enter(shell, NULL, NULL), &life);
	return life.result == MFW_OK ? monitor_now() - from : 0;
}

/* The first page from this one on whose dirty bit is so; the end of the window: there is none. */
static uint64_t find_page(const struct shell *shell, uint64_t page, bool dirty)
{
	const struct layout *layout = &shell->monitor->layout;
	const uint64_t pages = layout->window_bytes / MF_PAGE;

	while (page < pages) {
		const uint64_t *entry =
			arch_window_entry(shell->window + layout->window_bytes, layout, page);

		/* the rest of this table's entries follow it in memory */
		do {
			if (!(*(const volatile uint64_t *)entry & ARCH_PTE_DIRTY) == !dirty)
				return page;
			entry++;
			page++;
		} while (page % 512 != 0 && page < pages);
	}
	return pages;
}

/* Dirty bits are never cleared: the processor may hold them in its TLB, and a page once
 * written is likely to be written again. */
static bool kvm_written(const struct shell *shell, uint64_t *at, uint64_t *bytes)
{
	const uint64_t from = find_page(shell, *at / MF_PAGE, true) * MF_PAGE;

	*at = from;
	*bytes = find_page(shell, from / MF_PAGE, false) * MF_PAGE - from;
	return *bytes > 0;
}

/* Those of the output area, as the window's: never cleared, so what lives of this shell ever wrote. */
static bool kvm_touched(const struct shell *shell, uint64_t *at, uint64_t *bytes)
{
	const struct layout *layout = &shell->monitor->layout;
	uint8_t *tables = shell->window + layout->window_bytes;

	for (uint64_t covers; *at < layout->output_bytes; *at += covers) {
		const volatile uint64_t *entry = arch_output_entry(tables, layout, *at, &covers);

		*bytes = covers;
		if (*entry & ARCH_PTE_DIRTY)
			return true;
	}
	return false;
}

const struct backend backend_kvm = {
	.open = kvm_open,
	.close = kvm_close,
	.run = kvm_run_life,
	.resume = kvm_resume,
	.adopt = kvm_adopt,
	.kill = kvm_kill,
	.written = kvm_written,
	.touched = kvm_touched,
	.floor = kvm_floor,
};
