/*
 * image/variant.h - one service, built more than once: NAME.mfy for every processor, and beside it
 * NAME+VARIANT.mfy for those that can more. Who is told to run NAME.mfy runs the best that its processor can:
 * the one that needs most of it.
 *
 * A variant counts if it says so itself, is of the same manifest byte for byte, and lies in the same directory.
 * Whether it is signed is asked of the one that is taken, like of any image.
 */
#ifndef IMAGE_VARIANT_H
#define IMAGE_VARIANT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "image/image.h"

/* "x/linalg.mfy", "haswell" -> "x/linalg+haswell.mfy". False: too long, or it doesn't end in .mfy. */
bool variant_path(const char *path, const char *variant, char to[static PATH_MAX]);

/* each(arg, path) for each file beside `path` with the name of a variant of it, in no order. */
void variant_each(const char *path, void (*each)(void *arg, const char *file), void *arg);

struct variant {
	char path[PATH_MAX]; /* what is to be run */
	char left[256]; /* one line: a file that looks like a variant and isn't one; "": none */
};

/* *image was read from `path`. If a better one lies beside it, for a processor with these MFI_CPU bits, it becomes
 * *image, and the descriptor that it was read from is returned, which the caller closes; else -1.
 * variant->path is filled either way. digest, unless NULL: of the image that is looked for, which is taken if
 * it is among them. */
int variant_choose(const char *path, uint64_t processor, const uint8_t *digest, struct image *image,
	struct variant *variant);

#endif
