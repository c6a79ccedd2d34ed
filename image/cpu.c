/* image/cpu.c - see cpu.h. */
#include "abi/image.h"
#include "image/cpu.h"

#include <stdio.h>
#include <string.h>

/* enum mfi_cpu, and what GCC and clang call it: __builtin_cpu_supports wants a literal. */
#define FEATURES(each)                                                                             \
	each(SSE3, "sse3") each(SSSE3, "ssse3") each(SSE4_1, "sse4.1") each(SSE4_2, "sse4.2")      \
		each(POPCNT, "popcnt") each(AVX, "avx") each(FMA, "fma") each(BMI, "bmi")          \
			each(BMI2, "bmi2") each(AVX2, "avx2") each(AVX512F, "avx512f")             \
				each(AVX512CD, "avx512cd") each(AVX512BW, "avx512bw")              \
					each(AVX512DQ, "avx512dq") each(AVX512VL, "avx512vl")      \
						each(AVX512VNNI, "avx512vnni")                     \
							each(AVX512BF16, "avx512bf16")             \
								each(FMA4, "fma4")

#define NAME(bit, name) [MFI_CPU_##bit] = (name),
#define HERE(bit, name) (__builtin_cpu_supports(name) ? 1ull << MFI_CPU_##bit : 0) |

static const char *const names[] = {FEATURES(NAME)};
_Static_assert(sizeof(names) / sizeof(names[0]) == MFI_CPUS, "a name for each");

uint64_t cpu_here(void)
{
	__builtin_cpu_init();
	return FEATURES(HERE) 0;
}

uint64_t cpu_named(const char *name)
{
	for (unsigned i = 0; i < MFI_CPUS; i++)
		if (strcmp(names[i], name) == 0)
			return 1ull << i;
	return 0;
}

const char *cpu_names(uint64_t bits, char *to, size_t size)
{
	size_t n = 0;

	to[0] = '\0';
	for (unsigned i = 0; i < MFI_CPUS && n < size; i++)
		if (bits & 1ull << i)
			n += (size_t)snprintf(to + n, size - n, "%s%s", n ? ", " : "", names[i]);
	return to;
}

bool cpu_runs(uint64_t needs, uint64_t processor, char why[static CPU_WHY_MAX])
{
	char lacks[CPU_NAMES_MAX];

	if ((needs & ~processor) == 0)
		return true;
	snprintf(why, CPU_WHY_MAX, "it needs %s, which this processor hasn't",
		cpu_names(needs & ~processor, lacks, sizeof(lacks)));
	return false;
}
