/* cli/doctor/probe.c - see probe.h. x86-64 only, like the walls it tries. */
#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/doctor/probe.h"

#define ARCH_SET_CPUID 0x1012
#define PAGE           0x1000u
#define SECONDS        5 /* after which a probe that hangs is ended */

/* ------------------------------------------------------------ the small VM */

enum place {
	AT_PML4 = 0x1000,
	AT_PDPT = 0x2000,
	AT_PD = 0x3000,
	AT_PT = 0x4000,
	AT_GDT = 0x5000, /* and TSS, IDT */
	AT_TSS = 0x5100,
	AT_IDT = 0x5400,
	AT_STUBS = 0x6000,
	AT_STACK0 = 0x7000,
	AT_CODE = 0x8000,
	AT_DATA = 0x9000,
	MEMORY = 0xa000,
	AT_SLOT = 0x10000, /* a page in a read-only slot */
};
#define PORT_GATE  0x10u
#define PORT_FAULT 0xc0u /* + vector */
#define VECTORS    32u

#define PTE_WRITE 2ull
#define PTE_USER  4ull
#define PTE_BASE  0x61ull /* present, accessed, dirty */
#define PTE_NX    (1ull << 63)

#define CR4_TSD     (1u << 2)
#define CR4_UMIP    (1u << 11)
#define CR4_OSXSAVE (1u << 18)

struct trial {
	const uint8_t *code;
	size_t bytes;
	unsigned vector; /* the exception that shows that the wall holds */
	uint64_t cr4;    /* more of it */
	bool may_gate;   /* it holds if the guest reaches its end */
};

#define CODE(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define AT16(a)   (a) & 0xff, (a) >> 8
#define GP        13u
#define PF        14u
#define UD        6u

/* Each goes on with `out %al, $PORT_GATE` if nothing stops it. */
static const struct trial trials[PROBE_WALLS] = {
	[PROBE_GATE] = {CODE(0x90), 0, 0, true},                                    /* nop */
	[PROBE_PORT] = {CODE(0xe6, 0x80), GP, 0, false},                            /* out $0x80 */
	[PROBE_TEXT] = {CODE(0x88, 0x04, 0x25, AT16(AT_CODE), 0, 0), PF, 0, false}, /* mov %al */
	[PROBE_NX] = {CODE(0xb8, AT16(AT_DATA), 0, 0, 0xff, 0xe0), PF, 0, false},   /* jmp */
	[PROBE_SUPERVISOR] = {CODE(0x8a, 0x04, 0x25, AT16(AT_STACK0), 0, 0), PF, 0, false},
	[PROBE_SLOT] = {CODE(0x88, 0x04, 0x25, 0, 0, 1, 0), VECTORS, 0, false},
	[PROBE_HLT] = {CODE(0xf4), GP, 0, false},
	[PROBE_MSR] = {CODE(0x0f, 0x30), GP, 0, false},     /* wrmsr */
	[PROBE_SYSCALL] = {CODE(0x0f, 0x05), UD, 0, false}, /* EFER.SCE is 0 */
	[PROBE_UMIP] = {CODE(0x0f, 0x01, 0x04, 0x25, AT16(AT_DATA), 0, 0), GP, CR4_UMIP, false},
	[PROBE_RDPMC] = {CODE(0x31, 0xc9, 0x0f, 0x33), GP, 0, false},
	[PROBE_TSD] = {CODE(0x0f, 0x31), GP, CR4_TSD, false},
	[PROBE_TSC_BOTH] = {CODE(0x0f, 0x31), GP, CR4_TSD, false},
	/* mov $1, %eax; xor %ecx, %ecx; cpuid; mov %eax, AT_DATA */
	[PROBE_CPUID] = {CODE(0xb8, 1, 0, 0, 0, 0x31, 0xc9, 0x0f, 0xa2, 0x89, 0x04, 0x25,
				 AT16(AT_DATA), 0, 0),
		0, 0, true},
	[PROBE_XCR0] = {CODE(0xc5, 0xf8, 0x77), UD, CR4_OSXSAVE, false}, /* vzeroupper */
};

static void put(uint8_t *memory, uint64_t at, uint64_t value)
{
	memcpy(memory + at, &value, sizeof value);
}

static void map(uint8_t *memory, uint64_t page, uint64_t bits)
{
	put(memory, AT_PT + page / PAGE * 8, page | PTE_BASE | bits);
}

static void fill_tables(uint8_t *memory)
{
	put(memory, AT_PML4, AT_PDPT | PTE_BASE | PTE_WRITE | PTE_USER);
	put(memory, AT_PDPT, AT_PD | PTE_BASE | PTE_WRITE | PTE_USER);
	put(memory, AT_PD, AT_PT | PTE_BASE | PTE_WRITE | PTE_USER);
	map(memory, AT_GDT, PTE_NX);
	map(memory, AT_STUBS, 0);
	map(memory, AT_STACK0, PTE_WRITE | PTE_NX);
	map(memory, AT_CODE, PTE_USER);
	map(memory, AT_DATA, PTE_WRITE | PTE_USER | PTE_NX);
	map(memory, AT_SLOT, PTE_WRITE | PTE_USER | PTE_NX);
}

#define TSS_LIMIT (0x68u + PORT_GATE / 8 + 2)

static void fill_system(uint8_t *memory)
{
	const uint64_t tss = (uint64_t)AT_TSS << 16 | TSS_LIMIT | 0x8bull << 40;

	put(memory, AT_GDT + 0x08, 0x00af9b000000ffffull); /* code 0 */
	put(memory, AT_GDT + 0x10, 0x00cf93000000ffffull); /* data 0 */
	put(memory, AT_GDT + 0x18, 0x00cff3000000ffffull); /* data 3 */
	put(memory, AT_GDT + 0x20, 0x00affb000000ffffull); /* code 3 */
	put(memory, AT_GDT + 0x28, tss);
	put(memory, AT_TSS + 4, AT_STACK0 + PAGE);
	memcpy(memory + AT_TSS + 102, &(uint16_t){0x68}, 2);
	memset(memory + AT_TSS + 0x68, 0xff, TSS_LIMIT - 0x68 + 1);
	memory[AT_TSS + 0x68 + PORT_GATE / 8] = (uint8_t) ~(1u << PORT_GATE % 8);
	for (unsigned v = 0; v < VECTORS; v++) {
		uint64_t at = AT_STUBS + 4 * v;
		const uint8_t stub[] = {0xe6, (uint8_t)(PORT_FAULT + v), 0xf4, 0x90};

		memcpy(memory + at, stub, sizeof stub);
		put(memory, AT_IDT + 16 * v, at | 8ull << 16 | 0x8eull << 40);
	}
}

static struct kvm_segment segment(unsigned selector, unsigned type, unsigned dpl, bool code)
{
	return (struct kvm_segment){.limit = 0xffffffff,
		.selector = (uint16_t)selector,
		.type = (uint8_t)type,
		.present = 1,
		.dpl = (uint8_t)dpl,
		.db = !code,
		.s = 1,
		.l = code,
		.g = 1};
}

static bool set_registers(int vcpu, uint64_t cr4)
{
	struct kvm_regs regs = {.rip = AT_CODE, .rflags = 2, .rsp = AT_DATA + PAGE};
	struct kvm_sregs s;

	if (ioctl(vcpu, KVM_GET_SREGS, &s) < 0)
		return false;
	s.cs = segment(0x23, 11, 3, true);
	s.ss = s.ds = s.es = segment(0x1b, 3, 3, false);
	s.tr = (struct kvm_segment){
		.base = AT_TSS, .limit = TSS_LIMIT, .selector = 0x28, .type = 11, .present = 1};
	s.gdt = (struct kvm_dtable){.base = AT_GDT, .limit = 0x2f};
	s.idt = (struct kvm_dtable){.base = AT_IDT, .limit = 16 * VECTORS - 1};
	s.cr0 = 0x80010033; /* PG, WP, NE, ET, MP, PE */
	s.cr3 = AT_PML4;
	s.cr4 = 0x620 | cr4; /* OSXMMEXCPT, OSFXSR, PAE */
	s.efer = 0xd00;      /* NX, LMA, LME */
	return ioctl(vcpu, KVM_SET_SREGS, &s) == 0 && ioctl(vcpu, KVM_SET_REGS, &regs) == 0;
}

/* --------------------------------------------------------- what it is told */

struct cpuid {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entry[256];
};

static struct kvm_cpuid_entry2 *leaf(struct cpuid *c, uint32_t function)
{
	for (uint32_t i = 0; i < c->head.nent; i++)
		if (c->entry[i].function == function && c->entry[i].index == 0)
			return &c->entry[i];
	return NULL;
}

/* The processor's stepping as no processor has it: seen, it shows that CPUID is ours. */
static bool set_cpuid(int kvm_fd, int vcpu, struct cpuid *c)
{
	struct kvm_cpuid_entry2 *basic;

	c->head.nent = 256;
	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, c) < 0)
		return false;
	basic = leaf(c, 1);
	if (basic == NULL)
		return false;
	basic->eax ^= 0xf;
	basic->ecx |= 1u << 26; /* XSAVE, which KVM-PVM has without saying so */
	return ioctl(vcpu, KVM_SET_CPUID2, c) == 0;
}

/* false: this processor lacks what the trial is about. */
static bool prepare(int vcpu, struct cpuid *c, enum probe_wall wall)
{
	struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs[0] = {.xcr = 0, .value = 3}};
	const struct kvm_cpuid_entry2 *more = leaf(c, 7);

	if (wall == PROBE_UMIP)
		return more != NULL && (more->ecx & 1u << 2) != 0;
	if (wall == PROBE_XCR0)
		return __builtin_cpu_supports("avx") && ioctl(vcpu, KVM_SET_XCRS, &xcrs) == 0;
	if (wall == PROBE_TSC_BOTH)
		return prctl(PR_SET_TSC, PR_TSC_SIGSEGV) == 0;
	return true;
}

/* ------------------------------------------------------------------- a trial */

static enum probe_result judge(
	const struct kvm_run *run, const uint8_t *memory, struct cpuid *c, enum probe_wall wall)
{
	const struct trial *t = &trials[wall];
	uint32_t seen;

	memcpy(&seen, memory + AT_DATA, sizeof seen);
	if (run->exit_reason == KVM_EXIT_MMIO)
		return wall == PROBE_SLOT ? PROBE_HOLDS : PROBE_STRANGE;
	if (run->exit_reason != KVM_EXIT_IO)
		return PROBE_STRANGE;
	if (run->io.port == PORT_FAULT + t->vector && !t->may_gate)
		return PROBE_HOLDS;
	/* KVM-PVM minds no EFER.SCE: it jumps to LSTAR, which is 0, where nothing is mapped */
	if (wall == PROBE_SYSCALL && run->io.port == PORT_FAULT + PF)
		return PROBE_HOLDS;
	if (run->io.port != PORT_GATE)
		return run->io.port >= PORT_FAULT && run->io.port < PORT_FAULT + VECTORS
			? PROBE_STRANGE
			: PROBE_OPEN;
	if (wall == PROBE_CPUID)
		return seen == leaf(c, 1)->eax ? PROBE_HOLDS : PROBE_OPEN;
	return t->may_gate ? PROBE_HOLDS : PROBE_OPEN;
}

static bool add_slots(int vm, uint8_t *memory)
{
	struct kvm_userspace_memory_region main = {
		.memory_size = MEMORY, .userspace_addr = (uintptr_t)memory};
	struct kvm_userspace_memory_region fixed = {.slot = 1,
		.flags = KVM_MEM_READONLY,
		.guest_phys_addr = AT_SLOT,
		.memory_size = PAGE,
		.userspace_addr = (uintptr_t)memory + MEMORY};

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &main) == 0 &&
		ioctl(vm, KVM_SET_USER_MEMORY_REGION, &fixed) == 0;
}

static enum probe_result enter(int kvm_fd, int vcpu, uint8_t *memory, enum probe_wall wall)
{
	int bytes = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0), rc;
	struct cpuid *c = calloc(1, sizeof *c);
	struct kvm_run *run = MAP_FAILED;
	enum probe_result result = PROBE_UNKNOWN;

	if (bytes > 0)
		run = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (c == NULL || run == MAP_FAILED || !set_cpuid(kvm_fd, vcpu, c) ||
		!prepare(vcpu, c, wall) || !set_registers(vcpu, trials[wall].cr4))
		goto out;
	do {
		rc = ioctl(vcpu, KVM_RUN, 0);
	} while (rc < 0 && errno == EINTR);
	result = rc < 0 ? PROBE_STRANGE : judge(run, memory, c, wall);
out:
	if (run != MAP_FAILED)
		munmap(run, (size_t)bytes);
	free(c);
	return result;
}

static enum probe_result attempt(int kvm_fd, enum probe_wall wall)
{
	static const uint8_t end[] = {0xe6, PORT_GATE, 0xf4};
	const struct trial *t = &trials[wall];
	enum probe_result result = PROBE_UNKNOWN;
	uint8_t *memory = mmap(
		NULL, MEMORY + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int vm = ioctl(kvm_fd, KVM_CREATE_VM, 0), vcpu = -1;

	if (memory != MAP_FAILED && vm >= 0 && add_slots(vm, memory))
		vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu >= 0) {
		fill_tables(memory);
		fill_system(memory);
		memcpy(memory + AT_CODE, t->code, t->bytes);
		memcpy(memory + AT_CODE + t->bytes, end, sizeof end);
		memcpy(memory + AT_DATA, end, sizeof end); /* reached if data can be run */
		result = enter(kvm_fd, vcpu, memory, wall);
		close(vcpu);
	}
	if (vm >= 0)
		close(vm);
	if (memory != MAP_FAILED)
		munmap(memory, MEMORY + PAGE);
	return result;
}

/* ----------------------------------------------------------- child processes */

/* A child that ends by itself or is ended; no core file, no message. */
static pid_t start_child(void)
{
	const struct rlimit none = {0, 0};
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGSEGV, SIG_DFL); /* a sanitizer's handler would report it */
		alarm(SECONDS);
	}
	return pid;
}

void probe_walls(struct probe *probe, int kvm_fd)
{
	struct probe *shared =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	*probe = (struct probe){0};
	if (kvm_fd < 0 || shared == MAP_FAILED)
		return;
	for (unsigned wall = 0; wall < PROBE_WALLS; wall++) {
		pid_t pid = start_child();

		if (pid == 0) {
			shared->wall[wall] = PROBE_STRANGE; /* if it doesn't come back */
			shared->wall[wall] = attempt(kvm_fd, (enum probe_wall)wall);
			_exit(0);
		}
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
	*probe = *shared;
	munmap(shared, PAGE);
}

static enum probe_result ended(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return PROBE_UNKNOWN;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
		return PROBE_HOLDS;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? PROBE_OPEN : PROBE_UNKNOWN;
}

enum probe_result probe_process_tsc(void)
{
	pid_t pid = start_child();

	if (pid == 0) {
		if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV) < 0)
			_exit(0);
		__asm__ volatile("rdtsc" : : : "rax", "rdx");
		_exit(0);
	}
	return ended(pid);
}

enum probe_result probe_process_cpuid(void)
{
	pid_t pid = start_child();

	if (pid == 0) {
		unsigned leaf_number = 0, count = 0;

		if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) < 0)
			_exit(0);
		__asm__ volatile("cpuid" : "+a"(leaf_number), "+c"(count) : : "rbx", "rdx");
		_exit(0);
	}
	return ended(pid);
}
