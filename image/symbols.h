/*
 * image/symbols.h - function names for addresses, from NAME.debug (the ELF file
 * with symbols that the builder writes beside NAME.mfy).
 */
#ifndef IMAGE_SYMBOLS_H
#define IMAGE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbols; /* owns what it read */

struct image;

/* "x.mfy" -> "x.debug"; malloc'ed. NULL: no memory. */
char *symbols_path(const char *image_path);
/* Reads it. NULL if it isn't there, has more than `most` bytes or isn't readable as ELF64, or if it isn't of this image
 * (*other is true then): its code is compared, byte by byte, so that no name is a wrong one. */
#define SYMBOLS_MOST (256u << 20)
struct symbols *symbols_beside(
	const char *image_path, const struct image *image, size_t most, bool *other);
void symbols_close(struct symbols *symbols);

/* "name+0x12" of the function that holds address, or "0x14012" (also if symbols is NULL). */
const char *symbols_name(const struct symbols *symbols, uint64_t address, char *to, size_t size);

#endif
