/*
 * sys/sandbox_rules.h - short words for lists of struct sandbox_rule, for the files that hold such a
 * list and for no others.
 */
#ifndef SYS_SANDBOX_RULES_H
#define SYS_SANDBOX_RULES_H

#include <sys/syscall.h>

#include "sys/sandbox.h"

/* Permitted, whatever its arguments. */
#define ANY(call, why)                                                                             \
	{                                                                                          \
		.number = SYS_##call, .reason = why                                                \
	}
/* Permitted where argument `arg`, as far as `m` goes, is `e`. */
#define ONLY(call, arg, m, e, why)                                                                 \
	{                                                                                          \
		.number = SYS_##call, .reason = why, .masked = true, .argument = arg, .mask = m,   \
		.equal = e                                                                         \
	}
/* Not permitted: it fails with `e`, which its callers can live with. */
#define FAILS(call, e, why)                                                                        \
	{                                                                                          \
		.number = SYS_##call, .error = e, .reason = why                                    \
	}

#endif
