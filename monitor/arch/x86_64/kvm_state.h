/*
 * monitor/arch/x86_64/kvm_state.h - the registers of a vCPU: as it is made, and as
 * every life finds them. Every item that a life can change is named in kvm_state.c.
 */
#ifndef MONITOR_ARCH_X86_64_KVM_STATE_H
#define MONITOR_ARCH_X86_64_KVM_STATE_H

#include "monitor/kvm.h"
#include "monitor/layout.h"

/* Turns host->cpuid, what KVM supports, into what a guest sees; fills in cr4 and xcr0; -ENOTSUP with a line in error if the processor lacks
 * what the birth stub needs (XSAVE, FSGSBASE). */
int kvm_state_cpuid(struct kvm_host *host, char error[MONITOR_ERROR_MAX]);

/* What a new vCPU is told once, and the system registers that every life of it shall find.
 * 0 or -errno; *what says in which call. */
int kvm_state_first(const struct kvm_host *host, int vcpu, const struct layout *layout,
	struct kvm_sregs *sregs, const char **what);

/* All of a life's registers, written to where the next KVM_RUN takes them from. */
void kvm_state_reset(
	struct kvm_run *run, const struct kvm_sregs *sregs, const struct layout *layout);
/* What people are shown. */
struct mfw_registers kvm_state_registers(
	const struct kvm_regs *regs, const struct kvm_sregs *sregs);
/* General registers alone. */
void kvm_state_reset_registers(struct kvm_run *run, const struct layout *layout, uint64_t rip);

#endif
