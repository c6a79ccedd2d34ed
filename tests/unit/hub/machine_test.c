/* What the hub asks KVM once: the table is whole and can't change; without KVM nothing is there. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/machine.h"

static void asked_once(void **state)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	struct kvm_cpuid2 head;
	struct machine m;
	struct stat st;
	int was;

	(void)state;
	if (kvm < 0)
		skip();
	machine_init(&m);
	machine_open(&m, kvm);
	assert_true(m.cpuid_fd >= 0 && m.vm >= 0 && m.vcpu >= 0);
	assert_int_equal(pread(m.cpuid_fd, &head, sizeof(head), 0), sizeof(head));
	assert_int_equal(fstat(m.cpuid_fd, &st), 0);
	assert_true(head.nent > 0);
	assert_int_equal(st.st_size, sizeof(head) + head.nent * sizeof(struct kvm_cpuid_entry2));
	assert_int_equal(pwrite(m.cpuid_fd, "x", 1, 0), -1);
	was = m.cpuid_fd;
	machine_open(&m, kvm);
	assert_int_equal(m.cpuid_fd, was);
	machine_close(&m);
	assert_true(m.cpuid_fd == -1 && m.vm == -1 && m.vcpu == -1);
	close(kvm);
}

static void without_kvm(void **state)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct machine m;

	(void)state;
	machine_init(&m);
	machine_open(&m, -1);
	machine_open(&m, null);
	assert_true(m.cpuid_fd < 0 && m.vm < 0 && m.vcpu < 0);
	machine_close(&m);
	close(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asked_once),
		cmocka_unit_test(without_kvm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
