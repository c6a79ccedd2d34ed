/* image/core.c - see core.h. Layout: the System V ABI; notes as Linux writes them (elfcore.h), which
 * is what gdb knows. */
#include "image/core.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>

#include "abi/guest.h"
#include "abi/image.h"

struct writer {
	uint8_t *at; /* NULL: only counts */
	size_t size;
};

static void put(struct writer *w, const void *bytes, size_t n)
{
	if (w->at != NULL && n > 0)
		memcpy(w->at + w->size, bytes, n);
	w->size += n;
}

static void pad(struct writer *w, size_t to)
{
	w->size = (w->size + to - 1) / to * to; /* the buffer is zeroed */
}

static void put_note(struct writer *w, const char *owner, uint32_t type, const void *desc, size_t n)
{
	Elf64_Nhdr h = {.n_namesz = (Elf64_Word)strlen(owner) + 1,
		.n_descsz = (Elf64_Word)n,
		.n_type = type};

	put(w, &h, sizeof(h));
	put(w, owner, h.n_namesz);
	pad(w, 4);
	put(w, desc, n);
	pad(w, 4);
}

int core_signal(enum mfw_result result, uint32_t vector)
{
	if (result != MFW_ERR_CRASHED)
		return SIGXCPU;
	switch (vector) {
	case 0:
	case 16:
	case 19: return SIGFPE;
	case 1:
	case 3: return SIGTRAP;
	case 6: return SIGILL;
	case 17: return SIGBUS;
	case MFW_VECTOR_EXIT: return SIGSYS;
	default: return SIGSEGV;
	}
}

static struct elf_prstatus status_of(const struct core *core)
{
	const struct mfw_registers *r = &core->registers;
	struct elf_prstatus s = {.pr_pid = 1};
	/* struct user_regs_struct's order; orig_rax is -1: in no system call */
	const uint64_t regs[] = {r->r15, r->r14, r->r13, r->r12, r->rbp, r->rbx, r->r11, r->r10,
		r->r9, r->r8, r->rax, r->rcx, r->rdx, r->rsi, r->rdi, ~0ull, r->rip, r->cs,
		r->rflags, r->rsp, r->ss, r->fs_base, r->gs_base};

	_Static_assert(sizeof(regs) <= sizeof(s.pr_reg), "general registers");
	s.pr_cursig = (short)core_signal(core->result, core->vector);
	s.pr_info.si_signo = s.pr_cursig;
	memcpy(&s.pr_reg, regs, sizeof(regs));
	return s;
}

static void put_notes(struct writer *w, const struct core *core)
{
	struct elf_prstatus status = status_of(core);
	struct elf_prpsinfo about = {.pr_pid = 1, .pr_sname = 'R'};
	siginfo_t signal;

	/* gdb compares it with what it was started for */
	snprintf(about.pr_fname, sizeof(about.pr_fname), "%s.debug", core->name);
	snprintf(about.pr_psargs, sizeof(about.pr_psargs), "%s.debug", core->name);
	memset(&signal, 0, sizeof(signal));
	signal.si_signo = status.pr_cursig;
	signal.si_code = core->vector == 14 ? SEGV_MAPERR : SI_KERNEL;
	signal.si_addr = (void *)(uintptr_t)core->touched;
	put_note(w, "CORE", NT_PRSTATUS, &status, sizeof(status));
	put_note(w, "CORE", NT_PRPSINFO, &about, sizeof(about));
	put_note(w, "CORE", NT_SIGINFO, &signal, sizeof(signal));
	put_note(w, MFI_OWNER, CORE_NOTE_IMAGE, core->image, sizeof(core->image));
	if (core->event.n > 0)
		put_note(w, MFI_OWNER, CORE_NOTE_EVENT, core->event.p, core->event.n);
}

static void put_program_headers(struct writer *w, const struct core *core)
{
	size_t heads = sizeof(Elf64_Ehdr) + (1 + core->pieces) * sizeof(Elf64_Phdr);
	struct writer notes = {0};
	size_t at;
	Elf64_Phdr h;

	put_notes(&notes, core);
	h = (Elf64_Phdr){
		.p_type = PT_NOTE, .p_offset = heads, .p_filesz = notes.size, .p_align = 4};
	put(w, &h, sizeof(h));
	at = (heads + notes.size + MF_PAGE - 1) / MF_PAGE * MF_PAGE;
	for (unsigned i = 0; i < core->pieces; i++) {
		const struct core_piece *p = &core->piece[i];

		h = (Elf64_Phdr){.p_type = PT_LOAD,
			.p_flags = PF_R | (p->write ? PF_W : 0u) | (p->execute ? PF_X : 0u),
			.p_offset = at,
			.p_vaddr = p->address,
			.p_filesz = p->kept ? p->bytes : 0,
			.p_memsz = p->bytes,
			.p_align = MF_PAGE};
		put(w, &h, sizeof(h));
		at += h.p_filesz;
	}
}

static void put_all(struct writer *w, const struct core *core)
{
	Elf64_Ehdr h = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(h),
		.e_ehsize = sizeof(h),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)(1 + core->pieces),
	};

	put(w, &h, sizeof(h));
	put_program_headers(w, core);
	put_notes(w, core);
	pad(w, MF_PAGE);
}

int core_head(const struct core *core, uint8_t **head, size_t *size)
{
	struct writer w = {0};

	put_all(&w, core);
	w.at = calloc(1, w.size);
	if (w.at == NULL)
		return -ENOMEM;
	w.size = 0;
	put_all(&w, core);
	*head = w.at;
	*size = w.size;
	return 0;
}

/* ------------------------------------------------------------------ reading */

struct note {
	uint32_t type;
	bool ours;
	struct mf_str desc;
};

/* The note at the front of *all, which moves on; false: there is no whole one. */
static bool next_note(struct mf_str *all, struct note *note)
{
	Elf64_Nhdr h;
	uint64_t owner, desc, whole;

	if (all->n < sizeof(h))
		return false;
	memcpy(&h, all->p, sizeof(h));
	owner = sizeof(h);
	desc = owner + ((uint64_t)h.n_namesz + 3) / 4 * 4;
	whole = desc + ((uint64_t)h.n_descsz + 3) / 4 * 4;
	if (whole > all->n)
		return false;
	note->type = h.n_type;
	note->ours = h.n_namesz == sizeof(MFI_OWNER) &&
		memcmp(all->p + owner, MFI_OWNER, sizeof(MFI_OWNER)) == 0;
	note->desc = mf_str_of(all->p + desc, h.n_descsz);
	*all = mf_str_of(all->p + whole, (size_t)(all->n - whole));
	return true;
}

static struct mf_str event_in(struct mf_str notes, uint8_t image[static 32])
{
	struct mf_str event = {0};
	bool known = false;
	struct note n;

	while (next_note(&notes, &n)) {
		if (n.ours && n.type == CORE_NOTE_IMAGE && n.desc.n == 32) {
			memcpy(image, n.desc.p, 32);
			known = true;
		}
		if (n.ours && n.type == CORE_NOTE_EVENT)
			event = n.desc;
	}
	return known ? event : (struct mf_str){0};
}

struct mf_str core_event(const uint8_t *bytes, size_t size, uint8_t image[static 32])
{
	Elf64_Phdr p;
	Elf64_Ehdr h;

	if (size < sizeof(h) + sizeof(p))
		return (struct mf_str){0};
	memcpy(&h, bytes, sizeof(h));
	memcpy(&p, bytes + sizeof(h), sizeof(p)); /* ours is the first */
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_type != ET_CORE ||
		h.e_phoff != sizeof(h) || p.p_type != PT_NOTE || p.p_offset > size ||
		p.p_filesz > size - p.p_offset)
		return (struct mf_str){0};
	return event_in(mf_str_of(bytes + p.p_offset, (size_t)p.p_filesz), image);
}
