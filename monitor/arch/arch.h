/*
 * monitor/arch/arch.h - what the monitor needs from a processor: the code on the
 * gate page, and the tables that confine a guest. One directory a
 * processor; the build takes the one it builds for.
 */
#ifndef MONITOR_ARCH_ARCH_H
#define MONITOR_ARCH_ARCH_H

#include <stdint.h>

#include "abi/worker.h"
#include "monitor/layout.h"

/* Under KVM the gate leaves with `out` to this port, the exception stubs with
 * `out` to ARCH_PORT_EXCEPTION + vector. */
#define ARCH_PORT_GATE      0x500u
#define ARCH_PORT_EXCEPTION 0xc0u
#define ARCH_EXCEPTIONS     32u

/* Places on the gate page: the gate itself, then */
#define ARCH_BIRTH  MF_ADDR_STUB           /* the way in */
#define ARCH_FLOOR  (MF_ADDR_GATE + 0x280) /* leaves at once, for measuring */
#define ARCH_XSTATE (MF_ADDR_GATE + 0x300) /* the initial FPU and vector state */
#define ARCH_PARAMS (MF_ADDR_GATE + 0xf00) /* struct arch_params */
/* and, process: the seccomp program, behind all of the vector state that is there to be put back */
#define ARCH_FILTER     (MF_ADDR_GATE + 0xd90)
#define ARCH_FILTER_MAX 46u

/* What that code reads; in read-only memory. */
struct arch_params {
	uint64_t entry;
	uint64_t stack_top;
	uint64_t effects; /* address of the effects area */
	uint64_t token;   /* process: where the byte that wakes it goes */
	struct {          /* process: the seccomp program, as struct sock_fprog */
		uint16_t length;
		uint16_t pad[3];
		uint64_t filter;
	} program;
	uint64_t unmap[4][2]; /* process: address, length of what must go; 0: none */
};

/* kvm: fills the gate and system pages (from MF_ADDR_GATE to MF_ADDR_INFO), `fixed` being
 * where MF_ADDR_GATE lies in host memory. */
void arch_fill_fixed(uint8_t *fixed, const struct layout *layout);

/* Where a life begins, and what it may use; the guest's addresses. */
struct arch_life {
	uint64_t entry, stack_top, effects;
	uint64_t input_bytes, output_bytes; /* of its areas; process: they aren't unmapped */
};

/* process: fills the gate page. It isn't checked what `life` says: the worst of it is a process that
 * does nothing. */
void arch_fill_gate(uint8_t *page, const struct arch_life *life);

/* Bytes of page tables for this layout, a multiple of MF_PAGE. */
uint64_t arch_tables_bytes(const struct layout *layout);
/* Writes them at `tables`, for guest-physical address layout->tables_gpa. With `init_writable`
 * the init area may be written. Returns nothing: everything was checked before. */
void arch_fill_tables(uint8_t *tables, const struct layout *layout, int init_writable);
/* The entry of window page `page` in those tables. */
uint64_t *arch_window_entry(uint8_t *tables, const struct layout *layout, uint64_t page);
/* The entry for byte `at` of the output area, and how many bytes it is for: *covers, from a multiple of that. */
uint64_t *arch_output_entry(
	uint8_t *tables, const struct layout *layout, uint64_t at, uint64_t *covers);
#define ARCH_PTE_DIRTY 0x40ull

/* process: the entry that a new gated process jumps to. */
uint64_t arch_gated_start(void);
/* process: its signal handler. */
uint64_t arch_gated_signal(void);
/* process: address behind the two syscall instructions. */
uint64_t arch_gated_read(void);
uint64_t arch_gated_write(void);

#endif
