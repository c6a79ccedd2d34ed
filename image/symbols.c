/*
 * image/symbols.c - the function symbols of NAME.debug, sorted by address.
 */
#include "image/symbols.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/elf.h"
#include "image/image.h"
#include "sys/fd.h"

#define FUNCTIONS_MOST 100000u

struct function {
	uint64_t address, size;
	const char *name;
};

struct symbols {
	uint8_t *bytes; /* of the file, later only names: they point into it */
	struct function *function;
	size_t count, room;
};

static int by_address(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Names go to terminals: one with control bytes is as good as none. */
static bool printable(const char *name)
{
	for (; *name; name++)
		if (*name < 0x21 || *name > 0x7e)
			return false;
	return true;
}

static int add(void *arg, const struct elf_symbol *symbol)
{
	struct symbols *s = arg;

	if (symbol->type != STT_FUNC || symbol->section == SHN_UNDEF || !printable(symbol->name) ||
		s->count == FUNCTIONS_MOST)
		return 0;
	if (s->count == s->room) {
		size_t room = s->room ? s->room * 2 : 64;
		struct function *more = reallocarray(s->function, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->function = more;
		s->room = room;
	}
	s->function[s->count++] = (struct function){symbol->value, symbol->size, symbol->name};
	return 0;
}

static uint8_t *read_file(const char *path, size_t most, size_t *size)
{
	int fd = fd_open_file(path); /* a hub does it in the middle of its work */
	uint8_t *bytes = NULL;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size > 0 && (uint64_t)st.st_size <= most)
		bytes = malloc((size_t)st.st_size);
	*size = 0;
	while (bytes && *size < (size_t)st.st_size) {
		ssize_t n = read(fd, bytes + *size, (size_t)st.st_size - *size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		*size += (size_t)n;
	}
	close(fd);
	return bytes;
}

/* The file that the linker made, of which the builder took the image's segments. */
static bool has_segment(const struct elf *elf, const struct image_segment *segment)
{
	for (unsigned i = 0; i < elf->header.e_phnum; i++) {
		uint64_t at = elf->header.e_phoff + i * sizeof(Elf64_Phdr);
		Elf64_Phdr h;

		if (at > elf->size || elf->size - at < sizeof(h))
			return false;
		memcpy(&h, elf->bytes + at, sizeof(h));
		if (h.p_type == PT_LOAD && h.p_vaddr == segment->address)
			return h.p_filesz == segment->file && h.p_offset <= elf->size &&
				h.p_filesz <= elf->size - h.p_offset &&
				memcmp(elf->bytes + h.p_offset, segment->file_bytes,
					segment->file) == 0;
	}
	return false;
}

static bool is_of(const struct elf *elf, const struct image *image)
{
	for (unsigned i = 0; i < image->segments; i++)
		if (!image->segment[i].write && !has_segment(elf, &image->segment[i]))
			return false;
	return true;
}

/* Who has them keeps them long: names alone. */
static int keep_names(struct symbols *s)
{
	uint8_t *names, *to;
	size_t n = 1;

	for (size_t i = 0; i < s->count; i++)
		n += strlen(s->function[i].name) + 1;
	names = to = malloc(n);
	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < s->count; i++) {
		n = strlen(s->function[i].name) + 1;
		memcpy(to, s->function[i].name, n);
		s->function[i].name = (const char *)to;
		to += n;
	}
	free(s->bytes);
	s->bytes = names;
	return 0;
}

static struct symbols *symbols_read(
	const char *path, const struct image *image, size_t most, bool *other)
{
	struct symbols *s = calloc(1, sizeof(*s));
	struct elf elf;
	size_t size;

	if (!s)
		return NULL;
	s->bytes = read_file(path, most, &size);
	if (!s->bytes || elf_open(&elf, s->bytes, size))
		goto none;
	*other = !is_of(&elf, image);
	if (*other || elf_symbols(&elf, add, s) || keep_names(s) < 0)
		goto none;
	if (s->count)
		qsort(s->function, s->count, sizeof(*s->function), by_address);
	return s;
none:
	symbols_close(s);
	return NULL;
}

char *symbols_path(const char *image_path)
{
	size_t n = strlen(image_path);
	char *path;

	if (n > 4 && strcmp(image_path + n - 4, ".mfy") == 0)
		n -= 4;
	return asprintf(&path, "%.*s.debug", (int)n, image_path) < 0 ? NULL : path;
}

struct symbols *symbols_beside(
	const char *image_path, const struct image *image, size_t most, bool *other)
{
	char *path = symbols_path(image_path);
	struct symbols *s;

	*other = false;
	if (!path)
		return NULL;
	s = symbols_read(path, image, most, other);
	free(path);
	return s;
}

void symbols_close(struct symbols *symbols)
{
	if (!symbols)
		return;
	free(symbols->function);
	free(symbols->bytes);
	free(symbols);
}

/* The last function at or below address. */
static const struct function *find(const struct symbols *s, uint64_t address)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->function[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &s->function[low - 1] : NULL;
}

const char *symbols_name(const struct symbols *symbols, uint64_t address, char *to, size_t size)
{
	const struct function *f = symbols ? find(symbols, address) : NULL;
	uint64_t into = f ? address - f->address : 0;

	if (!f || (into != 0 && into >= f->size))
		snprintf(to, size, "0x%llx", (unsigned long long)address);
	else if (into == 0)
		snprintf(to, size, "%s", f->name);
	else
		snprintf(to, size, "%s+0x%llx", f->name, (unsigned long long)into);
	return to;
}
