/*
 * monitor/kvm.h - what the kvm backend knows of the machine.
 *
 * What a life can change, and where it is put back before the next:
 *
 *	window memory, exception stack       monitor.c, window_restore
 *	RAX ... R15, RIP, RFLAGS             kvm_state_reset (SYNC_REGS), then the stub
 *	CS SS DS ES FS GS, TR, LDT, GDT, IDT kvm_state_reset (SYNC_REGS)
 *	DS ES FS GS selectors and bases      the stub too: some hosts don't apply them
 *	CR0 CR2 CR3 CR4 CR8 EFER             kvm_state_reset
 *	pending exceptions, interrupt shadow kvm_state_reset (vcpu events)
 *	x87, SSE, AVX, AVX-512, MXCSR        the stub (xrstor)
 *	page tables' accessed, dirty bits    preset, never change (large windows: sticky)
 *	DR0-3, DR6, DR7                      CPL 3 can't write them; DR6 of a life that met
 *	                                     a debug exception goes with its shell
 *	a single step held back (VMX)        no call drops it: the life that it hits runs
 *	                                     again, in a new VM (kvm.c, inherited)
 *	MSRs                                 CPL 3 can't write them; SYSCALL, SYSENTER off
 *
 * Any way out but the gate's discards the whole VM. tests/unit/monitor/audit_test.c
 * proves each line, with controls.
 */
#ifndef MONITOR_KVM_H
#define MONITOR_KVM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>

#include "monitor/monitor.h"

#define KVM_CPUID_MAX 256

struct kvm_host {
	int fd; /* borrowed */
	size_t run_bytes;
	uint64_t cr4; /* what this processor has of what we want */
	uint64_t xcr0;
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[KVM_CPUID_MAX];
	} cpuid; /* what a guest would see if it could ask */
};

/* Once a process, before the first shell. */
void kvm_prepare(void);

/* What the processor pushed on the ring-0 stack, behind the error code where there is one. */
struct kvm_frame {
	uint64_t rip, cs, rflags, rsp, ss;
};
struct kvm_frame kvm_frame_of(const struct shell *shell);
/* Which exception the last exit reports; -1: it isn't one. */
int kvm_exception(const struct kvm_run *run);
/* Is it the gate's one `out`? */
bool kvm_at_gate(const struct kvm_run *run);
/* Enters the guest until it leaves by itself, or a signal came and over(argument) says that it
 * shall not go on (over NULL: it always shall). 0 or -errno. */
int kvm_enter(struct shell *shell, bool (*over)(const void *argument), const void *argument);
/* For `over`, of a shell: the watchdog has ended its life. */
bool kvm_given_up(const void *shell);
/* What ends kvm_enter's wait: real-time signals for the thread that runs the guest. */
int kvm_stop_signal(void);

int kvm_host_open(struct kvm_host **host, const struct monitor_options *options,
	char error[MONITOR_ERROR_MAX]);
void kvm_host_close(struct kvm_host *host);

#endif
