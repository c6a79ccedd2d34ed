/*
 * cli/build/image.c - from the linked ELF file to the description that
 * image_write makes an image of: segments, sizes, grants; and what the budget
 * says to the result.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/build/build.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "image/note.h"
#include "image/units.h"

/* --------------------------------------------------------------- segments */

/* Bytes between the first data address and the guard page. */
static uint64_t data_room(const struct build *b)
{
	return MF_ADDR_WINDOW + b->manifest.memory.window - b->manifest.memory.stack - MF_PAGE -
		build_data_address(b);
}

static int check_room(const struct build *b, uint64_t need)
{
	uint64_t room = data_room(b), window = b->manifest.memory.window;
	char there[40], more[40];

	if (need <= room)
		return STATUS_OK;
	window += (need - room + MF_PAGE - 1) / MF_PAGE * MF_PAGE;
	return out_say("build", STATUS_BUDGET,
		"%s: .data and .bss have %llu bytes, %llu more than the window leaves for them: "
		"raise "
		"memory.window in %s from %s to %s at least",
		b->manifest.name, (unsigned long long)need, (unsigned long long)(need - room),
		b->manifest_path, units_show_size(b->manifest.memory.window, there, sizeof(there)),
		units_show_size(window, more, sizeof(more)));
}

/* The data segment begins where the effects end, also when its first variable has an alignment
 * that leaves room before it. */
static int place_data(struct build *b, struct image_segment *s)
{
	uint64_t address = build_data_address(b);
	uint64_t gap = s->address - address;

	if (s->address < address || gap > UINT32_MAX)
		return out_say("build", STATUS_FAILED, "the linker put data at 0x%llx",
			(unsigned long long)s->address);
	s->address = address;
	s->memory += gap;
	if (s->file && gap) {
		b->padded = calloc(1, gap + s->file);
		if (!b->padded)
			return out_say("build", STATUS_MEMORY, "no memory");
		memcpy(b->padded + gap, s->file_bytes, s->file);
		s->file_bytes = b->padded;
		s->file += gap;
	}
	return check_room(b, s->memory);
}

static int add_segment(struct build *b, const Elf64_Phdr *h)
{
	struct image_segment *s = &b->image.segment[b->image.segments];

	if (h->p_type != PT_LOAD || h->p_memsz == 0)
		return STATUS_OK;
	if (b->image.segments == MFI_SEGMENTS || h->p_offset > b->linked_size ||
		h->p_filesz > b->linked_size - h->p_offset)
		return out_say("build", STATUS_FAILED, "the linked file has bad segments");
	*s = (struct image_segment){
		.address = h->p_vaddr,
		.memory = h->p_memsz,
		.file = h->p_filesz,
		.file_bytes = b->linked + h->p_offset,
		.write = h->p_flags & PF_W,
		.execute = h->p_flags & PF_X,
	};
	b->image.segments++;
	return s->write ? place_data(b, s) : STATUS_OK;
}

static int add_segments(struct build *b)
{
	const Elf64_Ehdr *e = &b->elf.header;
	int status = STATUS_OK;

	if (e->e_phentsize != sizeof(Elf64_Phdr) || e->e_phoff > b->linked_size ||
		e->e_phnum * sizeof(Elf64_Phdr) > b->linked_size - e->e_phoff)
		return out_say("build", STATUS_FAILED, "the linked file has bad program headers");
	for (unsigned i = 0; status == STATUS_OK && i < e->e_phnum; i++) {
		Elf64_Phdr h;

		memcpy(&h, b->linked + e->e_phoff + i * sizeof(h), sizeof(h));
		status = add_segment(b, &h);
	}
	b->image.entry = e->e_entry;
	return status;
}

/* ----------------------------------------------------------------- grants */

static const struct {
	const char *function;
	enum mf_effect_kind kind;
} effect_functions[] = {
	{"mf_emit", MF_EFFECT_EMIT},
	{"mf_emit_bytes", MF_EFFECT_EMIT},
	{"mf_put", MF_EFFECT_PUT},
	{"mf_put_u64", MF_EFFECT_PUT},
	{"mf_put_if", MF_EFFECT_PUT},
	{"mf_delete", MF_EFFECT_DELETE},
	{"mf_schedule", MF_EFFECT_SCHEDULE},
	{"mf_upstream", MF_EFFECT_UPSTREAM},
	{"mf_call", MF_EFFECT_CALL},
	{"mf_gemm", MF_EFFECT_CALL},
};
#define ALWAYS (MFI_GRANT(MF_EFFECT_REPLY) | MFI_GRANT(MF_EFFECT_LOG) | MFI_GRANT(MF_EFFECT_METER))

struct linked {
	uint32_t uses; /* MFI_GRANT bits of what it can ask for */
	const char *function[MF_EFFECT_KINDS];
	bool has_init, has_start;
};

static int look_at_symbol(void *arg, const struct elf_symbol *symbol)
{
	struct linked *l = arg;

	if (symbol->section == SHN_UNDEF)
		return 0;
	l->has_init |= strcmp(symbol->name, "mf_init") == 0;
	l->has_start |= strcmp(symbol->name, "mf_start") == 0;
	for (size_t i = 0; i < sizeof(effect_functions) / sizeof(effect_functions[0]); i++)
		if (strcmp(symbol->name, effect_functions[i].function) == 0) {
			l->uses |= MFI_GRANT(effect_functions[i].kind);
			l->function[effect_functions[i].kind] = effect_functions[i].function;
		}
	return 0;
}

/* Says what the code can ask for and may not have: every life that does is refused whole. */
static void warn(const struct build *b, const struct linked *l, uint32_t allowed)
{
	static const char *const keys[MF_EFFECT_KINDS] = {
		[MF_EFFECT_EMIT] = "emits",
		[MF_EFFECT_PUT] = "writes",
		[MF_EFFECT_DELETE] = "writes",
		[MF_EFFECT_UPSTREAM] = "upstream",
		[MF_EFFECT_CALL] = "calls",
	};

	for (unsigned kind = 0; kind < MF_EFFECT_KINDS; kind++)
		if (l->function[kind] && keys[kind] && !(allowed & MFI_GRANT(kind)))
			out_say("build", 0,
				"note: %s uses %s, but %s has no '%s': a life that gets there is "
				"refused",
				b->manifest.name, l->function[kind], b->manifest_path, keys[kind]);
}

static int fill_note(struct build *b, const struct linked *l)
{
	struct mfi_image *note = &b->image.note;

	note_from_manifest(note, &b->manifest);
	if (b->variant)
		snprintf(note->variant, sizeof(note->variant), "%s", b->variant);
	warn(b, l, note->grants);
	/* code that brings its own mf_boot may write any effect by hand */
	if (l->has_start)
		note->grants &= l->uses | ALWAYS;
	if (l->has_init)
		note->flags |= MFI_HAS_INIT;
	return build_processor(b, &note->processor);
}

int build_describe(struct build *b)
{
	struct linked linked = {0};
	int status = add_segments(b);

	if (status)
		return status;
	elf_symbols(&b->elf, look_at_symbol, &linked);
	b->image.manifest = mf_str_of(b->manifest_text, b->manifest_size);
	return fill_note(b, &linked);
}

/* ----------------------------------------------------------------- budget */

static uint32_t bytes_of(const struct mfi_module *m)
{
	return m->text + m->data;
}

/* The module that grew most since the image `before`, and by how much; NULL if none did. */
static const struct mfi_module *grown(
	const struct build *b, const struct image *before, uint32_t *by)
{
	const struct mfi_module *most = NULL;

	*by = 0;
	for (unsigned i = 0; i < b->image.module_count; i++) {
		const struct mfi_module *m = &b->module[i];
		uint32_t was = 0;

		for (unsigned j = 0; j < before->module_count; j++) {
			struct mfi_module old;

			memcpy(&old, (const uint8_t *)before->modules + j * sizeof(old),
				sizeof(old));
			if (memcmp(old.name, m->name, sizeof(old.name)) == 0)
				was = bytes_of(&old);
		}
		if (bytes_of(m) > was && bytes_of(m) - was > *by) {
			*by = bytes_of(m) - was;
			most = m;
		}
	}
	return most;
}

static void blame(const struct build *b, char *to, size_t size)
{
	const struct mfi_module *largest = &b->module[0], *most = NULL;
	int fd = open(b->out, O_RDONLY | O_CLOEXEC);
	char error[IMAGE_ERROR_MAX];
	struct image before;
	uint32_t by = 0;

	if (fd >= 0) {
		if (image_open(&before, fd, error) == 0) {
			most = grown(b, &before, &by);
			image_close(&before);
		}
		close(fd);
	}
	for (unsigned i = 1; i < b->image.module_count; i++)
		if (bytes_of(&b->module[i]) > bytes_of(largest))
			largest = &b->module[i];
	if (most)
		snprintf(to, size, "module '%.24s' grew by %u bytes since the last build",
			most->name, by);
	else
		snprintf(to, size, "its largest module is '%.24s' with %u bytes", largest->name,
			bytes_of(largest));
}

int build_check_budget(const struct build *b, size_t size)
{
	char who[128];

	if (size <= b->manifest.budget)
		return STATUS_OK;
	blame(b, who, sizeof(who));
	return out_say("build", STATUS_BUDGET,
		"%s has %zu bytes, %llu over its budget of %llu: %s ('budget' in %s)",
		b->manifest.name, size, (unsigned long long)(size - b->manifest.budget),
		(unsigned long long)b->manifest.budget, who, b->manifest_path);
}
