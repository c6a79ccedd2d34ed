/*
 * image/elf.h - a bounded look into an ordinary ELF64 file (NAME.debug, what the
 * linker made): its sections and its symbols. Images proper are read by image.h.
 *
 * Every offset and size of the file is checked before it is used; a section or a
 * symbol that lies is skipped as if it weren't there.
 */
#ifndef IMAGE_ELF_H
#define IMAGE_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf {
	const uint8_t *bytes; /* borrowed */
	size_t size;
	Elf64_Ehdr header;
	const char *names; /* of sections; NULL: none */
	size_t names_size;
};

struct elf_section {
	Elf64_Shdr header;
	const char *name;     /* "" if it has none */
	const uint8_t *bytes; /* NULL for SHT_NOBITS and for spans that lie outside */
};

struct elf_symbol {
	const char *name;
	uint64_t value, size;
	uint8_t type; /* STT_... */
	uint8_t bind; /* STB_... */
	uint16_t section;
};

/* 0, or -EINVAL: not an ELF64 little-endian file with sections. */
int elf_open(struct elf *elf, const uint8_t *bytes, size_t size);
/* False: there is no such section. */
bool elf_section(const struct elf *elf, unsigned i, struct elf_section *section);
/* Calls `each` for every symbol of the symbol table until it returns other than 0, which is
 * then returned. */
int elf_symbols(
	const struct elf *elf, int (*each)(void *arg, const struct elf_symbol *symbol), void *arg);

#endif
