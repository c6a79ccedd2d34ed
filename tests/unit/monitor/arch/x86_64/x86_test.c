/*
 * The tables that confine a guest, read as the processor reads them: which addresses are
 * mapped, with which rights, to which memory; and what the TSS lets CPL 3 do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/arch/arch.h"
#include "monitor/arch/x86_64/x86.h"

#define PRESENT 1ull
#define WRITE   2ull
#define USER    4ull
#define LARGE   0x80ull
#define NX      (1ull << 63)
#define FRAME   0xffffffffff000ull

struct guest {
	struct image image;
	struct layout layout;
	uint8_t *tables, *fixed;
};

static void fill(struct guest *g, uint64_t data, bool writable)
{
	layout_make(&g->layout, &g->image, data);
	g->layout.tables_bytes = arch_tables_bytes(&g->layout);
	g->tables = malloc(g->layout.tables_bytes);
	arch_fill_tables(g->tables, &g->layout, writable);
	g->fixed = calloc(1, g->layout.fixed_bytes);
	arch_fill_fixed(g->fixed, &g->layout);
}

static void describe(struct guest *g, uint64_t window, uint64_t init)
{
	g->image = (struct image){.entry = MF_ADDR_TEXT,
		.segments = 2,
		.segment = {{.address = MF_ADDR_TEXT, .memory = 5000, .execute = true},
			{.address = MF_ADDR_TEXT + 0x2000, .memory = 100}},
		.note = {.window_bytes = window,
			.event_bytes = MF_EVENT_DEFAULT,
			.effects_bytes = MF_EFFECTS_DEFAULT,
			.stack_bytes = MF_STACK_DEFAULT,
			.init_bytes = init}};
}

static void guest_make(
	struct guest *g, uint64_t window, uint64_t init, uint64_t data, bool writable)
{
	describe(g, window, init);
	fill(g, data, writable);
}

static void areas_make(struct guest *g, uint64_t input, uint64_t output, bool writable)
{
	describe(g, MF_WINDOW_DEFAULT, 0);
	g->image.note.input_bytes = input;
	g->image.note.output_bytes = output;
	fill(g, 0, writable);
}

static void guest_free(struct guest *g)
{
	free(g->tables);
	free(g->fixed);
}

static uint64_t entry_at(const struct guest *g, uint64_t table, uint64_t i)
{
	uint64_t entry;

	assert_true(table >= g->layout.tables_gpa);
	assert_true(table + MF_PAGE <= g->layout.tables_gpa + g->layout.tables_bytes);
	memcpy(&entry, g->tables + (table - g->layout.tables_gpa) + 8 * i, 8);
	return entry;
}

/* The leaf entry for an address, 0 if it isn't mapped; upper levels must not forbid more. */
static uint64_t walk(const struct guest *g, uint64_t address)
{
	uint64_t table = g->layout.tables_gpa, entry = 0;

	for (int level = 3; level >= 0; level--) {
		entry = entry_at(g, table, address >> (12 + 9 * level) & 511);
		if (!(entry & PRESENT))
			return 0;
		if (level == 1 && (entry & LARGE))
			return entry;
		if (level > 0)
			assert_int_equal(entry & (WRITE | USER | NX), WRITE | USER);
		table = entry & FRAME;
	}
	return entry;
}

/* Every leaf there is: counts them, and checks what holds for all. */
static uint64_t walk_all(const struct guest *g)
{
	uint64_t leaves = 0, tables_end = g->layout.tables_gpa + g->layout.tables_bytes;

	for (uint64_t page = 0; page < MF_ADDR_INPUT >> 12; page++) {
		uint64_t entry = walk(g, page << 12);

		if (entry == 0)
			continue;
		leaves++;
		/* never writable and executable */
		assert_false((entry & WRITE) && !(entry & NX));
		/* never the page tables themselves */
		assert_false(
			(entry & FRAME) >= g->layout.tables_gpa && (entry & FRAME) < tables_end);
		/* fixed memory is never writable */
		if ((entry & FRAME) < g->layout.fixed_gpa + g->layout.fixed_bytes)
			assert_false(entry & WRITE);
	}
	return leaves;
}

static void rights(const struct guest *g, uint64_t address, const char *want)
{
	uint64_t e = walk(g, address);
	char got[5] = {e & PRESENT ? 'r' : '-', e & WRITE ? 'w' : '-',
		(e & PRESENT) && !(e & NX) ? 'x' : '-', e & USER ? 'u' : '-'};

	if (strcmp(got, want) != 0)
		fail_msg("0x%llx: %s, wanted %s", (unsigned long long)address, got, want);
}

static void small_guest(void **state)
{
	struct guest g;

	(void)state;
	guest_make(&g, MF_WINDOW_DEFAULT, 0, 0, false);
	rights(&g, 0, "----");
	rights(&g, MF_PAGE, "----");
	rights(&g, MF_ADDR_GATE - MF_PAGE, "----");
	rights(&g, MF_ADDR_GATE, "r-xu");
	rights(&g, MF_ADDR_SYSTEM, "r-x-");
	rights(&g, MF_ADDR_SYSTEM + MF_PAGE, "----");
	rights(&g, MF_ADDR_INFO, "r--u");
	rights(&g, MF_ADDR_TEXT, "r-xu");
	rights(&g, MF_ADDR_TEXT + MF_PAGE, "r-xu");
	rights(&g, MF_ADDR_TEXT + 2 * MF_PAGE, "r--u");
	rights(&g, MF_ADDR_TEXT + 3 * MF_PAGE, "----");
	rights(&g, MF_ADDR_DATA, "----");
	rights(&g, MF_ADDR_INIT, "----");
	rights(&g, MF_ADDR_WINDOW - MF_PAGE, "----");
	rights(&g, MF_ADDR_WINDOW, "rw-u");
	rights(&g, MF_ADDR_WINDOW + MF_WINDOW_DEFAULT - MF_PAGE, "rw-u");
	rights(&g, MF_ADDR_WINDOW + MF_WINDOW_DEFAULT - MF_STACK_DEFAULT, "rw-u");
	rights(&g, MF_ADDR_WINDOW + MF_WINDOW_DEFAULT - MF_STACK_DEFAULT - MF_PAGE, "rw--");
	rights(&g, MF_ADDR_WINDOW + MF_WINDOW_DEFAULT, "----");
	/* gate, system, info, three of text, sixteen of the window */
	assert_int_equal(walk_all(&g), 6 + 16);
	guest_free(&g);
}

static void data_and_init(void **state)
{
	struct guest g;

	(void)state;
	guest_make(&g, MF_WINDOW_DEFAULT, 3 * MF_PAGE, MF_PAGE + 1, false);
	rights(&g, MF_ADDR_DATA, "r--u");
	rights(&g, MF_ADDR_DATA + MF_PAGE, "r--u");
	rights(&g, MF_ADDR_DATA + 2 * MF_PAGE, "----");
	rights(&g, MF_ADDR_INIT, "r--u");
	rights(&g, MF_ADDR_INIT + 2 * MF_PAGE, "r--u");
	rights(&g, MF_ADDR_INIT + 3 * MF_PAGE, "----");
	assert_int_equal(walk_all(&g), 6 + 16 + 2 + 3);
	guest_free(&g);
	/* mf_init alone may write there */
	guest_make(&g, MF_WINDOW_DEFAULT, 3 * MF_PAGE, 0, true);
	rights(&g, MF_ADDR_INIT, "rw-u");
	guest_free(&g);
}

/* Where the pages of the window are found again, and that a large one starts clean. */
static void window_entries(void **state)
{
	static const uint64_t sizes[] = {MF_WINDOW_DEFAULT, 4u << 20, 9u << 20};
	struct guest g;

	(void)state;
	for (size_t s = 0; s < 3; s++) {
		guest_make(&g, sizes[s], 0, 0, false);
		for (uint64_t page = 0; page < sizes[s] / MF_PAGE; page++) {
			const uint64_t *entry = arch_window_entry(g.tables, &g.layout, page);
			bool guard = MF_ADDR_WINDOW + page * MF_PAGE == g.layout.guard;

			assert_int_equal(*entry, walk(&g, MF_ADDR_WINDOW + page * MF_PAGE));
			assert_int_equal(*entry & FRAME, g.layout.shell_gpa + page * MF_PAGE);
			assert_int_equal(!!(*entry & ARCH_PTE_DIRTY), !g.layout.large || guard);
		}
		guest_free(&g);
	}
}

/* The areas: by 2 MiB but for their ends and the first answers, the output starting clean. */
static void areas(void **state)
{
	const uint64_t large = 2u << 20, in = 3 * large + 2 * MF_PAGE, out = 2 * large + MF_PAGE;
	struct guest g;
	uint64_t covers;

	(void)state;
	areas_make(&g, in, out, false);
	for (uint64_t at = 0; at < in; at += MF_PAGE) {
		rights(&g, MF_ADDR_INPUT + at, "r--u");
		assert_int_equal(!!(walk(&g, MF_ADDR_INPUT + at) & LARGE), at < 3 * large);
	}
	rights(&g, MF_ADDR_INPUT - MF_PAGE, "----");
	rights(&g, MF_ADDR_INPUT + in, "----");
	for (uint64_t at = 0; at < out; at += MF_PAGE) {
		const uint64_t *entry = arch_output_entry(g.tables, &g.layout, at, &covers);
		bool is_large = at >= large && at < 2 * large;

		rights(&g, MF_ADDR_OUTPUT + at, "rw-u");
		assert_int_equal(*entry, walk(&g, MF_ADDR_OUTPUT + at));
		assert_int_equal(!!(*entry & LARGE), is_large);
		assert_int_equal(covers, is_large ? large : MF_PAGE);
		assert_int_equal(*entry & FRAME, MF_ADDR_OUTPUT + at / covers * covers);
		assert_int_equal(*entry & ARCH_PTE_DIRTY, 0);
	}
	rights(&g, MF_ADDR_OUTPUT + out, "----");
	assert_int_equal(walk_all(&g), 6 + 16);
	guest_free(&g);
	/* mf_init has none */
	areas_make(&g, in, out, true);
	rights(&g, MF_ADDR_INPUT, "----");
	rights(&g, MF_ADDR_OUTPUT, "----");
	guest_free(&g);
}

/* `out` is permitted to the gate's four ports and no others. */
static void io_permissions(void **state)
{
	struct guest g;
	const uint8_t *tss;
	uint64_t rsp0;
	uint16_t map;

	(void)state;
	guest_make(&g, MF_WINDOW_DEFAULT, 0, 0, false);
	tss = g.fixed + (X86_TSS - MF_ADDR_GATE);
	memcpy(&map, tss + 102, 2);
	memcpy(&rsp0, tss + 4, 8);
	assert_int_equal(rsp0, g.layout.guard + MF_PAGE);
	for (unsigned port = 0; port < 65536; port++) {
		/* the processor reads two bytes; beyond the limit it refuses */
		unsigned at = map + port / 8;
		bool may = at + 1 <= X86_TSS_LIMIT && !(tss[at] >> (port % 8) & 1);

		assert_int_equal(may, port >= ARCH_PORT_GATE && port < ARCH_PORT_GATE + 4);
	}
	guest_free(&g);
}

/* Every exception has a handler, which only ring 0 can raise by `int`. */
static void exceptions(void **state)
{
	struct guest g;

	(void)state;
	guest_make(&g, MF_WINDOW_DEFAULT, 0, 0, false);
	for (unsigned v = 0; v < ARCH_EXCEPTIONS; v++) {
		const uint8_t *gate = g.fixed + (X86_IDT - MF_ADDR_GATE) + 16 * v;
		uint64_t at = gate[0] | (uint64_t)gate[1] << 8 | (uint64_t)gate[6] << 16 |
			(uint64_t)gate[7] << 24;
		const uint8_t *code = g.fixed + (at - MF_ADDR_GATE);

		/* present, 64-bit interrupt gate, DPL 0 but for breakpoints */
		assert_int_equal(gate[5], v == 3 ? 0xee : 0x8e);
		assert_int_equal(gate[2], X86_SEL_CODE0);
		assert_int_equal(gate[4], 0);    /* no IST */
		assert_int_equal(code[0], 0xe6); /* out %al, $port */
		assert_int_equal(code[1], ARCH_PORT_EXCEPTION + v);
		assert_int_equal(code[2], 0xf4); /* hlt */
	}
	guest_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_guest),
		cmocka_unit_test(data_and_init),
		cmocka_unit_test(window_entries),
		cmocka_unit_test(areas),
		cmocka_unit_test(io_permissions),
		cmocka_unit_test(exceptions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
