/*
 * tests/svm/tss.c - for the emulated machine only: mends one error of its processor.
 *
 * QEMU 7.2 looks into the I/O permission bitmap only if the task register's type is 9, an
 * available TSS; a processor that has loaded one says 11, busy, and VMX demands 11. So `out` at
 * CPL 3 faults under QEMU and nowhere else. This library is loaded before the programs of tests
 * and says 9 to KVM wherever they said 11; nothing else is changed on its way.
 */
#include <linux/kvm.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BUSY      11
#define AVAILABLE 9
#define CPUS      65536

static struct kvm_run *run_of[CPUS]; /* by descriptor */

static void mend(struct kvm_sregs *sregs)
{
	if (sregs->tr.type == BUSY)
		sregs->tr.type = AVAILABLE;
}

/* The page that a vCPU shares is the last thing mapped of its descriptor. */
void *mmap(void *at, size_t size, int rights, int flags, int fd, off_t offset)
{
	void *p = (void *)syscall(SYS_mmap, at, size, rights, flags, fd, offset);

	if (fd >= 0 && fd < CPUS && p != MAP_FAILED)
		run_of[fd] = p;
	return p;
}

int ioctl(int fd, unsigned long request, ...)
{
	struct kvm_sregs copy;
	va_list rest;
	void *argument;

	va_start(rest, request);
	argument = va_arg(rest, void *);
	va_end(rest);
	if (request == KVM_RUN && fd >= 0 && fd < CPUS && run_of[fd] != NULL)
		mend(&run_of[fd]->s.regs.sregs);
	if (request == KVM_SET_SREGS) {
		copy = *(const struct kvm_sregs *)argument;
		mend(&copy);
		argument = &copy;
	}
	return (int)syscall(SYS_ioctl, fd, request, argument);
}
