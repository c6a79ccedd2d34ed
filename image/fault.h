/*
 * image/fault.h - words for how a life crashed: the exception by its name, and what
 * lies at the address that it touched. Pure.
 */
#ifndef IMAGE_FAULT_H
#define IMAGE_FAULT_H

#include <stdint.h>

#include "image/image.h"

#define FAULT_PAGE 14u /* the exception for which the touched address is known */

/* "#PF", "page fault"; for what isn't an exception "exit", "it left in a way ...". */
const char *fault_short(uint32_t vector);
const char *fault_long(uint32_t vector);

/* What lies there, in words that help: "page zero: a null pointer?". */
const char *fault_place(const struct image *image, uint64_t address);

#endif
