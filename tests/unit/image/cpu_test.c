/* image/cpu.c: names of what processors can do, and what this one can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/image.h"
#include "image/cpu.h"

static void test_names(void **state)
{
	char text[CPU_NAMES_MAX];

	(void)state;
	for (unsigned i = 0; i < MFI_CPUS; i++) {
		assert_true(strlen(cpu_names(1ull << i, text, sizeof(text))) > 0);
		assert_int_equal(cpu_named(text), 1ull << i);
	}
	assert_int_equal(cpu_named("warp"), 0);
	assert_int_equal(cpu_named(""), 0);
	assert_string_equal(cpu_names(0, text, sizeof(text)), "");
	assert_string_equal(cpu_names(1u << MFI_CPU_AVX2 | 1u << MFI_CPU_SSE3, text, sizeof(text)),
		"sse3, avx2");
	assert_true(strlen(cpu_names(CPU_KNOWN, text, sizeof(text))) < sizeof(text) - 1);
	assert_string_equal(cpu_names(CPU_KNOWN, text, 8), "sse3, s"); /* cut */
}

static void test_runs(void **state)
{
	const uint64_t sse3 = 1u << MFI_CPU_SSE3, fma = 1u << MFI_CPU_FMA;
	char why[CPU_WHY_MAX];

	(void)state;
	assert_true(cpu_runs(0, 0, why));
	assert_true(cpu_runs(sse3, sse3 | fma, why));
	assert_false(cpu_runs(sse3 | fma, sse3, why));
	assert_string_equal(why, "it needs fma, which this processor hasn't");
	assert_false(cpu_runs(CPU_KNOWN, 0, why));
}

static void test_here(void **state)
{
	(void)state;
	assert_int_equal(cpu_here() & ~CPU_KNOWN, 0);
	assert_int_equal(cpu_here(), cpu_here());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
