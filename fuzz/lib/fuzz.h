/*
 * fuzz/lib/fuzz.h - what the fuzzers share: reading an input piece by piece, and saying what must
 * hold. A fuzzer is fuzz/NAME.c with LLVMFuzzerTestOneInput (libFuzzer's contract: any bytes, no
 * state that outlives the call, 0); what it checks besides the sanitizers stands in MUST.
 */
#ifndef FUZZ_LIB_FUZZ_H
#define FUZZ_LIB_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t most, unsigned seed);
/* libFuzzer's own: changes bytes[0 ... n] at random, at most `most` of them. */
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t n, size_t most);

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fuzz_broken(__FILE__, __LINE__, #condition);                               \
	} while (0)
_Noreturn void fuzz_broken(const char *file, int line, const char *condition);

/* A copy that ends where its bytes end, so that one read too far is seen; free it. */
uint8_t *fuzz_copy(const void *bytes, size_t n);

/* An input as a source of decisions: all of these give zeros when nothing is left. */
struct feed {
	const uint8_t *p;
	size_t n;
};
uint8_t feed_8(struct feed *feed);
uint16_t feed_16(struct feed *feed);
uint32_t feed_32(struct feed *feed);
uint64_t feed_64(struct feed *feed);
uint32_t feed_below(struct feed *feed, uint32_t bound); /* 0 ... bound - 1, by one byte up to 256 */
struct mf_str feed_some(struct feed *feed, size_t most); /* as many as its first two bytes say */
struct mf_str feed_rest(struct feed *feed);

/* A pseudo-random number below `bound` (not 0), for mutators. */
uint32_t fuzz_below(unsigned *seed, uint32_t bound);

#endif
