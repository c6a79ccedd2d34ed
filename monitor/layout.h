/*
 * monitor/layout.h - where the regions of one service lie: for the guest, in
 * guest-physical memory, and in the monitor's own.
 *
 * Pieces of guest-physical memory, each a slot of a VM:
 *
 *	fixed     gate, system, info, text | data | init    read-only, shared by all shells
 *	shell     window | page tables                            one for each shell
 *	input     what the hub spooled                            read-only; one for each shell
 *	output    what a life leaves for the hub to send          one for each shell
 *
 * The page tables lie in a writable slot, because nested paging writes accessed
 * and dirty bits into them, and no guest address maps them. The areas lie physically where
 * the guest sees them, and are mapped by 2 MiB where they are that large.
 */
#ifndef MONITOR_LAYOUT_H
#define MONITOR_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "image/image.h"

enum layout_memory { LAYOUT_FIXED, LAYOUT_SHELL, LAYOUT_INPUT, LAYOUT_OUTPUT, LAYOUT_MEMORIES };

/* One run of guest pages with the same rights. */
struct layout_region {
	uint64_t address; /* the guest's */
	uint64_t bytes;   /* a multiple of MF_PAGE */
	uint64_t gpa;
	bool write, execute, supervisor;
	enum layout_memory memory;
};
#define LAYOUT_REGIONS 24

/* An area: not there in the run of mf_init. */
static inline bool layout_is_area(const struct layout_region *region)
{
	return region->memory >= LAYOUT_INPUT;
}

struct layout {
	const struct image *image;
	uint64_t fixed_gpa, fixed_bytes;
	uint64_t data_at, data_bytes; /* offset in fixed; rounded up to pages */
	uint64_t init_at, init_bytes;
	uint64_t shell_gpa;
	uint64_t window_bytes;
	uint64_t input_bytes, output_bytes; /* 0: there is no such area */
	uint64_t guard; /* the guest's address of the guard page, the ring-0 stack under KVM */
	uint64_t stack_top;
	uint64_t tables_gpa, tables_bytes;
	bool large; /* restored by the pages ever written, not whole */
	struct layout_region region[LAYOUT_REGIONS];
	unsigned regions;
};

/* Windows over this are restored by the pages ever written. */
#define LAYOUT_LARGE (256u << 10)

/* Computes everything but tables_bytes, which arch_tables_bytes gives. */
void layout_make(struct layout *layout, const struct image *image, uint64_t data_size);

#endif
