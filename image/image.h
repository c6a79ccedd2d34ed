/*
 * image/image.h - read a NAME.mfy (abi/image.h) and refuse what isn't one.
 *
 * The file is taken for hostile: everything is checked here, once, so that what
 * struct image points to can be used without another look. Pure: no I/O but
 * image_open's reading of one descriptor, no allocation but its buffer.
 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/image.h"
#include "base/str.h"

struct image_segment {
	uint64_t address; /* page-aligned */
	uint64_t memory;  /* bytes there, >= file */
	const uint8_t *file_bytes;
	uint64_t file; /* bytes in the image */
	bool write;
	bool execute;
};

struct image {
	uint8_t *bytes;        /* owned if image_open made it */
	size_t size;           /* of the file, trailer included */
	struct mfi_image note; /* a checked copy */
	uint64_t entry;
	struct image_segment segment[MFI_SEGMENTS];
	unsigned segments;
	struct mf_str manifest;           /* text of mayfly.yaml */
	const struct mfi_module *modules; /* unaligned: copy before use */
	unsigned module_count;
	size_t content;          /* bytes of the file without its trailer: what is signed */
	struct mf_str signature; /* the trailer's text (image/signature.h); n 0: unsigned */
	uint8_t digest[32];      /* of the content */
};

#define IMAGE_ERROR_MAX 256

/* Checks `size` bytes, which must outlive *image. Returns 0, or -EINVAL with one
 * line in error that says what is wrong with which part. */
int image_parse(
	struct image *image, const uint8_t *bytes, size_t size, char error[IMAGE_ERROR_MAX]);

/* Reads a whole descriptor, then as above. -errno on I/O. Free with image_close. */
int image_open(struct image *image, int fd, char error[IMAGE_ERROR_MAX]);
void image_close(struct image *image);

/* Where things lie in the window of this image; all checked by image_parse. */
static inline uint64_t image_effects_at(const struct image *image)
{
	return MF_ADDR_WINDOW + image->note.event_bytes;
}
static inline uint64_t image_window_end(const struct image *image)
{
	return MF_ADDR_WINDOW + image->note.window_bytes;
}
static inline uint64_t image_guard_at(const struct image *image)
{
	return image_window_end(image) - image->note.stack_bytes - MF_PAGE;
}
/* The first byte behind .data and .bss, 16-byte aligned: the heap goes from here to the guard. */
uint64_t image_heap_at(const struct image *image);

#endif
