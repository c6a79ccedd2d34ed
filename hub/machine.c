/* hub/machine.c - KVM's CPUID, and a VM that keeps the kernel's switches on. */
#include "hub/machine.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "sys/fd.h"

/* KVM has a few dozen; the worker takes no more than this either. */
#define ENTRIES 256u

void machine_init(struct machine *machine)
{
	*machine = (struct machine){.cpuid_fd = -1, .vm = -1, .vcpu = -1};
}

static int ask_cpuid(int kvm_fd)
{
	const size_t most = sizeof(struct kvm_cpuid2) + ENTRIES * sizeof(struct kvm_cpuid_entry2);
	struct kvm_cpuid2 *cpuid = calloc(1, most);
	int fd = -ENOMEM;

	if (!cpuid)
		return fd;
	cpuid->nent = ENTRIES;
	fd = ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) < 0 ? -errno : 0;
	if (fd == 0)
		fd = fd_memory_sealed("mayfly-cpuid", cpuid,
			sizeof(*cpuid) + cpuid->nent * sizeof(cpuid->entries[0]));
	free(cpuid);
	return fd;
}

void machine_open(struct machine *machine, int kvm_fd)
{
	if (kvm_fd < 0)
		return;
	if (machine->cpuid_fd < 0)
		machine->cpuid_fd = ask_cpuid(kvm_fd);
	if (machine->vm < 0)
		machine->vm = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	if (machine->vm >= 0 && machine->vcpu < 0)
		machine->vcpu = ioctl(machine->vm, KVM_CREATE_VCPU, 0);
}

void machine_close(struct machine *machine)
{
	fd_close(&machine->vcpu);
	fd_close(&machine->vm);
	fd_close(&machine->cpuid_fd);
}
