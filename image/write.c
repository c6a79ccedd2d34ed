/*
 * image/write.c - one pass that lays the parts out, one that copies them there.
 * The buffer begins zeroed, so padding needs no writing.
 */
#include "image/write.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct writer {
	uint8_t *bytes;
	size_t at;
};

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static void put(struct writer *w, const void *bytes, size_t n)
{
	if (n)
		memcpy(w->bytes + w->at, bytes, n);
	w->at += n;
}

static size_t note_size(size_t desc)
{
	return sizeof(Elf64_Nhdr) + round_up(sizeof(MFI_OWNER), 4) + round_up(desc, 4);
}

static void put_note(struct writer *w, uint32_t type, const void *desc, size_t n)
{
	Elf64_Nhdr h = {.n_namesz = sizeof(MFI_OWNER), .n_descsz = (Elf64_Word)n, .n_type = type};

	put(w, &h, sizeof(h));
	put(w, MFI_OWNER, sizeof(MFI_OWNER));
	w->at = round_up(w->at, 4);
	put(w, desc, n);
	w->at = round_up(w->at, 4);
}

static size_t notes_size(const struct image *image)
{
	return note_size(sizeof(image->note)) + note_size(image->manifest.n) +
		note_size(image->module_count * sizeof(struct mfi_module));
}

static void put_header(struct writer *w, const struct image *image)
{
	Elf64_Ehdr h = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = (Elf64_Half)image->note.machine,
		.e_version = EV_CURRENT,
		.e_entry = image->entry,
		.e_phoff = sizeof(h),
		.e_ehsize = sizeof(h),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)(1 + image->segments),
	};

	put(w, &h, sizeof(h));
}

static void put_program_headers(struct writer *w, const struct image *image)
{
	size_t at = sizeof(Elf64_Ehdr) + (1 + image->segments) * sizeof(Elf64_Phdr);
	size_t notes = notes_size(image);
	Elf64_Phdr h = {.p_type = PT_NOTE,
		.p_flags = PF_R,
		.p_offset = at,
		.p_filesz = notes,
		.p_memsz = notes,
		.p_align = 4};

	put(w, &h, sizeof(h));
	at = round_up(at + notes, 16);
	for (unsigned i = 0; i < image->segments; i++) {
		const struct image_segment *s = &image->segment[i];

		h = (Elf64_Phdr){.p_type = PT_LOAD,
			.p_flags = PF_R | (s->write ? PF_W : 0u) | (s->execute ? PF_X : 0u),
			.p_offset = at,
			.p_vaddr = s->address,
			.p_paddr = s->address,
			.p_filesz = s->file,
			.p_memsz = s->memory,
			.p_align = 16};
		put(w, &h, sizeof(h));
		at = round_up(at + s->file, 16);
	}
}

static size_t whole_size(const struct image *image)
{
	size_t n = sizeof(Elf64_Ehdr) + (1 + image->segments) * sizeof(Elf64_Phdr);

	n = round_up(n + notes_size(image), 16);
	for (unsigned i = 0; i < image->segments; i++)
		n = round_up(n + image->segment[i].file, 16);
	return n;
}

int image_write(const struct image *image, uint8_t **out, size_t *out_size)
{
	struct writer w = {0};
	uint64_t bytes = image->manifest.n;

	for (unsigned i = 0; i < image->segments && bytes <= MFI_FILE_MAX; i++)
		bytes = image->segment[i].file > MFI_FILE_MAX ? UINT64_MAX
							      : bytes + image->segment[i].file;
	if (bytes > MFI_FILE_MAX || image->segments > MFI_SEGMENTS)
		return -EFBIG;
	*out_size = whole_size(image);
	w.bytes = calloc(1, *out_size);
	if (!w.bytes)
		return -ENOMEM;
	put_header(&w, image);
	put_program_headers(&w, image);
	put_note(&w, MFI_NOTE_IMAGE, &image->note, sizeof(image->note));
	put_note(&w, MFI_NOTE_MANIFEST, image->manifest.p, image->manifest.n);
	put_note(&w, MFI_NOTE_MODULES, image->modules,
		image->module_count * sizeof(struct mfi_module));
	w.at = round_up(w.at, 16);
	for (unsigned i = 0; i < image->segments; i++) {
		put(&w, image->segment[i].file_bytes, image->segment[i].file);
		w.at = round_up(w.at, 16);
	}
	*out = w.bytes;
	return 0;
}
