/*
 * monitor/arch/x86_64/gated_filter.h - the seccomp program of a gated process:
 * `read` at one instruction with fixed arguments, `write` at another, nothing
 * else. libseccomp can't test the instruction pointer, hence by hand.
 */
#ifndef MONITOR_ARCH_X86_64_GATED_FILTER_H
#define MONITOR_ARCH_X86_64_GATED_FILTER_H

#include <linux/filter.h>
#include <stdint.h>

#include "monitor/arch/arch.h"

/* Writes the program; returns its length. Anything else raises SIGSYS, which the stub's
 * handler reports like a fault. */
uint16_t gated_filter(
	struct sock_filter program[ARCH_FILTER_MAX], const struct arch_params *params);

#endif
