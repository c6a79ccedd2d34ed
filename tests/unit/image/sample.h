/*
 * tests/unit/image/sample.h - a whole image to spoil: code, constants and data.
 */
#ifndef TESTS_UNIT_IMAGE_SAMPLE_H
#define TESTS_UNIT_IMAGE_SAMPLE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#include "image/image.h"

#define SAMPLE_MANIFEST "mayfly: 1\nname: sample\nversion: \"1.0\"\n"

/* What image_write makes the sample of; its spans point to static memory. */
struct image sample_description(void);
/* Its bytes, malloc'ed. */
uint8_t *sample_bytes(const struct image *description, size_t *size);

/* Program header i of the image (0: the notes), to look at and to change. */
Elf64_Phdr sample_header(const uint8_t *bytes, unsigned i);
void sample_set_header(uint8_t *bytes, unsigned i, Elf64_Phdr header);

#endif
