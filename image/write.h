/*
 * image/write.h - make the bytes of a NAME.mfy (abi/image.h) from a description.
 * The same description gives the same bytes.
 */
#ifndef IMAGE_WRITE_H
#define IMAGE_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "image/image.h"

/* Uses note, entry, segment, segments, manifest, modules and module_count of *image; its
 * signature, digest and bytes are not looked at. Nothing is checked but sizes: hand the result
 * to image_parse. *out is malloc'ed, the caller frees it. -ENOMEM, -EFBIG. */
int image_write(const struct image *image, uint8_t **out, size_t *out_size);

#endif
