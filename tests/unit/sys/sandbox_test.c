/*
 * The program that sys/sandbox.c writes, against the one that libseccomp makes of the same
 * rules: both are run here, instruction by instruction, on what system calls might look like,
 * and must come to the same. The rules are the workers' own.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "monitor/jail.h"
#include "sys/sandbox.h"

#define NUMBERS 600 /* more than there are */
#define BIG     4096

struct program {
	struct sock_filter at[BIG];
	size_t n;
};

static struct program ours, theirs;

/* What classic BPF does, of which both use little. */
static uint32_t run(const struct program *p, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct sock_filter *f = &p->at[i];
		bool yes = false;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(f->k % 4 == 0 && f->k < sizeof(*data));
			memcpy(&a, (const uint8_t *)data + f->k, 4);
			continue;
		case BPF_ALU | BPF_AND | BPF_K: a &= f->k; continue;
		case BPF_RET | BPF_K: return f->k;
		case BPF_JMP | BPF_JA: i += f->k; continue;
		case BPF_JMP | BPF_JEQ | BPF_K: yes = a == f->k; break;
		case BPF_JMP | BPF_JGT | BPF_K: yes = a > f->k; break;
		case BPF_JMP | BPF_JGE | BPF_K: yes = a >= f->k; break;
		case BPF_JMP | BPF_JSET | BPF_K: yes = (a & f->k) != 0; break;
		default: fail_msg("instruction 0x%x", f->code);
		}
		i += yes ? f->jt : f->jf;
	}
	fail_msg("the program has no end");
	return 0;
}

static void make_theirs(const struct sandbox_rule *rules, size_t count)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int fd = memfd_create("program", 0);
	ssize_t n;

	for (size_t i = 0; i < count; i++) {
		const struct scmp_arg_cmp compare = {.arg = rules[i].argument,
			.op = SCMP_CMP_MASKED_EQ,
			.datum_a = rules[i].mask,
			.datum_b = rules[i].equal};

		const uint32_t action =
			rules[i].error ? SCMP_ACT_ERRNO((uint16_t)rules[i].error) : SCMP_ACT_ALLOW;

		assert_int_equal(seccomp_rule_add_array(filter, action, rules[i].number,
					 rules[i].masked ? 1 : 0, &compare),
			0);
	}
	assert_int_equal(seccomp_export_bpf(filter, fd), 0);
	n = pread(fd, theirs.at, sizeof(theirs.at), 0);
	assert_true(n > 0 && (size_t)n < sizeof(theirs.at));
	theirs.n = (size_t)n / sizeof(theirs.at[0]);
	close(fd);
	seccomp_release(filter);
}

static unsigned long tried, permitted;

static void same(const struct seccomp_data *data)
{
	uint32_t a = run(&ours, data), b = run(&theirs, data);

	tried++;
	permitted += a == SECCOMP_RET_ALLOW;
	/* another architecture's dies in both, if not in the same way: libseccomp kills the thread */
	if (data->arch == AUDIT_ARCH_X86_64 && !(data->nr & 0x40000000)
			? a != b
			: (a == SECCOMP_RET_ALLOW) != (b == SECCOMP_RET_ALLOW))
		fail_msg(
			"call %d, architecture %x, arguments %llx %llx %llx: 0x%x, libseccomp 0x%x",
			data->nr, data->arch, (unsigned long long)data->args[0],
			(unsigned long long)data->args[1], (unsigned long long)data->args[2], a, b);
}

static uint64_t noise(void)
{
	return (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random();
}

/* Around what a rule asks for: exactly that, each bit of it wrong, and whatever else beside it. */
static void around(const struct sandbox_rule *rule)
{
	struct seccomp_data data = {.nr = rule->number, .arch = AUDIT_ARCH_X86_64};

	for (int bit = -1; bit < 64; bit++) {
		for (int i = 0; i < 6; i++)
			data.args[i] = noise();
		data.args[rule->argument] = rule->equal | (noise() & ~rule->mask);
		if (bit >= 0)
			data.args[rule->argument] ^= 1ull << bit;
		same(&data);
	}
}

static void like_libseccomp(enum mfw_backend backend)
{
	size_t count;
	const struct sandbox_rule *rules = jail_rules(backend, true, &count);
	struct seccomp_data data = {.arch = AUDIT_ARCH_X86_64};

	ours.n = sandbox_program(rules, count, 0, ours.at);
	assert_true(ours.n > 0);
	make_theirs(rules, count);
	tried = permitted = 0;
	for (data.nr = 0; data.nr < NUMBERS; data.nr++) {
		for (int i = 0; i < 6; i++)
			data.args[i] = 0;
		same(&data);
		for (int i = 0; i < 6; i++)
			data.args[i] = noise();
		same(&data);
	}
	for (size_t i = 0; i < count; i++)
		around(&rules[i]);
	assert_true(permitted > count && permitted < tried);
	/* another architecture's numbers, and those of x32 */
	for (data.nr = 0; data.nr < NUMBERS; data.nr++) {
		data.arch = AUDIT_ARCH_I386;
		assert_int_equal(run(&ours, &data), SECCOMP_RET_KILL_PROCESS);
		data.arch = AUDIT_ARCH_X86_64;
		data.nr |= 0x40000000;
		same(&data);
		assert_int_equal(run(&ours, &data), SECCOMP_RET_TRAP);
		data.nr &= ~0x40000000;
	}
}

static void workers_on_kvm(void **state)
{
	(void)state;
	like_libseccomp(MFW_BACKEND_KVM);
}

static void workers_of_processes(void **state)
{
	(void)state;
	like_libseccomp(MFW_BACKEND_PROCESS);
}

static void too_many_rules(void **state)
{
	static const struct sandbox_rule rules[SANDBOX_RULES_MOST + 1];

	(void)state;
	assert_int_equal(sandbox_program(rules, SANDBOX_RULES_MOST + 1, 0, ours.at), 0);
	assert_int_equal(sandbox_enter(rules, SANDBOX_RULES_MOST + 1, 0), -E2BIG);
	assert_true(sandbox_program(rules, SANDBOX_RULES_MOST, 0, ours.at) <= SANDBOX_PROGRAM_MOST);
}

/* All but what is listed; not by x32's numbers either, nor as another processor. */
static void test_permit(void **state)
{
	static const struct sandbox_rule rules[] = {
		{.number = 101, .error = EPERM}, {.number = 323, .error = ENOSYS}};
	struct seccomp_data data = {.arch = AUDIT_ARCH_X86_64};

	(void)state;
	ours.n = sandbox_program(rules, 2, SANDBOX_PERMIT, ours.at);
	for (data.nr = 0; data.nr < NUMBERS; data.nr++)
		assert_int_equal(run(&ours, &data),
			data.nr == 101           ? SECCOMP_RET_ERRNO | EPERM
				: data.nr == 323 ? SECCOMP_RET_ERRNO | ENOSYS
						 : SECCOMP_RET_ALLOW);
	data.nr = 0x40000000;
	assert_int_equal(run(&ours, &data), SECCOMP_RET_KILL_PROCESS);
	data.nr = 0x40000000 + 101;
	assert_int_equal(run(&ours, &data), SECCOMP_RET_KILL_PROCESS);
	data = (struct seccomp_data){.arch = AUDIT_ARCH_I386, .nr = 3};
	assert_int_equal(run(&ours, &data), SECCOMP_RET_KILL_PROCESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers_on_kvm),
		cmocka_unit_test(workers_of_processes),
		cmocka_unit_test(too_many_rules),
		cmocka_unit_test(test_permit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
