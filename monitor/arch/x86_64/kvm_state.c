#include "monitor/arch/x86_64/kvm_state.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>

#include "monitor/arch/x86_64/x86.h"

#define CR0_PE 0x1ull
#define CR0_MP 0x2ull
#define CR0_ET 0x10ull
#define CR0_NE 0x20ull
#define CR0_WP 0x10000ull
#define CR0_PG 0x80000000ull

#define CR4_TSD        (1ull << 2)
#define CR4_PAE        (1ull << 5)
#define CR4_OSFXSR     (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_UMIP       (1ull << 11)
#define CR4_FSGSBASE   (1ull << 16)
#define CR4_OSXSAVE    (1ull << 18)
#define CR4_SMEP       (1ull << 20)

/* no SCE: SYSCALL is an invalid opcode (KVM-PVM lets it jump to LSTAR, which is 0, where
 * nothing is ever mapped) */
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NX  (1ull << 11)

/* x87, SSE, AVX, opmask and the two halves of ZMM; no AMX, no PKRU */
#define XCR0_WANTED 0xe7ull

/* ------------------------------------------------------------------ CPUID */

enum cpuid_register { EAX, EBX, ECX, EDX };

/* What a deterministic guest shall not have. CPL-3 code could use these on hosts that don't
 * enforce CPUID; the builder refuses them too. */
static const struct {
	uint32_t function, index;
	enum cpuid_register reg;
	uint32_t bits;
} hidden[] = {
	{1, 0, ECX, 1u << 30},                             /* RDRAND */
	{1, 0, ECX, 1u << 31},                             /* hypervisor present */
	{1, 0, ECX, 1u << 3},                              /* MONITOR */
	{7, 0, EBX, 1u << 18},                             /* RDSEED */
	{7, 0, EBX, (1u << 4) | (1u << 11)},               /* HLE, RTM */
	{7, 0, ECX, 1u << 22},                             /* RDPID */
	{7, 0, ECX, (1u << 3) | (1u << 4)},                /* PKU */
	{7, 0, ECX, 1u << 5},                              /* WAITPKG */
	{7, 0, EDX, (1u << 22) | (1u << 24) | (1u << 25)}, /* AMX */
	{0x80000001, 0, EDX, 1u << 27},                    /* RDTSCP */
};

static uint32_t *cpuid_register(struct kvm_cpuid_entry2 *e, enum cpuid_register reg)
{
	switch (reg) {
	case EAX: return &e->eax;
	case EBX: return &e->ebx;
	case ECX: return &e->ecx;
	case EDX: return &e->edx;
	}
	return &e->eax;
}

static struct kvm_cpuid_entry2 *find(struct kvm_host *host, uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < host->cpuid.head.nent; i++) {
		struct kvm_cpuid_entry2 *e = &host->cpuid.entry[i];

		if (e->function == function && e->index == index)
			return e;
	}
	return NULL;
}

/* KVM's own leaves (clock, steal time ...) tell a guest things that change. */
static void drop_hypervisor_leaves(struct kvm_host *host)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < host->cpuid.head.nent; i++)
		if (host->cpuid.entry[i].function >> 28 != 4)
			host->cpuid.entry[kept++] = host->cpuid.entry[i];
	host->cpuid.head.nent = kept;
}

/* What the birth stub executes: FSGSBASE, and XSAVE, which every processor with the former has.
 * Asked of the kernel, not of KVM: KVM-PVM leaves both out of what it supports and has them
 * all the same; where KVM really refuses, KVM_SET_SREGS does. Not of the processor either: in a
 * virtual machine each CPUID is a way out. */
static bool processor_has_what_births_need(void)
{
	const unsigned long fsgsbase = 1ul << 1; /* HWCAP2_FSGSBASE */

	return getauxval(AT_HWCAP2) & fsgsbase;
}

static void hide(struct kvm_host *host)
{
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		struct kvm_cpuid_entry2 *e = find(host, hidden[i].function, hidden[i].index);

		if (e != NULL)
			*cpuid_register(e, hidden[i].reg) &= ~hidden[i].bits;
	}
	drop_hypervisor_leaves(host);
}

int kvm_state_cpuid(struct kvm_host *host, char error[MONITOR_ERROR_MAX])
{
	const struct kvm_cpuid_entry2 *extended, *xsave;

	extended = find(host, 7, 0);
	xsave = find(host, 0xd, 0);
	if (extended == NULL || xsave == NULL || !processor_has_what_births_need()) {
		snprintf(error, MONITOR_ERROR_MAX,
			"kvm: this processor lacks XSAVE or FSGSBASE, which every birth needs; "
			"use --backend process");
		return -ENOTSUP;
	}
	host->xcr0 = (xsave->eax | (uint64_t)xsave->edx << 32) & XCR0_WANTED;
	host->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | CR4_FSGSBASE | CR4_TSD;
	host->cr4 |= extended->ebx & 1u << 7 ? CR4_SMEP : 0;
	host->cr4 |= extended->ecx & 1u << 2 ? CR4_UMIP : 0;
	hide(host);
	return 0;
}

/* -------------------------------------------------------------- registers */

static struct kvm_segment segment(uint16_t selector, uint8_t type, uint8_t dpl, uint8_t is_long)
{
	return (struct kvm_segment){.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.dpl = dpl,
		.db = !is_long,
		.s = 1,
		.l = is_long,
		.g = 1};
}

static void set_segments(struct kvm_sregs *s)
{
	const struct kvm_segment null = {.unusable = 1, .type = 1};

	s->cs = segment(X86_SEL_CODE3 | 3, 11, 3, 1);
	s->ss = segment(X86_SEL_DATA3 | 3, 3, 3, 0);
	/* null selectors; the stub loads the same where this isn't applied */
	s->ds = s->es = s->fs = s->gs = null;
	s->ldt = null;
	s->tr = (struct kvm_segment){.base = X86_TSS,
		.limit = X86_TSS_LIMIT,
		.selector = X86_SEL_TSS,
		.type = 11,
		.present = 1};
	s->gdt = (struct kvm_dtable){.base = X86_GDT, .limit = 8 * X86_GDT_ENTRIES - 1};
	s->idt = (struct kvm_dtable){.base = X86_IDT, .limit = X86_IDT_LIMIT};
}

static void set_sregs(struct kvm_sregs *s, const struct kvm_host *host, const struct layout *layout)
{
	set_segments(s);
	s->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	s->cr2 = 0;
	s->cr3 = layout->tables_gpa;
	s->cr4 = host->cr4;
	s->cr8 = 0;
	s->efer = EFER_LME | EFER_LMA | EFER_NX;
	memset(s->interrupt_bitmap, 0, sizeof(s->interrupt_bitmap));
}

int kvm_state_first(const struct kvm_host *host, int vcpu, const struct layout *layout,
	struct kvm_sregs *sregs, const char **what)
{
	struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs[0] = {.xcr = 0, .value = host->xcr0}};

	*what = "KVM_SET_CPUID2";
	if (ioctl(vcpu, KVM_SET_CPUID2, &host->cpuid) < 0)
		return -errno;
	*what = "KVM_GET_SREGS"; /* for the APIC's base, which is KVM's */
	if (ioctl(vcpu, KVM_GET_SREGS, sregs) < 0)
		return -errno;
	set_sregs(sregs, host, layout);
	*what = "KVM_SET_SREGS";
	if (ioctl(vcpu, KVM_SET_SREGS, sregs) < 0)
		return -errno;
	*what = "KVM_SET_XCRS";
	return ioctl(vcpu, KVM_SET_XCRS, &xcrs) < 0 ? -errno : 0;
}

void kvm_state_reset_registers(struct kvm_run *run, const struct layout *layout, uint64_t rip)
{
	run->s.regs.regs = (struct kvm_regs){.rip = rip, .rsp = layout->stack_top, .rflags = 0x2};
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
}

void kvm_state_reset(
	struct kvm_run *run, const struct kvm_sregs *sregs, const struct layout *layout)
{
	kvm_state_reset_registers(run, layout, ARCH_BIRTH);
	run->s.regs.sregs = *sregs;
	/* nothing pending, no interrupt shadow, no NMI, no SMM */
	run->s.regs.events = (struct kvm_vcpu_events){.flags = KVM_VCPUEVENT_VALID_SHADOW};
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS;
}

struct mfw_registers kvm_state_registers(const struct kvm_regs *r, const struct kvm_sregs *s)
{
	return (struct mfw_registers){r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp,
		r->rsp, r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15, r->rip,
		r->rflags, s->cs.selector, s->ss.selector, s->fs.base, s->gs.base};
}
