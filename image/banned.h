/*
 * image/banned.h - instructions that would tell two equal lives apart. The builder refuses
 * code that holds one; whoever audits an image of another builder looks for their bytes. Pure.
 */
#ifndef IMAGE_BANNED_H
#define IMAGE_BANNED_H

#include <stdint.h>

#include "image/image.h"

#define BANNED 6

struct banned {
	const char *name, *use; /* "rdtsc"; what a service uses instead */
	uint8_t bytes[3];       /* as it begins, without prefixes ... */
	uint8_t mask[3];        /* ... as far as these bits go */
};
extern const struct banned banned[BANNED];

/* The first address in the image's code, executed or not, at which the bytes of this instruction
 * stand; 0: nowhere, so that it can't be there whatever the code jumps to. The bytes may also be
 * the middle of another instruction. */
uint64_t banned_find(const struct image *image, const struct banned *instruction);

#endif
