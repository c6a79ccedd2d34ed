/* The pages and page tables that confine a guest on x86-64. Intel SDM vol. 3, chapters
 * 4 (paging), 6 (IDT), 7 (TSS, I/O permission bitmap). */
#include <assert.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "monitor/arch/arch.h"
#include "monitor/arch/x86_64/gated_filter.h"
#include "monitor/arch/x86_64/x86.h"

extern const uint8_t arch_kvm_gate[], arch_kvm_gate_end[], arch_kvm_stub[], arch_kvm_stub_end[];
extern const uint8_t arch_kvm_exceptions[], arch_kvm_exceptions_end[];
extern const uint8_t arch_gated_gate[], arch_gated_gate_end[];
extern const uint8_t arch_gated_stub[], arch_gated_stub_end[];
extern const uint8_t arch_gated_after_write[], arch_gated_after_read[];
extern const uint8_t arch_gated_handler[], arch_gated_first[];

_Static_assert(
	ARCH_FILTER + ARCH_FILTER_MAX * sizeof(struct sock_filter) <= ARCH_PARAMS, "gate page");

#define PTE_PRESENT  0x1ull
#define PTE_WRITE    0x2ull
#define PTE_USER     0x4ull
#define PTE_ACCESSED 0x20ull
#define PTE_LARGE    0x80ull /* in a page directory: 2 MiB */
#define PTE_NX       (1ull << 63)

static void fill_gdt(uint8_t *system)
{
	uint64_t gdt[X86_GDT_ENTRIES] = {0};

	/* accessed bits preset: the processor never writes here */
	gdt[X86_SEL_CODE0 / 8] = 0x00af9b000000ffffull;
	gdt[X86_SEL_DATA0 / 8] = 0x00cf93000000ffffull;
	gdt[X86_SEL_DATA3 / 8] = 0x00cff3000000ffffull;
	gdt[X86_SEL_CODE3 / 8] = 0x00affb000000ffffull;
	/* a 64-bit TSS, busy; its base is below 16 MiB */
	gdt[X86_SEL_TSS / 8] =
		(X86_TSS_LIMIT & 0xffffull) | ((uint64_t)X86_TSS << 16) | (0x8bull << 40);
	memcpy(system + (X86_GDT - MF_ADDR_SYSTEM), gdt, sizeof(gdt));
}

static void fill_tss(uint8_t *system, const struct layout *layout)
{
	uint8_t *tss = system + (X86_TSS - MF_ADDR_SYSTEM);
	uint64_t rsp0 = layout->guard + MF_PAGE;
	uint16_t map_at = X86_TSS_MAP;

	memset(tss, 0, X86_TSS_MAP);
	memcpy(tss + 4, &rsp0, sizeof(rsp0));
	memcpy(tss + 102, &map_at, sizeof(map_at));
	memset(tss + X86_TSS_MAP, 0xff, X86_TSS_LIMIT + 1 - X86_TSS_MAP);
	/* a 32-bit `out` needs four ports */
	for (unsigned port = ARCH_PORT_GATE; port < ARCH_PORT_GATE + 4; port++)
		tss[X86_TSS_MAP + port / 8] &= (uint8_t) ~(1u << (port % 8));
}

/* Interrupt gates that only ring 0 may raise by itself, but for breakpoints: `int3` at CPL 3
 * would be a general protection fault else, and reported as such. */
static void fill_idt(uint8_t *system)
{
	/* cppcheck-suppress comparePointers ; two ends of one piece of assembler */
	size_t size = (size_t)(arch_kvm_exceptions_end - arch_kvm_exceptions);

	memcpy(system + (X86_STUBS - MF_ADDR_SYSTEM), arch_kvm_exceptions, size);
	for (uint64_t v = 0; v < ARCH_EXCEPTIONS; v++) {
		uint64_t at = X86_STUBS + 4 * v;
		uint64_t gate[2] = {(at & 0xffff) | ((uint64_t)X86_SEL_CODE0 << 16) |
				((v == 3 ? 0xeeull : 0x8eull) << 40) | ((at >> 16 & 0xffff) << 48),
			at >> 32};

		memcpy(system + (X86_IDT - MF_ADDR_SYSTEM) + 16 * v, gate, sizeof(gate));
	}
}

/* XSAVE area with XSTATE_BV 0: every component to its initial state. x87 control and
 * MXCSR stand in it all the same: xrstor loads MXCSR from memory (SDM vol. 1, 13.8). The
 * area has its whole size all the same: the processor checks that it could be read. */
static void fill_xstate(uint8_t *area)
{
	static const uint32_t mxcsr[2] = {0x1f80, 0xffff};
	static const uint16_t control = 0x37f;

	memset(area, 0, ARCH_PARAMS - ARCH_XSTATE);
	memcpy(area, &control, sizeof(control));
	memcpy(area + 24, mxcsr, sizeof(mxcsr));
}

static uint64_t in_stub(const uint8_t *label)
{
	return MF_ADDR_STUB + (uint64_t)(label - arch_gated_stub);
}

uint64_t arch_gated_start(void)
{
	return in_stub(arch_gated_first);
}

uint64_t arch_gated_signal(void)
{
	return in_stub(arch_gated_handler);
}

uint64_t arch_gated_read(void)
{
	return in_stub(arch_gated_after_read);
}

uint64_t arch_gated_write(void)
{
	return in_stub(arch_gated_after_write);
}

/* What a gated process throws away: everything above its window but its areas. Nothing lies below,
 * because the programs that start one are position independent. */
static void fill_unmap(struct arch_params *params, const struct arch_life *life)
{
	/* 47 bits: what Linux gives without being asked for more */
	const uint64_t task_end = 0x7ffffffff000ull;
	const uint64_t gap[][2] = {
		{MF_ADDR_WINDOW_END, MF_ADDR_INPUT},
		{MF_ADDR_INPUT + life->input_bytes, MF_ADDR_OUTPUT},
		{MF_ADDR_OUTPUT + life->output_bytes, task_end},
	};

	for (unsigned i = 0; i < 3; i++) {
		params->unmap[i][0] = gap[i][0];
		params->unmap[i][1] = gap[i][1] - gap[i][0];
	}
}

static struct arch_params params_of(const struct arch_life *life)
{
	return (struct arch_params){
		.entry = life->entry,
		.stack_top = life->stack_top,
		.effects = life->effects,
		.token = MF_ADDR_WINDOW + offsetof(struct mf_event, reserved1),
	};
}

static void put_params(uint8_t *page, const struct arch_params *params)
{
	memcpy(page + (ARCH_PARAMS - MF_ADDR_GATE), params, sizeof(*params));
}

/* Copies a piece of stub.S; it must end before `end`. */
static void place(uint8_t *fixed, uint64_t at, uint64_t end, const uint8_t *from, const uint8_t *to)
{
	assert(at + (uint64_t)(to - from) <= end);
	memcpy(fixed + (at - MF_ADDR_GATE), from, (size_t)(to - from));
}

void arch_fill_fixed(uint8_t *fixed, const struct layout *layout)
{
	uint8_t *system = fixed + (MF_ADDR_SYSTEM - MF_ADDR_GATE);
	const struct arch_params params = params_of(&(struct arch_life){
		.entry = layout->image->entry,
		.stack_top = layout->stack_top,
		.effects = image_effects_at(layout->image),
	});

	memset(fixed, 0xcc, MF_PAGE);
	place(fixed, MF_ADDR_GATE, MF_ADDR_STUB, arch_kvm_gate, arch_kvm_gate_end);
	place(fixed, MF_ADDR_STUB, ARCH_XSTATE, arch_kvm_stub, arch_kvm_stub_end);
	fill_gdt(system);
	fill_tss(system, layout);
	fill_idt(system);
	fill_xstate(fixed + (ARCH_XSTATE - MF_ADDR_GATE));
	put_params(fixed, &params);
}

void arch_fill_gate(uint8_t *page, const struct arch_life *life)
{
	struct arch_params params = params_of(life);
	struct sock_filter program[ARCH_FILTER_MAX];

	memset(page, 0xcc, MF_PAGE);
	place(page, MF_ADDR_GATE, MF_ADDR_STUB, arch_gated_gate, arch_gated_gate_end);
	place(page, MF_ADDR_STUB, ARCH_FLOOR, arch_gated_stub, arch_gated_stub_end);
	fill_xstate(page + (ARCH_XSTATE - MF_ADDR_GATE));
	params.program.length = gated_filter(program, &params);
	params.program.filter = ARCH_FILTER;
	memcpy(page + (ARCH_FILTER - MF_ADDR_GATE), program,
		params.program.length * sizeof(program[0]));
	fill_unmap(&params, life);
	put_params(page, &params);
}

/* ------------------------------------------------------------ page tables */

static unsigned index_at(uint64_t address, int level)
{
	return (unsigned)(address >> (12 + 9 * level)) & 511;
}

/* Areas begin at a multiple of 2 MiB, for the guest as in guest-physical memory: as much of one as can be
 * has entries of that size. Not the first 2 MiB of the output area: most answers are small, and what an entry is for
 * is wiped whole. */
#define LARGE_PAGE (1ull << 21)
static bool is_large(const struct layout_region *r, uint64_t at)
{
	return layout_is_area(r) && r->bytes - at / LARGE_PAGE * LARGE_PAGE >= LARGE_PAGE &&
		(r->memory == LAYOUT_INPUT || at >= LARGE_PAGE);
}

/* A table of the lowest level for each 2 MiB, but not where one entry is for all of them. */
uint64_t arch_tables_bytes(const struct layout *layout)
{
	uint64_t pages = 2, last_2m = ~0ull, last_1g = ~0ull;

	for (unsigned i = 0; i < layout->regions; i++) {
		const struct layout_region *r = &layout->region[i];
		const uint64_t first = r->address >> 21;

		for (uint64_t a = first; a <= (r->address + r->bytes - 1) >> 21; a++) {
			pages += a != last_2m && !is_large(r, (a - first) << 21);
			pages += a >> 9 != last_1g;
			last_2m = a;
			last_1g = a >> 9;
		}
	}
	return pages * MF_PAGE;
}

struct tables {
	uint8_t *memory;
	const struct layout *layout;
	uint64_t used;
};

static uint64_t *entry_in(const struct tables *t, uint64_t table, unsigned i)
{
	return (uint64_t *)(void *)(t->memory + table) + i;
}

/* The offset of the table below entry i of `table`; made if it isn't there. */
static uint64_t table_below(struct tables *t, uint64_t table, unsigned i)
{
	uint64_t *entry = entry_in(t, table, i);

	if (!(*entry & PTE_PRESENT)) {
		*entry = (t->layout->tables_gpa + t->used) | PTE_PRESENT | PTE_WRITE | PTE_USER |
			PTE_ACCESSED;
		t->used += MF_PAGE;
	}
	return (*entry & 0xffffffffff000ull) - t->layout->tables_gpa;
}

/* The entry of this level for an address: of pages on level 0, of 2 MiB on level 1. */
static uint64_t *leaf(struct tables *t, uint64_t address, int last)
{
	uint64_t table = 0;

	for (int level = 3; level > last; level--)
		table = table_below(t, table, index_at(address, level));
	return entry_in(t, table, index_at(address, last));
}

/* Accessed and dirty are preset, so that the tables never change; the window of a large
 * guest and the output area start clean, because there dirty says what must be put back. */
static uint64_t leaf_bits(
	const struct layout *layout, const struct layout_region *r, int init_writable)
{
	int write = r->write || (init_writable && r->address == MF_ADDR_INIT);
	int tracked = r->write && !r->supervisor && (layout->large || layout_is_area(r));

	return PTE_PRESENT | PTE_ACCESSED | (tracked ? 0 : ARCH_PTE_DIRTY) |
		(write ? PTE_WRITE : 0) | (r->supervisor ? 0 : PTE_USER) |
		(r->execute ? 0 : PTE_NX);
}

void arch_fill_tables(uint8_t *tables, const struct layout *layout, int init_writable)
{
	struct tables t = {.memory = tables, .layout = layout, .used = MF_PAGE};

	memset(tables, 0, layout->tables_bytes);
	for (unsigned i = 0; i < layout->regions; i++) {
		const struct layout_region *r = &layout->region[i];
		uint64_t bits = leaf_bits(layout, r, init_writable);
		uint64_t step;

		if (init_writable && layout_is_area(r))
			continue;
		for (uint64_t at = 0; at < r->bytes; at += step) {
			bool large = is_large(r, at);

			step = large ? LARGE_PAGE : MF_PAGE;
			*leaf(&t, r->address + at, large) =
				(r->gpa + at) | bits | (large ? PTE_LARGE : 0);
		}
	}
}

uint64_t *arch_window_entry(uint8_t *tables, const struct layout *layout, uint64_t page)
{
	struct tables t = {.memory = tables, .layout = layout, .used = layout->tables_bytes};

	return leaf(&t, MF_ADDR_WINDOW + page * MF_PAGE, 0);
}

uint64_t *arch_output_entry(
	uint8_t *tables, const struct layout *layout, uint64_t at, uint64_t *covers)
{
	const struct layout_region area = {.bytes = layout->output_bytes, .memory = LAYOUT_OUTPUT};
	struct tables t = {.memory = tables, .layout = layout, .used = layout->tables_bytes};
	bool large = is_large(&area, at);

	*covers = large ? LARGE_PAGE : MF_PAGE;
	return leaf(&t, MF_ADDR_OUTPUT + at, large);
}
