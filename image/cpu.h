/*
 * image/cpu.h - what processors can do beyond plain x86-64: the names of enum mfi_cpu (abi/image.h),
 * and which of them this one has. Those that always come with one of these have no name of their own.
 */
#ifndef IMAGE_CPU_H
#define IMAGE_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPU_KNOWN ((1ull << MFI_CPUS) - 1)

/* MFI_CPU bits of the processor that this runs on, as far as its kernel lets programs use them. Not for workers:
 * the processor is asked when the program starts, which takes long in a virtual machine (docs/decisions/015). */
uint64_t cpu_here(void);

/* One bit; 0: no such name. */
uint64_t cpu_named(const char *name);

/* "avx2, fma" into `to`, cut to its size; returns it. */
const char *cpu_names(uint64_t bits, char *to, size_t size);
#define CPU_NAMES_MAX 256

/* Has this processor all that an image needs? Else false, and why not: "it needs avx2, which ...". */
#define CPU_WHY_MAX (CPU_NAMES_MAX + 64)
bool cpu_runs(uint64_t needs, uint64_t processor, char why[static CPU_WHY_MAX]);

#endif
