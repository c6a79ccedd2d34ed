/*
 * cli/doctor/probe.h - try the walls around a guest on this host's KVM: a small VM
 * runs one forbidden instruction at CPL 3 and is watched. Done in a child process.
 */
#ifndef CLI_DOCTOR_PROBE_H
#define CLI_DOCTOR_PROBE_H

enum probe_wall {
	PROBE_GATE,       /* the one port that the I/O bitmap opens */
	PROBE_PORT,       /* every other port */
	PROBE_TEXT,       /* writing code */
	PROBE_NX,         /* running data */
	PROBE_SUPERVISOR, /* reading ring 0's pages */
	PROBE_SLOT,       /* writing a page that is writable, in a read-only slot */
	PROBE_HLT,
	PROBE_MSR,
	PROBE_SYSCALL,
	PROBE_UMIP,     /* SGDT */
	PROBE_RDPMC,    /* the cycle counter by another way */
	PROBE_TSD,      /* RDTSC under CR4.TSD */
	PROBE_TSC_BOTH, /* RDTSC under CR4.TSD and PR_SET_TSC, as every life has it */
	PROBE_CPUID,    /* KVM_SET_CPUID2 */
	PROBE_XCR0,     /* AVX, where XCR0 doesn't have it */
	PROBE_WALLS
};

enum probe_result {
	PROBE_UNKNOWN, /* couldn't be tried */
	PROBE_HOLDS,
	PROBE_OPEN,    /* the guest went on */
	PROBE_STRANGE, /* it left in a way that nobody asked for */
};

struct probe {
	enum probe_result wall[PROBE_WALLS];
};

/* kvm_fd -1: all unknown. */
void probe_walls(struct probe *probe, int kvm_fd);

/* Does PR_SET_TSC make RDTSC fault in a process, does ARCH_SET_CPUID make CPUID? */
enum probe_result probe_process_tsc(void);
enum probe_result probe_process_cpuid(void);

#endif
