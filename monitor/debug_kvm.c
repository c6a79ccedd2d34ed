/*
 * monitor/debug_kvm.c - hold a life in a virtual machine. Nothing of KVM's own debugging is
 * used: every exception of a guest ends in an `out` of the monitor's ring-0 stubs
 * (arch/x86_64/stub.S), breakpoints and steps among them, so that it is the same on VMX, SVM and
 * PVM. What remains is to bring the vCPU from there back to where the guest was.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor/arch/x86_64/kvm_state.h"
#include "monitor/debug_core.h"
#include "monitor/kvm.h"

/* clang-format off */
#define SAME(X) X(rax) X(rbx) X(rcx) X(rdx) X(rsi) X(rdi) X(rbp) X(rsp) \
	X(r8) X(r9) X(r10) X(r11) X(r12) X(r13) X(r14) X(r15) X(rip) X(rflags)
/* clang-format on */

static int call(const struct debug *d, unsigned long request, void *argument)
{
	return ioctl(d->shell->kvm.vcpu, request, argument) < 0 ? -errno : 0;
}

/* ------------------------------------------------------------- registers */

/* FXSAVE's area, SDM vol. 1, 10.5.1. */
static void fxsave_of(uint8_t *to, const struct kvm_fpu *f)
{
	memset(to, 0, DEBUG_FXSAVE);
	memcpy(to, &f->fcw, 2);
	memcpy(to + 2, &f->fsw, 2);
	to[4] = f->ftwx;
	memcpy(to + 6, &f->last_opcode, 2);
	memcpy(to + 8, &f->last_ip, 8);
	memcpy(to + 16, &f->last_dp, 8);
	memcpy(to + 24, &f->mxcsr, 4);
	memcpy(to + 32, f->fpr, sizeof(f->fpr));
	memcpy(to + 160, f->xmm, sizeof(f->xmm));
}

static void fpu_of(struct kvm_fpu *f, const uint8_t *from)
{
	*f = (struct kvm_fpu){.ftwx = from[4]};
	memcpy(&f->fcw, from, 2);
	memcpy(&f->fsw, from + 2, 2);
	memcpy(&f->last_opcode, from + 6, 2);
	memcpy(&f->last_ip, from + 8, 8);
	memcpy(&f->last_dp, from + 16, 8);
	memcpy(&f->mxcsr, from + 24, 4);
	memcpy(f->fpr, from + 32, sizeof(f->fpr));
	memcpy(f->xmm, from + 160, sizeof(f->xmm));
}

/* As the guest has them; `exception`: the vCPU is in ring 0, and what it pushed there counts. */
static int fetch(struct debug *d, bool exception)
{
	struct mfw_registers *r = &d->registers.main;
	struct kvm_regs regs;
	struct kvm_fpu fpu = {0};
	int rc = call(d, KVM_GET_REGS, &regs);

	if (rc == 0)
		rc = call(d, KVM_GET_SREGS, &d->sregs);
	if (rc == 0)
		rc = call(d, KVM_GET_FPU, &fpu);
	if (rc < 0)
		return rc;
	d->sregs.cs = d->shell->kvm.sregs.cs;
	d->sregs.ss = d->shell->kvm.sregs.ss;
	*r = kvm_state_registers(&regs, &d->sregs);
	if (exception) {
		struct kvm_frame frame = kvm_frame_of(d->shell);

		r->rip = frame.rip;
		r->rsp = frame.rsp;
		r->rflags = frame.rflags;
	}
	r->rflags &= ~DEBUG_TRAP_FLAG;
	fxsave_of(d->registers.fxsave, &fpu);
	return 0;
}

static int put_back(struct debug *d, bool step)
{
	const struct mfw_registers *r = &d->registers.main;
	struct kvm_regs regs = {0};
	struct kvm_fpu fpu = {0};
	int rc;

#define GIVE(name) regs.name = r->name;
	SAME(GIVE)
#undef GIVE
	/* no more than CPL 3 could set itself, whatever was typed */
	regs.rflags = (regs.rflags & 0x240cd5ull) | 0x2 | (step ? DEBUG_TRAP_FLAG : 0);
	d->sregs.fs.base = r->fs_base;
	d->sregs.gs.base = r->gs_base;
	rc = call(d, KVM_SET_SREGS, &d->sregs);
	if (rc == 0)
		rc = call(d, KVM_SET_REGS, &regs);
	if (rc == 0 && d->changed) {
		fpu_of(&fpu, d->registers.fxsave);
		rc = call(d, KVM_SET_FPU, &fpu);
	}
	d->changed = false;
	return rc;
}

/* ------------------------------------------------------------------ to run */

static bool over(const void *argument)
{
	return debug_woken(argument);
}

/* While the guest runs, what comes on wake_fd is a signal for this thread. */
static void listen_for(const struct debug *d, bool on)
{
	struct f_owner_ex self = {.type = F_OWNER_TID, .pid = (int)syscall(SYS_gettid)};
	int flags = fcntl(d->wake_fd, F_GETFL);

	if (d->wake_fd < 0)
		return;
	if (on) {
		fcntl(d->wake_fd, F_SETOWN_EX, &self);
		fcntl(d->wake_fd, F_SETSIG, kvm_stop_signal());
	}
	fcntl(d->wake_fd, F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC);
}

/* KVM has the `out` still to complete, and would do it after the registers are set. */
static void drain(struct shell *shell)
{
	shell->kvm.run->immediate_exit = 1;
	ioctl(shell->kvm.vcpu, KVM_RUN, 0);
	shell->kvm.run->immediate_exit = 0;
}

/* The guest left, or (-EINTR) was made to. */
static int look(struct debug *d, int rc, bool step, struct debug_stop *stop)
{
	struct kvm_run *run = d->shell->kvm.run;
	int vector = rc == 0 ? kvm_exception(run) : -1;

	if (rc == 0 && kvm_at_gate(run)) {
		memcpy(&d->shell->operation, (const uint8_t *)run + run->io.data_offset, 4);
		stop->why = DEBUG_ENDED;
		return 0;
	}
	stop->why = rc < 0 ? DEBUG_WOKEN : DEBUG_FAULT;
	stop->vector = vector < 0 ? MONITOR_VECTOR_EXIT : (uint32_t)vector;
	if (rc == 0)
		drain(d->shell);
	rc = fetch(d, vector >= 0);
	if (vector == 14)
		stop->touched = d->sregs.cr2;
	if (vector == 1 && step)
		stop->why = DEBUG_STEPPED;
	return rc;
}

/* Is the vCPU on its way through the stubs of ring 0? Then the exit is at hand. */
static bool in_ring_0(const struct debug *d)
{
	struct kvm_sregs sregs;

	return call(d, KVM_GET_SREGS, &sregs) == 0 && (sregs.cs.selector & 3) == 0;
}

static int kvm_debug_resume(struct debug *d, bool step, struct debug_stop *stop)
{
	int rc = d->began ? put_back(d, step) : 0;

	if (rc < 0)
		return rc;
	listen_for(d, true);
	rc = kvm_enter(d->shell, over, d);
	listen_for(d, false);
	if (rc == -EINTR && in_ring_0(d))
		rc = kvm_enter(d->shell, NULL, NULL);
	return rc < 0 && rc != -EINTR ? rc : look(d, rc, step, stop);
}

static int kvm_debug_open(struct debug *d)
{
	kvm_state_reset(d->shell->kvm.run, &d->shell->kvm.sregs, &d->shell->monitor->layout);
	signal(SIGIO, SIG_IGN); /* what the kernel sends where it can queue no more of the other */
	return 0;
}

static void kvm_debug_close(struct debug *d)
{
	(void)d; /* all of it goes with the shell */
}

static int kvm_debug_leave(struct debug *d)
{
	struct debug_stop stop = {0};
	int rc = put_back(d, false);

	if (rc == 0)
		rc = kvm_enter(d->shell, kvm_given_up, d->shell);
	if (rc == 0)
		rc = look(d, rc, false, &stop);
	if (rc == 0 && stop.why == DEBUG_ENDED)
		d->life.result = MFW_OK;
	else if (rc == 0)
		debug_crash(d, &stop);
	return rc == -EINTR ? 0 : rc;
}

const struct debug_machine debug_kvm = {
	.open = kvm_debug_open,
	.close = kvm_debug_close,
	.resume = kvm_debug_resume,
	.leave = kvm_debug_leave,
};
