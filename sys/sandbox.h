/*
 * sys/sandbox.h - give up rights for good: a list of system calls, with a reason
 * beside each, and nothing else.
 */
#ifndef SYS_SANDBOX_H
#define SYS_SANDBOX_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sanitizers, and valgrind (make VALGRIND=1 says so), need more than can be listed, more files and more
 * memory than a worker may have, and the clock whenever they like. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZED 1
#elif !defined(SANDBOX_SANITIZED)
#define SANDBOX_SANITIZED 0
#endif

/* One permitted system call. With `masked`, argument `argument` must have (value & mask) ==
 * equal; the same call may stand in several rules. With `error` the call isn't permitted: it does
 * nothing and fails with that errno, for callers who can live with it; SANDBOX_KILL ends the process. */
#define SANDBOX_KILL -1
/* As `otherwise`: what isn't listed is permitted. For programs that run code which nobody can make a list for, a
 * GPU's driver: rules say what fails. */
#define SANDBOX_PERMIT -2
struct sandbox_rule {
	int number;
	const char *reason;
	int error;
	bool masked;
	unsigned argument;
	uint64_t mask, equal;
};

#define SANDBOX_RULES_MOST   128u
#define SANDBOX_RULE_MOST    9u /* instructions */
#define SANDBOX_PROGRAM_MOST (7 + SANDBOX_RULES_MOST * SANDBOX_RULE_MOST)

/* The list as a seccomp program, for what isn't listed with `otherwise`: 0, SIGSYS, or an errno: how many instructions, or 0: too many rules. Written here,
 * because libseccomp takes a quarter of a millisecond of each worker's start; the unit test
 * holds the two against each other. */
uint16_t sandbox_program(const struct sandbox_rule *rules, size_t count, int otherwise,
	struct sock_filter program[static SANDBOX_PROGRAM_MOST]);

/* How many different system calls the list permits. */
unsigned sandbox_calls(const struct sandbox_rule *rules, size_t count);

/* Applies to every thread of this process, and to what it starts. What isn't listed ends the
 * process by SIGSYS, or fails with the errno `otherwise`. Rules that come first are checked first. 0
 * or -errno. */
int sandbox_enter(const struct sandbox_rule *rules, size_t count, int otherwise);

/* No new privileges, no core dump, not traceable. 0 or -errno. */
int sandbox_no_privileges(void);

#endif
