/* tests/unit/image/symbols_test.c - names for addresses, from files that may be damaged */
#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/image.h"
#include "image/symbols.h"

/* A small ELF file: header, section headers, names, symbols, strings. */
struct debug_file {
	Elf64_Ehdr header;
	Elf64_Shdr section[4];
	char names[32];
	Elf64_Sym symbol[6];
	char strings[64];
};

#define FUNCTION ELF64_ST_INFO(STB_GLOBAL, STT_FUNC)

static struct debug_file make(void)
{
	struct debug_file f = {
		.header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				   EV_CURRENT},
			.e_type = ET_EXEC,
			.e_machine = EM_X86_64,
			.e_shoff = offsetof(struct debug_file, section),
			.e_shentsize = sizeof(Elf64_Shdr),
			.e_shnum = 4,
			.e_shstrndx = 1},
		.names = "\0.shstrtab\0.symtab\0.strtab",
		.symbol = {{0}, {1, FUNCTION, 0, 1, 0x20010, 0x10}, {9, FUNCTION, 0, 1, 0x20040, 8},
			{15, ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), 0, 1, 0x20060, 8},
			{20, FUNCTION, 0, SHN_UNDEF, 0, 0}, {25, FUNCTION, 0, 1, 0x20080, 0}},
		.strings = "\0mf_main\0other\0data\0away\0start",
	};

	f.section[1] = (Elf64_Shdr){.sh_name = 1,
		.sh_type = SHT_STRTAB,
		.sh_offset = offsetof(struct debug_file, names),
		.sh_size = sizeof(f.names)};
	f.section[2] = (Elf64_Shdr){.sh_name = 11,
		.sh_type = SHT_SYMTAB,
		.sh_link = 3,
		.sh_offset = offsetof(struct debug_file, symbol),
		.sh_size = sizeof(f.symbol),
		.sh_entsize = sizeof(Elf64_Sym)};
	f.section[3] = (Elf64_Shdr){.sh_name = 19,
		.sh_type = SHT_STRTAB,
		.sh_offset = offsetof(struct debug_file, strings),
		.sh_size = sizeof(f.strings)};
	return f;
}

static char directory[] = "/tmp/symbols_test.XXXXXX";

/* An image without code fits all symbols. */
static const struct image none;
static bool other;

static struct symbols *open_bytes(const void *bytes, size_t size)
{
	char path[64], image[64];
	struct symbols *s;
	int fd;

	snprintf(path, sizeof(path), "%s/x.debug", directory);
	snprintf(image, sizeof(image), "%s/x.mfy", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
	s = symbols_beside(image, &none, SYMBOLS_MOST, &other);
	unlink(path);
	return s;
}

static void named(const struct symbols *s, uint64_t address, const char *expected)
{
	char to[64];

	assert_string_equal(symbols_name(s, address, to, sizeof(to)), expected);
}

static void test_names(void **state)
{
	struct debug_file f = make();
	struct symbols *s = open_bytes(&f, sizeof(f));

	(void)state;
	assert_non_null(s);
	named(s, 0x20010, "mf_main");
	named(s, 0x20012, "mf_main+0x2");
	named(s, 0x2001f, "mf_main+0xf");
	named(s, 0x20020, "0x20020");
	named(s, 0x20044, "other+0x4");
	named(s, 0x20060, "0x20060");
	named(s, 0x20080, "start");
	named(s, 0x20081, "0x20081");
	named(s, 0, "0x0");
	named(s, UINT64_MAX, "0xffffffffffffffff");
	symbols_close(s);
	named(NULL, 0x20012, "0x20012");
	symbols_close(NULL);
}

static void test_not_there(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/none.mfy", directory);
	assert_null(symbols_beside(path, &none, SYMBOLS_MOST, &other));
	assert_false(other);
	assert_null(open_bytes("not an ELF file at all, but long enough for one header....", 58));
	assert_null(open_bytes("", 0));
}

static void test_control_characters(void **state)
{
	struct debug_file f = make();
	struct symbols *s;

	(void)state;
	f.strings[2] = '\033';
	s = open_bytes(&f, sizeof(f));
	named(s, 0x20012, "0x20012");
	named(s, 0x20044, "other+0x4");
	symbols_close(s);
}

static void look_around(const struct symbols *s)
{
	char to[64];

	for (uint64_t a = 0x20000; a < 0x20100; a++)
		symbols_name(s, a, to, sizeof(to));
}

static void test_damaged(void **state)
{
	static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};

	(void)state;
	for (size_t i = 0; i < sizeof(struct debug_file); i++)
		for (size_t v = 0; v < sizeof(values); v++) {
			struct debug_file f = make();
			struct symbols *s;

			((uint8_t *)&f)[i] = values[v];
			s = open_bytes(&f, sizeof(f));
			look_around(s);
			symbols_close(s);
		}
	for (size_t n = 0; n < sizeof(struct debug_file); n += 3) {
		struct debug_file f = make();
		struct symbols *s = open_bytes(&f, n);

		look_around(s);
		symbols_close(s);
	}
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
