/* cli/backtrace.c - see backtrace.h */
#include "cli/backtrace.h"

#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct walk {
	struct backtrace *trace;
	const struct mfw_registers *registers;
	backtrace_read *read;
	const void *memory;
	Dwfl *dwfl;
};

/* ------------------------------------------------- what libdw asks about a life */

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread)
{
	bool first = *thread == NULL;

	(void)dwfl;
	*thread = arg;
	return first ? 1 : 0;
}

static bool read_word(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *word, void *arg)
{
	const struct walk *w = arg;

	(void)dwfl;
	return w->read(w->memory, address, word, sizeof(*word)) == sizeof(*word);
}

/* DWARF's numbers of x86-64's registers: System V ABI, figure 3.36. */
static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	const struct walk *w = arg;
	const struct mfw_registers *r = w->registers;
	const Dwarf_Word words[17] = {r->rax, r->rdx, r->rcx, r->rbx, r->rsi, r->rdi, r->rbp,
		r->rsp, r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15, r->rip};

	return dwfl_thread_state_registers(thread, 0, 17, words);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.memory_read = read_word,
	.set_initial_registers = set_registers,
};

/* ------------------------------------------------------------------ frames */

static void name_frame(struct walk *w, struct backtrace_frame *f, uint64_t pc)
{
	Dwfl_Module *module = w->dwfl ? dwfl_addrmodule(w->dwfl, pc) : NULL;
	const char *name = NULL, *file;
	Dwfl_Line *line;
	GElf_Off off = 0;
	GElf_Sym symbol;
	int number = 0;

	if (module != NULL)
		name = dwfl_module_addrinfo(module, pc, &off, &symbol, NULL, NULL, NULL);
	if (name == NULL) {
		snprintf(f->place, sizeof(f->place), "0x%llx", (unsigned long long)f->at);
		return;
	}
	off += f->at - pc;
	if (off == 0)
		snprintf(f->place, sizeof(f->place), "%s", name);
	else
		snprintf(f->place, sizeof(f->place), "%s+0x%llx", name, (unsigned long long)off);
	line = dwfl_module_getsrc(module, pc);
	file = line ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;
	if (file != NULL)
		snprintf(f->line, sizeof(f->line), "%s:%d",
			strncmp(file, "./", 2) ? file : file + 2, number);
}

/* pc: inside the instruction that the frame is in, which for a caller is the call */
static bool add_frame(struct walk *w, uint64_t at, uint64_t pc)
{
	struct backtrace *t = w->trace;

	if (t->count == BACKTRACE_MAX) {
		t->more = true;
		return false;
	}
	t->frame[t->count] = (struct backtrace_frame){.at = at};
	name_frame(w, &t->frame[t->count++], pc);
	return true;
}

static int each_frame(Dwfl_Frame *frame, void *arg)
{
	Dwarf_Addr at;
	bool stopped_there;

	if (!dwfl_frame_pc(frame, &at, &stopped_there))
		return DWARF_CB_ABORT;
	return add_frame(arg, at, at - (stopped_there ? 0 : 1)) ? DWARF_CB_OK : DWARF_CB_ABORT;
}

static int no_other_file(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base,
	const char *file, const char *link, GElf_Word crc, char **found)
{
	(void)module, (void)user, (void)name, (void)base;
	(void)file, (void)link, (void)crc, (void)found;
	return -1;
}

void backtrace_make(struct backtrace *trace, const char *path,
	const struct mfw_registers *registers, backtrace_read *read, const void *memory)
{
	static const Dwfl_Callbacks callbacks = {
		.find_debuginfo = no_other_file, .section_address = dwfl_offline_section_address};
	struct walk w = {trace, registers, read, memory, path ? dwfl_begin(&callbacks) : NULL};

	*trace = (struct backtrace){.count = 0};
	if (w.dwfl != NULL) {
		dwfl_report_begin(w.dwfl);
		if (dwfl_report_elf(w.dwfl, "service", path, -1, 0, false) != NULL &&
			dwfl_report_end(w.dwfl, NULL, NULL) == 0 &&
			dwfl_attach_state(w.dwfl, NULL, 1, &thread_callbacks, &w))
			dwfl_getthread_frames(w.dwfl, 1, each_frame, &w);
	}
	if (trace->count == 0)
		add_frame(&w, registers->rip, registers->rip);
	if (w.dwfl != NULL)
		dwfl_end(w.dwfl);
}
