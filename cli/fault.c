/* cli/fault.c - see fault.h */
#include <stddef.h>
#include <stdlib.h>

#include "cli/fault.h"
#include "image/symbols.h"

static size_t read_shell(const void *memory, uint64_t address, void *to, size_t n)
{
	return memory == NULL ? 0 : shell_read(memory, address, to, n);
}

void fault_take(struct fault *fault, const struct image *image, const char *image_path,
	const struct shell *shell, const struct life *life)
{
	char *path = symbols_path(image_path);
	struct symbols *symbols;
	bool other = false;

	*fault = (struct fault){
		.known = life->stopped && shell != NULL, .registers = life->registers};
	if (life->result == MFW_ERR_CRASHED) /* of a system call, not behind it */
		fault->registers.rip = life->address;
	symbols = symbols_beside(image_path, image, SYMBOLS_MOST, &other);
	fault->symbols = symbols ? FAULT_SYMBOLS : other ? FAULT_OTHER_SYMBOLS : FAULT_NO_SYMBOLS;
	backtrace_make(&fault->trace, symbols ? path : NULL, &fault->registers, read_shell, shell);
	fault->stack_words = (unsigned)(read_shell(shell, life->registers.rsp, fault->stack,
						sizeof(fault->stack)) /
		sizeof(fault->stack[0]));
	symbols_close(symbols);
	free(path);
}

static void print_trace(FILE *to, const struct backtrace *trace)
{
	const struct backtrace_frame *f = trace->frame;

	fprintf(to, "  at         0x%llx  %s  %s\n", (unsigned long long)f->at, f->place, f->line);
	for (unsigned i = 1; i < trace->count; i++)
		fprintf(to, "  called by  0x%llx  %s  %s\n", (unsigned long long)f[i].at,
			f[i].place, f[i].line);
	if (trace->more)
		fprintf(to, "  called by  ... and more\n");
}

static void print_registers(FILE *to, const struct mfw_registers *r)
{
	const struct {
		const char *name;
		uint64_t value;
	} all[] = {{"rax", r->rax}, {"rbx", r->rbx}, {"rcx", r->rcx}, {"rdx", r->rdx},
		{"rsi", r->rsi}, {"rdi", r->rdi}, {"rbp", r->rbp}, {"rsp", r->rsp}, {"r8", r->r8},
		{"r9", r->r9}, {"r10", r->r10}, {"r11", r->r11}, {"r12", r->r12}, {"r13", r->r13},
		{"r14", r->r14}, {"r15", r->r15}};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		fprintf(to, "  %-3s %016llx%s", all[i].name, (unsigned long long)all[i].value,
			i % 4 == 3 ? "\n" : "");
}

static void print_stack(FILE *to, const struct fault *f)
{
	for (unsigned i = 0; i < f->stack_words; i++)
		fprintf(to, "%s%016llx%s", i % 4 ? " " : "  stack      ",
			(unsigned long long)f->stack[i],
			i % 4 == 3 || i + 1 == f->stack_words ? "\n" : "");
}

void fault_print(
	FILE *to, const struct image *image, const struct fault *fault, const struct life *life)
{
	static const char *const symbols[] = {[FAULT_SYMBOLS] = NULL,
		[FAULT_NO_SYMBOLS] = "(no function names: NAME.debug isn't beside the image)",
		[FAULT_OTHER_SYMBOLS] = "(no function names: NAME.debug is of another build)"};

	if (life->result == MFW_ERR_CRASHED)
		fprintf(to, "  exception  %s  %s\n", fault_short(life->vector),
			fault_long(life->vector));
	print_trace(to, &fault->trace);
	if (life->result == MFW_ERR_CRASHED && life->vector == FAULT_PAGE)
		fprintf(to, "  touched    0x%llx  %s\n", (unsigned long long)life->touched,
			fault_place(image, life->touched));
	if (fault->known) {
		print_registers(to, &fault->registers);
		print_stack(to, fault);
	}
	if (symbols[fault->symbols] != NULL)
		fprintf(to, "  %s\n", symbols[fault->symbols]);
}
