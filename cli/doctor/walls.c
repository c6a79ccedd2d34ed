/*
 * cli/doctor/walls.c - which walls around a guest this host enforces, tried out: in
 * a VM, and in a process. Those that keep lives apart from each other and from the
 * host must hold; those that keep lives deterministic are backed up by the builder,
 * which refuses the instructions.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/guest.h"
#include "cli/doctor/doctor.h"
#include "monitor/monitor.h"

/* ------------------------------------------------------------------- in a VM */

/* What an open wall means, and what to do. */
static const char report_it[] = "don't run services of others on this KVM, and report it";
static const char builder[] =
	"nothing for what mayfly build made: it refuses code that holds the instruction";
static const char known[] = "nothing: a life learns about the host, and changes nothing of it";
static const char reset[] = "nothing: every birth puts all vector registers back";

/* `todo`: for where it is open. An open wall that must hold rules KVM out. */
static void wall(struct doctor *d, struct doctor_line *line, enum probe_wall which,
	const char *holds, const char *open, const char *todo)
{
	enum probe_result r = d->probe.wall[which];

	if (r == PROBE_HOLDS) {
		doctor_say(line, DOCTOR_OK, "%s", holds);
	} else if (r == PROBE_OPEN) {
		doctor_say(line, todo == report_it ? DOCTOR_MISSING : DOCTOR_WARN, "%s", open);
		doctor_todo(line, "%s", todo);
		d->kvm = d->kvm && todo != report_it;
	} else {
		doctor_say(line, DOCTOR_WARN,
			r == PROBE_STRANGE
				? "the guest left in a way that nobody asked for: it ends there"
				: "this processor or this KVM has no such thing");
	}
}

#define WALL(name, which, holds, open, todo)                                                       \
	static void look_##name(struct doctor *d, struct doctor_line *line)                        \
	{                                                                                          \
		wall(d, line, which, holds, open, todo);                                           \
	}

static void look_gate(struct doctor *d, struct doctor_line *line)
{
	probe_walls(&d->probe, d->kvm_fd);
	wall(d, line, PROBE_GATE, "a guest at CPL 3 leaves through its one port",
		"the I/O bitmap opens no port to CPL 3", report_it);
	if (d->probe.wall[PROBE_GATE] != PROBE_HOLDS)
		d->kvm = false;
}
WALL(port, PROBE_PORT, "any other port faults", "a guest can use any port", report_it)
WALL(text, PROBE_TEXT, "code can't be written", "a guest can write its code", report_it)
WALL(nx, PROBE_NX, "data can't be executed", "a guest can run data", report_it)
WALL(ring0, PROBE_SUPERVISOR, "ring 0's pages can't be read", "a guest can read ring 0's pages",
	report_it)
WALL(slot, PROBE_SLOT, "read-only slots can't be written", "a guest can write read-only slots",
	report_it)
WALL(hlt, PROBE_HLT, "HLT faults", "a guest can halt", report_it)
WALL(msr, PROBE_MSR, "WRMSR faults", "a guest can write model-specific registers", report_it)
WALL(syscall, PROBE_SYSCALL, "SYSCALL faults", "a guest's SYSCALL arrives somewhere", report_it)
WALL(umip, PROBE_UMIP, "SGDT faults (UMIP)", "a guest can ask where the GDT lies", known)
WALL(pmc, PROBE_RDPMC, "RDPMC faults", "a guest can read performance counters", known)
WALL(cpuid, PROBE_CPUID, "CPUID says what the monitor set", "CPUID says what the host is", builder)
WALL(xcr0, PROBE_XCR0, "XCR0 decides which registers a guest has",
	"a guest can use registers that XCR0 doesn't give it", reset)

static void look_tsc(struct doctor *d, struct doctor_line *line)
{
	wall(d, line, PROBE_TSC_BOTH,
		d->probe.wall[PROBE_TSD] == PROBE_HOLDS
			? "RDTSC faults (CR4.TSD)"
			: "RDTSC faults (PR_SET_TSC; this KVM doesn't honour CR4.TSD)",
		"a guest can read the processor's clock", builder);
	if (line->level != DOCTOR_OK && d->probe.wall[PROBE_TSD] == PROBE_HOLDS)
		doctor_say(line, DOCTOR_OK, "RDTSC faults (CR4.TSD)");
}

static void look_random(struct doctor *d, struct doctor_line *line)
{
	(void)d;
	doctor_say(line, DOCTOR_WARN, "RDRAND, RDSEED, RDPID can't be made to fault by any host");
	doctor_todo(line, "%s", builder);
}

static const struct doctor_check in_vm[] = {
	{"gate", look_gate},
	{"ports", look_port},
	{"text", look_text},
	{"no-execute", look_nx},
	{"ring 0", look_ring0},
	{"read-only slots", look_slot},
	{"hlt", look_hlt},
	{"wrmsr", look_msr},
	{"syscall", look_syscall},
	{"sgdt", look_umip},
	{"rdpmc", look_pmc},
	{"rdtsc", look_tsc},
	{"cpuid", look_cpuid},
	{"xcr0", look_xcr0},
	{"rdrand", look_random},
};
const struct doctor_group doctor_walls = {
	"walls of a virtual machine", in_vm, sizeof in_vm / sizeof in_vm[0], true};

/* -------------------------------------------------------------- in a process */

static void look_seccomp(struct doctor *d, struct doctor_line *line)
{
	uint32_t kill_it = SECCOMP_RET_KILL_PROCESS, trap = SECCOMP_RET_TRAP;

	d->process = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &kill_it) == 0 &&
		syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &trap) == 0;
	if (d->process) {
		doctor_say(line, DOCTOR_OK, "filters, with kill and trap");
		return;
	}
	d->kvm = false; /* workers are jailed by it too */
	doctor_say(line, DOCTOR_MISSING, "no seccomp filters: %s", strerror(errno));
	doctor_todo(line, "a kernel with CONFIG_SECCOMP_FILTER, 4.14 or newer");
}

/* The image's addresses start at MF_ADDR_GATE: a process must be able to map them. */
static void look_low_memory(struct doctor *d, struct doctor_line *line)
{
	char text[64] = "?";
	void *want = (void *)(uintptr_t)MF_ADDR_GATE;
	void *at = mmap(
		want, MF_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	doctor_read("/proc/sys/vm/mmap_min_addr", text, sizeof text);
	if (at == want) {
		munmap(at, MF_PAGE);
		doctor_say(line, DOCTOR_OK, "addresses from %llu on can be mapped (%s)",
			(unsigned long long)MF_ADDR_GATE, text);
		return;
	}
	d->process = false;
	doctor_say(line, DOCTOR_MISSING, "vm.mmap_min_addr is %s: an image can't be mapped", text);
	doctor_todo(line, "sudo sysctl vm.mmap_min_addr=65536");
}

static void look_process_tsc(struct doctor *d, struct doctor_line *line)
{
	(void)d;
	if (probe_process_tsc() == PROBE_HOLDS) {
		doctor_say(line, DOCTOR_OK, "RDTSC faults (PR_SET_TSC)");
		return;
	}
	doctor_say(line, DOCTOR_WARN, "RDTSC can't be made to fault: a life can read the clock");
	doctor_todo(line, "%s", builder);
}

static void look_process_cpuid(struct doctor *d, struct doctor_line *line)
{
	bool can = probe_process_cpuid() == PROBE_HOLDS;

	(void)d;
	if (can && monitor_can_deny_cpuid()) {
		doctor_say(line, DOCTOR_OK, "CPUID faults (ARCH_SET_CPUID)");
		return;
	}
	doctor_say(line, DOCTOR_WARN,
		can ? "making CPUID fault costs microseconds a switch here, so it doesn't: a life "
		      "can ask what it runs on"
		    : "CPUID can't be made to fault: a life can ask what it runs on");
	doctor_todo(line, "%s", builder);
}

static const struct doctor_check in_process[] = {
	{"seccomp", look_seccomp},
	{"low memory", look_low_memory},
	{"rdtsc", look_process_tsc},
	{"cpuid", look_process_cpuid},
};
const struct doctor_group doctor_process = {
	"process backend", in_process, sizeof in_process / sizeof in_process[0], false};
