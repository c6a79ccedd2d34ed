/*
 * tests/svm/probe.c - is this KVM one that the monitor can use? Says so in TAP, so that a failure
 * of the monitor's tests on the emulated machine can be told from a failure of the machine.
 * Static, no library but libc.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUEST_MEMORY 0x1000u
#define PORT         0x0bu

static int number, failures;

static bool check(bool ok, const char *what)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++number, what);
	if (!ok)
		printf("# errno: %s\n", strerror(errno));
	failures += !ok;
	return ok;
}

static void check_processor(void)
{
	unsigned a, b, c, d;

	check(__get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_FSGSBASE), "FSGSBASE");
	check(__get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE), "XSAVE");
	check(__get_cpuid(0x80000001u, &a, &b, &c, &d) && (c & (1u << 2)), "SVM");
}

/* Real mode, `mov $'m', %al; out %al, $PORT; hlt` */
static void run_guest(int kvm, int vm, uint8_t *memory)
{
	static const uint8_t code[] = {0xb0, 'm', 0xe6, PORT, 0xf4};
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	int cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	struct kvm_run *run;
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = 0, .rflags = 2};

	memcpy(memory, code, sizeof(code));
	if (!check(cpu >= 0 && size > 0, "a processor in it"))
		return;
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	if (!check(run != MAP_FAILED, "its shared page"))
		return;
	ioctl(cpu, KVM_GET_SREGS, &sregs);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	check(ioctl(cpu, KVM_SET_SREGS, &sregs) == 0 && ioctl(cpu, KVM_SET_REGS, &regs) == 0,
		"its registers");
	check(ioctl(cpu, KVM_RUN, 0) == 0, "it runs");
	check(run->exit_reason == KVM_EXIT_IO && run->io.port == PORT &&
			*((uint8_t *)run + run->io.data_offset) == 'm',
		"it leaves by out, with its byte");
}

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm;
	struct kvm_userspace_memory_region slot = {.memory_size = GUEST_MEMORY};
	uint8_t *memory;

	check_processor();
	if (check(kvm >= 0, "/dev/kvm opens")) {
		check(ioctl(kvm, KVM_GET_API_VERSION, 0) == KVM_API_VERSION, "KVM's version");
		check(ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS) > 0, "KVM_CAP_SYNC_REGS");
		check(ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_READONLY_MEM) > 0,
			"KVM_CAP_READONLY_MEM");
		vm = ioctl(kvm, KVM_CREATE_VM, 0);
		check(vm >= 0, "a virtual machine");
		memory = mmap(NULL, GUEST_MEMORY, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		slot.userspace_addr = (uintptr_t)memory;
		if (check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) == 0, "its memory"))
			run_guest(kvm, vm, memory);
	}
	printf("1..%d\n", number);
	return failures != 0;
}
