/*
 * fuzz/lib/clock.h - time that the fuzzer turns, and random bytes that are the same each time. For
 * targets that are linked with -Wl,--wrap=clock_gettime.
 */
#ifndef FUZZ_LIB_CLOCK_H
#define FUZZ_LIB_CLOCK_H

#include <stdint.h>

/* Back to the start, also what random_bytes gives. */
void clock_reset(void);
/* It goes on by itself too, a microsecond each time that it is looked at. */
void clock_advance(uint64_t ns);

#endif
