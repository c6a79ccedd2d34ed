/*
 * fuzz/lib/effects.h - effects areas (abi/guest.h) made and changed: so that a fuzzer's changes get
 * past sizes and counts to what they say.
 */
#ifndef FUZZ_LIB_EFFECTS_H
#define FUZZ_LIB_EFFECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/effects.h"

struct effects_build {
	uint8_t *bytes;
	size_t used, size;
};

/* A head without effects; `bytes` has room for `size`, at least a head's. */
void effects_begin(struct effects_build *build, void *bytes, size_t size, uint32_t outcome);
/* False: it doesn't fit. Nothing is checked. */
bool effects_add(struct effects_build *build, const struct effect *effect);

/* Changes one record, the order of records or the head, and mends sizes and counts mostly. The new
 * length. */
size_t effects_mutate(uint8_t *bytes, size_t n, size_t most, unsigned seed);

#endif
