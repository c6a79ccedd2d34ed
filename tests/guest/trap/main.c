/*
 * trap - executes an instruction that a service has no business with: the payload
 * names it. Replies "survived" if nothing stopped it, "unknown" if it doesn't know
 * the word.
 *
 * The builder would refuse some of them. So each stands in the immediate operand of
 * another instruction, where a disassembler doesn't see it, and the code before it
 * jumps into that.
 */
#include <mayfly.h>

/* The bytes of immediate 0xHHGGFFEEDDCCBBAA are executed as AA BB CC ..; 90 is `nop`. */
#define HIDDEN(name, immediate)                                                                    \
	static void name(void)                                                                     \
	{                                                                                          \
		__asm__ volatile("xor %%eax, %%eax\n\t"                                            \
				 "xor %%ecx, %%ecx\n\t"                                            \
				 "mov $0x60, %%edx\n\t"                                            \
				 "jmp 1f + 2\n"                                                    \
				 "1: movabs $" #immediate ", %%rax"                                \
				 :                                                                 \
				 :                                                                 \
				 : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r11", "memory");     \
	}

HIDDEN(hlt, 0x90909090909090f4)
HIDDEN(cli, 0x90909090909090fa)
HIDDEN(sti, 0x90909090909090fb)
HIDDEN(int80, 0x90909090909080cd)
HIDDEN(int32, 0x90909090909020cd)
HIDDEN(int13, 0x9090909090900dcd)
HIDDEN(int3, 0x90909090909090cc)
HIDDEN(icebp, 0x90909090909090f1)
HIDDEN(syscall, 0x909090909090050f)
HIDDEN(sysenter, 0x909090909090340f)
HIDDEN(sysexit, 0x909090909090350f)
HIDDEN(sysret, 0x909090909090070f)
HIDDEN(rdtsc, 0x909090909090310f)
HIDDEN(rdtscp, 0x9090909090f9010f)
HIDDEN(rdpmc, 0x909090909090330f)
HIDDEN(cpuid, 0x909090909090a20f)
HIDDEN(rdrand, 0x9090909090f0c70f)
HIDDEN(rdseed, 0x9090909090f8c70f)
HIDDEN(rdpid, 0x90909090f8c70ff3)
HIDDEN(rdmsr, 0x909090909090320f)
HIDDEN(wrmsr, 0x909090909090300f)
HIDDEN(in, 0x90909090909090ec)
HIDDEN(out, 0x90909090909090ee)
HIDDEN(in_imm, 0x90909090909070e4)
HIDDEN(out_imm, 0x90909090909080e6)
HIDDEN(outs, 0x909090909090906e)
HIDDEN(read_cr0, 0x9090909090c0200f)
HIDDEN(write_cr0, 0x9090909090c0220f)
HIDDEN(write_cr3, 0x9090909090d8220f)
HIDDEN(write_cr4, 0x9090909090e0220f)
HIDDEN(write_dr7, 0x9090909090f8230f)
HIDDEN(clts, 0x909090909090060f)
HIDDEN(lgdt, 0x909090902414010f)
HIDDEN(lidt, 0x90909090241c010f)
HIDDEN(lldt, 0x9090909090d0000f)
HIDDEN(ltr, 0x9090909090d8000f)
HIDDEN(lmsw, 0x9090909090f0010f)
HIDDEN(invlpg, 0x909090909038010f)
HIDDEN(invd, 0x909090909090080f)
HIDDEN(wbinvd, 0x909090909090090f)
HIDDEN(swapgs, 0x9090909090f8010f)
HIDDEN(xsetbv, 0x9090909090d1010f)
HIDDEN(monitor, 0x9090909090c8010f)
HIDDEN(mwait, 0x9090909090c9010f)
HIDDEN(vmcall, 0x9090909090c1010f)
HIDDEN(vmmcall, 0x9090909090d9010f)
HIDDEN(vmrun, 0x9090909090d8010f)
HIDDEN(ud2, 0x9090909090900b0f)
HIDDEN(into, 0x90909090909090ce)
HIDDEN(load_ss, 0x909090909090d08e)
HIDDEN(div_zero, 0x909090909090f1f7)

/* Selector 8, which is the monitor's code or nothing at all. */
static void far_jump(void)
{
	static const struct __attribute__((packed)) {
		uint32_t offset;
		uint16_t selector;
	} to = {MF_ADDR_TEXT, 8};

	__asm__ volatile("ljmp *%0" : : "m"(to));
}

static void sse_exception(void)
{
	uint32_t all_unmasked = 0;
	float zero = 0, one = 1;

	__asm__ volatile("ldmxcsr %1\n\tdivss %2, %0" : "+x"(one) : "m"(all_unmasked), "x"(zero));
}

static void x87_exception(void)
{
	uint16_t all_unmasked = 0x0340;

	__asm__ volatile("fldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait" : : "m"(all_unmasked));
}

static void alignment(void)
{
	uint64_t pair[2] = {0, 0};

	__asm__ volatile("pushfq\n\t"
			 "orl $0x40000, (%%rsp)\n\t"
			 "popfq\n\t"
			 "mov 1(%0), %%rax\n\t"
			 "pushfq\n\t"
			 "andl $~0x40000, (%%rsp)\n\t"
			 "popfq"
			 :
			 : "r"(pair)
			 : "rax", "cc", "memory");
}

/* Leaves as if through the gate, with protection keys that let nothing be written. */
static void no_writes(void)
{
	struct mf_effects *effects = (struct mf_effects *)(MF_ADDR_WINDOW +
		((const struct mf_info *)MF_ADDR_INFO)->event_bytes);

	mf_reply_text("out");
	effects->outcome = MF_OUTCOME_OK;
	effects->reserved = MF_OP_END;
	__asm__ volatile("wrpkru\n\tjmp *%3"
			 :
			 : "a"(2), "c"(0), "d"(0), "r"(MF_ADDR_STUB)
			 : "memory");
	__builtin_unreachable();
}

/* Says that it never began, where the process backend's byte lies, and dies of a single step. */
static void not_begun(void)
{
	((struct mf_event *)MF_ADDR_WINDOW)->reserved1[0] = 2;
	__asm__ volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tnop" : : : "cc", "memory");
}

static const struct trap {
	const char *word;
	void (*run)(void);
} traps[] = {
	{"hlt", hlt},
	{"cli", cli},
	{"sti", sti},
	{"int80", int80},
	{"int32", int32},
	{"int13", int13},
	{"int3", int3},
	{"icebp", icebp},
	{"syscall", syscall},
	{"sysenter", sysenter},
	{"sysexit", sysexit},
	{"sysret", sysret},
	{"rdtsc", rdtsc},
	{"rdtscp", rdtscp},
	{"rdpmc", rdpmc},
	{"cpuid", cpuid},
	{"rdrand", rdrand},
	{"rdseed", rdseed},
	{"rdpid", rdpid},
	{"rdmsr", rdmsr},
	{"wrmsr", wrmsr},
	{"in", in},
	{"out", out},
	{"in-imm", in_imm},
	{"out-imm", out_imm},
	{"outs", outs},
	{"read-cr0", read_cr0},
	{"write-cr0", write_cr0},
	{"write-cr3", write_cr3},
	{"write-cr4", write_cr4},
	{"write-dr7", write_dr7},
	{"clts", clts},
	{"lgdt", lgdt},
	{"lidt", lidt},
	{"lldt", lldt},
	{"ltr", ltr},
	{"lmsw", lmsw},
	{"invlpg", invlpg},
	{"invd", invd},
	{"wbinvd", wbinvd},
	{"swapgs", swapgs},
	{"xsetbv", xsetbv},
	{"monitor", monitor},
	{"mwait", mwait},
	{"vmcall", vmcall},
	{"vmmcall", vmmcall},
	{"vmrun", vmrun},
	{"ud2", ud2},
	{"into", into},
	{"load-ss", load_ss},
	{"div-zero", div_zero},
	{"far-jump", far_jump},
	{"sse-exception", sse_exception},
	{"x87-exception", x87_exception},
	{"alignment", alignment},
	{"no-writes", no_writes},
	{"not-begun", not_begun},
};

void mf_main(const struct mf_event *ev)
{
	for (size_t i = 0; i < sizeof(traps) / sizeof(*traps); i++)
		if (mf_str_is(mf_payload(ev), traps[i].word)) {
			traps[i].run();
			mf_reply_text("survived");
			return;
		}
	mf_reply_text("unknown");
}
