/*
 * image/image.c - the checks that turn hostile bytes into a struct image.
 *
 * Every byte of the file is either read into a field that is checked, part of a
 * segment or a note, or padding that must be zero; so two different files never
 * mean the same image.
 */
#include "image/image.h"

#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/cpu.h"
#include "wire/sha256.h"

#define IMAGE_GRANTS (((1u << MF_EFFECT_KINDS) - 1) & ~1u)
#define IMAGE_FLAGS  ((uint32_t)MFI_HAS_INIT)
/* A life, or an init, that may take longer than an hour is a lie or a mistake. */
#define IMAGE_TIME_MAX (3600ull * 1000000000ull)

struct parser {
	struct image *image;
	const uint8_t *bytes;
	size_t size; /* without the trailer */
	size_t at;   /* end of what is accounted for */
	char *error;
};

__attribute__((format(printf, 2, 3))) static int fail(struct parser *p, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(p->error, IMAGE_ERROR_MAX, format, ap);
	va_end(ap);
	return -EINVAL;
}

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

static bool all_zero(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/* Moves past the zeros that lie between here and `to`. */
static int skip_padding(struct parser *p, uint64_t to, const char *what)
{
	if (to > p->size)
		return fail(p, "truncated: %s ends at byte %llu of a file of %zu", what,
			(unsigned long long)to, p->size);
	if (!all_zero(p->bytes + p->at, to - p->at))
		return fail(p, "there are bytes that belong to nothing before offset %llu",
			(unsigned long long)to);
	p->at = to;
	return 0;
}

/* ------------------------------------------------------------- ELF header */

static int parse_header(struct parser *p, unsigned *phnum)
{
	static const uint8_t ident[EI_NIDENT] = {
		ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
	Elf64_Ehdr h;

	if (p->size < sizeof(h))
		return fail(p, "truncated: %zu bytes are less than an ELF header", p->size);
	memcpy(&h, p->bytes, sizeof(h));
	if (memcmp(h.e_ident, ident, SELFMAG) != 0)
		return fail(p, "this is no ELF file, so no image");
	if (memcmp(h.e_ident, ident, sizeof(ident)) != 0 || h.e_version != EV_CURRENT)
		return fail(p, "the ELF header is not that of a 64-bit little-endian image");
	if (h.e_machine != EM_X86_64)
		return fail(p, "it is for processor %u (e_machine), this mayfly runs %u (x86-64)",
			h.e_machine, EM_X86_64);
	if (h.e_type != ET_EXEC || h.e_phoff != sizeof(h) || h.e_ehsize != sizeof(h) ||
		h.e_phentsize != sizeof(Elf64_Phdr) || h.e_flags)
		return fail(
			p, "an ELF file, but not laid out as an image (mayfly build makes one)");
	if (h.e_shoff || h.e_shnum || h.e_shentsize || h.e_shstrndx)
		return fail(p, "it has section headers, an image has none (is this NAME.debug?)");
	if (h.e_phnum < 2 || h.e_phnum > 1 + MFI_SEGMENTS)
		return fail(p, "it has %u program headers, an image has 2 to %u", h.e_phnum,
			1 + MFI_SEGMENTS);
	p->image->entry = h.e_entry;
	*phnum = h.e_phnum;
	p->at = sizeof(h) + *phnum * sizeof(Elf64_Phdr);
	if (p->at > p->size)
		return fail(p, "truncated: the program headers end at byte %zu of a file of %zu",
			p->at, p->size);
	return 0;
}

static Elf64_Phdr program_header(const struct parser *p, unsigned i)
{
	Elf64_Phdr h;

	memcpy(&h, p->bytes + sizeof(Elf64_Ehdr) + i * sizeof(h), sizeof(h));
	return h;
}

/* ------------------------------------------------------------------ notes */

static bool is_name(const char *name, size_t n)
{
	if (n == 0 || name[0] < 'a' || name[0] > 'z')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
			    name[i] == '-'))
			return false;
	return true;
}

/* Printable ASCII, ended by a zero, zeros behind it. */
static bool is_text(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	for (size_t i = 0; i < n; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return n < size && all_zero(text + n, size - n);
}

struct bound {
	const char *name;
	uint64_t value, least, most, multiple;
};

static int check_bounds(struct parser *p, const struct bound *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (b[i].value < b[i].least || b[i].value > b[i].most || b[i].value % b[i].multiple)
			return fail(p,
				"%s is %llu: it must be a multiple of %llu from %llu to %llu",
				b[i].name, (unsigned long long)b[i].value,
				(unsigned long long)b[i].multiple, (unsigned long long)b[i].least,
				(unsigned long long)b[i].most);
	return 0;
}

static int check_sizes(struct parser *p)
{
	const struct mfi_image *n = &p->image->note;
	const uint64_t window = MF_ADDR_WINDOW_END - MF_ADDR_WINDOW;
	const struct bound bounds[] = {
		{"window_bytes", n->window_bytes, MF_WINDOW_MIN, window, MF_PAGE},
		{"event_bytes", n->event_bytes, MF_EVENT_MIN, window, MF_PAGE},
		{"effects_bytes", n->effects_bytes, MF_EFFECTS_MIN, window, MF_PAGE},
		{"stack_bytes", n->stack_bytes, MF_STACK_MIN, window, MF_PAGE},
		{"init_bytes", n->init_bytes, 0, MF_ADDR_INIT_END - MF_ADDR_INIT, MF_PAGE},
		{"input_bytes", n->input_bytes, 0, MF_ADDR_INPUT_END - MF_ADDR_INPUT, MF_PAGE},
		{"output_bytes", n->output_bytes, 0, MF_ADDR_OUTPUT_END - MF_ADDR_OUTPUT, MF_PAGE},
		{"cpu_ns", n->cpu_ns, 1, IMAGE_TIME_MAX, 1},
		{"deadline_ns", n->deadline_ns, 1, IMAGE_TIME_MAX, 1},
		{"init_ns", n->init_ns, 1, IMAGE_TIME_MAX, 1},
		{"budget", n->budget, 1, MFI_FILE_MAX, 1},
	};
	int rc = check_bounds(p, bounds, sizeof(bounds) / sizeof(bounds[0]));
	/* each is below 2^31, so the sum can't wrap */
	uint64_t parts = (uint64_t)n->event_bytes + n->effects_bytes + n->stack_bytes + MF_PAGE;

	if (rc)
		return rc;
	if (parts > n->window_bytes)
		return fail(p,
			"event, effects, stack and guard page need %llu bytes, the window has %llu",
			(unsigned long long)parts, (unsigned long long)n->window_bytes);
	if (p->size > n->budget)
		return fail(p, "the file has %zu bytes, its budget says %llu", p->size,
			(unsigned long long)n->budget);
	return 0;
}

static int parse_image_note(struct parser *p, const uint8_t *desc, size_t n)
{
	struct mfi_image *note = &p->image->note;

	if (n < 8)
		return fail(
			p, "the image note has %zu bytes, it should have %zu", n, sizeof(*note));
	memcpy(note, desc, n < sizeof(*note) ? n : sizeof(*note));
	if (note->version != MFI_VERSION)
		return fail(p, "image format %u, this mayfly reads %u: build it again",
			note->version, MFI_VERSION);
	if (note->abi != MF_ABI_VERSION)
		return fail(p, "built for guest ABI %u, this mayfly runs %u: build it again",
			note->abi, MF_ABI_VERSION);
	if (n != sizeof(*note))
		return fail(
			p, "the image note has %zu bytes, it should have %zu", n, sizeof(*note));
	if (note->machine != EM_X86_64)
		return fail(p, "the image note names processor %u, the ELF header %u",
			note->machine, EM_X86_64);
	if (note->flags & ~IMAGE_FLAGS)
		return fail(p, "the image note has unknown flags 0x%x", note->flags);
	if (note->grants & ~IMAGE_GRANTS)
		return fail(p, "the image note grants unknown effects 0x%x", note->grants);
	if (!is_text(note->name, sizeof(note->name)) || !is_name(note->name, strlen(note->name)))
		return fail(p, "the service's name is not of the form [a-z][a-z0-9-]*");
	if (!is_text(note->release, sizeof(note->release)))
		return fail(p, "the service's version is not printable text");
	if (note->processor & ~CPU_KNOWN)
		return fail(p,
			"it needs something of a processor that this mayfly doesn't know: 0x%llx",
			(unsigned long long)(note->processor & ~CPU_KNOWN));
	if (!is_text(note->variant, sizeof(note->variant)) ||
		(note->variant[0] && !is_name(note->variant, strlen(note->variant))))
		return fail(p, "the variant's name is not of the form [a-z][a-z0-9-]*");
	if (!all_zero(note->reserved, sizeof(note->reserved)))
		return fail(p, "reserved fields of the image note are not zero");
	return check_sizes(p);
}

static int parse_manifest_note(struct parser *p, const uint8_t *desc, size_t n)
{
	if (n == 0 || n > MFI_MANIFEST_MAX)
		return fail(
			p, "the manifest has %zu bytes, it may have 1 to %u", n, MFI_MANIFEST_MAX);
	if (memchr(desc, 0, n))
		return fail(p, "the manifest holds a zero byte, so it is no text");
	p->image->manifest = mf_str_of(desc, n);
	return 0;
}

static int parse_modules_note(struct parser *p, const uint8_t *desc, size_t n)
{
	struct mfi_module module;

	if (n == 0 || n % sizeof(module))
		return fail(p, "the list of modules has %zu bytes, not a multiple of %zu", n,
			sizeof(module));
	for (size_t at = 0; at < n; at += sizeof(module)) {
		memcpy(&module, desc + at, sizeof(module));
		if (module.name[0] == 0 || !is_text(module.name, sizeof(module.name)) ||
			!is_text(module.why, sizeof(module.why)))
			return fail(p, "module %zu has no printable name", at / sizeof(module));
	}
	p->image->modules = (const struct mfi_module *)(const void *)desc;
	p->image->module_count = (unsigned)(n / sizeof(module));
	return 0;
}

static int parse_note(struct parser *p, uint32_t type, const uint8_t *desc, size_t n)
{
	static const struct {
		uint32_t type;
		int (*parse)(struct parser *p, const uint8_t *desc, size_t n);
	} known[] = {
		{MFI_NOTE_IMAGE, parse_image_note},
		{MFI_NOTE_MANIFEST, parse_manifest_note},
		{MFI_NOTE_MODULES, parse_modules_note},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].type == type)
			return known[i].parse(p, desc, n);
	if (type & MFI_NOTE_CRITICAL)
		return fail(p,
			"it has a note of type 0x%x, which this mayfly must know and doesn't",
			type);
	return 0;
}

/* One note at p->at, which ends at or before `end`. */
static int next_note(struct parser *p, size_t end, uint32_t *type)
{
	const size_t owner = round_up(sizeof(MFI_OWNER), 4);
	static const char padded[8] = MFI_OWNER;
	Elf64_Nhdr h;
	size_t desc;

	if (end - p->at < sizeof(h) + owner)
		return fail(p, "a note is cut short at byte %zu", p->at);
	memcpy(&h, p->bytes + p->at, sizeof(h));
	desc = p->at + sizeof(h) + owner;
	if (h.n_namesz != sizeof(MFI_OWNER) || memcmp(p->bytes + desc - owner, padded, owner) != 0)
		return fail(p, "the note at byte %zu is not mayfly's", p->at);
	if (h.n_descsz > end - desc)
		return fail(p, "the note at byte %zu says %u bytes, %zu are there", p->at,
			h.n_descsz, end - desc);
	*type = h.n_type;
	p->at = desc + h.n_descsz;
	return parse_note(p, h.n_type, p->bytes + desc, h.n_descsz);
}

static int parse_notes(struct parser *p)
{
	Elf64_Phdr h = program_header(p, 0);
	uint32_t seen = 0, type = 0;
	uint64_t end;

	if (h.p_type != PT_NOTE || h.p_offset != p->at || h.p_flags != PF_R || h.p_align != 4 ||
		h.p_vaddr || h.p_paddr || h.p_memsz != h.p_filesz || h.p_filesz % 4)
		return fail(p, "the first program header does not describe the notes");
	if (h.p_filesz > p->size - p->at)
		return fail(p, "truncated: the notes end behind the end of the file (%zu bytes)",
			p->size);
	for (end = p->at + h.p_filesz; p->at < end;) {
		size_t first = p->at;
		int rc = next_note(p, end, &type);

		if (rc == 0)
			rc = skip_padding(p, round_up(p->at, 4), "a note");
		if (rc)
			return rc;
		if (seen == 0 && type != MFI_NOTE_IMAGE)
			return fail(p, "the note at byte %zu should be the image note", first);
		if (type < 32 || type == MFI_NOTE_IMAGE) {
			uint32_t bit = 1u << (type & 31);

			if (seen & bit)
				return fail(p, "there are two notes of type 0x%x", type);
			seen |= bit;
		}
	}
	if (!p->image->manifest.p)
		return fail(p, "it holds no manifest");
	return 0;
}

/* --------------------------------------------------------------- segments */

static int check_place(struct parser *p, unsigned i, const struct image_segment *s)
{
	const struct image *image = p->image;
	uint64_t least =
		s->write ? image_effects_at(image) + image->note.effects_bytes : MF_ADDR_TEXT;
	uint64_t most = s->write ? image_guard_at(image) : MF_ADDR_TEXT_END;

	if (s->write && s->execute)
		return fail(p, "segment %u is writable and executable", i);
	if (s->address % MF_PAGE || s->address < least || s->address >= most ||
		(s->write && s->address != least))
		return fail(p, "segment %u lies at 0x%llx, %s from 0x%llx to 0x%llx", i,
			(unsigned long long)s->address,
			s->write ? "writable memory goes" : "code and constants go",
			(unsigned long long)least, (unsigned long long)most);
	if (s->memory == 0 || s->memory > most - s->address)
		return fail(p, "segment %u has %llu bytes of memory, from 1 to %llu fit there", i,
			(unsigned long long)s->memory, (unsigned long long)(most - s->address));
	if (s->file > s->memory || (!s->write && s->file != s->memory))
		return fail(p, "segment %u has %llu bytes in the file for %llu of memory", i,
			(unsigned long long)s->file, (unsigned long long)s->memory);
	return 0;
}

static int parse_segment(struct parser *p, unsigned i, struct image_segment *s)
{
	Elf64_Phdr h = program_header(p, i + 1);
	const struct image_segment *before = i ? s - 1 : NULL;
	int rc;

	if (h.p_type != PT_LOAD || h.p_align != 16 || h.p_paddr != h.p_vaddr ||
		(h.p_flags & ~(uint32_t)(PF_R | PF_W | PF_X)) || !(h.p_flags & PF_R))
		return fail(p, "program header %u does not describe a segment", i + 1);
	*s = (struct image_segment){
		.address = h.p_vaddr,
		.memory = h.p_memsz,
		.file = h.p_filesz,
		.write = h.p_flags & PF_W,
		.execute = h.p_flags & PF_X,
	};
	rc = check_place(p, i, s);
	if (rc)
		return rc;
	if (before && s->address < before->address)
		return fail(p, "segment %u lies below the one before it", i);
	if (before && s->address < round_up(before->address + before->memory, MF_PAGE))
		return fail(p, "segments %u and %u overlap at 0x%llx", i - 1, i,
			(unsigned long long)s->address);
	if (h.p_offset != p->at)
		return fail(p,
			"segment %u begins at byte %llu of the file, not behind the last at %zu", i,
			(unsigned long long)h.p_offset, p->at);
	if (s->file > p->size - p->at)
		return fail(p, "truncated: segment %u ends at byte %llu of a file of %zu", i,
			(unsigned long long)p->at + s->file, p->size);
	s->file_bytes = p->bytes + p->at;
	p->at += s->file;
	return skip_padding(p, round_up(p->at, 16), "a segment");
}

static int parse_segments(struct parser *p, unsigned count)
{
	struct image *image = p->image;
	unsigned writable = 0, entries = 0;
	int rc = skip_padding(p, round_up(p->at, 16), "the notes");

	for (unsigned i = 0; rc == 0 && i < count; i++) {
		struct image_segment *s = &image->segment[i];

		rc = parse_segment(p, i, s);
		if (rc)
			break;
		writable += s->write;
		entries += s->execute && image->entry >= s->address &&
			image->entry - s->address < s->memory;
	}
	if (rc)
		return rc;
	image->segments = count;
	if (writable > 1)
		return fail(p, "it has %u writable segments, one is allowed", writable);
	if (entries != 1)
		return fail(p, "its entry 0x%llx lies in no executable segment",
			(unsigned long long)image->entry);
	if (p->at != p->size)
		return fail(p, "%zu bytes at its end belong to nothing", p->size - p->at);
	return 0;
}

/* ----------------------------------------------------------------- public */

static bool has_footer(const struct parser *p)
{
	static const char magic[] = MFI_FOOTER_MAGIC;

	return p->size >= sizeof(struct mfi_footer) &&
		memcmp(p->bytes + p->size - 16, magic, 16) == 0;
}

/* Only where it lies: what the text says is for those who check signatures. */
static int parse_trailer(struct parser *p)
{
	struct mfi_footer footer;

	if (!has_footer(p))
		return 0;
	p->size -= sizeof(footer);
	memcpy(&footer, p->bytes + p->size, sizeof(footer));
	if (footer.reserved || footer.text_bytes == 0 || footer.text_bytes > MFI_SIGNATURE_MAX ||
		footer.text_bytes > p->size)
		return fail(p, "its signature is damaged: the last %zu bytes say that it has %u",
			sizeof(footer), footer.text_bytes);
	p->size -= footer.text_bytes;
	p->image->signature = mf_str_of(p->bytes + p->size, footer.text_bytes);
	if (has_footer(p))
		return fail(p,
			"it is signed twice: take the second signature off with "
			"mayfly verify --extract");
	return 0;
}

int image_parse(struct image *image, const uint8_t *bytes, size_t size, char error[IMAGE_ERROR_MAX])
{
	struct parser p = {.image = image, .bytes = bytes, .size = size, .error = error};
	unsigned phnum = 0;
	int rc;

	memset(image, 0, sizeof(*image));
	image->size = size;
	if (size > MFI_FILE_MAX + MFI_TRAILER_MAX)
		return fail(&p, "it has %zu bytes, an image has at most %u", size, MFI_FILE_MAX);
	rc = parse_trailer(&p);
	image->content = p.size;
	if (rc == 0)
		rc = parse_header(&p, &phnum);
	if (rc == 0)
		rc = parse_notes(&p);
	if (rc == 0)
		rc = parse_segments(&p, phnum - 1);
	if (rc == 0)
		sha256(bytes, p.size, image->digest);
	return rc;
}

static int read_whole(int fd, uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = pread(fd, bytes + at, size - at, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO; /* it shrank while it was read */
		at += (size_t)n;
	}
	return 0;
}

int image_open(struct image *image, int fd, char error[IMAGE_ERROR_MAX])
{
	struct parser p = {.image = image, .error = error};
	struct stat st;
	uint8_t *bytes;
	int rc;

	memset(image, 0, sizeof(*image));
	if (fstat(fd, &st) < 0) {
		rc = -errno;
		fail(&p, "can't be read: %s", strerror(-rc));
		return rc;
	}
	if (!S_ISREG(st.st_mode))
		return fail(&p, "not a regular file");
	if (st.st_size <= 0 || st.st_size > (off_t)(MFI_FILE_MAX + MFI_TRAILER_MAX))
		return fail(&p, "it has %lld bytes, an image has 1 to %u", (long long)st.st_size,
			MFI_FILE_MAX);
	bytes = malloc((size_t)st.st_size);
	if (!bytes) {
		fail(&p, "no memory for %lld bytes", (long long)st.st_size);
		return -ENOMEM;
	}
	rc = read_whole(fd, bytes, (size_t)st.st_size);
	if (rc)
		fail(&p, "can't be read: %s", strerror(-rc));
	else
		rc = image_parse(image, bytes, (size_t)st.st_size, error);
	if (rc) {
		free(bytes);
		memset(image, 0, sizeof(*image));
		return rc;
	}
	image->bytes = bytes;
	return 0;
}

void image_close(struct image *image)
{
	free(image->bytes);
	memset(image, 0, sizeof(*image));
}

uint64_t image_heap_at(const struct image *image)
{
	for (unsigned i = 0; i < image->segments; i++)
		if (image->segment[i].write)
			return round_up(image->segment[i].address + image->segment[i].memory, 16);
	return image_effects_at(image) + image->note.effects_bytes;
}
