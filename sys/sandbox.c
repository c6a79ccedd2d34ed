#include "sys/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int sandbox_no_privileges(void)
{
	const struct rlimit none = {0, 0};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
		setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	return 0;
}

/* ---------------------------------------------------------------- the program */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* Where x32's numbers of calls begin (arch/x86/include/uapi/asm/unistd.h); no other has one so high. */
#define X32 0x40000000u

/* A rule: the number is loaded (1) and compared (1); each half of the argument is loaded,
 * masked and compared (6); permission (1). */
_Static_assert(SANDBOX_RULE_MOST >= 9, "a rule's instructions");

struct writer {
	struct sock_filter *program;
	uint16_t n;
};

static void put(struct writer *w, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
	w->program[w->n++] = (struct sock_filter){code, yes, no, k};
}

static void load(struct writer *w, size_t offset)
{
	put(w, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

/* Goes on if the loaded word is `value`, else past `left` more instructions. */
static void require(struct writer *w, uint32_t value, unsigned left)
{
	put(w, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)left, value);
}

/* One half of an argument: three instructions, of which the last may skip `left`. */
static void require_half(
	struct writer *w, size_t offset, uint32_t mask, uint32_t equal, unsigned left)
{
	load(w, offset);
	put(w, BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
	require(w, equal, left);
}

static void put_rule(struct writer *w, const struct sandbox_rule *rule)
{
	size_t low = offsetof(struct seccomp_data, args) + 8 * (size_t)rule->argument;

	load(w, offsetof(struct seccomp_data, nr));
	require(w, (uint32_t)rule->number, rule->masked ? 7 : 1);
	if (rule->masked) {
		require_half(
			w, low + 4, (uint32_t)(rule->mask >> 32), (uint32_t)(rule->equal >> 32), 4);
		require_half(w, low, (uint32_t)rule->mask, (uint32_t)rule->equal, 1);
	}
	put(w, BPF_RET | BPF_K, 0, 0,
		rule->error == SANDBOX_KILL ? SECCOMP_RET_KILL_PROCESS
			: rule->error       ? SECCOMP_RET_ERRNO | (uint32_t)rule->error
					    : SECCOMP_RET_ALLOW);
}

uint16_t sandbox_program(const struct sandbox_rule *rules, size_t count, int otherwise,
	struct sock_filter program[static SANDBOX_PROGRAM_MOST])
{
	struct writer w = {.program = program};

	if (count > SANDBOX_RULES_MOST)
		return 0;
	load(&w, offsetof(struct seccomp_data, arch));
	put(&w, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCHITECTURE);
	put(&w, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
	if (otherwise ==
		SANDBOX_PERMIT) { /* not by the other numbers, of x32, that calls have there */
		load(&w, offsetof(struct seccomp_data, nr));
		put(&w, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32);
		put(&w, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
	}
	for (size_t i = 0; i < count; i++)
		put_rule(&w, &rules[i]);
	if (otherwise == SANDBOX_PERMIT) {
		put(&w, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
		return w.n;
	}
	/* SIGSYS, which ends the process unless a gated guest's handler reports it */
	put(&w, BPF_RET | BPF_K, 0, 0,
		otherwise ? SECCOMP_RET_ERRNO | (uint32_t)otherwise : SECCOMP_RET_TRAP);
	return w.n;
}

unsigned sandbox_calls(const struct sandbox_rule *rules, size_t count)
{
	unsigned n = 0;

	for (size_t i = 0; i < count; i++) {
		size_t j = 0;

		while (j < i && (rules[j].error || rules[j].number != rules[i].number))
			j++;
		n += j == i && !rules[i].error;
	}
	return n;
}

int sandbox_enter(const struct sandbox_rule *rules, size_t count, int otherwise)
{
	struct sock_filter filter[SANDBOX_PROGRAM_MOST];
	const struct sock_fprog program = {
		.len = sandbox_program(rules, count, otherwise, filter), .filter = filter};
	long rc;

	if (program.len == 0)
		return -E2BIG;
	rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
	if (rc > 0) /* a thread that can't be brought along */
		return -EBUSY;
	return rc < 0 ? -errno : 0;
}
