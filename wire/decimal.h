/*
 * wire/decimal.h - decimal numbers in text, as sensors write them, as whole numbers of a fixed
 * fraction: "-20.45" with two places is -2045. No floating point, so nothing is lost that was
 * written. Pure; freestanding.
 */
#ifndef WIRE_DECIMAL_H
#define WIRE_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define DECIMAL_PLACES 9u
#define DECIMAL_TEXT   22u /* bytes of the longest number */

/* All of the text but blanks around it: a sign or none, digits, at most one point between them. Places beyond
 * `places` are rounded, halves away from zero. False, with *value untouched: it is no such number, or doesn't fit. */
bool decimal_read(struct mf_str text, unsigned places, int64_t *value);
/* With exactly as many places; how many bytes. */
unsigned decimal_write(int64_t value, unsigned places, char to[static DECIMAL_TEXT]);

#endif
