/*
 * hub/machine.h - what the hub asks of KVM for its workers, once, so that not each start of
 * each worker pays for it. The hub never enters a guest.
 */
#ifndef HUB_MACHINE_H
#define HUB_MACHINE_H

struct machine {
	int cpuid_fd; /* what KVM supports, for MFW_FD_CPUID; -1: not asked, the worker asks */
	/* A VM and a processor that never run and have no memory. As long as there are some on
	 * the machine, others come and go without the kernel rewriting its own code on every
	 * core, each time (static keys: preempt notifiers, processors without a local APIC). */
	int vm, vcpu; /* -1: none */
};

void machine_init(struct machine *machine);
/* What can't be had is left out: workers manage without. A second call does nothing. */
void machine_open(struct machine *machine, int kvm_fd);
void machine_close(struct machine *machine);

#endif
