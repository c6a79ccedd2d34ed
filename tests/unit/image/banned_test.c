/* image/banned.c: bytes of instructions in code, at any offset, and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "image/banned.h"

static uint64_t find(const char *name, const uint8_t *code, size_t n, bool execute)
{
	const struct image image = {.segments = 1,
		.segment[0] = {.address = MF_ADDR_TEXT,
			.file_bytes = code,
			.file = n,
			.memory = n,
			.execute = execute}};

	for (unsigned i = 0; i < BANNED; i++)
		if (strcmp(banned[i].name, name) == 0)
			return banned_find(&image, &banned[i]);
	fail();
	return 0;
}

static void each(void **state)
{
	static const struct {
		const char *name;
		uint8_t code[4];
		size_t n;
	} table[] = {
		{"rdtsc", {0x0f, 0x31}, 2},
		{"rdtscp", {0x0f, 0x01, 0xf9}, 3},
		{"rdrand", {0x0f, 0xc7, 0xf0}, 3},
		{"rdrand", {0x0f, 0xc7, 0xf7}, 3},
		{"rdseed", {0x0f, 0xc7, 0xf8}, 3},
		{"rdseed", {0x0f, 0xc7, 0xff}, 3},
		{"rdpid", {0xf3, 0x0f, 0xc7, 0xf9}, 4},
		{"cpuid", {0x0f, 0xa2}, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint8_t code[16] = {0x90, 0x0f, 0x0f};
		size_t at = 4 + i % 3, prefix = table[i].code[0] == 0xf3;

		memset(code + 3, 0x90, sizeof(code) - 3);
		memcpy(code + at, table[i].code, table[i].n);
		assert_int_equal(
			find(table[i].name, code, sizeof(code), true), MF_ADDR_TEXT + at + prefix);
		/* the last byte cut off; not executable */
		assert_int_equal(find(table[i].name, code, at + table[i].n - 1, true), 0);
		assert_int_equal(find(table[i].name, code, at + table[i].n, true),
			MF_ADDR_TEXT + at + prefix);
		assert_int_equal(find(table[i].name, code, sizeof(code), false), 0);
	}
}

/* Their neighbours: rdpmc, xgetbv, cmpxchg8b, cmpxchg16b, xsavec, syscall. */
static void others(void **state)
{
	static const uint8_t code[] = {0x0f, 0x33, 0x0f, 0x01, 0xd0, 0x0f, 0xc7, 0x08, 0x48, 0x0f,
		0xc7, 0x0f, 0x0f, 0xc7, 0x67, 0x08, 0x0f, 0x05, 0x31, 0xc0, 0xa2, 0x0f};

	(void)state;
	for (unsigned i = 0; i < BANNED; i++)
		assert_int_equal(find(banned[i].name, code, sizeof(code), true), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each),
		cmocka_unit_test(others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
