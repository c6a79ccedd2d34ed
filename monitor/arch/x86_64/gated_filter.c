#include "monitor/arch/x86_64/gated_filter.h"

#include <assert.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

/* One permitted system call: every word of seccomp_data that must match. */
struct permit {
	uint32_t number;
	uint64_t address; /* behind the instruction */
	uint64_t argument[3];
};

struct writer {
	struct sock_filter *program;
	uint16_t length;
};

static void put(struct writer *w, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
	assert(w->length < ARCH_FILTER_MAX);
	w->program[w->length++] = (struct sock_filter){code, yes, no, k};
}

static void load(struct writer *w, size_t offset)
{
	put(w, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

/* Compares one 32-bit word; if it differs, skips the rest of the permit. */
static void require(struct writer *w, size_t offset, uint32_t value, unsigned left)
{
	load(w, offset);
	put(w, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(2 * left + 1), value);
}

static void put_permit(struct writer *w, const struct permit *p)
{
	const size_t at = offsetof(struct seccomp_data, instruction_pointer);
	const size_t args = offsetof(struct seccomp_data, args);
	unsigned left = 8; /* comparisons behind the first */

	require(w, offsetof(struct seccomp_data, nr), p->number, left--);
	require(w, at, (uint32_t)p->address, left--);
	require(w, at + 4, (uint32_t)(p->address >> 32), left--);
	for (size_t i = 0; i < 3; i++) {
		require(w, args + 8 * i, (uint32_t)p->argument[i], left--);
		require(w, args + 8 * i + 4, (uint32_t)(p->argument[i] >> 32), left--);
	}
	put(w, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
}

uint16_t gated_filter(struct sock_filter program[ARCH_FILTER_MAX], const struct arch_params *params)
{
	struct writer w = {.program = program};
	const struct permit permits[] = {
		{SYS_read, arch_gated_read(), {0, params->token, 1}},
		{SYS_write, arch_gated_write(), {1, params->effects, 1}},
	};

	load(&w, offsetof(struct seccomp_data, arch));
	put(&w, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64);
	put(&w, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRAP);
	put_permit(&w, &permits[0]);
	put_permit(&w, &permits[1]);
	put(&w, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRAP);
	return w.length;
}
