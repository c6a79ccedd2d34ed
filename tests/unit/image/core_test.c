/* Cores: what is written can be read, and what isn't one is none. gdb itself reads some in tests/e2e/test_core.py. */
#include "image/core.h"

#include <elf.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>

#include <cmocka.h>

#include "abi/guest.h"

static struct core make(struct mf_str event)
{
	struct core core = {.name = "tally",
		.registers = {.rax = 1, .r15 = 15, .rip = 0x14040, .rsp = 0x4000ffb8},
		.result = MFW_ERR_CRASHED,
		.vector = 14,
		.touched = 0x30,
		.event = event,
		.pieces = 2};

	core.piece[0] = (struct core_piece){MF_ADDR_TEXT, MF_PAGE, false, true, false};
	core.piece[1] = (struct core_piece){MF_ADDR_WINDOW, 2 * MF_PAGE, true, false, true};
	memset(core.image, 0x5a, sizeof(core.image));
	return core;
}

static Elf64_Phdr header(const uint8_t *bytes, unsigned i)
{
	Elf64_Phdr h;

	memcpy(&h, bytes + sizeof(Elf64_Ehdr) + i * sizeof(h), sizeof(h));
	return h;
}

static void the_head_says_where_all_lies(void **state)
{
	struct core core = make(MF_STR("an event"));
	struct elf_prstatus status;
	uint64_t regs[27];
	uint8_t *head;
	size_t size;

	(void)state;
	assert_int_equal(core_head(&core, &head, &size), 0);
	assert_int_equal(size % MF_PAGE, 0);
	assert_int_equal(header(head, 0).p_type, PT_NOTE);
	assert_int_equal(header(head, 1).p_vaddr, MF_ADDR_TEXT);
	assert_int_equal(header(head, 1).p_filesz, 0);
	assert_int_equal(header(head, 1).p_memsz, MF_PAGE);
	assert_int_equal(header(head, 1).p_flags, PF_R | PF_X);
	assert_int_equal(header(head, 2).p_offset, size);
	assert_int_equal(header(head, 2).p_filesz, 2 * MF_PAGE);
	assert_int_equal(header(head, 2).p_flags, PF_R | PF_W);
	memcpy(&status, head + header(head, 0).p_offset + sizeof(Elf64_Nhdr) + 8, sizeof(status));
	assert_int_equal(status.pr_cursig, SIGSEGV);
	memcpy(regs, &status.pr_reg, sizeof(regs));
	assert_int_equal(regs[0], 15);
	assert_int_equal(regs[10], 1);
	assert_int_equal(regs[16], 0x14040);
	assert_int_equal(regs[19], 0x4000ffb8);
	free(head);
}

static void the_event_can_be_taken_out(void **state)
{
	uint8_t image[32] = {0}, *head;
	struct core core = make(MF_STR("an event"));
	struct mf_str event;
	size_t size;

	(void)state;
	assert_int_equal(core_head(&core, &head, &size), 0);
	event = core_event(head, size, image);
	assert_int_equal(event.n, 8);
	assert_memory_equal(event.p, "an event", 8);
	assert_memory_equal(image, core.image, 32);
	free(head);
	core = make((struct mf_str){0});
	assert_int_equal(core_head(&core, &head, &size), 0);
	assert_int_equal(core_event(head, size, image).n, 0);
	free(head);
}

/* Cut short, or with any byte other than it was: nothing outside is read. */
static void damaged_ones(void **state)
{
	struct core core = make(MF_STR("an event"));
	uint8_t image[32], *head, *copy;
	struct mf_str event;
	size_t size;

	(void)state;
	assert_int_equal(core_head(&core, &head, &size), 0);
	for (size_t n = 0; n < 1400; n++) {
		copy = malloc(n + 1);
		assert_non_null(copy);
		memcpy(copy, head, n);
		event = core_event(copy, n, image);
		assert_true(event.n == 0 || event.n == 8);
		free(copy);
	}
	for (size_t i = 0; i < 1400; i++) {
		copy = malloc(size);
		assert_non_null(copy);
		memcpy(copy, head, size);
		copy[i] = (uint8_t)~copy[i];
		event = core_event(copy, size, image);
		assert_true(event.n == 0 ||
			(event.p >= copy && event.n <= size - (size_t)(event.p - copy)));
		free(copy);
	}
	free(head);
}

static void signals(void **state)
{
	(void)state;
	assert_int_equal(core_signal(MFW_ERR_CRASHED, 0), SIGFPE);
	assert_int_equal(core_signal(MFW_ERR_CRASHED, 3), SIGTRAP);
	assert_int_equal(core_signal(MFW_ERR_CRASHED, 6), SIGILL);
	assert_int_equal(core_signal(MFW_ERR_CRASHED, 13), SIGSEGV);
	assert_int_equal(core_signal(MFW_ERR_CRASHED, 17), SIGBUS);
	assert_int_equal(core_signal(MFW_ERR_CRASHED, MFW_VECTOR_EXIT), SIGSYS);
	assert_int_equal(core_signal(MFW_ERR_CPU, 0), SIGXCPU);
}

/* Whatever a worker says: never more than the area has, and whole pages. */
static void what_a_worker_may_leave(void **state)
{
	const struct image image = {
		.note = {.window_bytes = 65536, .stack_bytes = 8192, .event_bytes = 16384}};
	const uint64_t all = 65536 - 8192 - MF_PAGE;

	(void)state;
	assert_int_equal(core_high_bytes(&image), 8192);
	assert_int_equal(core_low_bytes(&image, 0), 0);
	assert_int_equal(core_low_bytes(&image, MF_PAGE + 8192), 0);
	assert_int_equal(core_low_bytes(&image, MF_PAGE + 8192 + 4095), 0);
	assert_int_equal(core_low_bytes(&image, MF_PAGE + 8192 + 4096), 4096);
	assert_int_equal(core_low_bytes(&image, MF_PAGE + 8192 + all), all);
	assert_int_equal(core_low_bytes(&image, UINT32_MAX), all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_head_says_where_all_lies),
		cmocka_unit_test(the_event_can_be_taken_out),
		cmocka_unit_test(damaged_ones),
		cmocka_unit_test(signals),
		cmocka_unit_test(what_a_worker_may_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
