/*
 * image/elf.c - see image/elf.h.
 */
#include "image/elf.h"

#include <errno.h>
#include <string.h>

static bool inside(const struct elf *elf, uint64_t off, uint64_t n)
{
	return off <= elf->size && n <= elf->size - off;
}

/* The zero-terminated string at `off` of a table, or NULL. */
static const char *string_at(const char *table, size_t size, uint64_t off)
{
	if (!table || off >= size || !memchr(table + off, 0, size - off))
		return NULL;
	return table + off;
}

static bool section_header(const struct elf *elf, unsigned i, Elf64_Shdr *h)
{
	if (i >= elf->header.e_shnum)
		return false;
	memcpy(h, elf->bytes + elf->header.e_shoff + i * sizeof(*h), sizeof(*h));
	return true;
}

int elf_open(struct elf *elf, const uint8_t *bytes, size_t size)
{
	static const uint8_t ident[] = {
		ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB};
	Elf64_Shdr names;

	memset(elf, 0, sizeof(*elf));
	elf->bytes = bytes;
	elf->size = size;
	if (size < sizeof(elf->header) || memcmp(bytes, ident, sizeof(ident)) != 0)
		return -EINVAL;
	memcpy(&elf->header, bytes, sizeof(elf->header));
	if (elf->header.e_shentsize != sizeof(Elf64_Shdr) ||
		!inside(elf, elf->header.e_shoff, elf->header.e_shnum * sizeof(Elf64_Shdr)))
		return -EINVAL;
	if (section_header(elf, elf->header.e_shstrndx, &names) &&
		inside(elf, names.sh_offset, names.sh_size)) {
		elf->names = (const char *)bytes + names.sh_offset;
		elf->names_size = names.sh_size;
	}
	return 0;
}

bool elf_section(const struct elf *elf, unsigned i, struct elf_section *section)
{
	Elf64_Shdr *h = &section->header;

	memset(section, 0, sizeof(*section));
	if (!section_header(elf, i, h))
		return false;
	section->name = string_at(elf->names, elf->names_size, h->sh_name);
	if (!section->name)
		section->name = "";
	if (h->sh_type != SHT_NOBITS && inside(elf, h->sh_offset, h->sh_size))
		section->bytes = elf->bytes + h->sh_offset;
	return true;
}

static int symbols_of(const struct elf *elf, const struct elf_section *table,
	int (*each)(void *arg, const struct elf_symbol *symbol), void *arg)
{
	struct elf_section strings;
	int rc = 0;

	if (!table->bytes || !elf_section(elf, table->header.sh_link, &strings) || !strings.bytes)
		return 0;
	for (size_t at = 0; rc == 0 && table->header.sh_size - at >= sizeof(Elf64_Sym);
		at += sizeof(Elf64_Sym)) {
		Elf64_Sym sym;
		struct elf_symbol out;

		memcpy(&sym, table->bytes + at, sizeof(sym));
		out = (struct elf_symbol){
			.name = string_at(
				(const char *)strings.bytes, strings.header.sh_size, sym.st_name),
			.value = sym.st_value,
			.size = sym.st_size,
			.type = ELF64_ST_TYPE(sym.st_info),
			.bind = ELF64_ST_BIND(sym.st_info),
			.section = sym.st_shndx,
		};
		if (out.name && out.name[0])
			rc = each(arg, &out);
	}
	return rc;
}

int elf_symbols(
	const struct elf *elf, int (*each)(void *arg, const struct elf_symbol *symbol), void *arg)
{
	struct elf_section section;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && elf_section(elf, i, &section); i++)
		if (section.header.sh_type == SHT_SYMTAB)
			rc = symbols_of(elf, &section, each, arg);
	return rc;
}
